"""Softmax, its logarithm, and losses that are made of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.errors import IndexOutOfRangeError
from dy2st.ir.dims import normalize_axis
from dy2st.ir.types import TensorType
from dy2st.ops.base import Plain
from dy2st.ops.cases import between, ints, values
from dy2st.ops.rules import same_along, same_as

FLOATS = ("float32", "float64")
_CASES = [
    {"x": (2, 3), "axis": -1},
    {"x": ("N", 4), "axis": 1},
    {"x": (2, "M", 3), "axis": 1},
    {"x": ("N", 3), "axis": 0},
    {"x": (3, 67), "axis": -1},
    {"x": (), "axis": -1},
]


def softmax(x: np.ndarray, axis: int) -> Any:
    """exp(x) over its sum along ``axis``, without overflow."""
    if x.ndim == 0:
        return np.ones_like(x)
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def log_softmax(x: np.ndarray, axis: int) -> Any:
    """The logarithm of softmax, without overflow."""
    if x.ndim == 0:
        return np.zeros_like(x)
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def softmax_node(b: Any, x: Any, axis: int) -> Any:
    """Softmax of a kernel graph's node."""
    if not x.shape:
        return b.full((), 1.0, x.dtype)
    top = b.reduce("max", x, [axis], True)
    powers = b.map(lambda s, v, m: s.exp(v - m), x, top)
    return b.div(powers, b.reduce("sum", powers, [axis], True))


def log_softmax_node(b: Any, x: Any, axis: int) -> Any:
    """The logarithm of softmax of a kernel graph's node."""
    if not x.shape:
        return b.full((), 0.0, x.dtype)
    shifted = b.sub(x, b.reduce("max", x, [axis], True))
    total = b.reduce("sum", b.elementwise("exp", shifted), [axis], True)
    return b.map(lambda s, v, t: v - s.log(t), shifted, total)


class Softmax(Plain, name="softmax", signature="x: Tensor, axis: int = -1 -> out"):
    """exp(x) over its sum along ``axis``."""

    infer = same_along("x")
    numpy = softmax
    cpu = softmax_node
    cases = _CASES
    dtypes = FLOATS
    specials = False  # what infinities give depends on Paddle's vector width


class LogSoftmax(Plain, name="log_softmax", signature="x: Tensor, axis: int = -1 -> out"):
    """The logarithm of softmax."""

    infer = same_along("x")
    numpy = log_softmax
    cpu = log_softmax_node
    cases = _CASES
    dtypes = FLOATS
    specials = False  # what infinities give depends on Paddle's vector width


class FusedSoftmaxMask(
    Plain, name="fused_softmax_mask", signature="x: Tensor, mask: Tensor -> out"
):
    """softmax(x + mask) along the last axis."""

    infer = same_as("x")
    numpy = lambda x, mask: softmax(x + mask, -1)  # noqa: E731
    cpu = lambda b, x, mask: softmax_node(b, b.add(x, mask), -1)  # noqa: E731
    cases = [{"x": ("N", 2, 3, 8), "mask": ("N", 1, 3, 8)}]
    dtypes = FLOATS
    specials = False
    not_compared = "Paddle 3.3.1 has this kernel on devices other than the CPU only"


def _positions(label: np.ndarray, classes: int, ignore_index: int) -> tuple[Any, Any]:
    """The label with ignored ones at 0, and where it counts. Raises IndexOutOfRangeError."""
    counted = label != ignore_index
    if np.any(counted & ((label < 0) | (label >= classes))):
        raise IndexOutOfRangeError(f"a label lies outside of [0, {classes})")
    return np.where(counted, label, 0), counted


