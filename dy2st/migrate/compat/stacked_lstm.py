"""The LSTM of cuDNN, whose weights were one flat parameter."""

import numpy as np
import paddle


def lstm(
    input,
    init_h,
    init_c,
    max_len,
    hidden_size,
    num_layers,
    dropout_prob=0.0,
    is_bidirec=False,
    is_test=False,
    name=None,
    default_initializer=None,
    seed=-1,
):
    """Outputs of all steps [steps, batch, ...] and the last states of a stack of LSTMs.

    The one parameter holds, layer by layer and direction by direction, the weights of inputs and
    of states, then two biases each, as cuDNN orders them.
    """
    ways = 2 if is_bidirec else 1
    width, states = input.shape[-1], 4 * hidden_size
    shapes, biases = [], []
    for layer in range(num_layers):
        for _ in range(ways):
            shapes += [[states, width if layer == 0 else ways * hidden_size], [states, hidden_size]]
            biases += [[states], [states]]
    sizes = [shape[0] * (shape[1] if len(shape) > 1 else 1) for shape in shapes + biases]
    attr = named(None, layer_name("cudnn_lstm", name), "w_0")
    flat = new_parameter([int(np.sum(sizes))], input.dtype, attr, default_initializer)
    parts = paddle.split(flat, sizes)
    weights = [paddle.reshape(part, shape) for part, shape in zip(parts, shapes + biases)]
    out, _, state = paddle._C_ops.rnn(
        input, [init_h, init_c], weights, None, paddle.zeros([0], "uint8"),
        0.0 if is_test else dropout_prob, is_bidirec, width, hidden_size, num_layers, "LSTM",
        max(seed, 0), is_test,
    )  # fmt: skip
    return out, state[0], state[1]
