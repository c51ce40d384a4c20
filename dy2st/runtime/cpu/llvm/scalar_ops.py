"""One scalar operation of an expression as LLVM instructions, for any dtype and lane count."""

from __future__ import annotations

import math
from collections.abc import Callable

from dy2st.errors import InternalError
from dy2st.runtime.cpu.llvm import mathlib
from dy2st.runtime.cpu.llvm.text import BITS, LLVM_TYPE, UNSIGNED, V, Writer
from dy2st.runtime.cpu.scalar import is_float, is_int

# float32 functions that have no polynomial yet, and all of float64's: libm, lane by lane.
LIBM_UNARY = frozenset(
    ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "asin",
     "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "erf", "lgamma")
)  # fmt: skip
_PREDICATES = {
    "eq": ("oeq", "eq", "eq"),
    "ne": ("une", "ne", "ne"),
    "lt": ("olt", "slt", "ult"),
    "le": ("ole", "sle", "ule"),
    "gt": ("ogt", "sgt", "ugt"),
    "ge": ("oge", "sge", "uge"),
}
INT_MIN = {"int8": -(1 << 7), "int16": -(1 << 15), "int32": -(1 << 31), "int64": -(1 << 63)}


def compare(w: Writer, op: str, a: V, b: V) -> V:
    """A comparison by our name, as the dtype needs it."""
    floating, signed, unsigned = _PREDICATES[op]
    if is_float(a.dtype):
        return w.compare(floating, a, b)
    return w.compare(unsigned if a.dtype in UNSIGNED else signed, a, b)


# -- conversions ---------------------------------------------------------------------------------


def cast(w: Writer, a: V, dtype: str) -> V:
    """C's conversion, as x86 does it where the value does not fit."""
    if a.dtype == dtype:
        return a
    if dtype == "bool":
        return w.compare("une" if is_float(a.dtype) else "ne", a, w.like(0, a))
    if is_float(a.dtype):
        return _from_float(w, a, dtype)
    if is_float(dtype):
        return w.convert("uitofp" if a.dtype in UNSIGNED else "sitofp", a, dtype)
    return _int_to_int(w, a, dtype)


def _from_float(w: Writer, a: V, dtype: str) -> V:
    if is_float(dtype):
        wider = BITS[LLVM_TYPE[dtype]] > BITS[LLVM_TYPE[a.dtype]]
        return w.convert("fpext" if wider else "fptrunc", a, dtype)
    if dtype in ("int8", "uint8", "int16"):
        return _int_to_int(w, w.convert("fptosi", a, "int32"), dtype)
    return w.convert("fptosi", a, dtype)


def _int_to_int(w: Writer, a: V, dtype: str) -> V:
    old, new = BITS[LLVM_TYPE[a.dtype]], BITS[LLVM_TYPE[dtype]]
    if old == new:
        return V(a.name, dtype, a.lanes, a.number)
    if new < old:
        return w.convert("trunc", a, dtype)
    return w.convert("zext" if a.dtype in UNSIGNED else "sext", a, dtype)


def round_to(w: Writer, a: V, dtype: str) -> V:
    """A float32 rounded to float16 or bfloat16, kept as float32."""
    if dtype == "float16":
        return half_value(w, half_bits(w, a))
    return bfloat_value(w, bfloat_bits(w, a))


def half_bits(w: Writer, a: V) -> V:
    """The int16 bits of a float32 rounded to nearest even float16."""
    if w.native_half:
        return w.convert("bitcast", w.convert("fptrunc", a, "float16"), "int16")
    bits = w.convert("bitcast", a, "int32")
    sign = w.op("and", bits, w.like(-(1 << 31), bits))
    size = w.op("xor", bits, sign)
    special = w.select(
        w.compare("ugt", size, w.like(0x7F800000, bits)), w.like(0x7E00, bits), w.like(0x7C00, bits)
    )
    # Adding one half shifts a denormal's bits to the bottom, rounded by the hardware.
    half = w.convert("bitcast", w.like(0x3F000000, bits), "float32")
    tiny = w.add(w.convert("bitcast", size, "float32"), half)
    denormal = w.sub(w.convert("bitcast", tiny, "int32"), w.like(0x3F000000, bits))
    odd = w.op("and", w.op("lshr", size, w.like(13, bits)), w.like(1, bits))
    moved = w.add(w.add(size, w.like(((15 - 127) << 23) + 0xFFF, bits)), odd)
    normal = w.op("lshr", moved, w.like(13, bits))
    out = w.select(w.compare("ult", size, w.like(0x38800000, bits)), denormal, normal)
    out = w.select(w.compare("uge", size, w.like(0x47800000, bits)), special, out)
    out = w.op("or", out, w.op("lshr", sign, w.like(16, bits)))
    return w.convert("trunc", out, "int16")


