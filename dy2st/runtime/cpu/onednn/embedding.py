"""The product of looked-up rows and a weight is a look-up in the product of table and weight.

A decoder's step looks one row of its embedding up and multiplies it by the cell's weight: at a few
rows that costs a walk over the whole weight, in each step of the loop. The product of the whole
table with the weight depends on parameters only, so it is the prologue's, once per value of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.builder import Builder
from dy2st.runtime.cpu.graph import Node, topological

_MOST_ROWS = 16  # looked up at once; above, a product is worth its weight's walk
_MOST_ELEMENTS = 1 << 23  # of the product that is kept (32 MiB)
_MOST_WORK = 1 << 33  # multiplications and additions to make it (about 50 ms)
_LEAST_WEIGHT = 1 << 17  # elements of a weight that is worth it


def look_up_products(outputs: Sequence[Node], is_static: Callable[[Node], bool]) -> list[Node]:
    """The same graph with such products looked up."""
    order = topological(outputs)
    static: dict[Node, bool] = {}
    for node in order:
        leaf = is_static(node) if isinstance(node, g.Input) else not isinstance(node, g.Reference)
        static[node] = leaf and all(static[x] for x in node.operands)
    if not any(_fits(node, static) for node in order):
        return list(outputs)
    new: dict[Node, Node] = {}
    for node in order:
        operands = tuple(new[x] for x in node.operands)
        if isinstance(node, g.Part) and _fits(node.operands[0], static):
            new[node] = _looked_up(node.operands[0])
        elif all(a is b for a, b in zip(operands, node.operands, strict=True)):
            new[node] = node
        else:
            new[node] = replace(node, operands=operands)
    return [new[node] for node in outputs]


def _fits(node: Node, static: dict[Node, bool]) -> bool:
    if not isinstance(node, g.Primitive) or node.kind != "matmul" or node.dtype != "float32":
        return False
    rows, weight = node.operands
    if node.attrs["transpose_x"] or not static[weight] or weight.rank != 2:
        return False
    return _is_row_look_up(rows, static) and _pays(rows, weight, node.results[0][0][-1])


def _is_row_look_up(node: Node, static: dict[Node, bool]) -> bool:
    """Whether ``node`` is whole rows of a static table."""
    if not isinstance(node, g.Index) or len(node.operands) != 3:
        return False
    table, row, column = node.operands
    whole = (
        isinstance(column, g.Iota)
        and column.axis == column.rank - 1
        and column.shape[-1:] == node.shape[-1:] == table.shape[-1:]
    )
    return whole and static[table] and not static[row] and row.shape[-1:] == (1,)


def _pays(rows: Node, weight: Node, width: int) -> bool:
    table = rows.operands[0]
    count = rows.size // max(rows.shape[-1], 1)
    made = table.shape[0] * width
    return (
        0 < count <= _MOST_ROWS
        and weight.size >= _LEAST_WEIGHT
        and made <= _MOST_ELEMENTS
        and 2 * made * table.shape[1] <= _MOST_WORK
    )


def _looked_up(node: Node) -> Node:
    assert isinstance(node, g.Primitive)
    rows, weight = node.operands
    assert isinstance(rows, g.Index)
    table, row, _ = rows.operands
    b = Builder()
    b.source = node.source
    made = b.matmul(table, weight, transpose_y=node.attrs["transpose_y"])
    shape = node.results[0][0]
    b.source = rows.source  # an index out of range is the look-up's mistake
    column = b.iota((*(1,) * (len(shape) - 1), shape[-1]), len(shape) - 1)
    return b.index(made, (row, column), shape, rows.mode)
