"""Decoders of 1.8: ``dynamic_decode``, beam search, and the helpers that feed a decoder."""

import collections

import numpy as np
import paddle


class DecodeSteps(RecordedSteps):
    """Steps that go on while ``more`` of the last one holds."""

    def repeat(self, ops):
        """The loop; ``last`` are the carried values at its end."""
        outputs, self.last = repeat_while(
            ops, self.index, None, self.carried, self.outputs, going=(self.first, self.more)
        )
        return outputs


def dynamic_decode(
    decoder,
    inits=None,
    max_step_num=None,
    output_time_major=False,
    impute_finished=False,
    is_test=False,
    return_length=False,
    **kwargs,
):
    """Call ``decoder.step`` until all are finished. Returns outputs, states and, asked for, lengths."""
    each, flatten = paddle.utils.map_structure, paddle.utils.flatten
    pack = paddle.utils.pack_sequence_as
    start_inputs, start_states, start_finished = decoder.initialize(inits)
    steps = DecodeSteps()
    steps.first = paddle.logical_not(paddle.all(start_finished)).reshape([1])
    with steps.record():
        inputs, states = each(steps.remember, start_inputs), each(steps.remember, start_states)
        finished = steps.remember(start_finished)
        lengths = steps.remember(paddle.zeros_like(start_finished.astype("int64")))
        outputs, new_states, new_inputs, new_finished = decoder.step(
            steps.index, inputs, states, **kwargs
        )
        new_finished = paddle.logical_or(new_finished, finished)
        if impute_finished:
            going = 1.0 - finished.astype("float32")
            new_states = each(lambda a, b: kept_state(a, b, going), states, new_states)
        new_lengths = lengths + paddle.logical_not(finished).astype("int64")
        before = [*flatten(inputs), *flatten(states), finished, lengths]
        after = [*flatten(new_inputs), *flatten(new_states), new_finished, new_lengths]
        for a, b in zip(before, after):
            steps.update_memory(a, b)
        steps.output(*flatten(outputs))
        steps.more = paddle.logical_not(paddle.all(new_finished)).reshape([1])
        if max_step_num is not None:
            steps.more = paddle.logical_and(steps.more, steps.index + 1 <= max_step_num)
    first = len(flatten(inputs))
    final_states = pack(new_states, steps.last[first:-2])
    final, lengths = pack(outputs, steps.results), steps.last[-1]
    try:
        final, final_states = decoder.finalize(final, final_states, lengths)
    except NotImplementedError:
        pass
    if not output_time_major:
        final = each(swap_batch_and_time, final)
    return (final, final_states, lengths) if return_length else (final, final_states)


def kept_state(state, new, going):
    """``state`` where a sequence has finished; types other than floats pass float32, as in 1.8."""
    kind = state.dtype
    mixed = keep_finished(state.astype("float32"), new.astype("float32"), going)
    return mixed.astype(kind)


class Decoder:
    """What ``dynamic_decode`` runs: ``initialize``, ``step`` and, where needed, ``finalize``."""

    def initialize(self, inits):
        """The first inputs, states and what is finished."""
        raise NotImplementedError

    def step(self, time, inputs, states, **kwargs):
        """The outputs, the next states and inputs, and what is finished."""
        raise NotImplementedError

    def finalize(self, outputs, final_states, sequence_lengths):
        """The outputs of all steps as the caller gets them."""
        raise NotImplementedError


class BasicDecoder(Decoder):
    """A cell whose next input comes from a helper."""

    OutputWrapper = collections.namedtuple("OutputWrapper", ("cell_outputs", "sample_ids"))

    def __init__(self, cell, helper, output_fn=None):
        self.cell, self.helper, self.output_fn = cell, helper, output_fn

    def initialize(self, initial_cell_states):
        """What the helper starts with."""
        inputs, finished = self.helper.initialize()
        return inputs, initial_cell_states, finished

    def step(self, time, inputs, states, **kwargs):
        """One call of the cell, and what the helper makes of it."""
        outputs, states = self.cell(inputs, states, **kwargs)
        if self.output_fn is not None:
            outputs = self.output_fn(outputs)
        ids = self.helper.sample(time=time, outputs=outputs, states=states)
        ids.stop_gradient = True
        finished, inputs, states = self.helper.next_inputs(
            time=time, outputs=outputs, states=states, sample_ids=ids
        )
        return self.OutputWrapper(outputs, ids), states, inputs, finished