def half_value(w: Writer, bits: V) -> V:
    """The float32 of float16 bits held as int16."""
    if w.native_half:
        return w.convert("fpext", w.convert("bitcast", bits, "float16"), "float32")
    wide = w.convert("zext", bits, "int32")
    sign = w.op("shl", w.op("and", wide, w.like(0x8000, wide)), w.like(16, wide))
    size = w.op("and", wide, w.like(0x7FFF, wide))
    moved = w.op("shl", size, w.like(13, wide))
    scale = w.const(2.0**112, "float32", bits.lanes)
    scaled = w.mul(w.convert("bitcast", moved, "float32"), scale)
    special = w.op("or", moved, w.like(0x7F800000, wide))
    big = w.compare("uge", size, w.like(0x7C00, wide))
    out = w.select(big, special, w.convert("bitcast", scaled, "int32"))
    return w.convert("bitcast", w.op("or", out, sign), "float32")


def bfloat_bits(w: Writer, a: V) -> V:
    """The int16 bits of a float32 rounded to nearest even bfloat16; NaN stays NaN."""
    bits = w.convert("bitcast", a, "int32")
    odd = w.op("and", w.op("lshr", bits, w.like(16, bits)), w.like(1, bits))
    rounded = w.add(bits, w.add(odd, w.like(0x7FFF, bits)))
    quiet = w.op("or", bits, w.like(0x400000, bits))
    kept = w.select(w.compare("uno", a, a), quiet, rounded)
    return w.convert("trunc", w.op("lshr", kept, w.like(16, bits)), "int16")


def bfloat_value(w: Writer, bits: V) -> V:
    """The float32 of bfloat16 bits held as int16."""
    wide = w.op("shl", w.convert("zext", bits, "int32"), w.const(16, "int32", bits.lanes))
    return w.convert("bitcast", wide, "float32")


# -- unary ---------------------------------------------------------------------------------------


def _abs(w: Writer, a: V) -> V:
    if is_float(a.dtype):
        return w.fabs(a)
    if a.dtype in UNSIGNED:
        return a
    return w.select(w.compare("slt", a, w.like(0, a)), w.neg(a), a)


def _sign(w: Writer, a: V) -> V:
    zero, one = w.like(0, a), w.like(1, a)
    if a.dtype in UNSIGNED:
        return w.select(w.compare("ne", a, zero), one, zero)
    positive = w.select(compare(w, "gt", a, zero), one, zero)
    out = w.select(compare(w, "lt", a, zero), w.like(-1, a), positive)
    if is_float(a.dtype):
        out = w.select(w.compare("uno", a, a), a, out)
    return out


def _relu(w: Writer, a: V) -> V:
    zero = w.like(0, a)
    if a.dtype in UNSIGNED:
        return a
    # As eager Paddle: NaN and -0.0 become 0.0.
    return w.select(compare(w, "gt", a, zero), a, zero)


def _isfinite(w: Writer, a: V) -> V:
    return w.compare("olt", w.fabs(a), w.like(math.inf, a))


def _not(w: Writer, a: V) -> V:
    return w.op("xor", a, w.like(True if a.dtype == "bool" else -1, a))


def _rsqrt(w: Writer, a: V) -> V:
    return w.op("fdiv", w.like(1.0, a), w.intrinsic("sqrt", a))


def _sigmoid64(w: Writer, a: V) -> V:
    one = w.like(1.0, a)
    return w.op("fdiv", one, w.add(one, w.per_lane("exp", w.neg(a))))


