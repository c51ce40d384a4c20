"""A program's blocks, operators and variables: what is rewritten, what is told, what is left."""

from dy2st.migrate import engine


def points(text):
    """Line, name and whether it is unknown, of every open point."""
    outcome = engine.migrate(b"import paddle.fluid as fluid\n" + text)
    assert not outcome.error
    return [(p.line, p.old, p.unknown) for p in outcome.open_points]


def new(text):
    """The migrated text without its helpers."""
    outcome = engine.migrate(b"import paddle.fluid as fluid\n" + text, compat_module="fluid_compat")
    assert not outcome.open_points, outcome.open_points
    return (outcome.new or b"").decode()


def test_variables_are_found_by_helpers():
    text = new(
        b"main = fluid.default_main_program()\nblock = main.current_block()\n"
        b"a = block.var('x')\nb = main.global_block().has_var('x')\nc = block.vars.keys()\n"
        b"for v in main.list_vars():\n    print(v.lod_level)\n"
    )
    assert "a = fluid_compat.block_var(block, 'x')" in text
    assert "b = fluid_compat.block_has_var(main.global_block(), 'x')" in text
    assert "c = fluid_compat.block_vars(block).keys()" in text
    assert "for v in fluid_compat.list_vars(main):" in text
    assert "print(fluid_compat.lod_level_of(v))" in text


def test_operators_are_told_where_the_flow_shows_them():
    found = points(
        b"def f(program):\n    for op in program.global_block().ops:\n"
        b"        if op.type == 'dropout':\n            op._set_attr('is_test', True)\n"
        b"    return [o.attr('axis') for b in program.blocks for o in b.ops]\n"
    )
    assert [line for line, _, _ in found] == [3, 4, 5, 6, 6]
    assert not any(unknown for _, _, unknown in found)


def test_names_that_only_1_x_has_are_told_on_any_object():
    assert points(b"def f(x):\n    return x.input_arg_names, x._remove_op(0)\n") == [
        (3, ".input_arg_names", True),
        (3, "._remove_op", True),
    ]
    assert points(b"def f(x):\n    return x.parse_from_string(b'')\n") == [
        (3, ".parse_from_string", True)
    ]


def test_other_objects_are_left_in_peace():
    code = (
        b"import numpy as np\nimport torch\nfluid.default_main_program()\n"
        b"x = np.ones(3)\ny = x.var()\nz = torch.nn.Linear(2, 3).vars\n"
        b"w = x.type\nops = x.ops\nk = x.attr('a')\n"
    )
    assert points(code) == []
    assert "x.var()" in new(code)
