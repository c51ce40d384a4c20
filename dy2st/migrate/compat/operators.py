"""Operators between tensors of different types."""

import functools
import sys

import paddle

OPERATORS = (
    "__add__ __radd__ __sub__ __rsub__ __mul__ __rmul__ __truediv__ __rtruediv__ __floordiv__ "
    "__mod__ __pow__ __rpow__ __eq__ __ne__ __lt__ __le__ __gt__ __ge__"
).split()


def left_type_operators():
    """``a + b`` and the like compute in the type of ``a``, as in 1.8.

    There ``b`` is brought to the type of ``a``, and whole numbers divided by whole numbers are whole
    numbers. (Paddle 3 refuses operands of different types, and divides to floats.) In programs a
    ``b`` with fewer dimensions, the first one open, is laid at the first dimensions of ``a``, not
    at the last. What Paddle's own code computes is left alone.
    """
    for kind in (paddle.Tensor, paddle.pir.Value):
        for name in OPERATORS:
            method = getattr(kind, name)
            if not hasattr(method, "left_typed"):
                setattr(kind, name, left_typed(method, name))


def left_typed(method, name):
    """The operator ``method`` that brings its other operand to the tensor's type first."""

    @functools.wraps(method)
    def operator(self, other):
        caller = sys._getframe(1)
        module = caller.f_globals.get("__name__", "")
        name_of_code = getattr(caller.f_code, "co_qualname", caller.f_code.co_name)
        helper = "fluid_compat" in module or name_of_code.startswith("_fluid_")
        if module.split(".")[0] == "paddle" or helper:
            return method(self, other)
        whole = self.dtype in (paddle.int32, paddle.int64)
        if isinstance(other, (paddle.Tensor, paddle.pir.Value)):
            if other.dtype != self.dtype and self.dtype != paddle.bool:
                other = paddle.cast(other, self.dtype)
            if isinstance(self, paddle.pir.Value) and other.shape and other.shape[0] == -1:
                other = aligned(other, self)
        elif whole and isinstance(other, float):
            other = int(other)
        if whole and name in ("__truediv__", "__floordiv__"):
            return truncated_division(self, other)
        if whole and name == "__rtruediv__":
            return truncated_division(paddle.full_like(self, other), self)
        if whole and name == "__mod__":
            return self - truncated_division(self, other) * other
        return method(self, other)

    operator.left_typed = True
    return operator


def truncated_division(x, y):
    """Whole numbers divided to whole numbers, towards 0."""
    y = y if isinstance(y, (paddle.Tensor, paddle.pir.Value)) else paddle.full([1], y, x.dtype)
    down = paddle.floor_divide(x, y)
    inexact = paddle.not_equal(paddle.multiply(down, y), x)
    up = paddle.logical_and(inexact, paddle.less_than(down, paddle.zeros_like(down)))
    return paddle.add(down, paddle.cast(up, x.dtype))
