"""Layers of dynamic graphs with the arguments of 1.8."""

import paddle


class Convolution:
    """The arguments of 1.8 for a convolution of any dimensions, and ``act`` after it."""

    def __init__(
        self,
        num_channels,
        num_filters,
        filter_size,
        stride=1,
        padding=0,
        dilation=1,
        groups=None,
        param_attr=None,
        bias_attr=None,
        use_cudnn=True,
        act=None,
        dtype="float32",
    ):
        super().__init__(
            num_channels,
            num_filters,
            filter_size,
            stride,
            padding,
            dilation,
            groups or 1,
            weight_attr=param_attr,
            bias_attr=bias_attr,
        )
        self._act = act
        in_type(self, dtype)

    def forward(self, input):
        """The convolution, then ``act``."""
        return append_act(super().forward(input), self._act)


class Conv2D(Convolution, paddle.nn.Conv2D):
    """A convolution followed by ``act``."""


class Conv3D(Convolution, paddle.nn.Conv3D):
    """A convolution over three dimensions followed by ``act``."""


class Conv2DTranspose(paddle.nn.Conv2DTranspose):
    """A transposed convolution followed by ``act``."""

    def __init__(
        self,
        num_channels,
        num_filters,
        filter_size,
        output_size=None,
        padding=0,
        stride=1,
        dilation=1,
        groups=None,
        param_attr=None,
        bias_attr=None,
        use_cudnn=True,
        act=None,
        dtype="float32",
    ):
        super().__init__(
            num_channels,
            num_filters,
            filter_size,
            stride,
            padding,
            dilation=dilation,
            groups=groups or 1,
            weight_attr=param_attr,
            bias_attr=bias_attr,
        )
        self._act = act
        in_type(self, dtype)
        self._wanted_size = output_size

    def forward(self, input):
        """The transposed convolution, then ``act``."""
        return append_act(super().forward(input, output_size=self._wanted_size), self._act)


class Conv3DTranspose(paddle.nn.Conv3DTranspose):
    """A transposed convolution over three dimensions, then ``act``; a bias only if asked for."""

    def __init__(
        self,
        num_channels,
        num_filters,
        filter_size,
        padding=0,
        stride=1,
        dilation=1,
        groups=None,
        param_attr=None,
        bias_attr=None,
        use_cudnn=True,
        act=None,
        dtype="float32",
    ):
        super().__init__(
            num_channels,
            num_filters,
            filter_size,
            stride,
            padding,
            dilation=dilation,
            groups=groups or 1,
            weight_attr=param_attr,
            bias_attr=bias_attr or False,
        )
        self._act = act
        in_type(self, dtype)

    def forward(self, input):
        """The transposed convolution, then ``act``."""
        return append_act(super().forward(input), self._act)


def in_type(layer, dtype):
    """Give a layer's parameters their type; they are made as float32."""
    if str(dtype).split(".")[-1] != "float32":
        layer.to(dtype=dtype)


class Linear(paddle.nn.Linear):
    """``x @ weight + bias``, then ``act``."""

    def __init__(
        self, input_dim, output_dim, param_attr=None, bias_attr=None, act=None, dtype="float32"
    ):
        super().__init__(input_dim, output_dim, param_attr, bias_attr)
        self._act = act
        in_type(self, dtype)

    def forward(self, input):
        """The product, then ``act``."""
        return append_act(super().forward(input), self._act)


class Pool2D(paddle.nn.Layer):
    """The largest value or the mean of each window."""

    def __init__(
        self,
        pool_size=-1,
        pool_type="max",
        pool_stride=1,
        pool_padding=0,
        global_pooling=False,
        use_cudnn=True,
        ceil_mode=False,
        exclusive=True,
    ):
        super().__init__()
        self._how = (pool_size, pool_type, pool_stride, pool_padding, global_pooling)
        self._ceil_mode = ceil_mode
        self._exclusive = exclusive

    def forward(self, input):
        """The pooled images."""
        return pool2d(input, *self._how, ceil_mode=self._ceil_mode, exclusive=self._exclusive)


