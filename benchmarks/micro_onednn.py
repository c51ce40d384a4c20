"""One operation at a time, ours against ONNX Runtime and OpenVINO: ``python -m
benchmarks.micro_onednn [--threads 2] [--rounds 12] [pattern]``.

Each system lives in a process of its own and they take turns, five calls at a time, of which the
first is not counted. Printed are medians and minima in milliseconds and our ratio to the best
peer's minimum (on a shared machine the minimum says what the code costs).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

SYSTEMS = ("ours", "onnxruntime", "openvino")
CALLS = 5


@dataclass(frozen=True)
class Case:
    """``kind`` is conv, linear, batched, pool or lstm; ``x`` the input's shape."""

    name: str
    kind: str
    x: tuple[int, ...]
    out: int = 0
    kernel: int = 1
    stride: int = 1
    pad: int = 0
    groups: int = 1
    act: str = ""


def _convolutions(batch: int) -> list[Case]:
    rows = [
        ("resnet stem", (3, 224), 64, 7, 2, 3, 1, "relu"),
        ("resnet 1x1 64-256", (64, 56), 256, 1, 1, 0, 1, ""),
        ("resnet 1x1 256-64", (256, 56), 64, 1, 1, 0, 1, "relu"),
        ("resnet 3x3 64", (64, 56), 64, 3, 1, 1, 1, "relu"),
        ("resnet 3x3 128 s2", (128, 56), 128, 3, 2, 1, 1, "relu"),
        ("resnet 3x3 256", (256, 14), 256, 3, 1, 1, 1, "relu"),
        ("resnet 3x3 512", (512, 7), 512, 3, 1, 1, 1, "relu"),
        ("mobilenet dw 96 s2", (96, 112), 96, 3, 2, 1, 96, "relu6"),
        ("mobilenet dw 144", (144, 56), 144, 3, 1, 1, 144, "relu6"),
        ("mobilenet dw 960", (960, 7), 960, 3, 1, 1, 960, "relu6"),
        ("mobilenet 1x1 24-144", (24, 56), 144, 1, 1, 0, 1, ""),
        ("resnext group 32", (128, 56), 128, 3, 1, 1, 32, "relu"),
    ]
    return [
        Case(f"{name} b{batch}", "conv", (batch, c, n, n), *rest) for name, (c, n), *rest in rows
    ]


def cases() -> list[Case]:
    """Shapes of the benchmark's models."""
    out: list[Case] = []
    for batch in (1, 8):
        out += _convolutions(batch)
        out.append(Case(f"max pool 3 b{batch}", "pool", (batch, 64, 112, 112), 0, 3, 2, 1))
        for act, n, k in [("", 768, 768), ("gelu", 3072, 768), ("", 768, 3072)]:
            out.append(
                Case(f"linear {k}-{n} {act} b{batch}", "linear", (batch * 128, k), n, act=act)
            )
        for n in (1536, 4000):
            out.append(Case(f"linear 512-{n} rows {batch}", "linear", (batch, 512), n))
        out.append(Case(f"q.k b{batch}", "batched", (batch, 12, 128, 64), 128))
        out.append(Case(f"lstm 512 b{batch}", "lstm", (64, batch, 512), 512))
    return out


