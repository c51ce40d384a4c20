"""InputSpec: shape, dtype and name of one tensor argument."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dy2st.errors import InputError
from dy2st.ir.types import DType


class InputSpec:
    """What an argument is: ``shape`` with None or -1 for sizes that vary, ``dtype``, ``name``.

    Raises InputError for a shape or dtype that is none. Paddle's own InputSpec objects are accepted
    wherever one of these is.
    """

    def __init__(
        self,
        shape: Sequence[int | None],
        dtype: str = "float32",
        name: str | None = None,
        stop_gradient: bool = True,
    ) -> None:
        self.shape = tuple(_size(d) for d in shape)
        self.dtype = DType.of(dtype_name(dtype))
        self.name = name
        self.stop_gradient = stop_gradient

    @staticmethod
    def of(spec: Any) -> Any:
        """Ours, for ours or Paddle's; containers element by element; other values as they are."""
        if isinstance(spec, InputSpec):
            return spec
        if isinstance(spec, dict):
            return {k: InputSpec.of(v) for k, v in spec.items()}
        if isinstance(spec, (list, tuple)):
            return type(spec)(InputSpec.of(v) for v in spec)
        if all(hasattr(spec, a) for a in ("shape", "dtype", "name", "stop_gradient")):
            return InputSpec(
                list(spec.shape), dtype_name(spec.dtype), spec.name, spec.stop_gradient
            )
        return spec

    @staticmethod
    def from_tensor(tensor: Any, name: str | None = None) -> InputSpec:
        """The spec of a tensor as it is."""
        return InputSpec(list(tensor.shape), dtype_name(tensor.dtype), name)

    def __repr__(self) -> str:
        return f"InputSpec({list(self.shape)}, {self.dtype.value!r}, {self.name!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, InputSpec) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[Any, ...]:
        return (self.shape, self.dtype, self.name)


def dtype_name(dtype: Any) -> str:
    """``float32`` for ``paddle.float32``, numpy's and the string itself."""
    return str(getattr(dtype, "name", dtype)).rsplit(".", 1)[-1].lower()


def _size(size: Any) -> int | None:
    if size is None or size == -1:
        return None
    if not isinstance(size, int) or size < 0:
        raise InputError(
            f"a size in InputSpec is {size!r}", remedy="give an int >= 0, or None where it varies"
        )
    return size
