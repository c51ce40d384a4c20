"""Lowering of convolutions: channels-last where oneDNN is fast so, else blocked inside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dy2st.runtime.cpu import graph as g
from dy2st.runtime.cpu.graph import Node, contiguous_strides
from dy2st.runtime.cpu.layout import channels_last_axes
from dy2st.runtime.cpu.onednn import constants as c
from dy2st.runtime.cpu.onednn.chains import Chain
from dy2st.runtime.cpu.onednn.context import Context, PostOps, dense, describable, safe_strides
from dy2st.runtime.cpu.onednn.convolution import Convolution, make_convolution
from dy2st.runtime.cpu.onednn.descriptor import Desc
from dy2st.runtime.cpu.onednn.lower import Call, pack, pack_scaled, packed
from dy2st.runtime.cpu.onednn.primitive import Primitive
from dy2st.runtime.cpu.views import View, view_of


def _is_fast(impl: str) -> bool:
    return impl.startswith(("brg", "brdgmm", "jit"))


def lower_conv(context: Context, chain: Chain) -> Node | None:
    """The node for a convolution with all of the chain's links as post-ops, or None."""
    part = chain.part
    post = PostOps(context, part.shape, channels_last_axes(part.rank), channel=-1)
    for link in chain.links:
        if link.steps is None or not all(post.add(step, link.node) for step in link.steps):
            return None
    spec = _specification(chain.head, post.bias is not None)
    descs = context.library.descs
    ends = (descs.channels_last(spec.src), descs.channels_last(spec.dst))
    last = make_convolution(context.library, spec, *ends, post.post_ops, accept=_is_fast)
    if last is not None:
        return _channels_last(context, chain, spec, last, post)
    if post.operands or post.accumulated is not None:
        return None  # the operands are channels-last; a shorter chain is tried next
    inside = make_convolution(context.library, spec, None, None, post.post_ops)
    return None if inside is None else _blocked(context, chain, spec, inside, post)


def _specification(head: g.Primitive, bias: bool) -> Convolution:
    x, w = head.operands
    to = channels_last_axes(x.rank)
    result = head.results[0][0]
    attrs = head.attrs
    src, dst = tuple(x.shape[a] for a in to), tuple(result[a] for a in to)
    pads = list(attrs["padding"])
    transposed = head.kind == "conv_transpose"
    if transposed:
        extra = attrs["output_padding"]
        pads = [(low, high - e) for (low, high), e in zip(pads, extra, strict=True)]
    spec = Convolution(
        src=src,
        dst=dst,
        kernel=tuple(w.shape[2:]),
        strides=attrs["stride"],
        pads=tuple(pads),
        dilations=attrs["dilation"],
        groups=attrs["groups"],
        bias=bias,
        transposed=transposed,
        dtype=x.dtype,
    )
    return _flat(spec) if x.rank == 3 else spec


def _flat(spec: Convolution) -> Convolution:
    """A convolution over one axis as one over pictures of height 1: oneDNN has fast depthwise
    code for two axes only (20 times), and the rest is as fast."""
    (n, c_in, length), (_, c_out, out) = spec.src, spec.dst
    return replace(
        spec,
        src=(n, c_in, 1, length),
        dst=(n, c_out, 1, out),
        kernel=(1, *spec.kernel),
        strides=(1, *spec.strides),
        pads=((0, 0), *spec.pads),
        dilations=(1, *spec.dilations),
    )


def _weights(context: Context, node: Node, spec: Convolution, primitive: Primitive) -> View | Node:
    """The weights in the primitive's layout: packed, or as they are where that is the same."""
    plain = _layout(context.new[node], spec)
    desc = _desc(context, plain, spec)
    if desc == primitive.weights:
        return plain
    library, factors = context.library, _scaled(context.new[node], spec)
    if factors is not None:
        weights, scales = _layout(factors[0], spec), dense(factors[1])
        source = _desc(context, weights, spec)
        scaled = pack_scaled(library, weights, scales, source, primitive.weights)
        if scaled is not None:
            return scaled
    return pack(library, plain, desc, primitive.weights, "pack weights")


