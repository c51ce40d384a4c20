"""Operators that were put into programs by their type: rows by number, new values."""

import numpy as np
import paddle


def op_type_of(dtype, default="float32"):
    """A type of elements, also where 1.8's number of it is given; -1 is ``default``."""
    if not isinstance(dtype, int):
        return dtype
    return next((name for name, number in TENSOR_TYPES.items() if number == dtype), default)


def op_filled(shape, attrs):
    """A tensor of one value."""
    return paddle.full(shape, attrs.get("value", 0.0), op_type_of(attrs.get("dtype", "float32")))


def op_written(attrs):
    """A tensor whose values stand in the attributes."""
    kinds = ("fp32_values", "int32_values", "int64_values", "bool_values")
    values = next(attrs[kind] for kind in kinds if attrs.get(kind))
    dtype = str(op_type_of(attrs["dtype"])).split(".")[-1]
    return paddle.to_tensor(np.array(values, dtype).reshape(attrs["shape"]))


def op_rows(table, ids, attrs):
    """Rows of a table by their numbers; those of ``padding_idx`` are zeros."""
    padding = attrs.get("padding_idx", -1)
    return paddle.nn.functional.embedding(ids, table, None if padding == -1 else padding)


def op_where(ins, attrs):
    """``where``."""
    return {"Out": paddle.where(ins["Condition"], ins["X"], ins["Y"])}


def op_where_index(ins, attrs):
    """``where_index``."""
    return {"Out": where(ins["Condition"])}


def op_one_hot(ins, attrs):
    """``one_hot``."""
    return {
        "Out": one_hot(
            ins["X"],
            ins.get("depth_tensor", attrs.get("depth")),
            attrs.get("allow_out_of_range", False),
        )
    }


def op_one_hot_v2(ins, attrs):
    """``one_hot_v2``."""
    return {
        "Out": one_hot_v2(
            ins["X"],
            ins.get("depth_tensor", attrs.get("depth")),
            attrs.get("allow_out_of_range", False),
        )
    }


def op_lookup_table(ins, attrs):
    """``lookup_table``."""
    return {"Out": op_rows(ins["W"], paddle.squeeze(ins["Ids"], -1), attrs)}


def op_lookup_table_v2(ins, attrs):
    """``lookup_table_v2``."""
    return {"Out": op_rows(ins["W"], ins["Ids"], attrs)}


def op_multiplex(ins, attrs):
    """``multiplex``."""
    return {"Out": paddle.multiplex(ins.all("X"), ins["Ids"])}


def op_shuffle_channel(ins, attrs):
    """``shuffle_channel``."""
    return {"Out": shuffle_channel(ins["X"], attrs["group"])}


def op_pixel_shuffle(ins, attrs):
    """``pixel_shuffle``."""
    return {"Out": paddle.nn.functional.pixel_shuffle(ins["X"], attrs["upscale_factor"])}


def op_space_to_depth(ins, attrs):
    """``space_to_depth``."""
    return {"Out": space_to_depth(ins["X"], attrs["blocksize"])}


def op_unfold(ins, attrs):
    """``unfold``."""
    return {
        "Y": paddle.nn.functional.unfold(
            ins["X"],
            attrs["kernel_sizes"],
            attrs.get("strides", 1),
            attrs.get("paddings", 0),
            attrs.get("dilations", 1),
        )
    }


def op_temporal_shift(ins, attrs):
    """``temporal_shift``."""
    return {
        "Out": paddle.nn.functional.temporal_shift(
            ins["X"], attrs["seg_num"], attrs.get("shift_ratio", 0.25)
        )
    }


def op_diag(ins, attrs):
    """``diag``."""
    return {"Out": diag(ins["Diagonal"])}


def op_diag_embed(ins, attrs):
    """``diag_embed``."""
    return {
        "Out": paddle.diag_embed(
            ins["Input"], attrs.get("offset", 0), attrs.get("dim1", -2), attrs.get("dim2", -1)
        )
    }


def op_eye(ins, attrs):
    """``eye``."""
    return {
        "Out": paddle.eye(
            attrs["num_rows"],
            None if attrs.get("num_columns", -1) < 0 else attrs["num_columns"],
            op_type_of(attrs.get("dtype", "float32")),
        )
    }


def op_fill_constant(ins, attrs):
    """``fill_constant``."""
    return {"Out": op_filled(ins.get("ShapeTensor", attrs.get("shape")), attrs)}


def op_fill_constant_batch_size_like(ins, attrs):
    """``fill_constant_batch_size_like``."""
    return {
        "Out": op_filled(
            batch_size_like(
                ins["Input"],
                attrs["shape"],
                attrs.get("input_dim_idx", 0),
                attrs.get("output_dim_idx", 0),
            ),
            attrs,
        )
    }


def op_fill_any_like(ins, attrs):
    """``fill_any_like``."""
    return {
        "Out": paddle.full_like(
            ins["X"], attrs.get("value", 0.0), op_type_of(attrs.get("dtype", -1), ins["X"].dtype)
        )
    }


def op_fill_zeros_like(ins, attrs):
    """``fill_zeros_like``."""
    return {"Out": paddle.zeros_like(ins["X"])}


def op_assign_value(ins, attrs):
    """``assign_value``."""
    return {"Out": op_written(attrs)}


def op_range(ins, attrs):
    """``range``."""
    return {"Out": paddle.arange(ins["Start"], ins["End"], ins["Step"])}


def op_linspace(ins, attrs):
    """``linspace``."""
    return {"Out": paddle.linspace(ins["Start"], ins["Stop"], ins["Num"])}


def op_gaussian_random(ins, attrs):
    """``gaussian_random``."""
    return {
        "Out": paddle.normal(
            attrs.get("mean", 0.0),
            attrs.get("std", 1.0),
            ins.get("ShapeTensor", attrs.get("shape")),
        ).astype(op_type_of(attrs.get("dtype", "float32")))
    }


def op_uniform_random(ins, attrs):
    """``uniform_random``."""
    return {
        "Out": paddle.uniform(
            ins.get("ShapeTensor", attrs.get("shape")),
            op_type_of(attrs.get("dtype", "float32")),
            attrs.get("min", -1.0),
            attrs.get("max", 1.0),
        )
    }


def op_randint(ins, attrs):
    """``randint``."""
    return {
        "Out": paddle.randint(
            attrs["low"],
            attrs["high"],
            ins.get("ShapeTensor", attrs.get("shape")),
            op_type_of(attrs.get("dtype", "int64")),
        )
    }


def op_randperm(ins, attrs):
    """``randperm``."""
    return {"Out": paddle.randperm(attrs["n"], op_type_of(attrs.get("dtype", "int64")))}


def op_load(ins, attrs):
    """``load``: one variable of a file of 1.8, read when the program is built."""
    with open(attrs["file_path"], "rb") as stream:
        return {"Out": paddle.to_tensor(read_tensor(stream))}
