"""What 1.8 computed on the processor with loops over rows: numpy, called by the program."""

import numpy as np
import paddle


def on_host(compute, inputs, types):
    """Results, without gradients, that ``compute`` makes of arrays; ``types`` are (shape, dtype).

    Inputs with sequences arrive as LoDTensors. In a dynamic graph it runs at once.
    """
    if paddle.in_dynamic_mode():
        found = listed(compute(*[lod_tensor(v.numpy(), []) for v in inputs]))
        return [paddle.to_tensor(np.array(a), dtype) for a, (_, dtype) in zip(found, types)]
    results = call_python(
        compute, inputs, [paddle.static.InputSpec(shape, dtype) for shape, dtype in types]
    )
    for result in results:
        result.stop_gradient = True
    return results


def similarity_focus(input, axis, indexes, name=None):
    """A mask of the largest values of some slices, each row and column of a slice used once.

    ``axis`` and ``indexes`` say the slices; the mask is the union over them, along ``axis``.
    """

    def compute(x):
        x = np.moveaxis(np.array(x), axis, 1)
        mask = np.zeros_like(x)
        for image, marked in zip(x, mask):
            for index in indexes:
                marked[:, focus(image[index])] = 1.0
        return np.moveaxis(mask, 1, axis)

    return on_host(compute, [input], [(input.shape, input.dtype)])[0]


def focus(matrix):
    """The places of the largest values, taken one by one with their rows and columns."""
    chosen = np.zeros(matrix.shape, bool)
    rows, columns = set(), set()
    for place in np.argsort(-matrix, axis=None, kind="stable"):
        row, column = np.unravel_index(place, matrix.shape)
        if row not in rows and column not in columns:
            rows.add(row)
            columns.add(column)
            chosen[row, column] = True
    return chosen


def filter_by_instag(ins, ins_tag, filter_tag, is_lod, out_val_if_empty=0):
    """The instances (rows or sequences) that have one of the wanted tags.

    Returns them and a weight for each (1, or 0 where none was left). Where none is left there is
    one row of ``out_val_if_empty``.
    """
    sequences = bool(lod_of(ins)) if is_lod else False

    def compute(rows, tags, wanted):
        starts = tags.lod()[-1] if tags.lod() else range(len(np.array(tags)) + 1)
        places = rows.lod()[-1] if sequences else range(len(np.array(rows)) + 1)
        tags, wanted = np.array(tags).ravel(), set(np.array(wanted).ravel().tolist())
        taken, offsets = [], [0]
        for number in range(len(starts) - 1):
            if wanted & set(tags[starts[number] : starts[number + 1]].tolist()):
                taken.extend(range(places[number], places[number + 1]))
                offsets.append(len(taken))
        if not taken:
            return [0], [0.0], [[0.0]], [0, 1]
        return taken, [1.0], [[1.0]] * (len(offsets) - 1), offsets

    types = [([-1], "int64"), ([1], ins.dtype), ([-1, 1], "float32"), ([-1], "int64")]
    taken, some, weight, offsets = on_host(compute, [ins, ins_tag, filter_tag], types)
    out = paddle.gather(ins, taken)
    out = out * some.astype(out.dtype) + (1.0 - some).astype(out.dtype) * out_val_if_empty
    each = paddle.arange(0, paddle.shape(offsets)[0], 1, "int64")
    return [set_lod(out, [offsets]), set_lod(weight, [each])]
