"""Shared inference, reference and kernel rules, for the bodies of operation classes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from dy2st.errors import CaptureError, ConcreteValueError, ShapeError
from dy2st.ir.dims import (
    Atom,
    Dim,
    Shape,
    Symbol,
    broadcast_shapes,
    holds,
    min_,
    normalize_axis,
)
from dy2st.ir.types import DType, TensorType

_FLOAT_ORDER = (DType.FLOAT16, DType.BFLOAT16, DType.FLOAT32, DType.FLOAT64)


def _takes(rule: Callable[..., Any], *names: str) -> Callable[..., Any]:
    """Give ``rule`` the parameter names that ``call_rule`` passes by."""
    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter(n, kind) for n in names]
    rule.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return rule


# --- result types -----------------------------------------------------------------------------


def same_as(operand: str) -> Callable[..., TensorType]:
    """The result has the type of the named operand."""

    def rule(**values: Any) -> TensorType:
        result: TensorType = values[operand]
        return result

    return _takes(rule, operand)


def same_along(operand: str, axis: str = "axis") -> Callable[..., TensorType]:
    """The result has the type of the named operand, which must have the named axis (or axes)."""

    def rule(**values: Any) -> TensorType:
        result: TensorType = values[operand]
        axes_of(values[axis], result.rank, axis)
        return result

    return _takes(rule, operand, axis)


def shaped_as(operand: str, dtype: DType) -> Callable[..., TensorType]:
    """The result has the shape of the named operand and the given dtype."""

    def rule(**values: Any) -> TensorType:
        result: TensorType = values[operand].with_dtype(dtype)
        return result

    return _takes(rule, operand)


def float_result(x: TensorType) -> TensorType:
    """The type of ``x``; float32 for integers, which Paddle's math functions cast first."""
    return x.with_dtype(DType.FLOAT32) if x.dtype.is_integer else x


def real_result(x: TensorType) -> TensorType:
    """The type of ``x``; the real part's type for complex numbers."""
    real = {DType.COMPLEX64: DType.FLOAT32, DType.COMPLEX128: DType.FLOAT64}
    return x.with_dtype(real.get(x.dtype, x.dtype))


def promote_types(a: DType, b: DType) -> DType:
    """The common type of two element types (the table in phi/common/type_promotion.h)."""
    if a is b:
        return a
    pair = (a, b)
    if a.is_complex or b.is_complex:
        double = DType.COMPLEX128 in pair or DType.FLOAT64 in pair
        return DType.COMPLEX128 if double else DType.COMPLEX64
    if set(pair) == {DType.FLOAT16, DType.BFLOAT16}:
        return DType.FLOAT32
    if a.is_floating and b.is_floating:
        return max(pair, key=_FLOAT_ORDER.index)
    if a.is_floating or b is DType.BOOL:
        return a
    if b.is_floating or a is DType.BOOL:
        return b
    if set(pair) == {DType.UINT8, DType.INT8}:
        return DType.INT16
    return max(pair, key=lambda d: (d.itemsize, d is not DType.UINT8))


def _same_kind(a: DType, b: DType) -> bool:
    return (
        (a.is_integer and b.is_integer)
        or (a.is_floating and b.is_floating)
        or (a.is_complex and b.is_complex)
    )


def common_dtype(x: TensorType, y: TensorType, scalars: bool = True) -> DType:
    """The type two operands are computed in.

    Tensors mix among floating types and with complex ones; a tensor of rank 0 mixes with anything
    where ``scalars`` says so and keeps the other's type within one kind. Raises ShapeError.
    """
    if x.dtype is y.dtype:
        return x.dtype
    if scalars and (x.rank == 0 or y.rank == 0):
        if (x.rank == 0 and y.rank == 0) or not _same_kind(x.dtype, y.dtype):
            return promote_types(x.dtype, y.dtype)
        return y.dtype if x.rank == 0 else x.dtype
    floating = x.dtype.is_floating and y.dtype.is_floating
    if not (floating or x.dtype.is_complex or y.dtype.is_complex):
        raise ShapeError(
            f"operands of {x.dtype.value} and {y.dtype.value} do not mix",
            remedy="cast one of them, as eager Paddle demands too",
        )
    return promote_types(x.dtype, y.dtype)


def broadcasting(dtype: DType | None = None, scalars: bool = True) -> Callable[..., TensorType]:
    """Operands ``x`` and ``y`` broadcast; the result has ``dtype``, or their common one."""

    def rule(x: TensorType, y: TensorType) -> TensorType:
        common = common_dtype(x, y, scalars)
        return TensorType(dtype or common, broadcast_shapes(x.shape, y.shape))

    return rule


def axes_of(axis: Any, rank: int, what: str = "axis") -> tuple[int, ...]:
    """Normalised, sorted axes of a reduction; all of them for None or ``()``. Raises ShapeError."""
    if axis is None or axis == ():
        return tuple(range(rank))
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    out = sorted(normalize_axis(int(a), rank, what) for a in axes)
    if len(set(out)) != len(out):
        raise ShapeError(f"{what} {tuple(axes)} names one axis twice")
    return tuple(a for a in out if a < rank)


