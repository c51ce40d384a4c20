"""What the engine makes of small programs; the oracle is what a person would write."""

import ast

import pytest

from dy2st.migrate import engine, runner
from dy2st.migrate.model import Facts, Options


def migrate(text, **options):
    raw = text if isinstance(text, bytes) else text.encode()
    return engine.migrate(raw, "file.py", Options(**options), compat_module="fluid_compat")


def body(text, **options):
    """The migrated text without imports and mode."""
    outcome = migrate(text, **options)
    assert not outcome.error, outcome.error
    new = (outcome.new or text.encode()).decode()
    skipped = ("import paddle", "import fluid_compat", "paddle.enable_static()", "")
    return "\n".join(line for line in new.splitlines() if line not in skipped)


CASES = [
    # every way in which a name may arrive
    ("import paddle.fluid as fluid\nfluid.layers.relu(x)", "paddle.nn.functional.relu(x)"),
    ("import paddle.fluid\npaddle.fluid.layers.relu(x)", "paddle.nn.functional.relu(x)"),
    ("from paddle import fluid as F\nF.layers.relu(x)", "paddle.nn.functional.relu(x)"),
    ("from paddle.fluid import layers\nlayers.relu(x)", "paddle.nn.functional.relu(x)"),
    ("import paddle.fluid.layers as L\nL.relu(x)", "paddle.nn.functional.relu(x)"),
    ("from paddle.fluid.layers import relu as r\nr(x)", "paddle.nn.functional.relu(x)"),
    ("from paddle.fluid.layers import *\nrelu(x)", "paddle.nn.functional.relu(x)"),
    ("from paddle.fluid.layers.nn import relu\nrelu(x)", "paddle.nn.functional.relu(x)"),
    (
        "import paddle.fluid as fluid\nlayers = fluid.layers\nlayers.relu(x)",
        "paddle.nn.functional.relu(x)",
    ),
    (
        "import paddle.fluid as fluid\nf = fluid.layers.relu\nf(x)",
        "f = paddle.nn.functional.relu\nf(x)",
    ),
    (
        "import paddle.fluid as fluid\ngetattr(fluid.layers, 'relu')(x)",
        "paddle.nn.functional.relu(x)",
    ),
    (
        "import paddle.fluid as fluid\nclass A:\n    def __init__(self):\n"
        "        self.L = fluid.layers\n        self.k = 1\n"
        "    def f(self, x):\n        return self.L.relu(x)",
        "class A:\n    def __init__(self):\n        self.k = 1\n"
        "    def f(self, x):\n        return paddle.nn.functional.relu(x)",
    ),
    (
        "try:\n    import paddle.fluid as fluid\nexcept ImportError:\n    fluid = None\n"
        "fluid.layers.relu(x)",
        "try:\n    import paddle\nexcept ImportError:\n    fluid = None\n"
        "paddle.nn.functional.relu(x)",
    ),
    # arguments
    (
        "import paddle.fluid as fluid\nfluid.layers.reduce_sum(input=x, dim=1, keep_dim=True)",
        "paddle.sum(x=x, axis=1, keepdim=True)",
    ),
    ("import paddle.fluid as fluid\nfluid.layers.mean(x)", "paddle.mean(x).reshape([1])"),
    ("import paddle.fluid as fluid\nfluid.layers.split(x, 2)", "paddle.split(x, 2, axis=-1)"),
    (
        "import paddle.fluid as fluid\nfluid.layers.elementwise_add(a, b, act='relu')",
        "paddle.nn.functional.relu(paddle.add(a, b))",
    ),
    (
        "import paddle.fluid as fluid\nfluid.layers.elementwise_add(a, b, act=how)",
        "fluid_compat.elementwise_add(a, b, act=how)",
    ),
    (
        "import paddle.fluid as fluid\nfluid.layers.elementwise_add(a, b, axis=0)",
        "fluid_compat.elementwise_add(a, b, axis=0)",
    ),
    (
        "import paddle.fluid as fluid\n"
        "fluid.layers.softmax(fluid.layers.fc(x, 3, act='tanh'), axis=0)",
        "paddle.nn.functional.softmax(fluid_compat.fc(x, 3, act='tanh'), axis=0)",
    ),
    (
        "import paddle.fluid as fluid\nfluid.layers.softmax(input=x,  # in\n    use_cudnn=True,\n"
        "    axis=1)  # out",
        "paddle.nn.functional.softmax(x=x,  # in\n    axis=1)  # out",
    ),
    (
        "import paddle.fluid as fluid\nfluid.layers.dropout(x, 0.5, seed=None)",
        "fluid_compat.dropout(x, 0.5, seed=None)",
    ),
    (
        "import paddle.fluid as fluid\nfluid.layers.zeros([2], 'float32', force_cpu=True)",
        "paddle.zeros([2], 'float32')",
    ),
    (
        "import paddle.fluid as fluid\nfluid.layers.leaky_relu(x)",
        "paddle.nn.functional.leaky_relu(x, negative_slope=0.02)",
    ),
    (
        "import paddle.fluid as fluid\nfluid.layers.pow(**options)",
        "fluid_compat.pow_factor(**options)",
    ),
    (
        "import paddle.fluid as fluid\nfluid.layers.data('x', [3, 4])",
        "paddle.static.data('x', [-1, 3, 4])",
    ),
    (
        "import paddle.fluid as fluid\nfluid.layers.data('x', [-1, 4], dtype='int64')",
        "paddle.static.data('x', [-1, 4], dtype='int64')",
    ),
    (
        "import paddle.fluid as fluid\nfluid.layers.data('x', [4], append_batch_size=False)",
        "paddle.static.data('x', [4])",
    ),
    (
        "import paddle.fluid as fluid\nfluid.layers.data('x', shape)",
        "fluid_compat.data('x', shape)",
    ),
    # dynamic graphs
    (
        "import paddle.fluid as fluid\nwith fluid.dygraph.guard():\n    # note\n    a = 1\n\n"
        "    if a:\n        b = 2\nc = 3",
        "# note\na = 1\nif a:\n    b = 2\nc = 3",
    ),
    (
        "import paddle.fluid as fluid\nclass N(fluid.dygraph.Layer):\n    def forward(self, x):\n"
        "        return fluid.layers.dropout(x, 0.3)",
        "class N(paddle.nn.Layer):\n    def forward(self, x):\n        return "
        "fluid_compat.dropout(x, 0.3)",
    ),
]


