"""ONNX graphs that paddle2onnx cannot write: the LSTM's states, the decoder's loop.

Built with ``onnx.helper`` as a person would write them for the peers: two ``LSTM`` nodes; one
``Loop`` with the input projection and the hidden projection of the GRU as one product each.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.models import HIDDEN, STEPS

EOS = 1
OPSET = 17


def _initializers(weights: dict[str, np.ndarray]) -> list[Any]:
    from onnx import numpy_helper

    arrays = {
        "table": weights["embedding.weight"],
        "w_ih": np.ascontiguousarray(weights["cell.weight_ih"].T),
        "w_hh": np.ascontiguousarray(weights["cell.weight_hh"].T),
        "b_ih": weights["cell.bias_ih"],
        "b_hh": weights["cell.bias_hh"],
        "w_out": weights["head.weight"],
        "b_out": weights["head.bias"],
        "eos": np.array(EOS, np.int64),
        "last": np.array(STEPS, np.int64),
        "true": np.array(True),
    }
    return [numpy_helper.from_array(value, name) for name, value in arrays.items()]


def _body() -> Any:
    """One step: token, state, finished to the next ones, and the token as a scan output."""
    from onnx import TensorProto, helper

    node = helper.make_node
    gates = ["r", "z", "c"]
    nodes = [
        node("Gather", ["table", "token"], ["embedded"]),
        node("Gemm", ["embedded", "w_ih", "b_ih"], ["from_x"]),
        node("Gemm", ["state", "w_hh", "b_hh"], ["from_h"]),
        node("Split", ["from_x"], [f"x_{g}" for g in gates], axis=1),
        node("Split", ["from_h"], [f"h_{g}" for g in gates], axis=1),
        node("Add", ["x_r", "h_r"], ["sum_r"]),
        node("Sigmoid", ["sum_r"], ["r"]),
        node("Add", ["x_z", "h_z"], ["sum_z"]),
        node("Sigmoid", ["sum_z"], ["z"]),
        node("Mul", ["r", "h_c"], ["reset"]),
        node("Add", ["x_c", "reset"], ["sum_c"]),
        node("Tanh", ["sum_c"], ["c"]),
        node("Sub", ["state", "c"], ["difference"]),
        node("Mul", ["difference", "z"], ["kept"]),
        node("Add", ["kept", "c"], ["state_out"]),
        node("Gemm", ["state_out", "w_out", "b_out"], ["logits"]),
        node("ArgMax", ["logits"], ["token_out"], axis=-1, keepdims=0),
        node("Equal", ["token_out", "eos"], ["is_eos"]),
        node("Or", ["finished", "is_eos"], ["finished_out"]),
        node("Cast", ["finished_out"], ["flags"], to=TensorProto.INT32),
        node("ReduceMin", ["flags"], ["all_flags"], keepdims=0),
        node("Cast", ["all_flags"], ["all_done"], to=TensorProto.BOOL),
        node("Not", ["all_done"], ["go_on"]),
        node("Identity", ["token_out"], ["token_scan"]),
    ]
    info = helper.make_tensor_value_info
    states = [
        ("token", TensorProto.INT64, ["batch"]),
        ("state", TensorProto.FLOAT, ["batch", HIDDEN]),
        ("finished", TensorProto.BOOL, ["batch"]),
    ]
    inputs = [info("step", TensorProto.INT64, []), info("cond", TensorProto.BOOL, [])]
    inputs += [info(*state) for state in states]
    outputs = [info("go_on", TensorProto.BOOL, [])]
    outputs += [info(name + "_out", dtype, shape) for name, dtype, shape in states]
    outputs += [info("token_scan", TensorProto.INT64, ["batch"])]
    return helper.make_graph(nodes, "step", inputs, outputs)


def decoder(folder: Path) -> None:
    """Write ``model.onnx`` of the decoder from ``weights.npz`` in ``folder``."""
    from onnx import TensorProto, helper

    node = helper.make_node
    with np.load(folder / "weights.npz") as weights:
        initializers = _initializers(dict(weights))
    zero_token = helper.make_tensor("value", TensorProto.INT64, [1], [0])
    not_finished = helper.make_tensor("value", TensorProto.BOOL, [1], [False])
    nodes = [
        node("Shape", ["state_in"], ["batch_size"], start=0, end=1),
        node("ConstantOfShape", ["batch_size"], ["first_token"], value=zero_token),
        node("ConstantOfShape", ["batch_size"], ["first_finished"], value=not_finished),
        node(
            "Loop",
            ["last", "true", "first_token", "state_in", "first_finished"],
            ["last_token", "hidden", "last_finished", "scanned"],
            body=_body(),
        ),
        node("Transpose", ["scanned"], ["tokens"], perm=[1, 0]),
    ]
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "decoder",
        [info("state_in", TensorProto.FLOAT, ["batch", HIDDEN])],
        [
            info("tokens", TensorProto.INT64, ["batch", "steps"]),
            info("hidden", TensorProto.FLOAT, ["batch", HIDDEN]),
        ],
        initializers,
    )
    _save(graph, folder)


def _lstm_weights(weights: dict[str, np.ndarray], layer: int) -> list[Any]:
    """W, R and B of one LSTM node: Paddle's gates i, f, c, o in the order i, o, f, c."""
    from onnx import numpy_helper

    def reorder(name: str) -> np.ndarray:
        i, f, c, o = np.split(weights[f"lstm.{name}_l{layer}"], 4)
        return np.concatenate([i, o, f, c])[None]

    bias = np.concatenate([reorder("bias_ih"), reorder("bias_hh")], axis=1)
    arrays = {"W": reorder("weight_ih"), "R": reorder("weight_hh"), "B": bias}
    return [numpy_helper.from_array(a, f"{name}{layer}") for name, a in arrays.items()]


