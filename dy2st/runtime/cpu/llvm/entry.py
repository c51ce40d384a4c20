"""The entry of a kernel: its chunks on one thread, or shared by several."""

from __future__ import annotations

import platform

MAIN = """
define internal void @{name}.work(ptr %context) #0 {{
entry:
%ptrs = load ptr, ptr %context
%sizes.at = getelementptr i8, ptr %context, i64 8
%sizes = load ptr, ptr %sizes.at
%next.at = getelementptr i8, ptr %context, i64 16
%status = getelementptr i8, ptr %context, i64 24
%chunks = load i64, ptr %sizes
br label %loop
loop:
%c = atomicrmw add ptr %next.at, i64 1 monotonic
%more = icmp slt i64 %c, %chunks
br i1 %more, label %run, label %done
run:
call void @{name}.chunk(ptr %ptrs, ptr %sizes, i64 %c, ptr %status)
br label %loop
done:
ret void
}}

define i32 @{name}(ptr %ptrs, ptr %sizes) #0 {{
entry:
%context = alloca [4 x i64], align 16
store ptr %ptrs, ptr %context
%sizes.at = getelementptr i8, ptr %context, i64 8
store ptr %sizes, ptr %sizes.at
%next.at = getelementptr i8, ptr %context, i64 16
store i64 0, ptr %next.at
%status = getelementptr i8, ptr %context, i64 24
store i32 0, ptr %status
%chunks = load i64, ptr %sizes
%one = icmp sle i64 %chunks, 1
br i1 %one, label %alone, label %many
alone:
call void @{name}.work(ptr %context)
br label %end
many:
%table.at = getelementptr ptr, ptr %ptrs, i64 {table}
%table = load ptr, ptr %table.at
%parallel = load ptr, ptr %table
%none = icmp eq ptr %parallel, null
br i1 %none, label %alone, label %fork
fork:
%threads = trunc i64 %chunks to i32
call void %parallel(ptr @{name}.work, ptr %context, i32 %threads, i32 0)
br label %end
end:
%result = load i32, ptr %status
ret i32 %result
}}
"""


def converts_half(vector_bytes: int) -> bool:
    """Whether the machine converts float16: on x86, F16C came before AVX2."""
    return vector_bytes >= 32 or platform.machine() not in ("x86_64", "AMD64")


def assemble(name: str, chunk: str, declared: list[str], table: int, vector_bytes: int) -> str:
    """A module from the function of one chunk, ``@{name}.chunk``; ``table`` is the place of the
    table of run-time functions in ``ptrs``."""
    bits = vector_bytes * 8
    attributes = (
        f'attributes #0 = {{ nounwind "prefer-vector-width"="{bits}" '
        f'"min-legal-vector-width"="{bits}" "no-trapping-math"="true" }}\n'
        '!0 = !{!"branch_weights", i32 1, i32 2000}\n'
    )
    entry = MAIN.format(name=name, table=table)
    return "\n".join((*declared, chunk, entry, attributes))
