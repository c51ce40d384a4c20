"""Memory descriptors as immutable values: logical sizes, dtype and physical layout."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from ctypes import c_int, c_int64, c_void_p
from typing import Any
from weakref import WeakValueDictionary

from dy2st.runtime.cpu.onednn import constants as c
from dy2st.runtime.cpu.onednn.library import Onednn, OnednnError

Dims = tuple[int, ...]


def int64s(values: Sequence[int]) -> Any:
    """A C array of int64 for a ``dnnl_dims_t`` parameter."""
    return (c_int64 * c.MAX_NDIMS)(*values)


def dense_strides(dims: Sequence[int]) -> Dims:
    """Row-major strides, in elements."""
    out, step = [], 1
    for size in reversed(dims):
        out.append(step)
        step *= max(size, 1)
    return tuple(reversed(out))


def channels_last_strides(dims: Sequence[int]) -> Dims:
    """Strides of a tensor stored as N, spatial..., C whose logical order is N, C, spatial..."""
    order = [0, *range(2, len(dims)), 1]
    strides, step = [0] * len(dims), 1
    for axis in reversed(order):
        strides[axis] = step
        step *= max(dims[axis], 1)
    return tuple(strides)


class Desc:
    """A oneDNN memory descriptor: what lies where in a buffer.

    ``dims`` are logical sizes; ``kind`` is any, blocked or opaque; for blocked layouts ``strides``
    are in elements and ``blocks`` is a tuple of (axis, size), outermost first; ``padded`` are the
    sizes that blocks are filled up to. Descriptors compare by layout and may be dictionary keys.
    """

    __slots__ = (
        *("__weakref__", "_library", "blocks", "dims", "dtype", "handle", "key", "kind", "nbytes"),
        *("padded", "strides"),
    )

    def __init__(self, library: Onednn, handle: int) -> None:
        self._library, self.handle = library, handle
        query = library.query_desc
        rank = query(handle, c.QUERY_NDIMS, c_int).value
        self.dims: Dims = _dims(query(handle, c.QUERY_DIMS, c_void_p), rank)
        self.dtype = c.DTYPE_NAMES.get(query(handle, c.QUERY_DTYPE, c_int).value, "undefined")
        self.kind = query(handle, c.QUERY_FORMAT_KIND, c_int).value
        self.nbytes = library.desc_size(handle) if self.kind != c.KIND_ANY else 0
        self.padded: Dims = self.dims
        self.strides: Dims = ()
        self.blocks: tuple[tuple[int, int], ...] = ()
        if self.kind == c.KIND_BLOCKED:
            self.padded = _dims(query(handle, c.QUERY_PADDED_DIMS, c_void_p), rank)
            self.strides = _dims(query(handle, c.QUERY_STRIDES, c_void_p), rank)
            self.blocks = self._blocks(library)
        opaque = library.desc_blob(handle) if self.kind == c.KIND_OPAQUE else b""
        self.key = (
            *(self.dims, self.dtype, self.kind, self.padded, self._strides_key(), self.blocks),
            *(opaque, self.nbytes),
        )

    def __del__(self) -> None:
        self._library.destroy("memory_desc", self.handle)

    def _strides_key(self) -> Dims:
        """Strides, without those of axes of one element, which say nothing about the layout."""
        return tuple(
            0 if size == 1 else step for size, step in zip(self.padded, self.strides, strict=False)
        )

    def _blocks(self, library: Onednn) -> tuple[tuple[int, int], ...]:
        count = library.query_desc(self.handle, c.QUERY_INNER_NBLKS, c_int).value
        if not count:
            return ()
        sizes = _dims(library.query_desc(self.handle, c.QUERY_INNER_BLKS, c_void_p), count)
        axes = _dims(library.query_desc(self.handle, c.QUERY_INNER_IDXS, c_void_p), count)
        return tuple(zip(axes, sizes, strict=True))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Desc) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"Desc({self.dtype}{list(self.dims)} {self.layout})"

    @property
    def layout(self) -> str:
        """A short name of the layout, as in oneDNN's verbose output (``aBcd16b``, ``acdb``)."""
        if self.kind != c.KIND_BLOCKED:
            return {c.KIND_ANY: "any"}.get(self.kind, "opaque")
        blocked = {axis for axis, _ in self.blocks}
        # A stride that equals another one belongs to an axis of one element; it comes first.
        order = sorted(
            range(len(self.dims)), key=lambda a: (-self.strides[a], self.padded[a] != 1, a)
        )
        outer = "".join(chr((65 if a in blocked else 97) + a) for a in order)
        return outer + "".join(f"{size}{chr(97 + axis)}" for axis, size in self.blocks)

    @property
    def is_strided(self) -> bool:
        """Whether plain strides describe the layout (no blocks, no filling)."""
        return self.kind == c.KIND_BLOCKED and not self.blocks and self.padded == self.dims

    @property
    def is_dense(self) -> bool:
        """Whether the buffer holds the tensor's elements and nothing else."""
        return self.kind == c.KIND_BLOCKED and self.nbytes == math.prod(
            self.dims
        ) * c.DTYPE_SIZES.get(self.dtype, 0)


