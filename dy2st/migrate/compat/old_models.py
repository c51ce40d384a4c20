"""Inference models that Paddle 1.8 saved, rebuilt with today's functions (``paddle-migrate model``)."""

import os

import paddle


class OldModel:
    """The program of a ``__model__`` file: inputs, operators (functions ``op_...``) and results."""

    def __init__(self, dirname, model_filename=None, params_filename=None):
        with open(os.path.join(dirname, model_filename or "__model__"), "rb") as stream:
            self.desc = paddle.base.core.ProgramDesc(stream.read())  # owns its blocks
        if self.desc.num_blocks() > 1:
            raise NotImplementedError("the model has control flow: save it again with Paddle 3")
        self.block = self.desc.block(0)
        self.values, self.feeds, self.results = {}, {}, {}
        self.weights = self.read_weights(dirname, params_filename)

    def read_weights(self, dirname, params_filename):
        """Arrays by name; in one file they stand in the order of their names."""
        kinds = paddle.base.core.VarDesc.VarType
        found = sorted(
            var.name()
            for var in self.block.all_vars()
            if var.persistable() and var.type() == kinds.DENSE_TENSOR
        )
        if params_filename is None:
            weights = {}
            for name in found:
                with open(os.path.join(dirname, name), "rb") as stream:
                    weights[name] = read_tensor(stream)
            return weights
        with open(os.path.join(dirname, params_filename), "rb") as stream:
            return {name: read_tensor(stream) for name in found}

    def build(self):
        """Put all operators into the program that is being built."""
        for number in range(self.block.op_size()):
            op = self.block.op(number)
            if op.type() == "feed":
                self.feeds[op.attr("col")] = self.add_input(op.output("Out")[0])
            elif op.type() == "fetch":
                self.results[op.attr("col")] = self.value(op.input("X")[0])
            else:
                self.add_operator(op)

    def add_input(self, name):
        """One input, with offsets beside it where it has sequences; returns its name."""
        var = self.block.find_var(name.encode())
        dtype = type_numbered(int(var.dtype()))
        self.values[name] = data(
            name, var.shape(), append_batch_size=False, dtype=dtype, lod_level=var.lod_level()
        )
        return name

    def value(self, name):
        """The value of a name; a weight becomes a parameter when it is first asked for."""
        if name not in self.values and name in self.weights:
            array = self.weights[name]
            start = paddle.nn.initializer.Assign(array)
            attr = paddle.ParamAttr(name=name, initializer=start)
            made = paddle.create_parameter(list(array.shape), str(array.dtype), attr=attr)
            self.values[name] = made
        return self.values[name]

    def add_operator(self, op):
        """One operator by the function of its type."""
        function = globals().get("op_" + op.type())
        if function is None:
            raise NotImplementedError(f"operator {op.type()} of 1.8: save the model again")
        inputs = OpInputs({s: [self.value(n) for n in op.input(s)] for s in op.input_names()})
        results = function(inputs, {name: op.attr(name) for name in op.attr_names()})
        for slot in op.output_names():
            for name, value in zip(op.output(slot), listed(results.get(slot))):
                self.values[name] = value


def convert_old_model(dirname, model_filename=None, params_filename=None):
    """Write the model again, as files of Paddle 3 beside the old ones; returns their prefix."""
    prefix = os.path.join(dirname, os.path.splitext(model_filename or "__model__")[0])
    main, startup = paddle.static.Program(), paddle.static.Program()
    with paddle.static.scope_guard(paddle.static.Scope()):
        with paddle.static.program_guard(main, startup):
            model = OldModel(dirname, model_filename, params_filename)
            model.build()
        executor = paddle.static.Executor(paddle.CPUPlace())
        executor.run(startup)
        names = [n for col in sorted(model.feeds) for n in with_offsets(model.feeds[col])]
        feeds = [value_by_name(main, name) for name in names]
        in_order(feeds)
        results = [model.results[column] for column in sorted(model.results)]
        paddle.static.save_inference_model(prefix, feeds, results, executor, program=main)
    return prefix


def old_model_error(dirname, model_filename=None):
    """What to do about a model that 1.8 saved; None where there is none."""
    path = os.path.join(dirname, model_filename or "__model__")
    if not os.path.isfile(path) or os.path.exists(os.path.splitext(path)[0] + ".json"):
        return None
    return ValueError(f"{path} was saved by Paddle 1.8; run once: paddle-migrate model {dirname}")
