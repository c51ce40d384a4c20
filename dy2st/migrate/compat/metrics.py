"""Metrics that are counted in numpy over many batches."""

import numpy as np


class MetricBase:
    """What all metrics have in common."""

    def __init__(self, name=None):
        self._name = str(name) if name is not None else self.__class__.__name__

    def __str__(self):
        return self._name

    def reset(self):
        """Forget all batches: numbers become 0."""
        for key, value in vars(self).items():
            if key.startswith("_"):
                continue
            if isinstance(value, (int, float)):
                setattr(self, key, type(value)(0))
            elif isinstance(value, np.ndarray):
                setattr(self, key, np.zeros_like(value))

    def get_config(self):
        """The public numbers by name."""
        return {k: v for k, v in vars(self).items() if not k.startswith("_")}


class AccuracyMetric(MetricBase):
    """The weighted mean of the accuracies of batches."""

    def __init__(self, name=None):
        super().__init__(name)
        self.value = 0.0
        self.weight = 0.0

    def update(self, value, weight):
        """Add a batch's accuracy and its size."""
        self.value += float(np.asarray(value).reshape(-1)[0]) * weight
        self.weight += weight

    def eval(self):
        """The mean so far; raises ValueError before the first batch."""
        if self.weight == 0:
            raise ValueError("no batch was added to the accuracy yet")
        return self.value / self.weight


class PrecisionMetric(MetricBase):
    """The share of those called positive that are."""

    def __init__(self, name=None):
        super().__init__(name)
        self.tp = 0
        self.fp = 0

    def update(self, preds, labels):
        """Add a batch of scores and labels 0 or 1."""
        predicted = np.rint(np.asarray(preds)).astype("int32").reshape(-1)
        wanted = np.asarray(labels).reshape(-1)
        self.tp += int(np.sum((predicted == 1) & (wanted == 1)))
        self.fp += int(np.sum((predicted == 1) & (wanted != 1)))

    def eval(self):
        """The precision so far."""
        return float(self.tp) / (self.tp + self.fp) if self.tp + self.fp else 0.0


class RecallMetric(MetricBase):
    """The share of the positive that are called so."""

    def __init__(self, name=None):
        super().__init__(name)
        self.tp = 0
        self.fn = 0

    def update(self, preds, labels):
        """Add a batch of scores and labels 0 or 1."""
        predicted = np.rint(np.asarray(preds)).astype("int32").reshape(-1)
        wanted = np.asarray(labels).reshape(-1)
        self.tp += int(np.sum((predicted == 1) & (wanted == 1)))
        self.fn += int(np.sum((predicted != 1) & (wanted == 1)))

    def eval(self):
        """The recall so far."""
        return float(self.tp) / (self.tp + self.fn) if self.tp + self.fn else 0.0


class AucMetric(MetricBase):
    """The area under the ROC curve, from counts in bins."""

    def __init__(self, name, curve="ROC", num_thresholds=4095):
        super().__init__(name)
        self._curve = curve
        self._num_thresholds = num_thresholds
        self.reset()

    def reset(self):
        """Forget all batches."""
        self._stat_pos = np.zeros(self._num_thresholds + 1)
        self._stat_neg = np.zeros(self._num_thresholds + 1)

    def update(self, preds, labels):
        """Add a batch: two columns of probabilities, and labels 0 or 1."""
        preds, labels = np.asarray(preds), np.asarray(labels).reshape(-1)
        bins = (preds[:, 1] * self._num_thresholds).astype(int)
        np.add.at(self._stat_pos, bins[labels != 0], 1.0)
        np.add.at(self._stat_neg, bins[labels == 0], 1.0)

    def eval(self):
        """The area so far."""
        positive = negative = area = 0.0
        for index in range(self._num_thresholds, -1, -1):
            before = positive, negative
            positive += self._stat_pos[index]
            negative += self._stat_neg[index]
            area += abs(negative - before[1]) * (positive + before[0]) / 2.0
        return area / positive / negative if positive > 0.0 and negative > 0.0 else 0.0


class ChunkEvaluatorMetric(MetricBase):
    """Precision, recall and F1 of chunks from counts."""

    def __init__(self, name=None):
        super().__init__(name)
        self.num_infer_chunks = 0
        self.num_label_chunks = 0
        self.num_correct_chunks = 0

    def update(self, num_infer_chunks, num_label_chunks, num_correct_chunks):
        """Add a batch's counts."""
        self.num_infer_chunks += int(np.asarray(num_infer_chunks).reshape(-1)[0])
        self.num_label_chunks += int(np.asarray(num_label_chunks).reshape(-1)[0])
        self.num_correct_chunks += int(np.asarray(num_correct_chunks).reshape(-1)[0])

    def eval(self):
        """Precision, recall and F1 so far."""
        right = float(self.num_correct_chunks)
        precision = right / self.num_infer_chunks if self.num_infer_chunks else 0
        recall = right / self.num_label_chunks if self.num_label_chunks else 0
        f1 = 2 * precision * recall / (precision + recall) if self.num_correct_chunks else 0
        return precision, recall, f1


class EditDistanceMetric(MetricBase):
    """The mean edit distance, and the share of sequences with any."""

    def __init__(self, name):
        super().__init__(name)
        self.total_distance = 0.0
        self.seq_num = 0
        self.instance_error = 0

    def update(self, distances, seq_num):
        """Add a batch's distances."""
        distances = np.asarray(distances)
        number = int(np.asarray(seq_num).reshape(-1)[0])
        self.seq_num += number
        self.instance_error += number - int(np.sum(distances == 0))
        self.total_distance += float(np.sum(distances))

    def eval(self):
        """Mean distance and error rate so far; raises ValueError before the first batch."""
        if self.seq_num == 0:
            raise ValueError("no batch was added to the edit distance yet")
        return self.total_distance / self.seq_num, self.instance_error / float(self.seq_num)


class CompositeMetric(MetricBase):
    """Several metrics that are given the same batches."""

    def __init__(self, name=None):
        super().__init__(name)
        self._metrics = []

    def add_metric(self, metric):
        """Add one."""
        self._metrics.append(metric)

    def update(self, preds, labels):
        """Give a batch to all."""
        for metric in self._metrics:
            metric.update(preds, labels)

    def eval(self):
        """All results."""
        return [metric.eval() for metric in self._metrics]


class WeightedAverage:
    """A weighted mean of numbers."""

    def __init__(self):
        self.reset()

    def reset(self):
        """Forget all numbers."""
        self.numerator = None
        self.denominator = None

    def add(self, value, weight):
        """Add a number or an array with its weight."""
        if self.numerator is None:
            self.numerator, self.denominator = value * weight, weight
        else:
            self.numerator += value * weight
            self.denominator += weight

    def eval(self):
        """The mean so far; raises ValueError before the first number."""
        if not self.denominator:
            raise ValueError("nothing was added to the average yet")
        return self.numerator / self.denominator