class DecodeHelper:
    """Feeds a BasicDecoder."""

    def initialize(self):
        """The first inputs, and what is finished."""

    def sample(self, time, outputs, states):
        """The ids that a step chooses."""

    def next_inputs(self, time, outputs, states, sample_ids):
        """What is finished, the next inputs and states."""


class TrainingHelper(DecodeHelper):
    """The next input is the next of the given ones."""

    def __init__(self, inputs, sequence_length, time_major=False):
        self.inputs, self.sequence_length = inputs, sequence_length
        self.axis = 0 if time_major else 1

        def longer(x):
            zero = paddle.zeros_like(self.at(x, paddle.zeros([1], "int64"), False))
            return paddle.concat([x, zero], self.axis)

        self.padded = paddle.utils.map_structure(longer, inputs)

    def at(self, x, time, squeeze=True):
        """``x`` at a time."""
        part = paddle.gather(x, time, axis=self.axis)
        return paddle.squeeze(part, self.axis) if squeeze else part

    def initialize(self):
        """The inputs of the first step; empty sequences are finished."""
        zero = paddle.zeros([1], "int64")
        first = paddle.utils.map_structure(lambda x: self.at(x, zero), self.inputs)
        return first, self.sequence_length <= 0

    def sample(self, time, outputs, states):
        """The likeliest ids."""
        return paddle.argmax(outputs, axis=-1)

    def next_inputs(self, time, outputs, states, sample_ids):
        """The given inputs of the next step."""
        after = time + 1
        finished = self.sequence_length.astype("int64") <= after
        return (
            finished,
            paddle.utils.map_structure(lambda x: self.at(x, after), self.padded),
            states,
        )


class GreedyEmbeddingHelper(DecodeHelper):
    """The next input is the embedding of the likeliest id."""

    def __init__(self, embedding_fn, start_tokens, end_token):
        self.embedding_fn, self.start_tokens = embedding_fn, start_tokens
        self.end_token = paddle.full([1], end_token, "int64")

    def initialize(self):
        """The embeddings of the start tokens; nothing is finished."""
        finished = paddle.zeros_like(self.start_tokens).astype("bool")
        return self.embedding_fn(self.start_tokens), paddle.reshape(finished, [-1])

    def sample(self, time, outputs, states):
        """The likeliest ids."""
        return paddle.argmax(outputs, axis=-1)

    def next_inputs(self, time, outputs, states, sample_ids):
        """The embeddings of the chosen ids; the end token finishes."""
        return paddle.equal(sample_ids, self.end_token), self.embedding_fn(sample_ids), states


class SampleEmbeddingHelper(GreedyEmbeddingHelper):
    """The next input is the embedding of an id drawn from the outputs' softmax."""

    def __init__(self, embedding_fn, start_tokens, end_token, softmax_temperature=None, seed=None):
        super().__init__(embedding_fn, start_tokens, end_token)
        self.temperature = softmax_temperature

    def sample(self, time, outputs, states):
        """The drawn ids."""
        if self.temperature is not None:
            outputs = outputs / self.temperature
        return sampling_id(paddle.nn.functional.softmax(outputs), dtype="int64")


def sampling_id(x, min=0.0, max=1.0, seed=0, dtype="float32"):
    """One id a row, drawn with the row's probabilities; int64 whatever ``dtype`` says, as in 1.8."""
    return paddle.reshape(paddle.multinomial(without_gradient(x), 1), [-1])


