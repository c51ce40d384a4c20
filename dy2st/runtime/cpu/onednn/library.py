"""Finding and opening the oneDNN library.

Where Paddle is installed its own ``libs/libdnnl.so.3`` is used, so that the process has one OpenMP
runtime; else the library of the ``onednn-cpu-gomp`` distribution, found through its RECORD (it
installs into ``<prefix>/lib``, which no import path leads to). Without either, ``onednn()`` is
None, callers take numpy's BLAS, and debug level 1 says so once.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
import sys
import threading
from ctypes import POINTER, c_char_p, c_float, c_int, c_int32, c_int64, c_size_t, c_uint, c_void_p
from functools import lru_cache
from pathlib import Path
from typing import Any

from dy2st.debug import log
from dy2st.runtime.cpu.onednn import constants as c
from dy2st.runtime.cpu.openmp import OpenMp, any_runtime, runtime_bound_to

_DISTRIBUTION = "onednn-cpu-gomp"
_OUT = POINTER(c_void_p)
_DIMS = POINTER(c_int64)
_P = c_void_p


class OnednnError(Exception):
    """A oneDNN function returned a status other than success; ``status`` is its number."""

    def __init__(self, status: int, where: str) -> None:
        self.status = status
        super().__init__(f"oneDNN: {where}: {c.STATUS.get(status, status)}")


class ExecArg(ctypes.Structure):
    """``dnnl_exec_arg_t``: which argument, and the ``dnnl_memory_t`` for it (16 bytes)."""

    _fields_ = [("arg", c_int), ("memory", c_void_p)]


# Argument types, so that a wrong call is an exception here and not a crash there.
_SIGNATURES: dict[str, list[Any]] = {
    "engine_create": [_OUT, c_int, c_size_t],
    "stream_create": [_OUT, _P, c_uint],
    "stream_destroy": [_P],
    "memory_desc_create_with_strides": [_OUT, c_int, _DIMS, c_int, _DIMS],
    "memory_desc_create_with_tag": [_OUT, c_int, _DIMS, c_int, c_int],
    "memory_desc_clone": [_OUT, _P],
    "memory_desc_reshape": [_OUT, _P, c_int, _DIMS],
    "memory_desc_permute_axes": [_OUT, _P, POINTER(c_int)],
    "memory_desc_create_submemory": [_OUT, _P, _DIMS, _DIMS],
    "memory_desc_query": [_P, c_int, _P],
    "memory_desc_destroy": [_P],
    "memory_create": [_OUT, _P, _P, _P],
    "memory_set_data_handle": [_P, _P],
    "memory_destroy": [_P],
    "primitive_desc_query": [_P, c_int, c_int, _P],
    "primitive_desc_next_impl": [_P],
    "primitive_desc_destroy": [_P],
    "primitive_create": [_OUT, _P],
    "primitive_destroy": [_P],
    "primitive_execute": [_P, _P, c_int, POINTER(ExecArg)],
    "primitive_attr_create": [_OUT],
    "primitive_attr_destroy": [_P],
    "primitive_attr_set_scratchpad_mode": [_P, c_int],
    "primitive_attr_set_post_ops": [_P, _P],
    "primitive_attr_set_scales_mask": [_P, c_int, c_int],
    "primitive_attr_set_fpmath_mode": [_P, c_int],
    "post_ops_create": [_OUT],
    "post_ops_destroy": [_P],
    "post_ops_append_sum": [_P, c_float, c_int32, c_int],
    "post_ops_append_eltwise": [_P, c_int, c_float, c_float],
    "post_ops_append_binary": [_P, c_int, _P],
    "reorder_primitive_desc_create": [_OUT, _P, _P, _P, _P, _P],
    "concat_primitive_desc_create": [_OUT, _P, _P, c_int, c_int, _P, _P],
    "binary_primitive_desc_create": [_OUT, _P, c_int, _P, _P, _P, _P],
    "eltwise_forward_primitive_desc_create": [
        *[_OUT, _P, c_int, c_int, _P, _P],
        *[c_float, c_float, _P],
    ],
    "softmax_forward_primitive_desc_create": [_OUT, _P, c_int, c_int, _P, _P, c_int, _P],
    "convolution_forward_primitive_desc_create": [
        *[_OUT, _P, c_int, c_int, _P, _P, _P, _P],
        *[_DIMS, _DIMS, _DIMS, _DIMS, _P],
    ],
    "deconvolution_forward_primitive_desc_create": [
        *[_OUT, _P, c_int, c_int, _P, _P, _P, _P],
        *[_DIMS, _DIMS, _DIMS, _DIMS, _P],
    ],
    "pooling_forward_primitive_desc_create": [
        *[_OUT, _P, c_int, c_int, _P, _P],
        *[_DIMS, _DIMS, _DIMS, _DIMS, _DIMS, _P],
    ],
    "matmul_primitive_desc_create": [_OUT, _P, _P, _P, _P, _P, _P],
    "inner_product_forward_primitive_desc_create": [_OUT, _P, c_int, _P, _P, _P, _P, _P],
    "vanilla_rnn_forward_primitive_desc_create": [
        *[_OUT, _P, c_int, c_int, c_int, _P, _P, _P, _P, _P, _P, _P],
        *[c_uint, c_float, c_float, _P],
    ],
    "lstm_forward_primitive_desc_create": [
        *[_OUT, _P, c_int, c_int, _P, _P, _P, _P, _P, _P, _P, _P, _P, _P, _P],
        *[c_uint, _P],
    ],
    "gru_forward_primitive_desc_create": [
        *[_OUT, _P, c_int, c_int, _P, _P, _P, _P, _P, _P, _P],
        *[c_uint, _P],
    ],
    "lbr_gru_forward_primitive_desc_create": [
        *[_OUT, _P, c_int, c_int, _P, _P, _P, _P, _P, _P, _P],
        *[c_uint, _P],
    ],
    "set_primitive_cache_capacity": [c_int],
}


class _Version(ctypes.Structure):
    _fields_ = [
        ("major", c_int),
        ("minor", c_int),
        ("patch", c_int),
        ("hash", c_char_p),
        ("cpu_runtime", c_uint),
        ("gpu_runtime", c_uint),
    ]


class Onednn:
    """An open oneDNN library with its CPU engine.

    ``call(name, *args)`` calls ``dnnl_<name>`` and raises ``OnednnError`` on failure; ``make``
    is for functions whose first parameter receives a new handle. ``address(name)`` is for
    native code.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._library = ctypes.CDLL(path)
        self._functions = {name: self._function(name) for name in _SIGNATURES}
        self._desc_size = self._library.dnnl_memory_desc_get_size
        self._desc_size.argtypes, self._desc_size.restype = [c_void_p], c_size_t
        self._desc_blob = getattr(self._library, "dnnl_memory_desc_get_blob", None)
        if self._desc_blob is not None:
            self._desc_blob.argtypes = [c_void_p, POINTER(c_size_t), c_void_p]
        describe = self._library.dnnl_version
        describe.restype = POINTER(_Version)
        found = describe().contents
        self.version: tuple[int, int, int] = (found.major, found.minor, found.patch)
        if found.major != 3:
            raise OSError(f"{path} is oneDNN {found.major}, not 3")
        self.engine = self.make("engine_create", c.CPU, 0)
        self.openmp = runtime_bound_to(self.address("primitive_execute"))
        self._streams = threading.local()

    def _function(self, name: str) -> Any:
        function = getattr(self._library, f"dnnl_{name}")
        function.argtypes, function.restype = _SIGNATURES[name], c_int
        return function

    def call(self, name: str, *args: Any) -> None:
        status = self._functions[name](*args)
        if status:
            raise OnednnError(status, name)

    def make(self, name: str, *args: Any) -> int:
        """A new handle from ``dnnl_<name>(&handle, *args)``."""
        handle = c_void_p()
        self.call(name, ctypes.byref(handle), *args)
        assert handle.value is not None
        return handle.value

    def query_desc(self, desc: int, what: int, kind: Any) -> Any:
        """One property of a memory descriptor, as a ctypes value of type ``kind``."""
        value = kind()
        self.call("memory_desc_query", desc, what, ctypes.byref(value))
        return value

    def desc_size(self, desc: int) -> int:
        """Bytes that a buffer of this layout needs, filling included."""
        return int(self._desc_size(desc))

    def desc_blob(self, desc: int) -> bytes:
        """A descriptor's own bytes: what tells opaque layouts apart. Before 3.4 the library has
        no function for it, and the handle itself stands in (no two opaque layouts are equal)."""
        if self._desc_blob is None:
            return desc.to_bytes(8, "little")
        size = c_size_t()
        self._desc_blob(None, ctypes.byref(size), desc)
        blob = ctypes.create_string_buffer(size.value)
        self._desc_blob(blob, ctypes.byref(size), desc)
        return blob.raw

    def destroy(self, kind: str, handle: int) -> None:
        self._functions[f"{kind}_destroy"](handle)

    def address(self, name: str) -> int:
        """The address of ``dnnl_<name>``."""
        return ctypes.cast(self._functions[name], c_void_p).value or 0

    @property
    def stream(self) -> int:
        """This Python thread's stream on the CPU engine. Streams of the OpenMP build hold no
        state, so native entries may use one made in another thread."""
        stream = getattr(self._streams, "value", None)
        if stream is None:
            stream = self._streams.value = self.make("stream_create", self.engine, c.STREAM_DEFAULT)
        return int(stream)


