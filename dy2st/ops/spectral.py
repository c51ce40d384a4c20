"""Fourier transforms, frames of a signal, complex numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.ir.dims import Dim, broadcast_shapes, floordiv, normalize_axis
from dy2st.ir.types import DType, TensorType
from dy2st.ops.base import Plain
from dy2st.ops.rules import reference

_COMPLEX = {DType.FLOAT64: DType.COMPLEX128, DType.COMPLEX128: DType.COMPLEX128}
_REAL = {DType.COMPLEX128: DType.FLOAT64, DType.FLOAT64: DType.FLOAT64}
FLOATS = ("float32", "float64")


def _sized(x: TensorType, axis: int, size: Dim, dtype: DType) -> TensorType:
    at = normalize_axis(axis, x.rank)
    return TensorType(dtype, tuple(size if i == at else d for i, d in enumerate(x.shape)))


class FftR2c(
    Plain,
    name="fft_r2c",
    signature=(
        "x: Tensor, axes: ints, normalization: str = 'backward', forward: bool = True, "
        "onesided: bool = True -> out"
    ),
):
    """The Fourier transform of real numbers over ``axes``, half of it where ``onesided``."""

    dtypes = FLOATS
    specials = False  # sums depend on their order
    cpu = reference()
    cases = [
        {"x": ("N", 8), "axes": [1]},
        {"x": (2, 4, 6), "axes": [1, 2], "normalization": "ortho"},
        {"x": (2, 5), "axes": [1], "onesided": False, "normalization": "forward"},
        {"x": (2, 6), "axes": [1], "forward": False},
    ]

    def infer(x: TensorType, axes: Any, onesided: bool) -> TensorType:
        dtype = _COMPLEX.get(x.dtype, DType.COMPLEX64)
        last = x.shape[axes[-1]]
        return _sized(x, axes[-1], floordiv(last, 2) + 1 if onesided else last, dtype)

    def numpy(x: np.ndarray, axes: Any, normalization: str, forward: bool, onesided: bool) -> Any:
        out = _transform(x.astype(np.complex128), axes, normalization, forward)
        if not onesided:
            return out
        return np.take(out, range(x.shape[axes[-1]] // 2 + 1), axes[-1])


def _transform(x: np.ndarray, axes: Any, normalization: str, forward: bool) -> np.ndarray:
    """A transform in either direction; the factor is phi's: by direction of the call."""
    count = int(np.prod([x.shape[a] for a in axes], dtype=np.int64))
    raw = np.fft.fftn(x, axes=axes) if forward else np.fft.ifftn(x, axes=axes) * count
    factor = {"backward": 1.0 if forward else 1 / count, "ortho": count**-0.5}
    return np.asarray(raw * factor.get(normalization, 1 / count if forward else 1.0))


class FftC2c(
    Plain,
    name="fft_c2c",
    signature="x: Tensor, axes: ints, normalization: str = 'backward', forward: bool = True -> out",
):
    """The Fourier transform of complex numbers over ``axes``."""

    dtypes = ("complex64",)
    specials = False  # sums depend on their order
    cpu = reference()
    cases = [
        {"x": ("N", 8), "axes": [1]},
        {"x": (2, 4, 6), "axes": [1, 2], "normalization": "ortho", "forward": False},
        {"x": (2, 6), "axes": [1], "forward": False},
        {"x": (2, 6), "axes": [1], "normalization": "forward"},
    ]
    infer = lambda x: x  # noqa: E731

    def numpy(x: np.ndarray, axes: Any, normalization: str, forward: bool) -> Any:
        return _transform(x, axes, normalization, forward)


class FftC2r(
    Plain,
    name="fft_c2r",
    signature=(
        "x: Tensor, axes: ints, normalization: str = 'backward', forward: bool = False, "
        "last_dim_size: int = 0 -> out"
    ),
):
    """The Fourier transform of half a Hermitian spectrum into real numbers."""

    dtypes = ("complex64",)
    specials = False  # sums depend on their order
    cpu = reference()
    cases = [
        {"x": ("N", 5), "axes": [1]},
        {"x": (2, 4, 4), "axes": [1, 2], "normalization": "ortho", "last_dim_size": 7},
        {"x": (2, 5), "axes": [1], "last_dim_size": 8, "normalization": "forward"},
    ]

    def infer(x: TensorType, axes: Any, last_dim_size: int) -> TensorType:
        size = last_dim_size or (x.shape[axes[-1]] - 1) * 2
        return _sized(x, axes[-1], size, _REAL.get(x.dtype, DType.FLOAT32))

    def numpy(
        x: np.ndarray, axes: Any, normalization: str, forward: bool, last_dim_size: int
    ) -> Any:
        size = last_dim_size or (x.shape[axes[-1]] - 1) * 2
        norm = (
            normalization
            if not forward
            else {"backward": "forward", "forward": "backward"}.get(normalization, normalization)
        )
        sizes = [x.shape[a] for a in axes[:-1]] + [size]
        return np.fft.irfftn(np.conj(x) if forward else x, sizes, axes, norm)  # type: ignore[arg-type]


