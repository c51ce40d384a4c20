"""Primitives: what is asked of oneDNN, which implementation answers, how it is called."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from ctypes import c_char_p, c_void_p
from dataclasses import field, replace
from functools import lru_cache
from typing import Any
from weakref import WeakValueDictionary

from dy2st.debug import level, log
from dy2st.records import record
from dy2st.runtime.cpu.onednn import constants as c
from dy2st.runtime.cpu.onednn.descriptor import Desc, Descs
from dy2st.runtime.cpu.onednn.library import ExecArg, Onednn, OnednnError


@record(frozen=True)
class Eltwise:
    """Post-op: a function of each result; ``alpha`` and ``beta`` as oneDNN documents them."""

    name: str
    alpha: float = 0.0
    beta: float = 0.0


@record(frozen=True)
class Sum:
    """Post-op: add what the destination held before (times ``scale``)."""

    scale: float = 1.0


@record(frozen=True)
class Binary:
    """Post-op: combine with a second tensor of layout ``desc`` (axes of size 1 broadcast)."""

    name: str
    desc: Desc


PostOp = Eltwise | Sum | Binary


@record(frozen=True)
class Primitive:
    """A compiled primitive.

    ``args`` maps an argument number to the layout that its buffer must have; post-op operands
    are at ``post_op_arg(index)``, the scratch buffer (where ``scratch_bytes`` is not 0) at
    ``ARG_SCRATCHPAD``. ``handle`` is the ``dnnl_primitive_t``; it lives as long as this object.
    """

    handle: int
    kind: str
    impl: str
    args: Mapping[int, Desc]
    scratch_bytes: int
    owner: _Handle = field(repr=False, compare=False)

    @property
    def src(self) -> Desc:
        return self.args[c.ARG_SRC]

    @property
    def weights(self) -> Desc:
        return self.args[c.ARG_WEIGHTS]

    @property
    def dst(self) -> Desc:
        return self.args[c.ARG_DST]


class _Handle:
    """Destroys a primitive when nothing refers to it any more."""

    def __init__(self, library: Onednn, handle: int) -> None:
        self._library, self.handle = library, handle

    def __del__(self) -> None:
        self._library.destroy("primitive", self.handle)


# The argument number of what a scaled reorder multiplies by.
SCALES = c.ARG_ATTR_SCALES | c.ARG_SRC


def post_op_arg(index: int, arg: int = c.ARG_SRC_1) -> int:
    """The argument number of the second operand of post-op ``index``."""
    return c.ARG_POST_OP_BASE * (index + 1) | arg


@contextmanager
def attributes(library: Onednn, post_ops: Sequence[PostOp]) -> Iterator[int]:
    """A ``dnnl_primitive_attr_t`` with a caller's scratchpad and these post-ops."""
    attr = library.make("primitive_attr_create")
    chain = library.make("post_ops_create")
    try:
        library.call("primitive_attr_set_scratchpad_mode", attr, c.SCRATCHPAD_USER)
        # Whatever the environment says: a float32 model is computed in float32.
        library.call("primitive_attr_set_fpmath_mode", attr, c.FPMATH_STRICT)
        for post_op in post_ops:
            _append(library, chain, post_op)
        library.call("primitive_attr_set_post_ops", attr, chain)
        yield attr
    finally:
        library.destroy("post_ops", chain)
        library.destroy("primitive_attr", attr)


def _append(library: Onednn, chain: int, post_op: PostOp) -> None:
    if isinstance(post_op, Eltwise):
        number = c.ELTWISE[post_op.name]
        library.call("post_ops_append_eltwise", chain, number, post_op.alpha, post_op.beta)
    elif isinstance(post_op, Sum):
        library.call("post_ops_append_sum", chain, post_op.scale, 0, 0)
    else:
        number = c.BINARY[post_op.name]
        library.call("post_ops_append_binary", chain, number, post_op.desc.handle)


def is_slow(impl: str) -> bool:
    """Whether an implementation is oneDNN's reference code: right, but a hundred times slower."""
    return impl.startswith(("ref", "gemm:ref", "rnn:ref", "ref_"))


