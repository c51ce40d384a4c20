"""Small parts of ``fluid.contrib`` and of the click-through models."""

import collections
import os

import numpy as np
import paddle


def memory_usage(program, batch_size):
    """An estimate of a program's memory: from, to and the unit."""
    size = 0.0
    for op in program.global_block().ops:
        for value in op.results():
            try:
                shape = [n if n >= 0 else batch_size * -n for n in value.shape]
                size += float(np.prod(shape)) * paddle.zeros([1], value.dtype).element_size()
            except (ValueError, AttributeError, TypeError):
                continue  # no tensor
    unit = "B"
    for larger in ("KB", "MB"):
        if size > 1024:
            size, unit = size / 1024, larger
    return size * 1.05, size * 1.1, unit


def op_freq_statistic(program):
    """How often each operation, and each pair of one after the other, stands in a program."""
    single, pairs = collections.Counter(), collections.Counter()
    for op in program.global_block().ops:
        single[op.name()] += 1
        for value in op.operands_source():
            made = value.get_defining_op()
            if made is not None and made.name() != "builtin.parameter":
                pairs[f"{made.name()}->{op.name()}"] += 1
    return single.most_common(), pairs.most_common()


def distributed_batch_reader(batch_reader):
    """This process's share of the batches: each gets one in turn, what is left is dropped."""
    count = int(os.environ.get("PADDLE_TRAINERS_NUM", 1))
    own = int(os.environ.get("PADDLE_TRAINER_ID", 0))
    assert own < count

    def read():
        group = []
        for batch in batch_reader():
            group.append(batch)
            if len(group) == count:
                yield group[own]
                group = []

    return read


def shuffle_batch(x, seed=None):
    """The rows of ``x`` in random order."""
    rows = paddle.reshape(x, [-1, x.shape[-1]])
    order = paddle.argsort(paddle.uniform([paddle.shape(rows)[0]], "float32"))
    return paddle.reshape(paddle.gather(rows, order), paddle.shape(x))


def partial_concat(input, start_index=0, length=-1):
    """The same columns of each matrix, side by side."""
    return paddle.concat(columns_of(input, start_index, length), 1)


def partial_sum(input, start_index=0, length=-1):
    """The sum of the same columns of each matrix."""
    return paddle.add_n(columns_of(input, start_index, length))


def columns_of(input, start, length):
    """``length`` columns of each matrix from ``start`` on (to the end for -1)."""
    input = list(input) if isinstance(input, (list, tuple)) else [input]
    start = start + input[0].shape[1] if start < 0 else start
    end = input[0].shape[1] if length < 0 else start + length
    return [x[:, start:end] for x in input]


def fused_elemwise_activation(x, y, functor_list, axis=-1, scale=0.0, save_intermediate_out=True):
    """``f(x, g(y))`` or ``g(f(x, y))``: a sum or product and a function, in the order given."""
    if isinstance(functor_list, str):
        functor_list = functor_list.split(",")
    one = {
        "relu": paddle.nn.functional.relu,
        "tanh": paddle.tanh,
        "sigmoid": paddle.nn.functional.sigmoid,
        "scale": lambda v: v * scale,
    }
    two = {"elementwise_add": elementwise_add, "elementwise_mul": elementwise_mul}
    outer, inner = functor_list
    if outer in two:
        return two[outer](x, one[inner](y), axis)
    return one[outer](two[inner](x, y, axis))


def fused_embedding_seq_pool(
    input,
    size,
    is_sparse=False,
    padding_idx=None,
    combiner="sum",
    param_attr=None,
    dtype="float32",
):
    """The sum of the embeddings of each sequence of ids."""
    rows = embedding(input, size, is_sparse, False, padding_idx, param_attr, dtype)
    return sequence_pool(set_lod(rows, lod_of(input)), combiner)


def continuous_value_model(input, cvm, use_cvm=True):
    """The first two columns (shows, clicks) as logarithms, or left out."""
    return paddle._C_ops.cvm(input, cvm, use_cvm)


def extend_with_decoupled_weight_decay(base_optimizer):
    """A class of optimizers that shrink parameters by ``weight_decay`` before each step."""

    class OptimizerWithDecoupledWeightDecay(base_optimizer):
        def __init__(self, weight_decay, apply_decay_param_fun=None, **kwargs):
            self.coeff, self.applies = weight_decay, apply_decay_param_fun
            super().__init__(**kwargs)

        def minimize(self, loss, startup_program=None, parameter_list=None, no_grad_set=None):
            """Gradients, decay, then the step."""
            pairs = self.backward(loss, startup_program, parameter_list, no_grad_set)
            for parameter, gradient in pairs:
                named = self.applies is None or self.applies(parameter.name)
                if gradient is not None and named and self.coeff != 0.0:
                    with paddle.no_grad():
                        write_update(parameter - parameter * self.coeff, parameter)
            return self._apply_optimize(loss, startup_program, pairs), pairs

    return OptimizerWithDecoupledWeightDecay
