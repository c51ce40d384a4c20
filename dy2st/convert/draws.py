"""Random numbers of Python and numpy: drawn whenever the Program runs there, never frozen.

``if self.training and random.random() < 0.1`` skips a layer. A single number is a number known only
at run time; arrays of numpy stay refused (``static.capture`` sees that a generator moved).
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING, Any

from dy2st.capture import symint
from dy2st.capture.scalar import Scalar
from dy2st.ir.draws import FLOATS, INTEGERS
from dy2st.ir.types import DType, TensorType

if TYPE_CHECKING:
    from dy2st.convert.session import Session


@cache
def _names() -> dict[int, str]:
    """By the identity of a drawing function, its module and name."""
    out = {}
    for module, names in [*FLOATS.items(), *INTEGERS.items()]:
        functions = vars(importlib.import_module(module))
        out.update({id(functions[name]): f"{module}:{name}" for name in names})
    return out


def draws(function: Any) -> bool:
    """Whether ``function`` draws from the generator of Python or numpy."""
    return id(function) in _names()


def drawn(session: Session, function: Any, args: Any, kwargs: Any) -> Any:
    """``function(*args, **kwargs)`` as a run-time number; NotImplemented where it gives no number."""
    name = _names()[id(function)]
    values = [symint.dim_of(a) if symint.is_symint(a) else a for a in args]
    numbers = [type(v) in (int, float) or symint.is_symint(a) for v, a in zip(values, args)]
    if kwargs or not all(numbers) or (name in _SHAPED and args):
        return NotImplemented
    if name.startswith("numpy.") and len(args) > 2:
        return NotImplemented  # the third is a size
    whole = name.partition(":")[2] in INTEGERS[name.partition(":")[0]]
    dtype = DType.INT64 if whole else DType.FLOAT64
    attrs = {"function": name, "args": tuple(values)}
    op = session.recorder.emit("draw", (), attrs, types=[TensorType(dtype, ())])
    tensor = session.recorder.wrap(op.results[0])
    return session.recorder.item(tensor) if whole else Scalar("float", tensor)


_SHAPED = frozenset(f"numpy.random:{n}" for n in ("rand", "random", "random_sample", "randn"))