class Embedding(paddle.nn.Layer):
    """Rows of a table that is called ``weight``."""

    def __init__(
        self,
        size,
        is_sparse=False,
        is_distributed=False,
        padding_idx=None,
        param_attr=None,
        dtype="float32",
    ):
        super().__init__()
        if padding_idx is not None and padding_idx < 0:
            padding_idx += size[0]
        self._padding_idx = padding_idx
        self._sparse = is_sparse
        self.weight = self.create_parameter(list(size), attr=param_attr, dtype=dtype)

    def forward(self, input):
        """One row for each id; the padding id gives zeros."""
        return paddle.nn.functional.embedding(
            input, self.weight, padding_idx=self._padding_idx, sparse=self._sparse
        )


class GroupNorm(paddle.nn.GroupNorm):
    """Normalisation over groups of channels, then ``act``."""

    def __init__(
        self,
        channels,
        groups,
        epsilon=1e-05,
        param_attr=None,
        bias_attr=None,
        act=None,
        data_layout="NCHW",
        dtype="float32",
    ):
        super().__init__(
            groups,
            channels,
            epsilon,
            weight_attr=param_attr or False,  # in 1.8 None means none
            bias_attr=bias_attr or False,
            data_format=data_layout,
        )
        self._act = act

    def forward(self, input):
        """The normalised input, then ``act``."""
        return append_act(super().forward(input), self._act)


class BatchNorm(paddle.nn.BatchNorm):
    """Normalisation over a batch, then ``act``; as in 1.8, ``eval()`` says what ``is_test`` did not."""

    def __init__(self, num_channels, act=None, is_test=False, *args, **kwargs):
        super().__init__(num_channels, None, False, *args, **kwargs)
        self._activation = act

    def forward(self, input):
        """The normalised input, then ``act``."""
        return append_act(super().forward(input), self._activation)


class InstanceNorm(paddle.nn.Layer):
    """Normalisation of each image and channel."""

    def __init__(
        self, num_channels, epsilon=1e-05, param_attr=None, bias_attr=None, dtype="float32"
    ):
        super().__init__()
        self._epsilon = epsilon
        self.scale = self.bias = None
        if param_attr is not False:
            ones = paddle.nn.initializer.Constant(1.0)
            self.scale = self.create_parameter(
                [num_channels], attr=param_attr, default_initializer=ones
            )
        if bias_attr is not False:
            self.bias = self.create_parameter([num_channels], attr=bias_attr, is_bias=True)

    def forward(self, input):
        """The normalised input."""
        return paddle.nn.functional.instance_norm(
            input, weight=self.scale, bias=self.bias, eps=self._epsilon
        )


class LayerNorm(paddle.nn.Layer):
    """Normalisation over the last dimensions, then ``act``; its parameters are vectors."""

    def __init__(
        self,
        normalized_shape,
        scale=True,
        shift=True,
        epsilon=1e-05,
        param_attr=None,
        bias_attr=None,
        act=None,
        dtype="float32",
    ):
        super().__init__()
        if isinstance(normalized_shape, int):
            normalized_shape = [normalized_shape]
        self._shape = list(normalized_shape)
        self._epsilon, self._act = epsilon, act
        size = 1
        for n in self._shape:
            size *= n
        self.weight = self.bias = None
        if scale:
            ones = paddle.nn.initializer.Constant(1.0)
            self.weight = self.create_parameter([size], attr=param_attr, default_initializer=ones)
        if shift:
            self.bias = self.create_parameter([size], attr=bias_attr, is_bias=True)

    def forward(self, input):
        """The normalised input, then ``act``."""
        rows = paddle.flatten(input, len(input.shape) - len(self._shape), -1)
        out = paddle.nn.functional.layer_norm(
            rows, [rows.shape[-1]], self.weight, self.bias, self._epsilon
        )
        return append_act(paddle.reshape(out, input.shape), self._act)


