"""Runs what a docstring example has only built: its programs on made-up feeds, its layers on inputs.

Stands on Python 3.7 and later; called by ``docstring_server.py`` inside the recorder, after the
example. The old side decides what is fed and fetched, tries some feeds and writes them down; the
new side takes the same feeds, fetches the variables that the same names hold, and compares nothing.
"""

import numpy as np

RUNS = 2  # the second run sees what the first one changed: parameters, counters, averages
LENGTHS = [[2, 1, 3], [2, 1]]  # of sequences, the innermost level first
# Attempts: how long a dimension without a size is, the range of numbers, the end of whole numbers.
# The last two are for shapes that fit one size only.
ATTEMPTS = [
    (4, (-1.0, 1.0), 2),
    (4, (0.1, 0.9), 2),
    (6, (0.1, 0.9), 2),
    (1, (0.1, 0.9), 2),
    (4, (0.1, 0.9), 1),
    (32, (0.1, 0.9), 2),
]
INPUTS = [[4, 3, 16, 16], [4, 3, 8, 16, 16], [4, 16], [4, 8, 16]]


def exercise(recorder, names, plan):
    """Run the programs and layers that ``names`` hold; what was fed and what came out.

    ``plan`` is what the old side wrote down, None on the old side.
    """
    side = (OldSide if plan is None else NewSide)(recorder, names)
    if plan is not None:
        recorder.expect_draws(plan["draws"])
    done = {"draws": len(recorder.draws), "values": {}, "why": ""}
    before = len(recorder.lost)
    try:
        done.update(side.graph(plan))
        layers = side.layers(plan)
        done["values"].update(layers.pop("values"))
        done.update(layers)
    except Exception as error:
        done["why"] = "%s: %s" % (type(error).__name__, short(error))
    done["lost"] = recorder.lost[before:]
    del recorder.lost[before:]
    return done