def arrays(case: Case) -> dict[str, np.ndarray]:
    """Input ``x`` and weights, the same in every process."""
    rng = np.random.default_rng(0)
    draw = lambda *s: (rng.standard_normal(s) * 0.1).astype(np.float32)  # noqa: E731
    values = {"x": draw(*case.x)}
    if case.kind == "conv":
        values["w"] = draw(case.out, case.x[1] // case.groups, case.kernel, case.kernel)
        values["b"] = draw(case.out)
    elif case.kind == "linear":
        values |= {"w": draw(case.x[1], case.out), "b": draw(case.out)}
    elif case.kind == "batched":
        values["y"] = draw(*case.x[:2], case.out, case.x[3])
    elif case.kind == "lstm":
        h = case.out
        values |= {"w": draw(4 * h, case.x[2]), "r": draw(4 * h, h), "b": draw(8 * h)}
    return values


# --- ours ----------------------------------------------------------------------------------------


def _graph(case: Case, b: Any, nodes: dict[str, Any]) -> Any:
    x = nodes["x"]
    if case.kind == "pool":
        pads = ((case.pad, case.pad),) * 2
        k, s = (case.kernel,) * 2, (case.stride,) * 2
        return b.pool("max", x, kernel=k, stride=s, padding=pads)
    if case.kind == "batched":
        return b.matmul(x, nodes["y"], transpose_y=True)
    if case.kind == "lstm":
        state = b.full((1, case.x[1], case.out), 0.0, "float32")
        biases = b.split(nodes["b"], [4 * case.out] * 2, 0)
        return b.rnn("lstm", x, [state, state], [(nodes["w"], nodes["r"], *biases)])[0]
    if case.kind == "linear":
        y = b.add(b.matmul(x, nodes["w"]), nodes["b"])
    else:
        y = b.conv(
            x, nodes["w"], stride=(case.stride,) * 2, padding=((case.pad, case.pad),) * 2,
            dilation=(1, 1), groups=case.groups,
        )  # fmt: skip
        y = b.add(y, b.reshape(nodes["b"], (1, case.out, 1, 1)))
    acts: dict[str, Callable[[Any], Any]] = {
        "": lambda v: v,
        "relu": lambda v: b.elementwise("relu", v),
        "relu6": lambda v: b.elementwise("clip", v, 0.0, 6.0),
        "gelu": lambda v: b.map(lambda s, t: 0.5 * t * (1 + s.erf(t * 0.7071067811865476)), v),
    }
    return acts[case.act](y)


def ours(case: Case, threads: int) -> Callable[[], Any]:
    """A graph through the planner's own path, without a Program around it. Convolutions and pools
    read and write channels-last, as they do between others of their kind."""
    import dy2st.runtime.cpu.threads as threading
    from benchmarks.micro_runner import Runner
    from dy2st.runtime.cpu.builder import Builder

    threading.set_num_threads(threads)
    b, values = Builder(), arrays(case)
    last = case.kind in ("conv", "pool")
    if last:
        values["x"] = np.ascontiguousarray(values["x"].transpose(0, 2, 3, 1))
    nodes = {name: b.input(value.shape, "float32", name) for name, value in values.items()}
    inputs = dict(nodes)
    if last:
        nodes["x"] = b.permute(nodes["x"], (0, 3, 1, 2))
    y = _graph(case, b, nodes)
    if last:
        y = b.permute(y, (0, 2, 3, 1))
    static = {node for name, node in inputs.items() if name not in ("x", "y")}
    return Runner(y, {inputs[n]: v for n, v in values.items()}, static, threads).run


# --- peers ---------------------------------------------------------------------------------------


def onnx_file(case: Case, folder: Path) -> str:
    """The case as an ONNX model; gelu is the operator of opset 20."""
    from onnx import TensorProto, helper, numpy_helper, save

    values = arrays(case)
    feeds = [n for n in ("x", "y") if n in values]
    weights = {n: v for n, v in values.items() if n not in feeds}
    nodes = _onnx_nodes(case, weights, helper)
    acts = {"relu": ("Relu", []), "gelu": ("Gelu", []), "relu6": ("Clip", ["low", "high"])}
    if case.act:
        kind, extra = acts[case.act]
        if extra:
            weights |= {"low": np.float32(0), "high": np.float32(6)}
        nodes.append(helper.make_node(kind, ["z", *extra], ["out"]))
    else:
        nodes.append(helper.make_node("Identity", ["z"], ["out"]))
    infos = [helper.make_tensor_value_info(n, TensorProto.FLOAT, values[n].shape) for n in feeds]
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    held = [numpy_helper.from_array(np.asarray(v), n) for n, v in weights.items()]
    graph = helper.make_graph(nodes, "case", infos, [out], held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    path = folder / "case.onnx"
    save(model, str(path))
    return str(path)


def _onnx_nodes(case: Case, weights: dict[str, Any], helper: Any) -> list[Any]:
    if case.kind == "conv":
        pads = [case.pad] * 4
        size = dict(kernel_shape=[case.kernel] * 2, strides=[case.stride] * 2, pads=pads)
        return [helper.make_node("Conv", ["x", "w", "b"], ["z"], group=case.groups, **size)]
    if case.kind == "pool":
        size = dict(kernel_shape=[case.kernel] * 2, strides=[case.stride] * 2, pads=[case.pad] * 4)
        return [helper.make_node("MaxPool", ["x"], ["z"], **size)]
    if case.kind == "linear":
        product = helper.make_node("MatMul", ["x", "w"], ["p"])
        return [product, helper.make_node("Add", ["p", "b"], ["z"])]
    if case.kind == "batched":
        turn = helper.make_node("Transpose", ["y"], ["t"], perm=[0, 1, 3, 2])
        return [turn, helper.make_node("MatMul", ["x", "t"], ["z"])]
    for name in weights:  # ONNX has the gates in the order i, o, f, c
        gates = np.split(weights[name], len(weights[name]) // case.out, 0)
        order = [g + 4 * k for k in range(len(gates) // 4) for g in (0, 3, 1, 2)]
        weights[name] = np.concatenate([gates[n] for n in order])[None]
    return [helper.make_node("LSTM", ["x", "w", "r", "b"], ["z"], hidden_size=case.out)]


def onnxruntime(case: Case, threads: int) -> Callable[[], Any]:
    import onnxruntime as ort

    with tempfile.TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        path = onnx_file(case, Path(folder))
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feeds = {n: v for n, v in arrays(case).items() if n in ("x", "y")}
    return lambda: session.run(None, feeds)[0]


def openvino(case: Case, threads: int) -> Callable[[], Any]:
    import openvino as ov

    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
    }
    with tempfile.TemporaryDirectory() as folder:
        model = ov.Core().compile_model(onnx_file(case, Path(folder)), "CPU", settings)
    request = model.create_infer_request()
    for port in model.inputs:
        request.set_tensor(port, ov.Tensor(arrays(case)[port.any_name]))

    def run() -> Any:
        request.infer()
        return request.get_output_tensor(0).data

    return run


# --- taking turns --------------------------------------------------------------------------------


def serve(system: str, threads: int) -> None:
    """Answer orders on stdin: a case's number, and how many calls; the times as JSON."""
    make = {"ours": ours, "onnxruntime": onnxruntime, "openvino": openvino}[system]
    number, run = -1, None
    for line in sys.stdin:
        order = json.loads(line)
        if order["case"] != number:
            number, run = order["case"], make(cases()[order["case"]], threads)
            run()
        assert run is not None
        times = []
        for _ in range(CALLS):
            start = time.perf_counter()
            result = run()
            times.append(time.perf_counter() - start)
        checksum = float(np.asarray(result, np.float64).sum())
        print(json.dumps({"times": times[1:], "sum": checksum}), flush=True)


def measure(number: int, workers: dict[str, Any], rounds: int) -> dict[str, list[float]]:
    """Times of each system, in seconds. Raises ValueError where results differ."""
    times: dict[str, list[float]] = {s: [] for s in workers}
    sums = {}
    for _ in range(rounds):
        for system, worker in workers.items():
            worker.stdin.write(json.dumps({"case": number}) + "\n")
            worker.stdin.flush()
            answer = json.loads(worker.stdout.readline())
            times[system] += answer["times"]
            sums[system] = answer["sum"]
    low, high = min(sums.values()), max(sums.values())
    if high - low > 1e-3 * max(abs(low), abs(high), 1.0):
        raise ValueError(f"results differ: {sums}")
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pattern", nargs="?", default="")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--serve", choices=SYSTEMS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.threads)
        return
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.micro_onednn"]
    command += ["--threads", str(options.threads)]
    pipes: dict[str, Any] = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    workers = {s: subprocess.Popen([*command, "--serve", s], **pipes) for s in SYSTEMS}
    print(f"{'':24}" + "".join(f"{s + ' med/min':>22}" for s in SYSTEMS) + "    ratio")
    for number, case in enumerate(cases()):
        if options.pattern not in case.name:
            continue
        times = measure(number, workers, options.rounds)
        cells = [f"{median(t) * 1e3:11.4f} {min(t) * 1e3:10.4f}" for t in times.values()]
        best = min(min(times[s]) for s in SYSTEMS[1:])
        print(f"{case.name:24}" + "".join(cells) + f"{min(times['ours']) / best:9.2f}", flush=True)
    for worker in workers.values():
        worker.stdin.close()
        worker.wait()


if __name__ == "__main__":
    main()
