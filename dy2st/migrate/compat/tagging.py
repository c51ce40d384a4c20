"""Tags and characters of sequences: CRF, CTC, distances and chunks; packed or padded."""

import paddle


def linear_chain_crf(input, label, param_attr=None, length=None):
    """What each sequence of tags costs under a conditional random field, [sequences, 1].

    The parameter's first row starts a sequence, the second ends it, the others lead from tag to tag.
    """
    size = input.shape[-1]
    attr = named(param_attr, layer_name("linear_chain_crf", None), "w")
    weight = new_parameter([size + 2, size], input.dtype, attr, None)
    return crf_cost(input, label, weight, length)


def crf_cost(input, label, weight, length=None):
    """What each sequence of tags costs, with the rows of ``weight`` that ``linear_chain_crf`` has."""
    size = input.shape[-1]
    offsets = offsets_of(input) if length is None else offsets_from(length)
    if length is not None:
        input, label = unpad_rows(input, offsets), unpad_rows(label, offsets)
    label = paddle.reshape(label, [-1]).astype("int64")
    start, end, lead = weight[0], weight[1], weight[2:]
    sequence, place = row_places(offsets)
    first = paddle.unsqueeze((place == 0).astype(input.dtype), 1)

    def step(row, before):
        flag = row[:, size:]
        after = paddle.logsumexp(paddle.unsqueeze(before, 2) + lead, 1)
        return (row[:, :size] + flag * start + (1.0 - flag) * after,)

    states = [paddle.zeros([paddle.shape(offsets)[0] - 1, size], input.dtype)]
    rows = paddle.concat([input, first], 1)
    sums = scan_sequences(step, rows, states, offsets, False)[0]
    total = paddle.logsumexp(paddle.gather(sums, offsets[1:] - 1) + end, 1)
    previous = paddle.gather(label, paddle.clip(paddle.arange(0, offsets[-1], 1, "int64") - 1, 0))
    gold = paddle.squeeze(paddle.take_along_axis(input, paddle.unsqueeze(label, 1), 1), 1)
    moved = paddle.gather_nd(lead, paddle.stack([previous, label], 1))
    first = paddle.squeeze(first, 1)
    gold = gold + first * paddle.gather(start, label) + (1.0 - first) * moved
    last = paddle.gather(end, paddle.gather(label, offsets[1:] - 1))
    gold = paddle.scatter_nd_add(last, paddle.unsqueeze(sequence, 1), gold)
    some = (lengths_from(offsets) > 0).astype(input.dtype)  # a sequence of no rows costs nothing
    return set_lod(paddle.unsqueeze((total - gold) * some, 1), [])


def crf_decoding(input, param_attr, label=None, length=None):
    """The best tags of each sequence; with ``label`` 1 where they are right, else 0."""
    size = input.shape[-1]
    weight = new_parameter([size + 2, size], input.dtype, param_attr, None)
    return crf_path(input, weight, label, length)


def crf_path(input, weight, label=None, length=None):
    """The best tags of each sequence; with ``label`` 1 where they are right, else 0."""
    offsets = None if length is not None else offsets_of(input)
    rows = input if offsets is None else pad_rows(input, offsets)
    count = length if offsets is None else lengths_from(offsets)
    path = paddle._C_ops.crf_decoding(rows, weight, None, paddle.reshape(count, [-1]))
    path = retyped(path, "int64")
    if offsets is not None:
        path = paddle.unsqueeze(
            unpad_rows(paddle.reshape(path, paddle.shape(rows)[:2]), offsets), 1
        )
        set_lod(path, [offsets])
    if label is not None:
        right = paddle.reshape(label, paddle.shape(path)).astype(path.dtype) == path
        path = set_lod(right.astype("int64"), [] if offsets is None else [offsets])
    path.stop_gradient = True
    return path


def warpctc(input, label, blank=0, norm_by_times=False, input_length=None, label_length=None):
    """The CTC loss of each sequence, [sequences, 1]; padded ``input`` is [steps, sequences, classes]."""
    if input_length is None:
        offsets, places = offsets_of(input), offsets_of(label)
        input = paddle.transpose(pad_rows(input, offsets), [1, 0, 2])
        label = pad_rows(paddle.reshape(label, [-1]), places, 0)
        input_length, label_length = lengths_from(offsets), lengths_from(places)
    lengths = [paddle.reshape(n, [-1]).astype("int64") for n in (input_length, label_length)]
    loss = paddle._C_ops.warpctc(input, label.astype("int32"), *lengths, blank, norm_by_times)
    return set_lod(loss, [])


