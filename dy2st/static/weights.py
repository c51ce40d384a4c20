"""The tensors that a Program reads besides its inputs, as the runtime's ``ParameterSource``."""

from __future__ import annotations

import ctypes
from typing import Any

from dy2st.errors import InputError
from dy2st.ir.program import Program
from dy2st.ir.types import DType
from dy2st.runtime.cpu.samples import Samples
from dy2st.runtime.plan import Buffer
from dy2st.static import watch
from dy2st.static.input_spec import dtype_name


class Weights:
    """Parameters, buffers and other tensors of the user's, by the names in the Program.

    ``version()`` ticks with any write to a watched tensor anywhere, and when a sample of a weight's
    values differs from the last one (a write through a pointer that no wrapper saw).
    """

    def __init__(self, program: Program, tensors: dict[str, Any]) -> None:
        self._tensors = {n: t for n, t in tensors.items() if n in program.parameters}
        self._types = {n: program.parameters[n].type for n in self._tensors}
        self._epochs: dict[str, int] = dict.fromkeys(self._tensors, 0)
        self._samples: dict[str, _Sample] = {}
        self._everything: Samples | None = None  # all words of all samples, made when asked
        for tensor in self._tensors.values():
            watch.watch(tensor)

    @property
    def tensors(self) -> dict[str, Any]:
        """By name, in the Program's order."""
        return self._tensors

    @property
    def parameters(self) -> list[Any]:
        """The tensors alone."""
        return list(self._tensors.values())

    def replace(self, name: str, tensor: Any) -> None:
        """Read ``tensor`` under ``name`` from now on; ``fits`` tells whether it can be."""
        self._tensors[name] = tensor
        self._samples.pop(name, None)
        self._everything = None
        watch.watch(tensor)
        watch.touch(tensor)

    def version(self) -> int:
        self._notice_pointer_writes()
        return watch.Clock.weights

    def epoch(self, name: str) -> int:
        return watch.epoch_of(self._tensors[name])

    def buffer(self, name: str) -> Buffer:
        tensor = self._tensors[name]
        address = watch.Originals.data_ptr(tensor)
        shape = tuple(tensor.shape)
        strides = None if tensor.is_contiguous() else tuple(tensor.strides)
        if strides is None:
            self._everything = None
            self._samples[name] = _Sample(tensor, address, shape, self._types[name].dtype)
        return Buffer(address, shape, strides, tensor)

    def fits(self) -> bool:
        """Whether every tensor still has the shape and dtype that the Program was captured with."""
        for name, tensor in self._tensors.items():
            type_ = self._types[name]
            if tuple(tensor.shape) != type_.shape or dtype_name(tensor.dtype) != type_.dtype.value:
                return False
            if not tensor._is_initialized():
                raise InputError(f"the weight {name!r} holds no data any more")
        return True

    def _notice_pointer_writes(self) -> None:
        everything = self._everything
        if everything is None:
            samples = self._samples.values()
            everything = self._everything = Samples(
                [ctypes.addressof(w) for sample in samples for w in sample.words],
                [value for sample in samples for value in sample.seen],
            )
        if not everything.changed():
            return
        for sample in self._samples.values():
            if sample.changed():
                watch.touch(sample.tensor)
                sample.take()
        everything.take()


class _Sample:
    """Four words of a weight's memory, compared at each call."""

    __slots__ = ("seen", "tensor", "words")

    def __init__(self, tensor: Any, address: int, shape: tuple[int, ...], dtype: DType) -> None:
        self.tensor = tensor
        count = dtype.itemsize
        for size in shape:
            count *= size
        words = count // 4
        places = sorted({0, words // 3, words // 2, words - 1}) if words else []
        self.words = [ctypes.c_uint32.from_address(address + 4 * p) for p in places]
        self.take()

    def take(self) -> None:
        self.seen = [w.value for w in self.words]

    def changed(self) -> bool:
        return [w.value for w in self.words] != self.seen