def short(error):
    """The line of an error's text that says most."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [repr(error)]
    told = [line for line in lines if "Hint" in line or "Error:" in line]
    return (told or lines)[-1][:200]


def array(entry):
    """The array of a feed."""
    return np.array(entry["data"], entry["dtype"]).reshape(entry["shape"])


def places(names):
    """Every value at module level with its path, in order: name, then positions in containers."""
    stack = [([name], value) for name, value in names.items() if not name.startswith("_")]
    while stack:
        path, value = stack.pop(0)
        if isinstance(value, (list, tuple)) and len(value) <= 50 and len(path) < 4:
            stack[:0] = [(path + [i], item) for i, item in enumerate(value)]
        elif isinstance(value, dict) and len(value) <= 50 and len(path) < 4:
            keys = [k for k in value if isinstance(k, str)]
            stack[:0] = [(path + [k], value[k]) for k in keys]
        else:
            yield path, value


def look_up(names, path):
    """What a path leads to; raises KeyError, IndexError or TypeError."""
    value = names[path[0]]
    for key in path[1:]:
        value = value[key]
    return value


def text(path):
    """A path as a person writes it."""
    return path[0] + "".join("[%r]" % key for key in path[1:])


class OldSide:
    """Paddle 1.8: chooses what is fetched, and the feeds that its programs accept."""

    def __init__(self, recorder, names):
        import paddle.fluid as fluid

        self.fluid = fluid
        self.names = names
        self.recorder = recorder

    def graph(self, plan):
        """Run each program of which a variable is left at module level."""
        fluid = self.fluid
        if fluid.in_dygraph_mode():
            return {"programs": [], "why": "dynamic"}
        wanted = {}
        for path, value in places(self.names):
            if isinstance(value, fluid.framework.Variable) and self.computed(value):
                found = wanted.setdefault(id(value.block.program), (value.block.program, []))
                found[1].append((path, value.name))
        if not wanted:
            return {"programs": [], "why": "no variable is left at module level"}
        startups = self.startups()
        values, programs, why = {}, [], ""
        for program, fetches in wanted.values():
            entry, result = self.attempt(program, startups, fetches[-40:])
            programs.append(entry)
            values.update(result)
            why = why or entry["why"]
        return {"programs": programs, "startups": startups, "values": values, "why": why}

    def computed(self, value):
        """Whether a variable is a tensor that a run of its program gives."""
        types = self.fluid.core.VarDesc.VarType
        block = value.block.program.global_block()
        if value.type != types.LOD_TENSOR or value.is_data or value.block is not block:
            return False
        makers = [op for op in block.ops if value.name in op.output_arg_names]
        if any(op.type == "inplace_abn" for op in makers):  # it writes its result over its input
            return False
        return bool(makers) or value.persistable

    def startups(self):
        """Paths of the programs that set first values; ``[]`` stands for the default one."""
        found = [[]]
        default = self.fluid.default_startup_program()
        for path, value in places(self.names):
            if isinstance(value, self.fluid.Program) and value is not default:
                ops = value.global_block().ops
                if ops and not any(op.input_arg_names for op in ops):
                    found.append(path)
        return found

    def attempt(self, program, startups, fetches):
        """The first feed that the program accepts and that gives numbers; what it gives."""
        fluid = self.fluid
        data = [
            v for v in program.list_vars() if v.is_data and program.global_block().has_var(v.name)
        ]
        if any(op.type == "read" for op in program.global_block().ops):
            return {"why": "its data come from a reader", "fetches": []}, {}
        names = [name for _, name in fetches]
        kind, why = self.accepted(program, startups, names, data)
        if kind is None:
            return {"why": "cannot be run: " + why, "fetches": []}, {}
        feeds = {v.name: self.feed(v, kind, data) for v in data}
        result = self.run(program, startups, feeds, names)
        values = {}
        for number, (path, _) in enumerate(fetches):
            values[text(path)] = [self.recorder.plain(run[number]) for run in result]
        return {"why": "", "feeds": feeds, "fetches": [path for path, _ in fetches]}, values

    def accepted(self, program, startups, names, data):
        """The first attempt that gives finite numbers, or else any; why the first one failed."""
        why, ran = "", None
        for kind in ATTEMPTS:
            mark = self.mark()
            feeds = {v.name: self.feed(v, kind, data) for v in data}
            try:
                result = self.run(program, startups, feeds, names)
            except Exception as error:
                why = why or short(error)
                continue
            finally:
                self.rewind(mark)
            if all(np.isfinite(a.astype("float64")).all() for run in result for a in run):
                return kind, ""
            ran = ran or kind
        return ran, why

    def mark(self):
        """How far the recorder has written down first values and draws."""
        recorder = self.recorder
        at = recorder.save.tell() if recorder.save is not None else 0
        return len(recorder.parameters), len(recorder.draws), at

    def rewind(self, mark):
        """Forget what an attempt that does not count has made the recorder write down."""
        parameters, draws, at = mark
        recorder = self.recorder
        del recorder.parameters[parameters:], recorder.draws[draws:]
        if recorder.save is not None:
            recorder.save.seek(at)
            recorder.save.truncate()

    def run(self, program, startups, feeds, fetches):
        """Arrays of each fetch in each run."""
        fluid = self.fluid
        exe = fluid.Executor(fluid.CPUPlace())
        for path in startups:
            exe.run(look_up(self.names, path) if path else fluid.default_startup_program())
        result = []
        for _ in range(RUNS):
            feed = {}
            for name, entry in feeds.items():
                feed[name] = array(entry)
                if entry["lengths"]:
                    place = fluid.CPUPlace()
                    feed[name] = fluid.create_lod_tensor(feed[name], entry["lengths"], place)
            given = exe.run(program, feed=feed, fetch_list=fetches, return_numpy=False)
            result.append([np.array(tensor) for tensor in given])
        return result

    def feed(self, variable, kind, data):
        """A feed for an input: shape, type, data, lengths."""
        size, (low, high), end = kind
        levels = variable.lod_level
        lengths = LENGTHS[:levels][::-1]
        if any(v.lod_level for v in data):
            size = len(LENGTHS[0])
        if variable.name == "k":  # one number
            size = 1
        if any(part in variable.name for part in ("len", "num", "shape")):
            end = -1  # sizes are ones
        shape = [size if n is None or n < 0 else n for n in variable.shape]
        if levels:
            shape[0] = sum(lengths[-1])
        dtype = self.fluid.data_feeder.convert_dtype(variable.dtype)
        random = np.random.RandomState(len(variable.name) + len(shape))
        if dtype.startswith("float"):
            values = random.uniform(low, high, shape)
        elif end < 0:
            values = np.ones(shape)
        else:
            values = random.randint(0, end, shape)
        values = values.astype(dtype)
        return {
            "shape": shape,
            "dtype": dtype,
            "data": values.ravel().tolist(),
            "lengths": [list(level) for level in lengths],
        }

    def layers(self, plan):
        """Parameters of each layer at module level, and what the first input that it takes gives."""
        fluid = self.fluid
        found = {"layers": [], "values": {}}
        with fluid.dygraph.guard(fluid.CPUPlace()):
            for path, value in places(self.names):
                if isinstance(value, fluid.dygraph.Layer):
                    self.layer(path, value, found)
        return found

    def layer(self, path, value, found):
        """Write down one layer's parameters and output."""
        plain = self.recorder.plain
        given = [plain(p.numpy()) for p in value.parameters()]
        found["values"]["%s.parameters()" % text(path)] = given
        chosen = None
        for shape, dtype in inputs_of(value):
            mark = self.mark()
            try:
                result = value(self.fluid.dygraph.to_variable(made_up(shape, dtype)))
                result = [plain(r.numpy()) for r in listed(result)]
            except Exception:
                self.rewind(mark)
                continue
            chosen = [list(shape), dtype]
            found["values"]["%s(...)" % text(path)] = result
            break
        found["layers"].append([path, chosen])


