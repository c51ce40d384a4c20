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


def test_operators_by_type_are_helpers_of_that_name():
    text = new(
        b"from paddle.fluid.layer_helper import LayerHelper\ndef f(x, block):\n"
        b"    helper = LayerHelper('mine')\n"
        b"    out = helper.create_variable_for_type_inference(x.dtype)\n"
        b"    helper.append_op(type='abs', inputs={'X': x}, outputs={'Out': out})\n"
        b"    block.append_op(type='abs', inputs={'X': x}, outputs={'Out': out})\n"
        b"class L(fluid.dygraph.Layer):\n    def forward(self, x):\n"
        b"        return self._helper.create_variable_for_type_inference(x.dtype)\n"
    )
    assert "helper = fluid_compat.LayerHelper('mine')" in text
    assert "out = helper.create_variable_for_type_inference(x.dtype)" in text
    assert "    helper.append_op(type=fluid_compat.op_abs, inputs" in text
    assert "fluid_compat.append_op(block, type=fluid_compat.op_abs, inputs" in text
    assert "return fluid_compat.new_variable(self._helper, x.dtype)" in text


def test_operators_that_no_helper_computes_are_told():
    assert points(
        b"def f(helper, kind):\n"
        b"    helper.append_op(type='rrpn_box_coder', inputs={}, outputs={})\n"
        b"    helper.append_op(type=kind, inputs={}, outputs={})\n"
    ) == [(3, ".append_op", False), (4, ".append_op", False)]


def test_what_a_helper_has_not_is_told():
    assert points(
        b"data = fluid.InMemoryDataset()\ndata.set_filelist(['a'])\ndata.slots_shuffle(['b'])\n"
        b"from paddle.fluid.incubate.fleet.collective import DistributedStrategy\n"
        b"s = fluid.BuildStrategy()\ns.memory_optimize = True\nprint(s.memory_optimize)\n"
        b"print(s.num_trainers)\n"
    ) == [(4, ".slots_shuffle", False), (9, ".num_trainers", False)]


def test_gradients_and_trainable_are_followed():
    text = new(
        b"loss = fluid.layers.mean(fluid.data('x', [2]))\n"
        b"opt = fluid.optimizer.SGD(0.1)\npairs = opt.backward(loss)\n"
        b"names = [g.name for p, g in pairs]\nkept = [p.name for p, g in pairs]\n"
        b"for p in fluid.default_main_program().all_parameters():\n    p.trainable = False\n"
        b"with fluid.default_main_program()._optimized_guard([]):\n    pass\n"
    )
    assert "pairs = fluid_compat.backward(opt, loss)" in text
    assert "[fluid_compat.name_of(g) for p, g in pairs]" in text
    assert "[p.name for p, g in pairs]" in text
    assert "    fluid_compat.set_trainable(p, False)" in text
    assert "with fluid_compat.optimized_guard(paddle.static.default_main_program(), []):" in text
