"""Runs scripts under the recorder, each in a forked process of its own with a time limit.

Usage: python docstring_server.py RECORDER PLAN. PLAN is a JSON file ``{"jobs": [{"script",
"record", "initial", "seconds"}]}``; stands on Python 3.7 and later. What a script prints, what it
leaves at module level, what it fetched and what its programs give on made-up feeds
(``exercise.py``) are written to ``record``.
"""

import importlib.util
import json
import os
import signal
import sys
import time
import warnings


def load_module(path):
    """A module, wherever it lies."""
    name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write(path, value):
    """Write JSON so that a reader never sees half of it."""
    with open(path + ".part", "w") as stream:
        json.dump(value, stream)
    os.replace(path + ".part", path)


def child(recorder, job, old, exercised):
    """Run one script and leave its record; never returns. ``exercised``: and what it has built."""
    code = 1
    try:
        folder = os.path.dirname(job["script"])
        os.chdir(folder)
        job["folder"] = folder
        printed = os.path.join(folder, "printed.txt")
        out = os.open(printed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(out, 1)
        os.dup2(out, 2)
        sys.stderr = open(os.devnull, "w")
        more = After(out, job, old) if exercised else None
        record = recorder.run_script(job, old, more)
        sys.stdout.flush()
        with open(printed, encoding="utf-8", errors="replace") as stream:
            record["printed"] = stream.read(200000 if more is None else more.printed)
        if more is not None:
            record["exercised"] = more.done
        write(job["record"], record)
        code = 0
    finally:
        os._exit(code)


class After:
    """Exercises what an example has built, once it is done."""

    def __init__(self, out, job, old):
        here = os.path.dirname(os.path.abspath(__file__))
        self.exercise = load_module(os.path.join(here, "exercise.py"))
        self.plan = None
        if not old:
            with open(job["initial"]) as stream:
                self.plan = json.load(stream).get("exercised")
        self.out, self.old = out, old
        self.done, self.printed = None, 200000

    def __call__(self, recorder, names):
        sys.stdout.flush()
        self.printed = min(os.fstat(self.out).st_size, self.printed)
        if self.old or self.plan is not None:
            self.done = self.exercise.exercise(recorder, names, self.plan)


def wait(pid, seconds):
    """The status of a child, or None when its time ran out and it was ended."""
    end = time.time() + seconds
    pause = 0.002
    while time.time() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:  # it has no group of its own yet
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return None


def main(recorder_path, plan):
    """Run all jobs of a plan."""
    os.environ.setdefault("GLOG_minloglevel", "3")
    warnings.simplefilter("ignore")
    recorder = load_module(recorder_path)
    with open(plan) as stream:
        jobs = json.load(stream)["jobs"]
    import paddle

    old = paddle.__version__.startswith(("0.", "1."))
    if old:
        import paddle.fluid  # noqa: F401
    for job in jobs:
        for exercised in (True, False):  # a made-up feed may end the process: then without it
            pid = os.fork()
            if not pid:
                os.setpgid(0, 0)
                child(recorder, job, old, exercised)
            status = wait(pid, job.get("seconds", 30))
            if os.path.exists(job["record"]):
                break
        if not os.path.exists(job["record"]):
            error = "time is up" if status is None else "the process died (status %s)" % status
            write(job["record"], {"parameters": [], "steps": [], "error": error, "printed": ""})
        print(job["record"], flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