@pytest.mark.parametrize(("old", "new"), CASES, ids=range(len(CASES)))
def test_rewrites(old, new):
    outcome = migrate(old)
    assert not outcome.open_points
    assert len(outcome.changes) == outcome.found
    assert body(old) == new
    again = migrate(outcome.new)
    assert again.new is None
    assert again.found == 0


UNTOUCHED = [
    "import numpy as np\nnp.mean(x)",
    "def relu(x): return x\nrelu(1)",
    "import paddle\npaddle.nn.functional.relu(x)",
    "from mine import layers\nlayers.relu(x)",
    "fluid = object()\nfluid.layers.relu(x)",
]


@pytest.mark.parametrize("text", UNTOUCHED)
def test_leaves(text):
    outcome = migrate(text)
    assert outcome.new is None
    assert outcome.found == 0


OPEN = [
    ("import paddle.fluid as fluid\ngetattr(fluid.layers, name)(x)", "PM304", True),
    ("import paddle.fluid as fluid\nuse(fluid.layers)", "PM306", True),
    ("import paddle.fluid as fluid\nfluid.layers.no_such_thing(x)", "PM301", True),
    ("import paddle.fluid as fluid\ndef f(L=fluid.layers):\n    L.relu(1)", "PM306", True),
    (
        "import paddle.fluid as fluid\nif a:\n    L = fluid.layers\nelse:\n    L = other\n"
        "L.relu(x)",
        "PM302",
        True,
    ),
    ("exec('import paddle.fluid as fluid')", "PM303", False),
    ("mock.patch('paddle.fluid.layers.relu')", "PM303", False),
    ("import paddle.fluid as fluid\nfluid.layers.relu = mine", "PM305", True),
]


@pytest.mark.parametrize(("text", "rule", "unknown"), OPEN)
def test_no_silent_miss(text, rule, unknown):
    outcome = migrate(text)
    points = [p for p in outcome.open_points if p.rule == rule]
    assert points, outcome.open_points
    assert points[0].unknown == unknown
    assert points[0].reason
    assert points[0].recipe
    assert outcome.found > len(outcome.changes)