def reduced_shape(shape: Shape, axes: Sequence[int], keepdim: bool) -> Shape:
    """``shape`` without ``axes``, or with 1 in their place."""
    if keepdim:
        return tuple(1 if i in axes else d for i, d in enumerate(shape))
    return tuple(d for i, d in enumerate(shape) if i not in axes)


def require(condition: bool, message: str) -> None:
    """Raise ShapeError with ``message`` unless ``condition``."""
    if not condition:
        raise ShapeError(message)


def require_rank(x: TensorType, *ranks: int, what: str = "x") -> None:
    """Raise ShapeError unless the rank of ``x`` is one of ``ranks``."""
    allowed = " or ".join(map(str, ranks))
    require(x.rank in ranks, f"{what} has rank {x.rank} ({x}), not {allowed}")


def static(dim: Dim, what: str) -> int:
    """``dim`` where it must be a plain number: the example's, under a guard. Raises ShapeError."""
    if isinstance(dim, int):
        return dim
    try:
        return _example(dim)
    except CaptureError:
        raise ShapeError(
            f"{what} is {dim}, but must be known before the Program runs",
            remedy="call the function with real inputs first, or give the size in InputSpec",
        ) from None


def _example(dim: Dim) -> int:
    """The size that the oracle has in mind, found by bisection; its answers are the guards."""
    high = 1
    while not holds("<=", dim, high):
        high *= 2
    low = high // 2 + 1 if high > 1 else 0
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds("<=", dim, middle) else (middle + 1, high)
    holds("==", dim, low)
    return low


# --- sizes that only an example can order ------------------------------------------------------


def known(op: str, a: Dim, b: Dim) -> bool | None:
    """Whether ``a op b``: from structure, from signs, or by the oracle; None where nobody knows."""
    if not (isinstance(a, int) and isinstance(b, int)):
        if op == "<=" and is_not_negative(b - a):
            return True
        if op == "<" and is_not_negative(a - b):
            return False
    try:
        return holds(op, a, b)
    except (ShapeError, ConcreteValueError):
        return None


def is_not_negative(dim: Dim) -> bool:
    """Whether the structure says that ``dim`` is at least 0: sizes are."""
    return _signs(dim)[0]


def is_negative(dim: Dim) -> bool:
    """Whether the structure says that ``dim`` is below 0, or 0 only where all its sizes are."""
    if isinstance(dim, int):
        return dim < 0
    at_least, at_most = _signs(dim)
    return at_most and not at_least


def _signs(dim: Dim) -> tuple[bool, bool]:
    """Whether ``dim`` is known to be at least 0, and to be at most 0."""
    if isinstance(dim, int):
        return dim >= 0, dim <= 0
    signs = [_signed(_product_signs(atoms), factor >= 0) for atoms, factor in dim.terms]
    return all(s[0] for s in signs), all(s[1] for s in signs)


def _signed(signs: tuple[bool, bool], same: bool) -> tuple[bool, bool]:
    return signs if same else (signs[1], signs[0])


def _product_signs(atoms: tuple[Atom, ...]) -> tuple[bool, bool]:
    out = (True, False)
    for atom in atoms:
        at_least, at_most = _atom_signs(atom)
        if not at_least and not at_most:
            return False, False
        out = _signed(out, at_least)
    return out


def _atom_signs(atom: Atom) -> tuple[bool, bool]:
    if isinstance(atom, Symbol):
        return True, False
    (low_a, high_a), (low_b, high_b) = (_signs(a) for a in atom.args)
    if atom.function == "max":
        return low_a or low_b, high_a and high_b
    if atom.function == "min":
        return low_a and low_b, high_a or high_b
    if atom.function == "mod":
        return low_b, high_b
    return (low_a, high_a) if low_b else (False, False)


def smaller(a: Dim, b: Dim) -> Dim:
    """The smaller of two sizes, as one of them where it is known which."""
    first = known("<=", a, b)
    return min_(a, b) if first is None else (a if first else b)


def at_least_0(dim: Dim) -> Dim:
    """``dim``, or 0 where it is known to be negative."""
    return 0 if known("<", dim, 0) else dim


# --- numpy references ---------------------------------------------------------------------------


def promoting(function: Callable[..., Any], scalars: bool = True) -> Callable[..., Any]:
    """A binary reference that first casts ``x`` and ``y`` to their common type."""

    def reference(x: np.ndarray, y: np.ndarray) -> Any:
        if x.dtype != y.dtype:
            common = common_dtype(type_of(x), type_of(y), scalars).numpy
            x, y = x.astype(common), y.astype(common)
        return function(x, y)

    return reference


def type_of(array: np.ndarray) -> TensorType:
    """The type of a concrete array."""
    return TensorType(DType.of(array.dtype), tuple(array.shape))


# --- kernels ------------------------------------------------------------------------------------


def elementwise(function: str) -> Callable[..., Any]:
    """The kernel is one named scalar function of all operands."""

    def cpu(b: Any, *operands: Any) -> Any:
        return b.elementwise(function, *operands)

    return cpu


def reference() -> Callable[..., Any]:
    """The kernel is the operation's own ``numpy``, called back from the plan."""

    def cpu(b: Any) -> Any:
        return b.reference()

    return cpu
