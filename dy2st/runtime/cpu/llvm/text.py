"""Writing LLVM IR as text: typed values, and one method for each instruction that is needed."""

from __future__ import annotations

import struct

from dy2st.records import record
from dy2st.runtime.cpu.scalar import is_float

LLVM_TYPE = {
    "bool": "i1",
    "int8": "i8",
    "uint8": "i8",
    "int16": "i16",
    "int32": "i32",
    "uint32": "i32",
    "int64": "i64",
    "uint64": "i64",
    "float16": "half",
    "bfloat16": "bfloat",
    "float32": "float",
    "float64": "double",
    # Complex numbers are only moved: as so many bits.
    "complex64": "i64",
    "complex128": "i128",
}
MEMORY_TYPE = {**LLVM_TYPE, "bool": "i8", "bfloat16": "i16", "float16": "i16"}
# What memory holds, as a dtype of ``V``.
HELD = {"bool": "uint8", "bfloat16": "int16", "float16": "int16"}
BITS = {
    "i1": 1,
    "i8": 8,
    "i16": 16,
    "i32": 32,
    "i64": 64,
    "i128": 128,
    "half": 16,
    "float": 32,
    "double": 64,
}
UNSIGNED = ("bool", "uint8", "uint32", "uint64")


@record(frozen=True)
class V:
    """An SSA value or a constant (whose ``number`` is kept): ``lanes`` 0 is a scalar."""

    name: str
    dtype: str
    lanes: int
    number: int | float | bool | None = None

    @property
    def type(self) -> str:
        """Its LLVM type."""
        return type_of(self.dtype, self.lanes)

    def __str__(self) -> str:
        return f"{self.type} {self.name}"


def type_of(dtype: str, lanes: int) -> str:
    """The LLVM type of ``lanes`` values (0: one scalar) of ``dtype``."""
    element = LLVM_TYPE[dtype]
    return f"<{lanes} x {element}>" if lanes else element


def literal(value: int | float | bool, dtype: str) -> str:
    """``value`` as LLVM writes a constant of ``dtype``."""
    if dtype == "bool":
        return "true" if value else "false"
    if not is_float(dtype):
        return str(int(value))
    as_double = float(value)
    if dtype != "float64":
        try:
            (as_double,) = struct.unpack("<f", struct.pack("<f", as_double))
        except OverflowError:
            as_double = float("inf") if as_double > 0 else float("-inf")
    (bits,) = struct.unpack("<Q", struct.pack("<d", as_double))
    return f"0x{bits:016X}"