class Frame(
    Plain,
    name="frame",
    signature="x: Tensor, frame_length: int, hop_length: int, axis: int = -1 -> out",
):
    """Overlapping frames of a signal; the signal's axis is the last one or the first."""

    dtypes = ("float32", "float64", "int32")
    cases = [
        {"x": ("N", 16), "frame_length": 4, "hop_length": 2},
        {"x": (16, 3), "frame_length": 5, "hop_length": 3, "axis": 0},
        {"x": (9,), "frame_length": 4, "hop_length": 1},
    ]

    def infer(x: TensorType, frame_length: int, hop_length: int, axis: int) -> TensorType:
        if axis == 0:
            count = floordiv(x.shape[0] - frame_length, hop_length) + 1
            return x.with_shape((count, frame_length, *x.shape[1:]))
        count = floordiv(x.shape[-1] - frame_length, hop_length) + 1
        return x.with_shape((*x.shape[:-1], frame_length, count))

    def numpy(x: np.ndarray, frame_length: int, hop_length: int, axis: int) -> Any:
        size = x.shape[0 if axis == 0 else -1]
        count = (size - frame_length) // hop_length + 1
        at = np.arange(frame_length)[:, None] + np.arange(count)[None] * hop_length
        return np.take(x, at.T, 0) if axis == 0 else np.take(x, at, -1)

    def cpu(b: Any, x: Any, frame_length: int, hop_length: int, axis: int) -> Any:
        size = x.shape[0 if axis == 0 else -1]
        count = (size - frame_length) // hop_length + 1
        at = np.arange(frame_length)[:, None] + np.arange(count)[None] * hop_length
        index = b.constant(at.T if axis == 0 else at)
        return b.gather(x, index, 0 if axis == 0 else -1, mode="unchecked")


class OverlapAdd(
    Plain, name="overlap_add", signature="x: Tensor, hop_length: int, axis: int = -1 -> out"
):
    """Frames added up to a signal."""

    dtypes = FLOATS
    specials = False  # sums depend on their order
    cpu = reference()
    cases = [{"x": ("N", 4, 5), "hop_length": 2}, {"x": (5, 4, 2), "hop_length": 3, "axis": 0}]

    def infer(x: TensorType, hop_length: int, axis: int) -> TensorType:
        if axis == 0:
            return x.with_shape(((x.shape[0] - 1) * hop_length + x.shape[1], *x.shape[2:]))
        return x.with_shape((*x.shape[:-2], (x.shape[-1] - 1) * hop_length + x.shape[-2]))

    def numpy(x: np.ndarray, hop_length: int, axis: int) -> Any:
        frames = np.moveaxis(x, (0, 1), (-1, -2)) if axis == 0 else x
        length, count = frames.shape[-2:]
        out = np.zeros((*frames.shape[:-2], (count - 1) * hop_length + length), x.dtype)
        for k in range(count):
            out[..., k * hop_length : k * hop_length + length] += frames[..., k]
        return np.moveaxis(out, -1, 0) if axis == 0 else out


class Complex(Plain, name="complex", signature="real: Tensor, imag: Tensor -> out"):
    """Complex numbers from their parts."""

    dtypes = FLOATS
    specials = False  # inf * 1j is NaN in numpy's arithmetic
    cpu = reference()
    cases = [{"real": ("N", 3), "imag": ("N", 3)}, {"real": (2, 1), "imag": (3,)}]

    def infer(real: TensorType, imag: TensorType) -> TensorType:
        dtype = _COMPLEX.get(real.dtype, DType.COMPLEX64)
        return TensorType(dtype, broadcast_shapes(real.shape, imag.shape))

    numpy = lambda real, imag: real + 1j * imag  # noqa: E731


class AsComplex(Plain, name="as_complex", signature="x: Tensor -> out"):
    """Pairs of the last axis as complex numbers."""

    dtypes = FLOATS
    specials = False  # inf * 1j is NaN in numpy's arithmetic
    cpu = reference()
    cases = [{"x": ("N", 3, 2)}]

    def infer(x: TensorType) -> TensorType:
        return TensorType(_COMPLEX.get(x.dtype, DType.COMPLEX64), x.shape[:-1])

    numpy = lambda x: x[..., 0] + 1j * x[..., 1]  # noqa: E731


class AsReal(Plain, name="as_real", signature="x: Tensor -> out"):
    """Complex numbers as pairs in a new last axis."""

    dtypes = ("complex64",)
    cpu = reference()
    cases = [{"x": ("N", 3)}]

    def infer(x: TensorType) -> TensorType:
        return TensorType(_REAL.get(x.dtype, DType.FLOAT32), (*x.shape, 2))

    numpy = lambda x: np.stack([x.real, x.imag], -1)  # noqa: E731
