"""Fit the polynomials of ``dy2st/runtime/cpu/llvm/mathlib.py`` and print them.

Weighted Remez-like exchange by iteratively reweighted Chebyshev least squares in float64; the
weight makes the *relative* error of the final function even. Run: ``python benchmarks/fit_math.py``.
"""

import math

import numpy as np


def fit(f, low, high, powers, weight, n=4000, rounds=200):
    """Coefficients c of ``sum c[i] * x**powers[i]`` close to f in the weighted maximum norm."""
    x = (low + high) / 2 - (high - low) / 2 * np.cos(np.pi * (np.arange(n) + 0.5) / n)
    y = np.array([f(v) for v in x])
    w = np.array([weight(v) for v in x])
    scale = max(abs(low), abs(high))
    basis = np.stack([(x / scale) ** p for p in powers], 1)
    lawson = np.ones(n) / n
    best = None
    for _ in range(rounds):
        root = np.sqrt(lawson) * w
        c, *_ = np.linalg.lstsq(basis * root[:, None], y * root, rcond=None)
        error = np.abs((basis @ c - y) * w)
        if best is None or error.max() < best[0]:
            best = (error.max(), c)
        lawson *= error
        lawson /= lawson.sum()
    return best[0], [float(v) / scale**p for v, p in zip(best[1], powers)]


def show(name, result):
    error, c = result
    print(f"{name}  # relative error {error:.2e}")
    print("   ", ", ".join(f"{v!r}" for v in c))


def main():
    h = math.log(2) / 2 * 1.01
    # exp(r) = 1 + r + r^2 * P(r)
    show(
        "EXP",
        fit(
            lambda r: (math.expm1(r) - r) / (r * r) if abs(r) > 1e-3 else 0.5 + r / 6 + r * r / 24,
            -h,
            h,
            range(5),
            lambda r: r * r / math.exp(r),
        ),
    )

    # log(1 + f) = f - f^2/2 + f^3 * P(f), f in [sqrt(1/2) - 1, sqrt(2) - 1]
    def log_tail(f):
        if abs(f) < 1e-2:
            return sum((-1) ** (k + 1) * f ** (k - 3) / k for k in range(3, 16))
        return (math.log1p(f) - f + f * f / 2) / f**3

    show(
        "LOG",
        fit(log_tail, math.sqrt(0.5) - 1, math.sqrt(2) - 1, range(9), lambda f: abs(f) ** 2),
    )
    # tanh(x) = x + x^3 * P(x^2) for |x| < 0.65
    show(
        "TANH",
        fit(
            lambda s: (
                (math.tanh(math.sqrt(s)) / math.sqrt(s) - 1) / s
                if s > 1e-4
                else -1 / 3 + 2 * s / 15
            ),
            0,
            0.65**2,
            range(5),
            lambda s: s,
        ),
    )
    # erf(x) = x + x * P(x^2) for |x| < 0.95
    show(
        "ERF_SMALL",
        fit(
            lambda s: (
                math.erf(math.sqrt(s)) / math.sqrt(s) - 1
                if s > 1e-12
                else 2 / math.sqrt(math.pi) - 1
            ),
            0,
            0.95**2,
            range(7),
            lambda s: 1.0,
        ),
    )
    # erf(x) = 1 - exp(x * P(x)) for 0.95 <= x <= 3.95 (1 in float32 beyond)
    show(
        "ERF_LARGE",
        fit(
            lambda t: math.log(math.erfc(t)) / t,
            0.93,
            4.0,
            range(8),
            lambda t: t * math.erfc(t) / math.erf(t),
        ),
    )
    # sin(r) = r + r^3 * P(r^2), cos(r) = 1 - r^2/2 + r^4 * P(r^2), |r| <= pi/4, in float64
    q = (math.pi / 4 * 1.01) ** 2
    show(
        "SIN",
        fit(
            lambda s: sum(
                (-1) ** k * s ** (k - 1) / math.factorial(2 * k + 1) for k in range(1, 12)
            ),
            0,
            q,
            range(4),
            lambda s: s,
        ),
    )
    show(
        "COS",
        fit(
            lambda s: sum((-1) ** k * s ** (k - 2) / math.factorial(2 * k) for k in range(2, 12)),
            0,
            q,
            range(4),
            lambda s: s * s,
        ),
    )


if __name__ == "__main__":
    main()
