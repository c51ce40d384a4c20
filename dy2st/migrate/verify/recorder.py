"""Runs scripts on either Paddle and writes down what they compute; stands on Python 3.7 and later.

Usage: python recorder.py PLAN. PLAN is a JSON file ``{"jobs": [{"script", "arguments", "record",
"initial"}]}``. ``record`` gets what was fetched; ``initial`` is the record of another run, whose
first parameter values and random draws this run uses: parameters by name, else by order of creation
and shape; draws by order, kind and shape. Drawn arrays lie beside the record, in ``.draws``, and so
do large ones of any kind, in ``.arrays``, unless the job says ``inline``.
"""

import importlib.util
import json
import math
import os
import random
import re
import runpy
import sys
import traceback
import warnings

AUTOMATIC = re.compile(r"_\d+\.[wb]_\d+$")
TENSORS = (
    "VarBase",
    "Tensor",
    "LoDTensor",
    "DenseTensor",
    "EagerParamBase",
    "ParamBase",
    "ComplexVariable",
)
STATE_OF_OPTIMIZERS = ("global_step", "LR_Scheduler")  # keys; written in another form now
LARGE = 1000  # values; arrays with more are written as bytes


class Recorder:
    """What one run fetched and drew, and the parameters that it started from."""

    def __init__(self, script, record, initial, inline=False):
        import numpy as np

        self.script = os.path.realpath(script)
        self.folder = os.path.dirname(self.script)
        self.initial = None
        self.drawn = None
        self.first_values = initial + ".arrays" if initial else ""
        if initial:
            with open(initial) as stream:
                content = json.load(stream)
            self.initial, self.draws = content["parameters"], content.get("draws", [])
            if self.draws:
                self.drawn = open(initial + ".draws", "rb")
        else:
            self.draws = []
        self.parameters = []
        self.steps = []
        self.used = set()
        self.globals = {}
        self.running = 0  # inside a run of a program: what is read there is no result
        self.nudge = False
        self.creating = 0  # inside create_parameter: its draws are initial values
        self.lost = []  # draws that cannot be replayed: {"step", "what", "place", "wrong"}
        self.ordered = True  # the draws of both runs still go in step
        self.next = 0
        self.target = record
        self.save = None
        self.arrays = None
        self.inline = inline
        self.np = np

    def caller(self):
        """File and line of the user's code that is running."""
        frame = sys._getframe(2)
        while frame is not None:
            if self.owns(frame):
                name = os.path.realpath(frame.f_code.co_filename)
                return "%s:%d" % (os.path.relpath(name, self.folder), frame.f_lineno)
            frame = frame.f_back
        return ""

    def owns(self, frame):
        """Whether a frame is the user's own code."""
        name = os.path.realpath(frame.f_code.co_filename)
        inside = name.startswith(self.folder + os.sep)
        helper = os.path.basename(name).startswith("fluid_compat")
        return inside and not helper and not frame.f_code.co_name.startswith("_fluid_")

    def fetched(self, kind, values, place, feed=None):
        """Write down what one run of a program, or one read of a tensor, gave, and the feed's sums."""
        step = {"kind": kind, "place": place, "values": [self.plain(v) for v in values]}
        feed = feed[0] if isinstance(feed, (list, tuple)) and feed else feed
        if isinstance(feed, dict):
            step["fed"] = {}
            for name, value in feed.items():
                array = self.np.array(value)
                if array.dtype.kind in "biuf":
                    step["fed"][name] = float("%.6g" % array.astype("float64").sum())
        self.steps.append(step)

    def watch_reads(self, tensor):
        """Replacements for a tensor class's ``numpy`` and ``backward`` that write down the values."""
        numpy_, backward = tensor.numpy, tensor.backward

        def watched_numpy(value, *args, **kwargs):
            array = numpy_(value, *args, **kwargs)
            if not self.running and self.owns(sys._getframe(1)):
                self.fetched("numpy", [array], self.caller())
            return array

        def watched_backward(value, *args, **kwargs):
            if self.owns(sys._getframe(1)):
                self.fetched("backward", [numpy_(value)], self.caller())
            return backward(value, *args, **kwargs)

        return [(tensor, "numpy", watched_numpy), (tensor, "backward", watched_backward)]

    def start_value(self, name, shape):
        """The value that parameter ``name`` (the next one created) starts with, or None.

        A name that the user gave is looked up. One that Paddle made comes from the class and a
        counter, which migration changes: there the order of creation decides, then the name.
        """
        if self.initial is None:
            return None
        free = [i for i in range(len(self.initial)) if i not in self.used]
        by_name = [i for i in free if self.initial[i]["name"] == name]
        by_order = free[:1]
        candidates = by_order + by_name if AUTOMATIC.search(name) else by_name + by_order
        for index in candidates:
            found = self.initial[index]
            if list(found["shape"]) == list(shape):
                self.used.add(index)
                return self.nudged(array(found, self.first_values))
        raise ValueError("parameter %s %s has no counterpart in the old run" % (name, list(shape)))

    def nudged(self, value):
        """A first value, moved by its last digit where the run is to show what rounding does."""
        if self.nudge and value.dtype.kind == "f":
            return self.np.nextafter(value, self.np.full_like(value, self.np.inf))
        return value

    def plain(self, value):
        """JSON for one array: its numbers, or where they lie in the file beside the record.

        Complex numbers are written as two, in a last dimension; texts as they are. What is
        neither has no data and is not compared.
        """
        value = self.np.asarray(value)
        if value.dtype.kind == "c":
            value = self.np.stack([value.real, value.imag], -1)
        if value.dtype.kind not in "biuf":
            texts = [str(v) for v in value.ravel()] if value.dtype.kind in "US" else []
            return {"shape": list(value.shape), "dtype": "text", "data": texts}
        entry = {"shape": list(value.shape), "dtype": str(value.dtype)}
        if value.size > LARGE and not self.inline:
            if self.arrays is None:
                self.arrays = open(self.target + ".arrays", "wb")
            entry["at"] = self.arrays.tell()
            value.tofile(self.arrays)
        elif value.dtype.kind == "f":
            numbers = value.ravel().tolist()
            entry["data"] = [float("%.9g" % v) if math.isfinite(v) else str(v) for v in numbers]
        else:
            entry["data"] = value.ravel().tolist()
        return entry

    def started(self, name, value):
        """Write down what a parameter starts with."""
        entry = self.plain(value)
        entry["name"] = name
        self.parameters.append(entry)

    def drew(self, kind, how, value, place):
        """Write down one random draw of the old run."""
        if self.save is None:
            self.save = open(self.target + ".draws", "wb")
        self.np.save(self.save, value, allow_pickle=False)
        entry = {"kind": kind, "how": how, "shape": list(value.shape), "place": place}
        self.draws.append(entry)

    def lose(self, what, place, wrong=False):
        """Write down that from here on the runs cannot be compared, and why.

        ``wrong`` says that this is a difference of its own: drawn with other arguments.
        """
        self.lost.append({"step": len(self.steps), "what": what, "place": place, "wrong": wrong})

    def replay(self, kind, how, shape, dtype, place):
        """The old run's next draw as an array, or None where it is not of this kind and shape."""
        if not self.ordered:
            return None
        problem, wrong = self.mismatch(kind, how, shape)
        if problem:
            self.ordered = False
            self.lose(problem, place, wrong)
            return None
        self.next += 1
        value = self.np.load(self.drawn, allow_pickle=False)
        return value.reshape(filled(shape, value.shape)).astype(dtype)

    def mismatch(self, kind, how, shape):
        """Why the old run's next draw cannot stand for this one, and whether that is an error."""
        if self.next >= len(self.draws):
            return "a draw of %s that the old run does not make" % kind, False
        old = self.draws[self.next]
        if old["kind"] != kind:
            return "%s drawn where the old run draws %s" % (kind, old["kind"]), False
        for key in sorted(set(how) & set(old["how"])):
            if abs(how[key] - old["how"][key]) > 1e-6 * max(1.0, abs(how[key])):
                text = "%s drawn with %s = %g, now %g" % (kind, key, old["how"][key], how[key])
                return text, True
        if filled(shape, old["shape"]) is not None:
            return "", False
        return "%s of shape %s drawn, now %s" % (kind, old["shape"], list(shape)), False

    def expect_draws(self, number):
        """Write down where the new run has made fewer draws than the old one's first ``number``."""
        if self.initial is not None and self.next < number and not self.lost:
            left = self.draws[self.next]
            what = "a draw of %s that the new run does not make" % left["kind"]
            self.lose(what, left["place"])

    def record(self):
        """JSON for all of it."""
        left = left_over(self, self.globals)
        if self.save is not None:
            self.save.close()
        if self.arrays is not None:
            self.arrays.close()
        if self.drawn is not None:
            self.drawn.close()
        self.expect_draws(len(self.draws))
        return {
            "parameters": self.parameters,
            "steps": self.steps,
            "draws": self.draws if self.initial is None else [],
            "lost": self.lost,
            "globals": left,
        }


