"""The predictor of 1.8 (``AnalysisConfig``, ``PaddleTensor``) on ``paddle.inference``.

It reads what ``save_inference_model`` of these helpers or ``paddle-migrate model`` wrote.
"""

import os

import numpy as np
import paddle


class AnalysisConfig(paddle.inference.Config):
    """Where the model lies (a folder, or its two files) and how it is run."""

    def __init__(self, model="", params_file=None):
        super().__init__()
        self.params_name = params_file
        if model:
            self.set_model(model, params_file)

    def set_model(self, model, params_file=None):
        """A folder, or the file of the program."""
        path = os.path.join(model, "__model__") if params_file is None else model
        prefix = os.path.splitext(path)[0]
        old = old_model_error(*os.path.split(path))
        if old is not None:
            raise old
        super().set_model(prefix + ".json", prefix + ".pdiparams")


class PaddleBuf:
    """The values of a PaddleTensor."""

    def __init__(self, array=None):
        self.array = np.zeros(0, "float32") if array is None else np.asarray(array)

    def reset(self, array):
        """Hold other values."""
        self.array = np.asarray(array)

    def float_data(self):
        """The values as a flat list."""
        return self.array.ravel().tolist()

    int32_data = int64_data = tolist = float_data

    def length(self):
        """The number of bytes."""
        return self.array.nbytes

    def empty(self):
        """Whether there are no values."""
        return self.array.size == 0


class PaddleDType:
    """The types of a PaddleTensor's values."""

    FLOAT32, INT64, INT32 = "float32", "int64", "int32"


class PaddleTensor:
    """An array with a name that goes into a predictor or comes out of it."""

    def __init__(self, data=None, name="", lod=(), copy=True):
        self.data, self.name, self.lod = PaddleBuf(data), name, list(lod)
        self.shape, self.dtype = list(self.data.array.shape), str(self.data.array.dtype)

    def as_ndarray(self):
        """The values as an array."""
        return self.data.array.astype(self.dtype).reshape(self.shape)


class PaddlePredictor:
    """Runs a saved program."""

    def __init__(self, config):
        self.config = config
        self.inner = paddle.inference.create_predictor(config)
        self.get_input_names = self.inner.get_input_names
        self.get_output_names = self.inner.get_output_names
        self.get_input_tensor = self.inner.get_input_handle
        self.get_output_tensor = self.inner.get_output_handle

    def zero_copy_run(self):
        """Run on what the inputs' tensors hold."""
        self.inner.run()

    def run(self, inputs):
        """The results for a list of PaddleTensors, by their names or in order."""
        names = self.get_input_names()
        for place, given in zip(names, inputs):
            name = given.name if given.name in names else place
            self.get_input_tensor(name).copy_from_cpu(np.ascontiguousarray(given.as_ndarray()))
        self.inner.run()
        results = [(n, self.get_output_tensor(n).copy_to_cpu()) for n in self.get_output_names()]
        return [PaddleTensor(value, name) for name, value in results]

    def clone(self):
        """Another predictor of the same program."""
        return PaddlePredictor(self.config)


def create_paddle_predictor(config):
    """The predictor that a config describes."""
    return PaddlePredictor(config)
