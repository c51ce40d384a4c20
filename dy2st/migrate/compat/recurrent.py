"""Recurrent layers over packed sequences: dynamic_lstm, dynamic_lstmp, dynamic_gru."""

import paddle


def scan_sequences(step, x, states, offsets, is_reverse, chunk=16):
    """The states of every row when ``step(row, *states)`` walks along each sequence.

    A while loop over chunks of steps (the gradient of each part of ``x`` that a body takes costs
    as much as all of ``x``); what is computed after a sequence's end is not taken. What goes into
    the loop and what its body yields is copied: Paddle 3.3 loses the gradient of a yielded value
    that the body also uses.
    """
    index, inside = padded_index(offsets, chunk)
    if is_reverse:
        last = paddle.unsqueeze(offsets[1:] + offsets[:-1], 1) - 1
        index = paddle.where(inside, last - index, paddle.zeros_like(index))
    x = take_rows(x, paddle.transpose(index, [1, 0]))
    x = paddle.reshape(x, [-1, chunk, *paddle.shape(x)[1:]])
    count = paddle.shape(x)[0].astype("int64")
    arrays = [paddle.tensor.create_array(x.dtype) for _ in states]
    states = [paddle.assign(state) for state in states]
    for state in states:
        state.stop_gradient = False

    def body(t, *states):
        part = paddle.squeeze(paddle.index_select(x, paddle.reshape(t, [1]), 0), 0)
        found = []
        for row in paddle.unbind(part, 0):
            states = step(row, *states)
            found.append(states)
        for array, values in zip(arrays, zip(*found)):
            at = paddle.reshape(t, [1]) if paddle.in_dynamic_mode() else t
            paddle.tensor.array_write(paddle.stack(values), at, array)
        return [t + 1, *[paddle.assign(value) for value in states]]

    found = [paddle.zeros([], "int64"), *states]
    if paddle.in_dynamic_mode():  # there while_loop writes in place, which loses gradients
        while found[0] < count:
            found = body(*found)
    else:
        paddle.static.nn.while_loop(lambda t, *states: t < count, body, found)
    sequence, place = row_places(offsets)
    if is_reverse:
        place = paddle.gather(lengths_from(offsets), sequence) - 1 - place
    at = paddle.stack([place, sequence], -1)
    stacked = [paddle.flatten(tensor_array_to_tensor_stack(array), 0, 1) for array in arrays]
    return [paddle.gather_nd(rows, at) for rows in stacked]


def tensor_array_to_tensor_stack(array):
    """The members of an array as one tensor with a new first dimension."""
    return paddle.tensor.manipulation.tensor_array_to_tensor(array, axis=0, use_stack=True)[0]


def first_state(given, offsets, size, dtype):
    """The given first state, zeros where there is none."""
    if given is not None:
        return given
    return paddle.zeros([paddle.shape(offsets)[0] - 1, size], dtype)


def gate_activation_of(name):
    """The function of an activation's name."""
    return lambda x: x if name == "identity" else append_act(x, name)


def dynamic_lstm(
    input,
    size,
    h_0=None,
    c_0=None,
    param_attr=None,
    bias_attr=None,
    use_peepholes=True,
    is_reverse=False,
    gate_activation="sigmoid",
    cell_activation="tanh",
    candidate_activation="tanh",
    dtype="float32",
    name=None,
):
    """An LSTM along each sequence; ``input`` is [rows, 4 * width]. Returns hidden and cell."""
    name, width = layer_name("lstm", name), size // 4
    weight = new_parameter([width, 4 * width], dtype, named(param_attr, name, "w"), None)
    bias_size = [1, (7 if use_peepholes else 4) * width]
    bias = new_parameter(bias_size, dtype, named(bias_attr, name, "b"), None, True)
    acts = gate_activation, cell_activation, candidate_activation
    return lstm_of_sequences(input, weight, bias, h_0, c_0, acts, use_peepholes, is_reverse)


def lstm_of_sequences(input, weight, bias, h_0, c_0, acts, use_peepholes, is_reverse):
    """An LSTM with these weights along each sequence of ``input``."""
    width = weight.shape[0]
    cell = lstm_step(bias, width, use_peepholes, [gate_activation_of(act) for act in acts])
    offsets = offsets_of(input)  # first: it may find the sequences of an input made without
    lod = lod_of(input)
    states = [first_state(state, offsets, width, weight.dtype) for state in (h_0, c_0)]
    run = lambda x, h, c: cell(x + paddle.matmul(h, weight), c)
    input = input + bias[:, : 4 * width]
    hidden, cells = scan_sequences(run, input, states, offsets, is_reverse)
    return set_lod(hidden, lod), set_lod(without_gradient(cells), lod)