class CrossEntropyWithSoftmax(
    Plain,
    name="cross_entropy_with_softmax",
    signature=(
        "input: Tensor, label: Tensor, soft_label: bool = False, use_softmax: bool = True, "
        "numeric_stable_mode: bool = True, ignore_index: int = -100, axis: int = -1 "
        "-> softmax, loss"
    ),
):
    """Softmax of the logits, and the cross entropy with class numbers or distributions."""

    dtypes = FLOATS
    specials = False  # sums depend on their order
    cases = [
        {"input": ("N", 4), "label": ints(("N", 1), 4)},
        {"input": (2, 4, 3), "label": ints((2, 1, 3), 4), "axis": 1},
        {"input": (3, 4), "label": values([[1], [-100], [2]], "int64")},
        {"input": (3, 4), "label": between((3, 4), 0, 1), "soft_label": True},
        {"input": between((3, 4), 0.1, 1), "label": ints((3, 1), 4), "use_softmax": False},
    ]

    def infer(input: TensorType, axis: int) -> Any:
        at = normalize_axis(axis, input.rank)
        loss = tuple(1 if i == at else d for i, d in enumerate(input.shape))
        return input, input.with_shape(loss)

    def numpy(
        input: np.ndarray, label: np.ndarray, soft_label: bool, use_softmax: bool,
        ignore_index: int, axis: int,
    ) -> Any:  # fmt: skip
        logs = log_softmax(input, axis) if use_softmax else np.log(input)
        out = softmax(input, axis) if use_softmax else input
        if soft_label:
            return out, -(label * logs).sum(axis=axis, keepdims=True)
        label = label if label.ndim == input.ndim else np.expand_dims(label, axis)
        at, counted = _positions(label, input.shape[axis], ignore_index)
        return out, np.where(counted, -np.take_along_axis(logs, at, axis), 0)

    def cpu(
        b: Any, input: Any, label: Any, soft_label: bool, use_softmax: bool, ignore_index: int,
        axis: int,
    ) -> Any:  # fmt: skip
        rank = len(input.shape)
        at = normalize_axis(axis, rank)
        logs = log_softmax_node(b, input, at) if use_softmax else b.elementwise("log", input)
        out = softmax_node(b, input, at) if use_softmax else input
        if soft_label:
            return out, b.elementwise("neg", b.reduce("sum", b.mul(label, logs), [at], True))
        label = label if len(label.shape) == rank else b.unsqueeze(label, at)
        safe = b.map(lambda s, v: s.select(s.eq(v, ignore_index), 0, v), label)
        indices = [safe if i == at else b.iota(label.shape, i) for i in range(rank)]
        taken = b.index(logs, indices)
        loss = b.map(
            lambda s, v, t: s.select(s.eq(v, ignore_index), 0.0, -t),
            label,
            taken,
            dtype=input.dtype,
        )
        return out, loss


class NllLoss(
    Plain,
    name="nll_loss",
    signature=(
        "input: Tensor, label: Tensor, weight: Tensor?, ignore_index: int = -100, "
        "reduction: str = 'mean' -> out, total_weight"
    ),
):
    """The negative of the log-probabilities of class numbers, weighted."""

    dtypes = FLOATS
    specials = False  # sums depend on their order
    cases = [
        {"input": (4, 3), "label": ints((4,), 3)},
        {"input": (4, 3), "label": ints((4,), 3), "weight": (3,), "reduction": "sum"},
        {"input": (4, 3), "label": ints((4,), 3), "reduction": "none"},
        {"input": (5, 3), "label": ints((5,), 3), "ignore_index": 1},
    ]
    compared = (0,)

    def infer(input: TensorType, label: TensorType, reduction: str) -> Any:
        shape = label.shape if reduction == "none" else ()
        return input.with_shape(shape), input.with_shape(())

    def numpy(
        input: np.ndarray, label: np.ndarray, weight: Any, ignore_index: int, reduction: str
    ) -> Any:
        at, counted = _positions(label, input.shape[1], ignore_index)
        weights = np.where(counted, 1.0 if weight is None else weight[at], 0)
        loss = -np.take_along_axis(input, at[:, None], 1)[:, 0] * weights
        if reduction == "none":
            return loss, weights.sum()
        return loss.sum() / (weights.sum() if reduction == "mean" else 1), weights.sum()

    def cpu(b: Any, input: Any, label: Any, weight: Any, ignore_index: int, reduction: str) -> Any:
        if len(label.shape) != 1:
            return b.reference()
        kept = b.map(lambda s, v: s.ne(v, ignore_index), label)
        # Class numbers outside fail as an index does, negative ones too.
        safe = b.map(
            lambda s, v, k, n=input.shape[1]: s.select(k, s.select(v < 0, n, v), 0), label, kept
        )
        found = 1.0 if weight is None else b.gather(weight, safe, 0)
        weights = b.select(kept, found, 0.0, dtype=input.dtype)
        taken = b.index(input, [b.iota(label.shape, 0), safe])
        loss = b.map(lambda s, v, w: -v * w, taken, weights, dtype=input.dtype)
        total = b.reduce("sum", weights)
        if reduction == "none":
            return loss, total
        out = b.reduce("sum", loss)
        return (b.div(out, total) if reduction == "mean" else out), total