def filled(shape, old):
    """``shape`` with sizes in the place of -1, so that it holds what ``old`` held; None: it cannot.

    Dimensions of one are no difference: what was [N] may be [N, 1]. Where a dimension is open the
    other sizes of a program may be nominal (``layers.data`` took what was fed).
    """
    if len(shape) == len(old):
        return list(old) if min(shape, default=0) < 0 or list(shape) == list(old) else None
    sizes = [n for n in old if n != 1]
    places = [n for n in shape if n != 1]
    if len(sizes) != len(places) or any(a not in (b, -1) for a, b in zip(places, sizes)):
        return None
    left = iter(sizes)
    return [1 if n == 1 else next(left) for n in shape]


def array(entry, path):
    """The array of an entry; ``path`` is where large ones lie."""
    import numpy as np

    if "at" not in entry:
        return np.array(entry["data"], entry["dtype"]).reshape(entry["shape"])
    count = int(np.prod(entry["shape"], dtype="int64"))
    with open(path, "rb") as stream:
        stream.seek(entry["at"])
        return np.fromfile(stream, entry["dtype"], count).reshape(entry["shape"])


def left_over(recorder, names):
    """JSON for the numbers, arrays and tensors that a script leaves at module level."""
    found = {}
    for name, value in names.items():
        if not name.startswith("_"):
            values = []
            if collect(value, values, 0):
                found[name] = [recorder.plain(v) for v in values]
    return found


