"""The nodes that oneDNN serves, in numpy: their meaning, and what runs where oneDNN cannot."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from dy2st.errors import InternalError
from dy2st.runtime.cpu import graph as g

Array = Any


def compute(node: g.Primitive, *xs: Array) -> list[Array]:
    """The results of a node of kind matmul, conv, conv_transpose, pool or rnn; half types are
    computed in float32."""
    halves = [x.dtype for x in xs if x.dtype.itemsize == 2 and x.dtype.kind in "fV"]
    if halves:
        wide = compute(node, *(x.astype(np.float32) for x in xs))
        return [y.astype(halves[0]) for y in wide]
    rule = _RULES.get(node.kind)
    if rule is None:
        raise InternalError(f"no numpy rule for a primitive of kind {node.kind}")
    return list(rule(node, *xs))


def _matmul(node: g.Primitive, x: Array, y: Array) -> list[Array]:
    x = np.swapaxes(x, -1, -2) if node.attrs["transpose_x"] else x
    y = np.swapaxes(y, -1, -2) if node.attrs["transpose_y"] else y
    return [np.matmul(x, y)]


def _first(x: Array) -> Array:
    """Channels-last to (N, C, spatial...)."""
    return np.moveaxis(x, -1, 1)


def _last(x: Array) -> Array:
    return np.moveaxis(x, 1, -1)


def _conv(node: g.Primitive, x: Array, w: Array) -> list[Array]:
    last = node.attrs.get("channels_last", False)
    y = _correlate(node, _first(x) if last else x, w)
    return [_last(y) if last else y]


def _correlate(node: g.Primitive, x: Array, w: Array) -> Array:
    attrs = node.attrs
    groups, strides, dilation = attrs["groups"], attrs["stride"], attrs["dilation"]
    out = _spatial(node)
    x = np.pad(x, [(0, 0), (0, 0), *attrs["padding"]])
    shape = (x.shape[0], groups, w.shape[0] // groups, *out)
    total = np.zeros(shape, x.dtype)
    xg = x.reshape(x.shape[0], groups, -1, *x.shape[2:])
    wg = w.reshape(groups, w.shape[0] // groups, *w.shape[1:])
    for tap in product(*(range(k) for k in w.shape[2:])):
        window = tuple(
            slice(t * d, t * d + (n - 1) * s + 1, s)
            for t, d, n, s in zip(tap, dilation, out, strides, strict=True)
        )
        part = xg[(slice(None),) * 3 + window]
        total += _mix(wg[(slice(None),) * 3 + tap], part)
    return total.reshape(x.shape[0], w.shape[0], *out)


def _mix(w: Array, x: Array) -> Array:
    """Channels of x (N, G, C, spatial...) mixed by w (G, O, C), as a matrix product (BLAS)."""
    flat = np.matmul(w, x.reshape(*x.shape[:3], -1))
    return flat.reshape(*flat.shape[:3], *x.shape[3:])


def _spatial(node: g.Primitive) -> tuple[int, ...]:
    shape = node.results[0][0]
    return shape[1:-1] if node.attrs.get("channels_last") else shape[2:]


def _conv_transpose(node: g.Primitive, x: Array, w: Array) -> list[Array]:
    attrs, last = node.attrs, node.attrs.get("channels_last", False)
    x = _first(x) if last else x
    groups, strides, dilation = attrs["groups"], attrs["stride"], attrs["dilation"]
    out = _spatial(node)
    low = [p[0] for p in attrs["padding"]]
    full = [
        max((n - 1) * s + d * (k - 1) + 1, o + p)
        for n, s, d, k, o, p in zip(
            x.shape[2:], strides, dilation, w.shape[2:], out, low, strict=True
        )
    ]
    xg = x.reshape(x.shape[0], groups, -1, *x.shape[2:])
    wg = w.reshape(groups, w.shape[0] // groups, *w.shape[1:])
    total = np.zeros((x.shape[0], groups, w.shape[1], *full), x.dtype)
    for tap in product(*(range(k) for k in w.shape[2:])):
        window = tuple(
            slice(t * d, t * d + (n - 1) * s + 1, s)
            for t, d, n, s in zip(tap, dilation, x.shape[2:], strides, strict=True)
        )
        weights = np.swapaxes(wg[(slice(None),) * 3 + tap], 1, 2)
        total[(slice(None),) * 3 + window] += _mix(weights, xg)
    y = total.reshape(x.shape[0], -1, *full)
    y = y[(slice(None),) * 2 + tuple(slice(p, p + o) for p, o in zip(low, out, strict=True))]
    return [_last(y) if last else y]


def _pool(node: g.Primitive, x: Array) -> list[Array]:
    attrs, last = node.attrs, node.attrs.get("channels_last", False)
    x = _first(x) if last else x
    out, kernel, strides = _spatial(node), attrs["kernel"], attrs["stride"]
    low = [p[0] for p in attrs["padding"]]
    y = np.full((*x.shape[:2], *out), -np.finfo(x.dtype).max if attrs["pool"] == "max" else 0)
    y = y.astype(x.dtype)
    for place in product(*(range(n) for n in out)):
        window = tuple(
            slice(max(i * s - p, 0), max(min(i * s - p + k, n), 0))
            for i, s, p, k, n in zip(place, strides, low, kernel, x.shape[2:], strict=True)
        )
        values = x[(slice(None),) * 2 + window].reshape(*x.shape[:2], -1)
        y[(slice(None),) * 2 + place] = _pooled(attrs["pool"], values, y, place, kernel)
    return [_last(y) if last else y]


def _pooled(kind: str, values: Array, y: Array, place: tuple[int, ...], kernel: Any) -> Array:
    if kind == "max":
        best = y[(slice(None),) * 2 + place]
        for i in range(values.shape[-1]):  # as eager: a NaN is kept only until the next element
            best = np.where(best > values[..., i], best, values[..., i])
        return best
    count = values.shape[-1] if kind == "avg" else int(np.prod(kernel))
    return values.sum(-1) / max(count, 1)


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def _rnn(node: g.Primitive, x: Array, *rest: Array) -> list[Array]:
    """Operands: x (T, N, S), h (D, N, I), for lstm c, then w_ih, w_hh, b_ih, b_hh by direction."""
    mode, reverse = node.attrs["mode"], node.attrs["reverse"]
    h0, c0, weights = rest[0], rest[1] if mode == "lstm" else rest[0], rest[1 + (mode == "lstm") :]
    outs: list[Array] = []
    lasts: list[Array] = []
    cells: list[Array] = []
    for d in range(h0.shape[0]):
        backwards = (d == 1) != reverse
        order = range(len(x))[::-1] if backwards else range(len(x))
        h, cell = h0[d], c0[d]
        ys: list[Array] = [None] * len(x)
        for t in order:
            h, cell = _cell(mode, x[t], h, cell, *weights[4 * d : 4 * d + 4])
            ys[t] = h
        outs.append(np.stack(ys))
        lasts.append(h)
        cells.append(cell)
    results = [np.concatenate(outs, -1), np.stack(lasts)]
    return [*results, np.stack(cells)] if mode == "lstm" else results


def _cell(
    mode: str, x: Array, h: Array, cell: Array, w_ih: Array, w_hh: Array, b_ih: Array, b_hh: Array
) -> tuple[Array, Array]:
    a, b = x @ w_ih.T + b_ih, h @ w_hh.T + b_hh
    if mode == "lstm":
        i, f, n, o = np.split(a + b, 4, -1)
        cell = _sigmoid(f) * cell + _sigmoid(i) * np.tanh(n)
        return _sigmoid(o) * np.tanh(cell), cell
    if mode == "gru":
        (ar, az, an), (br, bz, bn) = np.split(a, 3, -1), np.split(b, 3, -1)
        z, new = _sigmoid(az + bz), np.tanh(an + _sigmoid(ar + br) * bn)
        return (h - new) * z + new, cell
    return (np.tanh(a + b) if mode == "rnn_tanh" else np.maximum(a + b, 0)), cell


_RULES: dict[str, Callable[..., list[Array]]] = {
    "matmul": _matmul,
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "pool": _pool,
    "rnn": _rnn,
}
