"""Profiling of whole blocks: the time is printed; paddle.profiler says more."""

import contextlib
import time


@contextlib.contextmanager
def profiler(state="All", sorted_key=None, profile_path="/tmp/profile", tracer_option="Default"):
    """Time what runs inside."""
    start_profiler(state, tracer_option)
    try:
        yield
    finally:
        stop_profiler(sorted_key, profile_path)


@contextlib.contextmanager
def cuda_profiler(output_file, output_mode=None, config=None):
    """Nothing: NVIDIA's own tools took its place."""
    yield


def start_profiler(state="All", tracer_option="Default"):
    """Begin to time."""
    running_profilers.append(time.perf_counter())


def stop_profiler(sorted_key=None, profile_path="/tmp/profile"):
    """End and print the time."""
    if running_profilers:
        print("profiled %.6f s" % (time.perf_counter() - running_profilers.pop()))


def reset_profiler():
    """Begin anew."""
    if running_profilers:
        running_profilers[-1] = time.perf_counter()


running_profilers = shared("running_profilers", [])