def test_what_stays_fails_where_it_is_used():
    outcome = engine.migrate(
        b"import paddle.fluid as fluid\nfrom paddle.fluid.layers import relu, hash as b\n"
        b"def f(x):\n    return relu(x)\ndef g(x):\n    return fluid.core.nothing(x), b(x)\n"
    )
    text = outcome.new.decode().replace("import paddle\n", "")
    names = {}
    exec(compile(text.replace("paddle.nn.functional.relu", "abs"), "<migrated>", "exec"), names)
    assert names["f"](-2) == 2
    with pytest.raises(
        NotImplementedError, match=r"paddle\.fluid\.core\.nothing is not in Paddle 3"
    ):
        names["g"](1)
    with pytest.raises(NotImplementedError, match=r"paddle\.fluid\.layers\.hash is not"):
        names["b"](1)
    again = engine.migrate(outcome.new)
    assert again.new is None
    assert [p.old for p in again.open_points] == [p.old for p in outcome.open_points]


def test_without_helpers_what_stays_keeps_its_import():
    text = "import paddle.fluid as fluid\nfluid.layers.relu(x)\nfluid.core.nothing(x)\n"
    outcome = migrate(text, compat=False)
    assert b"import paddle.fluid as fluid" in outcome.new
    assert b"import paddle\n" in outcome.new


def test_prose_is_no_use():
    outcome = migrate('"""Uses fluid.layers.relu() of paddle.fluid."""\n# fluid.layers.fc\n')
    assert outcome.found == 0
    assert outcome.mentions == 2


def test_bytes_survive():
    text = (
        b"\xef\xbb\xbf# -*- coding: utf-8 -*-\r\n\x0cimport paddle.fluid as fluid\r\n"
        b"if 1:\r\n\tx = fluid.layers.relu( y )\t# \xc3\xa9\r\n\r\n"
    )
    outcome = migrate(text)
    assert outcome.new == (
        b"\xef\xbb\xbf# -*- coding: utf-8 -*-\r\n\x0cimport paddle\r\n"
        b"if 1:\r\n\tx = paddle.nn.functional.relu( y )\t# \xc3\xa9\r\n\r\n"
    )


def test_other_encodings_survive():
    text = "# coding: latin-1\nimport paddle.fluid as fluid\nfluid.layers.relu('é')\n"
    outcome = migrate(text.encode("latin-1"))
    assert outcome.new.decode("latin-1").endswith("paddle.nn.functional.relu('é')\n")
    ast.parse(outcome.new)


@pytest.mark.parametrize(
    "raw",
    [
        b"print 'x'\n",
        b"\xff\xfe\x00",
        b"# coding: no-such\n",
        b"x = '\xe9'\n",
        b"(" * 5000 + b")" * 5000,
        b"def f(:\n",
        b"\x00",
    ],
)
def test_bad_files_are_errors_with_a_line(raw):
    outcome = migrate(raw)
    assert outcome.error
    assert outcome.error_line >= 1
    assert outcome.new is None


def test_deep_chains_of_operators():
    text = "import paddle.fluid as fluid\nx = " + " + ".join(["fluid.layers.relu(y)"] * 800) + "\n"
    outcome = migrate(text)
    if outcome.error:  # Python itself may refuse it; then it is a row in the report
        assert outcome.new is None
    else:
        assert len(outcome.changes) == 800


def test_skip_comments():
    outcome = migrate(
        "import paddle.fluid as fluid\nfluid.layers.relu(x)  # paddle-migrate: skip\n"
        "fluid.layers.tanh(x)\n"
    )
    assert outcome.found == 1
    assert b"fluid.layers.relu(x)" in outcome.new
    whole = migrate("# paddle-migrate: skip\nimport paddle.fluid as fluid\nfluid.layers.relu(x)\n")
    assert whole.new is None
    assert whole.notes


def test_select_and_ignore():
    text = "import paddle.fluid as fluid\nfluid.layers.relu(x)\nfluid.layers.mean(x)\n"
    outcome = migrate(text, ignore=("paddle.fluid.layers.mean",))
    assert len(outcome.changes) == 1
    assert len(outcome.open_points) == 1


