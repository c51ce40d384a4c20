"""Operators that were put into programs by their type: arithmetic of two values, reductions."""

import paddle


def op_axes(attrs):
    """The dimensions that a reduction is over; None for all."""
    return None if attrs.get("reduce_all", False) else attrs.get("dim", [0])


def length_and_share(x, axis, epsilon):
    """The length of ``x`` along ``axis``, and ``x`` divided by it."""
    length = paddle.sqrt(paddle.sum(x * x, axis=axis, keepdim=True) + epsilon)
    return length, x / length


def op_elementwise_add(ins, attrs):
    """``elementwise_add``."""
    return {"Out": elementwise_add(ins["X"], ins["Y"], attrs.get("axis", -1))}


def op_elementwise_sub(ins, attrs):
    """``elementwise_sub``."""
    return {"Out": elementwise_sub(ins["X"], ins["Y"], attrs.get("axis", -1))}


def op_elementwise_mul(ins, attrs):
    """``elementwise_mul``."""
    return {"Out": elementwise_mul(ins["X"], ins["Y"], attrs.get("axis", -1))}


def op_elementwise_div(ins, attrs):
    """``elementwise_div``."""
    return {"Out": elementwise_div(ins["X"], ins["Y"], attrs.get("axis", -1))}


def op_elementwise_max(ins, attrs):
    """``elementwise_max``."""
    return {"Out": elementwise_max(ins["X"], ins["Y"], attrs.get("axis", -1))}


def op_elementwise_min(ins, attrs):
    """``elementwise_min``."""
    return {"Out": elementwise_min(ins["X"], ins["Y"], attrs.get("axis", -1))}


def op_elementwise_pow(ins, attrs):
    """``elementwise_pow``."""
    return {"Out": elementwise_pow(ins["X"], ins["Y"], attrs.get("axis", -1))}


def op_elementwise_mod(ins, attrs):
    """``elementwise_mod``."""
    return {"Out": elementwise_mod(ins["X"], ins["Y"], attrs.get("axis", -1))}


def op_elementwise_floordiv(ins, attrs):
    """``elementwise_floordiv``."""
    return {"Out": elementwise_floordiv(ins["X"], ins["Y"], attrs.get("axis", -1))}


def op_less_than(ins, attrs):
    """``less_than``."""
    return {"Out": elementwise(paddle.less_than, ins["X"], ins["Y"], attrs.get("axis", -1), None)}


def op_less_equal(ins, attrs):
    """``less_equal``."""
    return {"Out": elementwise(paddle.less_equal, ins["X"], ins["Y"], attrs.get("axis", -1), None)}


def op_greater_than(ins, attrs):
    """``greater_than``."""
    return {
        "Out": elementwise(paddle.greater_than, ins["X"], ins["Y"], attrs.get("axis", -1), None)
    }


def op_greater_equal(ins, attrs):
    """``greater_equal``."""
    return {
        "Out": elementwise(paddle.greater_equal, ins["X"], ins["Y"], attrs.get("axis", -1), None)
    }


def op_equal(ins, attrs):
    """``equal``."""
    return {"Out": elementwise(paddle.equal, ins["X"], ins["Y"], attrs.get("axis", -1), None)}


def op_not_equal(ins, attrs):
    """``not_equal``."""
    return {"Out": elementwise(paddle.not_equal, ins["X"], ins["Y"], attrs.get("axis", -1), None)}


def op_logical_and(ins, attrs):
    """``logical_and``."""
    return {"Out": paddle.logical_and(ins["X"], ins["Y"])}


def op_logical_or(ins, attrs):
    """``logical_or``."""
    return {"Out": paddle.logical_or(ins["X"], ins["Y"])}


def op_logical_xor(ins, attrs):
    """``logical_xor``."""
    return {"Out": paddle.logical_xor(ins["X"], ins["Y"])}


def op_mul(ins, attrs):
    """``mul``."""
    return {
        "Out": mul(
            ins["X"], ins["Y"], attrs.get("x_num_col_dims", 1), attrs.get("y_num_col_dims", 1)
        )
    }


def op_matmul(ins, attrs):
    """``matmul``."""
    return {
        "Out": matmul(
            ins["X"],
            ins["Y"],
            attrs.get("transpose_X", False),
            attrs.get("transpose_Y", False),
            attrs.get("alpha", 1.0),
        )
    }


def op_bmm(ins, attrs):
    """``bmm``."""
    return {"Out": paddle.bmm(ins["X"], ins["Y"])}


def op_dot(ins, attrs):
    """``dot``."""
    return {"Out": dot(ins["X"], ins["Y"])}


