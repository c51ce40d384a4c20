"""Which function a loaded shared library calls under a given name.

A process may hold several OpenMP runtimes (libgomp of the system, libiomp5 of Paddle), and a
symbol search by name can find another one than the one a library was bound to. The truth stands
in the library's own relocation table; it is read here (ELF64, System V gABI chapters 4 and 5).
"""

from __future__ import annotations

import ctypes
import re
import struct
from mmap import ACCESS_READ, mmap
from pathlib import Path

import numpy as np

from dy2st.records import record

_SHT_RELA, _SHT_DYNSYM = 4, 11
_SLOTS = (6, 7, 1025, 1026)  # GLOB_DAT and JUMP_SLOT of x86-64 and of aarch64
_SYMBOL = np.dtype([("name", "<u4"), ("rest", "V20")])
_RELA = np.dtype([("offset", "<u8"), ("type", "<u4"), ("symbol", "<u4"), ("addend", "<i8")])


class _DlInfo(ctypes.Structure):
    _fields_ = [
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("symbol", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    ]


@record(frozen=True)
class Place:
    """Where an address lies: the file it was loaded from and that file's base address."""

    file: str
    base: int


def place_of(address: int) -> Place | None:
    """The shared library that ``address`` lies in, or None where it is in none (dladdr(3))."""
    info = _DlInfo()
    try:
        dladdr = ctypes.CDLL(None).dladdr
    except (OSError, AttributeError):
        return None
    dladdr.argtypes, dladdr.restype = [ctypes.c_void_p, ctypes.c_void_p], ctypes.c_int
    if not dladdr(address, ctypes.byref(info)) or not info.file:
        return None
    return Place(info.file.decode(), info.base or 0)


@record(frozen=True)
class _Section:
    kind: int
    offset: int
    size: int
    link: int

    def of(self, data: mmap) -> bytes:
        """The section's bytes."""
        return data[self.offset : self.offset + self.size]


def _sections(data: mmap) -> list[_Section]:
    start = struct.unpack_from("<Q", data, 0x28)[0]
    width, count = struct.unpack_from("<HH", data, 0x3A)
    out = []
    for index in range(count):
        at = start + index * width
        kind = struct.unpack_from("<I", data, at + 4)[0]
        offset, size, link = struct.unpack_from("<QQI", data, at + 24)
        out.append(_Section(kind, offset, size, link))
    return out


def relocations(path: str, names: frozenset[str]) -> dict[str, int]:
    """Offsets (from the base) of the slots through which the library calls each of ``names``.

    Returns {} for anything that is not a little-endian ELF64 file.
    """
    with Path(path).open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        return _relocations(data, names) if data[:6] == b"\x7fELF\x02\x01" else {}


def _relocations(data: mmap, names: frozenset[str]) -> dict[str, int]:
    # A large library has tens of thousands of entries: numpy finds the few that are wanted.
    sections = _sections(data)
    wanted: dict[int, str] = {}
    for section in sections:
        if section.kind != _SHT_DYNSYM:
            continue
        text = sections[section.link].of(data)
        symbols = np.frombuffer(section.of(data), _SYMBOL)["name"]
        for name in names:
            for place in re.finditer(re.escape(name).encode() + b"\0", text):
                # A name may be the tail of another one, which no symbol need be called.
                found = np.flatnonzero(symbols == place.start()).tolist()
                wanted.update(dict.fromkeys(found, name))
    slots: dict[str, int] = {}
    for section in sections:
        if section.kind != _SHT_RELA:
            continue
        table = np.frombuffer(section.of(data), _RELA)
        chosen = np.isin(table["symbol"], list(wanted)) & np.isin(table["type"], _SLOTS)
        for row in table[chosen]:
            slots[wanted[int(row["symbol"])]] = int(row["offset"])
    return slots


def bound_functions(address: int, names: frozenset[str]) -> dict[str, int]:
    """Addresses that the library holding ``address`` is bound to for each of ``names``.

    Names that the library does not import are left out. The library must have been bound at
    load (RTLD_NOW), or a slot may still hold the address of its own stub; such slots are dropped.
    """
    place = place_of(address)
    if place is None:
        return {}
    out: dict[str, int] = {}
    for name, offset in relocations(place.file, names).items():
        value = ctypes.c_uint64.from_address(place.base + offset).value
        there = place_of(value)
        if there is not None and there.base != place.base:
            out[name] = value
    return out