class Writer:
    """Appends instructions to ``out``; names are unique in the function.

    ``native_half``: the machine converts float16; without, LLVM would call a function that nobody
    has.
    """

    def __init__(self, native_half: bool = True) -> None:
        self.native_half = native_half
        self.out: list[str] = []
        self.count = 0
        self.declared: set[str] = set()

    def fresh(self, prefix: str = "t") -> str:
        """A new number for a name or label."""
        self.count += 1
        return f"{prefix}{self.count}"

    def line(self, text: str) -> None:
        """A line without a result."""
        self.out.append(text)

    def value(self, text: str, dtype: str, lanes: int) -> V:
        """A line with a result of ``dtype``."""
        name = "%" + self.fresh()
        self.out.append(f"{name} = {text}")
        return V(name, dtype, lanes)

    # -- constants and shapes --------------------------------------------------------------------

    def const(self, value: int | float | bool, dtype: str, lanes: int = 0) -> V:
        """A constant, the same in every lane."""
        text = literal(value, dtype)
        name = f"splat ({LLVM_TYPE[dtype]} {text})" if lanes else text
        return V(name, dtype, lanes, value)

    def like(self, value: int | float | bool, v: V) -> V:
        """A constant of v's type."""
        return self.const(value, v.dtype, v.lanes)

    def splat(self, v: V, lanes: int) -> V:
        """A scalar in every lane."""
        if v.lanes or not lanes:
            return v
        if v.number is not None:
            return self.const(v.number, v.dtype, lanes)
        vector = type_of(v.dtype, lanes)
        one = self.value(f"insertelement {vector} poison, {v}, i64 0", v.dtype, lanes)
        return self.value(
            f"shufflevector {one}, {vector} poison, <{lanes} x i32> zeroinitializer",
            v.dtype,
            lanes,
        )

    # -- arithmetic ------------------------------------------------------------------------------

    def op(self, name: str, a: V, b: V) -> V:
        """A binary instruction over two values of one type."""
        return self.value(f"{name} {a}, {b.name}", a.dtype, a.lanes)

    def add(self, a: V, b: V) -> V:
        """``a + b`` for either kind."""
        return self.op("fadd" if is_float(a.dtype) else "add", a, b)

    def sub(self, a: V, b: V) -> V:
        """``a - b`` for either kind."""
        return self.op("fsub" if is_float(a.dtype) else "sub", a, b)

    def mul(self, a: V, b: V) -> V:
        """``a * b`` for either kind."""
        return self.op("fmul" if is_float(a.dtype) else "mul", a, b)

    def compare(self, predicate: str, a: V, b: V) -> V:
        """``icmp``/``fcmp`` with LLVM's predicate."""
        kind = "fcmp" if is_float(a.dtype) else "icmp"
        return self.value(f"{kind} {predicate} {a}, {b.name}", "bool", a.lanes)

    def select(self, c: V, a: V, b: V) -> V:
        """``a`` where ``c``."""
        return self.value(f"select {c}, {a}, {b}", a.dtype, a.lanes)

    def neg(self, a: V) -> V:
        """``-a``."""
        if is_float(a.dtype):
            return self.value(f"fneg {a}", a.dtype, a.lanes)
        return self.sub(self.like(0, a), a)

    def convert(self, instruction: str, a: V, dtype: str) -> V:
        """``sext``, ``fptosi``, ``bitcast`` ... to ``dtype``."""
        return self.value(f"{instruction} {a} to {type_of(dtype, a.lanes)}", dtype, a.lanes)

    def intrinsic(self, name: str, *args: V) -> V:
        """An overloaded intrinsic whose type is that of its first argument."""
        a = args[0]
        suffix = {"float": "f32", "double": "f64"}.get(LLVM_TYPE[a.dtype], LLVM_TYPE[a.dtype])
        full = f"@llvm.{name}.{f'v{a.lanes}' if a.lanes else ''}{suffix}"
        types = ", ".join(x.type for x in args)
        self.declared.add(f"declare {a.type} {full}({types})")
        return self.value(f"call {a.type} {full}({', '.join(map(str, args))})", a.dtype, a.lanes)

    def fma(self, a: V, b: V, c: V) -> V:
        """``a * b + c``, fused where the machine has it."""
        return self.intrinsic("fmuladd", a, b, c)

    def fabs(self, a: V) -> V:
        """``|a|`` of a float."""
        return self.intrinsic("fabs", a)

    def polynomial(self, x: V, coefficients: list[float]) -> V:
        """Horner's scheme, lowest power first."""
        acc = self.like(coefficients[-1], x)
        for c in reversed(coefficients[:-1]):
            acc = self.fma(acc, x, self.like(c, x))
        return acc

    def per_lane(self, function: str, *args: V) -> V:
        """A scalar C function applied to each lane."""
        dtype, lanes = args[0].dtype, args[0].lanes
        scalar = LLVM_TYPE[dtype]
        self.declared.add(f"declare {scalar} @{function}({', '.join([scalar] * len(args))})")
        if not lanes:
            return self.value(
                f"call {scalar} @{function}({', '.join(map(str, args))})", dtype, lanes
            )
        out = V("poison", dtype, lanes)
        for i in range(lanes):
            picked = [self.value(f"extractelement {a}, i64 {i}", dtype, 0) for a in args]
            one = self.per_lane(function, *picked)
            out = self.value(f"insertelement {out}, {one}, i64 {i}", dtype, lanes)
        return out

    def any_lane(self, v: V) -> V:
        """Whether a bool holds in any lane."""
        if not v.lanes:
            return v
        name = f"@llvm.vector.reduce.or.v{v.lanes}i1"
        self.declared.add(f"declare i1 {name}({v.type})")
        return self.value(f"call i1 {name}({v})", "bool", 0)