def clip_to(x, limit):
    """``x`` held between ``-limit`` and ``limit``, where there is a limit."""
    return paddle.clip(x, -limit, limit) if limit else x


def lstm_step(bias, width, use_peepholes, acts, cell_clip=None):
    """One step of 1.8's LSTM from the sums of its gates (candidate, input, forget, output)."""
    gate, cell_act, candidate = acts
    if use_peepholes:
        check_i, check_f, check_o = paddle.split(bias[:, 4 * width :], 3, -1)

    def step(gates, cell):
        a, i, f, o = paddle.split(gates, 4, -1)
        if use_peepholes:
            i, f = i + cell * check_i, f + cell * check_f
        new = clip_to(candidate(a) * gate(i) + cell * gate(f), cell_clip)
        out = gate(o + new * check_o) if use_peepholes else gate(o)
        return out * cell_act(new), new

    return step


def dynamic_lstmp(
    input,
    size,
    proj_size,
    param_attr=None,
    bias_attr=None,
    use_peepholes=True,
    is_reverse=False,
    gate_activation="sigmoid",
    cell_activation="tanh",
    candidate_activation="tanh",
    proj_activation="tanh",
    dtype="float32",
    name=None,
    h_0=None,
    c_0=None,
    cell_clip=None,
    proj_clip=None,
):
    """An LSTM whose output is projected to ``proj_size``. Returns the projection and the cell."""
    name, width = layer_name("lstmp", name), size // 4
    weight = new_parameter([proj_size, 4 * width], dtype, named(param_attr, name, "w"), None)
    projection = new_parameter([width, proj_size], dtype, named(param_attr, name, "w"), None)
    bias_size = [1, (7 if use_peepholes else 4) * width]
    bias = new_parameter(bias_size, dtype, named(bias_attr, name, "b"), None, True)
    acts = [gate_activation_of(a) for a in (gate_activation, cell_activation, candidate_activation)]
    cell = lstm_step(bias, width, use_peepholes, acts, cell_clip)
    project = gate_activation_of(proj_activation)
    offsets = offsets_of(input)  # first: it may find the sequences of an input made without
    lod = lod_of(input)

    def run(x, r, c):
        hidden, new = cell(x + paddle.matmul(r, weight), c)
        return clip_to(project(paddle.matmul(hidden, projection)), proj_clip), new

    states = [first_state(h_0, offsets, proj_size, dtype), first_state(c_0, offsets, width, dtype)]
    input = input + bias[:, : 4 * width]
    out, cells = scan_sequences(run, input, states, offsets, is_reverse)
    return set_lod(out, lod), set_lod(without_gradient(cells), lod)


def dynamic_gru(
    input,
    size,
    param_attr=None,
    bias_attr=None,
    is_reverse=False,
    gate_activation="sigmoid",
    candidate_activation="tanh",
    h_0=None,
    origin_mode=False,
):
    """A GRU along each sequence; ``input`` is [rows, 3 * size] (update, reset, candidate)."""
    name = layer_name("gru", None)
    weight = new_parameter([size, 3 * size], input.dtype, named(param_attr, name, "w"), None)
    bias = new_parameter([1, 3 * size], input.dtype, named(bias_attr, name, "b"), None, True)
    return gru_of_sequences(
        input, weight, bias, h_0, gate_activation, candidate_activation, is_reverse, origin_mode
    )


def gru_of_sequences(input, weight, bias, h_0, gate, candidate, is_reverse, origin_mode):
    """A GRU with these weights along each sequence of ``input``."""
    size = weight.shape[0]
    # 1.8 stored the two parts of the weight one after the other
    flat = paddle.reshape(weight, [-1])
    gates_w = paddle.reshape(flat[: 2 * size * size], [size, 2 * size])
    candidate_w = paddle.reshape(flat[2 * size * size :], [size, size])
    gate, candidate = gate_activation_of(gate), gate_activation_of(candidate)

    def run(x, h):
        u, r = paddle.split(gate(x[:, : 2 * size] + paddle.matmul(h, gates_w)), 2, -1)
        new = candidate(x[:, 2 * size :] + paddle.matmul(r * h, candidate_w))
        return (u * h + (1.0 - u) * new,) if origin_mode else ((1.0 - u) * h + u * new,)

    offsets = offsets_of(input)  # first: it may find the sequences of an input made without
    lod = lod_of(input)
    states = [first_state(h_0, offsets, size, input.dtype)]
    input = input if bias is None else input + bias
    return set_lod(scan_sequences(run, input, states, offsets, is_reverse)[0], lod)
