"""One size of each architecture of paddle.vision.models converts and equals eager."""

import numpy as np
import pytest

from .harness import check

# architecture: smallest image that all of its strides can take
ARCHITECTURES = {
    "alexnet": 224,
    "densenet121": 64,
    "googlenet": 224,
    "inception_v3": 96,
    "LeNet": 28,
    "mobilenet_v1": 64,
    "mobilenet_v2": 64,
    "mobilenet_v3_small": 64,
    "mobilenet_v3_large": 64,
    "resnet18": 64,
    "resnet50": 64,
    "resnext50_32x4d": 64,
    "wide_resnet50_2": 64,
    "shufflenet_v2_x0_25": 64,
    "shufflenet_v2_swish": 64,
    "squeezenet1_0": 64,
    "squeezenet1_1": 64,
    "vgg11": 64,
}
QUICK = {"mobilenet_v3_small", "resnet18"}
FAILING: dict[str, str] = {}


def parameters() -> list:
    found = []
    for name in ARCHITECTURES:
        marks = [pytest.mark.models]
        if name not in QUICK:
            marks.append(pytest.mark.nightly)
        if name in FAILING:
            marks.append(pytest.mark.xfail(strict=True, reason=FAILING[name]))
        found.append(pytest.param(name, marks=marks))
    return found


@pytest.mark.parametrize("name", parameters())
def test_architecture(name):
    import paddle
    from paddle.static import InputSpec

    size = ARCHITECTURES[name]
    channels = 1 if name == "LeNet" else 3

    def build():
        paddle.seed(0)
        options = {} if name in ("LeNet", "alexnet", "googlenet") else {"num_classes": 10}
        return getattr(paddle.vision.models, name)(**options)

    rng = np.random.default_rng(0)
    calls = [
        (paddle.to_tensor(rng.standard_normal((batch, channels, size, size), np.float32)),)
        for batch in (1, 2)
    ]
    check(build, [InputSpec([None, channels, size, size], "float32", "x")], calls, set())
