"""The three models of ``dy2st demo``, written as users write them, and real input for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import paddle
from paddle import nn

from dy2st.records import record

PAD, EOS = 0, 3


class TextEncoder(nn.Layer):
    """Bytes [batch, length] to vectors [batch, length, 768] by 12 transformer layers."""

    def __init__(self, depth: int = 12, dim: int = 768, heads: int = 12, length: int = 128) -> None:
        super().__init__()
        self.embedding = nn.Embedding(256, dim)
        self.position = nn.Embedding(length, dim)
        layer = nn.TransformerEncoderLayer(dim, heads, 4 * dim, activation="gelu")
        self.encoder = nn.TransformerEncoder(layer, depth)

    def forward(self, text: Any) -> Any:
        x = self.embedding(text) + self.position(paddle.arange(text.shape[1]))
        mask = (text != PAD).unsqueeze([1, 2])
        return self.encoder(x, mask)


class GruDecoder(nn.Layer):
    """Text [batch, length] is summed up, then decoded greedily until every row has ended."""

    def __init__(self, vocabulary: int = 4000, hidden: int = 512, steps: int = 64) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, hidden)
        self.cell = nn.GRUCell(hidden, hidden)
        self.head = nn.Linear(hidden, vocabulary)
        self.steps = steps

    def forward(self, text: Any) -> Any:
        filled = (text != PAD).astype("float32")
        if filled.sum() == 0:
            return paddle.full([text.shape[0], 1], EOS, "int64")
        state = (self.embedding(text) * filled.unsqueeze(-1)).sum(1)
        token = paddle.full([text.shape[0]], PAD, "int64")
        ended = paddle.zeros([text.shape[0]], "bool")
        step = paddle.zeros([], "int64")
        tokens = []
        while step < self.steps:
            output, state = self.cell(self.embedding(token), state)
            token = paddle.where(ended, EOS, self.head(output).argmax(-1))
            tokens.append(token)
            ended = ended | (token == EOS)
            if ended.all():
                break
            step += 1
        return paddle.stack(tokens, 1)


@record(frozen=True)
class Model:
    """A model of the demo: how to build it, its InputSpec as plain data, calls to compare."""

    title: str
    build: Callable[[], Any]
    spec: tuple[list[int | None], str, str]
    calls: Callable[[], list[np.ndarray]]
    shows_source: bool = False


def picture(size: int = 224) -> np.ndarray:
    """A picture [1, 3, size, size] with the fine structure of a photograph: the Mandelbrot set."""
    y, x = np.mgrid[-1.2 : 1.2 : size * 1j, -2.0 : 0.6 : size * 1j]
    c = x + 1j * y
    z, count = np.zeros_like(c), np.zeros(c.shape)
    for _ in range(60):
        inside = np.abs(z) < 4
        z[inside] = z[inside] ** 2 + c[inside]
        count += inside
    shades = np.stack([count / 60, np.sqrt(count / 60), np.sin(count / 9) ** 2])
    normalized = (shades - 0.45) / 0.225
    return normalized[None].astype(np.float32)


def text(rows: int, length: int) -> np.ndarray:
    """Bytes [rows, length] of this file's own text, a row from every 150th byte on."""
    data = np.frombuffer(Path(__file__).read_bytes(), np.uint8).astype(np.int64)
    return np.stack([data[150 * row :][:length] for row in range(rows)])


def _text_with_padding(rows: int, length: int) -> np.ndarray:
    """Like ``text``, the last row padded to show the mask at work."""
    data = text(rows, length)
    data[-1, length * 3 // 4 :] = PAD
    return data


MODELS: tuple[Model, ...] = (
    Model(
        "ResNet-50",
        lambda: paddle.vision.models.resnet50(),
        ([None, 3, 224, 224], "float32", "image"),
        lambda: [picture(), np.concatenate([picture(), picture()[..., ::-1]])],
    ),
    Model(
        "12-layer encoder",
        TextEncoder,
        ([None, None], "int64", "text"),
        lambda: [text(1, 128), _text_with_padding(2, 96)],
    ),
    Model(
        "GRU decoder",
        GruDecoder,
        ([None, None], "int64", "text"),
        lambda: [text(1, 40), text(4, 24), np.full((2, 5), PAD, np.int64)],
        shows_source=True,
    ),
)
