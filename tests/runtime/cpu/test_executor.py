"""The executor's instructions, alone."""

import ctypes

import numpy as np
import pytest

from dy2st.errors import InternalError
from dy2st.runtime.cpu.executor import CALLBACK, Assembler, executor, guarded


def test_loop_with_callback_branch_and_poll():
    state = np.array([5], np.int64)
    flag = np.array([1], np.uint8)
    polled = []

    def step(user):
        state[0] -= user
        flag[0] = state[0] > 0
        return 0

    asm = Assembler()
    top, done = asm.label(), asm.label()
    asm.bind(top)
    asm.branch_if_false(flag.ctypes.data, done)
    asm.callback(step, 2)
    asm.poll(lambda user: polled.append(user) or 0, 7, interval=0)
    asm.jump(top)
    asm.bind(done)
    table = asm.finish([top, done])
    assert executor().run(table.ctypes.data) == (0, 0)
    assert state[0] == -1
    assert polled == [7, 7, 7]


def test_poll_waits_for_its_interval():
    polled = []
    asm = Assembler()
    for _ in range(3):
        asm.poll(lambda user: polled.append(user) or 0, 1, interval=1 << 62)
    table = asm.finish()
    executor().run(table.ctypes.data)
    assert len(polled) <= 3
    polled.clear()
    executor().run(table.ctypes.data)
    assert polled == []


def test_a_failure_stops_and_names_its_instruction():
    failures, ran = [], []

    def boom(user):
        raise ValueError(user)

    asm = Assembler()
    asm.callback(lambda user: ran.append(user) or 0, 1)
    asm.callback(guarded(boom, failures, status=-3), 42)
    asm.callback(lambda user: ran.append(user) or 0, 2)
    table = asm.finish()
    assert executor().run(table.ctypes.data) == (-3, 1)
    assert ran == [1]
    assert failures[0].args == (42,)
    assert executor().run(table.ctypes.data, 2) == (0, 0)
    assert ran == [1, 2]


def test_memory_instructions():
    source = np.arange(10, dtype=np.uint8)
    target = np.zeros(10, np.uint8)
    slots = np.array([source.ctypes.data, 0], np.int64)
    pair = np.array([1, 2], np.int64)
    seen = []
    handle_type = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)
    set_handle = handle_type(lambda memory, pointer: seen.append((memory, pointer)) or 0)
    asm = Assembler()
    asm.memset(target.ctypes.data, 9, 10)
    asm.memcpy(target.ctypes.data + 2, source.ctypes.data + 3, 4)
    asm.load_pointer(slots.ctypes.data + 8, slots.ctypes.data, 5)
    asm.swap(pair.ctypes.data, pair.ctypes.data + 8)
    asm.store(pair.ctypes.data, -4)
    asm.set_handle(ctypes.cast(set_handle, ctypes.c_void_p).value, 77, slots.ctypes.data, 1)
    table = asm.finish()
    assert executor().run(table.ctypes.data) == (0, 0)
    assert target.tolist() == [9, 9, 3, 4, 5, 6, 9, 9, 9, 9]
    assert slots[1] == source.ctypes.data + 5
    assert pair.tolist() == [-4, 1]
    assert seen == [(77, source.ctypes.data + 1)]


def test_native_two_and_four_argument_calls():
    kernel_type = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p)
    primitive_type = ctypes.CFUNCTYPE(
        ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int32, ctypes.c_void_p
    )
    seen = []
    kernel = kernel_type(lambda p, s: seen.append((p, s)) or 0)
    primitive = primitive_type(lambda *a: seen.append(a) or 6)
    asm = Assembler()
    asm.call_kernel(ctypes.cast(kernel, ctypes.c_void_p).value, 1, 2)
    asm.call_primitive(ctypes.cast(primitive, ctypes.c_void_p).value, 3, 4, 5, 6)
    table = asm.finish()
    assert executor().run(table.ctypes.data) == (6, 1)
    assert seen == [(1, 2), (3, 4, 5, 6)]


def test_an_unknown_opcode_and_an_unbound_label_are_refused():
    table = np.full((1, 8), 99, np.int64)
    assert executor().run(table.ctypes.data) == (-(1 << 31), 0)
    asm = Assembler()
    label = asm.label()
    asm.jump(label)
    with pytest.raises(InternalError):
        asm.finish([label])


def test_profile_counts_each_instruction():
    asm = Assembler()
    buffer = np.zeros(1 << 16, np.uint8)
    asm.store(buffer.ctypes.data, 1)
    asm.memset(buffer.ctypes.data, 0, buffer.size)
    table = asm.finish()
    cycles = np.zeros(len(table), np.uint64)
    assert executor().profile(table.ctypes.data, cycles) == (0, 0)
    assert cycles[1] >= cycles[0]
    assert isinstance(CALLBACK(lambda u: 0), CALLBACK)
