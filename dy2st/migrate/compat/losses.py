"""Losses and metrics, unreduced as they were."""

import paddle


def cross_entropy(input, label, soft_label=False, ignore_index=-100):
    """``-log`` of the probability at the label, one value a row; ``input`` holds probabilities."""
    return paddle.nn.functional.cross_entropy(
        input,
        label,
        ignore_index=-100 if soft_label else ignore_index,
        reduction="none",
        soft_label=soft_label,
        use_softmax=False,
    )


def sigmoid_cross_entropy_with_logits(x, label, ignore_index=-100, name=None, normalize=False):
    """Binary cross entropy of logits, element by element; 0 where the label is ignored."""
    label = without_gradient(label)
    keep = paddle.cast(label != ignore_index, x.dtype)
    loss = (
        paddle.maximum(x, paddle.zeros_like(x))
        - x * label
        + paddle.log1p(paddle.exp(-paddle.abs(x)))
    )
    loss = loss * keep
    if normalize:
        loss = loss / paddle.maximum(paddle.sum(keep), paddle.full([], 1e-6, x.dtype))
    return loss


def smooth_l1(x, y, inside_weight=None, outside_weight=None, sigma=None):
    """Smooth L1 distance, summed over all but the first dimension: shape [N, 1]."""
    square = float(sigma or 1.0) ** 2
    difference = x - y
    if inside_weight is not None:
        difference = difference * without_gradient(inside_weight)
    size = paddle.abs(difference)
    quadratic = 0.5 * square * difference * difference
    loss = paddle.where(size < 1.0 / square, quadratic, size - 0.5 / square)
    if outside_weight is not None:
        loss = loss * without_gradient(outside_weight)
    return paddle.sum(paddle.flatten(loss, 1, -1), axis=1, keepdim=True)


def huber_loss(input, label, delta):
    """Squared error near 0, linear beyond ``delta``, element by element."""
    residual = label - input
    size = paddle.abs(residual)
    return paddle.where(size <= delta, 0.5 * residual * residual, delta * (size - 0.5 * delta))


def kldiv_loss(x, target, reduction="mean", name=None):
    """Kullback-Leibler divergence; ``x`` holds logarithms."""
    target = without_gradient(target)
    loss = paddle.where(
        target > 0, target * (paddle.log(paddle.clip(target, min=1e-38)) - x), paddle.zeros_like(x)
    )
    if reduction == "mean":
        return paddle.mean(loss).reshape([1])
    if reduction == "sum":
        return paddle.sum(loss).reshape([1])
    if reduction == "batchmean":
        return (paddle.sum(loss) / paddle.shape(x)[0].astype(x.dtype)).reshape([1])
    return loss


def mse_loss(input, label):
    """The mean of the squared error, with shape [1]."""
    return paddle.mean(paddle.square(input - label)).reshape([1])


def dice_loss(input, label, epsilon=1e-05, name=None):
    """One minus twice the overlap over the sum, averaged over the batch."""
    label = paddle.nn.functional.one_hot(paddle.squeeze(label, -1), input.shape[-1])
    axes = list(range(1, len(input.shape)))
    inside = paddle.sum(input * label, axis=axes)
    total = paddle.sum(input, axis=axes) + paddle.sum(label, axis=axes)
    return paddle.mean(1 - inside * 2 / (total + epsilon)).reshape([1])


def npair_loss(anchor, positive, labels, l2_reg=0.002):
    """N-pair loss with an L2 penalty."""
    batch = labels.shape[0]
    labels = paddle.reshape(labels, [batch, 1]).astype("float32")
    same = paddle.cast(labels == paddle.transpose(labels, [1, 0]), "float32")
    target = same / paddle.sum(same, axis=1, keepdim=True)
    penalty = paddle.mean(paddle.sum(anchor * anchor, 1)) + paddle.mean(
        paddle.sum(positive * positive, 1)
    )
    logits = paddle.matmul(anchor, positive, transpose_y=True)
    entropy = paddle.sum(-target * paddle.nn.functional.log_softmax(logits, 1), 1, keepdim=True)
    # 1.8 weights each row's loss by the targets, which sum to one a row
    weighted = paddle.mean(paddle.sum(target * entropy, 0))
    return (penalty * 0.25 * l2_reg + weighted).reshape([1])


def rank_loss(label, left, right, name=None):
    """RankNet's loss for pairs."""
    out, label = left - right, without_gradient(label)
    return paddle.log1p(paddle.exp(out)) - label * out


