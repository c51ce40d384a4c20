"""The process's one JIT: LLVM IR text to machine code, through the object cache.

An object holds no address of the process. The few functions of libm that it may call are bound by
name when it is loaded (registered here first, because LLVM ends the process on an unknown one).
"""

from __future__ import annotations

import ctypes
import ctypes.util
import hashlib
import platform
import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm

from dy2st.debug import dump_dir, log
from dy2st.errors import InternalError
from dy2st.records import record
from dy2st.runtime.cpu.cache import ObjectCache, default_folder
from dy2st.runtime.cpu.llvm.scalar_ops import LIBM_UNARY


@lru_cache(maxsize=1)
def codegen_version() -> str:
    """A digest of the code generator's own source: any change of it makes new objects."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


# What LLVM itself calls for operations that the machine lacks, beside what we call by name.
LIBM = (
    *sorted(LIBM_UNARY),
    "pow",
    "atan2",
    "fmod",
    "floor",
    "ceil",
    "trunc",
    "round",
    "rint",
    "fma",
)


@record(frozen=True)
class Host:
    """What code is generated for."""

    triple: str
    cpu: str
    features: str

    def has(self, feature: str) -> bool:
        """Whether the machine has ``feature`` (LLVM's name)."""
        return f"+{feature}" in self.features.split(",")

    @property
    def vector_bytes(self) -> int:
        """Width of the machine's vector registers that pays."""
        if self.has("avx512f") and self.has("avx512bw") and self.has("avx512dq"):
            return 64
        return 32 if self.has("avx2") else 16

    @property
    def identity(self) -> str:
        """Two hosts with equal identity may share objects."""
        return f"{self.triple}|{self.cpu}|{self.features}"


@lru_cache(maxsize=1)
def host() -> Host:
    """The machine that this process runs on."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features().flatten()
    return Host(llvm.get_process_triple(), llvm.get_host_cpu_name(), features)


class Engine:
    """Compiles, caches and loads; every function lives as long as the process."""

    def __init__(self, cache: ObjectCache | None = None, target: Host | None = None) -> None:
        self.host = target or host()
        self.cache = cache if cache is not None else ObjectCache(default_folder())
        self._lock = threading.RLock()
        self._functions: dict[str, int] = {}
        # The large code model: sections of an object are allocated one by one, and in a process with
        # large mappings code and its constants may lie more than 2 GB apart. The small model crashed
        # about one test run in three.
        self._machine = llvm.Target.from_triple(self.host.triple).create_target_machine(
            cpu=self.host.cpu, features=self.host.features, opt=1, reloc="static", codemodel="large"
        )
        self._jit: Any = None
        self._kept: list[Any] = []
        self.compiled = 0  # objects that had to be compiled; tests of the cache read it

    def function(self, key: str, make_ir: Any) -> int:
        """The address of the one function of the module ``make_ir(name)`` (IR text defining
        ``name``), compiled at most once for ``key`` on this kind of machine."""
        return self.functions([(key, make_ir)])[0]

    def functions(self, wanted: Sequence[tuple[str, Any]]) -> list[int]:
        """Like ``function`` for several, loaded together."""
        with self._lock:
            names = [_name(key) for key, _ in wanted]
            fresh = False
            for name, (key, make_ir) in zip(names, wanted, strict=True):
                if name not in self._functions:
                    self._load(self._object(key, name, make_ir))
                    self._functions[name] = 0
                    fresh = True
            if fresh:
                self._jit.finalize_object()
            for name in names:
                if not self._functions[name]:
                    self._functions[name] = self._jit.get_function_address(name)
                    if not self._functions[name]:
                        raise InternalError(f"kernel {name} is not in its object")
            return [self._functions[name] for name in names]

    def _object(self, key: str, name: str, make_ir: Any) -> bytes:
        full = "\n".join((key, f"codegen {codegen_version()}", self._versions()))
        found = self.cache.get(full)
        if found is not None:
            return found
        data = self.compile(make_ir(name), name)
        self.cache.put(full, data)
        return data

    def _versions(self) -> str:
        return f"{self.host.identity}|{llvmlite.__version__}|{llvm.llvm_version_info}"

    def compile(self, ir: str, name: str = "module") -> bytes:
        """Machine code (an ELF object) for the text of a module. Raises InternalError."""
        self.compiled += 1
        folder = dump_dir()
        if folder is not None:
            (folder / f"{name}.ll").write_text(ir)
        try:
            module = llvm.parse_assembly(ir)
            module.verify()
        except RuntimeError as error:
            raise InternalError(f"generated code is not valid LLVM IR: {error}") from error
        module.triple = self.host.triple
        module.data_layout = str(self._machine.target_data)
        # Kernels come out in order, hoisted and vectorised: only stack slots are left to clean up.
        builder = llvm.create_pass_builder(self._machine, llvm.PipelineTuningOptions(1))
        passes = llvm.create_new_function_pass_manager()
        passes.add_sroa_pass()
        for function in module.functions:
            if not function.is_declaration:
                passes.run(function, builder)
        data: bytes = self._machine.emit_object(module)
        log(5, f"compiled {name}: {len(ir)} bytes of IR, {len(data)} bytes of object")
        return data

    def _load(self, data: bytes) -> None:
        if self._jit is None:
            _register_libm()
            empty = llvm.parse_assembly("")
            self._jit = llvm.create_mcjit_compiler(empty, self._machine)
        reference = llvm.ObjectFileRef.from_data(data)
        self._jit.add_object_file(reference)
        self._kept.append(reference)


def _name(key: str) -> str:
    return "k_" + hashlib.sha256(key.encode()).hexdigest()[:24]


@lru_cache(maxsize=1)
def _register_libm() -> None:
    # find_library starts processes (50 ms), so the usual name comes first.
    for candidate in ("libm.so.6", None, ""):
        try:
            library = ctypes.CDLL(ctypes.util.find_library("m") if candidate == "" else candidate)
            library.exp  # noqa: B018
        except (OSError, AttributeError):
            continue
        for base in LIBM:
            for name in (base, base + "f"):
                try:
                    address = ctypes.cast(getattr(library, name), ctypes.c_void_p).value
                except AttributeError:
                    continue
                llvm.add_symbol(name, address)
        return
    raise InternalError(f"no libm found on {platform.platform()}")


@lru_cache(maxsize=1)
def engine() -> Engine:
    """The engine of this process, with the cache of ``DY2ST_CACHE_DIR``."""
    return Engine()