class BeamSearchDecoder(Decoder):
    """A cell that keeps the ``beam_size`` likeliest beginnings."""

    OutputWrapper = collections.namedtuple(
        "OutputWrapper", ("scores", "predicted_ids", "parent_ids")
    )
    StateWrapper = collections.namedtuple(
        "StateWrapper", ("cell_states", "log_probs", "finished", "lengths")
    )

    def __init__(self, cell, start_token, end_token, beam_size, embedding_fn=None, output_fn=None):
        self.cell, self.beam_size = cell, beam_size
        self.start_token, self.end_token = start_token, end_token
        self.embedding_fn, self.output_fn = embedding_fn, output_fn
        self.kinf = 1e9

    @staticmethod
    def tile_beam_merge_with_batch(x, beam_size):
        """``x`` once for each beam: [batch * beams, ...]."""
        x = paddle.tile(paddle.unsqueeze(x, 1), [1, beam_size, *[1] * (len(x.shape) - 1)])
        return paddle.flatten(x, 0, 1)

    def split(self, x):
        """[batch * beams, ...] as [batch, beams, ...]."""
        rest = [n if n >= 0 else paddle.shape(x)[i + 1] for i, n in enumerate(x.shape[1:])]
        return paddle.reshape(x, [-1, self.beam_size, *rest])

    def merge(self, x):
        """[batch, beams, ...] as [batch * beams, ...]."""
        return paddle.flatten(x, 0, 1)

    def at(self, x, indices):
        """The beams of ``x`` at ``indices``, for each of the batch."""
        batch = paddle.arange(0, paddle.shape(indices)[0], 1, "int64")
        batch = paddle.unsqueeze(batch, 1) + paddle.zeros_like(indices)
        return paddle.gather_nd(x, paddle.stack([batch, indices], 2))

    def initialize(self, initial_cell_states):
        """Start tokens in every beam; all but the first beam are impossible."""
        state = paddle.utils.flatten(initial_cell_states)[0]
        spread = lambda x: paddle.tile(
            paddle.unsqueeze(x, 1), [1, self.beam_size, *[1] * (len(x.shape) - 1)]
        )
        states = paddle.utils.map_structure(spread, initial_cell_states)
        shape = [paddle.shape(state)[0], self.beam_size]
        inputs = paddle.full(shape, self.start_token, "int64")
        only_first = paddle.assign(np.array([0.0] + [-self.kinf] * (self.beam_size - 1), "float32"))
        scores = paddle.zeros(shape, "float32") + only_first
        finished = paddle.full(shape, False, "bool")
        wrapped = self.StateWrapper(states, scores, finished, paddle.zeros(shape, "int64"))
        return (self.embedding_fn(inputs) if self.embedding_fn else inputs), wrapped, finished

    def step(self, time, inputs, states, **kwargs):
        """One call of the cell for all beams, and the best of what they lead to."""
        each = paddle.utils.map_structure
        outputs, cell_states = self.cell(
            each(self.merge, inputs), each(self.merge, states.cell_states), **kwargs
        )
        outputs, cell_states = each(self.split, outputs), each(self.split, cell_states)
        if self.output_fn is not None:
            outputs = self.output_fn(outputs)
        output, new = self.choose(outputs, cell_states, states)
        ids = output.predicted_ids
        ids.stop_gradient = True
        return output, new, (self.embedding_fn(ids) if self.embedding_fn else ids), new.finished

    def choose(self, logits, cell_states, states):
        """The best beams after a step; a finished one can only be followed by its end."""
        words = logits.shape[-1]
        only_end = np.full(words, -self.kinf, "float32")
        only_end[self.end_token] = 0
        scores = paddle.log(paddle.nn.functional.softmax(logits))
        done = paddle.unsqueeze(states.finished, 2).astype(scores.dtype)
        scores = done * paddle.assign(only_end) + scores * (1.0 - done)
        scores = paddle.reshape(
            scores + paddle.unsqueeze(states.log_probs, 2), [-1, self.beam_size * words]
        )
        best, index = paddle.topk(scores, self.beam_size)
        words = paddle.full([1], words, "int64")
        beams, ids = paddle.floor_divide(index, words), paddle.mod(index, words)
        finished, lengths = self.at(states.finished, beams), self.at(states.lengths, beams)
        lengths = lengths + paddle.logical_not(finished).astype("int64")
        finished = paddle.logical_or(finished, ids == self.end_token)
        cell_states = paddle.utils.map_structure(lambda x: self.at(x, beams), cell_states)
        wrapped = self.StateWrapper(cell_states, self.at(scores, index), finished, lengths)
        return self.OutputWrapper(best, ids, beams), wrapped

    def finalize(self, outputs, final_states, sequence_lengths):
        """The ids of whole beams."""
        ids = paddle.nn.functional.gather_tree(outputs.predicted_ids, outputs.parent_ids)
        return ids, final_states
