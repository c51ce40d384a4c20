"""Kernels of ours against single operations of ONNX Runtime, OpenVINO and Paddle eager.

Each system runs in a process of its own; they take turns in blocks of calls, of which the first is
not counted; the figure is the median, and the table shows ratios to ours (above one: ours is
faster). Run: ``python benchmarks/micro_llvm.py [case ...]``.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

THREADS = 2
CALLS = 12
ROUNDS = 4
SHAPES = {
    "gelu": (128, 3072),
    "relu_add": (1, 256, 56, 56),
    "softmax": (12, 128, 128),
    "layer_norm": (128, 768),
    "transpose": (128, 12, 64),
    "transpose_2d": (1024, 1024),
    "nchw_to_nhwc": (1, 64, 112, 112),
    "mean_last": (128, 3072),
    "sum_first": (128, 3072),
    "mean_spatial": (8, 256, 28, 28),
    "argmax": (64, 4000),
    "concat": (1, 128, 28, 28),
    "exp": (64,),
}


def array(case: str) -> np.ndarray:
    """The input of a case."""
    return np.random.default_rng(0).standard_normal(SHAPES[case]).astype(np.float32)


# -- ours ----------------------------------------------------------------------------------------


def our_graph(b: Any, case: str, x: Any) -> Any:
    """The case through the builder."""
    if case == "gelu":
        return b.map(lambda s, v: v * 0.5 * (1.0 + s.erf(v * 0.7071067811865476)), x)
    if case == "relu_add":
        return b.elementwise("relu", b.add(x, x))
    if case == "softmax":
        e = b.elementwise("exp", b.sub(x, b.reduce("max", x, -1, True)))
        return b.div(e, b.reduce("sum", e, -1, True))
    if case == "layer_norm":
        c = b.sub(x, b.mean(x, -1, True))
        v = b.mean(b.mul(c, c), -1, True)
        return b.mul(c, b.elementwise("rsqrt", b.add(v, 1e-5)))
    if case == "concat":
        return b.concat([x, x, x], 1)
    simple: dict[str, Callable[[], Any]] = {
        "transpose": lambda: b.permute(x, (1, 0, 2)),
        "transpose_2d": lambda: b.permute(x, (1, 0)),
        "nchw_to_nhwc": lambda: b.permute(x, (0, 2, 3, 1)),
        "mean_last": lambda: b.mean(x, -1),
        "sum_first": lambda: b.reduce("sum", x, 0),
        "mean_spatial": lambda: b.mean(x, (2, 3)),
        "argmax": lambda: b.reduce("argmax", x, 1),
        "exp": lambda: b.elementwise("exp", x),
    }
    return simple[case]()


def ours(case: str) -> Callable[[], Any]:
    """A call of the kernels alone, through ctypes."""
    from dy2st.runtime.cpu.builder import Builder
    from dy2st.runtime.cpu.direct import Direct

    b = Builder()
    value = array(case)
    x = b.input(value.shape, "float32")
    direct = Direct([our_graph(b, case, x)], threads=THREADS)
    direct.run({x: value})
    calls = []
    for step in direct.fused.steps:
        ptrs = direct.pointers(step)
        sizes = step.scheduled.sizes
        calls.append((direct.kernels[id(step)], ptrs, sizes, ptrs.ctypes.data, sizes.ctypes.data))

    def run(keep: object = direct) -> None:
        for kernel, _, _, p, s in calls:
            kernel(p, s)

    return run


# -- peers ---------------------------------------------------------------------------------------


def onnx_model(case: str) -> bytes:
    """The case as an ONNX model of one or a few nodes."""
    import onnx
    from onnx import TensorProto, helper

    def node(kind: str, inputs: list[str], output: str, **attrs: Any) -> Any:
        return helper.make_node(kind, inputs, [output], **attrs)

    consts = {}
    if case in ("mean_last", "sum_first", "mean_spatial"):
        axes = {"mean_last": [1], "sum_first": [0], "mean_spatial": [2, 3]}[case]
        consts["axes"] = np.array(axes, np.int64)
    if case == "layer_norm":
        consts["w"] = np.ones(SHAPES[case][-1], np.float32)
    kinds = {
        "gelu": [node("Gelu", ["x"], "y")],
        "relu_add": [node("Add", ["x", "x"], "t"), node("Relu", ["t"], "y")],
        "softmax": [node("Softmax", ["x"], "y", axis=-1)],
        "layer_norm": [node("LayerNormalization", ["x", "w"], "y", axis=-1)],
        "transpose": [node("Transpose", ["x"], "y", perm=[1, 0, 2])],
        "transpose_2d": [node("Transpose", ["x"], "y", perm=[1, 0])],
        "nchw_to_nhwc": [node("Transpose", ["x"], "y", perm=[0, 2, 3, 1])],
        "mean_last": [node("ReduceMean", ["x", "axes"], "y", keepdims=0)],
        "sum_first": [node("ReduceSum", ["x", "axes"], "y", keepdims=0)],
        "mean_spatial": [node("ReduceMean", ["x", "axes"], "y", keepdims=0)],
        "argmax": [node("ArgMax", ["x"], "y", axis=1, keepdims=0)],
        "concat": [node("Concat", ["x", "x", "x"], "y", axis=1)],
        "exp": [node("Exp", ["x"], "y")],
    }
    graph = helper.make_graph(
        kinds[case],
        case,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, SHAPES[case])],
        [
            helper.make_tensor_value_info(
                "y", TensorProto.INT64 if case == "argmax" else TensorProto.FLOAT, None
            )
        ],
        [onnx.numpy_helper.from_array(v, k) for k, v in consts.items()],
    )
    opset = [helper.make_opsetid("", 20)]
    return helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString()


def onnxruntime(case: str) -> Callable[[], Any]:
    """ONNX Runtime with buffers bound."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = ort.InferenceSession(onnx_model(case), options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    binding.bind_cpu_input("x", array(case))
    first = session.run(None, {"x": array(case)})[0]
    kept = ort.OrtValue.ortvalue_from_numpy(first)
    binding.bind_ortvalue_output("y", kept)
    return lambda: session.run_with_iobinding(binding)


