"""Recurrent cells of 1.8 and the loops that run them: ``rnn``, ``basic_gru``, ``basic_lstm`` ..."""

import copy

import paddle


def attr_with_suffix(attr, suffix):
    """``attr`` with ``suffix`` behind its name, where it has one."""
    if getattr(attr, "name", None) is None:
        return attr
    attr = copy.copy(attr)
    attr.name += suffix
    return attr


class BasicGRUUnit(paddle.nn.Layer):
    """One step of a GRU: gates and candidate look at the input beside the hidden state."""

    def __init__(
        self,
        name_scope,
        hidden_size,
        param_attr=None,
        bias_attr=None,
        gate_activation=None,
        activation=None,
        dtype="float32",
    ):
        super().__init__(name_scope, dtype)
        self.own_name = layer_name(f"{name_scope}/BasicGRUUnit", None)
        self.size, self.attrs = hidden_size, (param_attr, bias_attr)
        self.gate = gate_activation or paddle.nn.functional.sigmoid
        self.activation = activation or paddle.tanh
        self.built = False

    def build(self, rows):
        """The four parameters, made at the first call."""
        self.built, dtype = True, self._dtype
        param, bias = self.attrs
        made, parts = [], (("_gate", 2 * self.size), ("_candidate", self.size))
        for kind, n in parts:
            attr = named(attr_with_suffix(param, kind), self.own_name, "w")
            made.append(new_parameter([rows, n], dtype, attr, None))
        for kind, n in parts:
            attr = named(attr_with_suffix(bias, kind), self.own_name, "b")
            made.append(new_parameter([n], dtype, attr, None, True))
        self._gate_weight, self._candidate_weight, self._gate_bias, self._candidate_bias = made

    def forward(self, input, pre_hidden):
        """The new hidden state."""
        if not self.built:
            self.build(input.shape[-1] + self.size)
        gates = paddle.matmul(paddle.concat([input, pre_hidden], 1), self._gate_weight)
        r, u = paddle.split(self.gate(gates + self._gate_bias), 2, 1)
        inner = paddle.matmul(paddle.concat([input, r * pre_hidden], 1), self._candidate_weight)
        return u * pre_hidden + (1 - u) * self.activation(inner + self._candidate_bias)


class BasicLSTMUnit(paddle.nn.Layer):
    """One step of an LSTM with ``forget_bias``; its activations are fixed, as in 1.8."""

    def __init__(
        self,
        name_scope,
        hidden_size,
        param_attr=None,
        bias_attr=None,
        gate_activation=None,
        activation=None,
        forget_bias=1.0,
        dtype="float32",
    ):
        super().__init__(name_scope, dtype)
        self.own_name = layer_name(f"{name_scope}/BasicLSTMUnit", None)
        self.size, self.attrs, self.forget_bias = hidden_size, (param_attr, bias_attr), forget_bias
        self.built = False

    def build(self, rows):
        """The two parameters, made at the first call."""
        self.built = True
        param, bias = (named(a, self.own_name, k) for a, k in zip(self.attrs, ("w", "b")))
        self._weight = new_parameter([rows, 4 * self.size], self._dtype, param, None)
        self._bias = new_parameter([4 * self.size], self._dtype, bias, None, True)

    def forward(self, input, pre_hidden, pre_cell):
        """The new hidden state and cell."""
        if not self.built:
            self.build(input.shape[-1] + self.size)
        gates = paddle.matmul(paddle.concat([input, pre_hidden], 1), self._weight) + self._bias
        i, j, f, o = paddle.split(gates, 4, -1)
        sigmoid = paddle.nn.functional.sigmoid
        cell = pre_cell * sigmoid(f + self.forget_bias) + sigmoid(i) * paddle.tanh(j)
        return paddle.tanh(cell) * sigmoid(o), cell


class RNNCell:
    """What ``rnn`` and the decoders call at each step: ``call(inputs, states)``."""

    def call(self, inputs, states, **kwargs):
        """The outputs and the new states."""
        raise NotImplementedError("RNNCell must implent the call function.")

    def __call__(self, inputs, states, **kwargs):
        return self.call(inputs, states, **kwargs)

    def get_initial_states(
        self, batch_ref, shape=None, dtype="float32", init_value=0, batch_dim_idx=0
    ):
        """States of one value; ``shape`` (``state_shape`` by default) may be nested."""
        batch_ref = paddle.utils.flatten(batch_ref)[0]
        shape = self.state_shape if shape is None else shape
        return self.states_of(batch_ref, shape, dtype or "float32", init_value, batch_dim_idx)

    def states_of(self, batch_ref, shape, dtype, value, dim):
        """One state for a shape of numbers, as many for a list or dict of shapes."""
        if isinstance(shape, dict):
            return {k: self.states_of(batch_ref, s, dtype, value, dim) for k, s in shape.items()}
        if not all(isinstance(n, int) for n in shape):
            return type(shape)(self.states_of(batch_ref, s, dtype, value, dim) for s in shape)
        shape = list(shape) if shape[0] == -1 else [-1, *shape]
        return fill_constant_batch_size_like(batch_ref, shape, dtype, value, dim)

    @property
    def state_shape(self):
        """The shape of one state, without the batch."""
        raise NotImplementedError("Please add implementaion for `state_shape` in the used cell.")


