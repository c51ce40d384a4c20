"""``LayerHelper`` and ``append_op``: layers that a project built from parameters and operators."""

import copy

import numpy as np
import paddle


class OpInputs(dict):
    """An operator's inputs: the first one of a slot, or all of them."""

    def __getitem__(self, slot):
        return self.all(slot)[0]

    def get(self, slot, default=None):
        """The first input of a slot, ``default`` where it has none."""
        return self.all(slot)[0] if self.all(slot) else default

    def all(self, slot):
        """All inputs of a slot."""
        return super().get(slot, [])


def append_op(block, type, inputs=None, outputs=None, attrs=None, stop_gradient=False):
    """Compute an operator (a function ``op_...``) and let its variables be what came out.

    Outputs that 1.8's operator kept for its own gradient (``XShape``, ``Mask``) have no value.
    """
    with building(block):
        compute_op(type, inputs, outputs, attrs, stop_gradient)


def compute_op(type, inputs, outputs, attrs, stop_gradient):
    """Compute an operator in the program that is built, see ``append_op``."""
    program = None if paddle.in_dynamic_mode() else paddle.static.default_main_program()
    given = OpInputs()
    for slot, values in (inputs or {}).items():
        values = [value_in(program, v) for v in listed(values)]
        given[slot] = [v for v in values if v is not None]
    computed = type(given, dict(attrs or {}))
    for slot, variables in (outputs or {}).items():
        for variable, result in zip(listed(variables), listed(computed.get(slot))):
            if stop_gradient:
                result.stop_gradient = True
            if "ParamOut" in outputs:
                with paddle.no_grad():
                    write_update(result, variable)
            else:
                write_var(variable, result)


def new_variable(helper, dtype, stop_gradient=False):
    """A variable for an operator to write, whose shape the operator says."""
    return create_var(None, None, dtype, stop_gradient=stop_gradient)


class LayerHelper:
    """What a layer is built with: its arguments, parameters, variables and operators."""

    def __init__(self, layer_type, **kwargs):
        self.layer_type, self.kwargs = layer_type, kwargs
        if kwargs.get("name") is None:
            kwargs["name"] = paddle.utils.unique_name.generate(layer_type)
        self.name = kwargs["name"]

    @property
    def main_program(self):
        """The program that is being built."""
        return paddle.static.default_main_program()

    @property
    def startup_program(self):
        """The program that starts its parameters."""
        return paddle.static.default_startup_program()

    def append_op(self, **operator):
        """Compute an operator, see the function ``append_op``."""
        append_op(None, **operator)

    def multiple_input(self, input_param_name="input"):
        """The inputs of that name, as a list."""
        return listed(self.kwargs.get(input_param_name, []))

    def input(self, input_param_name="input"):
        """The one input of that name."""
        (found,) = self.multiple_input(input_param_name)
        return found

    def input_dtype(self, input_param_name="input"):
        """The type that all inputs of that name have."""
        found = [each.dtype for each in self.multiple_input(input_param_name)]
        if any(dtype != found[0] for dtype in found):
            raise ValueError(f"data types differ: {found}")
        return found[0] if found else None

    @property
    def param_attr(self):
        """The attributes that the weight was asked to have."""
        return paddle.ParamAttr._to_attr(self.kwargs.get("param_attr"))

    @property
    def bias_attr(self):
        """The attributes that the bias was asked to have, False for none."""
        return paddle.ParamAttr._to_attr(self.kwargs.get("bias_attr"))

    def multiple_param_attr(self, length):
        """The attributes of ``length`` weights."""
        found = listed(self.param_attr)
        if len(found) not in (1, length):
            raise ValueError("parameter number mismatch")
        return found if len(found) == length else [copy.deepcopy(found[0]) for _ in range(length)]

    def iter_inputs_and_params(self, input_param_name="input"):
        """Pairs of an input and the attributes of its weight."""
        inputs = self.multiple_input(input_param_name)
        yield from zip(inputs, self.multiple_param_attr(len(inputs)))

    def create_parameter(
        self,
        attr,
        shape,
        dtype,
        is_bias=False,
        default_initializer=None,
        stop_gradient=False,
        type=None,
    ):
        """A parameter of this layer; None where ``attr`` is False."""
        attr = paddle.ParamAttr._to_attr(copy.deepcopy(attr))
        if not attr:
            return None
        if attr.name is None:
            kind = "b" if is_bias else "w"
            attr.name = paddle.utils.unique_name.generate(f"{self.name}.{kind}")
        sizes = [int(n) for n in shape]
        made = new_parameter(sizes, dtype, attr, default_initializer, is_bias)
        if stop_gradient:
            made.stop_gradient = True
        return made

    def get_parameter(self, name):
        """The parameter of that name."""
        return value_by_name(self.main_program, name)

    def create_variable_for_type_inference(self, dtype, stop_gradient=False, shape=None):
        """A variable for an operator to write."""
        return new_variable(self, dtype, stop_gradient)

    create_tmp_variable = create_variable_for_type_inference

    def create_variable(self, **variable):
        """A variable by name, see ``create_var``."""
        return create_var(None, **variable)

    def create_global_variable(self, persistable=False, **variable):
        """A variable of the program itself; one that outlives a run starts with zeros."""
        name = variable.pop("name", None) or paddle.utils.unique_name.generate(f"{self.name}.tmp")
        return create_var(None, name, persistable=persistable, **variable)

    def create_or_get_global_variable(self, name, **variable):
        """The variable of that name, and whether it is new."""
        found = named_values(self.main_program).get(name)
        if found is not None:
            return found, False
        return self.create_global_variable(name=name, **variable), True

    def set_variable_initializer(self, var, initializer):
        """Start a variable that outlives a run with other values than zeros."""
        restart(var, initializer)
        return var

    def append_bias_op(self, input_var, dim_start=1, dim_end=None):
        """``input_var`` plus a new bias of its shape from ``dim_start`` to ``dim_end``."""
        if not self.bias_attr:
            return input_var
        size = list(input_var.shape[dim_start:dim_end])
        bias = self.create_parameter(self.bias_attr, size, input_var.dtype, is_bias=True)
        return elementwise_add(input_var, bias, dim_start)

    def append_activation(self, input_var):
        """The activation that ``act=`` asked for."""
        return append_act(input_var, self.kwargs.get("act"))

    def to_variable(self, value, name=None):
        """A tensor of an array; variables stay as they are."""
        return paddle.to_tensor(value) if isinstance(value, np.ndarray) else value

    def is_instance(self, param_name, cls):
        """Raise TypeError where an argument is none of a class."""
        if not isinstance(self.kwargs.get(param_name), cls):
            raise TypeError(f"{param_name} of {self.layer_type} must be {cls.__name__}")


def restart(var, initializer):
    """Let the startup program set a persistable variable by another initializer."""
    startup = paddle.static.default_startup_program()
    for op in startup.global_block().ops:
        if op.name() == "builtin.set_parameter" and op.attrs()["parameter_name"] == var.name:
            with paddle.static.program_guard(startup, startup):
                start = initializer(var, startup.global_block())
            start.persistable = True
            op.operand(0).set_source(start)
            startup.global_block().move_op_to_block_end(op)
