"""An operation that rejects its operands raises when and only when eager does: also where nobody reads
its results, also among constants and weights, and never before its turn. The error names the line."""

from __future__ import annotations

import inspect

import paddle
import paddle.nn.functional as F
import pytest

from dy2st import to_static
from dy2st.errors import Dy2stError


def unread_division(x):
    i = x.astype("int32")
    _ = i // (i - i)
    return x + 1


def unread_gather(x):
    _ = paddle.gather(x, (x * 100).astype("int64")[0])
    return x + 1


def unread_cholesky(x):
    _ = paddle.linalg.cholesky(x.sum() * 0 - paddle.eye(3))
    return x


def unread_inverse(x):
    _ = paddle.linalg.inv(paddle.zeros([3, 3]))
    return x


def unread_embedding(x):
    _ = F.embedding((x * 1000).astype("int64") + 9, paddle.ones([3, 3]))
    return x


def unread_one_hot(x):
    _ = F.one_hot((x * 1000).astype("int64") + 5, 3)
    return x


def of_constants(x):
    a = paddle.to_tensor([1, 2]) // paddle.to_tensor([0, 1])
    return x * a.sum()


def of_numbers(x):
    n = int(x.sum()) - int(x.sum())
    _ = 5 // n
    return x


CASES = [
    unread_division,
    unread_gather,
    unread_cholesky,
    unread_inverse,
    unread_embedding,
    unread_one_hot,
    of_constants,
    of_numbers,
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
def test_it_raises(function):
    x = paddle.ones([2, 4])
    with pytest.raises(Exception, match=r"."):
        function(x)
    with pytest.raises((Dy2stError, ZeroDivisionError)) as caught:
        to_static(function)(x)
    if isinstance(caught.value, Dy2stError):
        first = inspect.getsourcelines(function)[1]
        assert caught.value.location.file == __file__
        assert first < caught.value.location.line < first + 4


def in_a_branch(x):
    if x.sum() > 0:
        return x + 1
    a = paddle.to_tensor([1, 2]) // paddle.to_tensor([0, 1])
    return x * a.sum()


def in_a_loop(x):
    while x.sum() > 100:
        x = x - paddle.gather(paddle.to_tensor([1.0]), paddle.to_tensor([4]))
    return x


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("function", [in_a_branch, in_a_loop])
def test_it_waits_for_its_turn(function):
    net, x = to_static(function), paddle.ones([2])
    assert net(x).tolist() == function(x).tolist()
    bad = -x if function is in_a_branch else x * 100
    with pytest.raises(Exception, match=r"."):
        function(bad)
    with pytest.raises(Dy2stError):
        net(bad)
    assert net(x).tolist() == function(x).tolist()
