"""What a plan is made of: steps that read and write buffers; see docs/design/runtime.md.

A *buffer* belongs to a node of the kernel graph and is row-major for the node's shape and dtype
(a packed weight is a node of dtype uint8 whose shape is its number of bytes). Another layout is
said in the graph: a channels-last convolution is ``permute(conv_last(permute(x), w))``, and
permutes cancel. What reads a view as it lies (a matmul of transposed or sliced operands) names the
buffer below and describes strides in its own terms, with a byte offset.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any

import numpy as np

from dy2st.records import record
from dy2st.runtime.cpu.graph import Node


@record(frozen=True, eq=False, kw_only=True)
class Step:
    """Reads the buffers of ``operands``, writes those of ``results``.

    ``shares[r] = o`` says that result r may lie in the memory of operand o (it is written only
    where it has been read); ``overwrites[r] = o`` that it must (the operand is accumulated into):
    the planner copies the operand first where something else still needs it. ``scratch`` bytes of
    64-byte aligned memory are free to use during the step. ``source`` is the Operation to blame.
    """

    operands: tuple[Node, ...]
    results: tuple[Node, ...]
    shares: dict[int, int] = field(default_factory=dict)
    overwrites: dict[int, int] = field(default_factory=dict)
    scratch: int = 0
    source: Any = None
    label: str = ""


@record(frozen=True, eq=False, kw_only=True)
class KernelStep(Step):
    """``function(ptrs, sizes)``: ptrs are operands, results, scratch (where asked for), then
    ``extra`` addresses as they are. ``sites[n]`` is blamed for a status with site number n."""

    function: int
    sizes: np.ndarray
    extra: tuple[int, ...] = ()
    sites: Sequence[Any] = ()


@record(frozen=True)
class Arg:
    """An argument of a primitive: ``number`` is oneDNN's, ``kind`` "operand", "result" or
    "scratch", ``index`` into the step's operands or results, ``offset`` in bytes."""

    number: int
    kind: str
    index: int = 0
    offset: int = 0


@record(frozen=True, eq=False, kw_only=True)
class PrimitiveStep(Step):
    """A ``Primitive`` of ``onednn/primitive.py``; the layouts of its arguments are its own."""

    primitive: Any
    args: tuple[Arg, ...]


@record(frozen=True, eq=False, kw_only=True)
class CallbackStep(Step):
    """A Python function of numpy arrays: ``function(operand arrays, result arrays)`` fills the
    results. Exceptions are raised again at the source's line."""

    function: Callable[[list[Any], list[Any]], None]


@record(frozen=True, eq=False)
class View:
    """``node``'s buffer is that of ``base``, ``offset`` bytes further (a reshape, a row slice)."""

    node: Node
    base: Node
    offset: int = 0


@record(frozen=True, eq=False)
class Schedule:
    """The steps of a graph in order; ``views`` say which nodes have no buffer of their own."""

    steps: tuple[Step, ...]
    views: tuple[View, ...] = ()