def openvino(case: str) -> Callable[[], Any]:
    """OpenVINO for latency."""
    import openvino as ov

    core = ov.Core()
    settings = {"INFERENCE_NUM_THREADS": THREADS, "PERFORMANCE_HINT": "LATENCY"}
    settings["INFERENCE_PRECISION_HINT"] = "f32"
    model = core.compile_model(core.read_model(onnx_model(case)), "CPU", settings)
    request = model.create_infer_request()
    request.set_input_tensor(ov.Tensor(array(case)))
    return request.infer


def paddle_eager(case: str) -> Callable[[], Any]:
    """Paddle's own kernels, eager."""
    import paddle

    functional = paddle.nn.functional
    paddle.set_num_threads(THREADS) if hasattr(paddle, "set_num_threads") else None
    x = paddle.to_tensor(array(case))
    calls: dict[str, Callable[[], Any]] = {
        "gelu": lambda: functional.gelu(x),
        "relu_add": lambda: functional.relu(x + x),
        "softmax": lambda: functional.softmax(x, -1),
        "layer_norm": lambda: functional.layer_norm(x, x.shape[-1]),
        "transpose": lambda: paddle.transpose(x, [1, 0, 2]).contiguous(),
        "transpose_2d": lambda: paddle.transpose(x, [1, 0]).contiguous(),
        "nchw_to_nhwc": lambda: paddle.transpose(x, [0, 2, 3, 1]).contiguous(),
        "mean_last": lambda: x.mean(-1),
        "sum_first": lambda: x.sum(0),
        "mean_spatial": lambda: x.mean([2, 3]),
        "argmax": lambda: x.argmax(1),
        "concat": lambda: paddle.concat([x, x, x], 1),
        "exp": lambda: x.exp(),
    }
    return calls[case]


SYSTEMS = {
    "ours": ours,
    "onnxruntime": onnxruntime,
    "openvino": openvino,
    "paddle": paddle_eager,
}


def serve(system: str, pipe: Any) -> None:
    """Answer (case, calls) with the times of the calls; None ends."""
    ready: dict[str, Callable[[], Any]] = {}
    while (message := pipe.recv()) is not None:
        case, calls = message
        try:
            if case not in ready:
                ready[case] = SYSTEMS[system](case)
                for _ in range(3):
                    ready[case]()
            times = []
            for _ in range(calls):
                start = time.perf_counter()
                ready[case]()
                times.append(time.perf_counter() - start)
            pipe.send(times[1:])
        except Exception as error:  # a peer that cannot do a case is a hole in the table
            pipe.send(f"{type(error).__name__}: {error}")


def main(cases: list[str]) -> None:
    """Run and print."""
    os.environ["OMP_NUM_THREADS"] = str(THREADS)
    context = multiprocessing.get_context("spawn")
    pipes = {}
    for system in SYSTEMS:
        near, far = context.Pipe()
        context.Process(target=serve, args=(system, far), daemon=True).start()
        pipes[system] = near
    print("case".ljust(14) + "".join(s.rjust(14) for s in SYSTEMS) + "   (ours: us; others: ratio)")
    for case in cases:
        times: dict[str, list[float]] = {s: [] for s in SYSTEMS}
        for _ in range(ROUNDS):
            for system, pipe in pipes.items():
                # Threads of the system before spin on for up to 200 ms (libiomp5).
                time.sleep(0.25)
                pipe.send((case, CALLS))
                answer = pipe.recv()
                if isinstance(answer, list):
                    times[system] += answer
                else:
                    print(f"  {system}: {answer[:100]}")
        fold = min if "--min" in sys.argv else statistics.median
        median = {s: fold(t) if t else float("nan") for s, t in times.items()}
        mine = median["ours"]
        cells = [f"{mine * 1e6:14.1f}"]
        cells += [f"{median[s] / mine:14.2f}" for s in SYSTEMS if s != "ours"]
        print(case.ljust(14) + "".join(cells), flush=True)
    for pipe in pipes.values():
        pipe.send(None)


if __name__ == "__main__":
    main([a for a in sys.argv[1:] if a != "--min"] or list(SHAPES))
