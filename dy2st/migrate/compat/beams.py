"""Beam search over packed rows: each prefix is a row, and its candidates are a sequence."""

import paddle


def beam_search(
    pre_ids,
    pre_scores,
    ids,
    scores,
    beam_size,
    end_id,
    level=0,
    is_accumulated=True,
    name=None,
    return_parent_idx=False,
):
    """The best ``beam_size`` candidates of each source, as rows of their prefixes in order.

    A prefix that has ended keeps its end; a source all of whose beams have ended disappears.
    Returns ids, scores and, asked for, the prefix of each; of equal scores a later prefix wins.
    """
    high = absolute_offsets(lod_of(scores), level)
    pre_ids = paddle.reshape(pre_ids, [-1, 1]).astype("int64")
    ended = pre_ids == end_id
    ids, scores, real = beam_candidates(
        pre_ids, paddle.reshape(pre_scores, [-1, 1]), ended, ids, scores, end_id, is_accumulated
    )
    width = ids.shape[1]
    rows = paddle.shape(ids)[0].astype("int64")
    # candidates in the order in which they win when scores are equal, then by score and source
    row = paddle.unsqueeze(paddle.arange(0, rows, 1, "int64"), 1)
    order = paddle.reshape((rows - 1 - row) * width + paddle.arange(0, width, 1, "int64"), [-1])
    row = paddle.reshape(row + paddle.zeros_like(ids), [-1])
    source = paddle.searchsorted(high[1:], row, right=True)
    order = paddle.argsort(order)
    for key in (
        -paddle.reshape(scores, [-1]),
        1 - paddle.reshape(real, [-1]).astype("int64"),
        source,
    ):
        order = paddle.gather(order, paddle.argsort(paddle.gather(key, order), stable=True))
    place = paddle.arange(0, rows * width, 1, "int64")
    source = paddle.gather(source, order)
    rank = place - paddle.gather(high, source) * width
    kept = paddle.logical_and(rank < beam_size, paddle.gather(paddle.reshape(real, [-1]), order))
    # a source goes on when one of its beams has not ended before
    both = paddle.logical_and(ended, ids == end_id)
    open_beams = paddle.logical_and(
        kept, paddle.logical_not(paddle.gather(paddle.reshape(both, [-1]), order))
    )
    counts = paddle.scatter_nd_add(
        paddle.zeros_like(high), paddle.unsqueeze(source, 1), open_beams.astype("int64")
    )
    kept = paddle.logical_and(kept, paddle.gather(counts, source) > 0)
    chosen = paddle.gather(order, paddle.reshape(paddle.nonzero(kept), [-1]))
    parents = paddle.gather(row, chosen)
    chosen = paddle.gather(chosen, paddle.argsort(parents, stable=True))
    parents = paddle.gather(row, chosen)
    low = paddle.searchsorted(paddle.sort(parents), paddle.arange(0, rows + 1, 1, "int64"))
    lod = [high, low]
    found_ids = set_lod(paddle.gather(paddle.reshape(ids, [-1, 1]), chosen), lod)
    found_scores = set_lod(paddle.gather(paddle.reshape(scores, [-1, 1]), chosen), lod)
    if return_parent_idx:
        return found_ids, found_scores, set_lod(parents.astype("int32"), [])
    return found_ids, found_scores


def absolute_offsets(lod, level):
    """The offsets of one level, counted in rows."""
    if not lod:
        raise ValueError(
            "beam_search needs the sequences of its scores: lod_reset(scores, pre_ids)"
        )
    offsets = lod[level]
    for inner in lod[level + 1 :]:
        offsets = paddle.gather(inner, offsets)
    return offsets


def beam_candidates(pre_ids, pre_scores, ended, ids, scores, end_id, is_accumulated):
    """Ids and scores [prefixes, candidates], and which are real: one that ended has its end only."""
    width = 1
    for size in scores.shape[1:]:
        width *= size
    scores = paddle.reshape(scores, [-1, width])
    columns = paddle.unsqueeze(paddle.arange(0, width, 1, "int64"), 0)
    if ids is None:
        ids = columns + paddle.zeros_like(pre_ids)
    else:
        ids = paddle.reshape(ids, [-1, width]).astype("int64")
    if not is_accumulated:
        scores = pre_scores + paddle.log(scores)
    ended = paddle.logical_and(ended, columns >= 0)
    ids = paddle.where(ended, paddle.full_like(ids, end_id), ids)
    scores = paddle.where(ended, pre_scores + paddle.zeros_like(scores), scores)
    real = paddle.logical_or(paddle.logical_not(ended), columns == 0)
    return ids, scores, real


