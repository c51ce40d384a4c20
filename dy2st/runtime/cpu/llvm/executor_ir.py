"""The LLVM IR of the executor: a loop around a switch; see ``runtime/cpu/executor.py``."""

from __future__ import annotations

import platform

WIDTH = 8
OPCODES = {
    name: number
    for number, name in enumerate(
        (
            "end",
            "call2",
            "call_primitive",
            "call1",
            "jump",
            "branch_if_false",
            "poll",
            "memcpy",
            "memset",
            "load_pointer",
            "set_handle",
            "swap",
            "store",
        )
    )
}

# Each body sees %row (pointer to the instruction), %a1.. loaded as i64 by `_body`, and ends in a
# branch to %next, %check (with a status) or %go (with a target).
_BODIES: dict[str, tuple[int, str]] = {
    "end": (0, "ret i64 0"),
    "call2": (
        3,
        """%f{n} = inttoptr i64 %a1.{n} to ptr
%p{n} = inttoptr i64 %a2.{n} to ptr
%q{n} = inttoptr i64 %a3.{n} to ptr
%s{n} = call i32 %f{n}(ptr %p{n}, ptr %q{n})
br label %check""",
    ),
    "call_primitive": (
        5,
        """%f{n} = inttoptr i64 %a1.{n} to ptr
%p{n} = inttoptr i64 %a2.{n} to ptr
%q{n} = inttoptr i64 %a3.{n} to ptr
%k{n} = trunc i64 %a4.{n} to i32
%r{n} = inttoptr i64 %a5.{n} to ptr
%s{n} = call i32 %f{n}(ptr %p{n}, ptr %q{n}, i32 %k{n}, ptr %r{n})
br label %check""",
    ),
    "call1": (
        2,
        """%f{n} = inttoptr i64 %a1.{n} to ptr
%s{n} = call i32 %f{n}(i64 %a2.{n})
br label %check""",
    ),
    "jump": (1, "br label %go"),
    "branch_if_false": (
        2,
        """%p{n} = inttoptr i64 %a1.{n} to ptr
%v{n} = load i8, ptr %p{n}
%z{n} = icmp eq i8 %v{n}, 0
br i1 %z{n}, label %go, label %next""",
    ),
    "poll": (
        4,
        """%p{n} = inttoptr i64 %a1.{n} to ptr
%last = load i64, ptr %p{n}
{now}
%since = sub i64 %now, %last
%due = icmp uge i64 %since, %a2.{n}
br i1 %due, label %polling, label %next
polling:
store i64 %now, ptr %p{n}
%f{n} = inttoptr i64 %a3.{n} to ptr
%s{n} = call i32 %f{n}(i64 %a4.{n})
br label %check""",
    ),
    "memcpy": (
        3,
        """%p{n} = inttoptr i64 %a1.{n} to ptr
%q{n} = inttoptr i64 %a2.{n} to ptr
call void @llvm.memcpy.p0.p0.i64(ptr %p{n}, ptr %q{n}, i64 %a3.{n}, i1 false)
br label %next""",
    ),
    "memset": (
        3,
        """%p{n} = inttoptr i64 %a1.{n} to ptr
%v{n} = trunc i64 %a2.{n} to i8
call void @llvm.memset.p0.i64(ptr %p{n}, i8 %v{n}, i64 %a3.{n}, i1 false)
br label %next""",
    ),
    "load_pointer": (
        3,
        """%p{n} = inttoptr i64 %a1.{n} to ptr
%q{n} = inttoptr i64 %a2.{n} to ptr
%v{n} = load i64, ptr %q{n}
%w{n} = add i64 %v{n}, %a3.{n}
store i64 %w{n}, ptr %p{n}
br label %next""",
    ),
    "set_handle": (
        4,
        """%f{n} = inttoptr i64 %a1.{n} to ptr
%p{n} = inttoptr i64 %a2.{n} to ptr
%q{n} = inttoptr i64 %a3.{n} to ptr
%v{n} = load i64, ptr %q{n}
%w{n} = add i64 %v{n}, %a4.{n}
%h{n} = inttoptr i64 %w{n} to ptr
%s{n} = call i32 %f{n}(ptr %p{n}, ptr %h{n})
br label %check""",
    ),
    "swap": (
        2,
        """%p{n} = inttoptr i64 %a1.{n} to ptr
%q{n} = inttoptr i64 %a2.{n} to ptr
%v{n} = load i64, ptr %p{n}
%w{n} = load i64, ptr %q{n}
store i64 %w{n}, ptr %p{n}
store i64 %v{n}, ptr %q{n}
br label %next""",
    ),
    "store": (
        2,
        """%p{n} = inttoptr i64 %a1.{n} to ptr
store i64 %a2.{n}, ptr %p{n}
br label %next""",
    ),
}

