"""Lowering of matrix products: operands as they lie, static ones packed, batches merged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod

from dy2st.records import record
from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.graph import Node, Shape, contiguous_strides
from dy2st.runtime.cpu.layout import inverse, reshape
from dy2st.runtime.cpu.onednn import constants as c
from dy2st.runtime.cpu.onednn.chains import Chain
from dy2st.runtime.cpu.onednn.context import Context, PostOps, describable, safe_strides
from dy2st.runtime.cpu.onednn.descriptor import Desc
from dy2st.runtime.cpu.onednn.lower import Call, pack
from dy2st.runtime.cpu.onednn.matmul import make_matmul
from dy2st.runtime.cpu.onednn.primitive import Binary, Primitive
from dy2st.runtime.cpu.views import View, view_of


@record(frozen=True)
class _Problem:
    """A product in the form that oneDNN gets: operands and result of equal rank."""

    x: View
    y: View
    dst: View
    post: PostOps
    others: tuple[tuple[int, View], ...]


def lower_matmul(context: Context, chain: Chain) -> Node | None:
    """The node for a product with all of the chain's links as post-ops, or None."""
    part = chain.part
    post = PostOps(context, part.shape, range(part.rank), channel=-1)
    reshaped = False
    for link in chain.links:
        reshaped = reshaped or isinstance(link.node, g.Reshape)
        if not all(post.add(step, link.node, reshaped) for step in link.steps or ()):
            return None
    order = None if reshaped else _wanted_order(context, chain.tail)
    for axes in dict.fromkeys((order, None)):
        result = _product(context, chain, post, axes)
        if result is not None:
            return reshape(result, chain.tail.shape)
    return None


def _wanted_order(context: Context, tail: Node) -> tuple[int, ...] | None:
    """The order in which the only reader wants the result; rows must stay rows."""
    users = context.users[tail]
    if tail in context.outputs or len(users) != 1 or not isinstance(users[0], g.Permute):
        return None
    axes = users[0].axes
    return axes if axes[-1] == len(axes) - 1 else None


def _product(
    context: Context, chain: Chain, post: PostOps, order: tuple[int, ...] | None
) -> Node | None:
    """``order``: store the result in this order of axes, under a permute back."""
    if order is not None and (post.operands or post.accumulated is not None):
        return None  # operands of post-ops lie in the order of the result
    shape = chain.part.shape
    stored = shape if order is None else tuple(shape[a] for a in order)
    dst = View(chain.part, stored, contiguous_strides(stored))
    if order is not None:
        dst = dst.permute(inverse(order))
    for read in (view_of, _as_it_is):
        problem = _problem(context, chain, post, dst, read)
        found = None if problem is None else _compile(context, problem)
        if problem is not None and found is not None:
            node = _emit(context, chain, problem, found, stored)
            return node if order is None else _permuted(node, inverse(order))
    return None


def _permuted(node: Node, axes: tuple[int, ...]) -> Node:
    shape = tuple(node.shape[a] for a in axes)
    return g.Permute(shape=shape, dtype=node.dtype, operands=(node,), axes=axes, source=node.source)


def _as_it_is(node: Node) -> View:
    return View(node, node.shape, contiguous_strides(node.shape))


def _problem(
    context: Context, chain: Chain, post: PostOps, dst: View, read: Callable[[Node], View]
) -> _Problem | None:
    attrs, rank = chain.head.attrs, dst.rank
    x, y = (read(context.new[node]).lift(rank) for node in chain.head.operands)
    x = x.swap_last() if attrs["transpose_x"] else x
    y = y.swap_last() if attrs["transpose_y"] else y
    x, y = _unrepeated(x), _unrepeated(y)
    others = tuple(post.operands)
    if not (describable(x) and describable(y)):
        return None
    plain = _Problem(x, y, dst, post, others)
    return _merged(plain) or plain


def _unrepeated(view: View) -> View:
    """Batch axes that repeat one matrix become axes of size one, which broadcast."""
    shape = tuple(
        1 if axis < view.rank - 2 and step == 0 else n
        for axis, (n, step) in enumerate(zip(view.shape, view.strides, strict=True))
    )
    return View(view.base, shape, view.strides, view.offset)


def _merged(p: _Problem) -> _Problem | None:
    """One product of two matrices where all of the batch shares y; None where it cannot be."""
    if p.dst.rank == 2 or any(n != 1 for n in p.y.shape[:-2]):
        return None
    if p.x.shape[:-1] != p.dst.shape[:-1]:
        return None
    rows = prod(p.dst.shape[:-1])
    x = p.x.reshape((rows, p.x.shape[-1]))
    dst = p.dst.reshape((rows, p.dst.shape[-1]))
    y = p.y.reshape(p.y.shape[-2:]) or View(p.y.base, p.y.shape[-2:], p.y.strides[-2:], p.y.offset)
    others = []
    for number, view in p.others:
        whole = view.shape == p.dst.shape
        flat = view.reshape((rows if whole else 1, view.shape[-1]))
        if flat is None:
            return None
        others.append((number, flat))
    if x is None or dst is None:
        return None
    return replace(p, x=x, y=y, dst=dst, others=tuple(others))


def _compile(context: Context, p: _Problem) -> Primitive | None:
    library, descs = context.library, context.library.descs

    def strided(view: View) -> Desc:
        return descs.strided(view.shape, "float32", safe_strides(view))

    weights = descs.any(p.y.shape) if context.static(p.y.base) else strided(p.y)
    bias = None
    if p.post.bias is not None:
        bias = descs.row_major((1,) * (p.dst.rank - 1) + p.dst.shape[-1:])
    views = iter(p.others)
    post_ops = [
        replace(op, desc=strided(next(views)[1])) if isinstance(op, Binary) else op
        for op in p.post.post_ops
    ]
    return make_matmul(library, strided(p.x), weights, strided(p.dst), bias=bias, post_ops=post_ops)


def _emit(context: Context, chain: Chain, p: _Problem, primitive: Primitive, stored: Shape) -> Node:
    call = Call(primitive, "matmul", chain.head.source).read(c.ARG_SRC, p.x)
    weights: View | Node = p.y
    source = context.library.descs.strided(p.y.shape, "float32", safe_strides(p.y))
    if source != primitive.weights:
        weights = pack(context.library, p.y, source, primitive.weights, "pack weights")
    call.read(c.ARG_WEIGHTS, weights)
    if p.post.bias is not None:
        call.read(c.ARG_BIAS, p.post.bias)
    for number, view in p.others:
        call.read(number, view)
    if p.post.accumulated is not None:
        call.accumulate(p.post.accumulated)
    return call.give((c.ARG_DST, (stored, "float32")))[0]
