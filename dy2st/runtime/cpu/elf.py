"""Which function a loaded shared library calls under a given name.

A process may hold several OpenMP runtimes (libgomp of the system, libiomp5 of Paddle), and a
symbol search by name can find another one than the one a library was bound to. The truth stands
in the library's own relocation table; it is read here (ELF64, System V gABI chapters 4 and 5).
"""

from __future__ import annotations

import ctypes
import struct
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path

_SHT_RELA, _SHT_DYNSYM = 4, 11
_JUMP_SLOTS = (6, 7, 1025, 1026)  # GLOB_DAT and JUMP_SLOT of x86-64 and of aarch64


class _DlInfo(ctypes.Structure):
    _fields_ = [
        ("file", ctypes.c_char_p),
        ("base", ctypes.c_void_p),
        ("symbol", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
    ]


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class _Section:
    kind: int
    offset: int
    size: int
    link: int


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


def _text(data: mmap, at: int) -> str:
    return data[at : data.find(b"\0", at)].decode(errors="replace")


def relocations(path: str, names: frozenset[str]) -> dict[str, int]:
    """Offsets (from the base) of the slots through which the library calls each of ``names``.

    Returns {} for anything that is not a little-endian ELF64 file.
    """
    with Path(path).open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        return _relocations(data, names) if data[:6] == b"\x7fELF\x02\x01" else {}


def _relocations(data: mmap, names: frozenset[str]) -> dict[str, int]:
    sections = _sections(data)
    wanted: dict[int, str] = {}
    for section in sections:
        if section.kind != _SHT_DYNSYM:
            continue
        strings = sections[section.link].offset
        for index in range(section.size // 24):
            name = struct.unpack_from("<I", data, section.offset + index * 24)[0]
            text = _text(data, strings + name)
            if text in names:
                wanted[index] = text
    found: dict[str, int] = {}
    for section in sections:
        if section.kind != _SHT_RELA:
            continue
        table = data[section.offset : section.offset + section.size]
        for offset, info, _ in struct.iter_unpack("<QQq", table):
            if info & 0xFFFFFFFF in _JUMP_SLOTS and info >> 32 in wanted:
                found[wanted[info >> 32]] = offset
    return found


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
