"""``fluid.evaluator``: measures that the program itself adds up over its runs."""

import numpy as np
import paddle


class ProgramEvaluator:
    """Sums kept in the program's persistable values, until ``reset``."""

    def __init__(self, name):
        self.name = name
        self.states = []
        self.metrics = []

    def create_state(self, value, suffix):
        """A sum of ``value`` over the runs of the program."""
        name = f"{paddle.utils.unique_name.generate(self.name)}_{suffix}"
        dtype = str(value.dtype).split(".")[-1]
        state = create_global_var([1], 0, dtype, persistable=True, name=name)
        paddle.assign(state + paddle.reshape(value, [1]), state)
        self.states.append((name, dtype))

    def reset(self, executor, reset_program=None):
        """Start again from zero."""
        for name, _ in self.states:
            set_tensor(name, np.zeros_like(np.array(scope_tensor(name))))

    def fetch(self, executor, make):
        """What ``make`` makes of the sums so far, by a program of its own."""
        program = paddle.static.Program()
        with paddle.static.program_guard(program, paddle.static.Program()):
            sums = [
                create_global_var([1], 0, dtype, True, name=name) for name, dtype in self.states
            ]
            return executor.run(program, fetch_list=make(*sums))


class EditDistanceEvaluator(ProgramEvaluator):
    """The mean edit distance and the share of sequences that are not right."""

    def __init__(self, input, label, ignored_tokens=None, **kwargs):
        super().__init__("edit_distance")
        distance, count = edit_distance(input, label, ignored_tokens=ignored_tokens)
        total = paddle.reshape(paddle.sum(distance), [1])
        wrong = paddle.reshape(paddle.sum((distance != 0).astype("int64")), [1])
        self.create_state(total, "total_distance")
        self.create_state(count, "seq_num")
        self.create_state(wrong, "instance_error")
        self.metrics += [total, wrong]

    def eval(self, executor, eval_program=None):
        """The two means over all runs."""
        mean = lambda value, count: value.astype("float32") / count.astype("float32")
        make = lambda total, count, wrong: [mean(total, count), mean(wrong, count)]
        return tuple(np.array(value) for value in self.fetch(executor, make))


class ProgramChunkEvaluator(ProgramEvaluator):
    """Precision, recall and F1 of chunks over all runs."""

    def __init__(self, input, label, chunk_scheme, num_chunk_types, excluded_chunk_types=None):
        super().__init__("chunk_eval")
        found = chunk_eval(input, label, chunk_scheme, num_chunk_types, excluded_chunk_types)
        names = ("num_infer_chunks", "num_label_chunks", "num_correct_chunks")
        for value, name in zip(found[3:], names):
            self.create_state(value, name)
        self.metrics += found[:3]

    def eval(self, executor, eval_program=None):
        """The three measures, one array each."""
        inferred, labelled, right = [v[0] for v in self.fetch(executor, lambda *sums: list(sums))]
        precision = float(right) / inferred if inferred else 0
        recall = float(right) / labelled if labelled else 0
        f1 = 2 * precision * recall / (precision + recall) if right else 0
        return tuple(np.array([value], "float32") for value in (precision, recall, f1))


def auc(input, label, curve="ROC", num_thresholds=4095, topk=1, slide_steps=1):
    """The area under a curve: of all batches, of the last ``slide_steps``, and the counts."""
    weight = paddle.ones([1, 1], "float32")
    areas, counts = [], []
    for steps in (slide_steps, 0):
        shape = [1, num_thresholds + 1]
        if not counts:
            shape = [(1 + slide_steps) * (num_thresholds + 1) + 1]
        kept = [create_global_var(shape, 0, "int64", True) for _ in range(2)]
        area, *new = paddle._C_ops.auc(input, label, *kept, weight, curve, num_thresholds, steps)
        for value, target in zip(new, kept):
            paddle.assign(value, target)
        areas.append(area.reshape([1]))
        counts += kept
    return areas[1], areas[0], counts


def ctr_metric_bundle(input, label):
    """Sums over all runs: squared and absolute errors, predictions, their sigmoids, clicks, rows."""
    label = label.astype(input.dtype)
    error = input - label
    parts = (
        paddle.sum(error * error),
        paddle.sum(paddle.abs(error)),
        paddle.sum(input),
        paddle.sum(paddle.nn.functional.sigmoid(input)),
        paddle.sum(label),
        paddle.sum(paddle.ones_like(label)),
    )
    sums = []
    for part in parts:
        total = create_global_var([1], 0.0, "float32", True)
        sums.append(paddle.assign(total + part.astype("float32"), total))
    return tuple(sums)
