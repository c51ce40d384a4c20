"""Mean average precision of detections, as the operator ``detection_map`` of 1.8 measured it."""

import collections

import numpy as np
import paddle


class DetectionMAP:
    """The mean average precision of a batch of detections, and of all batches since ``reset``."""

    def __init__(
        self,
        input,
        gt_label,
        gt_box,
        gt_difficult=None,
        class_num=None,
        background_label=0,
        overlap_threshold=0.5,
        evaluate_difficult=True,
        ap_version="integral",
    ):
        columns = [gt_label.astype(gt_box.dtype)]
        if gt_difficult is not None:
            columns.append(gt_difficult.astype(gt_box.dtype))
        label = set_lod(paddle.concat([*columns, gt_box], axis=1), lod_of(gt_label))
        self.reset(None)

        def compute(found, truth):
            found = np.array(found), found.lod()[-1]
            truth = np.array(truth), truth.lod()[-1]
            count, scored = match_detections(*found, *truth, overlap_threshold, evaluate_difficult)
            for name, number in count.items():
                self.count[name] += number
            for name, pairs in scored.items():
                self.scored[name].extend(pairs)
            measure = lambda *sums: [average_precision(*sums, ap_version)]
            return measure(count, scored), measure(self.count, self.scored)

        types = [([1], "float32"), ([1], "float32")]
        self.cur_map, self.accum_map = on_host(compute, [input, label], types)

    def get_map_var(self):
        """The values to fetch: of the batch, and of all batches."""
        return self.cur_map, self.accum_map

    def reset(self, executor, reset_program=None):
        """Begin to add up anew."""
        self.count, self.scored = collections.Counter(), collections.defaultdict(list)


def match_detections(found, found_lod, truth, truth_lod, threshold, evaluate_difficult):
    """How many boxes each class has, and each class's detections as (score, whether it is right).

    ``found`` has rows [class, score, box], ``truth`` rows [class, (difficult,) box].
    """
    count, scored = collections.Counter(), collections.defaultdict(list)
    difficult = truth[:, 1] if truth.shape[1] == 6 else np.zeros(len(truth))
    hard = (np.abs(difficult) >= 1e-6) & (not evaluate_difficult)
    for name in truth[~hard, 0]:
        count[int(name)] += 1
    for image in range(len(found_lod) - 1):
        rows = found[found_lod[image] : found_lod[image + 1]]
        here = slice(truth_lod[image], truth_lod[image + 1])
        for name in np.unique(rows[:, 0]) if rows.shape[1] == 6 else ():
            own = rows[rows[:, 0] == name]
            own = own[np.argsort(-own[:, 1], kind="stable")]
            same = truth[here, 0] == name
            boxes, skipped = truth[here, -4:][same], hard[here][same]
            taken = set()
            for row in own:
                overlaps = [box_overlap(np.clip(row[2:], 0, 1), box) for box in boxes]
                best = int(np.argmax(overlaps)) if overlaps else -1
                if best >= 0 and overlaps[best] > threshold:
                    if not skipped[best]:
                        scored[int(name)].append((row[1], best not in taken))
                        taken.add(best)
                else:
                    scored[int(name)].append((row[1], False))
    return count, scored


def box_overlap(a, b, extra=0.0):
    """The common part of two boxes over their union; ``extra`` is 1 for boxes of whole pixels."""
    if b[0] > a[2] or b[2] < a[0] or b[1] > a[3] or b[3] < a[1]:
        return 0.0
    area = lambda box: max(box[2] - box[0] + extra, 0.0) * max(box[3] - box[1] + extra, 0.0)
    both = area([*np.maximum(a[:2], b[:2]), *np.minimum(a[2:], b[2:])])
    return both / (area(a) + area(b) - both)


def average_precision(count, scored, version):
    """The mean over the classes of the precision averaged over recall."""
    found = []
    for name, number in count.items():
        pairs = sorted(scored.get(name, ()), key=lambda pair: -pair[0])
        right = np.cumsum([float(is_right) for _, is_right in pairs])
        precision, recall = right / np.arange(1, len(pairs) + 1), right / number
        if version == "11point":
            steps = np.arange(11) / 10.0
            best = [precision[recall >= step].max(initial=0.0) for step in steps]
            found.append(float(np.mean(best)))
        else:
            rise = np.diff(recall, prepend=0.0)
            found.append(float(np.sum(precision * np.where(rise > 1e-6, rise, 0.0))))
    return np.mean(found) if found else 0.0