class GRUCell(RNNCell):
    """A GRU as a cell; its state is the hidden vector."""

    def __init__(
        self,
        hidden_size,
        param_attr=None,
        bias_attr=None,
        gate_activation=None,
        activation=None,
        dtype="float32",
        name="GRUCell",
    ):
        self.hidden_size = hidden_size
        self.gru_unit = BasicGRUUnit(
            name, hidden_size, param_attr, bias_attr, gate_activation, activation, dtype
        )

    def call(self, inputs, states):
        """The hidden vector, twice."""
        hidden = self.gru_unit(inputs, states)
        return hidden, hidden

    @property
    def state_shape(self):
        """The shape of the hidden vector."""
        return [self.hidden_size]


class LSTMCell(RNNCell):
    """An LSTM as a cell; its states are the hidden vector and the cell."""

    def __init__(
        self,
        hidden_size,
        param_attr=None,
        bias_attr=None,
        gate_activation=None,
        activation=None,
        forget_bias=1.0,
        dtype="float32",
        name="LSTMCell",
    ):
        self.hidden_size = hidden_size
        self.lstm_unit = BasicLSTMUnit(
            name,
            hidden_size,
            param_attr,
            bias_attr,
            gate_activation,
            activation,
            forget_bias,
            dtype,
        )

    def call(self, inputs, states):
        """The hidden vector and both states."""
        hidden, cell = self.lstm_unit(inputs, *states)
        return hidden, [hidden, cell]

    @property
    def state_shape(self):
        """The shapes of hidden vector and cell."""
        return [[self.hidden_size], [self.hidden_size]]


def swap_batch_and_time(x):
    """``x`` with its first two dimensions exchanged."""
    return paddle.transpose(x, [1, 0, *range(2, len(x.shape))])


def keep_finished(state, new, mask):
    """``new`` where ``mask`` is 1, ``state`` where it is 0; the mask has the first dimensions."""
    mask = like_rows(mask, new)
    return new * mask - state * (mask - 1)


def rnn(
    cell,
    inputs,
    initial_states=None,
    sequence_length=None,
    time_major=False,
    is_reverse=False,
    **kwargs,
):
    """The cell's outputs at all steps and its last states."""
    each = paddle.utils.map_structure
    if initial_states is None:
        initial_states = cell.get_initial_states(inputs, batch_dim_idx=1 if time_major else 0)
    if not time_major:
        inputs = each(swap_batch_and_time, inputs)
    flip = lambda x: paddle.flip(x, [0])
    mask = None
    if sequence_length is not None:
        longest = paddle.shape(paddle.utils.flatten(inputs)[0])[0]
        mask = paddle.transpose(sequence_mask(sequence_length, longest, "float32"), [1, 0])
    if is_reverse:
        inputs = each(flip, inputs)
        mask = None if mask is None else flip(mask)
    steps = StaticRNN()
    with steps.step():
        now = each(steps.step_input, inputs)
        states = each(steps.memory, initial_states)
        outputs, new = cell.call(now, each(lambda x: x, states), **kwargs)
        if mask is not None:
            here = steps.step_input(mask)
            new = each(lambda a, b: keep_finished(a, b, here), states, new)
        each(steps.update_memory, states, new)
        each(steps.step_output, outputs)
        each(steps.step_output, new)
    flat = steps.results
    count = len(paddle.utils.flatten(outputs))
    final = paddle.utils.pack_sequence_as(outputs, flat[:count])
    last = paddle.utils.pack_sequence_as(new, [x[-1] for x in flat[count:]])
    if is_reverse:
        final = each(flip, final)
    return (final if time_major else each(swap_batch_and_time, final)), last


def basic_rnn(unit, states, input, options, direction, mask):
    """One direction of a stack of units: outputs of all steps, and the last states by layer."""
    layers, batch_first, drop, sizes = options
    units = [unit(number, direction) for number in range(layers)]
    steps = StaticRNN()
    with steps.step():
        x = steps.step_input(input)
        here = None if mask is None else steps.step_input(mask)
        for number, one in enumerate(units):
            if states is None:
                before = [
                    steps.memory(batch_ref=input, shape=[-1, n], ref_batch_dim_idx=1) for n in sizes
                ]
            else:
                before = [steps.memory(init=s[number, direction]) for s in states]
            new = one(x, *before)
            new = list(new) if isinstance(new, tuple) else [new]
            if here is not None:
                new = [keep_finished(a, b, here) for a, b in zip(before, new)]
            for a, b in zip(before, new):
                steps.update_memory(a, b)
            steps.output(*new)
            x = drop(new[0])
        steps.output(x)
    out = steps.results
    kinds = len(sizes)
    last = [paddle.stack([out[n * kinds + k][-1] for n in range(layers)]) for k in range(kinds)]
    return out[-1], last