def ctc_greedy_decoder(input, blank, input_length=None, padding_value=0, name=None):
    """The likeliest class of each step, repeats joined and blanks left out."""
    best = paddle.argmax(input, -1)
    if input_length is not None:
        out, count = paddle._C_ops.ctc_align(
            best.astype("int64"), input_length.astype("int64"), blank, True, padding_value
        )
        return out, count
    offsets = offsets_of(input)
    sequence, place = row_places(offsets)
    before = paddle.gather(best, paddle.clip(paddle.arange(0, offsets[-1], 1, "int64") - 1, 0))
    new = paddle.logical_or(place == 0, best != before)
    kept = kept_rows(paddle.logical_and(new, best != blank), offsets)
    out = paddle.unsqueeze(paddle.gather(best, kept[0]), 1)
    out.stop_gradient = True
    return set_lod(out, [kept[1]])


def kept_rows(mask, offsets):
    """The numbers of the packed rows where ``mask`` holds, and their offsets."""
    counts = paddle.concat([paddle.zeros([1], "int64"), paddle.cumsum(mask.astype("int64"))])
    return paddle.reshape(paddle.nonzero(mask), [-1]), paddle.gather(counts, offsets)


def without_tokens(x, tokens):
    """Packed ids without some of them."""
    flat = paddle.reshape(x, [-1])
    mask = paddle.ones_like(flat).astype("bool")
    for token in tokens:
        mask = paddle.logical_and(mask, flat != token)
    rows, offsets = kept_rows(mask, offsets_of(x))
    return set_lod(paddle.unsqueeze(paddle.gather(flat, rows), 1), [offsets])


def edit_distance(
    input, label, normalized=True, ignored_tokens=None, input_length=None, label_length=None
):
    """How many changes lead from each sequence to its label, [sequences, 1], and their number."""
    if input_length is None:
        if ignored_tokens:
            input = without_tokens(input, ignored_tokens)
            label = without_tokens(label, ignored_tokens)
        offsets, places = offsets_of(input), offsets_of(label)
        input = pad_rows(paddle.reshape(input, [-1]), offsets, 0)
        label = pad_rows(paddle.reshape(label, [-1]), places, 0)
        input_length, label_length = lengths_from(offsets), lengths_from(places)
    elif ignored_tokens:
        raise ValueError("ignored_tokens with padded sequences: take them out before padding")
    number, distance = paddle._C_ops.edit_distance(
        input.astype("int64"),
        label.astype("int64"),
        paddle.reshape(input_length, [-1]).astype("int64"),
        paddle.reshape(label_length, [-1]).astype("int64"),
        normalized,
    )
    return set_lod(distance, []), paddle.reshape(retyped(number, "int64"), [1])


def chunk_eval(
    input, label, chunk_scheme, num_chunk_types, excluded_chunk_types=None, seq_length=None
):
    """Precision, recall and F1 of chunks, and how many were found, are true and are right."""
    if seq_length is None:
        offsets = offsets_of(input)
        pad = lambda v: pad_rows(paddle.reshape(v, [-1]).astype("int64"), offsets, 0)
        input, label, seq_length = pad(input), pad(label), lengths_from(offsets)
    found = paddle._C_ops.chunk_eval(
        input.astype("int64"),
        label.astype("int64"),
        paddle.reshape(seq_length, [-1]).astype("int64"),
        num_chunk_types,
        chunk_scheme,
        list(excluded_chunk_types or []),
    )
    return tuple(paddle.reshape(value, [1]) for value in found)


def op_linear_chain_crf(ins, attrs):
    """``linear_chain_crf``."""
    cost = crf_cost(ins["Emission"], ins["Label"], ins["Transition"], ins.get("Length"))
    return {"LogLikelihood": cost}


def op_crf_decoding(ins, attrs):
    """``crf_decoding``."""
    path = crf_path(ins["Emission"], ins["Transition"], ins.get("Label"), ins.get("Length"))
    return {"ViterbiPath": path}


def op_chunk_eval(ins, attrs):
    """``chunk_eval``."""
    how = attrs["chunk_scheme"], attrs["num_chunk_types"], attrs.get("excluded_chunk_types")
    found = chunk_eval(ins["Inference"], ins["Label"], *how, ins.get("SeqLength"))
    slots = "Precision Recall F1-Score NumInferChunks NumLabelChunks NumCorrectChunks".split()
    return dict(zip(slots, found))
