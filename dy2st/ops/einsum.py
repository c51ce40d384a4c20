"""Einstein summation: products over named axes, as matrix products where they are such."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dy2st.errors import ShapeError
from dy2st.ir.dims import Dim, broadcast
from dy2st.ir.types import TensorType
from dy2st.ops.base import Plain

_SPARE = "ZYXWVUTSRQPONMLKJIHGFEDCBA"


def parse(equation: str, ranks: list[int]) -> tuple[list[str], str]:
    """Labels of each operand and of the result, ellipses spelled out. Raises ShapeError."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        raise ShapeError(f"einsum {equation!r} of {len(ranks)} tensors")
    spare = "".join(c for c in _SPARE if c not in equation)
    most = max((r - len(t) + 3 for t, r in zip(terms, ranks) if "..." in t), default=0)
    spelled = []
    for term, rank in zip(terms, ranks):
        count = rank - len(term.replace("...", ""))
        if count < 0 or (count and "..." not in term):
            raise ShapeError(f"einsum term {term!r} for a tensor of rank {rank}")
        spelled.append(term.replace("...", spare[most - count : most]))
    if not arrow:
        letters = [c for c in "".join(spelled) if c not in spare[:most]]
        once = sorted(c for c in set(letters) if letters.count(c) == 1)
        return spelled, spare[:most] + "".join(once)
    return spelled, right.replace("...", spare[:most])


def _sizes(labels: list[str], shapes: list[Any]) -> dict[str, Dim]:
    sizes: dict[str, Dim] = {}
    for term, shape in zip(labels, shapes):
        for label, size in zip(term, shape):
            sizes[label] = broadcast(sizes[label], size, "einsum") if label in sizes else size
    return sizes


def _pair(b: Any, left: tuple[str, Any], right: tuple[str, Any], keep: str) -> tuple[str, Any]:
    """Two factors as one batched matrix product; labels that nobody needs are summed."""
    (p, x), (q, y) = left, right
    batch = [c for c in p if c in q and c in keep]
    inner = [c for c in p if c in q and c not in keep]
    rows = [c for c in p if c not in q]
    columns = [c for c in q if c not in p]
    size = dict(zip(p, x.shape)) | dict(zip(q, y.shape))

    def shaped(node: Any, term: str, *groups: list[str]) -> Any:
        order = [term.index(c) for group in groups for c in group]
        return b.reshape(
            b.permute(node, order),
            (*(size[c] for c in groups[0]), *(math.prod(size[c] for c in g) for g in groups[1:])),
        )

    out = b.matmul(shaped(x, p, batch, rows, inner), shaped(y, q, batch, inner, columns))
    labels = "".join([*batch, *rows, *columns])
    return labels, b.reshape(out, tuple(size[c] for c in labels))


def _summed(b: Any, term: str, node: Any, keep: str) -> tuple[str, Any]:
    """A factor without the labels that neither the result nor another factor has."""
    gone = [i for i, c in enumerate(term) if c not in keep]
    if not gone:
        return term, node
    return "".join(c for c in term if c in keep), b.reduce("sum", node, gone)


class Einsum(
    Plain,
    name="einsum",
    signature="x: Tensor[], equation: str -> out, inner_cache[], xshape[]",
):
    """The sum of products that an equation names. (phi's other results serve its gradient.)"""

    eager = False  # the kernel's other results differ in number
    dtypes = ("float32", "float64")
    specials = False  # sums depend on their order
    compared = (0,)
    cases = [
        {"x": [("N", 3), (3, 4)], "equation": "ij,jk->ik"},
        {"x": [(2, "N", 3), (2, "M", 3)], "equation": "bqd,bkd->bqk"},
        {"x": [(2, 3, 4, 5), (2, 3, 4, 5)], "equation": "bhqd,bhkd->bhqk"},
        {"x": [(2, 3), (2, 3)], "equation": "ij,ij->"},
        {"x": [(3, 4)], "equation": "ij->ji"},
        {"x": [(3, 4)], "equation": "ij->i"},
        {"x": [(3,), (4,)], "equation": "i,j->ij"},
        {"x": [(3, 3)], "equation": "ii->i"},
    ]

    def infer(x: tuple[TensorType, ...], equation: str) -> TensorType:
        labels, out = parse(equation, [t.rank for t in x])
        sizes = _sizes(labels, [t.shape for t in x])
        return x[0].with_shape(tuple(sizes[c] for c in out))

    def numpy(x: tuple[np.ndarray, ...], equation: str) -> Any:
        labels, out = parse(equation, [t.ndim for t in x])
        return np.einsum(f"{','.join(labels)}->{out}", *x, optimize=len(x) > 1)

    def cpu(b: Any, x: Any, equation: str) -> Any:
        labels, out = parse(equation, [len(t.shape) for t in x])
        sizes = _sizes(labels, [t.shape for t in x])
        plain = all(
            len(set(term)) == len(term) and tuple(sizes[c] for c in term) == tuple(t.shape)
            for term, t in zip(labels, x)
        )
        if not plain or any("float" not in t.dtype or 0 in t.shape for t in x):
            return b.reference()
        factors = list(zip(labels, x))
        done = _summed(b, *factors[0], "".join([*labels[1:], out]))
        for k, factor in enumerate(factors[1:], 1):
            rest = "".join([*labels[k + 1 :], out])
            done = _pair(b, done, _summed(b, *factor, done[0] + rest), rest)
        term, node = _summed(b, *done, out)
        return b.permute(node, [term.index(c) for c in out])