def both_directions(unit, states, input, sequence_length, bidirectional, options):
    """The outputs and the last states of one or two directions."""
    layers, batch_first, _, sizes = options
    if batch_first:
        input = swap_batch_and_time(input)
    mask = None
    if sequence_length is not None:
        longest = paddle.shape(input)[0]
        mask = paddle.transpose(sequence_mask(sequence_length, longest, "float32"), [1, 0])
    if states is not None:
        ways = 2 if bidirectional else 1
        states = [paddle.reshape(s, [layers, ways, -1, sizes[0]]) for s in states]
    out, last = basic_rnn(unit, states, input, options, 0, mask)
    if bidirectional:
        flip = lambda x: None if x is None else paddle.flip(x, [0])
        back, back_last = basic_rnn(unit, states, flip(input), options, 1, flip(mask))
        out = paddle.concat([out, flip(back)], 2)
        last = [
            paddle.reshape(paddle.concat([a, b], 1), [layers * 2, -1, sizes[0]])
            for a, b in zip(last, back_last)
        ]
    return (swap_batch_and_time(out) if batch_first else out), *last


def basic_gru(
    input,
    init_hidden,
    hidden_size,
    num_layers=1,
    sequence_length=None,
    dropout_prob=0.0,
    bidirectional=False,
    batch_first=True,
    param_attr=None,
    bias_attr=None,
    gate_activation=None,
    activation=None,
    dtype="float32",
    name="basic_gru",
):
    """Layers of GRUs in one or two directions. Returns outputs and last hidden states."""

    def unit(number, direction):
        way = ("fw", "bw")[direction]
        return BasicGRUUnit(
            f"{name}{'_reverse' if direction else ''}_layers_{number}",
            hidden_size,
            attr_with_suffix(param_attr, f"_{way}_w_{number}"),
            attr_with_suffix(bias_attr, f"_{way}_b_{number}"),
            gate_activation,
            activation,
            dtype,
        )

    drop = lambda x: dropout(x, dropout_prob) if dropout_prob else x
    states = None if init_hidden is None else [init_hidden]
    options = num_layers, batch_first, drop, [hidden_size]
    return both_directions(unit, states, input, sequence_length, bidirectional, options)


def basic_lstm(
    input,
    init_hidden,
    init_cell,
    hidden_size,
    num_layers=1,
    sequence_length=None,
    dropout_prob=0.0,
    bidirectional=False,
    batch_first=True,
    param_attr=None,
    bias_attr=None,
    gate_activation=None,
    activation=None,
    forget_bias=1.0,
    dtype="float32",
    name="basic_lstm",
):
    """Layers of LSTMs in one or two directions. Returns outputs, last hidden states and cells."""

    def unit(number, direction):
        way = ("fw", "bw")[direction]
        bias = attr_with_suffix(bias_attr, f"_{way}_b_{number}")
        if direction and getattr(bias_attr, "name", None) is None:
            bias = param_attr  # so in 1.8
        return BasicLSTMUnit(
            f"{name}{'_reverse' if direction else ''}_layers_{number}",
            hidden_size,
            attr_with_suffix(param_attr, f"_{way}_w_{number}"),
            bias,
            gate_activation,
            activation,
            forget_bias,
            dtype,
        )

    drop = lambda x: paddle.nn.functional.dropout(x, dropout_prob) if dropout_prob else x
    states = None if init_hidden is None else [init_hidden, init_cell]
    options = num_layers, batch_first, drop, [hidden_size, hidden_size]
    return both_directions(unit, states, input, sequence_length, bidirectional, options)


def lstm_unit(
    x_t, hidden_t_prev, cell_t_prev, forget_bias=0.0, param_attr=None, bias_attr=None, name=None
):
    """One step of an LSTM (gates: input, forget, output, candidate). Returns hidden and cell."""
    size = cell_t_prev.shape[1]
    gates = fc(paddle.concat([x_t, hidden_t_prev], 1), 4 * size, 1, param_attr, bias_attr)
    i, f, o, g = paddle.split(gates, 4, 1)
    sigmoid = paddle.nn.functional.sigmoid
    cell = sigmoid(f + forget_bias) * cell_t_prev + sigmoid(i) * paddle.tanh(g)
    # 1.8 gave them no sequences
    return set_lod(sigmoid(o) * paddle.tanh(cell), []), set_lod(cell, [])
