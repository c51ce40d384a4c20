"""``paddle.compat`` of 1.8: text and rounding for Python 2 and 3."""

import math
import os
import subprocess

import paddle


def to_text(obj, encoding="utf-8", inplace=False):
    """``obj`` with bytes decoded; lists, sets and dicts item by item, in place where asked for."""
    return each_item(obj, lambda item: as_text(item, encoding), inplace)


def to_bytes(obj, encoding="utf-8", inplace=False):
    """``obj`` with text encoded; lists and sets item by item, in place where asked for."""
    if isinstance(obj, dict):
        raise TypeError("to_bytes takes no dict")
    return each_item(obj, lambda item: as_bytes(item, encoding), inplace)


def as_text(item, encoding):
    """One item of ``to_text``; what is no bytes is left alone."""
    return item.decode(encoding) if isinstance(item, bytes) else item


def as_bytes(item, encoding):
    """One item of ``to_bytes``."""
    return item if item is None or isinstance(item, bytes) else item.encode(encoding)


def each_item(obj, change, inplace):
    """``change`` of each item of a container, or of ``obj`` itself."""
    if isinstance(obj, dict):
        made = {change(key): change(value) for key, value in obj.items()}
    elif isinstance(obj, (list, set)):
        made = type(obj)(change(item) for item in obj)
    else:
        return change(obj)
    if not inplace:
        return made
    if isinstance(obj, list):
        obj[:] = made
    else:
        if isinstance(obj, set):  # a dict of 1.8 kept its old keys, too
            obj.clear()
        obj.update(made)
    return obj


def round_half_up(x, d=0):
    """``x`` rounded to ``d`` places, halves away from zero (Python's own go to even numbers)."""
    if x == 0 or x != x:
        return math.copysign(0.0, x)
    power = 10**d
    away = math.floor if x > 0 else math.ceil
    return float(away(x * power + math.copysign(0.5, x))) / power


def floor_division(x, y):
    """``x // y``."""
    return x // y


def get_exception_message(exc):
    """An exception's text."""
    assert exc is not None
    return str(exc)


long_type = int


def run_cmd(cmd, time_out=-1, sleep_inter=-1):
    """What a shell command prints; ``time_out`` is in milliseconds."""
    limit = time_out / 1000 if time_out >= 0 else None
    return subprocess.run(cmd, shell=True, stdout=subprocess.PIPE, text=True, timeout=limit).stdout


# What operators raise, for ``except`` and ``isinstance``.
EnforceNotMet = (
    RuntimeError,
    ValueError,
    IndexError,
    MemoryError,
    SystemError,
    OSError,
    paddle.base.core.EnforceNotMet,
)


def cuda_pinned_places(device_count=None):
    """Pinned memory, once a device."""
    assert paddle.is_compiled_with_cuda(), "Not compiled with CUDA"
    count = device_count or int(os.environ.get("CPU_NUM", 1))
    return [paddle.CUDAPinnedPlace()] * count
