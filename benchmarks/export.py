"""What the peers read: Paddle's saved model, ONNX graphs and the reference results.

``python -m benchmarks.export NAME DIR 1,8`` writes ``paddle.json``/``paddle.pdiparams``,
``weights.npz`` and ``reference_<batch>.npz`` (Paddle eager) into ``DIR``; with ``--onnx`` it
converts what lies there through paddle2onnx, in that package's own environment.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np

OPSET = 17


def export_paddle(name: str, folder: Path, batches: list[int]) -> None:
    """Save the model for Paddle Inference, its weights as arrays and eager's results."""
    import paddle
    from paddle.static import InputSpec

    from benchmarks.models import BY_NAME, load

    model = BY_NAME[name]
    layer = load(name)
    state = layer.state_dict() if hasattr(layer, "state_dict") else {}
    np.savez(folder / "weights.npz", **{key: value.numpy() for key, value in state.items()})
    with paddle.no_grad():
        for batch in batches:
            tensors = [paddle.to_tensor(value) for value in model.inputs(batch).values()]
            result = layer(*tensors)
            results = result if isinstance(result, (list, tuple)) else (result,)
            arrays = {key: value.numpy() for key, value in zip(model.outputs, results, strict=True)}
            np.savez(folder / f"reference_{batch}.npz", **arrays)
    paddle.jit.save(layer, str(folder / "paddle"), input_spec=model.specs(InputSpec))


def export_onnx(folder: Path) -> None:
    """Convert ``paddle.json`` in ``folder`` to ``model.onnx`` with paddle2onnx."""
    import paddle2onnx

    paddle2onnx.export(
        str(folder / "paddle.json"),
        str(folder / "paddle.pdiparams"),
        str(folder / "model.onnx"),
        opset_version=OPSET,
        optimize_tool="None",
    )


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    if sys.argv[1] == "--onnx":
        export_onnx(Path(sys.argv[2]))
    else:
        export_paddle(sys.argv[1], Path(sys.argv[2]), [int(n) for n in sys.argv[3].split(",")])
