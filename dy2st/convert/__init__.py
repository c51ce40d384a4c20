"""The functions that generated code calls: Python meaning for Python values, control-flow ops for tensors.

The names here are the contract with ``dy2st.transformers`` (docs/design/frontend.md).
"""

from __future__ import annotations

from dy2st.capture.scalar import Scalar
from dy2st.convert.attributes import (
    aug_attr,
    del_attr,
    del_global,
    del_nonlocal,
    frame_reader,
    get_attr,
    local,
    set_attr,
    set_global,
    set_nonlocal,
)
from dy2st.convert.attributes import globals_ as globals
from dy2st.convert.calls import call
from dy2st.convert.control_flow import if_
from dy2st.convert.iteration import iterate, mapping, unpack
from dy2st.convert.logical import and_, compare, ifexp, not_, or_, truth
from dy2st.convert.looping import for_, while_
from dy2st.convert.operators import binary
from dy2st.convert.outcome import BREAK, CONTINUE, ret
from dy2st.convert.places import UNBOUND
from dy2st.convert.running import Captured, result, run
from dy2st.convert.session import Session
from dy2st.convert.subscripts import aug, aug_item, del_item, get_item, set_item
from dy2st.convert.text import assert_, format_, join, print_
from dy2st.convert.trying import trying
from dy2st.convert.unions import Union
from dy2st.errors import Dy2stError
from dy2st.source.debugger import debugger

slice = slice

__all__ = [
    "BREAK",
    "CONTINUE",
    "UNBOUND",
    "Captured",
    "Dy2stError",
    "Scalar",
    "Session",
    "Union",
    "and_",
    "assert_",
    "aug",
    "aug_attr",
    "aug_item",
    "binary",
    "call",
    "compare",
    "debugger",
    "del_attr",
    "del_global",
    "del_item",
    "del_nonlocal",
    "for_",
    "format_",
    "frame_reader",
    "get_attr",
    "get_item",
    "globals",
    "if_",
    "ifexp",
    "iterate",
    "join",
    "local",
    "mapping",
    "not_",
    "or_",
    "print_",
    "result",
    "ret",
    "run",
    "set_attr",
    "set_global",
    "set_item",
    "set_nonlocal",
    "slice",
    "truth",
    "trying",
    "unpack",
    "while_",
]
