"""Losses that are no softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.ir.types import TensorType
from dy2st.ops.base import Plain
from dy2st.ops.cases import between, values
from dy2st.ops.rules import reference, require, same_as
from dy2st.ops.softmax import log_softmax

FLOATS = ("float32", "float64")


class KldivLoss(
    Plain,
    name="kldiv_loss",
    signature=(
        "x: Tensor, label: Tensor, reduction: str = 'mean', log_target: bool = False -> out"
    ),
):
    """label * (log(label) - x), 0 where the label is not positive; averaged or summed."""

    dtypes = FLOATS
    specials = False  # sums depend on their order
    cases = [
        {"x": (4, 3), "label": between((4, 3), -0.2, 1), "reduction": r, "log_target": t}
        for r in ("mean", "sum", "batchmean", "none")
        for t in (False, True)
    ]

    def infer(x: TensorType, reduction: str) -> TensorType:
        return x if reduction == "none" else x.with_shape(())

    def numpy(x: np.ndarray, label: np.ndarray, reduction: str, log_target: bool) -> Any:
        if log_target:
            loss = np.exp(label) * (label - x)
        else:
            loss = np.where(label > 0, label * (np.log(np.maximum(label, 1e-300)) - x), 0)
        if reduction == "none":
            return loss
        count = {"mean": loss.size, "batchmean": len(x) if x.ndim else 1}.get(reduction, 1)
        return loss.sum() / count

    def cpu(b: Any, x: Any, label: Any, reduction: str, log_target: bool) -> Any:
        if log_target:
            loss = b.map(lambda s, v, t: s.exp(t) * (t - v), x, label)
        else:
            loss = b.map(lambda s, v, t: s.select(t > 0.0, t * (s.log(t) - v), 0.0), x, label)
        if reduction == "none":
            return loss
        total = b.reduce("sum", loss)
        count = {"mean": int(np.prod(x.shape)), "batchmean": x.shape[0] if x.shape else 1}
        return b.map(lambda s, v: v / float(count.get(reduction, 1)), total)


class HuberLoss(
    Plain,
    name="huber_loss",
    signature="input: Tensor, label: Tensor, delta: float = 1.0 -> out",
):
    """Half the square of small differences, linear in large ones."""

    dtypes = FLOATS
    cases = [{"input": ("N", 3), "label": ("N", 3)}, {"input": (4,), "label": (4,), "delta": 0.3}]
    infer = same_as("input")

    def numpy(input: np.ndarray, label: np.ndarray, delta: float) -> Any:
        r = label - input
        size = np.abs(r)
        return np.where(size <= delta, 0.5 * r * r, delta * (size - 0.5 * delta))

    def cpu(b: Any, input: Any, label: Any, delta: float) -> Any:
        r = b.sub(label, input)
        loss = lambda s, v: s.select(  # noqa: E731
            s.abs(v) <= delta, v * v * 0.5, (s.abs(v) - 0.5 * delta) * delta
        )
        return b.map(loss, r)


class LogLoss(
    Plain, name="log_loss", signature="input: Tensor, label: Tensor, epsilon: float = 1e-4 -> out"
):
    """The cross entropy of probabilities with ``epsilon`` added to both logarithms."""

    dtypes = FLOATS
    cases = [{"input": between(("N", 1), 0.1, 0.9), "label": between(("N", 1), 0, 1)}]
    infer = same_as("input")

    def numpy(input: np.ndarray, label: np.ndarray, epsilon: float) -> Any:
        return -label * np.log(input + epsilon) - (1 - label) * np.log(1 - input + epsilon)

    def cpu(b: Any, input: Any, label: Any, epsilon: float) -> Any:
        return b.map(
            lambda s, p, t: -t * s.log(p + epsilon) - (1 - t) * s.log(1 - p + epsilon), input, label
        )


class LabelSmooth(
    Plain,
    name="label_smooth",
    signature="label: Tensor, prior_dist: Tensor?, epsilon: float = 0.0 -> out",
):
    """(1 - epsilon) * label + epsilon times a prior, the even one by default."""

    dtypes = FLOATS
    cases = [
        {"label": ("N", 4), "epsilon": 0.1},
        {"label": (2, 4), "prior_dist": (1, 4), "epsilon": 0.2},
    ]
    infer = same_as("label")

    def numpy(label: np.ndarray, prior_dist: Any, epsilon: float) -> Any:
        prior = 1 / label.shape[-1] if prior_dist is None else prior_dist
        return (1 - epsilon) * label + epsilon * prior

    def cpu(b: Any, label: Any, prior_dist: Any, epsilon: float) -> Any:
        prior = 1 / label.shape[-1] if prior_dist is None else prior_dist
        return b.map(
            lambda s, v, p: v * (1 - epsilon) + p * epsilon, label, prior, dtype=label.dtype
        )


def _labels_fit(logits: Any, label: Any, logits_length: Any, labels_length: Any) -> bool:
    """Whether labels and lengths lie inside; Paddle's kernel does not come back for others."""
    if logits_length is None or labels_length is None or label.ndim != 2:
        return False
    bounds = ((label, logits.shape[2] - 1), (logits_length, len(logits)))
    bounds = (*bounds, (labels_length, label.shape[1]))
    return all(a.min(initial=0) >= 0 and a.max(initial=0) <= most for a, most in bounds)


