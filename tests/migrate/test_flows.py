"""Every way in which a name of 1.x travels: it is rewritten and runs, or it is told; never neither.

``RUN`` holds modules that end with ``r``, the value that 1.8 would have computed from ``x``; the
oracle is numpy. ``TOLD`` holds modules with the lines that must be listed, ``LEFT`` the user's own
names, ``PROJECTS`` trees of files.
"""

import runpy
import sys

import numpy as np
import paddle
import pytest

from dy2st.cli.migrate import main
from dy2st.migrate import engine, scan

HEAD = "import paddle.fluid as fluid\n"
X = np.array([-1.5, 2.0], "float32")
RELU = np.maximum(X, 0)
TANH = np.tanh(X)


def migrate(text):
    raw = text.encode()
    return engine.migrate(raw, "flow.py", seen=None, facts=scan.prescan([raw]))


RUN = {
    "default argument": (
        HEAD + "def f(x, act=fluid.layers.relu):\n    return act(x)\nr = f(x)\nq = f(x, abs)\n",
        RELU,
    ),
    "keyword-only default": (
        HEAD + "def f(x, *, act=fluid.layers.tanh):\n    return act(x)\nr = f(x)\n",
        TANH,
    ),
    "dict of functions": (
        HEAD + "ACTS = {'r': fluid.layers.relu, 't': fluid.layers.tanh}\nr = ACTS['t'](x)\n",
        TANH,
    ),
    "partial": (
        HEAD + "from functools import partial\n"
        "f = partial(fluid.layers.leaky_relu, alpha=0.1)\nr = f(x)\n",
        np.where(X > 0, X, 0.1 * X),
    ),
    "map": (HEAD + "r = list(map(fluid.layers.relu, [x]))[0]\n", RELU),
    "literal getattr": (HEAD + "r = getattr(fluid.layers, 'relu')(x)\n", RELU),
    "star": ("from paddle.fluid.layers import *\nr = relu(x)\n", RELU),
    "try import": (
        "try:\n    import paddle.fluid as fluid\nexcept ImportError:\n    fluid = None\n"
        "r = fluid.layers.relu(x)\n",
        RELU,
    ),
    "chain of aliases": (
        "import paddle.fluid as F\nL = F.layers\nact = L.relu\nr = act(x)\n",
        RELU,
    ),
    "two aliases": (HEAD + "a = b = fluid.layers\nr = a.relu(x) + b.tanh(x)\n", RELU + TANH),
    "tuple of aliases": (HEAD + "L, N = fluid.layers, fluid.nets\nr = L.relu(x)\n", RELU),
    "class attribute": (
        HEAD
        + "class A:\n    L = fluid.layers\n    def f(self, x):\n        return self.L.relu(x)\n"
        "r = A().f(x)\n",
        RELU,
    ),
    "attribute that a subclass replaces": (
        HEAD + "class A:\n    def __init__(self):\n        self.act = fluid.layers.relu\n"
        "    def f(self, x):\n        return self.act(x)\n"
        "class B(A):\n    def __init__(self):\n        self.act = fluid.layers.tanh\n"
        "r = A().f(x) + B().f(x)\n",
        RELU + TANH,
    ),
    "module on self": (
        HEAD + "class A:\n    def __init__(self):\n        self.F = fluid\n"
        "    def f(self, x):\n        return self.F.layers.relu(x)\nr = A().f(x)\n",
        RELU,
    ),
    "nested functions": (
        "def f():\n    import paddle.fluid as fluid\n    def g(x):\n"
        "        return fluid.layers.relu(x)\n    return g\nr = f()(x)\n",
        RELU,
    ),
    "comprehension variable": (
        HEAD + "n = [fluid for fluid in range(3)]\nr = fluid.layers.relu(x)\n",
        RELU,
    ),
    "global import": (
        "fluid = None\ndef init():\n    global fluid\n    import paddle.fluid as fluid\n"
        "def f(x):\n    return fluid.layers.relu(x)\ninit()\nr = f(x)\n",
        None,
    ),
    "lambda": (HEAD + "f = lambda v, act=fluid.layers.relu: act(v)\nr = f(x)\n", RELU),
    "import_module": (
        "import importlib\nfluid = importlib.import_module('paddle.fluid')\n"
        "L = importlib.import_module('.layers', package='paddle.fluid')\n"
        "r = fluid.layers.relu(x) + L.tanh(x)\n",
        RELU + TANH,
    ),
    "__import__": (
        "fluid = __import__('paddle.fluid').fluid\n"
        "L = __import__('paddle.fluid.layers', fromlist=['relu'])\n"
        "r = fluid.layers.relu(x) + L.tanh(x)\n",
        RELU + TANH,
    ),
    "annotations": (
        HEAD + "def f(x: fluid.dygraph.Layer) -> fluid.Variable:\n    v: fluid.Variable = x\n"
        "    return v\nr = f(x)\n",
        X,
    ),
    "isinstance": (
        HEAD + "ok = isinstance(x, (fluid.core.VarBase, fluid.framework.Variable))\n"
        "r = fluid.layers.relu(x) if ok else None\n",
        RELU,
    ),
    "f-string": (HEAD + "s = f'{fluid.layers.relu(x).shape}'\nr = x if '2' in s else 0\n", X),
    "conditional expression": (
        HEAD + "act = fluid.layers.relu if len(x) > 1 else fluid.layers.tanh\nr = act(x)\n",
        RELU,
    ),
    "if and else": (
        HEAD + "if len(x) > 5:\n    act = fluid.layers.relu\nelse:\n    act = fluid.layers.tanh\n"
        "r = act(x)\n",
        TANH,
    ),
    "version check": (
        "import paddle\nif paddle.__version__.startswith('1.'):\n    import paddle.fluid as fluid\n"
        "    r = fluid.layers.tanh(x)\nelse:\n    r = paddle.nn.functional.relu(x)\n",
        RELU,
    ),
    "parentheses and blanks": (
        HEAD
        + "r = (fluid.layers.relu)(x) + fluid . layers . tanh(x) + (fluid\n .layers\n .relu(x))\n",
        RELU + TANH + RELU,
    ),
    "other name for paddle": ("import paddle as pd\nr = pd.fluid.layers.relu(x)\n", RELU),
    "unpacked arguments": (
        HEAD + "k = {'alpha': 0.1}\nr = fluid.layers.leaky_relu(x, **k)\n",
        np.where(X > 0, X, 0.1 * X),
    ),
    "optimizer class under a name": (
        HEAD + "make = {'sgd': fluid.optimizer.SGD}\n"
        "p = fluid.dygraph.Linear(2, 1).parameters()\n"
        "o = make['sgd'](learning_rate=0.5, parameter_list=p)\nr = x if o else None\n",
        X,
    ),
    "subclass of a layer with old arguments": (
        HEAD + "class N(fluid.dygraph.Linear):\n    def __init__(self):\n"
        "        super().__init__(input_dim=2, output_dim=1, act='relu')\n"
        "r = N()(fluid.layers.reshape(x, [1, 2])).reshape([-1])\nr = r * 0 + 1\n",
        np.ones(1),
    ),
}