def _paddle_library() -> Path | None:
    """Paddle's own oneDNN, without importing Paddle."""
    module = sys.modules.get("paddle")
    spec = getattr(module, "__spec__", None)
    if spec is None:
        try:
            spec = importlib.util.find_spec("paddle")
        except (ImportError, ValueError):
            return None
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "libs" / "libdnnl.so.3"
        if path.is_file():
            return path
    return None


def _wheel_library() -> Path | None:
    """The library that the oneDNN distribution installed, named by its RECORD."""
    try:
        files = importlib.metadata.files(_DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.name == "libdnnl.so.3":
            path = Path(str(file.locate())).resolve()
            return path if path.is_file() else None
    return None


def _open_paddle(path: Path) -> Onednn:
    """Open Paddle's library bound to Paddle's OpenMP runtime.

    When Paddle is imported later, its own code uses libiomp5. Loading that one first and
    globally makes libdnnl bind to it; afterwards nothing could be changed.
    """
    if "paddle" not in sys.modules:
        iomp = path.with_name("libiomp5.so")
        if iomp.is_file():
            ctypes.CDLL(str(iomp), mode=ctypes.RTLD_GLOBAL)
    return Onednn(str(path))


@lru_cache(maxsize=1)
def onednn() -> Onednn | None:
    """The oneDNN library of this process, opened once; None on a machine without it."""
    for find, load in ((_paddle_library, _open_paddle), (_wheel_library, _open_wheel)):
        path = find()
        if path is None:
            continue
        try:
            library = load(path)
        except (OSError, AttributeError, OnednnError) as error:
            log(1, f"oneDNN at {path} cannot be used: {error}")
            continue
        log(2, f"oneDNN {'.'.join(map(str, library.version))} from {path}")
        return library
    log(1, "no oneDNN library: matrix products and convolutions use numpy's BLAS, slower")
    return None


def _open_wheel(path: Path) -> Onednn:
    return Onednn(str(path))


@lru_cache(maxsize=1)
def openmp() -> OpenMp | None:
    """The OpenMP runtime that kernels and oneDNN share; None where there is none (one thread)."""
    library = onednn()
    if library is not None:
        return library.openmp
    runtime = any_runtime()
    if runtime is None:
        log(1, "no OpenMP runtime: the CPU runtime uses one thread")
    return runtime
