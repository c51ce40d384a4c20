"""Boxes from grids: priors and the decoding of predictions. Sources: phi/kernels/cpu."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from dy2st.ir.types import TensorType
from dy2st.ops.activation import sigmoid
from dy2st.ops.base import Plain
from dy2st.ops.cases import between, values
from dy2st.ops.rules import reference

FLOATS = ("float32", "float64")


_YOLO = {"img_size": values([[64, 48], [50, 70]], "int32"), "anchors": [10, 13, 16, 30, 33, 23]}
_PRIOR = values([[0.0, 0, 4, 6], [1, 1, 5, 3], [2, 0, 9, 9]])


class YoloBox(
    Plain,
    name="yolo_box",
    signature=(
        "x: Tensor, img_size: Tensor, anchors: ints = (), class_num: int = 1, "
        "conf_thresh: float = 0.01, downsample_ratio: int = 32, clip_bbox: bool = True, "
        "scale_x_y: float = 1.0, iou_aware: bool = False, iou_aware_factor: float = 0.5 "
        "-> boxes, scores"
    ),
):
    """Boxes and class scores of a YOLO head; zeros where the confidence is below the threshold."""

    dtypes = FLOATS
    specials = False  # a confidence is finite
    cpu = reference()
    cases = [
        {"x": (2, 21, 3, 4), **_YOLO, "class_num": 2, "conf_thresh": 0.4, "scale_x_y": s}
        for s in (1.0, 1.2)
    ] + [
        {"x": (2, 24, 3, 3), **_YOLO, "class_num": 2, "iou_aware": True, "clip_bbox": False},
    ]

    def infer(x: TensorType, anchors: Any, class_num: int) -> Any:
        n, _, high, wide = x.shape
        count = high * wide * (len(anchors) // 2)
        return x.with_shape((n, count, 4)), x.with_shape((n, count, class_num))

    def numpy(
        x: np.ndarray, img_size: np.ndarray, anchors: Any, class_num: int, conf_thresh: float,
        downsample_ratio: int, clip_bbox: bool, scale_x_y: float, iou_aware: bool,
        iou_aware_factor: float,
    ) -> Any:  # fmt: skip
        n, _, high, wide = x.shape
        count = len(anchors) // 2
        ious = x[:, :count] if iou_aware else None
        head = x[:, count:] if iou_aware else x
        head = head.reshape(n, count, 5 + class_num, high, wide)
        confidence = sigmoid(head[:, :, 4])
        if ious is not None:
            confidence = confidence ** (1 - iou_aware_factor) * sigmoid(ious) ** iou_aware_factor
        image = img_size.astype(x.dtype)[:, None, None, None]
        rows, columns = np.arange(high)[:, None], np.arange(wide)[None]
        bias = -0.5 * (scale_x_y - 1)
        middle_x = (columns + sigmoid(head[:, :, 0]) * scale_x_y + bias) * image[..., 1] / wide
        middle_y = (rows + sigmoid(head[:, :, 1]) * scale_x_y + bias) * image[..., 0] / high
        sizes = np.array(anchors).reshape(count, 2)[:, :, None, None]
        w = np.exp(head[:, :, 2]) * sizes[:, 0] * image[..., 1] / (downsample_ratio * wide)
        h = np.exp(head[:, :, 3]) * sizes[:, 1] * image[..., 0] / (downsample_ratio * high)
        sides = [middle_x - w / 2, middle_y - h / 2, middle_x + w / 2, middle_y + h / 2]
        if clip_bbox:
            sides[0], sides[1] = np.maximum(sides[0], 0), np.maximum(sides[1], 0)
            sides[2] = np.minimum(sides[2], image[..., 1] - 1)
            sides[3] = np.minimum(sides[3], image[..., 0] - 1)
        sure = confidence >= conf_thresh
        boxes = np.where(sure[..., None], np.stack(sides, -1), 0)
        scores = sigmoid(head[:, :, 5:]) * confidence[:, :, None]
        scores = np.where(sure[:, :, None], scores, 0).transpose(0, 1, 3, 4, 2)
        return boxes.reshape(n, -1, 4), scores.reshape(n, -1, class_num)


class PriorBox(
    Plain,
    name="prior_box",
    signature=(
        "input: Tensor, image: Tensor, min_sizes: floats, max_sizes: floats = (), "
        "aspect_ratios: floats = (), variances: floats = (), flip: bool = True, clip: bool = True, "
        "step_w: float = 0.0, step_h: float = 0.0, offset: float = 0.5, "
        "min_max_aspect_ratios_order: bool = False -> out, var"
    ),
):
    """The default boxes of SSD at each place of a feature map, and their variances."""

    dtypes = FLOATS
    cpu = reference()
    _base = {"input": (1, 2, 3, 4), "image": (1, 3, 32, 40), "variances": [0.1, 0.1, 0.2, 0.2]}
    cases = [
        {**_base, "min_sizes": [4.0], "max_sizes": [9.0], "aspect_ratios": [1.0, 2.0]},
        {**_base, "min_sizes": [4.0, 6.0], "aspect_ratios": [2.0], "flip": False, "clip": False},
        {
            **_base,
            "min_sizes": [4.0],
            "max_sizes": [9.0],
            "aspect_ratios": [2.0],
            "min_max_aspect_ratios_order": True,
            "step_w": 8.0,
            "step_h": 9.0,
        },
    ]

    def infer(
        input: TensorType, min_sizes: Any, max_sizes: Any, aspect_ratios: Any, flip: bool
    ) -> Any:
        each = len(_ratios(aspect_ratios, flip))
        count = each * len(min_sizes) + len(max_sizes)
        out = input.with_shape((*input.shape[2:], count, 4))
        return out, out

    def numpy(
        input: np.ndarray, image: np.ndarray, min_sizes: Any, max_sizes: Any, aspect_ratios: Any,
        variances: Any, flip: bool, clip: bool, step_w: float, step_h: float, offset: float,
        min_max_aspect_ratios_order: bool,
    ) -> Any:  # fmt: skip
        high, wide = input.shape[2:]
        image_h, image_w = image.shape[2:]
        step_x = step_w or image_w / wide
        step_y = step_h or image_h / high
        halves = _halves(
            min_sizes, max_sizes, _ratios(aspect_ratios, flip), min_max_aspect_ratios_order
        )
        x, y = np.meshgrid((np.arange(wide) + offset) * step_x, (np.arange(high) + offset) * step_y)
        middle = np.stack([x, y], -1)[:, :, None, :]
        image_size = np.array([image_w, image_h])
        out = np.concatenate([(middle - halves) / image_size, (middle + halves) / image_size], -1)
        out = np.clip(out, 0, 1) if clip else out
        return out, np.broadcast_to(np.array(variances), out.shape)


def _ratios(aspect_ratios: Any, flip: bool) -> list[float]:
    """The distinct ratios, 1 first, each with its inverse where ``flip``."""
    out = [1.0]
    for ratio in aspect_ratios:
        if all(abs(ratio - known) >= 1e-6 for known in out):
            out += [ratio, 1 / ratio] if flip else [ratio]
    return out


def _halves(min_sizes: Any, max_sizes: Any, ratios: list[float], max_second: bool) -> np.ndarray:
    """Half the width and height of each box at one place."""
    out = []
    for k, size in enumerate(min_sizes):
        wide = [(size * math.sqrt(r) / 2, size / math.sqrt(r) / 2) for r in ratios]
        large = math.sqrt(size * max_sizes[k]) / 2 if max_sizes else 0.0
        square = [(large, large)] if max_sizes else []
        out += [wide[0], *square, *wide[1:]] if max_second else [*wide, *square]
    return np.array(out)


class BoxCoder(
    Plain,
    name="box_coder",
    signature=(
        "prior_box: Tensor, prior_box_var: Tensor?, target_box: Tensor, "
        "code_type: str = 'encode_center_size', box_normalized: bool = True, axis: int = 0, "
        "variance: floats = () -> out"
    ),
):
    """Boxes as offsets from priors, or back."""

    dtypes = FLOATS
    specials = False  # boxes are finite
    cpu = reference()
    cases = [
        {
            "prior_box": _PRIOR,
            "prior_box_var": between((3, 4), 0.1, 1),
            "target_box": values([[1.0, 1, 3, 5], [0, 2, 7, 8]]),
            "box_normalized": n,
        }
        for n in (True, False)
    ] + [
        {
            "prior_box": _PRIOR,
            "target_box": between((2, 3, 4), -0.5, 0.5),
            "code_type": "decode_center_size",
            "variance": [0.1, 0.1, 0.2, 0.2],
            "dtypes": ("float32",),  # Paddle reads these numbers as if they had the boxes' dtype
        },
        {
            "prior_box": _PRIOR,
            "prior_box_var": between((3, 4), 0.1, 1),
            "target_box": between((3, 2, 4), -0.5, 0.5),
            "code_type": "decode_center_size",
            "axis": 1,
        },
    ]

    def infer(prior_box: TensorType, target_box: TensorType, code_type: str) -> TensorType:
        if code_type == "encode_center_size":
            return target_box.with_shape((target_box.shape[0], prior_box.shape[0], 4))
        return target_box

    def numpy(
        prior_box: np.ndarray, prior_box_var: Any, target_box: np.ndarray, code_type: str,
        box_normalized: bool, axis: int, variance: Any,
    ) -> Any:  # fmt: skip
        add = 0.0 if box_normalized else 1.0
        size = prior_box[:, 2:] - prior_box[:, :2] + add
        middle = prior_box[:, :2] + size / 2
        scale: Any = prior_box_var if prior_box_var is not None else np.array(variance or [1.0] * 4)
        if code_type == "encode_center_size":
            wide = target_box[:, 2:] - target_box[:, :2] + add
            at = (target_box[:, 2:] + target_box[:, :2]) / 2
            moved = (at[:, None] - middle[None]) / size[None]
            grown = np.log(np.abs(wide[:, None] / size[None]))
            return np.concatenate([moved, grown], -1) / scale
        along = (slice(None), None) if axis == 1 else (None, slice(None))
        middle, size = middle[along], size[along]
        scale = scale[along] if scale.ndim == 2 else scale
        code = scale * target_box
        at = code[..., :2] * size + middle
        half = np.exp(code[..., 2:]) * size / 2
        return np.concatenate([at - half, at + half - add], -1)