class BceLoss(Plain, name="bce_loss", signature="input: Tensor, label: Tensor -> out"):
    """-(label * log(input) + (1 - label) * log(1 - input)), logarithms at least -100."""

    infer = same_as("input")
    cases = [{"input": between(("N", 3), 0.01, 0.99), "label": between(("N", 3), 0, 1)}]
    dtypes = FLOATS

    def numpy(input: np.ndarray, label: np.ndarray) -> Any:
        positive = np.maximum(np.log(input), -100)
        negative = np.maximum(np.log(1 - input), -100)
        return (label - 1) * negative - label * positive

    def cpu(b: Any, input: Any, label: Any) -> Any:
        log = lambda s, v: s.max(s.log(v), -100.0)  # noqa: E731
        return b.map(lambda s, p, t: (t - 1) * log(s, 1 - p) - t * log(s, p), input, label)


class SigmoidCrossEntropyWithLogits(
    Plain,
    name="sigmoid_cross_entropy_with_logits",
    signature=(
        "x: Tensor, label: Tensor, pos_weight: Tensor?, normalize: bool = False, "
        "ignore_index: int = -100 -> out"
    ),
):
    """Binary cross entropy of logits; 0 where the label is to be ignored."""

    infer = same_as("x")
    dtypes = FLOATS
    specials = False  # sums depend on their order
    cases = [
        {"x": ("N", 3), "label": between(("N", 3), 0, 1)},
        {"x": (2, 3), "label": values([[0.0, 1.0, -100.0], [1.0, 0.0, 1.0]])},
        {"x": (2, 3), "label": between((2, 3), 0, 1), "pos_weight": (2, 3)},
        {"x": (2, 3), "label": values([[0.0, 1.0, -100.0], [1.0, 0.0, 1.0]]), "normalize": True},
    ]

    def numpy(
        x: np.ndarray, label: np.ndarray, pos_weight: Any, normalize: bool, ignore_index: int
    ) -> Any:
        weight = 1 if pos_weight is None else pos_weight
        soft = np.maximum(-x, 0) + np.log1p(np.exp(-np.abs(x)))
        loss = (1 - label) * x + soft * weight
        counted = label != ignore_index
        loss = np.where(counted, loss, 0)
        return loss / max(counted.sum(), 1e-5) if normalize else loss

    def cpu(b: Any, x: Any, label: Any, pos_weight: Any, normalize: bool, ignore_index: int) -> Any:
        if normalize:
            return b.reference()

        def loss(s: Any, v: Any, t: Any, w: Any) -> Any:
            soft = s.max(-v, 0.0) + s.log1p(s.exp(-s.abs(v)))
            return s.select(s.eq(t, float(ignore_index)), 0.0, (1 - t) * v + soft * w)

        return b.map(loss, x, label, 1.0 if pos_weight is None else pos_weight)
