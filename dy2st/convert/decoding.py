"""``paddle.nn.dynamic_decode``, written so that its loop over time becomes a ``while``.

Paddle's own reads the condition through numpy and keeps its outputs in objects of its own. This one
is converted like a user's function where a converted function calls Paddle's; it does the same steps:
at least one, until all sequences are finished or ``max_step_num`` is passed.
"""

from __future__ import annotations

from typing import Any


def is_dynamic_decode(function: Any) -> bool:
    """Whether ``function`` is Paddle's."""
    name = getattr(function, "__name__", "")
    return name == "dynamic_decode" and getattr(function, "__module__", "") == "paddle.nn.decode"


def dynamic_decode(
    decoder: Any,
    inits: Any = None,
    max_step_num: Any = None,
    output_time_major: bool = False,
    impute_finished: bool = False,
    is_test: bool = False,
    return_length: bool = False,
    **kwargs: Any,
) -> Any:
    """See Paddle's documentation of ``paddle.nn.dynamic_decode``."""
    import paddle

    inputs, states, finished = decoder.initialize(inits)
    lengths = paddle.cast(paddle.zeros_like(finished), "int64")
    time = paddle.full(shape=[1], fill_value=0, dtype="int64")
    outputs, states, inputs, finished, lengths = _step(
        decoder, time, inputs, states, finished, lengths, impute_finished, kwargs
    )
    collected = [[leaf] for leaf in paddle.utils.flatten(outputs)]
    structure = outputs
    count = 1
    while not paddle.all(finished):
        if max_step_num is not None and count > max_step_num:
            break
        outputs, states, inputs, finished, lengths = _step(
            decoder, time + count, inputs, states, finished, lengths, impute_finished, kwargs
        )
        for leaves, leaf in zip(collected, paddle.utils.flatten(outputs)):
            leaves.append(leaf)
        count += 1
    stacked = [paddle.stack(leaves, axis=0) for leaves in collected]
    final = paddle.utils.pack_sequence_as(structure, stacked)
    if _finalizes(decoder):
        final, states = decoder.finalize(final, states, lengths)
    if not output_time_major:
        final = paddle.utils.map_structure(_batch_first, final)
    return (final, states, lengths) if return_length else (final, states)


def _step(
    decoder: Any,
    time: Any,
    inputs: Any,
    states: Any,
    finished: Any,
    lengths: Any,
    impute_finished: bool,
    kwargs: Any,
) -> Any:
    """One step: its outputs, then states, inputs, finished and lengths of the next."""
    import paddle

    outputs, next_states, next_inputs, next_finished = decoder.step(time, inputs, states, **kwargs)
    if decoder.tracks_own_finished:
        return outputs, next_states, next_inputs, next_finished, _lengths(next_states, lengths)
    next_finished = paddle.logical_or(next_finished, finished)
    lengths = lengths + paddle.cast(paddle.logical_not(next_finished), lengths.dtype)
    if impute_finished:
        pairs = zip(paddle.utils.flatten(states), paddle.utils.flatten(next_states))
        kept = [_keep(old, new, next_finished) for old, new in pairs]
        next_states = paddle.utils.pack_sequence_as(next_states, kept)
    return outputs, next_states, next_inputs, next_finished, lengths


def _lengths(states: Any, lengths: Any) -> Any:
    return getattr(states, "lengths", lengths)


def _keep(old: Any, new: Any, finished: Any) -> Any:
    """The old state of the sequences that are finished."""
    import paddle

    mask = paddle.reshape(finished, [-1] + [1] * (old.ndim - 1))
    return paddle.where(paddle.broadcast_to(mask, new.shape), old, new)


def _finalizes(decoder: Any) -> bool:
    import paddle

    return type(decoder).finalize is not paddle.nn.decode.Decoder.finalize


def _batch_first(x: Any) -> Any:
    import paddle

    return paddle.transpose(x, [1, 0, *range(2, x.ndim)])
