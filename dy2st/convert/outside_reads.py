"""What a capture read from outside of the call: each first read becomes a guard."""

from __future__ import annotations

from typing import Any

from dy2st.convert.frames import Frame
from dy2st.convert.freezing import DefaultsPlace, EnvironmentPlace, contents_of, frozen
from dy2st.convert.places import Key, KeyPlace, Place
from dy2st.convert.reach import CONTAINERS


class OutsideReads:
    """The part of a Session that notes reads. A place that the call wrote first is none of them."""

    def __init__(self, recorder: Any) -> None:
        self.recorder = recorder
        self.reads: dict[Key, tuple[Place, Any]] = {}
        self.read_buffers: set[Key] = set()
        self.outside: list[Any] = []  # roots of what the caller may see
        self.namespaces: set[int] = set()
        # By key, with the place: a key holds an id, which is somebody else's once its owner is gone.
        # The number says in which order places were first touched.
        self._written: dict[Key, tuple[int, Place]] = {}
        self._entered: dict[int, Any] = {}

    def read(self, place: Place, value: Any) -> Any:
        """Note the first read of a place from outside of the call; returns ``value``."""
        key = place.key
        if key not in self._written and key not in self.reads:
            self.reads[key] = (place, value)
        return value

    def read_buffer(self, place: Place) -> None:
        """Note that a buffer of a Layer is read before the call writes it."""
        if place.key not in self._written:
            self.read_buffers.add(place.key)

    def enter_function(self, function: Any, converted: Any) -> None:
        """A function from outside runs here: note the globals and cells that it may read."""
        if id(function) in self._entered:
            return
        self._entered[id(function)] = function
        self.outside.append(function)
        files = getattr(self.recorder, "user_files", None)
        if files is not None:
            files.add(function.__code__.co_filename)
        namespace = function.__globals__
        self.namespaces.add(id(namespace))
        self.outside.extend(v for v in list(namespace.values()) if isinstance(v, CONTAINERS))
        for name in converted.global_names:
            if name in namespace:
                self._note(KeyPlace(namespace, f"global {name}", name))
        for place in Frame.of((function,)).places():
            self._note(place)
        given = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
        if any(contents_of(value) is not None for value in given):
            self._note(DefaultsPlace(function, f"the defaults of {function.__name__}"))

    def _note(self, place: Place) -> None:
        value = place.read()
        if type(value).__name__ != "SymbolicTensor":
            self.read(place, frozen(value))

    def note_environment(self) -> None:
        """The environment of the process was read."""
        place = EnvironmentPlace()
        self.read(place, place.read())
