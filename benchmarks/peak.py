"""How near the models run to the machine's multiply-add peak.

The peak is that of a loop of independent vector multiply-adds on registers, compiled by LLVM, on one
thread; a model's share is its multiplications and additions in convolutions and matrix products over
the processor time of a call on one thread and that peak. Processor time is what other work on the
machine disturbs least.

Run: ``python -m benchmarks.peak [model ...]``.
"""

from __future__ import annotations

import ctypes
import sys
import time
import warnings
from typing import Any

LANES, CHAINS, STEPS = 16, 12, 2_000_000


def kernel() -> tuple[Any, Any]:
    """The compiled loop (and what keeps it alive): ``loop(n)`` does n rounds of all chains."""
    import llvmlite.binding as llvm

    vector = f"<{LANES} x float>"
    names = [f"%a{i}" for i in range(CHAINS)]
    phis = "\n".join(f"{n} = phi {vector} [ %start, %entry ], [ {n}n, %body ]" for n in names)
    fmas = "\n".join(
        f"{n}n = call {vector} @llvm.fma.v{LANES}f32({vector} {n}, {vector} %m, {vector} %m)"
        for n in names
    )
    total, sums = f"{names[0]}n", []
    for i, name in enumerate(names[1:]):
        sums.append(f"%s{i} = fadd {vector} {total}, {name}n")
        total = f"%s{i}"
    text = f"""
declare {vector} @llvm.fma.v{LANES}f32({vector}, {vector}, {vector})
define float @loop(i64 %n, float %x) {{
entry:
  %i1 = insertelement {vector} undef, float %x, i32 0
  %m = shufflevector {vector} %i1, {vector} undef, <{LANES} x i32> zeroinitializer
  %start = fadd {vector} %m, %m
  br label %body
body:
  %i = phi i64 [ 0, %entry ], [ %next, %body ]
{phis}
{fmas}
  %next = add i64 %i, 1
  %done = icmp eq i64 %next, %n
  br i1 %done, label %end, label %body
end:
{chr(10).join(sums)}
  %r = extractelement {vector} {total}, i32 0
  ret float %r
}}
"""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features().flatten()
    target = llvm.Target.from_default_triple()
    machine = target.create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features + ",-prefer-256-bit", opt=2
    )
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(text), machine)
    engine.finalize_object()
    address = engine.get_function_address("loop")
    return ctypes.CFUNCTYPE(ctypes.c_float, ctypes.c_int64, ctypes.c_float)(address), engine


def peak() -> float:
    """Float operations a second of one thread."""
    loop, keep = kernel()
    best = float("inf")
    for _ in range(30):
        start = time.thread_time()
        loop(STEPS, 1e-30)
        best = min(best, time.thread_time() - start)
    del keep
    return 2.0 * LANES * CHAINS * STEPS / best


def operations(name: str) -> float:
    """Multiplications and additions of convolutions and linear layers in one call at batch 1."""
    import paddle

    from benchmarks.models import BY_NAME, load

    count = 0.0

    def note(layer: Any, inputs: Any, output: Any) -> None:
        nonlocal count
        weight = layer.weight.shape
        if isinstance(layer, paddle.nn.Linear):
            count += 2.0 * output.size * weight[0]
        else:
            count += 2.0 * output.size * weight[1] * weight[2] * weight[3]

    model = load(name)
    for layer in model.sublayers():
        if isinstance(layer, (paddle.nn.Linear, paddle.nn.Conv2D)):
            layer.register_forward_post_hook(note)
    arrays = BY_NAME[name].inputs(1).values()
    with paddle.no_grad():
        model(*[paddle.to_tensor(v) for v in arrays])
    if name == "encoder":  # the two products of attention: 12 layers, all heads together
        count += 12 * 2 * 2.0 * 128 * 128 * 768
    return count


def seconds(name: str, batch: int) -> float:
    """Least processor time of a call on one thread."""
    import paddle

    import dy2st
    from benchmarks.models import BY_NAME, load

    dy2st.set_num_threads(1)
    converted = dy2st.to_static(load(name), input_spec=BY_NAME[name].specs(dy2st.InputSpec))
    tensors = [paddle.to_tensor(v) for v in BY_NAME[name].inputs(batch).values()]
    best = float("inf")
    with paddle.no_grad():
        for _ in range(12):
            start = time.process_time()
            converted(*tensors)
            best = min(best, time.process_time() - start)
    return best


def main(names: list[str]) -> None:
    """Print the peak and each model's share of it."""
    warnings.simplefilter("ignore")
    most = peak()
    print(f"peak of one thread: {most / 1e9:.0f} GFLOP/s")
    for name in names or ["resnet50", "mobilenet_v2", "encoder"]:
        work = operations(name)
        for batch in (1, 8):
            took = seconds(name, batch)
            rate = work * batch / took
            print(
                f"{name} batch {batch}: {work * batch / 1e9:.2f} GFLOP in {took * 1e3:.1f} ms of "
                f"processor time: {rate / 1e9:.0f} GFLOP/s, {rate / most:.2f} of the peak"
            )


if __name__ == "__main__":
    main(sys.argv[1:])