def margin_rank_loss(label, left, right, margin=0.1, name=None):
    """``max(0, -label * (left - right) + margin)``."""
    return paddle.nn.functional.relu(-without_gradient(label) * (left - right) + margin)


def bpr_loss(input, label, name=None):
    """Bayesian personalised ranking loss, shape [N, 1]."""
    classes = input.shape[-1]  # known, as the last layer made it
    label = paddle.reshape(label, [-1, 1])
    positive = paddle.take_along_axis(input, label, 1)
    terms = -paddle.nn.functional.log_sigmoid(positive - input)
    mask = 1 - paddle.nn.functional.one_hot(paddle.squeeze(label, -1), classes)
    return paddle.sum(terms * mask, axis=1, keepdim=True) / (classes - 1)


def teacher_student_sigmoid_loss(input, label, soft_max_up_bound=15.0, soft_max_lower_bound=-15.0):
    """Distillation loss of a click model: the label says both the click and the teacher's score.

    Beyond the bounds there is no gradient.
    """
    constant, label = without_gradient(input), without_gradient(label)
    inside = paddle.logical_and(constant > soft_max_lower_bound, constant < soft_max_up_bound)
    x = paddle.where(inside, input, constant)
    base = paddle.maximum(x, paddle.zeros_like(x)) + paddle.log1p(paddle.exp(-paddle.abs(x)))
    no_click = base
    click = base - x
    with_teacher = base + (base - x * label)
    with_teacher_click = (base - x) + (base - x * (label - 1.0))
    return paddle.where(
        label < -1.0,
        no_click,
        paddle.where(
            label < 0.0, click, paddle.where(label < 1.0, with_teacher, with_teacher_click)
        ),
    )


def sigmoid_focal_loss(x, label, fg_num, gamma=2.0, alpha=0.25):
    """Focal loss; label 0 is the background, class ``c`` is column ``c - 1``."""
    target = paddle.nn.functional.one_hot(paddle.squeeze(label, -1), x.shape[1] + 1)[:, 1:]
    target = target.astype(x.dtype)
    ignored = paddle.cast(label != -1, x.dtype)
    number = paddle.cast(paddle.maximum(fg_num, paddle.ones_like(fg_num)), x.dtype)
    p = paddle.nn.functional.sigmoid(x)
    tiny = 1.17549435e-38
    positive = paddle.pow(1 - p, gamma) * paddle.log(paddle.clip(p, min=tiny))
    logs = -x * paddle.cast(x >= 0, x.dtype) - paddle.log1p(
        paddle.exp(x - 2.0 * x * paddle.cast(x >= 0, x.dtype))
    )
    negative = paddle.pow(p, gamma) * logs
    loss = -target * positive * (alpha / number) - (1 - target) * ignored * negative * (
        (1.0 - alpha) / number
    )
    return loss


def cos_sim(X, Y):
    """Cosine similarity of rows, shape [N, 1]."""
    dot = paddle.sum(X * Y, axis=-1, keepdim=True)
    x = paddle.sqrt(paddle.sum(X * X, axis=-1, keepdim=True))
    y = paddle.sqrt(paddle.sum(Y * Y, axis=-1, keepdim=True))
    return dot / (x * y)


def accuracy(input, label, k=1, correct=None, total=None):
    """The share of rows whose label is among the ``k`` largest, with shape [1]."""
    label = paddle.reshape(label, [-1, 1])
    _, index = paddle.topk(input, k)
    hit = paddle.any(index == label.astype(index.dtype), axis=1)
    if correct is not None:
        paddle.assign(paddle.sum(hit).reshape([1]).astype(correct.dtype), correct)
    if total is not None:
        paddle.assign(paddle.numel(hit).reshape([1]).astype(total.dtype), total)
    return paddle.mean(hit.astype("float32")).reshape([1])


def mean_iou(input, label, num_classes):
    """Mean intersection over union, and the wrong and right counts of each class."""
    predicted = paddle.nn.functional.one_hot(paddle.flatten(input).astype("int64"), num_classes)
    wanted = paddle.nn.functional.one_hot(paddle.flatten(label).astype("int64"), num_classes)
    right = paddle.sum(predicted * wanted, axis=0)
    union = paddle.sum(predicted, axis=0) + paddle.sum(wanted, axis=0) - right
    seen = paddle.cast(union > 0, "float32")
    iou = right / paddle.maximum(union, paddle.ones_like(union))
    mean = paddle.sum(iou) / paddle.maximum(paddle.sum(seen), paddle.full([], 1e-6))
    return mean.reshape([1]), (union - right).astype("int32"), right.astype("int32")
