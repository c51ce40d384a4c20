"""Losses, tracing, batches, files and devices of dynamic graphs."""

import os

import numpy as np
import paddle


class LossOfShape1:
    """A loss that has shape [1] where it is reduced."""

    def forward(self, input, label):
        """The loss."""
        return as_shape_1(super().forward(input, label))


class MSELoss(LossOfShape1, paddle.nn.MSELoss):
    """The squared error."""


class L1Loss(LossOfShape1, paddle.nn.L1Loss):
    """The absolute error."""


class BCELoss(LossOfShape1, paddle.nn.BCELoss):
    """Cross entropy of probabilities."""


class NLLLoss(LossOfShape1, paddle.nn.NLLLoss):
    """Minus the chosen logarithms."""

    def __init__(self, weight=None, reduction="mean", ignore_index=-100):
        super().__init__(weight, ignore_index, reduction)


class SpectralNorm(paddle.nn.Layer):
    """A weight over its largest singular value, found from two vectors that stay as they are."""

    def __init__(self, weight_shape, dim=0, power_iters=1, eps=1e-12, dtype="float32"):
        super().__init__()
        self.options = dim, power_iters, eps
        size = 1
        for n in weight_shape:
            size *= n
        rows = weight_shape[dim]
        start = paddle.nn.initializer.Normal(0.0, 1.0)
        self.weight_u = self.create_parameter([rows], dtype=dtype, default_initializer=start)
        self.weight_v = self.create_parameter(
            [size // rows], dtype=dtype, default_initializer=start
        )
        self.weight_u.stop_gradient = self.weight_v.stop_gradient = True

    def forward(self, weight):
        """The scaled weight."""
        return over_largest_value(weight, self.weight_u, self.weight_v, *self.options)


def default_collate_fn(batch):
    """The fields of a batch's samples, each as one array."""
    if isinstance(batch[0], np.ndarray):
        return [np.stack(batch)]
    return [np.stack(field) for field in zip(*batch)]


class BatchSampler(paddle.io.BatchSampler):
    """Numbers of samples in batches: of a dataset, or of ``indices``."""

    def __init__(self, dataset=None, indices=None, shuffle=False, batch_size=1, drop_last=False):
        self.indices = list(range(len(dataset))) if dataset is not None else indices
        self.batch_size, self.shuffle, self.drop_last = batch_size, shuffle, drop_last

    def __iter__(self):
        if self.shuffle:
            np.random.shuffle(self.indices)
        for start in range(0, len(self.indices), self.batch_size):
            batch = list(self.indices[start : start + self.batch_size])
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self):
        more = 0 if self.drop_last else self.batch_size - 1
        return (len(self.indices) + more) // self.batch_size


class TracedLayer:
    """A layer as it was when it was traced: it gives arrays, and saves itself as a program."""

    @staticmethod
    def trace(layer, inputs):
        """The layer's results for these inputs, and the traced layer."""
        inputs = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        traced = TracedLayer()
        traced.layer = layer
        traced.specs = [paddle.static.InputSpec.from_tensor(x) for x in inputs]
        for spec in traced.specs:
            spec.shape = (-1, *spec.shape[1:])
        return layer(*inputs), traced

    def set_strategy(self, build_strategy=None, exec_strategy=None):
        """Strategies do not change the numbers."""

    def __call__(self, inputs):
        with paddle.no_grad():
            results = self.layer(*(paddle.to_tensor(x) for x in inputs))
        results = results if isinstance(results, (list, tuple)) else [results]
        return [r.numpy() for r in results]

    def save_inference_model(self, dirname, feed=None, fetch=None):
        """Write the layer where ``load_inference_model`` finds it, with these inputs and results."""
        if feed is not None and sorted(feed) != list(range(len(self.specs))):
            raise NotImplementedError("save only some inputs: write a layer that has only these")
        as_list = lambda out: out if isinstance(out, (list, tuple)) else [out]
        chosen = lambda layer, inputs, out: [as_list(out)[number] for number in fetch]
        hook = None if fetch is None else self.layer.register_forward_post_hook(chosen)
        path = os.path.join(dirname, "__model__")
        paddle.jit.save(self.layer, path, input_spec=self.specs, with_hook=hook is not None)
        if hook is not None:
            hook.remove()


def save_dygraph(state_dict, model_path):
    """Write ``model_path.pdparams``, or ``.pdopt`` for an optimizer's state."""
    if not state_dict:
        raise AssertionError("state_dict is empty, no need to save")
    parameter = paddle.base.framework.EagerParamBase
    is_model = any(isinstance(value, parameter) for value in state_dict.values())
    paddle.save(state_dict, model_path + (".pdparams" if is_model else ".pdopt"))


def load_dygraph(model_path, keep_name_table=False):
    """The parameters and the optimizer's state below ``model_path`` (None where there is none)."""
    import os

    prefix = model_path
    for suffix in (".pdparams", ".pdopt"):
        if prefix.endswith(suffix):
            prefix = prefix[: -len(suffix)]
    found = []
    for suffix in (".pdparams", ".pdopt"):
        path = prefix + suffix
        found.append(paddle.load(path) if os.path.exists(path) else None)
    if found[0] is None:
        raise ValueError(f"there is no {prefix}.pdparams")
    found[0].pop("StructuredToParameterName@@", None)
    return found[0], found[1]


class DataParallel(paddle.DataParallel):
    """Copies of a model over processes; on one process the model itself."""

    def __init__(self, layers, strategy=None):
        super().__init__(layers)

    def scale_loss(self, loss):
        """The loss itself: gradients are averaged when they are exchanged."""
        return loss

    def apply_collective_grads(self):
        """Nothing: gradients are exchanged during ``backward``."""


def prepare_context(strategy=None):
    """Start the exchange between processes where there are several."""
    if paddle.distributed.ParallelEnv().nranks > 1:
        paddle.distributed.init_parallel_env()
    return strategy


class ParallelEnv(paddle.distributed.ParallelEnv):
    """What the launcher told this process; ``dev_id`` without devices, too."""

    @property
    def dev_id(self):
        """The number of this process's device."""
        return int(os.getenv("FLAGS_selected_gpus", "0").split(",")[0])


def no_grad(func=None):
    """No gradients within: a context, or a decorator with or without parentheses."""
    context = paddle.no_grad()
    return context if func is None else context(func)


class ParallelStrategy:
    """Which process of how many this is, as ``prepare_context`` took it."""

    def __init__(self):
        self.nranks, self.local_rank = 1, 0
        self.trainer_endpoints, self.current_endpoint = [], ""


def append_activation_in_dygraph(input, act=None, use_cudnn=None, use_mkldnn=None):
    """The activation named ``act`` of ``input``."""
    return append_act(input, act)


class ParameterList(paddle.nn.ParameterList):
    """Parameters in a list: assigning to a place puts another parameter there."""

    def __setitem__(self, idx, param):
        self._parameters[str(idx)] = param