def test_markers_come_once():
    text = "import paddle.fluid as fluid\n\ndef f():\n    return fluid.core.nothing(\n        1)\n"
    first = migrate(text, mark=True)
    assert first.new.count(b"    # TODO(paddle-migrate PM301)") == 1
    assert migrate(first.new, mark=True).new is None


def test_no_compat_makes_open_points():
    outcome = migrate("import paddle.fluid as fluid\nfluid.layers.hard_sigmoid(x)\n", compat=False)
    assert len(outcome.open_points) == 1
    assert outcome.new is None


def test_helpers_inside_a_single_file():
    text = b"import paddle.fluid as fluid\ny = fluid.layers.hard_sigmoid(x)\n"
    outcome = engine.migrate(text, "one.py")
    assert b"def _fluid_hard_sigmoid(" in outcome.new
    assert b"y = _fluid_hard_sigmoid(x)" in outcome.new
    assert engine.migrate(outcome.new, "one.py").new is None


def test_user_names_that_collide():
    outcome = migrate("import paddle.fluid as fluid\npaddle = 3\nfluid.layers.relu(paddle)\n")
    assert b"_paddle.nn.functional.relu(paddle)" in outcome.new
    assert b"import paddle as _paddle" in outcome.new


def test_names_outside_of_fluid_that_paddle_3_lacks():
    """``paddle.complex`` is a function now: only its old members are rewritten."""
    code = (
        b"import paddle\nimport paddle.complex as cpx\n"
        b"from paddle.incubate.hapi.vision import transforms\n"
        b"a = paddle.complex.matmul(x, y)\nb = cpx.kron(x, y)\nc = paddle.complex(x, y)\n"
        b"d = paddle.compat.to_text(b'x')\ne = transforms.Resize(3)\n"
    )
    outcome = engine.migrate(code)
    assert [change.line for change in outcome.changes] == [4, 5, 7]
    assert b"\ntransforms = _fluid_NotMigrated(" in outcome.new  # its import would fail
    assert b"c = paddle.complex(x, y)" in outcome.new
    assert [point.line for point in outcome.open_points] == [8]
    assert not any(point.unknown for point in outcome.open_points)


def test_methods_of_programs_that_are_gone_are_told():
    """Also where it is not known that the object is a Program; other objects are left in peace."""
    code = (
        b"import paddle.fluid as fluid\nmain = fluid.default_main_program()\n"
        b"print(main.to_string(True))\nprint(other.to_string(throw_on_error=True))\n"
        b"print(frame.to_string())\na = main.block(0)\nb = other.block(0)\n"
    )
    outcome = engine.migrate(code)
    assert [point.line for point in outcome.open_points] == [3, 4]
    assert b"a = main.global_block()" in outcome.new
    assert b"b = _fluid_program_block(other, 0)" in outcome.new
    assert b"frame.to_string()" in outcome.new


def test_names_that_numpy_and_python_gave_up():
    """What has a successor of the same meaning is written, the rest is an open point."""
    text = (
        "import time, collections\nimport numpy as np\nimport paddle.fluid as fluid\n"
        "from collections import Iterable, Mapping\n"
        "x = [np.int, np.float(1), np.NaN, np.row_stack, np.int64, time.clock()]\n"
        "y = [np.in1d(x, x), collections.Sequence, collections.deque]\n"
    )
    outcome = engine.migrate(text.encode(), "a.py")
    new = outcome.new.decode()
    assert "from collections.abc import Iterable, Mapping\n" in new
    assert "[int, float(1), np.nan, np.vstack, np.int64, time.process_time()]" in new
    assert "np.in1d(x, x), collections.Sequence, collections.deque" in new
    assert [p.old for p in outcome.open_points] == [".in1d", ".Sequence"]


def test_modules_that_are_gone_are_not_imported():
    text = "import paddle.compat as cpt\nimport paddle.complex as cpx\ncpx.transpose(x, [1, 0])"
    outcome = migrate(text)
    assert outcome.new.decode() == "import paddle\npaddle.transpose(x, [1, 0])"


def test_paddle_is_imported_before_what_needs_it():
    text = "import paddle.fluid as fluid\nx = fluid.layers.relu(a)\nimport paddle\npaddle.tanh(x)"
    lines = migrate(text).new.decode().splitlines()
    assert lines.index("import paddle") < lines.index("x = paddle.nn.functional.relu(a)")


