"""Functions, methods, classes, layers: what is converted on the way."""

from __future__ import annotations

import functools

import paddle
from paddle import nn

from .table import case


def helper(x):
    if x.sum() > 0:
        return x + 1
    return x - 1


def helper_two(x, *args, scale=1, **kwargs):
    if x.sum() > 0:
        return x * scale + len(args)
    return x - len(kwargs)


@case()
def calls_helper(x):
    return helper(helper(x) * -1)


@case()
def keyword_arguments(x):
    return helper_two(x, 1, 2, scale=3, other=4)


@case()
def star_arguments(x):
    args = (1, 2)
    options = {"scale": 5}
    return helper_two(x, *args, **options)


@case()
def inner_function(x):
    def inner(v, k=2):
        if v.sum() > 0:
            return v * k
        return v

    return inner(x) + inner(-x, k=3)


@case()
def lambda_with_condition(x):
    f = lambda v: v if v.sum() > 0 else -v
    return f(x)


@case()
def partial_of_helper(x):
    return functools.partial(helper_two, scale=4)(x)


@case()
def recursion(x):
    def fact(n):
        return 1 if n <= 1 else n * fact(n - 1)

    return x * fact(4)


@case()
def decorated(x):
    def twice(f):
        @functools.wraps(f)
        def wrapper(*a, **k):
            return f(f(*a, **k))

        return wrapper

    @twice
    def step(v):
        if v.sum() > 0:
            return v * 2
        return v - 1

    return step(x)


@paddle.no_grad()
def no_grad_helper(x):
    if x.sum() > 0:
        return x * 2
    return x


@case()
def decorated_by_paddle(x):
    return no_grad_helper(x)


class Gate(nn.Layer):
    def __init__(self, size=3):
        super().__init__()
        self.scale = 2.0
        self.w = self.create_parameter([size], default_initializer=nn.initializer.Constant(0.5))

    def forward(self, x):
        if (x * self.w).sum() > 0:
            return x * self.scale
        return x + self.w


class Net(nn.Layer):
    def __init__(self):
        super().__init__()
        self.first = Gate()
        self.rest = nn.Sequential(Gate(), nn.ReLU(), Gate())
        self.layers = nn.LayerList([Gate() for _ in range(2)])

    def forward(self, x, early=False):
        x = self.first(x)
        if early and x.sum() > 0:
            return x
        x = self.rest(x)
        for layer in self.layers:
            x = layer(x)
            if x.max() > 20:
                break
        return x


@case(setup=Gate)
def layer_with_condition(net, x):
    return net(x)


@case(setup=Net)
def layer_of_layers(net, x):
    return net(x)


@case(setup=Net)
def layer_of_layers_early(net, x):
    return net(x, early=True)


class Hooked(Gate):
    def __init__(self):
        super().__init__()
        self.register_forward_pre_hook(lambda layer, inputs: (inputs[0] + 1,))
        self.register_forward_post_hook(lambda layer, inputs, outputs: outputs * 3)


@case(setup=Hooked)
def layer_with_hooks(net, x):
    return net(x)


class Base:
    def __init__(self):
        self.k = 2

    def apply(self, x):
        if x.sum() > 0:
            return x * self.k
        return x


class Derived(Base):
    def apply(self, x):
        y = super().apply(x)
        if y.max() > 4:
            return y + 100
        return y

    @property
    def doubled(self):
        return self.k * 2

    @staticmethod
    def helper(x):
        return x if x.sum() > 0 else -x

    @classmethod
    def make(cls, x):
        return cls().apply(x)

    def __call__(self, x):
        return x + 1 if x.sum() > 0 else x

    def __getitem__(self, i):
        return self.k + i

    def __len__(self):
        return 5


@case(setup=Derived)
def super_and_method(obj, x):
    return obj.apply(x)


@case(setup=Derived)
def property_static_class(obj, x):
    return obj.doubled, obj.helper(x), Derived.make(x)


@case(setup=Derived)
def dunder_methods(obj, x):
    return obj(x), obj[3], len(obj)


@case()
def class_made_inside(x):
    obj = Derived()
    if x.sum() > 0:
        obj.k = 10
    return obj.apply(x)


@case()
def generator_function(x):
    def gen():
        for i in range(3):
            yield x + i

    total = x * 0
    for v in gen():
        if v.sum() > 5:
            total = total + v
    return total


@case()
def map_and_zip(x):
    return list(map(lambda v: v * 2, [x, x + 1])), [a + b for a, b in zip([x], [x])]


@case()
def default_argument_tensor(x):
    def f(v, w=x):
        if v.sum() > 0:
            return w + v
        return w - v

    return f(x * 2)


@case()
def varargs_of_tensors(x):
    def total(*vs):
        s = vs[0] * 0
        for v in vs:
            if v.sum() > 0:
                s = s + v
        return s

    return total(x, -x, x + 1)
