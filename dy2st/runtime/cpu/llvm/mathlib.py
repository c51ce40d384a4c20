"""Elementary functions over float32 vectors, by polynomials; float64 goes to libm lane by lane.

Coefficients are printed by ``benchmarks/fit_math.py``. Every function gives libm's result within a
few units in the last place, and exactly for NaN, infinities, zeros and denormals.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from dy2st.runtime.cpu.llvm.text import V, Writer

_EXP = [
    0.4999999305071231,
    0.16666514791278397,
    0.04166845678980427,
    0.008369418846514742,
    0.0013813144393092474,
]
_LOG = [
    0.33333310438560004,
    -0.24999986623468556,
    0.200022266960493,
    -0.1666924957908289,
    0.14218655656900514,
    -0.12384368421217382,
    0.11873012854825764,
    -0.11789705217546773,
    0.06915165913410075,
]
_TANH = [
    -0.3333326288218624,
    0.13330899758580567,
    -0.05369296785966695,
    0.02048331559363323,
    -0.0055286331740313725,
]
_ERF_SMALL = [
    0.1283791664947908,
    -0.3761263228573583,
    0.11283672546307603,
    -0.026858104324148376,
    0.00519779724344786,
    -0.0008105965873586387,
    8.2154265021176e-05,
]
_ERF_LARGE = [
    -1.1285570375326068,
    -0.6356009407577343,
    -0.10530963570658561,
    0.022723324534372813,
    -0.002960382501841257,
    6.047286879148222e-05,
    4.345402588136521e-05,
    -4.764293227590686e-06,
]
_SIN = [
    -0.16666666639558161,
    0.008333329143938317,
    -0.00019839256639357235,
    2.7175644960442913e-06,
]
_COS = [
    0.04166666661920509,
    -0.0013888883438482645,
    2.4799436420227008e-05,
    -2.720330452838541e-07,
]

_LN2_HIGH = 0.693359375  # nine bits, so that n * _LN2_HIGH is exact
_LN2_LOW = math.log(2) - _LN2_HIGH
_MAGIC = 12582912.0  # 1.5 * 2**23: adding it rounds to an integer in the low bits


def _exp_parts(w: Writer, x: V) -> tuple[V, V, V]:
    """(r, P(r), n) with x = n ln 2 + r and exp(r) = 1 + r + r^2 P(r); n as an int32."""
    t = w.fma(x, w.like(1 / math.log(2), x), w.like(_MAGIC, x))
    n = w.sub(t, w.like(_MAGIC, x))
    r = w.fma(n, w.like(-_LN2_HIGH, x), x)
    r = w.fma(n, w.like(-_LN2_LOW, x), r)
    whole = w.sub(w.convert("bitcast", t, "int32"), w.const(0x4B400000, "int32", x.lanes))
    return r, w.polynomial(r, _EXP), whole


def _power_of_two(w: Writer, n: V) -> V:
    biased = w.add(n, w.like(127, n))
    return w.convert("bitcast", w.op("shl", biased, w.like(23, n)), "float32")


def _scale(w: Writer, y: V, n: V) -> V:
    """y * 2**n for n in [-252, 254], rounded once (in two steps, for denormals and overflow)."""
    half = w.op("ashr", n, w.like(1, n))
    y = w.mul(y, _power_of_two(w, half))
    return w.mul(y, _power_of_two(w, w.sub(n, half)))


def _clamp(w: Writer, x: V, low: float, high: float) -> V:
    # The order of the operands lets NaN through.
    x = w.select(w.compare("ogt", x, w.like(high, x)), w.like(high, x), x)
    return w.select(w.compare("olt", x, w.like(low, x)), w.like(low, x), x)


def exp(w: Writer, x: V) -> V:
    """e**x."""
    r, p, n = _exp_parts(w, _clamp(w, x, -104.0, 89.0))
    y = w.add(w.fma(w.mul(r, r), p, r), w.like(1.0, x))
    return _scale(w, y, n)


def exp_negative(w: Writer, x: V) -> V:
    """e**x for x <= 0 whose result may be flushed to zero below 2**-126 (inside other functions)."""
    x = w.select(w.compare("olt", x, w.like(-87.0, x)), w.like(-87.0, x), x)
    r, p, n = _exp_parts(w, x)
    y = w.add(w.fma(w.mul(r, r), p, r), w.like(1.0, x))
    return w.mul(y, _power_of_two(w, n))


def exp2(w: Writer, x: V) -> V:
    """2**x, exact for integers."""
    x = _clamp(w, x, -152.0, 129.0)
    t = w.add(x, w.like(_MAGIC, x))
    n = w.sub(t, w.like(_MAGIC, x))
    r = w.mul(w.sub(x, n), w.like(math.log(2), x))
    y = w.add(w.fma(w.mul(r, r), w.polynomial(r, _EXP), r), w.like(1.0, x))
    whole = w.sub(w.convert("bitcast", t, "int32"), w.const(0x4B400000, "int32", x.lanes))
    return _scale(w, y, whole)


def expm1(w: Writer, x: V) -> V:
    """e**x - 1, accurate near zero."""
    near = w.fma(w.mul(x, x), w.polynomial(x, _EXP), x)
    far = w.sub(exp(w, x), w.like(1.0, x))
    y = w.select(w.compare("olt", w.fabs(x), w.like(0.345, x)), near, far)
    return w.select(w.compare("oeq", x, w.like(0.0, x)), x, y)


def _log_parts(w: Writer, x: V) -> tuple[V, V]:
    """(e, log m) with x = 2**e m, m in [sqrt(1/2), sqrt(2)), for positive finite x."""
    tiny = w.compare("olt", x, w.like(2.0**-126, x))
    x = w.select(tiny, w.mul(x, w.like(2.0**23, x)), x)
    bits = w.convert("bitcast", x, "int32")
    shifted = w.sub(bits, w.like(0x3F3504F3, bits))
    e = w.op("ashr", shifted, w.like(23, bits))
    m = w.convert("bitcast", w.sub(bits, w.op("shl", e, w.like(23, bits))), "float32")
    e = w.sub(e, w.select(tiny, w.like(23, bits), w.like(0, bits)))
    f = w.sub(m, w.like(1.0, x))
    square = w.mul(f, f)
    tail = w.mul(w.mul(square, f), w.polynomial(f, _LOG))
    return w.convert("sitofp", e, "float32"), w.add(f, w.fma(square, w.like(-0.5, x), tail))


def _log_special(w: Writer, x: V, y: V) -> V:
    zero = w.like(0.0, x)
    y = w.select(w.compare("oeq", x, w.like(math.inf, x)), x, y)
    y = w.select(w.compare("oeq", x, zero), w.like(-math.inf, x), y)
    # Below zero, and NaN itself.
    return w.select(w.compare("ult", x, zero), w.like(math.nan, x), y)


def log(w: Writer, x: V) -> V:
    """Natural logarithm."""
    e, m = _log_parts(w, x)
    y = w.fma(e, w.like(_LN2_HIGH, x), w.fma(e, w.like(_LN2_LOW, x), m))
    return _log_special(w, x, y)


def log2(w: Writer, x: V) -> V:
    """Logarithm to base 2, exact for powers of two."""
    e, m = _log_parts(w, x)
    return _log_special(w, x, w.fma(m, w.like(1 / math.log(2), x), e))


def log10(w: Writer, x: V) -> V:
    """Logarithm to base 10."""
    e, m = _log_parts(w, x)
    y = w.fma(e, w.like(math.log10(2), x), w.mul(m, w.like(1 / math.log(10), x)))
    return _log_special(w, x, y)


def log1p(w: Writer, x: V) -> V:
    """log(1 + x), accurate near zero."""
    u = w.add(x, w.like(1.0, x))
    lost = w.sub(x, w.sub(u, w.like(1.0, x)))
    e, m = _log_parts(w, u)
    m = w.add(m, w.op("fdiv", lost, u))
    y = w.fma(e, w.like(_LN2_HIGH, x), w.fma(e, w.like(_LN2_LOW, x), m))
    y = _log_special(w, u, y)
    # Where nothing was added to one, x itself (keeps -0.0 and denormals).
    return w.select(w.compare("olt", w.fabs(x), w.like(2.0**-25, x)), x, y)


def _copysign(w: Writer, magnitude: V, sign: V) -> V:
    return w.intrinsic("copysign", magnitude, sign)


def tanh(w: Writer, x: V) -> V:
    """Hyperbolic tangent."""
    a = w.fabs(x)
    s = w.mul(x, x)
    near = w.fma(w.mul(a, s), w.polynomial(s, _TANH), a)
    e = exp_negative(w, w.mul(a, w.like(-2.0, x)))
    one = w.like(1.0, x)
    far = w.op("fdiv", w.sub(one, e), w.add(one, e))
    small = w.compare("olt", a, w.like(0.625, x))
    return _copysign(w, w.select(small, near, far), x)


def sigmoid(w: Writer, x: V) -> V:
    """1 / (1 + e**-x)."""
    one = w.like(1.0, x)
    return w.op("fdiv", one, w.add(one, exp(w, w.neg(x))))


def erf(w: Writer, x: V) -> V:
    """Error function."""
    a = w.fabs(x)
    near = w.fma(x, w.polynomial(w.mul(x, x), _ERF_SMALL), x)
    t = w.select(w.compare("ogt", a, w.like(4.0, x)), w.like(4.0, x), a)
    far = w.sub(w.like(1.0, x), exp_negative(w, w.mul(t, w.polynomial(t, _ERF_LARGE))))
    small = w.compare("olt", a, w.like(0.94, x))
    return w.select(small, near, _copysign(w, far, x))


def _sinh_parts(w: Writer, x: V) -> tuple[V, V, V]:
    a = w.fabs(x)
    half = exp(w, w.mul(a, w.like(0.5, x)))
    huge = w.mul(w.mul(half, w.like(0.5, x)), half)
    return a, huge, w.compare("ogt", a, w.like(20.0, x))


def sinh(w: Writer, x: V) -> V:
    """Hyperbolic sine."""
    a, huge, big = _sinh_parts(w, x)
    t = expm1(w, a)
    one = w.like(1.0, x)
    small = w.mul(w.add(t, w.op("fdiv", t, w.add(t, one))), w.like(0.5, x))
    return _copysign(w, w.select(big, huge, small), x)


def cosh(w: Writer, x: V) -> V:
    """Hyperbolic cosine."""
    a, huge, big = _sinh_parts(w, x)
    e = exp(w, a)
    small = w.mul(w.add(e, w.op("fdiv", w.like(1.0, x), e)), w.like(0.5, x))
    return w.select(big, huge, small)


def _sin_cos(w: Writer, x: V, quarter_turns: int) -> V:
    """sin(x + quarter_turns pi/2) for |x| < 2**20: reduced in float64, the rest in float32."""
    d = w.convert("fpext", x, "float64")
    magic = w.like(6755399441055744.0, d)
    t = w.fma(d, w.like(2 / math.pi, d), magic)
    n = w.sub(t, magic)
    # pi/2 in two parts, the first of 33 bits, so that n * part is exact for n < 2**20.
    for part in _PI_2_PARTS:
        d = w.fma(n, w.like(-part, d), d)
    r = w.convert("fptrunc", d, "float32")
    s = w.mul(r, r)
    sine = w.fma(w.mul(r, s), w.polynomial(s, _SIN), r)
    tail = w.fma(w.mul(s, s), w.polynomial(s, _COS), w.like(1.0, r))
    cosine = w.fma(s, w.like(-0.5, r), tail)
    whole = w.add(w.convert("bitcast", t, "int64"), w.const(quarter_turns, "int64", x.lanes))
    q = w.convert("trunc", whole, "int32")
    odd = w.compare("ne", w.op("and", q, w.like(1, q)), w.like(0, q))
    y = w.select(odd, cosine, sine)
    flipped = w.compare("ne", w.op("and", q, w.like(2, q)), w.like(0, q))
    return w.select(flipped, w.neg(y), y)


def _split_pi() -> list[float]:
    # pi/2 = 1.57079632679489661923132169163975144209858469968755291...
    digits = 157079632679489661923132169163975144209858469968755291
    scale = 10**53
    parts, rest = [], digits
    for shift in (32, 85):
        whole = (rest << shift) // scale
        part = whole / 2**shift
        parts.append(part)
        rest -= whole * scale >> shift
    return parts


_PI_2_PARTS = _split_pi()


def _trigonometric(name: str, quarter_turns: int) -> Callable[[Writer, V], V]:
    def function(w: Writer, x: V) -> V:
        y = _sin_cos(w, x, quarter_turns)
        # Far from zero the reduction loses bits: libm, for the few that ever ask.
        far = w.compare("uge", w.fabs(x), w.like(1e5, x))
        label = w.fresh("far")
        any_far = w.any_lane(far)
        w.line(f"br label %{label}.from")
        w.line(f"{label}.from:")
        w.line(f"br i1 {any_far.name}, label %{label}, label %{label}.end")
        w.line(f"{label}:")
        exact = w.select(far, w.per_lane(name + "f", x), y)
        w.line(f"br label %{label}.end")
        w.line(f"{label}.end:")
        incoming = f"[ {y.name}, %{label}.from ], [ {exact.name}, %{label} ]"
        y = w.value(f"phi {x.type} {incoming}", x.dtype, x.lanes)
        if quarter_turns:
            return y
        return w.select(w.compare("oeq", x, w.like(0.0, x)), x, y)

    return function


def round_half_away(w: Writer, x: V) -> V:
    """C's round."""
    below_half = 0.49999997 if x.dtype == "float32" else 0.49999999999999994
    half = _copysign(w, w.like(below_half, x), x)
    return w.intrinsic("trunc", w.add(x, half))


FLOAT32: dict[str, Callable[[Writer, V], V]] = {
    "exp": exp,
    "exp2": exp2,
    "expm1": expm1,
    "log": log,
    "log2": log2,
    "log10": log10,
    "log1p": log1p,
    "tanh": tanh,
    "sigmoid": sigmoid,
    "erf": erf,
    "sinh": sinh,
    "cosh": cosh,
    "sin": _trigonometric("sin", 0),
    "cos": _trigonometric("cos", 1),
}
