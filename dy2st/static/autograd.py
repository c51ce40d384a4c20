"""A call whose gradients are asked for: one autograd node around the Program.

Forward runs the Program. Backward runs the user's function again eagerly on the saved inputs and
differentiates that (as recomputation does), so gradients are eager's by construction. ``static.function`` takes this path only
where running twice gives the same (no random operations, no effects).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from dy2st.errors import CaptureError
from dy2st.static import watch


def differentiable_weights(tensors: Sequence[Any]) -> list[Any]:
    """The weights that want gradients."""
    return [t for t in tensors if not t.stop_gradient]


def run(
    forward: Callable[[], list[Any]],
    again: Callable[[list[Any]], list[Any]],
    inputs: Sequence[Any],
    weights: Sequence[Any],
) -> list[Any]:
    """The outputs of ``forward()`` as results of one node.

    ``again(inputs)`` computes the same outputs eagerly from (detached) inputs; gradients flow to
    those of ``inputs`` and ``weights`` that want them.
    """
    call = _Call(forward, again, len(inputs))
    if all(w.is_leaf for w in weights):
        # Gradients reach them as they do in eager: only where there is a path, hooks and all.
        result = _node().apply(call, *inputs, _anchor())
    else:
        result = _node().apply(call, *inputs, *weights)
    return list(result) if isinstance(result, (tuple, list)) else [result]


_NO_PARTIAL_GRAD = CaptureError(
    "paddle.grad() through a converted function",
    remedy="use backward(), or turn conversion off with dy2st.enable_to_static(False) while "
    "paddle.grad() is needed",
)


class _Call:
    """What the node needs; opaque to Paddle."""

    def __init__(
        self, forward: Callable[[], list[Any]], again: Callable[[list[Any]], list[Any]], inputs: int
    ) -> None:
        self.forward: Callable[[], list[Any]] | None = forward
        self.again = again
        self.inputs = inputs

    def take_forward(self) -> Callable[[], list[Any]]:
        """``forward``, and forget it: it knows the outputs, whose node knows this object, and no
        garbage collector sees through that cycle."""
        forward, self.forward = self.forward, None
        assert forward is not None
        return forward


@cache
def _node() -> Any:
    import paddle

    class ProgramNode(paddle.autograd.PyLayer):  # type: ignore[misc]
        """One converted function in Paddle's autograd graph."""

        @staticmethod
        def forward(ctx: Any, call: _Call, *tensors: Any) -> Any:
            outputs = call.take_forward()()
            ctx.call = call
            ctx.tensors = tensors
            ctx.set_materialize_grads(False)
            whole = [t for t in outputs if not _is_float(t)]
            if whole:
                ctx.mark_non_differentiable(*whole)
            return tuple(outputs) if len(outputs) != 1 else outputs[0]

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> Any:
            return _backward(ctx.call, ctx.tensors, gradients)

    return ProgramNode


def _anchor() -> Any:
    """A tensor that wants a gradient: a node without one would not be in the graph."""
    import paddle

    anchor = paddle.zeros([])
    anchor.stop_gradient = False
    anchor.is_anchor = True
    return anchor


def _backward(call: _Call, tensors: Sequence[Any], gradients: Sequence[Any]) -> Any:
    import paddle

    if watch.in_partial_grad():
        # Its state is one per process: nested, it kills the process or gives None for everything.
        watch.refuse_partial_grad(_NO_PARTIAL_GRAD)
    inputs, weights = tensors[: call.inputs], tensors[call.inputs :]
    with paddle.enable_grad():
        copies = []
        for tensor in inputs:
            copy = tensor.detach()
            copy.stop_gradient = tensor.stop_gradient
            copies.append(copy)
        outputs = call.again(copies)
        pairs = [
            (o, g) for o, g in zip(outputs, gradients) if g is not None and not o.stop_gradient
        ]
        wanted = [t for t in [*copies, *weights] if not t.stop_gradient]
        if len(weights) == 1 and getattr(weights[0], "is_anchor", False):
            if pairs:
                paddle.autograd.backward([o for o, _ in pairs], [g for _, g in pairs])
            found = [t.grad for t in wanted]
        else:
            found = _gradients([o for o, _ in pairs], wanted, [g for _, g in pairs])
    results = iter(found)
    out = tuple(None if t.stop_gradient else _gradient(t, next(results)) for t in tensors)
    return out if len(out) != 1 else out[0]


def _gradient(tensor: Any, found: Any) -> Any:
    """``found``; None is how eager says that there is no path to a weight: an optimizer then leaves
    it alone. A node that gets no gradient at all kills the process, so it gets zeros."""
    import paddle

    return paddle.zeros_like(tensor) if found is None and not tensor.is_leaf else found


def _gradients(outputs: list[Any], targets: list[Any], seeds: list[Any]) -> list[Any]:
    """d outputs / d targets, None where there is no path."""
    import paddle

    if not outputs:
        return [None] * len(targets)
    found: list[Any] = paddle.grad(outputs, targets, seeds, allow_unused=True)
    return found


def _is_float(tensor: Any) -> bool:
    return "float" in str(tensor.dtype) or "complex" in str(tensor.dtype)