@pytest.mark.parametrize("name", RUN)
def test_rewritten_and_runs(name):
    code, expected = RUN[name]
    outcome = migrate(code)
    assert not outcome.error, outcome.error
    assert not outcome.open_points
    assert outcome.found == len(outcome.changes) > 0
    text = outcome.new.decode()
    compile(text, name, "exec")
    if expected is None:
        return
    names = {"x": paddle.to_tensor(X), "__name__": "flow"}
    paddle.disable_static()
    exec(compile(text, name, "exec"), names)
    np.testing.assert_allclose(names["r"].numpy(), expected, rtol=1e-5)


# name: (code, lines that are listed, how many of the points are unknown)
TOLD = {
    "attribute of another object": (
        HEAD + "class A: pass\na = A()\na.F = fluid\ny = a.F.layers.relu(x)\n",
        {4, 5},
        2,
    ),
    "attribute of a call": (
        HEAD + "class A:\n    def __init__(self):\n        self.F = fluid\n"
        "y = A().F.layers.relu(x)\n",
        {4, 5},
        2,
    ),
    "getattr with a variable": (HEAD + "y = getattr(fluid.layers, act)(x)\n", {2}, 1),
    "two Paddles": (
        "try:\n    import paddle.fluid.layers as L\nexcept ImportError:\n"
        "    import paddle.nn.functional as L\ny = L.relu(x)\n",
        {5},
        1,
    ),
    "loop over modules": (HEAD + "for m in (fluid.layers, fluid.nets):\n    m.relu(x)\n", {2}, 2),
    "comprehension over modules": (HEAD + "y = [m.relu(x) for m in [fluid.layers]]\n", {2}, 1),
    "assigned as global": (
        HEAD + "def f():\n    global fluid\n    fluid = None\ny = fluid.layers.relu(x)\n",
        {5},
        1,
    ),
    "del": (HEAD + "y = fluid.layers.relu(x)\ndel fluid\n", {3}, 1),
    "walrus": (HEAD + "if (L := fluid.layers):\n    y = L.relu(x)\n", {2}, 1),
    "default that is a module": (HEAD + "f = lambda x, L=fluid.layers: L.relu(x)\n", {2}, 2),
    "module name put together": (
        "import importlib\nm = importlib.import_module('paddle.' + 'fluid')\n",
        {2},
        1,
    ),
    "exec": ("exec('import paddle.fluid as fluid')\n", {1}, 0),
    "eval of a sum": (HEAD + "y = eval('fluid.layers.' + name)(x)\n", {2}, 0),
    "eval of a format": (HEAD + "y = eval('fluid.layers.{}'.format(name))(x)\n", {2}, 0),
    "eval of an f-string": (HEAD + "y = eval(f'fluid.layers.{name}')(x)\n", {2}, 0),
    "percent": ("name = 'paddle.fluid.layers.%s' % act\n", {1}, 0),
    "annotation in a string": (
        HEAD + "def f(x: 'fluid.Variable') -> 'list[fluid.Variable]': ...\n",
        {2},
        0,
    ),
    "alias in a string annotation": (
        "import paddle.fluid as F\ndef f(x: 'F.Variable'): ...\n",
        {2},
        0,
    ),
    "monkeypatch": (HEAD + "fluid.layers.fc = mine\ny = fluid.layers.fc(x)\n", {2, 3}, 2),
    "setattr": (HEAD + "setattr(fluid.layers, 'fc', mine)\n", {2}, 1),
    "hasattr": (HEAD + "new = hasattr(fluid, 'dygraph')\n", {2}, 1),
    "mock.patch": ("@mock.patch('paddle.fluid.layers.fc')\ndef f(m): ...\n", {1}, 0),
    "mock.patch.object": (HEAD + "mock.patch.object(fluid.layers, 'fc')\n", {2}, 1),
    "vars": (HEAD + "L = vars(fluid)['layers']\n", {2}, 1),
    "__dict__": (HEAD + "L = fluid.__dict__['layers']\n", {2}, 1),
    "globals": (HEAD + "y = globals()['fluid'].layers.relu(x)\n", {2}, 0),
    "sys.modules": ("import sys\nfluid = sys.modules['paddle.fluid']\n", {2}, 0),
    "returned": (HEAD + "def lib():\n    return fluid.layers\nlib().relu(x)\n", {3}, 1),
    "handed to a function": (HEAD + "f(fluid.layers, x)\n", {2}, 1),
    "or": (HEAD + "L = None or fluid.layers\nL.relu(x)\n", {2}, 1),
    "item of a list": (HEAD + "L = [fluid.layers][0]\nL.relu(x)\n", {2}, 1),
    "namespace": (HEAD + "import types\nn = types.SimpleNamespace(L=fluid.layers)\n", {3}, 1),
    "exported": (HEAD + "__all__ = ['fluid']\n", {1}, 1),
    "command line": ("run(['python', '-c', 'import paddle.fluid as f'])\n", {1}, 0),
    "base class whose arguments changed": (
        HEAD + "class O(fluid.optimizer.SGD):\n    def __init__(self, lr):\n"
        "        super().__init__(learning_rate=lr, regularization=None)\n",
        {2},
        0,
    ),
    "operators by name": (
        HEAD + "class I(fluid.initializer.Initializer):\n    def __call__(self, var, block):\n"
        "        return block.append_op(type='fill')\n",
        {2, 4},
        1,
    ),
}


