"""Graph nodes that stand for compiled primitives, and the steps they become.

A lowered node is a ``Primitive`` of kind ``"onednn"``. Its operands are nodes with buffers of
their own (views are described by the primitive's descriptors and byte offsets); its attributes are
``primitive`` (``onednn.primitive.Primitive``), ``args`` (``steps.Arg``) and ``overwrites``.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.graph import Node, Shape
from dy2st.runtime.cpu.onednn import constants as c
from dy2st.runtime.cpu.onednn.descriptor import Desc
from dy2st.runtime.cpu.onednn.primitive import SCALES, Primitive, Primitives, primitives
from dy2st.runtime.cpu.steps import Arg, KernelStep, PrimitiveStep
from dy2st.runtime.cpu.views import View

KIND = "onednn"
WINDOW = "window"
KERNELS = (WINDOW, "sequence")
Result = tuple[Shape, str]


class Call:
    """Collects the operands of a primitive and gives the node for it."""

    def __init__(self, primitive: Primitive, label: str, source: Any = None) -> None:
        self.primitive, self.label, self.source = primitive, label, source
        self._operands: list[Node] = []
        self._args: list[Arg] = []
        self._overwrites: dict[int, int] = {}

    def read(self, number: int, view: View | Node) -> Call:
        """Argument ``number`` is read at ``view``."""
        base, offset = (view, 0) if isinstance(view, Node) else (view.base, view.offset)
        index = next((i for i, x in enumerate(self._operands) if x is base), len(self._operands))
        if index == len(self._operands):
            self._operands.append(base)
        size = c.DTYPE_SIZES.get(base.dtype, 1)
        self._args.append(Arg(number, "operand", index, offset * size))
        return self

    def accumulate(self, node: Node) -> Call:
        """The first result starts as ``node`` (a sum post-op); nothing reads ``node`` after."""
        self._overwrites[0] = len(self._operands)
        self._operands.append(node)
        return self

    def give(self, *results: tuple[int, Result]) -> tuple[Node, ...]:
        """The results: (argument number, (shape, dtype)) each."""
        for index, (number, _) in enumerate(results):
            self._args.append(Arg(number, "result", index))
        if self.primitive.scratch_bytes:
            self._args.append(Arg(c.ARG_SCRATCHPAD, "scratch"))
        kinds = tuple(result for _, result in results)
        node = g.Primitive(
            shape=kinds[0][0],
            dtype=kinds[0][1],
            operands=tuple(self._operands),
            results=kinds,
            kind=KIND,
            attrs={
                "primitive": self.primitive,
                "args": tuple(self._args),
                "overwrites": self._overwrites,
                "label": f"{self.label} {self.primitive.impl}",
            },
            source=self.source,
        )
        return tuple(
            g.Part(shape=s, dtype=d, operands=(node,), index=i, source=self.source)
            for i, (s, d) in enumerate(kinds)
        )


def packed(desc: Desc) -> Result:
    """The result type of a buffer whose layout only oneDNN knows."""
    return ((desc.nbytes,), "uint8")


def pack(library: Primitives, view: View, source: Desc, target: Desc, why: str) -> Node:
    """A copy of ``view`` (laid out as ``source``) into the layout ``target``, as opaque bytes."""
    call = Call(library.reorder(source, target), why, view.base.source)
    return call.read(c.ARG_SRC, view).give((c.ARG_DST, packed(target)))[0]


def pack_scaled(
    library: Primitives, view: View, scales: View, source: Desc, target: Desc
) -> Node | None:
    """``pack`` that multiplies each slice along the first axis; None where oneDNN cannot."""
    reorder = library.scaling_reorder(source, target)
    if reorder is None:
        return None
    call = Call(reorder, "scale and pack weights", view.base.source)
    return call.read(c.ARG_SRC, view).read(SCALES, scales).give((c.ARG_DST, packed(target)))[0]


def primitive_step(
    node: g.Primitive, results: Sequence[Node] = ()
) -> PrimitiveStep | KernelStep | None:
    """The step of a lowered node; ``results`` are the nodes that its results are known by.

    None for a node that was not lowered (``primitives_numpy`` computes it in a callback).
    """
    parts = tuple(results) or tuple(
        g.Part(shape=s, dtype=d, operands=(node,), index=i) for i, (s, d) in enumerate(node.results)
    )
    if node.kind in KERNELS:
        return _kernel_step(node, parts)
    if node.kind != KIND:
        return None
    return PrimitiveStep(
        operands=node.operands,
        results=parts,
        overwrites=dict(node.attrs["overwrites"]),
        scratch=node.attrs["primitive"].scratch_bytes,
        source=node.source,
        label=node.attrs["label"],
        primitive=node.attrs["primitive"],
        args=node.attrs["args"],
    )


def _kernel_step(node: g.Primitive, parts: tuple[Node, ...]) -> KernelStep:
    """The step of a kernel of ours; it is compiled (or found on disk) here."""
    from dy2st.runtime.cpu.launch import runtime_table
    from dy2st.runtime.cpu.llvm.engine import engine
    from dy2st.runtime.cpu.window.code import window_ir
    from dy2st.runtime.cpu.window.recurrent import sequence_ir

    jit = engine()
    width = jit.host.vector_bytes
    if node.kind == WINDOW:
        window = node.attrs["window"]
        function = jit.function(window.key, lambda name: window_ir(window, name, width))
    else:
        sequence = node.attrs["sequence"]
        function = jit.function(sequence.key, lambda name: sequence_ir(sequence, name, width))
    return KernelStep(
        operands=node.operands,
        results=parts,
        source=node.source,
        label=node.attrs["label"],
        function=function,
        sizes=node.attrs["sizes"],
        extra=(runtime_table().ctypes.data,),
    )


def _execute_kernel(node: g.Primitive, arrays: Sequence[Any]) -> list[Any]:
    step = _kernel_step(node, ())
    results = [np.empty(shape, dtype) for shape, dtype in node.results]
    operands = [np.ascontiguousarray(a) for a in arrays]
    addresses = [a.ctypes.data for a in (*operands, *results)]
    ptrs = np.array([*addresses, *step.extra], np.int64)
    kernel = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)(step.function)
    kernel(ptrs.ctypes.data, step.sizes.ctypes.data)
    return results


def execute_node(node: g.Primitive, arrays: Sequence[Any]) -> list[Any]:
    """Run a lowered node on numpy arrays (row-major); for the interpreter and for tests."""
    if node.kind in KERNELS:
        return _execute_kernel(node, arrays)
    library = primitives()
    assert library is not None
    results = []
    for index, (shape, dtype) in enumerate(node.results):
        start = node.attrs["overwrites"].get(index)
        buffer = aligned(int(np.prod(shape)) * c.DTYPE_SIZES[dtype]).view(dtype).reshape(shape)
        if start is not None:
            buffer[...] = arrays[start].reshape(shape)
        results.append(buffer)
    operands = [np.ascontiguousarray(a) for a in arrays]
    addresses = {}
    for arg in node.attrs["args"]:
        if arg.kind != "scratch":
            array = (operands if arg.kind == "operand" else results)[arg.index]
            addresses[arg.number] = array.ctypes.data + arg.offset
    library.execute(node.attrs["primitive"], addresses)
    return results


def aligned(nbytes: int) -> Any:
    """Zeroed bytes that begin at a multiple of 64."""
    raw = np.zeros(nbytes + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + nbytes]
