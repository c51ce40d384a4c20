"""The base of all operations, and the registry.

Everything about an operation stands in its class::

    class Tanh(Op, name="tanh", signature="x: Tensor -> out"):
        \"\"\"Elementwise hyperbolic tangent.\"\"\"
        infer = same_as("x")
        numpy = np.tanh
        cpu = elementwise("tanh")
        grad = todo("training")
        onnx = todo("onnx")
        cases = [dict(x=(2, 3)), dict(x=()), dict(x=("N", 4))]

Functions written in the class body are plain functions (no ``self``): they take operands and
attributes by the names of the signature.

``infer(x, axis, keepdim)`` gets ``TensorType``s (None or a tuple of them where the operand says so)
and returns one TensorType or a tuple; it never sees data. A first parameter named ``fresh`` gets
the builder's ``fresh_symbol`` (for sizes known only at run time).

``numpy(x, axis, keepdim)`` gets arrays and concrete Python values and returns an array or a tuple;
the interpreter casts results to the inferred dtypes. A first parameter named ``rng`` gets the
random generator.

``cpu(b, x, axis, keepdim)`` describes the kernel to the builder ``b`` (see docs/design/kernels.md).

A *composite* has ``decompose(b, x, axis, keepdim)`` instead, written with the same arguments but
over an ``ops.Emitter`` ``b`` (``b.exp(x)``, ``b.sum(x, axis=-1, keepdim=True)``); what it does not override it
gets from that.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, TypeAlias

import numpy as np

from dy2st.errors import DeclarationError, ShapeError
from dy2st.ir.builder import Builder
from dy2st.ir.program import Attr, Operand, Value
from dy2st.ir.types import DType, TensorType
from dy2st.ops.signature import Signature
from dy2st.records import record


@record(frozen=True)
class Todo:
    """A known gap; the coverage page lists it with its reason."""

    why: str


def todo(why: str) -> Todo:
    """Mark a field of an operation as not written yet."""
    return Todo(why)


_REGISTRY: dict[str, type[Op]] = {}
_FIELDS = ("infer", "numpy", "grad", "onnx", "cpu", "cases")
_MAY_BE_TODO = ("grad", "onnx")


class Op:
    """Base class; see the module's docstring for the fields."""

    name: ClassVar[str]
    signature: ClassVar[Signature]
    infer: ClassVar[Any] = None
    numpy: ClassVar[Any] = None
    grad: ClassVar[Any] = None
    onnx: ClassVar[Any] = None
    cpu: ClassVar[Any] = None
    decompose: ClassVar[Any] = None
    cases: ClassVar[Any] = None
    # Random operations read the generator: never folded, merged or moved out of loops.
    random: ClassVar[bool] = False
    # For those that are random only with some attributes (dropout): a function of the attributes.
    random_when: ClassVar[Any] = None
    # Indices of the operand that an in-place twin (`relu_`) overwrites; capture makes it a rebinding.
    inplace_of: ClassVar[int] = 0
    # What phi calls the same operation besides ``name`` (with the same argument order).
    aliases: ClassVar[tuple[str, ...]] = ()
    # Whether it rejects some values of its operands (an index outside, a zero divisor): it stays even
    # if nobody reads its results, and never runs before its turn. A function of the operands' dtypes
    # where only some are.
    rejects: ClassVar[Any] = False
    # Results of the operation share the operand's memory in eager (reshape, slice, transpose …).
    view: ClassVar[bool] = False
    # Whether the generic tests also draw NaN, infinities and denormals. Where not, the class says why.
    specials: ClassVar[bool] = True
    denormals: ClassVar[bool] = True
    # The dtypes that the generic tests draw; None for all that Paddle has a kernel for.
    dtypes: ClassVar[tuple[str, ...] | None] = None
    # Largest relative and absolute error against Paddle in float32, where rounding is not one step.
    tolerance: ClassVar[tuple[float, float]] = (1e-4, 1e-5)
    # Positions of the results that the generic tests compare; None for all.
    compared: ClassVar[tuple[int, ...] | None] = None
    # ``writes(attrs)``: operands that eager overwrites, by name, with the position of the result.
    writes: ClassVar[Any] = None
    # Whether ``numpy`` sees float16 and bfloat16 as float32; not where it looks at the bytes.
    widen: ClassVar[bool] = True
    # Whether Paddle's own kernel, where Paddle is loaded, runs what has no native kernel (it is sooner
    # than ``numpy``). False where it reads outside of its operands, or ends the process, for values
    # that ``numpy`` rejects; or a function of operands and attributes that says whether it does not (or
    # gives a function of the kernel's results and the operands that completes the results).
    eager: ClassVar[Any] = True
    # Why the generic tests do not compare with Paddle eager (a crash, random values …); "" compares.
    not_compared: ClassVar[str] = ""

    def __init_subclass__(
        cls, *, name: str | None = None, signature: str | Signature | None = None, **kwargs: Any
    ) -> None:
        super().__init_subclass__(**kwargs)
        if name is None:
            return  # an abstract family base
        cls.name = name
        if signature is not None:
            cls.signature = (
                signature if isinstance(signature, Signature) else Signature.parse(signature)
            )
        _check(cls)
        for key in (name, *cls.aliases):
            if key in _REGISTRY:
                raise DeclarationError(f"operation {key!r} is declared twice")
            _REGISTRY[key] = cls


