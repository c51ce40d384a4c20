"""Losses over many classes (sampled or by a tree) and losses with parameters of their own."""

import numpy as np
import paddle


def nce(
    input,
    label,
    num_total_classes,
    sample_weight=None,
    param_attr=None,
    bias_attr=None,
    num_neg_samples=None,
    name=None,
    sampler="uniform",
    custom_dist=None,
    seed=0,
    is_sparse=False,
):
    """Noise-contrastive estimation: the cost of each row's labels against drawn classes."""
    name = layer_name("nce", name)
    dtype, rows = input.dtype, [num_total_classes, input.shape[1]]
    weight = new_parameter(rows, dtype, named(param_attr, name, "w"), None)
    bias_shape = [num_total_classes, 1]
    bias = new_parameter(bias_shape, dtype, named(bias_attr, name, "b"), None, True)
    return nce_cost(
        input, label, weight, bias, sample_weight, num_neg_samples, sampler, custom_dist
    )


def nce_cost(input, label, weight, bias, sample_weight, num_neg_samples, sampler, custom_dist):
    """The cost with given parameters; 10 classes are drawn where no number is given."""
    drawn = 10 if num_neg_samples is None else int(num_neg_samples)
    chances = paddle.assign(class_chances(sampler, weight.shape[0], custom_dist))
    true = label.shape[1]
    batch = paddle.shape(input)[0]
    negative = paddle.multinomial(chances, batch * drawn, replacement=True)
    classes = paddle.concat([label, paddle.reshape(negative, [-1, drawn])], 1)
    logits = paddle.sum(
        paddle.unsqueeze(input, 1)
        * paddle.gather(weight, classes.flatten()).reshape([-1, true + drawn, weight.shape[1]]),
        -1,
    )
    if bias is not None:
        logits = logits + paddle.gather(bias, classes.flatten()).reshape([-1, true + drawn])
    score = paddle.nn.functional.sigmoid(logits)
    noise = paddle.gather(chances, classes.flatten()).reshape([-1, true + drawn]) * float(drawn)
    right = -paddle.log(score / (score + noise))
    wrong = -paddle.log(noise / (score + noise))
    cost = paddle.sum(right[:, :true], 1, keepdim=True) + paddle.sum(
        wrong[:, true:], 1, keepdim=True
    )
    if sample_weight is not None:
        cost = cost * paddle.reshape(without_gradient(sample_weight), [-1, 1])
    return cost / float(drawn + 1)


def class_chances(sampler, classes, custom_dist):
    """How likely each class is drawn."""
    if sampler == "uniform":
        return np.full(classes, 1.0 / classes, "float32")
    if sampler == "log_uniform":
        numbers = np.arange(classes, dtype="float64")
        return (np.log((numbers + 2) / (numbers + 1)) / np.log(classes + 1)).astype("float32")
    if sampler == "custom_dist":
        return np.asarray(custom_dist, "float32")
    raise ValueError("Unsupported sampler type.")


def hsigmoid(
    input,
    label,
    num_classes,
    param_attr=None,
    bias_attr=None,
    name=None,
    path_table=None,
    path_code=None,
    is_custom=False,
    is_sparse=False,
):
    """The cost of each row's label along the path to it in a tree of classes."""
    name = layer_name("hierarchical_sigmoid", name)
    nodes, dtype = num_classes if is_custom else num_classes - 1, input.dtype
    weight = new_parameter([nodes, input.shape[1]], dtype, named(param_attr, name, "w"), None)
    bias = new_parameter([nodes, 1], dtype, named(bias_attr, name, "b"), None, True)
    return paddle.nn.functional.hsigmoid_loss(
        input, label, num_classes, weight, bias, path_table, path_code
    )


def center_loss(input, label, num_classes, alpha, param_attr, update_center=True):
    """Half the squared distance of each row to its class's centre, which moves by ``alpha``."""
    attr = paddle.ParamAttr._to_attr(param_attr)
    centers = new_parameter([num_classes, input.shape[1]], input.dtype, attr, None)
    centers.stop_gradient = True
    label = paddle.reshape(label, [-1])
    away = input - paddle.gather(centers, label)
    if update_center:
        chosen = paddle.nn.functional.one_hot(label, num_classes)
        moves = paddle.matmul(chosen, without_gradient(away), transpose_x=True)
        count = paddle.unsqueeze(paddle.sum(chosen, 0), 1) + 1.0
        write_update(centers + alpha * moves / count, centers)
    return 0.5 * paddle.sum(away * away, 1, keepdim=True)


class NCE(paddle.nn.Layer):
    """Noise-contrastive estimation as a layer; a bias only where ``bias_attr`` is given."""

    def __init__(
        self,
        num_total_classes,
        dim,
        sample_weight=None,
        param_attr=None,
        bias_attr=None,
        num_neg_samples=None,
        sampler="uniform",
        custom_dist=None,
        seed=0,
        is_sparse=False,
        dtype="float32",
    ):
        super().__init__()
        self.options = num_neg_samples, sampler, custom_dist
        self.weight = self.create_parameter([num_total_classes, dim], param_attr, dtype)
        self.bias = None
        if bias_attr:
            self.bias = self.create_parameter([num_total_classes, 1], bias_attr, dtype, True)

    def forward(self, input, label, sample_weight=None):
        """The cost of each row."""
        return nce_cost(input, label, self.weight, self.bias, sample_weight, *self.options)


def sampled_softmax_with_cross_entropy(
    logits,
    label,
    num_samples,
    num_true=1,
    remove_accidental_hits=True,
    use_customized_samples=False,
    customized_samples=None,
    customized_probabilities=None,
    seed=0,
):
    """Cross entropy over the true classes and given samples, corrected for their probabilities."""
    if not use_customized_samples:
        raise NotImplementedError("draw the samples yourself and give them as customized_samples")
    scores = paddle.take_along_axis(logits, customized_samples, 1)
    if remove_accidental_hits:
        drawn = paddle.unsqueeze(customized_samples[:, num_true:], 2)
        hit = paddle.any(drawn == paddle.unsqueeze(label, 1), 2).astype(scores.dtype)
        none = paddle.zeros_like(label).astype(scores.dtype)
        scores = scores - 1e20 * paddle.concat([none, hit], 1)
    scores = scores - paddle.log(customized_probabilities)
    wanted = paddle.tile(paddle.arange(0, num_true, 1, "int64"), [1])
    soft = paddle.nn.functional.one_hot(wanted, num_samples + num_true).sum(0, keepdim=True)
    soft = soft + paddle.zeros_like(scores)
    loss = paddle.nn.functional.softmax_with_cross_entropy(scores, soft, soft_label=True)
    return loss / num_true
