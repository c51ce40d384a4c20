"""``paddle.complex`` of 1.8, whose numbers were pairs of tensors and are a dtype now."""

import paddle


def complex_add(x, y, axis=-1, name=None):
    """``x + y``, of which at least one is complex."""
    return elementwise_add(x, y, axis)


def complex_sub(x, y, axis=-1, name=None):
    """``x - y``, of which at least one is complex."""
    return elementwise_sub(x, y, axis)


def complex_mul(x, y, axis=-1, name=None):
    """``x * y``, of which at least one is complex."""
    return elementwise_mul(x, y, axis)


def complex_div(x, y, axis=-1, name=None):
    """``x / y``, of which at least one is complex."""
    return elementwise_div(x, y, axis)


def complex_kron(x, y, name=None):
    """Kronecker's product, of which at least one factor is complex."""
    both = complex_pair(x, y)
    return paddle.kron(*both)


def complex_matmul(x, y, transpose_x=False, transpose_y=False, alpha=1.0, name=None):
    """``alpha * x @ y`` without conjugates; two vectors give shape [1]."""
    return matmul(*complex_pair(x, y), transpose_x, transpose_y, alpha)


def complex_pair(x, y):
    """Both as complex tensors: not every operation takes one of each kind."""
    return [v if v.is_complex() else paddle.complex(v, paddle.zeros_like(v)) for v in (x, y)]


def complex_reshape(x, shape, inplace=False, name=None):
    """``x`` in another shape, in place where asked for."""
    return paddle.reshape_(x, shape) if inplace else paddle.reshape(x, shape)


def complex_sum(input, dim=None, keep_dim=False, name=None):
    """The sum over ``dim``; shape [1] where nothing is left."""
    return reduce_sum(input, dim, keep_dim)


def complex_trace(input, offset=0, dim1=0, dim2=1, name=None):
    """The sum of a diagonal; shape [1] where nothing is left."""
    return as_shape_1(paddle.trace(input, offset, dim1, dim2))
