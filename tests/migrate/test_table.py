"""The rows against both signatures, and each ``safe`` row against the programs that show it."""

import inspect
import json

import examples
import programs
import pytest
from arguments import given_arguments

from dy2st.errors import DeclarationError
from dy2st.migrate import engine, helpers, table
from dy2st.migrate.rules import BY_METHOD, BY_NAME, SCANS, load_all

load_all()
ROWS = table.load().rows


def test_every_public_callable_has_a_row():
    assert len(ROWS) >= 621
    assert len({r.id for r in ROWS}) == len(ROWS)


def _parameters(target):
    """The names and defaults of a callable of today's Paddle."""
    function = target.__init__ if inspect.isclass(target) else target
    return {n: p for n, p in inspect.signature(function).parameters.items() if n not in ("self",)}


def test_new_names_and_signatures_are_paddles():
    paddle = pytest.importorskip("paddle")
    wrong = []
    for row in ROWS:
        if not row.new:
            continue
        target = paddle
        try:
            for part in row.new.split(".")[1:]:
                target = getattr(target, part)
        except AttributeError:
            if row.status != "open":
                wrong.append(f"{row.old}: no {row.new}")
            continue
        if row.new_signature:
            now = list(_parameters(target))
            if [p.name for p in row.new_parameters] != now:
                wrong.append(f"{row.old}: {row.new}{now}")
    assert not wrong, "\n".join(wrong)


def test_no_argument_is_lost_and_no_default_changes():
    wrong = []
    for row in ROWS:
        if not row.new or row.status == "open" or not row.new_signature:
            continue
        new = {p.name: p for p in row.new_parameters}
        takes_any = any(p.kind in ("args", "kwargs") for p in row.new_parameters)
        for p in row.parameters:
            name = row.rename.get(p.name, p.name)
            gone = p.name in row.drop or p.name in row.only or (row.act and p.name == "act")
            if gone or (takes_any and name not in new):
                continue
            if row.rule and BY_NAME[row.rule].handles(p.name):
                continue
            if name not in new:
                if not row.helper:
                    wrong.append(f"{row.old}: argument {p.name} is lost")
            elif p.default not in (None, new[name].default) and name not in row.add:
                if name not in row.same_default:
                    wrong.append(f"{row.old}: {name} {p.default} is {new[name].default}")
    assert not wrong, "\n".join(wrong)


def test_helpers_take_what_the_old_callable_took():
    wrong = []
    import ast

    for row in ROWS:
        if not row.helper:
            continue
        node = ast.parse(helpers.load()[row.helper].text).body[0]
        if isinstance(node, ast.Assign):  # an object that is there once
            continue
        if isinstance(node, ast.ClassDef):
            found = [n for n in node.body if getattr(n, "name", "") == "__init__"]
            if not found:
                continue
            node = found[0]
        names = [a.arg for a in node.args.args if a.arg != "self"]
        if node.args.vararg or node.args.kwarg:
            continue
        old = [p.name for p in row.parameters if p.kind == "normal"]
        if names[: len(old)] != old:
            wrong.append(f"{row.old}{old}: helper {row.helper}{names}")
    assert not wrong, "\n".join(wrong)


def shown_rows():
    """The rows that examples or whole programs show: what was converted in what ran equal."""
    shown = set()
    recorded = examples.recorded()
    for name, job in examples.jobs().items():
        if recorded.get(name, {}).get("ok"):
            _, outcome = examples.migrated(job)
            shown |= {c.rule for c in outcome.changes}
    for script in programs.scripts().values():
        files = [script] if script.parent == programs.FOLDER else script.parent.rglob("*.py")
        for path in files:
            if path.suffix == ".py":
                shown |= {c.rule for c in engine.migrate(path.read_bytes(), str(path)).changes}
    return shown


def test_every_safe_row_is_shown():
    shown = shown_rows()
    bare = [r.old for r in ROWS if r.status == "safe" and r.numeric and r.id not in shown]
    assert not bare, f"{len(bare)} safe rows without a numeric example: {bare}"


def test_rules_are_declared_and_their_changes_hold():
    for rule in [*BY_NAME.values(), *SCANS, *(r for g in BY_METHOD.values() for r in g)]:
        assert rule.changes or rule.leaves, rule.id


def test_a_bad_row_is_refused():
    with pytest.raises(DeclarationError, match="unknown keys"):
        table.make_row({"id": "PM1", "old": "a.b", "colour": 1}, "test")
    with pytest.raises(DeclarationError, match="no recipe"):
        table.make_row({"id": "PM1", "old": "a.b", "status": "open"}, "test")
    assert json.dumps(ROWS[0].old)


# Arguments on which no number of a run hangs, or whose numbers cannot be those of 1.8.5.
WITHOUT_NUMBERS = {
    "name": "a name in printed programs",
    "seed": "another generator draws other numbers",
    "device": "where it runs",
    "use_cudnn": "how a GPU computes",
    "use_mkldnn": "how a processor computes",
    "force_cpu": "where it runs",
    "do_model_average": "which parameters ModelAverage takes, shown there",
    "do_model_average_for_mean_and_var": "which parameters ModelAverage takes, shown there",
    "is_distributed": "tables of parameter servers",
    "is_sparse": "how gradients are stored",
    "out": "where 1.8.5 in dynamic graphs did not write, either",
    "func": "a decorator's function",
    "block": "where a parameter is made",
    "dtype": "float32 is what 1.8.5 computes in; others are shown where it takes them",
}


def _meaning(name):
    row = next(r for r in ROWS if r.old == name)
    return (row.helper or row.new, row.signature)


def test_each_argument_is_given_by_an_example():
    """What is not shown stands in a list, with nothing in it that is shown by now."""
    given: dict = {}
    for name, arguments in given_arguments().items():  # two names for one thing show each other
        given.setdefault(_meaning(name), set()).update(arguments)
    bare = [
        f"{row.old} {p.name}"
        for row in ROWS
        if row.status == "safe" and row.numeric
        for p in row.parameters
        if p.kind in ("normal", "keyword")
        and p.name not in WITHOUT_NUMBERS
        and p.name not in given.get(_meaning(row.old), ())
    ]
    listed = (examples.FIXTURES / "arguments_not_shown.txt").read_text().splitlines()
    listed = [line.split("  #")[0] for line in listed if line and not line.startswith("#")]
    assert not set(bare) - set(listed), "give these in an example: " + ", ".join(
        sorted(set(bare) - set(listed))
    )
    assert not set(listed) - set(bare), "shown by now, take them out of the list: " + ", ".join(
        sorted(set(listed) - set(bare))
    )
