"""Random operations.

Where Paddle is loaded they are drawn by Paddle's own kernels (``runtime/fallback.py``), so that
``paddle.seed`` gives eager's numbers; elsewhere by the reference's generator, which has the same
distribution but other numbers. They are never folded, merged or moved out of loops.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.ir.dims import Dim, Shape
from dy2st.ir.types import DType, TensorType
from dy2st.ops.base import Plain
from dy2st.ops.cases import between
from dy2st.ops.rules import reference, same_as


class Random(Plain):
    """Base of the family."""

    random = True
    not_compared = "it is random; tests/ops/test_random.py compares distributions and seeds"
    cpu = reference()


def _shaped(shape: Shape, dtype: DType) -> TensorType:
    return TensorType(dtype or DType.FLOAT32, shape)


class Gaussian(
    Random,
    name="gaussian",
    signature=(
        "shape: ints, mean: float, std: float, seed: int = 0, dtype: dtype = 'float32', "
        "place: place = None -> out"
    ),
):
    """Normal numbers."""

    infer = _shaped
    cases = [{"shape": [2, 3], "mean": 0.0, "std": 1.0, "dtype": "float32"}]

    def numpy(rng: np.random.Generator, shape: Any, mean: float, std: float) -> Any:
        return rng.normal(mean, std, shape)


class Uniform(
    Random,
    name="uniform",
    signature=(
        "shape: ints, dtype: dtype, min: scalar = -1.0, max: scalar = 1.0, seed: int = 0, "
        "place: place = None -> out"
    ),
):
    """Numbers evenly in ``[min, max)``."""

    infer = _shaped
    cases = [{"shape": [2, 3], "dtype": "float32", "min": 0.0, "max": 1.0}]

    def numpy(rng: np.random.Generator, shape: Any, min: float, max: float) -> Any:
        return rng.uniform(min, max, shape)


class TruncatedGaussian(
    Random,
    name="truncated_gaussian_random",
    signature=(
        "shape: ints, mean: float, std: float, seed: int, a: float, b: float, "
        "dtype: dtype = 'float32', place: place = None -> out"
    ),
):
    """Normal numbers, drawn again where they fall outside of ``[a, b]`` deviations."""

    infer = _shaped
    cases = [{"shape": [2, 3], "mean": 0.0, "std": 1.0, "seed": 0, "a": -2.0, "b": 2.0}]

    def numpy(
        rng: np.random.Generator, shape: Any, mean: float, std: float, a: float, b: float
    ) -> Any:
        out = rng.normal(0, 1, shape)
        while (outside := (out < a) | (out > b)).any():
            out[outside] = rng.normal(0, 1, int(outside.sum()))
        return out * std + mean


class Randint(
    Random,
    name="randint",
    signature=(
        "low: int, high: int, shape: ints, dtype: dtype = 'int64', place: place = None -> out"
    ),
):
    """Integers in ``[low, high)``."""

    infer = _shaped
    cases = [{"low": 0, "high": 5, "shape": [2, 3], "dtype": "int64"}]

    def numpy(rng: np.random.Generator, low: int, high: int, shape: Any) -> Any:
        return rng.integers(low, high, shape)


class Randperm(
    Random, name="randperm", signature="n: int, dtype: dtype, place: place = None -> out"
):
    """The integers below ``n`` in any order."""

    cases = [{"n": 5, "dtype": "int64"}]

    def infer(n: Dim, dtype: DType) -> TensorType:
        return TensorType(dtype, (n,))

    def numpy(rng: np.random.Generator, n: int) -> Any:
        return rng.permutation(n)


class Bernoulli(Random, name="bernoulli", signature="x: Tensor -> out"):
    """1 with probability ``x``, else 0."""

    infer = same_as("x")
    cases = [{"x": between((2, 3), 0, 1)}]

    def numpy(rng: np.random.Generator, x: Any) -> Any:
        return rng.random(x.shape) < x


class Poisson(Random, name="poisson", signature="x: Tensor -> out"):
    """Poisson counts of rate ``x``."""

    infer = same_as("x")
    cases = [{"x": between((2, 3), 0, 5)}]

    def numpy(rng: np.random.Generator, x: Any) -> Any:
        return rng.poisson(x)


class Multinomial(
    Random,
    name="multinomial",
    signature="x: Tensor, num_samples: scalar = 1, replacement: bool = False -> out",
):
    """Indices of the last axis, drawn with the weights that it holds."""

    cases = [{"x": between((2, 4), 0.1, 1), "num_samples": 2}]

    def infer(x: TensorType, num_samples: Dim) -> TensorType:
        return TensorType(DType.INT64, (*x.shape[:-1], num_samples))

    def numpy(rng: np.random.Generator, x: Any, num_samples: int, replacement: bool) -> Any:
        rows = x.reshape(-1, x.shape[-1]).astype(np.float64)
        draws = [
            rng.choice(x.shape[-1], num_samples, replace=replacement, p=row / row.sum())
            for row in rows
        ]
        return np.reshape(draws, (*x.shape[:-1], num_samples))


class RandomLike(Random):
    """In-place fillers: the operand gives shape and dtype."""

    infer = same_as("x")
    cases = [{"x": (2, 3)}]


class UniformInplace(
    RandomLike,
    name="uniform_inplace",
    signature=(
        "x: Tensor, min: float = -1.0, max: float = 1.0, seed: int = 0, diag_num: int = 0, "
        "diag_step: int = 0, diag_val: float = 1.0 -> out"
    ),
):
    """``x`` overwritten with numbers evenly in ``[min, max)``."""

    def numpy(rng: np.random.Generator, x: Any, min: float, max: float) -> Any:
        return rng.uniform(min, max, x.shape)


class GaussianInplace(
    RandomLike,
    name="gaussian_inplace",
    signature="x: Tensor, mean: float = 0.0, std: float = 1.0, seed: int = 0 -> out",
):
    """``x`` overwritten with normal numbers."""

    def numpy(rng: np.random.Generator, x: Any, mean: float, std: float) -> Any:
        return rng.normal(mean, std, x.shape)


class Exponential(RandomLike, name="exponential_", signature="x: Tensor, lam: float -> out"):
    """``x`` overwritten with exponential numbers of rate ``lam``."""

    cases = [{"x": (2, 3), "lam": 1.5}]

    def numpy(rng: np.random.Generator, x: Any, lam: float) -> Any:
        return rng.exponential(1 / lam, x.shape)


class GumbelSoftmax(
    Random,
    name="gumbel_softmax",
    signature="x: Tensor, temperature: float = 1.0, hard: bool = False, axis: int = -1 -> out",
):
    """Softmax of x with Gumbel noise, or the largest of it as one-hot."""

    infer = same_as("x")
    cases = [{"x": (2, 3)}, {"x": ("N", 3), "hard": True}]
    dtypes = ("float32",)

    def numpy(rng: np.random.Generator, x: Any, temperature: float, hard: bool, axis: int) -> Any:
        y = (x + rng.gumbel(size=x.shape)) / temperature
        if hard:
            best = np.expand_dims(y.argmax(axis), axis)
            return (np.indices(y.shape)[axis] == best).astype(x.dtype)
        powers = np.exp(y - y.max(axis=axis, keepdims=True))
        return powers / powers.sum(axis=axis, keepdims=True)


class Rrelu(
    Random,
    name="rrelu",
    signature=(
        "x: Tensor, lower: float = 0.125, upper: float = 0.3333333333333333, "
        "is_test: bool = False -> out"
    ),
):
    """x where it is positive, elsewhere times a random slope (the mean one for ``is_test``)."""

    infer = same_as("x")
    cases = [{"x": ("N", 3), "is_test": True}]
    dtypes = ("float32", "float64")

    def random_when(attrs: dict[str, Any]) -> bool:
        return not attrs["is_test"]

    def numpy(rng: np.random.Generator, x: Any, lower: float, upper: float, is_test: bool) -> Any:
        slope = (lower + upper) / 2 if is_test else rng.uniform(lower, upper, x.shape)
        return np.where(x >= 0, x, x * slope)

    def cpu(b: Any, x: Any, lower: float, upper: float, is_test: bool) -> Any:
        if not is_test:
            return b.reference()
        slope = (lower + upper) / 2
        return b.map(lambda s, v: s.select(v >= 0, v, v * slope), x)