def test_parts_of_complex_tensors_are_methods():
    text = (
        "import paddle.complex as cpx\nz = cpx.transpose(x, [1, 0])\n"
        "z.real.numpy() + z.numpy().real + other.imag"
    )
    outcome = migrate(text)
    assert b"z.real().numpy() + z.numpy().real + other.imag" in outcome.new
    assert [(p.rule, p.old) for p in outcome.open_points] == [("PM263", ".imag")]


def test_tensors_as_numbers():
    """What a layer gives is asked for its one value; counts, texts and sizes are left alone."""
    text = (
        "import paddle.fluid as fluid\nfrom paddle.fluid.dygraph import to_variable\n"
        "def train(model, steps, words):\n"
        "    loss = model(to_variable(words))\n"
        "    return float(loss), int(steps), int(words[0].strip()), float(len(words) / 2)\n"
    )
    new = engine.migrate(text.encode(), "a.py").new.decode()
    assert "(_fluid_number(loss)), int(steps), int(words[0].strip()), float(len(words) / 2)" in new


def test_calls_in_the_form_of_1_6_are_told():
    text = (
        "import paddle.fluid as fluid\nfrom paddle.fluid.dygraph import BatchNorm, PRelu, Embedding\n"
        "a = [BatchNorm(self.full_name(), 32), BatchNorm(32), Embedding('e', size=[3, 4])]\n"
        "b = [PRelu('all'), PRelu(self.full_name(), 'all'), fluid.dygraph.Linear(3, 4)]\n"
        "c = [fluid.optimizer.Adam(0.1), fluid.optimizer.Adam(0.1, parameter_list=p)]\n"
    )
    outcome = engine.migrate(text.encode(), "a.py")
    places = [(p.line, p.column, p.reason.split(",")[0]) for p in outcome.open_points]
    assert places == [
        (3, 5, "called as in 1.6"),
        (3, 53, "called as in 1.6"),
        (4, 19, "called as in 1.6"),
        (5, 5, "without parameter_list"),
    ]


def test_a_later_star_import_covers_an_earlier_one(tmp_path):
    """A project's own ``fc`` behind ``from paddle.fluid.layers import *`` is no use of fluid."""
    package = tmp_path / "lib"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "layers.py").write_text("from paddle.fluid.layers import *\nfrom lib.own import *\n")
    (package / "own.py").write_text("def fc(size):\n    return size\n")
    script = tmp_path / "train.py"
    script.write_text("from lib import layers\nlayers.fc(size=3)\nlayers.relu(x)\n")
    settings = runner.Settings(paths=[str(tmp_path)], cache=False, jobs=1)
    runner.Runner(settings, lambda done, total: None).run()
    text = script.read_text()
    assert "layers.fc(size=3)" in text
    assert "paddle.nn.functional.relu(x)" in text


def test_helpers_keep_the_built_in_names_that_a_file_hides():
    text = b"import paddle.fluid as fluid\nlen = fluid.layers.concat(xs)\ny = fluid.layers.prelu(len, m)\n"
    new = engine.migrate(text, "one.py").new.decode()
    assert "\n_fluid_len = len\n" in new
    assert "(_fluid_len(x.shape) - 2)" in new
    again = engine.migrate(text + b"z = fluid.layers.fc(len, 3)\n", "one.py").new.decode()
    assert again.count("_fluid_len = len") == 1
    compile(again, "one.py", "exec")


def test_backward_of_a_loss_is_no_optimizers():
    """In a run that copies programs a loss still has its own ``backward``."""
    facts = Facts(program_clones=True)
    text = "import paddle.fluid as fluid\nx = fluid.dygraph.to_variable(y)\nfinal_loss.backward()\n"
    outcome = engine.migrate(text.encode(), "example.py", facts=facts)
    assert b"\nfinal_loss.backward()" in outcome.new


def test_packages_that_paddle_3_lacks_are_told():
    text = b"import paddle\nimport paddle.incubate.hapi as hapi\na = paddle.complex.tensor.matmul(x, y)\n"
    outcome = engine.migrate(text + b"b = hapi.model.Input([3])\nc = paddle.complex(x, y)\n")
    assert [point.line for point in outcome.open_points if point.unknown] == [4]
    assert outcome.found == 2