def op_minus(ins, attrs):
    """``minus``."""
    return {"Out": ins["X"] - ins["Y"]}


def op_kron(ins, attrs):
    """``kron``."""
    return {"Out": paddle.kron(ins["X"], ins["Y"])}


def op_cross(ins, attrs):
    """``cross``."""
    return {"Out": paddle.cross(ins["X"], ins["Y"], attrs.get("dim", 9))}


def op_addmm(ins, attrs):
    """``addmm``."""
    return {
        "Out": paddle.addmm(
            ins["Input"], ins["X"], ins["Y"], attrs.get("Beta", 1.0), attrs.get("Alpha", 1.0)
        )
    }


def op_cos_sim(ins, attrs):
    """``cos_sim``."""
    return {"Out": cos_sim(ins["X"], ins["Y"])}


def op_dist(ins, attrs):
    """``dist``."""
    return {"Out": dist(ins["X"], ins["Y"], attrs.get("p", 2.0))}


def op_reduce_sum(ins, attrs):
    """``reduce_sum``."""
    return {"Out": reduce_sum(ins["X"], op_axes(attrs), attrs.get("keep_dim", False))}


def op_reduce_mean(ins, attrs):
    """``reduce_mean``."""
    return {"Out": reduce_mean(ins["X"], op_axes(attrs), attrs.get("keep_dim", False))}


def op_reduce_max(ins, attrs):
    """``reduce_max``."""
    return {"Out": reduce_max(ins["X"], op_axes(attrs), attrs.get("keep_dim", False))}


def op_reduce_min(ins, attrs):
    """``reduce_min``."""
    return {"Out": reduce_min(ins["X"], op_axes(attrs), attrs.get("keep_dim", False))}


def op_reduce_prod(ins, attrs):
    """``reduce_prod``."""
    return {"Out": reduce_prod(ins["X"], op_axes(attrs), attrs.get("keep_dim", False))}


def op_reduce_all(ins, attrs):
    """``reduce_all``."""
    return {"Out": reduce_all(ins["X"], op_axes(attrs), attrs.get("keep_dim", False))}


def op_reduce_any(ins, attrs):
    """``reduce_any``."""
    return {"Out": reduce_any(ins["X"], op_axes(attrs), attrs.get("keep_dim", False))}


def op_frobenius_norm(ins, attrs):
    """``frobenius_norm``."""
    return {
        "Out": paddle.sqrt(
            reduce_sum(ins["X"] * ins["X"], op_axes(attrs), attrs.get("keep_dim", False))
        )
    }


def op_sum(ins, attrs):
    """``sum``."""
    return {"Out": paddle.add_n(ins.all("X"))}


def op_squared_l2_norm(ins, attrs):
    """``squared_l2_norm``."""
    return {"Out": paddle.sum(ins["X"] * ins["X"]).reshape([1])}


def op_l1_norm(ins, attrs):
    """``l1_norm``."""
    return {"Out": paddle.sum(paddle.abs(ins["X"])).reshape([1])}


def op_arg_max(ins, attrs):
    """``arg_max``."""
    return {
        "Out": as_shape_1(
            paddle.argmax(ins["X"], attrs.get("axis", -1), attrs.get("keepdims", False))
        )
    }


def op_arg_min(ins, attrs):
    """``arg_min``."""
    return {
        "Out": as_shape_1(
            paddle.argmin(ins["X"], attrs.get("axis", -1), attrs.get("keepdims", False))
        )
    }


def op_argsort(ins, attrs):
    """``argsort``."""
    found = argsort(ins["X"], attrs.get("axis", -1), attrs.get("descending", False))
    return dict(zip(("Out", "Indices"), found))


def op_top_k(ins, attrs):
    """``top_k``."""
    found = topk(ins["X"], ins.get("K", attrs.get("k", 1)))
    return dict(zip(("Out", "Indices"), found))


def op_norm(ins, attrs):
    """``norm``."""
    found = length_and_share(ins["X"], attrs["axis"], attrs.get("epsilon", 1e-10))
    return dict(zip(("Norm", "Out"), found))


def op_is_empty(ins, attrs):
    """``is_empty``."""
    return {"Out": is_empty(ins["X"])}


def op_trace(ins, attrs):
    """``trace``."""
    return {
        "Out": trace(
            ins["Input"], attrs.get("offset", 0), attrs.get("dim1", 0), attrs.get("dim2", 1)
        )
    }


def op_allclose(ins, attrs):
    """``allclose``."""
    return {
        "Out": allclose(
            ins["Input"],
            ins["Other"],
            float(attrs.get("rtol", 1e-5)),
            float(attrs.get("atol", 1e-8)),
            attrs.get("equal_nan", False),
        )
    }