def _dims(pointer: Any, count: int) -> Dims:
    if not pointer.value:
        return ()
    return tuple(ctypes.cast(pointer, ctypes.POINTER(c_int64))[:count])


class Descs:
    """Makes descriptors, one object for each layout in use (so equal ones are identical)."""

    _MOST = 4096  # requests remembered; plans for ever new sizes must not pile up

    def __init__(self, library: Onednn) -> None:
        self._library = library
        self._made: dict[tuple[Any, ...], Desc] = {}
        self._interned: WeakValueDictionary[tuple[Any, ...], Desc] = WeakValueDictionary()

    def _remember(self, request: tuple[Any, ...], name: str, *args: Any) -> Desc:
        found = self._made.get(request)
        if found is None:
            if len(self._made) >= self._MOST:
                self._made.clear()
            found = self._made[request] = self.adopt(self._library.make(name, *args))
        return found

    def adopt(self, handle: int) -> Desc:
        """The descriptor for a handle that the caller owns and gives away."""
        desc = Desc(self._library, handle)
        return self._interned.setdefault(desc.key, desc)

    def copy(self, handle: int) -> Desc:
        """The descriptor for a handle that belongs to a primitive descriptor."""
        return self.adopt(self._library.make("memory_desc_clone", handle))

    def strided(self, dims: Sequence[int], dtype: str, strides: Sequence[int]) -> Desc:
        """A layout of plain strides (in elements)."""
        key = ("s", tuple(dims), dtype, tuple(strides))
        args = (len(dims), int64s(dims), c.DTYPES[dtype], int64s(strides))
        return self._remember(key, "memory_desc_create_with_strides", *args)

    def row_major(self, dims: Sequence[int], dtype: str = "float32") -> Desc:
        return self.strided(dims, dtype, dense_strides(dims))

    def channels_last(self, dims: Sequence[int], dtype: str = "float32") -> Desc:
        return self.strided(dims, dtype, channels_last_strides(dims))

    def any(self, dims: Sequence[int], dtype: str = "float32") -> Desc:
        """A layout for the primitive to choose."""
        args = (len(dims), int64s(dims), c.DTYPES[dtype], c.TAG_ANY)
        return self._remember(("any", tuple(dims), dtype), "memory_desc_create_with_tag", *args)

    def blocked(self, dims: Sequence[int], block: int, dtype: str = "float32") -> Desc:
        """Axis 1 in blocks of 8 or 16: (3 to 5 dimensions)."""
        tag = c.TAG_BLOCKED[len(dims), block]
        args = (len(dims), int64s(dims), c.DTYPES[dtype], tag)
        return self._remember((block, tuple(dims), dtype), "memory_desc_create_with_tag", *args)

    def reshape(self, desc: Desc, dims: Sequence[int]) -> Desc | None:
        """The same buffer seen with other logical sizes; None where the layout does not allow."""
        try:
            return self.adopt(
                self._library.make("memory_desc_reshape", desc.handle, len(dims), int64s(dims))
            )
        except OnednnError:
            return None

    def permute(self, desc: Desc, axes: Sequence[int]) -> Desc | None:
        """The same buffer with axis ``i`` renamed ``axes[i]``; None where not possible."""
        array = (c_int * len(axes))(*axes)
        try:
            return self.adopt(self._library.make("memory_desc_permute_axes", desc.handle, array))
        except OnednnError:
            return None

    def part(self, desc: Desc, dims: Sequence[int], offsets: Sequence[int]) -> Desc | None:
        """A window of ``desc``'s buffer (its offset is inside the descriptor); None if refused."""
        try:
            return self.adopt(
                self._library.make(
                    "memory_desc_create_submemory", desc.handle, int64s(dims), int64s(offsets)
                )
            )
        except OnednnError:
            return None
