"""Buffers that a function sets in each call: what the next call does with the new tensors.

``self.state = self.state + x`` puts another tensor in the place of the one that the Program reads. A
Program depends on a buffer's type and value, not on which tensor it is, so the new one takes its
place (``Carried``); what is set without having been read does not matter at all (``made_anew``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dy2st.convert.places import AttrPlace
from dy2st.static import watch
from dy2st.static.weights import Weights

if TYPE_CHECKING:
    from dy2st.convert.running import Captured

Owned = tuple[int, str]  # id of a Layer, name of an attribute


@dataclass(frozen=True)
class Carried:
    """A buffer that the Program reads by ``name`` and that the call sets at ``place``."""

    place: AttrPlace
    name: str

    @property
    def owned(self) -> Owned:
        """How a snapshot of Layers knows it."""
        return id(self.place.owner), self.place.attribute

    def follow(self, weights: Weights) -> bool:
        """Let the Program read what stands there now; False where that is no tensor."""
        now = self.place.read()
        if now is not weights.tensors.get(self.name):
            if not isinstance(now, watch.Originals.Tensor) or not now._is_initialized():
                return False
            weights.replace(self.name, now)
        return True


def made_anew(captured: Captured, externals: Iterable[Any]) -> set[Owned]:
    """The attributes that each call sets without having read them."""
    read = {id(tensor) for tensor in externals}
    return {
        (id(place.owner), place.attribute)
        for place in _set(captured)
        if place.key not in captured.read_buffers and id(place.read()) not in read
    }


def carried(
    captured: Captured, weights: Weights, layers: Sequence[Any], returned: Sequence[Any]
) -> tuple[Carried, ...]:
    """The buffers that each call reads and sets, where nothing else knows the tensor."""
    names = {id(tensor): name for name, tensor in weights.tensors.items()}
    holders = Counter(id(b) for layer in layers for b in vars(layer)["_buffers"].values())
    elsewhere = {id(value) for _, value in captured.reads} | {id(tensor) for tensor in returned}
    out = []
    for place in _set(captured):
        tensor = place.read()
        buffers = vars(place.owner).get("_buffers", {})
        if buffers.get(place.attribute) is not tensor or id(tensor) not in names:
            continue
        if holders[id(tensor)] == 1 and id(tensor) not in elsewhere:
            out.append(Carried(place, names[id(tensor)]))
    return tuple(out)


def _set(captured: Captured) -> list[AttrPlace]:
    places = [place for place, _ in captured.effects if isinstance(place, AttrPlace)]
    return [place for place in places if hasattr(place.owner, "__dict__")]
