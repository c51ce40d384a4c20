"""Batch normalisation at inference becomes part of the weights before it."""

from __future__ import annotations

from collections import Counter

from dy2st.ir.program import Operation, Program, Value
from dy2st.passes.rewrite import Rewriter

# For each producer: the operand that holds the weights, and the axis of the outputs in it.
_CONVOLUTIONS = {"conv2d": 0, "depthwise_conv2d": 0, "conv3d": 0, "conv2d_transpose": 1}


def fold_batch_norm(program: Program) -> Program:
    """Scale the weights of ``conv → [add bias] → batch_norm`` and leave one addition.

    ``(conv(x, w) + b - mean) * g + beta`` with ``g = scale / sqrt(variance + epsilon)`` is
    ``conv(x, w * g) + ((b - mean) * g + beta)``. Where the weights are parameters, all that is
    computed from them lands in the prologue.
    """
    fold = _Fold(program)
    return fold.run() if fold.parts else program


class _Fold(Rewriter):
    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self.uses = Counter(v for op in program.walk() for v in op.flat_operands())
        self.outside = _readers_in_regions(program)
        self.parts: dict[Operation, tuple[Operation, Value | None]] = {}
        self.waiting: set[Operation] = set()
        for op in program.walk():
            match = self.match(op) if op.name == "batch_norm" else None
            if match is not None:
                self.parts[op] = match
                self.waiting.add(match[0])
                if match[1] is not None:
                    adder = op.operands[0]
                    assert isinstance(adder, Value)
                    assert isinstance(adder.owner, Operation)
                    self.waiting.add(adder.owner)

    def match(self, op: Operation) -> tuple[Operation, Value | None] | None:
        """The convolution before a batch norm, and the bias added in between."""
        x = op.operands[0]
        if not _is_inference(op) or not self.only_here(x) or any(o is None for o in op.operands):
            return None
        assert isinstance(x, Value)
        producer = x.owner
        bias: Value | None = None
        if isinstance(producer, Operation) and producer.name == "add":
            inner, other = producer.operands
            if not (isinstance(other, Value) and _is_channel_vector(other, x)):
                return None
            if not self.only_here(inner):
                return None
            assert isinstance(inner, Value)
            bias, producer = other, inner.owner
        if not isinstance(producer, Operation) or producer.name not in _CONVOLUTIONS:
            return None
        layout = producer.attrs.get("data_format", "NCHW")
        groups = producer.attrs.get("groups", 1)
        if layout not in ("NCHW", "NCDHW", "AnyLayout") or op.attrs.get("data_format") not in (
            "NCHW",
            "NCDHW",
            "AnyLayout",
        ):
            return None
        if _CONVOLUTIONS[producer.name] == 1 and groups != 1:
            return None  # the weights' output axis is split over the groups
        return producer, bias

    def only_here(self, value: object) -> bool:
        """Whether the batch norm (or addition) is the only reader, in the same block."""
        return isinstance(value, Value) and self.uses[value] == 1 and value not in self.outside

    def operation(self, op: Operation) -> None:
        if op in self.waiting:
            return  # emitted with the batch norm
        if op in self.parts:
            self.fold(op, *self.parts[op])
            return
        self.copy(op)

    def fold(self, op: Operation, conv: Operation, bias: Value | None) -> None:
        mean, variance, scale, beta = (self.map[v] for v in list(op.flat_operands())[1:])
        x, weights = (self.map[v] for v in conv.flat_operands())
        rank = weights.type.rank
        axis = _CONVOLUTIONS[conv.name]
        channels = mean.shape[0]
        if bias is not None:
            flat = self.emit("reshape", self.map[bias], (channels,))
            mean = self.emit("subtract", mean, flat)
        operands = (mean, variance, scale, beta)
        affine = self.builder.emit("norm_affine", operands, {"epsilon": op.attrs["epsilon"]})
        gain, shift = affine.results
        along = tuple(channels if d == axis else 1 for d in range(rank))
        folded = self.emit("multiply", weights, self.emit("reshape", gain, along))
        self.builder.location = conv.location
        made = self.builder.emit(
            conv.name, (x, folded), conv.attrs, types=[r.type for r in conv.results]
        )
        self.builder.location = op.location
        out_rank = conv.results[0].type.rank
        vector = tuple(channels if d == 1 else 1 for d in range(out_rank))
        result = self.emit("add", made.results[0], self.emit("reshape", shift, vector))
        # At inference the running statistics come out as they went in.
        _, mean_in, variance_in, *_ = op.operands
        assert isinstance(mean_in, Value)
        assert isinstance(variance_in, Value)
        self.map[op.results[0]] = result
        for value, same in zip(op.results[1:3], (mean_in, variance_in)):
            self.map[value] = self.map[same]


def _is_inference(op: Operation) -> bool:
    # With trainable statistics phi normalises by the batch even at inference.
    given = op.attrs.get("is_test") and not op.attrs.get("trainable_statistics")
    return bool(given or op.attrs.get("use_global_stats"))


def _is_channel_vector(value: Value, x: Value) -> bool:
    """Whether ``value`` has one element a channel, shaped so that it is added to each channel."""
    shape = (1,) * (x.type.rank - value.type.rank) + value.shape
    return all(n == (x.shape[1] if d == 1 else 1) for d, n in enumerate(shape))


def _readers_in_regions(program: Program) -> set[Value]:
    """Values that a region reads from around it: a batch norm in a branch is left alone."""
    found: set[Value] = set()
    for op in program.walk():
        for region in op.regions:
            own = {r for o in region.walk() for r in o.results}
            found.update(v for o in region.walk() for v in o.flat_operands() if v not in own)
    return found
