"""SymbolicTensor: a ``paddle.Tensor`` without data, whose operators record.

It is a subclass, so ``isinstance(x, paddle.Tensor)`` holds in anybody's code, and Paddle's Python
layer works on it: that layer ends in ``_C_ops`` (recorded by ``patches``) or in C methods (all of
them overridden here: C would read a tensor without data, some of it in silence). Each instance is
built on a template of its dtype whose data has been cleared, so that a kernel that is reached after
all raises "holds no memory".

The class is made on first use: importing this module does not import Paddle.
"""

# mypy: ignore-errors
from __future__ import annotations

import inspect
from functools import cache
from typing import Any

import numpy as np

from dy2st.capture import arithmetic, indexing, storage, symint
from dy2st.capture.scalar import Scalar
from dy2st.capture.size import size_of
from dy2st.errors import CaptureError, ConcreteValueError
from dy2st.ir import dims
from dy2st.ir.types import DType


def __getattr__(name: str) -> Any:
    if name == "SymbolicTensor":
        return symbolic_class()
    raise AttributeError(name)


class Methods:
    """What a symbolic tensor does instead of C. ``lifted`` names are patched on real tensors too."""

    lifted = (
        *arithmetic.OPERATORS,
        "_getitem_dygraph",
        "_setitem_dygraph",
        "__getitem__",
        "__setitem__",
        "__bool__",
        "__int__",
        "__float__",
        "__index__",
        "__long__",
        "__complex__",
        "__array__",
        "__deepcopy__",
        "__iter__",
        "_copy_to",
        "clone",
        "copy_",
        "set_value",
        "detach",
        "detach_",
        "contiguous",
        "item",
        "numpy",
        "tolist",
        "get_tensor",
        "data_ptr",
        "to",
        "cpu",
        "cuda",
        "astype",
        "_share_buffer_to",
        "_inplace_assign",
        "backward",
        "__repr__",
        "__str__",
    )

    @classmethod
    def _make(cls, recorder, value):
        import paddle

        with recorder.paused():  # Paddle's constructor itself must not be recorded
            tensor = cls(_template(value.dtype))
            paddle.Tensor.get_tensor(tensor)._clear()
        tensor._recorder = recorder
        tensor._value = value
        tensor._view = None
        return tensor

    # --- metadata -----------------------------------------------------------------------------

    @property
    def shape(self):
        return size_of([self._recorder.symint(d) for d in self._recorder.value_of(self).shape])

    @property
    def _local_shape(self):
        return self.shape

    @property
    def dtype(self):
        import paddle

        return getattr(paddle, self._recorder.value_of(self).dtype.value)

    @property
    def ndim(self):
        return self._recorder.value_of(self).type.rank

    def dim(self):
        return self.ndim

    ndimension = dim

    @property
    def size(self):
        shape = self._recorder.value_of(self).shape
        count = self._recorder.symint(dims.product(shape))
        if symint.is_symint(count):
            return count.of_shape(self.shape)
        from paddle.base.dygraph.math_op_patch import TensorSize

        return TensorSize(list(shape)) if all(isinstance(d, int) for d in shape) else count

    @property
    def strides(self):
        out, step = [], 1
        for d in reversed(self._recorder.value_of(self).shape):
            out.append(self._recorder.symint(step))
            step = step * d
        return out[::-1]

    def get_strides(self):
        return self.strides

    def stride(self, dim=None):
        return self.strides if dim is None else self.strides[dim]

    @property
    def name(self):
        return f"symbolic_{id(self)}"

    @name.setter
    def name(self, value):
        pass

    @property
    def itemsize(self):
        return self._recorder.value_of(self).dtype.itemsize

    element_size = lambda self: self.itemsize  # noqa: E731
    grad = property(lambda self: None)
    is_leaf = property(lambda self: True)
    persistable = property(lambda self: False)
    grad_fn = property(lambda self: None)
    inplace_version = property(lambda self: 0)
    _inplace_version = lambda self: 0  # noqa: E731
    is_contiguous = lambda self: True  # noqa: E731
    is_dense = lambda self: True  # noqa: E731
    is_dist = lambda self: False  # noqa: E731
    is_sparse = lambda self: False  # noqa: E731
    is_sparse_coo = lambda self: False  # noqa: E731
    is_sparse_csr = lambda self: False  # noqa: E731
    is_selected_rows = lambda self: False  # noqa: E731
    is_coalesced = lambda self: False  # noqa: E731
    _is_initialized = lambda self: True  # noqa: E731
    _is_dense_tensor_hold_allocation = lambda self: True  # noqa: E731
    clear_gradient = clear_grad = _zero_grads = lambda self, *a: None
    retain_grads = lambda self: None  # noqa: E731
    _bump_inplace_version = lambda self: None  # noqa: E731

    def is_same_shape(self, other):
        return list(self.shape) == list(other.shape)

    def __len__(self):
        shape = self.shape
        if not shape:
            raise TypeError("len() of a 0-D tensor")
        return int(shape[0])

    def __hash__(self):
        return id(self)

    def __repr__(self):
        return f"SymbolicTensor({self._recorder.value_of(self).type})"

    __str__ = __repr__

    def __format__(self, spec):
        raise self._needs_value("formatted")

    @property
    def place(self):
        import paddle

        return paddle.CPUPlace()

    @property
    def device(self):
        with self._recorder.paused():
            return _template(DType.FLOAT32).device

    _place_str = property(lambda self: "Place(cpu)")
    is_cuda = property(lambda self: False)
    get_device = lambda self: -1  # noqa: E731

    # --- where Python wants data ----------------------------------------------------------------

    def _needs_value(self, what):
        return ConcreteValueError(
            f"the value of a tensor of type {self._recorder.value_of(self).type} is {what} in "
            "Python, but it is known only when the Program runs",
            location=self._recorder.location,
            remedy="keep the computation in tensors, or mark the function with not_to_static",
        )

    def _scalar_value(self, what):
        """The integer in a one-element tensor as a SymInt; others only where sizes give them."""
        value = self._recorder.value_of(self)
        if not value.dtype.is_integer and self._recorder.raiser is None:
            return self._derived(what)
        if dims.product(value.shape) != 1:
            raise CaptureError(
                f"{what}: the tensor has shape {list(value.shape)}, not one element",
                location=self._recorder.location,
                remedy="index it, or reduce it, down to one element",
            )
        if value.dtype.is_integer:
            return self._recorder.item(self)
        if value.dtype.is_complex:
            raise self._needs_value(what)
        return self._number(what)

    def _number(self, what):
        """The one element as a Python float or bool: a plain one where sizes give it."""
        try:
            return self._derived(what)
        except ConcreteValueError:
            flat = self.reshape([])
            if flat.dtype == _bool_type():
                return Scalar("bool", flat)
            return Scalar("float", flat.astype("float64"))

    def item(self, *args):
        tensor = self
        if args:
            flat = args if len(args) > 1 else None
            tensor = self[tuple(flat)] if flat else self.reshape([-1])[args[0]]
        return tensor._scalar_value("read with .item()")

    def __int__(self):
        if not self._is_int():
            return int(self._derived("converted with int()"))
        return int(self._scalar_value("converted with int()"))

    __long__ = __int__

    def __index__(self):
        if not self._is_int():
            return int(self._derived("used as an index"))
        return int(self._scalar_value("used as an index"))

    def __bool__(self):
        if not self._is_int():
            return bool(self._derived("tested as a condition"))
        return bool(self._scalar_value("tested as a condition"))

    def _derived(self, how):
        """The one element, where it follows from constants and sizes. Raises ConcreteValueError."""
        from dy2st.capture.derived import derived

        known = derived(self._recorder, self._recorder.value_of(self))
        if known is None or known.size != 1:
            raise self._needs_value(how)
        return known.reshape(()).item()

    def _is_int(self):
        return self._recorder.value_of(self).dtype.is_integer

    def __float__(self):
        return float(self._derived("converted with float()"))

    def __complex__(self):
        raise self._needs_value("converted with complex()")

    def numpy(self, *args):
        """Small integer tensors as arrays of symbolic integers (sizes that Paddle's own Python reads)."""
        items = self._integers()
        if items is None:
            raise self._needs_value("read with .numpy()")
        out = np.empty(len(items), dtype=object)
        out[:] = items
        return out.reshape(self._recorder.value_of(self).shape)

    def tolist(self):
        value = self._recorder.value_of(self)
        count = dims.product(value.shape)
        if not isinstance(count, int) or count > _MAX_INTEGERS:
            raise self._needs_value("read with .tolist()")
        if not value.shape:
            return self._scalar_value("read with .tolist()")
        return [self[i].tolist() for i in range(value.shape[0])]

    def _integers(self):
        """Its few elements, in order, as numbers known only at run time; None where it has many."""
        value = self._recorder.value_of(self)
        count = dims.product(value.shape)
        if not value.dtype.is_integer or not isinstance(count, int) or count > _MAX_INTEGERS:
            return None
        flat = self if value.type.rank == 1 else self.reshape([-1])
        return [self._recorder.item(flat[i]) for i in range(count)]

    def __array__(self, *args, **kwargs):
        raise self._needs_value("read by numpy")

    def get_tensor(self):
        raise self._needs_value("read with .get_tensor()")

    def data_ptr(self):
        raise self._needs_value("read through its address")

    def __reduce_ex__(self, protocol):
        raise self._needs_value("pickled")

    def backward(self, *args, **kwargs):
        raise CaptureError(
            "backward() inside of a converted function",
            location=self._recorder.location,
            remedy="return the loss and call backward() outside",
        )

    # --- copies and aliases -----------------------------------------------------------------------

    def clone(self):
        return self._recorder.call("assign", self)

    def __deepcopy__(self, memo):
        out = self.clone()
        memo[id(self)] = out
        return out

    def __copy__(self):
        return storage.alias(self._recorder, self)

    def detach(self):
        return storage.alias(self._recorder, self)

    def detach_(self):
        return self

    @property
    def data(self):
        return self.detach()

    def contiguous(self):
        return self

    def value(self):
        return self

    def _tensor_use_gpudnn(self, use=True):
        return self  # a choice of CUDA kernels: pooling layers make it on every machine

    def cpu(self):
        return self

    def cuda(self, *args, **kwargs):
        raise CaptureError("a tensor is moved to another device", location=self._recorder.location)

    def _copy_to(self, place, blocking=True):
        return self.clone()

    def astype(self, dtype):
        # As eager: the same dtype gives the same memory.
        from dy2st.capture.dispatch import dtype_of

        if dtype_of(dtype) is self._recorder.value_of(self).dtype:
            return storage.alias(self._recorder, self)
        return self._recorder.call("cast", self, dtype)

    def to(self, *args, **kwargs):
        import paddle

        wanted = [*args, *(v for k, v in kwargs.items() if k in ("dtype", "device", "other"))]
        out = self
        for arg in wanted:
            if isinstance(arg, paddle.Tensor):
                out = out.astype(arg.dtype)
            elif isinstance(arg, (paddle.dtype, DType, np.dtype)) or _names_dtype(arg):
                out = out.astype(arg)
        return out

    def copy_(self, other, blocking=True):
        """The C method that parameters are loaded with: the other's values in place."""
        recorder = self._recorder
        source = self._as_tensor(other)
        source = source.astype(self.dtype)
        target = recorder.value_of(self)
        value = recorder.value_of(source)
        if target.shape != value.shape:
            value = recorder.emit("expand", (value,), {"shape": target.shape}).result
        recorder.rebind(self, value)
        return self

    def set_value(self, value):
        self.copy_(value)

    def _as_tensor(self, value):
        import paddle

        if isinstance(value, paddle.Tensor):
            return self._recorder.lift(value)
        return self._recorder.constant(np.asarray(value))

    # --- indexing ----------------------------------------------------------------------------------

    def __getitem__(self, index):
        return indexing.get(self._recorder, self, index)

    def __setitem__(self, index, value):
        indexing.set_(self._recorder, self, index, value)

    _getitem_dygraph = __getitem__
    _setitem_dygraph = __setitem__

    def __iter__(self):
        if self.ndim == 0:
            raise TypeError("iteration over a 0-D tensor")
        return (self[i] for i in range(len(self)))


