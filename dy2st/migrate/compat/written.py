"""Values that a block writes with ``assign``: Paddle 3.3 loses their gradients: refused."""

import paddle

# number of a value: its program, and the operation beside it that writes into it
written_values = shared("written_values", {})


def watch_gradient(value):
    """Refuse gradients through ``value`` where it is used after the block that now writes it."""
    written_values[value.hash()] = (paddle.static.default_main_program(), block_around(value))
    backward = paddle.autograd.ir_backward
    plain = backward.calc_gradient_helper
    if getattr(plain, "refuses_written", False):
        return

    def calc_gradient_helper(outputs, *args, **kwargs):
        refuse_written(outputs)
        return plain(outputs, *args, **kwargs)

    calc_gradient_helper.refuses_written = True
    backward.calc_gradient_helper = calc_gradient_helper


def refuse_written(outputs):
    """Raise where ``outputs`` are computed from a value after something was written into it."""
    pending, seen = list(outputs), set()
    places = {}
    while pending:
        op = pending.pop().get_defining_op()
        if op is None or op.id() in seen:
            continue
        seen.add(op.id())
        for value in op.operands_source():
            if value.hash() in written_values:
                if not places:
                    ops = paddle.static.default_main_program().global_block().ops
                    places = {op.id(): place for place, op in enumerate(ops)}
                writer = written_values[value.hash()][1]
                if places.get(op.id(), 0) > places.get(writer.id(), len(places)):
                    raise NotImplementedError(
                        "the gradient of what assign writes inside a block is lost in static "
                        "programs of Paddle 3: use the assigned value itself, and in a loop carry "
                        "it in an array (array_write, array_read) or as a variable of while_loop"
                    )
            if not value.stop_gradient:
                pending.append(value)
