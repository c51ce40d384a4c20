"""Recurrent networks: phi's ``rnn``, which is LSTM, GRU and simple RNN of any depth."""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.ir.types import TensorType
from dy2st.ops.activation import sigmoid
from dy2st.ops.base import Plain
from dy2st.ops.cases import Arg, values
from dy2st.ops.rules import require, require_rank

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


def _step(mode: str, x: np.ndarray, h: np.ndarray, c: Any, w_hh: np.ndarray, b_hh: Any) -> Any:
    """One step from the input's share ``x`` of the gates; the new (h, c)."""
    recurrent = h @ w_hh.T + b_hh
    if mode == "LSTM":
        i, f, g, o = np.split(x + recurrent, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c
    if mode == "GRU":
        xr, xz, xn = np.split(x, 3, axis=-1)
        hr, hz, hn = np.split(recurrent, 3, axis=-1)
        n = np.tanh(xn + sigmoid(xr + hr) * hn)
        z = sigmoid(xz + hz)
        return (h - n) * z + n, c
    out = x + recurrent
    return (np.tanh(out) if mode == "RNN_TANH" else np.maximum(out, 0)), c


def _direction(
    mode: str, x: np.ndarray, h: Any, c: Any, weights: Any, mask: Any, backward: bool
) -> Any:
    """One direction of one layer over ``x[T, N, I]``; outputs and last states."""
    w_ih, w_hh, b_ih, b_hh = weights
    share = x @ w_ih.T + b_ih
    steps = range(x.shape[0] - 1, -1, -1) if backward else range(x.shape[0])
    out = np.zeros((x.shape[0], x.shape[1], w_hh.shape[1]), x.dtype)
    for t in steps:
        new_h, new_c = _step(mode, share[t], h, c, w_hh, b_hh)
        if mask is not None:
            keep = mask[t][:, None]
            new_h = np.where(keep, new_h, h)
            new_c = new_c if new_c is None else np.where(keep, new_c, c)
            out[t] = np.where(keep, new_h, 0)
        else:
            out[t] = new_h
        h, c = new_h, new_c
    return out, h, c


def _weights_of(weight_list: Any, place: int) -> Any:
    """(w_ih, w_hh, b_ih, b_hh) of one direction: all weights come first, then all biases."""
    half = len(weight_list) // 2
    return (*weight_list[2 * place : 2 * place + 2], *weight_list[half + 2 * place :][:2])


def _weights(size: int, hidden: int, gates: int, layers: int, ways: int) -> list[Any]:
    def fill(*shape: int) -> Arg:
        return Arg(shape, None, -0.8, 0.8)

    first: list[Any] = []
    for layer in range(layers):
        wide = size if layer == 0 else hidden * ways
        first += [fill(gates * hidden, wide), fill(gates * hidden, hidden)] * ways
    return first + [fill(gates * hidden)] * (2 * layers * ways)


def _case(mode: str, layers: int = 1, ways: int = 1, lengths: Any = None) -> dict[str, Any]:
    state = Arg((layers * ways, 2, 3), None, -1, 1)
    return {
        "x": Arg((4, 2, 5), None, -1, 1),
        "pre_state": [state] * (2 if mode == "LSTM" else 1),
        "weight_list": _weights(5, 3, _GATES[mode], layers, ways),
        "sequence_length": lengths,
        "dropout_state_in": Arg((1,), "uint8", 0, 1),
        "is_bidirec": ways == 2,
        "input_size": 5,
        "hidden_size": 3,
        "num_layers": layers,
        "mode": mode,
        "is_test": True,
    }


class Rnn(
    Plain,
    name="rnn",
    signature=(
        "x: Tensor, pre_state: Tensor[], weight_list: Tensor[], sequence_length: Tensor?, "
        "dropout_state_in: Tensor?, dropout_prob: float = 0.0, is_bidirec: bool = False, "
        "input_size: int = 10, hidden_size: int = 100, num_layers: int = 1, "
        "mode: str = 'RNN_TANH', seed: int = 0, is_test: bool = False "
        "-> out, dropout_state_out, state[]"
    ),
):
    """Layers of LSTM, GRU or simple RNN over ``x[T, N, I]``, in one or both directions.

    Steps beyond ``sequence_length`` keep the state and give zeros.
    """

    dtypes = ("float32", "float64")
    specials = False  # sums depend on their order
    compared = (0, 2, 3)
    cases = [
        _case("LSTM"),
        _case("GRU"),
        _case("RNN_TANH"),
        _case("RNN_RELU"),
        _case("LSTM", 2, 2),
        _case("GRU", 2, 2),
        _case("LSTM", 1, 2, values([4, 2], "int32")),
        _case("GRU", 2, 1, values([1, 3], "int32")),
        {
            **_case("LSTM"),
            "x": Arg(("M", "N", 5), None, -1, 1),
            "pre_state": [Arg((1, "N", 3), None, -1, 1)] * 2,
        },
    ]

    def random_when(attrs: dict[str, Any]) -> bool:
        return bool(not attrs["is_test"] and attrs["dropout_prob"] and attrs["num_layers"] > 1)

    def infer(
        x: TensorType, pre_state: tuple[TensorType, ...], weight_list: tuple[TensorType, ...],
        dropout_state_in: Any, is_bidirec: bool, hidden_size: int, num_layers: int, mode: str,
    ) -> Any:  # fmt: skip
        require_rank(x, 3)
        ways = 2 if is_bidirec else 1
        require(mode in _GATES, f"no recurrent mode {mode!r}")
        require(len(weight_list) == 4 * ways * num_layers, "four weights a layer and direction")
        out = x.with_shape((x.shape[0], x.shape[1], hidden_size * ways))
        state = dropout_state_in if dropout_state_in is not None else x.with_shape((0,))
        return (out, state, *pre_state)

    def numpy(
        rng: Any, x: np.ndarray, pre_state: Any, weight_list: Any, sequence_length: Any,
        dropout_state_in: Any, dropout_prob: float, is_bidirec: bool, num_layers: int, mode: str,
        is_test: bool,
    ) -> Any:  # fmt: skip
        ways = 2 if is_bidirec else 1
        mask = None
        if sequence_length is not None:
            mask = np.arange(x.shape[0])[:, None] < sequence_length[None, :]
        last: list[list[np.ndarray]] = [[], []]
        out = x
        for layer in range(num_layers):
            parts = []
            for way in range(ways):
                place = layer * ways + way
                c = pre_state[1][place] if mode == "LSTM" else None
                part, h, c = _direction(
                    mode,
                    out,
                    pre_state[0][place],
                    c,
                    _weights_of(weight_list, place),
                    mask,
                    way == 1,
                )
                parts.append(part)
                last[0].append(h)
                last[1].append(c)
            out = np.concatenate(parts, -1)
            if not is_test and dropout_prob and layer + 1 < num_layers:
                out = out * (rng.random(out.shape) >= dropout_prob) / (1 - dropout_prob)
        states = [np.stack(s) for s in last[: len(pre_state)]]
        return (out, np.zeros((0,)) if dropout_state_in is None else dropout_state_in, *states)

    def cpu(
        b: Any, x: Any, pre_state: Any, weight_list: Any, sequence_length: Any,
        dropout_state_in: Any, dropout_prob: float, is_bidirec: bool, num_layers: int, mode: str,
        is_test: bool,
    ) -> Any:  # fmt: skip
        if (
            (not is_test and dropout_prob and num_layers > 1)
            or x.dtype != "float32"
            or 0 in x.shape
        ):
            return b.reference()
        ways = 2 if is_bidirec else 1
        last: list[list[Any]] = [[] for _ in pre_state]
        out = x
        for layer in range(num_layers):
            first = layer * ways
            states = [b.narrow(s, 0, first, first + ways) for s in pre_state]
            weights = [_weights_of(weight_list, first + way) for way in range(ways)]
            out, *ends = b.rnn(mode.lower(), out, states, weights, lengths=sequence_length)
            for kept, end in zip(last, ends):
                kept.append(end)
        states = [b.concat(parts, 0) if len(parts) > 1 else parts[0] for parts in last]
        state = dropout_state_in if dropout_state_in is not None else b.full((0,), 0, x.dtype)
        return (out, state, *states)
