"""Functions of Paddle's own that compute with run-time sizes in Python, in a form that captures.

``take_along_axis`` and ``put_along_axis`` compare all sizes, that of ``axis`` included, to find the
broadcast shape; where the other axes agree by their expressions there is nothing to broadcast.
``nms`` branches on how many boxes a category has. ``reshape`` compares the sizes that it is given
with those that there are, to save itself the trouble.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from dy2st.capture import symint
from dy2st.capture.recorder import _active


def replacements() -> dict[int, Callable[..., Any]]:
    """By the identity of Paddle's function, what stands in its place while a capture runs."""
    import paddle

    functions = paddle.tensor.manipulation
    take, put, nms = functions.take_along_axis, functions.put_along_axis, paddle.vision.ops.nms
    out = {id(take): _take(take), id(put): _put(put), id(nms): _nms(nms)}
    return {**out, id(functions.reshape): _reshape(functions.reshape)}


def _reshape(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def reshape(*args: Any, **kwargs: Any) -> Any:
        if getattr(_active, "recorder", None) is not None and len(args) == 2 and not kwargs:
            import paddle

            x, shape = args
            if isinstance(x, paddle.Tensor) and isinstance(shape, (list, tuple)):
                sizes = [n.item() if isinstance(n, paddle.Tensor) else n for n in shape]
                wanted = [symint.dim_of(n) for n in sizes]
                same = wanted == [symint.dim_of(n) for n in x.shape]
                return x if same and None not in wanted else paddle._C_ops.reshape(x, sizes)
        return original(*args, **kwargs)

    return reshape


def _agree(arr: Any, indices: Any, axis: Any) -> bool:
    """Whether all sizes but the one of ``axis`` are equal by their expressions."""
    if not all(type(t).__name__ == "SymbolicTensor" for t in (arr, indices)):
        return False
    if arr.ndim != indices.ndim or type(axis) is not int:
        return False
    pairs = list(zip(arr.shape, indices.shape, strict=True))
    del pairs[axis]
    return all(symint.dim_of(a) == symint.dim_of(b) for a, b in pairs)


def _take(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def take_along_axis(*args: Any, **kwargs: Any) -> Any:
        if getattr(_active, "recorder", None) is not None and len(args) == 3 and not kwargs:
            import paddle

            arr, indices, axis = args
            if _agree(arr, indices, axis):
                return paddle._C_ops.take_along_axis(arr, indices, axis % arr.ndim)
        return original(*args, **kwargs)

    return take_along_axis


def _put(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def put_along_axis(
        arr: Any,
        indices: Any,
        values: Any,
        axis: Any,
        reduce: str = "assign",
        include_self: bool = True,
        broadcast: bool = True,
    ) -> Any:
        rest = (reduce, include_self, broadcast)
        if getattr(_active, "recorder", None) is None or not broadcast:
            return original(arr, indices, values, axis, *rest)
        if not _agree(arr, indices, axis):
            return original(arr, indices, values, axis, *rest)
        import paddle

        if not isinstance(values, paddle.Tensor):
            values = paddle.to_tensor(values)
        values = paddle.broadcast_to(values, indices.shape)
        axis %= arr.ndim
        return paddle._C_ops.put_along_axis(arr, indices, values, axis, reduce, include_self)

    return put_along_axis


def _nms(original: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(original)
    def nms(
        boxes: Any,
        iou_threshold: float = 0.3,
        scores: Any = None,
        category_idxs: Any = None,
        categories: Any = None,
        top_k: int | None = None,
    ) -> Any:
        rest = (scores, category_idxs, categories, top_k)
        if getattr(_active, "recorder", None) is None or scores is None or categories is None:
            return original(boxes, iou_threshold, *rest)
        return _nms_by_category(boxes, iou_threshold, *rest)

    return nms


def _nms_by_category(
    boxes: Any, threshold: float, scores: Any, category_idxs: Any, categories: Any, top_k: Any
) -> Any:
    """Suppress within each category, then sort what is left by its score.

    The operator takes no boxes and one box too, so nothing branches on the number of boxes.
    """
    import paddle

    kept = paddle.zeros_like(scores, dtype="int32")
    for category in categories:
        chosen = paddle.nonzero(category_idxs == category).flatten()
        chosen = chosen[paddle.argsort(scores[chosen], descending=True)]
        chosen = chosen[paddle._C_ops.nms(boxes[chosen], threshold)]
        kept = paddle.scatter(kept, chosen, paddle.ones_like(chosen, dtype="int32"))
    left = paddle.nonzero(kept).flatten()
    left = left[paddle.argsort(scores[left], descending=True)]
    return left if top_k is None else left[:top_k]