def lstm(folder: Path) -> None:
    """Write ``model.onnx`` of the two LSTM layers from ``weights.npz`` in ``folder``."""
    from onnx import TensorProto, helper, numpy_helper

    node = helper.make_node
    with np.load(folder / "weights.npz") as archive:
        weights = dict(archive)
    initializers = [numpy_helper.from_array(np.array([1]), "direction")]
    nodes = [node("Transpose", ["x"], ["in0"], perm=[1, 0, 2])]
    for layer in range(2):
        initializers += _lstm_weights(weights, layer)
        operands = [f"in{layer}", f"W{layer}", f"R{layer}", f"B{layer}"]
        results = [f"y{layer}", f"h{layer}", f"c{layer}"]
        nodes.append(node("LSTM", operands, results, hidden_size=HIDDEN))
        nodes.append(node("Squeeze", [f"y{layer}", "direction"], [f"in{layer + 1}"]))
    nodes += [
        node("Transpose", ["in2"], ["y"], perm=[1, 0, 2]),
        node("Concat", ["h0", "h1"], ["h"], axis=0),
        node("Concat", ["c0", "c1"], ["c"], axis=0),
    ]
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "lstm",
        [info("x", TensorProto.FLOAT, ["batch", 64, HIDDEN])],
        [
            info("y", TensorProto.FLOAT, ["batch", 64, HIDDEN]),
            info("h", TensorProto.FLOAT, [2, "batch", HIDDEN]),
            info("c", TensorProto.FLOAT, [2, "batch", HIDDEN]),
        ],
        initializers,
    )
    _save(graph, folder)


def _save(graph: Any, folder: Path) -> None:
    import onnx
    from onnx import helper

    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8, producer_name="dy2st"
    )
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(folder / "model.onnx"))


def overhead(folder: Path) -> None:
    """Write ``model.onnx`` of ``x + 1``."""
    from onnx import TensorProto, helper, numpy_helper

    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "one"], ["y"])],
        "overhead",
        [info("x", TensorProto.FLOAT, ["batch"])],
        [info("y", TensorProto.FLOAT, ["batch"])],
        [numpy_helper.from_array(np.float32(1.0), "one")],
    )
    _save(graph, folder)


GRAPHS = {"decoder": decoder, "lstm": lstm, "overhead": overhead}