def _scaled(node: Node, spec: Convolution) -> tuple[Node, Node] | None:
    """The factors of a product of weights and a number for each output channel, as folding a batch
    norm makes it: packing multiplies on the way, at no cost."""
    if not isinstance(node, g.Map) or node.expr.op != "mul" or spec.groups != 1:
        return None
    axis = 1 if spec.transposed else 0
    vector = tuple(n if a == axis else 1 for a, n in enumerate(node.shape))
    if [a.op for a in node.expr.args] != ["arg", "arg"] or len(node.operands) != 2:
        return None
    for weights, scales in (node.operands, node.operands[::-1]):
        same = {node.dtype, weights.dtype, scales.dtype} == {"float32"}
        if same and weights.shape == node.shape and scales.shape == vector:
            return weights, scales
    return None


def _desc(context: Context, view: View, spec: Convolution) -> Desc:
    return context.library.descs.strided(view.shape, spec.dtype, safe_strides(view))


def _layout(node: Node, spec: Convolution) -> View:
    """The weights as oneDNN sees them: ([G,] O/G, I/G, kernel...)."""
    view = view_of(node)
    into, out = spec.src[1] // spec.groups, spec.dst[1] // spec.groups
    inner = (into, out) if spec.transposed else (out, into)
    grouped = view.reshape((spec.groups, *inner, *spec.kernel))
    if grouped is None or not describable(grouped):
        shape = (spec.groups, *inner, *spec.kernel)
        grouped = View(node, shape, contiguous_strides(shape))
    if spec.transposed:
        grouped = grouped.permute((0, 2, 1, *range(3, grouped.rank)))
    if spec.groups == 1:
        grouped = View(grouped.base, grouped.shape[1:], grouped.strides[1:], grouped.offset)
    return grouped


def _source(context: Context, node: Node) -> View | Node:
    """The operand, dense channels-last. A change of order from a buffer is oneDNN's reorder."""
    new = context.new[node]
    view = view_of(new)
    if view.dense:
        return view
    if isinstance(new, g.Permute) and isinstance(view.base, (g.Input, g.Part)):
        logical = view.permute(channels_last_axes(view.rank))
        if describable(logical):
            descs = context.library.descs
            source = descs.strided(logical.shape, new.dtype, safe_strides(logical))
            target = descs.channels_last(logical.shape, new.dtype)
            reorder = context.library.reorder(source, target)
            call = Call(reorder, "to channels-last", new.source)
            return call.read(c.ARG_SRC, view).give((c.ARG_DST, (new.shape, new.dtype)))[0]
    return new


def _finish(
    context: Context, chain: Chain, call: Call, weights: View | Node, post: PostOps
) -> Call:
    call.read(c.ARG_WEIGHTS, weights)
    if post.bias is not None:
        call.read(c.ARG_BIAS, post.bias)
    for number, view in post.operands:
        call.read(number, view)
    if post.accumulated is not None:
        call.accumulate(post.accumulated)
    return call


def _channels_last(
    context: Context, chain: Chain, spec: Convolution, primitive: Primitive, post: PostOps
) -> Node:
    x, w = chain.head.operands
    call = Call(primitive, chain.head.kind, chain.head.source)
    call.read(c.ARG_SRC, _source(context, x))
    _finish(context, chain, call, _weights(context, w, spec, primitive), post)
    return call.give((c.ARG_DST, chain.head.results[0]))[0]


def _blocked(
    context: Context, chain: Chain, spec: Convolution, primitive: Primitive, post: PostOps
) -> Node:
    """With reorders around it, for shapes that oneDNN is fast at in a layout of its own only."""
    x, w = chain.head.operands
    library = context.library
    last_src = library.descs.channels_last(spec.src)
    last_dst = library.descs.channels_last(spec.dst)
    source = _source(context, x)
    if primitive.src != last_src:
        view = source if isinstance(source, View) else dense(source)
        source = pack(library, view, last_src, primitive.src, "to blocked")
    call = Call(primitive, chain.head.kind, chain.head.source)
    call.read(c.ARG_SRC, source)
    _finish(context, chain, call, _weights(context, w, spec, primitive), post)
    kind: Sequence[int] = chain.head.results[0][0]
    result = (tuple(kind), chain.head.dtype)
    if primitive.dst == last_dst:
        return call.give((c.ARG_DST, result))[0]
    inner = call.give((c.ARG_DST, packed(primitive.dst)))[0]
    back = Call(library.reorder(primitive.dst, last_dst), "from blocked", chain.head.source)
    return back.read(c.ARG_SRC, inner).give((c.ARG_DST, result))[0]