class WarpCtc(
    Plain,
    name="warpctc",
    signature=(
        "logits: Tensor, label: Tensor, logits_length: Tensor?, labels_length: Tensor?, "
        "blank: int = 0, norm_by_times: bool = False -> loss"
    ),
):
    """Connectionist temporal classification over padded ``logits[T, N, C]`` (Graves et al. 2006)."""

    eager = _labels_fit
    dtypes = FLOATS
    specials = False  # sums depend on their order
    cpu = reference()
    cases = [
        {
            "logits": (6, 3, 5),
            "label": values([[1, 2], [2, 2], [3, 0]], "int32"),
            "logits_length": values([6, 5, 4], "int64"),
            "labels_length": values([2, 2, 1], "int64"),
        },
        {
            "logits": (5, 2, 4),
            "label": values([[1, 2, 1], [0, 1, 0]], "int32"),
            "logits_length": values([5, 5], "int64"),
            "labels_length": values([3, 2], "int64"),
            "blank": 3,
        },
    ]

    def infer(logits: TensorType, logits_length: Any) -> TensorType:
        require(logits_length is not None and logits.rank == 3, "warpctc needs padded sequences")
        return logits.with_shape((logits.shape[1], 1))

    def numpy(
        logits: np.ndarray, label: np.ndarray, logits_length: np.ndarray,
        labels_length: np.ndarray, blank: int,
    ) -> Any:  # fmt: skip
        logs = log_softmax(logits.astype(np.float64), -1)
        batch, size = label.shape
        # Blanks between and around the labels.
        path = np.full((batch, 2 * size + 1), blank, np.int64)
        path[:, 1::2] = label
        rows = np.arange(batch)[:, None]
        skips = np.zeros(path.shape, bool)
        skips[:, 2:] = (path[:, 2:] != blank) & (path[:, 2:] != path[:, :-2])
        state = np.full(path.shape, -np.inf)
        state[:, :2] = logs[0][rows, path[:, :2]]
        for t in range(1, len(logs)):
            one, two = np.full_like(state, -np.inf), np.full_like(state, -np.inf)
            one[:, 1:] = state[:, :-1]
            two[:, 2:] = np.where(skips[:, 2:], state[:, :-2], -np.inf)
            new = np.logaddexp(np.logaddexp(state, one), two) + logs[t][rows, path]
            state = np.where((logits_length > t)[:, None], new, state)
        last = 2 * labels_length.astype(np.int64)[:, None]
        ends = np.take_along_axis(state, np.concatenate([last, np.maximum(last - 1, 0)], 1), 1)
        ends[:, 1] = np.where(labels_length > 0, ends[:, 1], -np.inf)
        return -np.logaddexp(ends[:, 0], ends[:, 1])[:, None]
