"""Element types and tensor types."""

from __future__ import annotations

from enum import Enum
from typing import Any

import ml_dtypes
import numpy as np

from dy2st.errors import ShapeError
from dy2st.ir.dims import Dim, Shape, product, symbols_of
from dy2st.records import record


class DType(Enum):
    """An element type; the value is Paddle's and numpy's name, ``short`` the printed one."""

    BOOL = "bool"
    UINT8 = "uint8"
    INT8 = "int8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    COMPLEX64 = "complex64"
    COMPLEX128 = "complex128"

    @property
    def numpy(self) -> np.dtype[Any]:
        """The numpy dtype (``ml_dtypes`` for bfloat16)."""
        return _NUMPY[self]

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return int(_NUMPY[self].itemsize)

    @property
    def short(self) -> str:
        """The printed name: ``f32``, ``i64``, ``bool`` …"""
        return _SHORT[self]

    @property
    def is_floating(self) -> bool:
        """float16, bfloat16, float32 or float64."""
        return self in _FLOATING

    @property
    def is_complex(self) -> bool:
        """complex64 or complex128."""
        return self in (DType.COMPLEX64, DType.COMPLEX128)

    @property
    def is_integer(self) -> bool:
        """A signed or unsigned integer; bool is not one."""
        return not (self.is_floating or self.is_complex or self is DType.BOOL)

    @staticmethod
    def of(value: object) -> DType:
        """The DType of a name, a numpy dtype or a DType. Raises ShapeError for others."""
        if isinstance(value, DType):
            return value
        name = value if isinstance(value, str) else np.dtype(value).name  # type: ignore[call-overload]
        name = _LONG.get(name, name)
        try:
            return DType(name)
        except ValueError:
            raise ShapeError(f"{value!r} is not an element type that dy2st knows") from None

    def __str__(self) -> str:
        return self.short

    def __repr__(self) -> str:
        return f"DType.{self.name}"


_FLOATING = frozenset({DType.FLOAT16, DType.BFLOAT16, DType.FLOAT32, DType.FLOAT64})
_NUMPY: dict[DType, np.dtype[Any]] = {
    d: np.dtype(ml_dtypes.bfloat16 if d is DType.BFLOAT16 else d.value) for d in DType
}
_SHORT = {
    DType.BOOL: "bool",
    DType.UINT8: "u8",
    DType.INT8: "i8",
    DType.INT16: "i16",
    DType.INT32: "i32",
    DType.INT64: "i64",
    DType.FLOAT16: "f16",
    DType.BFLOAT16: "bf16",
    DType.FLOAT32: "f32",
    DType.FLOAT64: "f64",
    DType.COMPLEX64: "c64",
    DType.COMPLEX128: "c128",
}
_LONG = {short: d.value for d, short in _SHORT.items()}


@record(frozen=True)
class TensorType:
    """Element type and symbolic shape of a value; ``str()`` is ``f32[N, 3]``."""

    dtype: DType
    shape: Shape

    @property
    def rank(self) -> int:
        """The number of dimensions."""
        return len(self.shape)

    @property
    def numel(self) -> Dim:
        """The number of elements."""
        return product(self.shape)

    def with_shape(self, shape: Shape) -> TensorType:
        """The same element type with another shape."""
        return TensorType(self.dtype, tuple(shape))

    def with_dtype(self, dtype: DType) -> TensorType:
        """The same shape with another element type."""
        return TensorType(dtype, self.shape)

    def symbols(self) -> frozenset[str]:
        """Names of the symbols in the shape."""
        return symbols_of(self.shape)

    def __str__(self) -> str:
        return f"{self.dtype.short}[{', '.join(map(str, self.shape))}]"