class NewSide:
    """Paddle 3: runs what the old side's plan says."""

    def __init__(self, recorder, names):
        import paddle

        self.paddle = paddle
        self.names = names
        self.recorder = recorder

    def graph(self, plan):
        """Run each program of the plan on its feeds."""
        paddle = self.paddle
        values = {}
        if not any(entry["fetches"] for entry in plan["programs"]):
            return {"values": values}
        dynamic = paddle.in_dynamic_mode()
        paddle.enable_static()
        try:
            for entry in plan["programs"]:
                if entry["fetches"]:
                    self.run(plan["startups"], entry, values)
        finally:
            if dynamic:
                paddle.disable_static()
        return {"values": values}

    def run(self, startups, entry, values):
        """Fetch the entry's variables; tensors of a dynamic graph have their values already."""
        paddle = self.paddle
        found = {text(path): look_up(self.names, path) for path in entry["fetches"]}
        if all(type(v) is paddle.Tensor for v in found.values()) and not entry["feeds"]:
            for place, value in found.items():
                values[place] = [self.recorder.plain(value.numpy())] * RUNS
            return
        program = self.program(found)
        exe = self.names.get("_fluid_Executor", paddle.static.Executor)(paddle.CPUPlace())
        for path in startups:
            exe.run(look_up(self.names, path) if path else paddle.static.default_startup_program())
        inputs = {o.attrs()["name"] for o in program.global_block().ops if o.name() == "pd_op.data"}
        feed = {n: self.fed(e) for n, e in entry["feeds"].items() if n in inputs}
        fetches = list(found.values())
        results = [
            [np.array(v) for v in exe.run(program, feed, fetches, return_numpy=False)]
            for _ in range(RUNS)
        ]
        for number, place in enumerate(found):
            values[place] = [self.recorder.plain(result[number]) for result in results]

    def fed(self, entry):
        """A feed; with its lengths where it has any and the helpers know such tensors."""
        kind = self.names.get("_fluid_LoDTensor")
        if not entry["lengths"] or kind is None:
            return array(entry)
        tensor = kind()
        tensor.set(array(entry), self.paddle.CPUPlace())
        tensor.set_recursive_sequence_lengths(entry["lengths"])
        return tensor

    def program(self, found):
        """The program that values are of; what is none but can be fetched is of the default one."""
        for place, value in found.items():
            if isinstance(value, self.paddle.pir.Value):
                return value.get_defining_op().get_parent_block().program
            if not hasattr(value, "last_lr"):  # no schedule
                raise TypeError("%s is a %s" % (place, type(value).__name__))
        return self.paddle.static.default_main_program()

    def layers(self, plan):
        """Look at the layers of the plan and call them."""
        plain = self.recorder.plain
        values = {}
        if plan.get("layers"):
            self.paddle.disable_static()
        for path, chosen in plan.get("layers", ()):
            layer = look_up(self.names, path)
            given = [plain(p.numpy()) for p in layer.parameters()]
            values["%s.parameters()" % text(path)] = given
            if chosen:
                result = layer(self.paddle.to_tensor(made_up(*chosen)))
                values["%s(...)" % text(path)] = [plain(r.numpy()) for r in listed(result)]
        return {"values": values}


def made_up(shape, dtype):
    """An input of a layer."""
    if dtype == "int64":
        return np.arange(int(np.prod(shape))).reshape(shape) % 2
    return np.random.RandomState(3).uniform(-1, 1, shape).astype(dtype)


def inputs_of(layer):
    """Shapes and types that a layer may take, from the sizes of its first parameter."""
    shapes = []
    for parameter in layer.parameters()[:1]:
        shape = list(parameter.shape)
        if len(shape) == 2:
            shapes.append([4, shape[0]])
        if len(shape) == 4:
            shapes += [[2, shape[1], 16, 16], [2, shape[0], 16, 16]]
        if len(shape) == 5:
            shapes += [[2, shape[1], 8, 8, 8], [2, shape[0], 8, 8, 8]]
        if len(shape) == 1:
            shapes += [[2, shape[0], 6, 6], [2, shape[0]]]
    return [(shape, "float32") for shape in shapes + INPUTS] + [([4, 1], "int64")]


def listed(value):
    """One result or several as a list."""
    return list(value) if isinstance(value, (list, tuple)) else [value]