class Primitives:
    """Makes primitives and their descriptors on one oneDNN library; equal ones are made once."""

    def __init__(self, library: Onednn) -> None:
        self.library = library
        self.descs = Descs(library)
        # A primitive holds nothing of a call, so all steps and plans that want one like it share it.
        self._made: WeakValueDictionary[Hashable, Primitive] = WeakValueDictionary()
        runtime = library.openmp
        self._threads: Callable[[], int] = lambda: 1
        if runtime is not None:
            self._threads = ctypes.CFUNCTYPE(ctypes.c_int)(runtime.max_threads)

    def build(
        self,
        kind: str,
        name: str,
        arguments: Callable[[int], Sequence[Any]],
        args: Sequence[int],
        post_ops: Sequence[PostOp] = (),
        *,
        key: Hashable,
        allow_slow: bool = False,
        accept: Callable[[str], bool] | None = None,
    ) -> Primitive | None:
        """The first implementation that is fast enough, or None where there is none.

        ``name`` is the C function that makes the primitive descriptor, ``arguments`` gives its
        parameters after the handle for an attribute handle, and ``args`` are the execution
        arguments whose layouts to ask for. ``key`` tells apart whatever ``arguments`` says.
        ``accept`` may refuse an implementation by name.
        """
        # oneDNN divides the work among the threads in force when a primitive is made.
        whole = (self._threads(), name, key, tuple(post_ops), accept)
        found = self._made.get(whole)
        if found is None:
            found = self._build(kind, name, arguments, args, post_ops, allow_slow, accept)
            if found is not None:
                self._made[whole] = found
        return found

    def _build(
        self,
        kind: str,
        name: str,
        arguments: Callable[[int], Sequence[Any]],
        args: Sequence[int],
        post_ops: Sequence[PostOp],
        allow_slow: bool,
        accept: Callable[[str], bool] | None,
    ) -> Primitive | None:
        with attributes(self.library, post_ops) as attr:
            try:
                pd = self.library.make(name, *arguments(attr))
            except OnednnError as error:
                if error.status in (c.UNIMPLEMENTED, c.INVALID_ARGUMENTS):
                    return None
                raise
        try:
            if not self._choose(pd, allow_slow, accept):
                return None
            return self._finish(kind, pd, args, post_ops)
        finally:
            self.library.destroy("primitive_desc", pd)

    def _choose(self, pd: int, allow_slow: bool, accept: Callable[[str], bool] | None) -> bool:
        """Move ``pd`` to the first acceptable implementation."""
        while True:
            impl = self.impl(pd)
            if (allow_slow or not is_slow(impl)) and (accept is None or accept(impl)):
                return True
            try:
                self.library.call("primitive_desc_next_impl", pd)
            except OnednnError:
                return False

    def impl(self, pd: int) -> str:
        """The name of the implementation behind a primitive descriptor."""
        text = c_char_p()
        self.library.call("primitive_desc_query", pd, c.QUERY_IMPL_INFO, 0, ctypes.byref(text))
        return (text.value or b"").decode()

    def _arg_desc(self, pd: int, arg: int) -> Desc | None:
        pointer = c_void_p()
        query = (pd, c.QUERY_EXEC_ARG_MD, arg, ctypes.byref(pointer))
        self.library.call("primitive_desc_query", *query)
        return self.descs.copy(pointer.value) if pointer.value else None

    def _finish(
        self, kind: str, pd: int, args: Sequence[int], post_ops: Sequence[PostOp]
    ) -> Primitive:
        impl = self.impl(pd)
        descs: dict[int, Desc] = {}
        for arg in args:
            desc = self._arg_desc(pd, arg)
            if desc is not None and desc.dims:
                descs[arg] = desc
        for index, post_op in enumerate(post_ops):
            if isinstance(post_op, Binary):
                descs[post_op_arg(index)] = post_op.desc
        scratch = self._arg_desc(pd, c.ARG_SCRATCHPAD)
        handle = self.library.make("primitive_create", pd)
        owner = _Handle(self.library, handle)
        if level() >= 5:
            log(5, f"{kind} {impl} {descs}")
        bytes_ = scratch.nbytes if scratch is not None and scratch.dims else 0
        return Primitive(handle, kind, impl, descs, bytes_, owner)

    def reorder(self, src: Desc, dst: Desc) -> Primitive:
        """A copy from one layout to another (and dtype to dtype)."""
        made = self._reorder(src, dst, scaled=False)
        assert made is not None, f"no reorder from {src} to {dst}"
        return made

    def scaling_reorder(self, src: Desc, dst: Desc) -> Primitive | None:
        """A copy in which each slice along the first axis is multiplied by a number of its own, from
        the vector that is the argument ``SCALES``; None where oneDNN has none."""
        made = self._reorder(src, dst, scaled=True)
        if made is None:
            return None
        return replace(made, args={**made.args, SCALES: self.descs.row_major(src.dims[:1])})

    def _reorder(self, src: Desc, dst: Desc, scaled: bool) -> Primitive | None:
        engine = self.library.engine

        def arguments(attr: int) -> Sequence[Any]:
            if scaled:
                self.library.call("primitive_attr_set_scales_mask", attr, c.ARG_SRC, 1)
            return (src.handle, engine, dst.handle, engine, attr)

        name, args = "reorder_primitive_desc_create", (c.ARG_SRC, c.ARG_DST)
        return self.build("reorder", name, arguments, args, key=(src, dst, scaled), allow_slow=True)

    def execute(self, primitive: Primitive, buffers: Mapping[int, int]) -> None:
        """Run once on raw addresses; for tests and for what runs once (packing weights).

        ``buffers`` maps argument numbers to addresses of buffers with the layouts of
        ``primitive.args``; a scratch buffer is made where it is missing.
        """
        library = self.library
        handles, scratch = [], None
        items = [(arg, primitive.args[arg], address) for arg, address in buffers.items()]
        if primitive.scratch_bytes:
            scratch = ctypes.create_string_buffer(primitive.scratch_bytes + 64)
            desc = self.descs.row_major((primitive.scratch_bytes,), "uint8")
            address = -(-ctypes.addressof(scratch) // 64) * 64
            items.append((c.ARG_SCRATCHPAD, desc, address))
        array = (ExecArg * len(items))()
        try:
            for slot, (arg, desc, address) in zip(array, items, strict=True):
                handle = library.make("memory_create", desc.handle, library.engine, address)
                handles.append(handle)
                slot.arg, slot.memory = arg, handle
            library.call("primitive_execute", primitive.handle, library.stream, len(items), array)
        finally:
            for handle in handles:
                library.destroy("memory", handle)


@lru_cache(maxsize=1)
def primitives() -> Primitives | None:
    """Primitives on this process's oneDNN library; None where there is none."""
    from dy2st.runtime.cpu.onednn.library import onednn

    library = onednn()
    return None if library is None else Primitives(library)
