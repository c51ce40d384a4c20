"""Branches that give values: ``cond``, ``case`` and ``switch_case``."""

import paddle


def cond(pred, true_fn=None, false_fn=None, name=None):
    """What ``true_fn`` gives where ``pred`` holds, else what ``false_fn`` gives.

    As in 1.8 the two may differ in type and number of dimensions, and their sequences go along.
    """
    if paddle.in_dynamic_mode():
        return paddle.static.nn.cond(pred, true_fn, false_fn)
    branch = paddle.base.libpaddle.pir.build_if_op(pred)
    sides, lods, written = [], [], []
    for function, block in ((true_fn, branch.true_block), (false_fn, branch.false_block)):
        with block():
            sides.append(None if function is None else function())
            lods.append([lod_of(value) for value in paddle.utils.flatten(sides[-1])])
            written += written_in_block()
    if sides[0] is None and sides[1] is None:
        show_written(written)
        return None
    if sides[0] is None or sides[1] is None:
        raise ValueError("true_fn and false_fn in cond must both give something, or both nothing")
    try:
        paddle.utils.assert_same_structure(sides[0], sides[1], check_types=False)
    except ValueError as error:
        raise ValueError(f"Incompatible return values of true_fn and false_fn in cond: {error}")
    flat = [paddle.utils.flatten(side) for side in sides]
    found = results_of_branch(branch, [*zip(*flat)], [*zip(*lods)])
    show_written(written)
    return paddle.utils.pack_sequence_as(sides[0], found)


def results_of_branch(branch, pairs, lods):
    """The values after a branch for pairs of values in its blocks, and their offsets."""
    yielded, arrays, kinds, levels = [[], []], {}, {}, {}
    for number, (pair, lod) in enumerate(zip(pairs, lods)):
        if pair[0].dtype == pair[1].dtype and len(pair[0].shape) == len(pair[1].shape):
            for values, value in zip(yielded, pair):
                values.append(value)
        else:  # an array without a type of its own takes what comes
            with inserting(branch.as_operation()):
                untyped = paddle.base.libpaddle.DataType.UNDEFINED
                arrays[number] = paddle._C_ops.create_array(untyped)
                kinds[number] = arrays[number].type()
        if len(lod[0]) == len(lod[1]):
            levels[number] = range(len(lod[0]))
    for values, side in zip(yielded, (0, 1)):
        values.extend(lods[n][side][level] for n, found in levels.items() for level in found)
    for side, block in enumerate((branch.true_block, branch.false_block)):
        with block():
            for number, array in arrays.items():
                array.set_type(kinds[number])
                paddle._C_ops.array_write_(array, pairs[number][side], paddle.zeros([1], "int64"))
            paddle.base.libpaddle.pir.cf_yield(yielded[side])
    branch.update_output()
    rest = iter(branch.results())
    found = [
        paddle.tensor.array_read(arrays[n], paddle.zeros([1], "int64"))
        if n in arrays
        else next(rest)
        for n in range(len(pairs))
    ]
    for number, value in enumerate(found):
        if number in levels:
            set_lod(value, [next(rest) for _ in levels[number]])
        else:
            set_lod(value, mixed_sequences)
    return found


def case(pred_fn_pairs, default=None, name=None):
    """What the function of the first condition that holds gives; the last one by default."""
    (pred, function), *rest = pred_fn_pairs
    if default is None and not rest:
        return function()
    if default is None and len(rest) == 1:
        return cond(pred, function, rest[0][1])
    return cond(pred, function, (lambda: case(rest, default)) if rest else default)


def switch_case(branch_index, branch_fns, default=None, name=None):
    """What the function of that number gives; the one of the largest number by default."""
    pairs = branch_fns.items() if isinstance(branch_fns, dict) else branch_fns
    pairs = [p if isinstance(p, tuple) else (n, p) for n, p in enumerate(pairs)]
    pairs = sorted(pairs, key=lambda pair: pair[0])
    if default is None:
        default = pairs.pop()[1]
    found = default
    for number, function in reversed(pairs):
        pred = paddle.equal(branch_index, paddle.full([1], number, branch_index.dtype))
        found = lambda p=pred, yes=function, no=found: cond(p, yes, no)
    return found()