class PRelu(paddle.nn.Layer):
    """``max(0, x) + alpha * min(0, x)`` with a learned ``alpha`` that is called ``weight``."""

    def __init__(self, mode, channel=None, input_shape=None, param_attr=None, dtype="float32"):
        super().__init__()
        shape = [1]
        if mode == "channel":
            shape = [1, channel, 1, 1]
        elif mode == "element":
            shape = [1, *input_shape[1:]]
        self._mode = mode
        self.weight = self.create_parameter(
            shape, attr=param_attr, default_initializer=paddle.nn.initializer.Constant(1.0)
        )

    def forward(self, input):
        """The activation."""
        zeros = paddle.zeros_like(input)
        return paddle.maximum(input, zeros) + self.weight * paddle.minimum(input, zeros)


class BilinearTensorProduct(paddle.nn.Layer):
    """``x W_i y`` for each of ``output_dim`` matrices, plus a bias, then ``act``."""

    def __init__(
        self,
        input1_dim,
        input2_dim,
        output_dim,
        name=None,
        act=None,
        param_attr=None,
        bias_attr=None,
        dtype="float32",
    ):
        super().__init__()
        self._act = act
        self.weight = self.create_parameter([output_dim, input1_dim, input2_dim], attr=param_attr)
        self.bias = self.create_parameter([1, output_dim], attr=bias_attr, is_bias=True)

    def forward(self, x, y):
        """The products, then ``act``."""
        return append_act(paddle.nn.functional.bilinear(x, y, self.weight, self.bias), self._act)


class GRUUnit(paddle.nn.Layer):
    """One step of a GRU on inputs that are already multiplied."""

    def __init__(
        self,
        size,
        param_attr=None,
        bias_attr=None,
        activation="tanh",
        gate_activation="sigmoid",
        origin_mode=False,
        dtype="float32",
    ):
        super().__init__()
        self._how = (activation, gate_activation, False)  # 1.8 takes origin_mode and forgets it
        self.weight = self.create_parameter([size // 3, size], attr=param_attr)
        self.bias = self.create_parameter([1, size], attr=bias_attr, is_bias=True)

    def forward(self, input, hidden):
        """The new hidden state, the reset hidden state and the gates."""
        return gru_step(input, hidden, self.weight, self.bias, *self._how)


def gru_step(input, hidden, weight, bias, activation, gate_activation, origin_mode):
    """One GRU step: new hidden state, reset hidden state, gates (update, reset, candidate)."""
    size = hidden.shape[-1]
    if bias is not None:
        input = input + bias
    # 1.8 keeps the gates' weights and the candidate's one after the other, not side by side
    flat = paddle.reshape(weight, [-1])
    gates_weight = paddle.reshape(flat[: 2 * size * size], [size, 2 * size])
    candidate_weight = paddle.reshape(flat[2 * size * size :], [size, size])
    gates = input[:, : 2 * size] + paddle.matmul(hidden, gates_weight)
    gates = append_act(gates, gate_activation)
    update, reset = gates[:, :size], gates[:, size:]
    reset_hidden = reset * hidden
    candidate = input[:, 2 * size :] + paddle.matmul(reset_hidden, candidate_weight)
    candidate = append_act(candidate, activation)
    if origin_mode:
        new = update * hidden + (1 - update) * candidate
    else:
        new = (1 - update) * hidden + update * candidate
    return (
        new,
        without_gradient(reset_hidden),
        without_gradient(paddle.concat([gates, candidate], 1)),
    )


def gru_unit(
    input,
    hidden,
    size,
    param_attr=None,
    bias_attr=None,
    activation="tanh",
    gate_activation="sigmoid",
    origin_mode=False,
):
    """One GRU step with its own parameters; 1.8.5 takes the activations and does not use them."""
    weight = new_parameter([size // 3, size], input.dtype, param_attr, None)
    bias = new_parameter([1, size], input.dtype, bias_attr, None, True)
    found = gru_step(input, hidden, weight, bias, "tanh", "sigmoid", origin_mode)
    return tuple(set_lod(value, []) for value in found)  # 1.8 gave them no sequences