def _check(cls: type[Op]) -> None:
    if not hasattr(cls, "signature"):
        raise DeclarationError(f"operation {cls.name!r} has no signature")
    from_decompose = ("infer", "numpy", "grad", "onnx", "cpu") if cls.decompose else ()
    for field in _FIELDS:
        value = getattr(cls, field)
        if value is None and field not in from_decompose:
            raise DeclarationError(f"operation {cls.name!r} lacks {field!r}")
        if isinstance(value, Todo) and field not in _MAY_BE_TODO:
            raise DeclarationError(f"{field!r} of operation {cls.name!r} may not be a todo")


class Plain(Op):
    """Base of families whose gradients and ONNX forms belong to later issues."""

    grad = todo("training")
    onnx = todo("onnx")


def find(name: str) -> type[Op] | None:
    """The operation called ``name`` in phi, or None."""
    op = _REGISTRY.get(name)
    if op is None:
        # Families register themselves when imported; importing the package would do it too early.
        from dy2st.ops import families

        families.load(name)
        op = _REGISTRY.get(name)
    return op


def draws_random(name: str, attrs: dict[str, Attr]) -> bool:
    """Whether the operation with these attributes reads the random generator."""
    op = find(name)
    if op is None:
        return False
    return bool(op.random_when(attrs)) if op.random_when is not None else op.random


def rejects(name: str, dtypes: Sequence[DType]) -> bool:
    """Whether an operation on operands of these dtypes may fail, depending on their values."""
    op = find(name)
    found: Any = False if op is None else op.rejects
    return bool(found(dtypes) if callable(found) else found)


def get(name: str) -> type[Op]:
    """The operation called ``name``. Raises ShapeError where the registry lacks it."""
    op = find(name)
    if op is None:
        raise ShapeError(f"operation {name!r} is not in the registry")
    return op


def all_ops() -> Iterator[type[Op]]:
    """Every operation once, by name."""
    from dy2st.ops import families

    families.load_all()
    yield from (op for name, op in sorted(_REGISTRY.items()) if op.name == name)


def call_rule(
    rule: Callable[..., Any], lead: tuple[str, Any], op: type[Op], values: dict[str, Any]
) -> Any:
    """Call a rule by the names of its parameters.

    ``lead`` is a name and a value, passed first when the rule's first parameter has that name;
    ``values`` are operands and attributes by signature name. A rule that is a C function (a numpy
    ufunc) gets the operands by position.
    """
    leads, names = parameters_of(rule, op, lead[0])
    first = (lead[1],) if leads else ()
    if names is None:
        return rule(*first, *(values[f.name] for f in op.signature.operands))
    return rule(*first, **{name: values[name] for name in names})


Parameters: TypeAlias = "tuple[bool, tuple[str, ...] | None]"
_parameters: dict[tuple[Any, Any, str], Parameters] = {}


def parameters_of(rule: Callable[..., Any], op: type[Op], lead: str) -> Parameters:
    """Whether the first parameter of ``rule`` is called ``lead``, and the names of the others;
    None for a ufunc or library function with names of its own, which takes operands by position.
    """
    key = (rule, op, lead)
    found = _parameters.get(key)
    if found is None:
        found = _parameters[key] = _inspect(rule, op, lead)
    return found


def _inspect(rule: Callable[..., Any], op: type[Op], lead: str) -> Parameters:
    try:
        names = tuple(inspect.signature(rule).parameters)
    except (TypeError, ValueError):
        return False, None
    leads = names[:1] == (lead,)
    names = names[leads:]
    known = {f.name for f in op.signature.fields}
    return leads, names if known.issuperset(names) else None


def bound_values(op: type[Op], operands: Sequence[Any], attrs: dict[str, Attr]) -> dict[str, Any]:
    """Operands (mapped to anything) and attributes by signature name."""
    values: dict[str, Any] = {f.name: v for f, v in zip(op.signature.operands, operands)}
    values.update(attrs)
    return values


def operand_types(operands: Sequence[Operand]) -> list[Any]:
    """Types of operands: TensorType, None or a tuple of TensorTypes."""
    return [
        tuple(v.type for v in o) if isinstance(o, tuple) else (o.type if o is not None else None)
        for o in operands
    ]