# The cycle counter needs no privilege on x86 only; elsewhere calls are counted, scaled.
_CYCLES = "%now = call i64 @llvm.readcyclecounter()"
_COUNT = "%now = add i64 %last, 1048576\nstore i64 %now, ptr %p{n}"


def _has_cycles() -> bool:
    return platform.machine().lower() in ("x86_64", "amd64", "i686")


def _body(name: str, number: int) -> str:
    count, text = _BODIES[name]
    lines = [f"op{number}:"]
    for i in range(1, count + 1):
        lines.append(f"%g{i}.{number} = getelementptr i64, ptr %row, i64 {i}")
        lines.append(f"%a{i}.{number} = load i64, ptr %g{i}.{number}")
    text = text.replace("{now}", _CYCLES if _has_cycles() else _COUNT)
    lines.append(text.replace("{n}", str(number)))
    return "\n".join(lines)


def _profile(stage: str) -> str:
    if stage == "start":
        return "%t0 = call i64 @llvm.readcyclecounter()"
    # The time of a jump is booked on the jump itself.
    return """%t1{s} = call i64 @llvm.readcyclecounter()
%dt{s} = sub i64 %t1{s}, %t0
%slot{s} = getelementptr i64, ptr %times, i64 %pc
%old{s} = load i64, ptr %slot{s}
%sum{s} = add i64 %old{s}, %dt{s}
store i64 %sum{s}, ptr %slot{s}""".replace("{s}", stage)


def executor_ir(name: str, profile: bool) -> str:
    """The module of the executor called ``name``; ``profile`` adds cycles to its third argument."""
    profile = profile and _has_cycles()
    number = OPCODES
    checks = [k for k, (_, text) in _BODIES.items() if "label %check" in text]
    jumps = {"jump": "a1", "branch_if_false": "a2"}

    def origin(op: str) -> str:
        return "%polling" if op == "poll" else f"%op{number[op]}"

    status = ", ".join(f"[ %s{number[op]}, {origin(op)} ]" for op in checks)
    target = ", ".join(f"[ %{a}.{number[op]}, %op{number[op]} ]" for op, a in jumps.items())
    cases = " ".join(f"i64 {n}, label %op{n}" for n in number.values())
    bodies = "\n".join(_body(op, n) for op, n in number.items())
    return f"""
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
declare i64 @llvm.readcyclecounter()

define i64 @{name}(ptr %table, i64 %start, ptr %times) {{
entry:
br label %loop
loop:
%pc = phi i64 [ %start, %entry ], [ %after, %next ], [ %target, %go ]
%offset = mul i64 %pc, {WIDTH * 8}
%row = getelementptr i8, ptr %table, i64 %offset
%op = load i64, ptr %row
{_profile("start") if profile else ""}
switch i64 %op, label %bad [ {cases} ]
{bodies}
bad:
br label %fail
check:
%status = phi i32 {status}
%ok = icmp eq i32 %status, 0
br i1 %ok, label %next, label %fail
next:
{_profile("next") if profile else ""}
%after = add i64 %pc, 1
br label %loop
go:
%target = phi i64 {target}
{_profile("go") if profile else ""}
br label %loop
fail:
%code = phi i32 [ %status, %check ], [ -2147483648, %bad ]
%low = zext i32 %code to i64
%high = shl i64 %pc, 32
%packed = or i64 %low, %high
ret i64 %packed
}}
"""
