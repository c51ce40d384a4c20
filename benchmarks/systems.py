"""The systems that are compared, each with its best settings for two threads and latency.

A system loads a model for one batch size and returns a function that makes one call and hands
back the results in the system's own form; ``arrays`` turns those into numpy for the comparison.
Conversions are outside the timed call: every system starts from its own kind of input and ends
with its own kind of output.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Call = Callable[[], Any]


class System:
    """One of the compared systems."""

    name: str
    title: str
    peer = False  # a peer whose best time ours is divided by
    started = (
        0.0  # perf_counter() when compilation began; building Paddle's layer is not part of it
    )

    def load(self, model: str, folder: Path, batch: int, threads: int) -> Call:
        """Read the model, compile it for ``batch`` and return the call."""
        raise NotImplementedError

    def arrays(self, result: Any) -> list[np.ndarray]:
        """The results of a call as arrays, in the model's order."""
        values = result if isinstance(result, (list, tuple)) else [result]
        return [np.asarray(value) for value in values]

    def settle(self, model: str, batch: int) -> None:
        """Compile for ``batch`` without running it, where ``load`` has not done so."""

    def packed_bytes(self) -> int | None:
        """Bytes of weights that the system holds besides Paddle's own; None where unknown."""
        return None


class InPaddle(System):
    """A system whose call takes and returns Paddle tensors, under ``no_grad``."""

    def compile(self, model: str, threads: int) -> Any:
        """The callable that takes Paddle tensors; sets ``started``."""
        raise NotImplementedError

    def load(self, model: str, folder: Path, batch: int, threads: int) -> Call:
        import paddle

        tensors = self.tensors(model, batch)
        function = self.compile(model, threads)

        def call() -> Any:
            with paddle.no_grad():
                return function(*tensors)

        self.function = function
        return call

    def tensors(self, model: str, batch: int) -> list[Any]:
        """The model's inputs."""
        import paddle

        from benchmarks.models import BY_NAME

        return [paddle.to_tensor(value) for value in BY_NAME[model].inputs(batch).values()]

    def settle(self, model: str, batch: int) -> None:
        """One call with another batch size: compilation is part of the first call."""
        import paddle

        with paddle.no_grad():
            self.function(*self.tensors(model, 2 if batch == 1 else 1))


class Eager(InPaddle):
    """Paddle's dynamic graph."""

    name, title = "eager", "Paddle eager"

    def compile(self, model: str, threads: int) -> Any:
        from benchmarks.models import load

        layer = load(model)
        self.started = time.perf_counter()
        return layer


class ToStatic(InPaddle):
    """``paddle.jit.to_static``: the AST mode, which makes one static graph."""

    name, title = "to_static", "paddle.jit.to_static"

    def compile(self, model: str, threads: int) -> Any:
        import paddle
        from paddle.static import InputSpec

        from benchmarks.models import BY_NAME, load

        layer = load(model)
        self.started = time.perf_counter()
        specs = BY_NAME[model].specs(InputSpec)
        return paddle.jit.to_static(layer, input_spec=specs, full_graph=True)


class Ours(InPaddle):
    """``dy2st.to_static``."""

    name, title = "ours", "dy2st"

    def compile(self, model: str, threads: int) -> Any:
        from benchmarks.models import BY_NAME, load
        from dy2st import InputSpec, set_num_threads, to_static

        set_num_threads(threads)
        layer = load(model)
        self.started = time.perf_counter()
        return to_static(layer, input_spec=BY_NAME[model].specs(InputSpec))

    def settle(self, model: str, batch: int) -> None:
        """Capture with another batch size, then make the plan of this one and drop its arena."""
        from dy2st.runtime.cpu import executable

        super().settle(model, batch)
        self.function.forward.concrete_program.prepare(self.tensors(model, batch))
        executable.trim_idle_memory(executable.IDLE_LIMIT)

    def packed_bytes(self) -> int | None:
        from dy2st.runtime.cpu.prologue import held_bytes

        return held_bytes()


class Inference(System):
    """Paddle Inference with oneDNN and its graph fusions, fed by shared memory."""

    name, title, peer = "inference", "Paddle Inference + oneDNN", True

    def load(self, model: str, folder: Path, batch: int, threads: int) -> Call:
        from paddle import inference

        from benchmarks.models import BY_NAME

        self.started = time.perf_counter()
        config = inference.Config(str(folder / "paddle.json"), str(folder / "paddle.pdiparams"))
        config.disable_gpu()
        config.disable_glog_info()
        config.enable_mkldnn()
        config.set_cpu_math_library_num_threads(threads)
        config.enable_new_ir(True)
        config.enable_new_executor(True)
        config.set_optimization_level(3)
        config.switch_ir_optim(True)
        config.enable_memory_optim()
        predictor = inference.create_predictor(config)
        self.kept = list(BY_NAME[model].inputs(batch).values())
        for name, value in zip(predictor.get_input_names(), self.kept, strict=True):
            handle = predictor.get_input_handle(name)
            handle.reshape(value.shape)
            handle.copy_from_cpu(value)
        names = predictor.get_output_names()
        self.outputs = [predictor.get_output_handle(name) for name in names]
        return lambda: predictor.run()

    def arrays(self, result: Any) -> list[np.ndarray]:
        return [handle.copy_to_cpu() for handle in self.outputs]


class OnnxRuntime(System):
    """ONNX Runtime: all graph optimisations, static sizes, two intra-op threads."""

    name, title, peer = "onnxruntime", "ONNX Runtime", True

    def load(self, model: str, folder: Path, batch: int, threads: int) -> Call:
        import onnxruntime

        from benchmarks.models import BY_NAME

        symbols = _symbols(folder / "model.onnx")
        self.started = time.perf_counter()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
        options.log_severity_level = 3
        for symbol in symbols:
            options.add_free_dimension_override_by_name(symbol, batch)
        session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        values = BY_NAME[model].inputs(batch).values()
        names = (entry.name for entry in session.get_inputs())
        feeds = dict(zip(names, values, strict=True))
        return lambda: session.run(None, feeds)


def _symbols(path: Path) -> set[str]:
    """Names of the unknown dimensions of a graph's inputs (all are the batch here)."""
    import onnx

    graph = onnx.load(str(path), load_external_data=False).graph
    dims = (dim for entry in graph.input for dim in entry.type.tensor_type.shape.dim)
    return {dim.dim_param for dim in dims if dim.dim_param}


class OpenVino(System):
    """OpenVINO: latency hint, one stream, float32 arithmetic, static sizes."""

    name, title, peer = "openvino", "OpenVINO", True

    def load(self, model: str, folder: Path, batch: int, threads: int) -> Call:
        import openvino

        from benchmarks.models import BY_NAME

        self.started = time.perf_counter()
        core = openvino.Core()
        network = core.read_model(folder / "model.onnx")
        values = list(BY_NAME[model].inputs(batch).values())
        network.reshape(
            {port: list(v.shape) for port, v in zip(network.inputs, values, strict=True)}
        )
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            "INFERENCE_PRECISION_HINT": "f32",
        }
        compiled = core.compile_model(network, "CPU", settings)
        request = compiled.create_infer_request()
        self.count = len(compiled.outputs)
        return lambda: request.infer(values, share_inputs=True, share_outputs=True)

    def arrays(self, result: Any) -> list[np.ndarray]:
        return [np.array(result[index]) for index in range(self.count)]


SYSTEMS: dict[str, type[System]] = {
    system.name: system for system in (Ours, OnnxRuntime, OpenVino, Inference, ToStatic, Eager)
}