def evaluate(
    op: type[Op],
    operands: Sequence[Any],
    attrs: dict[str, Any],
    types: Sequence[TensorType] | None = None,
    rng: np.random.Generator | None = None,
) -> tuple[np.ndarray, ...]:
    """Run an operation's ``numpy`` on concrete operands; the results have the inferred dtypes.

    ``operands`` are arrays, None, or tuples of arrays; sizes in ``attrs`` are ints. float16 and
    bfloat16 are computed in float32 and rounded once, as Paddle's kernels do. ``types`` are the
    result types where the caller knows them. A composite without ``numpy`` raises
    NotImplementedError: its decomposition is to be run instead.
    """
    if op.numpy is None:
        raise NotImplementedError(f"{op.name} is a composite")
    given = [widened(o) for o in operands] if op.widen else operands
    values = bound_values(op, given, attrs)
    with np.errstate(all="ignore"):
        result = call_rule(op.numpy, ("rng", rng), op, values)
    flat = tuple(flatten(result))
    if types is None:
        concrete = [_map_operand(_array_type, o) for o in operands]
        types = _infer_types(op, bound_values(op, concrete, attrs))
    with np.errstate(all="ignore"):
        return tuple(_finish(r, t) for r, t in zip(flat, types))


def _finish(result: Any, type_: TensorType) -> np.ndarray:
    # ascontiguousarray makes rank 0 into rank 1.
    array = np.asarray(result).astype(type_.dtype.numpy, copy=False)
    return np.ascontiguousarray(array).reshape(array.shape)


def _map_operand(function: Callable[[Any], Any], operand: Any) -> Any:
    if operand is None:
        return None
    if isinstance(operand, (tuple, list)):
        return tuple(function(v) for v in operand)
    return function(operand)


def widened(operand: Any) -> Any:
    """An operand with float16 and bfloat16 arrays in float32."""
    return _map_operand(_widen, operand)


def _widen(array: np.ndarray) -> np.ndarray:
    narrow = array.dtype.itemsize == 2 and array.dtype.kind not in "iu"
    return array.astype(np.float32) if narrow else array


def _array_type(array: np.ndarray) -> TensorType:
    return TensorType(DType.of(array.dtype), tuple(array.shape))


def flatten(result: Any) -> Iterator[Any]:
    """The items of nested lists and tuples, in order."""
    if isinstance(result, (tuple, list)):
        for item in result:
            yield from flatten(item)
    else:
        yield result


def _infer_types(op: type[Op], values: dict[str, Any]) -> Sequence[TensorType]:
    builder = Builder("scratch", infer)
    result = call_rule(op.infer, ("fresh", builder.fresh_symbol), op, values)
    return (result,) if isinstance(result, TensorType) else tuple(result)


def infer(
    builder: Builder, name: str, operands: tuple[Operand, ...], attrs: dict[str, Attr]
) -> Sequence[TensorType]:
    """Result types of an operation: the ``Infer`` that ``Builder`` is made with."""
    op = get(name)
    values = bound_values(op, operand_types(operands), attrs)
    if op.infer is None:
        return _infer_composite(builder, op, values)
    try:
        result = call_rule(op.infer, ("fresh", builder.fresh_symbol), op, values)
    except ShapeError as error:
        if not error.message.startswith(name):
            error.message = f"{name}: {error.message}"
        raise
    return (result,) if isinstance(result, TensorType) else tuple(result)


def _infer_composite(builder: Builder, op: type[Op], values: dict[str, Any]) -> list[TensorType]:
    """Run ``decompose`` in a block that is thrown away and read the types off."""
    with builder.region() as scratch:
        dummy = {k: _dummy(v) for k, v in values.items()}
        results = expand(builder, op, dummy)
    del scratch
    return [r.type for r in results]


def _dummy(value: Any) -> Any:
    if isinstance(value, TensorType):
        return Value(value)
    if isinstance(value, tuple) and value and all(isinstance(v, TensorType) for v in value):
        return tuple(Value(v) for v in value)
    return value


def expand(builder: Builder, op: type[Op], values: dict[str, Any]) -> tuple[Value, ...]:
    """Emit the decomposition of a composite; returns its results."""
    result = call_rule(op.decompose, ("b", Emitter(builder)), op, values)
    return (result,) if isinstance(result, Value) else tuple(result)


class Emitter:
    """``b.exp(x)``: emits the named operation through a Builder and returns its result Value(s)."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder

    def __getattr__(self, name: str) -> Callable[..., Any]:
        op = find(name)
        if op is None:
            raise AttributeError(name)

        def emit(*args: Any, **kwargs: Any) -> Any:
            operands, attrs = op.signature.bind(args, kwargs)
            operation = self.builder.emit(op.name, operands, attrs)
            return operation.result if len(operation.results) == 1 else operation.results

        return emit
