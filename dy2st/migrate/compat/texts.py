"""What ``paddle.compat`` had for programs that ran on Python 2 and 3."""

import math


def to_text(obj, encoding="utf-8", inplace=False):
    """``obj``, or all in a list, set or dict, as text; None, bools and floats as they are."""
    return converted(obj, inplace, lambda x: x.decode(encoding) if isinstance(x, bytes) else str(x))


def to_bytes(obj, encoding="utf-8", inplace=False):
    """``obj``, or all in a list, set or dict, as bytes; None, bools and floats as they are."""
    return converted(obj, inplace, lambda x: x if isinstance(x, bytes) else str(x).encode(encoding))


def converted(obj, inplace, convert):
    """``convert`` of ``obj`` or of each item of a container, put back into it where asked for."""
    if isinstance(obj, dict):
        items = {converted(k, False, convert): converted(v, False, convert) for k, v in obj.items()}
    elif isinstance(obj, (list, set)):
        items = [converted(item, False, convert) for item in obj]
    else:
        return obj if obj is None or isinstance(obj, (bool, float)) else convert(obj)
    if not inplace:
        return type(obj)(items)
    obj.clear()
    (obj.extend if isinstance(obj, list) else obj.update)(items)
    return obj


def round_half_up(x, d=0):
    """``x`` rounded to ``d`` digits, halves away from zero."""
    if x == 0:
        return math.copysign(0.0, x)
    moved = x * 10**d + math.copysign(0.5, x)
    return float(math.floor(moved) if x > 0 else math.ceil(moved)) / 10**d


def floor_division(x, y):
    """``x // y``."""
    return x // y


def get_exception_message(exc):
    """The text of an exception."""
    return str(exc)
