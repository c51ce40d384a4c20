"""The cache of compiled objects: trust nothing, survive everything."""

import ctypes
import os
import subprocess
import sys

import pytest

from dy2st.runtime.cpu.cache import ObjectCache, default_folder
from dy2st.runtime.cpu.llvm.engine import Engine

IR = "define i32 @{name}(i32 %x) {{\n%y = add i32 %x, {n}\nret i32 %y\n}}"


def compiled(folder, n=1):
    jit = Engine(ObjectCache(folder))
    address = jit.function(f"add {n}", lambda name: IR.format(name=name, n=n))
    assert ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int32)(address)(5) == 5 + n
    return jit.compiled


def test_second_process_compiles_nothing(tmp_path):
    assert compiled(tmp_path) == 1
    assert compiled(tmp_path) == 0
    assert compiled(tmp_path, 2) == 1


@pytest.mark.parametrize("damage", ["empty", "short", "flipped", "header", "foreign"])
def test_damaged_files_are_ignored_and_rebuilt(tmp_path, damage):
    compiled(tmp_path)
    (path,) = tmp_path.glob("*.o")
    data = bytearray(path.read_bytes())
    if damage == "empty":
        data = bytearray()
    elif damage == "short":
        data = data[:-7]
    elif damage == "flipped":
        data[-9] ^= 1
    elif damage == "header":
        data[0] ^= 1
    else:
        data[8:40] = bytes(32)
    path.write_bytes(data)
    assert compiled(tmp_path) == 1
    assert compiled(tmp_path) == 0


def test_other_host_or_version_has_another_key(tmp_path):
    cache = ObjectCache(tmp_path)
    cache.put("kernel\nhost a", b"A")
    assert cache.get("kernel\nhost a") == b"A"
    assert cache.get("kernel\nhost b") is None


def test_unwritable_folder_means_memory_only(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert compiled(blocked / "cache") == 1
    assert blocked.read_text() == "not a folder"


def test_the_folder_is_bounded(tmp_path):
    cache = ObjectCache(tmp_path, limit_bytes=10_000)
    for i in range(20):
        cache.put(f"key {i}", bytes(1000))
        path = cache._path(__import__("hashlib").sha256(f"key {i}".encode()).digest())
        os.utime(path, (i, i))
    cache.prune()
    assert sum(p.stat().st_size for p in tmp_path.glob("*.o")) <= 10_000
    assert cache.get("key 19") is not None
    assert cache.get("key 0") is None


def test_folder_from_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("DY2ST_CACHE_DIR", str(tmp_path / "a"))
    assert default_folder() == tmp_path / "a"
    monkeypatch.delenv("DY2ST_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "dy2st"


def test_several_processes_share_a_folder(tmp_path):
    code = (
        "import sys, pathlib; from dy2st.runtime.cpu.cache import ObjectCache\n"
        "c = ObjectCache(pathlib.Path(sys.argv[1]))\n"
        "for i in range(300):\n"
        "    c.put(f'k{i % 5}', bytes([i % 5]) * 5000)\n"
        "    got = c.get(f'k{(i + 1) % 5}')\n"
        "    assert got is None or got == bytes([(i + 1) % 5]) * 5000\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(3)]
    assert [p.wait(60) for p in running] == [0, 0, 0]
    assert not list(tmp_path.glob("*.tmp"))
