"""What a capture saw of Layers and of the process: checked again when something may have changed.

Reads of user code are guarded place by place (``convert`` notes them). Code of Paddle's own layers is
not converted, so everything plain that such a layer holds is compared: its ``training`` flag,
plain attributes, hooks, and which sublayers, parameters and buffers it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from dy2st.errors import GuardError
from dy2st.static.structure import PLAIN
from dy2st.static.watch import Clock, Originals, extends_library

_TABLES = ("_sub_layers", "_parameters", "_buffers", "_forward_pre_hooks", "_forward_post_hooks")
_MAX_ITEMS = 64


class LayerSnapshot:
    """The state of a set of Layers, compared only when some Layer of the process changed.

    ``ignored`` are (id of a Layer, name) of attributes that do not matter.
    """

    def __init__(self, layers: Iterable[Any], ignored: Iterable[tuple[int, str]] = ()) -> None:
        self._ignored = frozenset(ignored)
        self._states = [(layer, self._state(layer)) for layer in layers]
        self._training = [layer.training for layer, _ in self._states]
        self._seen = Clock.layers

    def matches(self) -> bool:
        """Whether all of them are as they were."""
        now = Clock.layers
        if now == self._seen:
            return True
        if all(self._state(layer) == state for layer, state in self._states):
            self._seen = now
            return True
        return False

    @contextmanager
    def as_captured(self) -> Iterator[None]:
        """Inside, ``train()`` and ``eval()`` are as they were. Raises GuardError for other changes."""
        flags: list[tuple[Any, bool]] = []
        if not self.matches():
            flags = [(layer, layer.training) for layer, _ in self._states]
            for (layer, _), training in zip(self._states, self._training):
                layer.training = training
            if not self.matches():
                for layer, training in flags:
                    layer.training = training
                raise GuardError(f"{self.difference()} between a call and its backward()")
        try:
            yield
        finally:
            for layer, training in flags:
                layer.training = training

    def difference(self) -> str:
        """What changed, for debug level 1."""
        for layer, state in self._states:
            now = self._state(layer)
            if now != state:
                names = [a[0] for a, b in zip(now, state) if a != b] or ["an attribute"]
                return f"{type(layer).__name__}.{names[0]} changed"
        return "nothing changed"

    def _state(self, layer: Any) -> tuple[Any, ...]:
        state = _state(layer)
        if not self._ignored:
            return state
        names = {name for owner, name in self._ignored if owner == id(layer)}
        if not names:
            return state
        without = lambda held: tuple(pair for pair in held if pair[0] not in names)  # noqa: E731
        return tuple((k, without(v)) if k in _TABLES else (k, v) for k, v in state)


def _state(layer: Any) -> tuple[Any, ...]:
    attributes = vars(layer)
    tables = tuple(
        (t, tuple((k, id(v)) for k, v in attributes[t].items())) for t in _TABLES if t in attributes
    )
    # A `forward` of its own shadows the class's.
    plain: tuple[Any, ...] = (
        ("training", layer.training),
        ("forward", id(attributes.get("forward"))),
    )
    if extends_library(layer.__class__):
        plain = tuple((k, _key(v)) for k, v in attributes.items() if k not in _TABLES)
    return (*plain, *tables)


def _key(value: Any) -> Any:
    if isinstance(value, PLAIN):
        return (type(value), value)
    if isinstance(value, (list, tuple)) and len(value) <= _MAX_ITEMS:
        return tuple(_key(v) for v in value)
    return id(value)


def process_state() -> Any:
    """State of the process that operations read without being asked: the default dtype.

    AMP is not part of it: with AMP in force nothing is captured and no Program runs.
    """
    return Originals.defaults._LayerHelperBase__dtype


def random_state() -> tuple[Any, ...]:
    """The states of Python's and numpy's global generators, to see whether a capture drew from them."""
    import random

    import numpy as np

    state: Any = np.random.get_state()
    kind, keys, *rest = state
    return (random.getstate(), kind, hash(keys.tobytes()), *rest)
