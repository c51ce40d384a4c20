"""Detection heads: non-maximum suppression and the distribution of regions over levels.

Sizes of the results are known only at run time. Sources: phi/kernels/cpu/*_nms*_kernel.cc,
distribute_fpn_proposals_kernel.cc, generate_proposals_kernel.cc.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dy2st.ir.types import DType, TensorType
from dy2st.ops.base import Plain
from dy2st.ops.cases import Arg, between, values
from dy2st.ops.rules import reference, require

FLOATS = ("float32", "float64")


def overlaps(boxes: np.ndarray, others: np.ndarray, offset: float) -> np.ndarray:
    """Intersection over union of each box with each other one; ``offset`` is 1 for pixel corners."""
    a, b = boxes[:, None], others[None]
    size = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2]) + offset
    apart = (np.minimum(a[..., 2:], b[..., 2:]) < np.maximum(a[..., :2], b[..., :2])).any(-1)
    inner = np.where(apart, 0, size[..., 0] * size[..., 1])
    union = _areas(boxes, offset)[:, None] + _areas(others, offset)[None] - inner
    return np.where(inner > 0, inner / np.where(union == 0, 1, union), 0)


def _areas(boxes: np.ndarray, offset: float) -> np.ndarray:
    size = boxes[:, 2:] - boxes[:, :2]
    return np.where((size < 0).any(-1), 0, (size[:, 0] + offset) * (size[:, 1] + offset))


def suppress(boxes: np.ndarray, threshold: float, eta: float, offset: float) -> list[int]:
    """Greedy suppression of boxes in descending order of their scores; positions that stay."""
    between_all = overlaps(boxes, boxes, offset)
    kept: list[int] = []
    for i in range(len(boxes)):
        if not kept or between_all[i, kept].max() <= threshold:
            kept.append(i)
            threshold = threshold * eta if eta < 1 and threshold > 0.5 else threshold
    return kept


def _best(scores: np.ndarray, least: float, most: int) -> np.ndarray:
    """Positions of scores above ``least`` in descending order, at most ``most`` of them."""
    found = np.flatnonzero(scores > least)
    order = found[np.argsort(-scores[found], kind="stable")]
    return order[:most] if most > -1 else order


def _merge(rows: list[tuple[int, float, int, np.ndarray]], most: int, by_class: bool) -> Any:
    """The ``most`` best rows (label, score, index, box), grouped by class again where asked."""
    if -1 < most < len(rows):
        rows = sorted(rows, key=lambda r: -r[1])[:most]
        rows = sorted(rows, key=lambda r: r[0]) if by_class else rows
    elif not by_class:
        rows = sorted(rows, key=lambda r: -r[1])
    return rows


def _results(images: list[Any], bboxes: np.ndarray) -> Any:
    rows = [r for image in images for r in image]
    width = 2 + bboxes.shape[-1]
    out = np.array([[r[0], r[1], *r[3]] for r in rows], bboxes.dtype).reshape(-1, width)
    index = np.array([r[2] for r in rows], np.int32).reshape(-1, 1)
    return out, index, np.array([len(i) for i in images], np.int32)


_BOXES = values(
    [[[0, 0, 4, 4], [0.5, 0, 4.5, 4], [10, 10, 14, 15], [9.5, 10, 14, 14], [20, 20, 25, 26]]]
)
_SCORES = values(
    [[[0.1, 0.2, 0.1, 0.05, 0.4], [0.9, 0.8, 0.3, 0.65, 0.1], [0.05, 0.7, 0.75, 0.6, 0.45]]]
)


class MulticlassNms3(
    Plain,
    name="multiclass_nms3",
    signature=(
        "bboxes: Tensor, scores: Tensor, rois_num: Tensor?, score_threshold: float, "
        "nms_top_k: int, keep_top_k: int, nms_threshold: float = 0.3, normalized: bool = True, "
        "nms_eta: float = 1.0, background_label: int = 0 -> out, index, nms_rois_num"
    ),
):
    """Suppression class by class, then the best of all; rows of (label, score, box)."""

    dtypes = FLOATS
    specials = False  # NaN has no place in the order of scores
    cpu = reference()
    _base = {"bboxes": _BOXES, "scores": _SCORES, "score_threshold": 0.08, "nms_top_k": 10}
    cases = [
        {**_base, "keep_top_k": 10, "background_label": -1},
        {**_base, "keep_top_k": 3, "nms_threshold": 0.5},
        {**_base, "keep_top_k": -1, "normalized": False, "nms_eta": 0.9, "nms_threshold": 0.6},
        {
            "bboxes": Arg((5, 3, 4), None, 0, 9),
            "scores": between((5, 3), 0, 1),
            "rois_num": values([2, 3], "int32"),
            "score_threshold": 0.1,
            "nms_top_k": 5,
            "keep_top_k": 4,
            "background_label": -1,
        },
    ]

    def infer(fresh: Any, bboxes: TensorType, scores: TensorType, rois_num: Any) -> Any:
        n = fresh()
        images = scores.shape[0] if scores.rank == 3 else rois_num.shape[0]
        return (
            bboxes.with_shape((n, 2 + bboxes.shape[-1])),
            TensorType(DType.INT32, (n, 1)),
            TensorType(DType.INT32, (images,)),
        )

    def numpy(
        bboxes: np.ndarray, scores: np.ndarray, rois_num: Any, score_threshold: float,
        nms_top_k: int, keep_top_k: int, nms_threshold: float, normalized: bool, nms_eta: float,
        background_label: int,
    ) -> Any:  # fmt: skip
        if bboxes.shape[-1] != 4:
            raise NotImplementedError("overlaps of polygons are computed by Paddle's kernel only")
        images, start = [], 0
        flat = scores.ndim == 2
        counts = rois_num if flat else [scores.shape[2]] * scores.shape[0]
        classes = scores.shape[1]
        for image, count in enumerate(counts):
            rows = []
            for label in range(classes):
                if label == background_label:
                    continue
                if flat:
                    part = slice(start, start + int(count))
                    score, boxes = scores[part, label], bboxes[part, label]
                else:
                    score, boxes = scores[image, label], bboxes[image]
                best = _best(score, score_threshold, nms_top_k)
                kept = suppress(boxes[best], nms_threshold, nms_eta, 0.0 if normalized else 1.0)
                for i in best[kept]:
                    place = (start + i) * classes + label if flat else start + i
                    rows.append((label, float(score[i]), int(place), boxes[i]))
            merged = _merge(rows, keep_top_k, True)
            # Without a batch axis phi orders a class by position, not by score.
            images.append(sorted(merged, key=lambda r: (r[0], r[2])) if flat else merged)
            start += int(count)
        return _results(images, bboxes)


class MatrixNms(
    Plain,
    name="matrix_nms",
    signature=(
        "bboxes: Tensor, scores: Tensor, score_threshold: float, nms_top_k: int, keep_top_k: int, "
        "post_threshold: float = 0.0, use_gaussian: bool = False, gaussian_sigma: float = 2.0, "
        "background_label: int = 0, normalized: bool = True -> out, index, roisnum"
    ),
):
    """Scores lowered by their overlap with better ones (Wang et al. 2020, SOLOv2)."""

    dtypes = FLOATS
    specials = False  # NaN has no place in the order of scores
    cpu = reference()
    _base = {"bboxes": _BOXES, "scores": _SCORES, "score_threshold": 0.08, "nms_top_k": 10}
    cases = [
        {**_base, "keep_top_k": 10, "background_label": -1},
        {**_base, "keep_top_k": 3, "post_threshold": 0.2, "use_gaussian": True},
    ]
    infer = lambda fresh, bboxes, scores: MulticlassNms3.infer(fresh, bboxes, scores, None)  # noqa: E731

    def numpy(
        bboxes: np.ndarray, scores: np.ndarray, score_threshold: float, nms_top_k: int,
        keep_top_k: int, post_threshold: float, use_gaussian: bool, gaussian_sigma: float,
        background_label: int, normalized: bool,
    ) -> Any:  # fmt: skip
        images = []
        for image in range(scores.shape[0]):
            rows = []
            for label in range(scores.shape[1]):
                if label == background_label:
                    continue
                score = scores[image, label]
                best = _best(score, score_threshold, nms_top_k)
                boxes = bboxes[image][best]
                lowered = score[best] * _decay(boxes, use_gaussian, gaussian_sigma, normalized)
                for i, value in zip(best, lowered):
                    if value > post_threshold:
                        place = image * scores.shape[2] + i
                        rows.append((label, float(value), int(place), bboxes[image, i]))
            images.append(_merge(rows, keep_top_k, False))
        return _results(images, bboxes)


def _decay(boxes: np.ndarray, gaussian: bool, sigma: float, normalized: bool) -> np.ndarray:
    if not len(boxes):
        return np.ones(0)
    iou = np.tril(overlaps(boxes, boxes, 0.0 if normalized else 1.0), -1)
    worst = iou.max(axis=1)  # of each box with any better one
    if gaussian:
        factors = np.exp((worst[None, :] ** 2 - iou**2) * sigma)
    else:
        factors = (1 - iou) / (1 - worst[None, :])
    better = np.tril(np.ones_like(iou, bool), -1)
    return np.asarray(np.where(better, factors, 1.0).min(axis=1))


class Nms(Plain, name="nms", signature="x: Tensor, threshold: float = 1.0 -> out"):
    """Positions of the boxes that greedy suppression keeps, in the order given."""

    dtypes = FLOATS
    specials = False  # NaN has no place in the order of scores
    cpu = reference()
    cases = [{"x": values(np.asarray(_BOXES.values)[0]), "threshold": 0.5}]
    infer = lambda fresh, x: TensorType(DType.INT64, (fresh(),))  # noqa: E731
    numpy = lambda x, threshold: np.array(suppress(x, threshold, 1.0, 0.0), np.int64)  # noqa: E731


class DistributeFpnProposals(
    Plain,
    name="distribute_fpn_proposals",
    signature=(
        "fpn_rois: Tensor, rois_num: Tensor?, min_level: int, max_level: int, refer_level: int, "
        "refer_scale: int, pixel_offset: bool = False "
        "-> multi_fpn_rois[], multi_level_rois_num[], restore_index"
    ),
):
    """Each region on the level of a pyramid that suits its size (Lin et al. 2017)."""

    dtypes = FLOATS
    specials = False  # regions have finite sizes
    cpu = reference()
    cases = [
        {
            "fpn_rois": values(
                [[0, 0, 30, 30], [0, 0, 400, 300], [5, 5, 100, 130], [0, 0, 900, 900]]
            ),
            "rois_num": values([3, 1], "int32"),
            "min_level": 2,
            "max_level": 5,
            "refer_level": 4,
            "refer_scale": 224,
            "pixel_offset": p,
        }
        for p in (False, True)
    ]

    def infer(
        fresh: Any, fpn_rois: TensorType, rois_num: Any, min_level: int, max_level: int
    ) -> Any:
        require(rois_num is not None, "distribute_fpn_proposals needs rois_num")
        levels = max_level - min_level + 1
        rois = [fpn_rois.with_shape((fresh(), 4)) for _ in range(levels)]
        counts = [TensorType(DType.INT32, rois_num.shape)] * levels
        return (*rois, *counts, TensorType(DType.INT32, (fpn_rois.shape[0], 1)))

    def numpy(
        fpn_rois: np.ndarray, rois_num: np.ndarray, min_level: int, max_level: int,
        refer_level: int, refer_scale: int, pixel_offset: bool,
    ) -> Any:  # fmt: skip
        scale = np.sqrt(_areas(fpn_rois, 1.0 if pixel_offset else 0.0))
        level = np.floor(np.log2(scale / refer_scale + 1e-6) + refer_level)
        level = np.clip(level, min_level, max_level).astype(np.int64)
        image = np.repeat(np.arange(len(rois_num)), rois_num)
        places = [np.flatnonzero(level == k) for k in range(min_level, max_level + 1)]
        counts = [np.bincount(image[p], minlength=len(rois_num)).astype(np.int32) for p in places]
        order = np.concatenate(places)
        restore = np.empty(len(order), np.int32)
        restore[order] = np.arange(len(order))
        return [fpn_rois[p] for p in places], counts, restore[:, None]


class GenerateProposals(
    Plain,
    name="generate_proposals",
    signature=(
        "scores: Tensor, bbox_deltas: Tensor, im_shape: Tensor, anchors: Tensor, "
        "variances: Tensor, pre_nms_top_n: int, post_nms_top_n: int, nms_thresh: float, "
        "min_size: float, eta: float = 1.0, pixel_offset: bool = True "
        "-> rpn_rois, rpn_roi_probs, rpn_rois_num"
    ),
):
    """The best boxes of a region proposal network, decoded from anchors and suppressed."""

    dtypes = FLOATS
    specials = False  # NaN has no place in the order of scores
    cpu = reference()
    cases = [
        {
            "scores": between((2, 3, 3, 4), 0, 1),
            "bbox_deltas": between((2, 12, 3, 4), -0.5, 0.5),
            "im_shape": values([[32.0, 40.0], [30.0, 30.0]]),
            "anchors": values(
                np.concatenate(
                    [
                        np.arange(72).reshape(3, 4, 3, 2) % 17,
                        np.arange(72).reshape(3, 4, 3, 2) % 17 + 12,
                    ],
                    -1,
                )
            ),
            "variances": between((3, 4, 3, 4), 0.5, 1),
            "pre_nms_top_n": 20,
            "post_nms_top_n": 6,
            "nms_thresh": 0.6,
            "min_size": 2.0,
            "pixel_offset": p,
        }
        for p in (True, False)
    ]

    def infer(fresh: Any, scores: TensorType) -> Any:
        n = fresh()
        counts = TensorType(DType.INT32, (scores.shape[0],))
        return scores.with_shape((n, 4)), scores.with_shape((n, 1)), counts

    def numpy(
        scores: np.ndarray, bbox_deltas: np.ndarray, im_shape: np.ndarray, anchors: np.ndarray,
        variances: np.ndarray, pre_nms_top_n: int, post_nms_top_n: int, nms_thresh: float,
        min_size: float, eta: float, pixel_offset: bool,
    ) -> Any:  # fmt: skip
        offset = 1.0 if pixel_offset else 0.0
        flat_anchors, flat_variances = anchors.reshape(-1, 4), variances.reshape(-1, 4)
        rois, probabilities, counts = [], [], []
        for image in range(scores.shape[0]):
            score = scores[image].transpose(1, 2, 0).reshape(-1)
            c = bbox_deltas.shape[1] // 4
            deltas = bbox_deltas[image].reshape(c, 4, *scores.shape[2:])
            deltas = deltas.transpose(2, 3, 0, 1).reshape(-1, 4)
            order = np.argsort(-score, kind="stable")
            order = order[:pre_nms_top_n] if pre_nms_top_n > 0 else order
            boxes = _decoded(flat_anchors[order], deltas[order], flat_variances[order], offset)
            boxes = _clipped(boxes, im_shape[image], offset)
            kept = _large(boxes, max(min_size, 1.0), im_shape[image], pixel_offset)
            boxes, score = boxes[kept], score[order][kept]
            if not len(boxes):
                boxes, score = np.zeros((1, 4), scores.dtype), np.zeros(1, scores.dtype)
            elif nms_thresh > 0:
                stay = suppress(boxes, nms_thresh, eta, offset)
                stay = stay[:post_nms_top_n] if post_nms_top_n > 0 else stay
                boxes, score = boxes[stay], score[stay]
            rois.append(boxes)
            probabilities.append(score[:, None])
            counts.append(len(boxes))
        return np.concatenate(rois), np.concatenate(probabilities), np.array(counts, np.int32)


def _decoded(anchors: Any, deltas: Any, variances: Any, offset: float) -> np.ndarray:
    size = anchors[:, 2:] - anchors[:, :2] + offset
    moved = variances * deltas
    middle = moved[:, :2] * size + anchors[:, :2] + 0.5 * size
    half = np.exp(np.minimum(moved[:, 2:], math.log(1000 / 16))) * size / 2
    return np.concatenate([middle - half, middle + half - offset], 1)


def _clipped(boxes: np.ndarray, im_shape: np.ndarray, offset: float) -> np.ndarray:
    limit = np.array([im_shape[1], im_shape[0]] * 2, boxes.dtype) - offset
    return np.asarray(np.clip(boxes, 0, limit))


def _large(boxes: np.ndarray, least: float, im_shape: np.ndarray, pixel_offset: bool) -> np.ndarray:
    size = boxes[:, 2:] - boxes[:, :2]
    if not pixel_offset:
        return np.flatnonzero((size >= least).all(1))
    middle = boxes[:, :2] + (size + 1) / 2
    inside = (middle[:, 0] <= im_shape[1]) & (middle[:, 1] <= im_shape[0])
    return np.flatnonzero((size + 1 >= least).all(1) & inside)