UNARY: dict[str, Callable[[Writer, V], V]] = {
    "neg": lambda w, a: w.neg(a),
    "abs": _abs,
    "sign": _sign,
    "relu": _relu,
    "isnan": lambda w, a: w.compare("uno", a, a),
    "isinf": lambda w, a: w.compare("oeq", w.fabs(a), w.like(math.inf, a)),
    "isfinite": _isfinite,
    "not_": _not,
    "sqrt": lambda w, a: w.intrinsic("sqrt", a),
    "rsqrt": _rsqrt,
    "reciprocal": lambda w, a: w.op("fdiv", w.like(1.0, a), a),
    "floor": lambda w, a: w.intrinsic("floor", a),
    "ceil": lambda w, a: w.intrinsic("ceil", a),
    "trunc": lambda w, a: w.intrinsic("trunc", a),
    "round": mathlib.round_half_away,
    "rint": lambda w, a: w.intrinsic("rint", a),
    "sigmoid": _sigmoid64,
}

# -- binary --------------------------------------------------------------------------------------


def _extreme(op: str) -> Callable[[Writer, V, V], V]:
    def function(w: Writer, a: V, b: V) -> V:
        if b.number is not None:
            a, b = b, a
        best = w.select(compare(w, op, a, b), a, b)
        # Against a number, which comes first, the comparison with NaN has chosen NaN already.
        number = a.number is not None and not math.isnan(a.number)
        if is_float(a.dtype) and not number:
            # A comparison with NaN chose b; a's NaN must win too.
            best = w.select(w.compare("uno", a, a), a, best)
        return best

    return function


def _ignoring_nan(op: str) -> Callable[[Writer, V, V], V]:
    def function(w: Writer, a: V, b: V) -> V:
        best = w.select(compare(w, op, a, b), a, b)
        return w.select(w.compare("uno", b, b), a, best)

    return function


def _float_mod(w: Writer, a: V, b: V) -> V:
    rest = w.op("frem", a, b)
    zero = w.like(0.0, a)
    differ = w.op("xor", w.compare("olt", rest, zero), w.compare("olt", b, zero))
    wrong = w.op("and", differ, w.compare("one", rest, zero))
    return w.select(wrong, w.add(rest, b), rest)


def _float_floordiv(w: Writer, a: V, b: V) -> V:
    """Python's ``//``: from the remainder, so that it agrees with ``mod``; a / b where b is 0."""
    zero, one, half = w.like(0.0, a), w.like(1.0, a), w.like(0.5, a)
    ratio = w.op("fdiv", a, b)
    rest = w.op("frem", a, b)
    quotient = w.op("fdiv", w.sub(a, rest), b)
    differ = w.op("xor", w.compare("olt", rest, zero), w.compare("olt", b, zero))
    wrong = w.op("and", differ, w.compare("one", rest, zero))
    quotient = w.select(wrong, w.sub(quotient, one), quotient)
    whole = w.intrinsic("floor", quotient)
    low = w.compare("ogt", w.sub(quotient, whole), half)
    whole = w.select(low, w.add(whole, one), whole)
    is_zero = w.compare("oeq", quotient, zero)
    whole = w.select(is_zero, w.intrinsic("copysign", zero, ratio), whole)
    return w.select(w.compare("oeq", b, zero), ratio, whole)


def _integer_division(op: str, w: Writer, a: V, b: V) -> V:
    """div, floordiv or mod; the divisor is already safe (neither 0 nor -1 under the minimum)."""
    sign = "u" if a.dtype in UNSIGNED else "s"
    if op == "div" or (op == "floordiv" and sign == "u"):
        return w.op(f"{sign}div", a, b)
    rest = w.op(f"{sign}rem", a, b)
    if sign == "u":
        return rest
    zero = w.like(0, a)
    differ = w.op("xor", w.compare("slt", rest, zero), w.compare("slt", b, zero))
    wrong = w.op("and", differ, w.compare("ne", rest, zero))
    if op == "mod":
        return w.add(rest, w.select(wrong, b, zero))
    quotient = w.op("sdiv", a, b)
    return w.sub(quotient, w.select(wrong, w.like(1, a), zero))


def safe_divisor(w: Writer, a: V, b: V) -> tuple[V, V]:
    """(divisor that cannot trap, where it was zero)."""
    zero = w.compare("eq", b, w.like(0, b))
    bad = zero
    if a.dtype not in UNSIGNED:
        lowest = w.compare("eq", a, w.like(INT_MIN[a.dtype], a))
        minus = w.compare("eq", b, w.like(-1, b))
        bad = w.op("or", bad, w.op("and", lowest, minus))
    return w.select(bad, w.like(1, b), b), zero


