"""The five models of the benchmark, as Paddle users write them, and their inputs.

Every system gets the same weights: ``load`` seeds Paddle, builds the model and perturbs the
statistics of batch norms, so that two processes that call it hold equal parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Arrays = dict[str, np.ndarray]

HIDDEN = 512
VOCABULARY = 4000
STEPS = 64


@dataclass(frozen=True)
class Model:
    """A row of the benchmark: how to build the layer, its inputs and the names of its outputs."""

    name: str
    title: str
    build: Callable[[], Any]
    inputs: Callable[[int], Arrays]
    dynamic: dict[str, list[int | None]]
    outputs: tuple[str, ...] = ("y",)
    paddle2onnx: bool = True

    def specs(self, cls: Any) -> list[Any]:
        """InputSpecs of class ``cls`` (Paddle's or ours) with the batch unspecified."""
        example = self.inputs(1)
        return [cls(shape, str(example[name].dtype), name) for name, shape in self.dynamic.items()]


def _resnet50() -> Any:
    import paddle

    return paddle.vision.models.resnet50()


def _mobilenet_v2() -> Any:
    import paddle

    return paddle.vision.models.mobilenet_v2()


def _images(batch: int) -> Arrays:
    rng = np.random.default_rng(batch)
    return {"x": rng.standard_normal((batch, 3, 224, 224), np.float32)}


def _encoder() -> Any:
    from paddle import nn

    layer = nn.TransformerEncoderLayer(768, 12, 3072, dropout=0.1, activation="gelu")
    return nn.TransformerEncoder(layer, 12)


def _sequence(batch: int) -> Arrays:
    rng = np.random.default_rng(batch)
    return {"x": rng.standard_normal((batch, 128, 768), np.float32)}


def _lstm() -> Any:
    from benchmarks.layers import LstmStack

    return LstmStack(HIDDEN, 2)


def _lstm_inputs(batch: int) -> Arrays:
    rng = np.random.default_rng(batch)
    return {"x": rng.standard_normal((batch, 64, HIDDEN), np.float32)}


def _decoder() -> Any:
    from benchmarks.layers import GruDecoder

    return GruDecoder(VOCABULARY, HIDDEN, STEPS)


def _memory(batch: int) -> Arrays:
    rng = np.random.default_rng(batch)
    return {"state": rng.standard_normal((batch, HIDDEN), np.float32)}


def _add_one() -> Any:
    from benchmarks.layers import add_one

    return add_one


def _one_number(batch: int) -> Arrays:
    return {"x": np.full((batch,), 2.0, np.float32)}


_IMAGE: dict[str, list[int | None]] = {"x": [None, 3, 224, 224]}

_ALL = (
    Model("resnet50", "ResNet-50", _resnet50, _images, _IMAGE),
    Model("mobilenet_v2", "MobileNetV2", _mobilenet_v2, _images, _IMAGE),
    Model("encoder", "encoder 12 x 768", _encoder, _sequence, {"x": [None, 128, 768]}),
    Model(
        "lstm",
        "LSTM 2 x 512",
        _lstm,
        _lstm_inputs,
        {"x": [None, 64, HIDDEN]},
        ("y", "h", "c"),
        paddle2onnx=False,  # it returns the last state of the second layer only
    ),
    Model(
        "decoder",
        "GRU decoder",
        _decoder,
        _memory,
        {"state": [None, HIDDEN]},
        ("tokens", "hidden"),
        paddle2onnx=False,
    ),
    # Nothing but the way into a call and out of it.
    Model("overhead", "call overhead", _add_one, _one_number, {"x": [None]}, paddle2onnx=False),
)

OVERHEAD = "overhead"
BY_NAME: dict[str, Model] = {model.name: model for model in _ALL}
MODELS: dict[str, Model] = {name: m for name, m in BY_NAME.items() if name != OVERHEAD}


def load(name: str) -> Any:
    """The seeded layer in ``eval`` mode; equal weights in every process that calls it."""
    import paddle

    paddle.seed(20250101)
    layer = BY_NAME[name].build()
    if not hasattr(layer, "state_dict"):
        return layer
    rng = np.random.default_rng(7)
    for key, value in layer.state_dict().items():
        if key.endswith("._mean"):
            value.set_value(rng.normal(0, 0.05, value.shape).astype(np.float32))
        elif key.endswith("._variance"):
            value.set_value(rng.uniform(0.8, 1.25, value.shape).astype(np.float32))
    layer.eval()
    return layer