def collect(value, into, depth):
    """Append the arrays in a value; False where it holds something else."""
    import numpy as np

    if isinstance(value, (bool, int, float, np.ndarray, np.generic)):
        array = np.asarray(value)
        if array.dtype.kind not in "biufc":
            return False
        into.append(array)
        return True
    if isinstance(value, dict) and not set(STATE_OF_OPTIMIZERS) & set(value):
        value = [value[key] for key in sorted(value, key=str)] or None
    if isinstance(value, (list, tuple)) and len(value) <= 1000 and depth < 4:
        return all([collect(item, into, depth + 1) for item in value])
    kind = type(value).__name__.replace("_fluid_", "")  # a helper's class inside the script itself
    if kind in TENSORS:
        try:
            into.append(np.asarray(value.numpy() if hasattr(value, "numpy") else np.array(value)))
        except Exception:  # a tensor without data, or of a type that numpy has not
            return False
        return True
    return False


def watcher(old):
    """The module that watches this Paddle; it lies beside this file, which no path need name."""
    name = "watch_fluid" if old else "watch_paddle"
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".py")
    spec = importlib.util.spec_from_file_location("_paddle_migrate_" + name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_script(job, old, after=None):
    """Run one script in fresh programs, scopes and names, and return its record.

    ``after(recorder, names)`` is called while the script's programs and scopes are still there.
    """
    import numpy as np

    watch = watcher(old)
    inline = job.get("inline", False)
    recorder = Recorder(job["script"], job["record"], job.get("initial"), inline)
    recorder.nudge = bool(job.get("nudge"))
    random.seed(7)
    np.random.seed(7)
    sys.argv = [job["script"]] + job.get("arguments", [])
    sys.path.insert(0, recorder.folder)
    before, folder = set(sys.modules), os.getcwd()
    os.chdir(job.get("folder") or folder)
    undo = watch.patch(recorder)
    error, code = "", 0

    def run(script):
        names = runpy.run_path(script, run_name="__main__")
        if after is not None:
            after(recorder, names)
        return names

    try:
        recorder.globals = watch.isolated(job["script"], run)
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        error = told(recorder)
    finally:
        for owner, name, value in undo:
            setattr(owner, name, value)
        sys.path.remove(recorder.folder)
        os.chdir(folder)
        forget(set(sys.modules) - before, recorder.folder)
    record = recorder.record()
    record["error"], record["exit"] = error, code if isinstance(code, int) else str(code)
    return record


def told(recorder):
    """The exception that is being handled as a person wants it: from his own first line on."""
    kind, value, trace = sys.exc_info()
    own = trace
    while own is not None and not recorder.owns(own.tb_frame):
        own = own.tb_next
    return "".join(traceback.format_exception(kind, value, own or trace))[-2000:]


def forget(names, folder):
    """Take out the modules of a script's own folder, so that the next script imports its own."""
    for name in names:
        module_file = getattr(sys.modules[name], "__file__", None) or ""
        if os.path.realpath(module_file).startswith(folder + os.sep):
            del sys.modules[name]


def main(plan):
    """Run all jobs of a plan, each record written as soon as it is there."""
    os.environ.setdefault("GLOG_minloglevel", "3")
    warnings.simplefilter("ignore")
    with open(plan) as stream:
        jobs = json.load(stream)["jobs"]
    sys.path.pop(0)  # our folder is not the user's
    import paddle

    old = paddle.__version__.startswith(("0.", "1."))
    for job in jobs:
        if job.get("old", old) != old:
            wanted = "1.6 to 1.8" if job["old"] else "3"
            sys.exit("it has Paddle %s, and %s is wanted" % (paddle.__version__, wanted))
        record = run_script(job, old)
        with open(job["record"], "w") as stream:
            json.dump(record, stream)


if __name__ == "__main__":
    main(sys.argv[1])
