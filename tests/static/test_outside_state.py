"""Whatever a function reads from outside may change between calls: each change must be seen."""

from __future__ import annotations

import collections
import dataclasses
import os
import types

import numpy as np
import paddle
import pytest

from dy2st import to_static

settings = types.ModuleType("settings_of_a_user")


class Config:
    scale = 2.0
    options = {"x": 1}

    def read(self):
        return self.scale

    @property
    def product(self):
        return self.scale * self.options["x"]


class Slots:
    __slots__ = ("v",)


class Meta(type):
    @property
    def value(cls):
        return cls.v


class Classy(metaclass=Meta):
    v = 2.0


class Items:
    def __init__(self):
        self.data = [1.0]

    def __getitem__(self, index):
        return self.data[index]

    def __len__(self):
        return len(self.data)

    def __iter__(self):
        return iter(self.data)


class Fallback:
    def __init__(self):
        self.__dict__["held"] = {"w": 1.0}

    def __getattr__(self, name):
        try:
            return self.__dict__["held"][name]
        except KeyError:
            raise AttributeError(name) from None


class MyList(list):
    pass


@dataclasses.dataclass
class Data:
    a: float = 1.0
    items: list = dataclasses.field(default_factory=lambda: [1.0])


class State:
    """All that the cases read, made anew for each."""

    def __init__(self):
        settings.k, settings.table = 1.0, {"a": [1.0]}
        Config.scale, Config.options = 2.0, {"x": 1}
        Classy.v = 2.0
        self.config, self.slots, self.items = Config(), Slots(), Items()
        self.slots.v = 1.0
        self.array = np.array([1.0, 2.0, 3.0], "float32")
        self.deque = collections.deque([1.0, 2.0])
        self.ordered = collections.OrderedDict(a=1.0)
        self.default = collections.defaultdict(float, a=1.0)
        self.mine = MyList([1.0])
        self.members = {1, 2}
        self.data = Data()
        self.tensor = paddle.ones([3])
        self.tensors = [paddle.ones([3]), paddle.ones([3]) * 2]
        self.fallback = Fallback()
        self.deep = {"a": [{"b": [np.ones(3, "float32")]}]}
        os.environ["DY2ST_TEST_MODE"] = "1"


S = State()
TABLE = np.array([1.0, 2.0, 3.0], "float32")
WEIGHT = paddle.ones([3])


def default(x, factors=[1.0]):  # noqa: B006
    return x * factors[0]


def marked(x):
    return x * marked.k


marked.k = 2.0

CASES = {
    "module": (lambda x: x * settings.k, ["settings.k = 2.0", "settings.k = 3"]),
    "container of a module": (
        lambda x: x * settings.table["a"][0],
        ["settings.table['a'][0] = 4.0", "settings.table = {'a': [5.0]}"],
    ),
    "class attribute": (
        lambda x: x * S.config.scale,
        ["Config.scale = 5.0", "S.config.scale = 6.0"],
    ),
    "attribute of a class": (lambda x: x * Config.scale, ["Config.scale = 7.5"]),
    "in a method": (lambda x: x * S.config.read(), ["Config.scale = 8.5"]),
    "in a property": (
        lambda x: x * S.config.product,
        ["Config.scale = 1.5", "Config.options['x'] = 4", "Config.options = {'x': 2}"],
    ),
    "property of a metaclass": (lambda x: x * Classy.value, ["Classy.v = 5.0"]),
    "slots": (lambda x: x * S.slots.v, ["S.slots.v = 4.0"]),
    "getattr": (lambda x: x * getattr(S.config, "more", 1.0), ["S.config.more = 2.0"]),
    "hasattr": (lambda x: x if hasattr(S.config, "extra") else x * 2, ["S.config.extra = 1"]),
    "__getattr__": (lambda x: x * S.fallback.w, ["S.fallback.held['w'] = 4.0"]),
    "__getitem__": (
        lambda x: x * S.items[0] + len(S.items) + sum(S.items),
        ["S.items.data[0] = 4.0", "S.items.data.append(1.0)"],
    ),
    "global array": (lambda x: x + paddle.to_tensor(TABLE), ["TABLE[0] = TABLE[0] + 9"]),
    "array": (lambda x: x * float(S.array.sum()), ["S.array[0] = 50.0"]),
    "deep array": (
        lambda x: x + paddle.to_tensor(S.deep["a"][0]["b"][0]),
        ["S.deep['a'][0]['b'][0][1] = 7.0"],
    ),
    "deque": (lambda x: x * S.deque[0] + len(S.deque), ["S.deque[0] = 4.0", "S.deque.append(1.0)"]),
    "OrderedDict": (lambda x: x * S.ordered["a"], ["S.ordered['a'] = 3.0"]),
    "defaultdict": (lambda x: x * S.default["a"], ["S.default['a'] = 3.0"]),
    "list of a class": (lambda x: x * S.mine[0], ["S.mine[0] = 3.0", "S.mine = MyList([4.0])"]),
    "set": (lambda x: x * len(S.members), ["S.members.add(5)", "S.members.discard(1)"]),
    "dataclass": (
        lambda x: x * S.data.a + S.data.items[0],
        ["S.data.a = 2.0", "S.data.items[0] = 7.0", "S.data = Data(5.0)"],
    ),
    "tensor": (lambda x: x + S.tensor, ["S.tensor = paddle.full([3], 9.0)"]),
    "global tensor": (lambda x: x + WEIGHT, ["globals().update(WEIGHT=WEIGHT + 1)"]),
    "tensors in a list": (
        lambda x: x + S.tensors[0] + S.tensors[-1],
        ["S.tensors[0] = paddle.full([3], 9.0)", "S.tensors.append(paddle.zeros([3]))"],
    ),
    "mutable default": (default, ["default.__defaults__[0][0] += 8.0"]),
    "attribute of a function": (marked, ["marked.k += 5.0"]),
    "environment": (
        lambda x: x if os.environ["DY2ST_TEST_MODE"] == "1" else x * 2,
        ["os.environ['DY2ST_TEST_MODE'] = '2'"],
    ),
    "environment, asked": (
        lambda x: x if os.getenv("DY2ST_TEST_MODE") == os.environ.get("X", "1") else x * 2,
        ["os.environ['DY2ST_TEST_MODE'] = '2'", "os.environ['DY2ST_TEST_MODE'] = '1'"],
    ),
    "gradients enabled": (
        lambda x: x * 2 if paddle.is_grad_enabled() else x * 3,
        ["paddle.set_grad_enabled(False)", "paddle.set_grad_enabled(True)"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_change_is_seen(name, monkeypatch):
    monkeypatch.setitem(globals(), "S", State())
    monkeypatch.setenv("DY2ST_TEST_MODE", "1")
    function, changes = CASES[name]
    net, x = to_static(function), paddle.to_tensor([1.0, 2.0, -3.0])
    before = []
    for change in ("None", *changes, "None"):
        exec(change, globals())
        want = function(x).numpy()
        np.testing.assert_allclose(net(x).numpy(), want, rtol=1e-6)
        before.append(want.tolist())
    assert before[0] != before[1], "the case changes nothing"


def test_the_flag_of_an_input_is_seen():
    net = to_static(lambda x: x * 2 if x.stop_gradient else x * 3)
    x = paddle.ones([2])
    for flag in (True, False, True):
        x.stop_gradient = flag
        assert net(x).tolist() == ([2.0, 2.0] if flag else [3.0, 3.0])
