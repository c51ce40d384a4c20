"""Classes of 1.8 that a program looks up by a name which it reads at run time."""

import paddle


def optimizer_named(name):
    """What makes the optimizer that ``fluid.optimizer`` had under ``name``, from 1.8's arguments."""
    kinds = {
        "SGD": paddle.optimizer.SGD,
        "Momentum": paddle.optimizer.Momentum,
        "Adagrad": paddle.optimizer.Adagrad,
        "Adamax": paddle.optimizer.Adamax,
        "RMSProp": paddle.optimizer.RMSProp,
    }
    own = {
        "Adam": Adam,
        "Adadelta": Adadelta,
        "DecayedAdagrad": DecayedAdagrad,
        "Ftrl": Ftrl,
        "Lamb": Lamb,
        "LarsMomentum": LarsMomentum,
    }
    kind = name[: -len("Optimizer")] if name.endswith("Optimizer") else name
    if kind in own:
        return own[kind]
    if kind not in kinds:
        raise AttributeError(f"no optimizer of Paddle 1.8 named {name} is known here")

    def make(learning_rate, *args, parameter_list=None, regularization=None, **kwargs):
        if isinstance(learning_rate, int):
            learning_rate = float(learning_rate)
        if parameter_list is not None:
            kwargs["parameters"] = parameter_list
        if regularization is not None:
            kwargs["weight_decay"] = regularization
        return with_rate(kinds[kind], learning_rate, *args, **kwargs)

    return make


def regularizer_named(name):
    """What makes the regularizer that ``fluid.regularizer`` had under ``name``."""
    kinds = {"L1Decay": paddle.regularizer.L1Decay, "L2Decay": paddle.regularizer.L2Decay}
    kind = name[: -len("Regularizer")] if name.endswith("Regularizer") else name
    if kind not in kinds:
        raise AttributeError(f"no regularizer of Paddle 1.8 is named {name}")
    return lambda regularization_coeff=0.0: kinds[kind](regularization_coeff)


def initializer_named(name):
    """What makes the initializer that ``fluid.initializer`` had under ``name``; seeds are not kept."""
    given = {
        "Constant": lambda value=0.0, force_cpu=False: paddle.nn.initializer.Constant(value),
        "Uniform": lambda low=-1.0, high=1.0, *seed, **more: paddle.nn.initializer.Uniform(
            low, high
        ),
        "Normal": lambda loc=0.0, scale=1.0, seed=0: paddle.nn.initializer.Normal(loc, scale),
        "TruncatedNormal": lambda loc=0.0, scale=1.0, seed=0: paddle.nn.initializer.TruncatedNormal(
            loc, scale
        ),
        "NumpyArray": lambda value: paddle.nn.initializer.Assign(value),
        "Bilinear": paddle.nn.initializer.Bilinear,
        "MSRA": MSRA,
        "Xavier": Xavier,
    }
    kind = name[: -len("Initializer")] if name.endswith("Initializer") else name
    if kind not in given:
        raise AttributeError(f"no initializer of Paddle 1.8 is named {name}")
    return given[kind]
