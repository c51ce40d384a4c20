"""Decoding of sequences: Viterbi's algorithm and the ancestry of beams."""

from __future__ import annotations

from typing import Any

import numpy as np

from dy2st.ir.types import DType, TensorType
from dy2st.ops.base import Plain
from dy2st.ops.cases import ints, values
from dy2st.ops.rules import reference


class ViterbiDecode(
    Plain,
    name="viterbi_decode",
    signature=(
        "potentials: Tensor, transition_params: Tensor, lengths: Tensor, "
        "include_bos_eos_tag: bool = True -> scores, path"
    ),
):
    """The best path through tags for each sequence; 0 beyond its length.

    With ``include_bos_eos_tag`` the last tag starts each sequence and the one before it ends it.
    """

    dtypes = ("float32", "float64")
    specials = False  # NaN has no place in an order
    cpu = reference()
    cases = [
        {
            "potentials": (3, 4, 5),
            "transition_params": (5, 5),
            "lengths": values([4, 2, 1], "int64"),
            "include_bos_eos_tag": bos,
        }
        for bos in (True, False)
    ]

    def infer(fresh: Any, potentials: TensorType) -> Any:
        n = potentials.shape[0]
        return potentials.with_shape((n,)), TensorType(DType.INT64, (n, fresh()))

    def numpy(
        potentials: np.ndarray, transition_params: np.ndarray, lengths: np.ndarray,
        include_bos_eos_tag: bool,
    ) -> Any:  # fmt: skip
        batch, _, tags = potentials.shape
        steps = int(lengths.max())
        start = transition_params[-1] if include_bos_eos_tag else np.zeros(tags)
        stop = transition_params[-2] if include_bos_eos_tag else np.zeros(tags)
        score = potentials[:, 0] + start
        back = np.zeros((steps, batch, tags), np.int64)
        score = score + np.where((lengths == 1)[:, None], stop, 0)
        for t in range(1, steps):
            through = score[:, :, None] + transition_params[None]
            back[t] = through.argmax(1)
            ending = np.where((lengths == t + 1)[:, None], stop, 0)
            running = (lengths > t)[:, None]
            score = np.where(running, through.max(1) + potentials[:, t] + ending, score)
        path = np.zeros((batch, steps), np.int64)
        for row, length in enumerate(lengths):
            tag = int(score[row].argmax())
            for t in range(int(length) - 1, -1, -1):
                path[row, t] = tag
                tag = int(back[t, row, tag])
        return score.max(1), path


class GatherTree(Plain, name="gather_tree", signature="ids: Tensor, parents: Tensor -> out"):
    """Full sequences ``[T, N, beams]`` from the ids of each step and the beams they came from."""

    dtypes = ("int64",)
    cpu = reference()
    cases = [{"ids": ints((4, 2, 3), 9), "parents": ints((4, 2, 3), 3)}]
    infer = lambda ids: ids  # noqa: E731

    def numpy(ids: np.ndarray, parents: np.ndarray) -> Any:
        out = np.empty_like(ids)
        out[-1] = ids[-1]
        parent = parents[-1]
        for t in range(len(ids) - 2, -1, -1):
            out[t] = np.take_along_axis(ids[t], parent, -1)
            parent = np.take_along_axis(parents[t], parent, -1)
        return out
