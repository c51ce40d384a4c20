"""Operators that were put into programs by their type: shapes and parts."""

import paddle


def op_part(ins, attrs):
    """A slice; dimensions of ``decrease_axis`` are left out, shape [1] where nothing is left."""
    starts, ends = (
        ins.get(k, attrs.get(a)) for k, a in (("StartsTensor", "starts"), ("EndsTensor", "ends"))
    )
    part = paddle.slice(ins["Input"], attrs["axes"], starts, ends)
    gone = list(attrs.get("decrease_axis") or [])
    return as_shape_1(paddle.squeeze(part, gone)) if gone else part


def op_reshape(ins, attrs):
    """``reshape``."""
    return {"Out": paddle.reshape(ins["X"], ins.get("Shape", attrs.get("shape")))}


def op_reshape2(ins, attrs):
    """``reshape2``."""
    return {"Out": paddle.reshape(ins["X"], ins.get("Shape", attrs.get("shape")))}


def op_transpose(ins, attrs):
    """``transpose``."""
    return {"Out": paddle.transpose(ins["X"], attrs["axis"])}


def op_transpose2(ins, attrs):
    """``transpose2``."""
    return {"Out": paddle.transpose(ins["X"], attrs["axis"])}


def op_squeeze(ins, attrs):
    """``squeeze``."""
    return {"Out": squeeze(ins["X"], attrs.get("axes", []))}


def op_squeeze2(ins, attrs):
    """``squeeze2``."""
    return {"Out": squeeze(ins["X"], attrs.get("axes", []))}


def op_unsqueeze(ins, attrs):
    """``unsqueeze``."""
    return {"Out": paddle.unsqueeze(ins["X"], ins.get("AxesTensor", attrs.get("axes")))}


def op_unsqueeze2(ins, attrs):
    """``unsqueeze2``."""
    return {"Out": paddle.unsqueeze(ins["X"], ins.get("AxesTensor", attrs.get("axes")))}


def op_flatten(ins, attrs):
    """``flatten``."""
    return {"Out": flatten(ins["X"], attrs.get("axis", 1))}


def op_flatten2(ins, attrs):
    """``flatten2``."""
    return {"Out": flatten(ins["X"], attrs.get("axis", 1))}


def op_concat(ins, attrs):
    """``concat``."""
    return {"Out": paddle.concat(ins.all("X"), ins.get("AxisTensor", attrs.get("axis", 0)))}


def op_split(ins, attrs):
    """``split``."""
    return {
        "Out": paddle.split(ins["X"], attrs.get("sections") or attrs["num"], attrs.get("axis", 0))
    }


def op_stack(ins, attrs):
    """``stack``."""
    return {"Y": paddle.stack(ins.all("X"), attrs.get("axis", 0))}


def op_unstack(ins, attrs):
    """``unstack``."""
    return {"Y": paddle.unstack(ins["X"], attrs.get("axis", 0))}


def op_unbind(ins, attrs):
    """``unbind``."""
    return {"Out": paddle.unbind(ins["X"], attrs.get("axis", 0))}


def op_meshgrid(ins, attrs):
    """``meshgrid``."""
    return {"Out": paddle.meshgrid(*ins.all("X"))}


def op_expand(ins, attrs):
    """``expand``."""
    return {"Out": paddle.tile(ins["X"], ins.get("ExpandTimes", attrs.get("expand_times")))}


def op_expand_as(ins, attrs):
    """``expand_as``."""
    return {"Out": expand_as(ins["X"], ins["target_tensor"])}


def op_slice(ins, attrs):
    """``slice``."""
    return {"Out": op_part(ins, attrs)}


def op_strided_slice(ins, attrs):
    """``strided_slice``."""
    return {
        "Out": paddle.strided_slice(
            ins["Input"], attrs["axes"], attrs["starts"], attrs["ends"], attrs["strides"]
        )
    }


def op_gather(ins, attrs):
    """``gather``."""
    return {"Out": gather(ins["X"], ins["Index"], attrs.get("overwrite", True))}


def op_gather_nd(ins, attrs):
    """``gather_nd``."""
    return {"Out": paddle.gather_nd(ins["X"], ins["Index"])}


def op_scatter(ins, attrs):
    """``scatter``."""
    return {
        "Out": scatter(ins["X"], ins["Ids"], ins["Updates"], None, attrs.get("overwrite", True))
    }


def op_scatter_nd_add(ins, attrs):
    """``scatter_nd_add``."""
    return {"Out": paddle.scatter_nd_add(ins["X"], ins["Index"], ins["Updates"])}


def op_index_select(ins, attrs):
    """``index_select``."""
    return {"Out": paddle.index_select(ins["X"], ins["Index"], attrs.get("dim", 0))}


def op_index_sample(ins, attrs):
    """``index_sample``."""
    return {"Out": paddle.index_sample(ins["X"], ins["Index"])}


def op_shape(ins, attrs):
    """``shape``."""
    return {"Out": shape_of(ins["Input"])}


def op_size(ins, attrs):
    """``size``."""
    return {"Out": size(ins["Input"])}


def op_reverse(ins, attrs):
    """``reverse``."""
    return {"Out": paddle.flip(ins["X"], attrs["axis"])}


def op_flip(ins, attrs):
    """``flip``."""
    return {"Out": paddle.flip(ins["X"], attrs["dims"])}


def op_roll(ins, attrs):
    """``roll``."""
    return {"Out": roll(ins["X"], attrs["shifts"], attrs.get("dims"))}


def op_tril_triu(ins, attrs):
    """``tril_triu``."""
    return {
        "Out": (paddle.tril if attrs["lower"] else paddle.triu)(ins["X"], attrs.get("diagonal", 0))
    }


def op_pad(ins, attrs):
    """``pad``."""
    return {"Out": pad(ins["X"], attrs["paddings"], attrs.get("pad_value", 0.0))}


def op_pad2d(ins, attrs):
    """``pad2d``."""
    return {
        "Out": pad2d(
            ins["X"],
            attrs.get("paddings", [0, 0, 0, 0]),
            attrs.get("mode", "constant"),
            attrs.get("pad_value", 0.0),
            attrs.get("data_format", "NCHW"),
        )
    }


def op_pad_constant_like(ins, attrs):
    """``pad_constant_like``."""
    return {"Out": pad_constant_like(ins["X"], ins["Y"], attrs.get("pad_value", 0.0))}


def op_crop(ins, attrs):
    """``crop``."""
    return {
        "Out": crop(
            ins["X"], ins.get("Y", attrs.get("shape")), ins.get("Offsets", attrs.get("offsets"))
        )
    }


def op_crop_tensor(ins, attrs):
    """``crop_tensor``."""
    return {
        "Out": paddle.crop(
            ins["X"], ins.get("Shape", attrs.get("shape")), ins.get("Offsets", attrs.get("offsets"))
        )
    }