def _shift(op: str) -> Callable[[Writer, V, V], V]:
    def function(w: Writer, a: V, b: V) -> V:
        name = "shl" if op == "shl" else "lshr" if a.dtype in UNSIGNED else "ashr"
        bits = BITS[LLVM_TYPE[a.dtype]]
        # Shifting by the width or more gives 0, or the sign.
        big = w.compare("uge", b, w.like(bits, b))
        safe = w.select(big, w.like(bits - 1, b), b)
        out = w.op(name, a, safe)
        return out if name == "ashr" else w.select(big, w.like(0, a), out)

    return function


def _pow(w: Writer, a: V, b: V) -> V:
    if is_int(a.dtype):
        # As Paddle: through float64, rounded.
        wide = w.per_lane("pow", cast(w, a, "float64"), cast(w, b, "float64"))
        return cast(w, w.intrinsic("rint", wide), a.dtype)
    if b.number is not None:
        simple = _constant_power(w, a, float(b.number))
        if simple is not None:
            return simple
    return w.per_lane("powf" if a.dtype == "float32" else "pow", a, b)


def _constant_power(w: Writer, a: V, exponent: float) -> V | None:
    if exponent == 1.0:
        return a
    if exponent == 2.0:
        return w.mul(a, a)
    if exponent == 3.0:
        return w.mul(w.mul(a, a), a)
    if exponent == -1.0:
        return w.op("fdiv", w.like(1.0, a), a)
    if abs(exponent) == 0.5:
        # pow(-inf, 0.5) is inf and pow(-0.0, 0.5) is 0.0, unlike sqrt.
        positive = w.add(a, w.like(0.0, a))
        root = w.intrinsic("sqrt", positive)
        minus_inf = w.compare("oeq", a, w.like(-math.inf, a))
        root = w.select(minus_inf, w.like(math.inf, a), root)
        return root if exponent > 0 else w.op("fdiv", w.like(1.0, a), root)
    return None


BINARY: dict[str, Callable[[Writer, V, V], V]] = {
    "add": lambda w, a, b: w.add(a, b),
    "sub": lambda w, a, b: w.sub(a, b),
    "mul": lambda w, a, b: w.mul(a, b),
    "max": _extreme("gt"),
    "min": _extreme("lt"),
    "fmax": _ignoring_nan("gt"),
    "fmin": _ignoring_nan("lt"),
    "fmod": lambda w, a, b: w.op("frem", a, b),
    "copysign": lambda w, a, b: w.intrinsic("copysign", a, b),
    "atan2": lambda w, a, b: w.per_lane("atan2f" if a.dtype == "float32" else "atan2", a, b),
    "pow": _pow,
    "and_": lambda w, a, b: w.op("and", a, b),
    "or_": lambda w, a, b: w.op("or", a, b),
    "xor": lambda w, a, b: w.op("xor", a, b),
    "shl": _shift("shl"),
    "shr": _shift("shr"),
}


def _division(w: Writer, op: str, a: V, b: V) -> V:
    if not is_float(a.dtype):
        return _integer_division(op, w, a, b)
    if op == "div":
        return w.op("fdiv", a, b)
    return _float_floordiv(w, a, b) if op == "floordiv" else _float_mod(w, a, b)


def emit(w: Writer, op: str, dtype: str, args: list[V]) -> V:
    """``op`` over ``args`` (equal lanes; a divisor of integers made safe by the caller)."""
    if op in _PREDICATES:
        return compare(w, op, args[0], args[1])
    if op in ("div", "floordiv", "mod"):
        return _division(w, op, args[0], args[1])
    if op == "select":
        return w.select(*args)
    if op == "fma":
        if is_float(dtype):
            return w.fma(*args)
        return w.add(w.mul(args[0], args[1]), args[2])
    if len(args) == 2 and op in BINARY:
        return BINARY[op](w, *args)
    a = args[0]
    if a.dtype == "float32" and op in mathlib.FLOAT32:
        return mathlib.FLOAT32[op](w, a)
    if op in UNARY:
        return UNARY[op](w, a)
    if op in LIBM_UNARY:
        return w.per_lane(op + ("f" if a.dtype == "float32" else ""), a)
    raise InternalError(f"no code for the scalar operation {op!r} over {a.dtype}")
