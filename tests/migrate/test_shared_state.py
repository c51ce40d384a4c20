"""Two folders of one program have two helper modules; what these note, both must see."""

import numpy as np
import paddle
import pytest
import shipped


@pytest.fixture
def program():
    """Static mode in a program and a scope of its own."""
    paddle.enable_static()
    vars(paddle).pop("_fluid_compat_state", None)
    try:
        with paddle.static.scope_guard(paddle.static.Scope()):
            main, startup = paddle.static.Program(), paddle.static.Program()
            with paddle.static.program_guard(main, startup):
                yield main, startup
    finally:
        paddle.disable_static()


def test_a_schedule_is_counted_by_the_executor_of_another_folder(program):
    nets, scripts = shipped.load("exponential_decay", "rate_value"), shipped.load("Executor")
    rate = nets["rate_value"](nets["exponential_decay"](1.0, 1, 0.5))
    exe = scripts["Executor"](paddle.CPUPlace())
    exe.run(program[1])
    seen = [float(np.ravel(exe.run(program[0], fetch_list=[rate])[0])[0]) for _ in range(3)]
    assert seen == [1.0, 0.5, 0.25]


def test_a_started_reader_ends_in_the_exception_of_another_folder(program):
    nets, scripts = shipped.load("from_generator", "data"), shipped.load("Executor", "EOFException")
    x = nets["data"]("x", [2])
    loader = nets["from_generator"](feed_list=[x], capacity=2, iterable=False)
    batches = [[np.full((1, 2), float(n), "float32")] for n in range(2)]
    loader.set_batch_generator(lambda: iter(batches), places=[paddle.CPUPlace()])
    exe = scripts["Executor"](paddle.CPUPlace())
    y = x + 1.0
    loader.start()
    assert [float(exe.run(program[0], fetch_list=[y])[0][0, 0]) for _ in range(2)] == [1.0, 2.0]
    with pytest.raises(scripts["EOFException"]):
        exe.run(program[0], fetch_list=[y])