@pytest.mark.parametrize("name", TOLD)
def test_told(name):
    code, lines, unknown = TOLD[name]
    outcome = migrate(code)
    assert not outcome.error, outcome.error
    assert {p.line for p in outcome.open_points} == lines
    assert sum(p.unknown for p in outcome.open_points) == unknown
    assert all(p.reason and p.recipe for p in outcome.open_points)
    assert outcome.found == len(outcome.changes) + len(outcome.open_points)
    again = engine.migrate(outcome.new or code.encode(), "flow.py")
    assert again.new is None
    assert again.open_points


LEFT = [
    "layers = MyLayers()\ny = layers.fc(x, 10)\n",
    "import fluid\ny = fluid.layers.fc(x, 10)\n",
    "from . import fluid\nfluid.layers.fc(x)\n",
    "def f(fluid):\n    return fluid.layers.fc(1)\n",
    "class paddle:\n    fluid = None\npaddle.fluid\n",
    "net.layers.relu(x)\nself.fluid.layers.fc(x)\n",
    '"""Speaks of fluid.layers.fc and paddle.fluid."""\n# fluid.layers.fc\n',
    "raise ValueError('use fluid.layers.fc or another one')\n",
    "import paddle\npaddle.reader.shuffle(r, 3)\npaddle.batch(r, 2)\npaddle.dataset.mnist.train()\n",
]


