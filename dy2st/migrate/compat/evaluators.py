"""Metrics that a program counts by itself: ``auc`` and the evaluators."""

import numpy as np
import paddle


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


class Evaluator:
    """Counts in variables of the program, which ``eval`` reads and ``reset`` empties."""

    def __init__(self, kind):
        self.kind, self.states, self.metrics = kind, [], []

    def count(self, suffix, dtype, value):
        """A variable that ``value`` is added to in each run."""
        name = "_".join([paddle.utils.unique_name.generate(self.kind), suffix])
        state = create_global_var([1], 0, dtype, True, name=name)
        paddle.assign(state + value.reshape([1]).astype(dtype), state)
        self.states.append(name)

    def counts(self):
        """The numbers so far."""
        return [np.array(scope_tensor(name)).item() for name in self.states]

    def reset(self, executor, reset_program=None):
        """Forget all runs."""
        for name in self.states:
            tensor = scope_tensor(name)
            tensor.set(np.zeros_like(np.array(tensor)), paddle.CPUPlace())


class ChunkEvaluator(Evaluator):
    """Precision, recall and F1 of chunks over all runs."""

    def __init__(self, input, label, chunk_scheme, num_chunk_types, excluded_chunk_types=None):
        super().__init__("chunk_eval")
        result = chunk_eval(input, label, chunk_scheme, num_chunk_types, excluded_chunk_types)
        for suffix, value in zip(("infer", "label", "correct"), result[3:]):
            self.count(f"num_{suffix}_chunks", "int64", value)
        self.metrics.extend(result[:3])

    def eval(self, executor, eval_program=None):
        """Precision, recall and F1 so far."""
        found, wanted, right = self.counts()
        precision = right / found if found else 0
        recall = right / wanted if wanted else 0
        f1 = 2 * precision * recall / (precision + recall) if right else 0
        return tuple(np.array([value], "float32") for value in (precision, recall, f1))


class EditDistance(Evaluator):
    """The mean edit distance over all runs, and the share of sequences that have any."""

    def __init__(self, input, label, ignored_tokens=None, **kwargs):
        super().__init__("edit_distance")
        distances, number = edit_distance(input, label, ignored_tokens=ignored_tokens)
        total = paddle.sum(distances).reshape([1])
        wrong = number - paddle.sum((distances == 0).astype("int64"))
        self.count("total_distance", "float32", total)
        self.count("seq_num", "int64", number)
        self.count("instance_error", "int64", wrong)
        self.metrics += [total, wrong]

    def eval(self, executor, eval_program=None):
        """The mean distance and the share of wrong sequences so far."""
        total, number, wrong = self.counts()
        return tuple(np.array([v / number], "float32") for v in (total, wrong))