def beam_search_decode(ids, scores, beam_size, end_id, name=None):
    """The sentences of all steps, best first: ids and scores, packed, with offsets of two levels."""
    members = members_of(ids)
    if members.mixed or len(members.levels or []) != 2:
        raise ValueError("beam_search_decode needs arrays of what beam_search gives")
    high_array, low_array = members.levels
    at = lambda array, step: paddle.tensor.array_read(array, step)
    sources = paddle.shape(at(high_array, paddle.zeros([1], "int64")))[0].astype("int64") - 1
    last = paddle.reshape(paddle.tensor.array_length(ids), [1]).astype("int64") - 1
    # the last step is empty where all beams had ended
    (last,) = paddle.static.nn.while_loop(
        lambda step: at(low_array, step)[-1] == 0, lambda step: [step - 1], [last]
    )
    slots = sources * beam_size
    words, values, used = (create_array(kind) for kind in ("int64", "float32", "int64"))
    slot = paddle.arange(0, slots, 1, "int64")
    source, beam = slot // beam_size, slot % beam_size

    def body(step, turn, here, found):
        high, low = at(high_array, step), at(low_array, step)
        start, end = (
            paddle.gather(low, paddle.gather(bounds, source)) for bounds in (high[:-1], high[1:])
        )
        fresh = paddle.logical_and(here < 0, start + beam < end)
        here = paddle.where(fresh, start + beam, here)
        inside = here >= 0
        row = paddle.maximum(here, paddle.zeros_like(here))
        word = paddle.gather(paddle.reshape(at(ids, step), [-1]), row)
        value = paddle.gather(paddle.reshape(at(scores, step), [-1]), row)
        # only the last of the end tokens is kept
        use = paddle.logical_and(inside, paddle.logical_or(word != end_id, found == 0))
        for array, member in ((words, word), (values, value), (used, use.astype("int64"))):
            paddle.tensor.array_write(member, turn, array)
        prefix = paddle.searchsorted(low[1:], row, right=True)
        here = paddle.where(inside, prefix, here)
        return [step - 1, turn + 1, here, found + use.astype("int64")]

    paddle.static.nn.while_loop(
        lambda step, *state: step >= 0,
        body,
        [last, paddle.zeros([1], "int64"), paddle.full_like(slot, -1), paddle.zeros_like(slot)],
    )
    words, values, used = (
        paddle.transpose(tensor_array_to_tensor_stack(array), [1, 0])
        for array in (words, values, used)
    )
    return pack_sentences(words, values, used, beam_size)


def pack_sentences(words, values, used, beam_size):
    """Sentences [slots, steps], last word first, as packed rows, the best of each source first."""
    some = paddle.sum(used, 1) > 0
    first = paddle.unsqueeze(paddle.argmax(used, 1), 1)
    score = paddle.squeeze(paddle.take_along_axis(values, first, 1), 1)
    score = paddle.where(some, score, paddle.full_like(score, float("-inf")))
    order = paddle.argsort(paddle.reshape(-score, [-1, beam_size]), 1, stable=True)
    starts = paddle.arange(0, paddle.shape(order)[0].astype("int64"), 1, "int64") * beam_size
    order = paddle.reshape(order + paddle.unsqueeze(starts, 1), [-1])
    words, values, used = (paddle.flip(paddle.gather(x, order), [1]) for x in (words, values, used))
    places = paddle.nonzero(used)
    sentences = offsets_from(paddle.sum(used, 1))
    total = paddle.shape(sentences)[0].astype("int64")
    lod = [paddle.arange(0, total, beam_size, "int64"), sentences]
    return tuple(set_lod(paddle.gather_nd(x, places), lod) for x in (words, values))