def _operator(method):
    def apply(self, other):
        return arithmetic.apply(self._recorder, method, self, other)

    apply.__name__ = method
    return apply


for _name in arithmetic.OPERATORS:
    setattr(Methods, _name, _operator(_name))


def _names_dtype(arg):
    try:
        DType.of(arg)
    except (CaptureError, TypeError):
        return False
    return True


def _refused(name):
    def refuse(self, *args, **kwargs):
        raise CaptureError(
            f"Tensor.{name} has no meaning while a Program is captured",
            location=self._recorder.location,
            remedy="do this outside of the converted function, or mark it with not_to_static",
        )

    return refuse


_MAX_INTEGERS = 64


@cache
def _bool_type():
    import paddle

    return paddle.bool


# C attributes that mean for a template what they mean for the tensor.
_KEEP = {"stop_gradient", "type", "layout", "__dict__"}
# Python methods of Paddle's that end in C on memory.
_MEMORY = ("__dlpack__", "__dlpack_device__", "pin_memory", "__tvm_ffi_env_stream__", "_clear_data")


@cache
def symbolic_class():
    """The class itself."""
    import paddle

    base = paddle.Tensor
    body = {
        k: v for k, v in vars(Methods).items() if k not in ("__dict__", "__weakref__", "lifted")
    }
    for name, member in vars(base).items():
        kind = type(inspect.unwrap(member)).__name__  # writers are wrapped by static/watch.py
        if name in body or name in _KEEP:
            continue
        if kind == "method_descriptor" or name in _MEMORY:
            body[name] = _refused(name)
        elif kind == "getset_descriptor" or name == "__cuda_array_interface__":
            body[name] = property(_refused(name))
    return type("SymbolicTensor", (base,), body)


def _template(dtype):
    """A fresh real tensor of the dtype: each symbolic tensor clears its own."""
    import paddle

    return paddle._C_ops.empty([1], getattr(paddle, dtype.value), paddle.CPUPlace())