@pytest.mark.parametrize("code", LEFT)
def test_the_users_own_names_stay(code):
    outcome = migrate(code)
    assert outcome.new is None
    assert outcome.found == 0
    assert not outcome.open_points


# name: (files, exit code, what main.py must hold or what is listed as file:line)
PROJECTS = {
    "module under an attribute": (
        {
            "a.py": "import paddle.fluid as fl\nclass Lib:\n    def __init__(self):\n"
            "        self.F = fl\n",
            "main.py": "from a import Lib\nlib = Lib()\nlib.F.layers.relu(x)\n",
        },
        {"a.py:4", "main.py:3"},
    ),
    "module in a base class": (
        {
            "a.py": HEAD + "class Base:\n    L = fluid.layers\n",
            "main.py": "from a import Base\nclass D(Base):\n    def f(self, x):\n"
            "        return self.L.relu(x)\n",
        },
        {"a.py:3", "main.py:4"},
    ),
    "module put into another module": (
        {
            "cfg.py": "fluid = None\n",
            "a.py": "import cfg\nimport paddle.fluid as fluid\ncfg.fluid = fluid\n",
            "main.py": "import cfg\nimport a\ncfg.fluid.layers.relu(x)\n",
        },
        {"a.py:3", "main.py:3"},
    ),
    "module returned by a function": (
        {
            "a.py": HEAD + "def lib():\n    return fluid\n",
            "main.py": "from a import lib\nlib().x\n",
        },
        {"a.py:3"},
    ),
    "global set later": (
        {
            "g.py": "F = None\ndef init():\n    global F\n    import paddle.fluid as _f\n    F = _f\n",
            "main.py": "import g\ng.init()\ng.F.layers.relu(x)\n",
        },
        {"main.py:3"},
    ),
    "settings and scripts": (
        {
            "run.sh": "python -c 'import paddle.fluid'\n",
            "conf/a.yaml": "a: 1\nopt: paddle.fluid.optimizer.Adam\n",
            "conf/b.json": '{"act": "fluid.layers.relu"}\n',
            "c.yaml": "x: fluid.layers.relu  # paddle-migrate: skip\n",
            "README.md": "paddle.fluid\n",
        },
        {"run.sh:1", "conf/a.yaml:2", "conf/b.json:1"},
    ),
    "relative imports": (
        {
            "p/__init__.py": "",
            "p/util/__init__.py": "",
            "p/util/c.py": "import paddle.fluid as F\nlayers = F.layers\n",
            "p/m.py": "from .util import c\nfrom .util.c import layers as L, F\n"
            "def f(x):\n    return c.layers.relu(x) + L.tanh(x) + F.layers.relu(x)\n",
            "main.py": "from p.m import f\nr = f(x)\n",
        },
        RELU + TANH + RELU,
    ),
    "package that exports": (
        {
            "p/__init__.py": "from . import a\nfrom .a import fluid as FL, layers\nfrom .s import *\n",
            "p/a.py": HEAD + "layers = fluid.layers\n",
            "p/s.py": "from paddle.fluid.layers import *\n",
            "main.py": "import p\nfrom p import *\n"
            "r = p.FL.layers.relu(x) + p.layers.tanh(x) + p.a.layers.relu(x) + tanh(x)\n",
        },
        RELU + TANH + RELU + TANH,
    ),
    "imports in a circle": (
        {
            "a.py": HEAD + "import b\nL = fluid.layers\ndef f(x):\n    return b.g(x) + L.relu(x)\n",
            "b.py": "import a\ndef g(x):\n    return a.L.tanh(x)\n",
            "main.py": "import a\nr = a.f(x)\n",
        },
        TANH + RELU,
    ),
    "functions of another file": (
        {
            "a.py": HEAD + "relu = fluid.layers.relu\nACTS = {'t': fluid.layers.tanh}\n",
            "main.py": "from a import relu, ACTS\nimport a\nr = relu(x) + ACTS['t'](x) + a.relu(x)\n",
        },
        RELU + TANH + RELU,
    ),
    "base class of another file": (
        {
            "a.py": HEAD + "class Base(fluid.dygraph.Layer):\n    def __init__(self, scope):\n"
            "        super(Base, self).__init__(scope)\n        self.act = fluid.layers.relu\n",
            "main.py": "from a import Base\nclass Net(Base):\n    def __init__(self):\n"
            "        super(Net, self).__init__('net')\n    def forward(self, x):\n"
            "        return self.act(x)\nnet = Net()\nnet.set_dict(net.state_dict())\nr = net(x)\n",
        },
        RELU,
    ),
}


@pytest.mark.parametrize("name", PROJECTS)
def test_projects(name, tmp_path, monkeypatch, capsys):
    files, expected = PROJECTS[name]
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / ".state"))
    with pytest.raises(SystemExit) as end:
        main(["."])
    out = capsys.readouterr().out
    if isinstance(expected, set):
        assert end.value.code == 2, out
        listed = {":".join(line.split(":")[:2]) for line in out.splitlines() if ": PM" in line}
        listed |= {":".join(l.split(":")[:2]) for l in out.splitlines() if ": unknown PM" in l}
        assert listed == expected, out
        return
    assert end.value.code == 0, out
    own = {path.split("/")[0].removesuffix(".py") for path in files} | {"fluid_compat"}
    monkeypatch.syspath_prepend(str(tmp_path))
    paddle.disable_static()
    try:
        names = runpy.run_path("main.py", {"x": paddle.to_tensor(X)})
    finally:
        for module in [m for m in sys.modules if m.split(".")[0] in own]:
            del sys.modules[module]
    np.testing.assert_allclose(names["r"].numpy(), expected, rtol=1e-5)
