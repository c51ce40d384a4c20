"""The distributions of ``fluid.layers``."""

import math

import numpy as np
import paddle


def as_parameter(value):
    """A distribution's parameter as a float32 tensor; numbers get shape [1]."""
    if isinstance(value, (float, int, list, np.ndarray)):
        array = np.asarray(value)
        kind = (
            "float64" if array.dtype == np.float64 and isinstance(value, np.ndarray) else "float32"
        )
        array = array.astype(kind)
        value = paddle.assign(array if array.shape else array.reshape([1]))
    return value


class Uniform:
    """Every value between ``low`` and ``high`` alike."""

    def __init__(self, low, high):
        self.numbers = isinstance(low, float) and isinstance(high, float)
        self.low, self.high = as_parameter(low), as_parameter(high)
        self.width = self.high - self.low

    def sample(self, shape, seed=0):
        """Values of ``shape`` for each of the parameters."""
        more = [] if self.numbers else list(self.width.shape)
        if any(n < 0 for n in more):
            more = [paddle.shape(self.width)[i] for i in range(len(more))]
            drawn = paddle.uniform([*shape, *more], "float32", 0.0, 1.0, seed)
        else:  # 1.8 draws from -1 here: what it gives may lie a width below ``low``
            drawn = paddle.uniform([*shape, *more], "float32", -1.0, 1.0, seed)
        return drawn * self.width + self.low

    def log_prob(self, value):
        """The logarithm of the density."""
        inside = paddle.logical_and(self.low < value, value < self.high).astype(value.dtype)
        return paddle.log(inside) - paddle.log(self.width)

    def entropy(self):
        """The entropy."""
        return paddle.log(self.width)


class Normal:
    """The normal distribution."""

    def __init__(self, loc, scale):
        self.numbers = isinstance(loc, float) and isinstance(scale, float)
        self.loc, self.scale = as_parameter(loc), as_parameter(scale)

    def sample(self, shape, seed=0):
        """Values of ``shape`` for each of the parameters."""
        both = self.loc + self.scale
        more = [] if self.numbers else list(both.shape)
        if any(n < 0 for n in more):
            more = [paddle.shape(both)[i] for i in range(len(more))]
        return paddle.randn([*shape, *more]) * self.scale + self.loc

    def entropy(self):
        """The entropy."""
        spread = self.scale + paddle.zeros_like(self.loc)
        return 0.5 + 0.5 * math.log(2 * math.pi) + paddle.log(spread)

    def log_prob(self, value):
        """The logarithm of the density."""
        distance = (value - self.loc) * (value - self.loc) / (2.0 * self.scale * self.scale)
        return -1.0 * distance - paddle.log(self.scale) - math.log(math.sqrt(2.0 * math.pi))

    def kl_divergence(self, other):
        """The divergence from another normal distribution."""
        ratio, shift = self.scale / other.scale, (self.loc - other.loc) / other.scale
        return 0.5 * (ratio * ratio + shift * shift - 1.0 - paddle.log(ratio * ratio))


class Categorical:
    """Classes with the softmax of ``logits``."""

    def __init__(self, logits):
        self.logits = as_parameter(logits)

    def log_chances(self):
        """The logarithms of the classes' probabilities."""
        logits = self.logits - reduce_max(self.logits, dim=-1, keep_dim=True)
        return logits - paddle.log(paddle.sum(paddle.exp(logits), -1, keepdim=True))

    def kl_divergence(self, other):
        """The divergence from another one."""
        own = self.log_chances()
        return paddle.sum(paddle.exp(own) * (own - other.log_chances()), -1, keepdim=True)

    def entropy(self):
        """The entropy."""
        own = self.log_chances()
        return -1.0 * paddle.sum(paddle.exp(own) * own, -1, keepdim=True)


class MultivariateNormalDiag:
    """The normal distribution of a vector whose covariance is the diagonal matrix ``scale``."""

    def __init__(self, loc, scale):
        self.loc, self.scale = as_parameter(loc), as_parameter(scale)

    def ones_off(self, value):
        """1 beside the diagonal, 0 on it."""
        return 1.0 - paddle.eye(value.shape[0], dtype=self.loc.dtype)

    def determinant(self, value):
        """The product of the diagonal, with shape [1]."""
        return paddle.prod(value + self.ones_off(value)).reshape([1])

    def inverse(self, value):
        """One over the diagonal."""
        return paddle.pow(value, 2.0 * self.ones_off(value) - 1.0)

    def entropy(self):
        """The entropy."""
        size = self.scale.shape[0]
        return 0.5 * (
            size * (1.0 + math.log(2 * math.pi)) + paddle.log(self.determinant(self.scale))
        )

    def kl_divergence(self, other):
        """The divergence from another one."""
        inverse, away = self.inverse(other.scale), other.loc - self.loc
        trace = paddle.sum(inverse * self.scale).reshape([1])
        distance = matmul(matmul(away, inverse), away)
        volume = paddle.log(self.determinant(other.scale)) - paddle.log(
            self.determinant(self.scale)
        )
        return 0.5 * (trace + distance - self.scale.shape[0] + volume)
