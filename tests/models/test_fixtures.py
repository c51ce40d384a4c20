"""Every model of tests/fixtures/models converts and equals eager at two sizes of each dimension."""

import pytest

from .harness import check, fixture_names, load_fixture

# Operators of a model that still run through Paddle's own kernels.
FALLBACKS: dict[str, set[str]] = {}

# These run in `make test` too; together they hold every kind of layer and of control flow.
QUICK = {"bert", "crnn_ctc", "early_exit", "gnn", "gru_decoder", "swin", "unet", "beam_search"}

FAILING: dict[str, str] = {}


def parameters() -> list:
    found = []
    for name in fixture_names():
        marks = [pytest.mark.models]
        if name not in QUICK:
            marks.append(pytest.mark.nightly)
        if name in FAILING:
            marks.append(pytest.mark.xfail(strict=True, reason=FAILING[name]))
        found.append(pytest.param(name, marks=marks))
    return found


@pytest.mark.parametrize("name", parameters())
def test_fixture(name):
    fixture = load_fixture(name)
    calls = [fixture.inputs(0), fixture.inputs(1)]
    if hasattr(fixture, "more_inputs"):
        calls += fixture.more_inputs()
    check(fixture.build, fixture.input_spec(), calls, FALLBACKS.get(name, set()))
