"""What a file is like as a whole: static or dynamic, and its skip comments."""

from __future__ import annotations

import ast
import functools
import re

from dy2st.migrate.model import Facts
from dy2st.migrate.names import OURS, Names
from dy2st.migrate.source import Source
from dy2st.migrate.table import Table, load

_STATIC = re.compile(
    r"^paddle\.fluid\.(Executor|data|program_guard|default_main_program|default_startup_program"
    r"|Program|ParallelExecutor|CompiledProgram|layers\.data|layers\.py_reader|append_backward"
    r"|layers\.create_py_reader_by_data|io\.(save|load)_(inference_model|params|persistables|vars)"
    r"|gradients)$"
)
# The same where the file has no sign of dynamic graphs.
_MAYBE_STATIC = re.compile(
    r"^paddle\.fluid\.layers\.(fc|create_global_var|autoincreased_step_counter)$"
)
_EXECUTOR = re.compile(
    r"^paddle\.fluid\.(layers\.(\w+_decay|linear_lr_warmup|py_reader|read_file|create_global_var"
    r"|create_py_reader_by_data)|CompiledProgram|ParallelExecutor|core\.EOFException"
    r"|io\.DataLoader|io\.PyReader|layers\.(sequence_(?!mask)\w+|dynamic_(lstm|lstmp|gru)|lod_\w+"
    r"|im2sequence|\w+_nms2?|detection_output|generate_proposal\w+|retinanet_\w+|rpn_target_assign"
    r"|linear_chain_crf|crf_decoding|warpctc|ctc_greedy_decoder|edit_distance|chunk_eval|DynamicRNN"
    r"|\w*roi_(pool|align)|bipartite_match|target_assign|ssd_loss|\w+_fpn_proposals)|contrib\.multiclass_nms2"
    r"|(dataset\.)?(DatasetFactory|InMemoryDataset|QueueDataset)"
    r"|(core\.)?LoDTensor|create_(random_int_)?lod_?tensor)$"
)
_RATE = re.compile(
    r"^paddle\.fluid\.layers\.(learning_rate_scheduler\._decay_step_counter|create_global_var"
    r"|autoincreased_step_counter|Switch|create_tensor)$"
)
_DYGRAPH = re.compile(
    r"^paddle\.fluid\.(dygraph\.(guard|to_variable|enable_dygraph|Linear|Conv2D|Layer|no_grad"
    r"|load_dygraph|save_dygraph)|enable_dygraph|enable_imperative)$"
)
_STARTS_DYGRAPH = (
    "paddle.fluid.dygraph.guard",
    "paddle.fluid.dygraph.to_variable",
    "paddle.fluid.dygraph.Layer",
    "paddle.fluid.dygraph.enable_dygraph",
)
_BUILDERS = re.compile(
    r"^paddle\.fluid\.(optimizer\.|nets\.|layers\.(\w+_decay|linear_lr_warmup|create_parameter)$)"
)
_SKIP = re.compile(rb"#\s*paddle-migrate:\s*skip(-file)?\b")


def learn(names: Names, table: Table) -> Facts:
    """Whether the file builds static graphs, runs dynamically, and what it needs for that."""
    facts = Facts()
    builds = False  # calls layers or optimizers where the module is run: 1.8 is static by default
    seeds = False
    for chain in names.chains:
        for candidate in names.resolve(chain.node, chain.scope):
            match = table.find(candidate) if candidate.startswith("paddle.") else None
            shown = _shown_by(match[0].old) if match else _shown_by_new(candidate)
            if match and _sets_seed(chain.node, names):
                seeds = True
                continue
            builds |= "maybe" in shown or ("builds" in shown and chain.scope.kind == "module")
            for fact in shown:
                if fact not in ("builds", "maybe"):
                    setattr(facts, fact, True)
    facts.static |= (builds or seeds) and not facts.dygraph
    _learn_calls(names, facts)
    return facts


def _shown_by_new(candidate: str) -> tuple[str, ...]:
    """The facts that a name which an earlier run wrote shows."""
    return ("dygraph",) if candidate in _dygraph_names() else ()


@functools.cache
def _dygraph_names() -> frozenset[str]:
    """What the names that start dynamic graphs are rewritten to."""
    found = set()
    for name in _STARTS_DYGRAPH:
        match = load().find(name)
        if match is not None:
            found |= {match[0].new, f"{OURS}.{match[0].helper}"}
    return frozenset(found - {"", f"{OURS}."})


@functools.cache
def _shown_by(old: str) -> tuple[str, ...]:
    """The facts that a use of one old name shows; ``builds`` counts where the module is run.

    ``maybe`` is a sign of programs where the file shows no dynamic graphs.
    """
    shown = {
        "static": _STATIC.match(old),
        "dygraph": _DYGRAPH.match(old),
        "executor_helper": _EXECUTOR.match(old),
        "graph_rate": _RATE.match(old),
        "program_clip": old == "paddle.fluid.clip.set_gradient_clip",
        "builds": _BUILDERS.match(old),
        "maybe": _MAYBE_STATIC.match(old),
    }
    return tuple(fact for fact, found in shown.items() if found)


def _sets_seed(node: ast.expr, names: Names) -> bool:
    """Whether of a program only the seed is meant, which dynamic scripts set too."""
    call = names.parents.get(node)
    attribute = names.parents.get(call) if isinstance(call, ast.Call) else None
    return isinstance(attribute, ast.Attribute) and attribute.attr == "random_seed"


def _learn_calls(names: Names, facts: Facts) -> None:
    for call, _ in names.calls:
        func = call.func
        attribute = func.attr if isinstance(func, ast.Attribute) else ""
        positional = [a.value for a in call.args if isinstance(a, ast.Constant)]
        named = any(k.arg == "for_test" for k in call.keywords)
        if attribute == "clone" and (named or positional == [True]):
            facts.executor_helper = facts.static = True
        for keyword in call.keywords:
            if keyword.arg == "lod_level" and not _is_zero(keyword.value):
                facts.executor_helper = True  # it feeds the offsets
            if keyword.arg == "fetch_list" and _fetches_by_name(keyword.value):
                facts.executor_helper = True


def _is_zero(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == 0


def _fetches_by_name(node: ast.expr) -> bool:
    return any(isinstance(n, ast.Constant) and isinstance(n.value, str) for n in ast.walk(node))


def skipped(source: Source) -> tuple[frozenset[int], bool]:
    """The lines with a skip comment, and whether the whole file is to be skipped.

    A comment alone on one of the first lines, before any code, skips the file.
    """
    if b"paddle-migrate" not in source.text:
        return frozenset(), False
    lines, whole = set(), False
    first_code = source.tree.body[0].lineno if source.tree.body else 1 << 30
    for number in range(1, len(source.starts) + 1):
        start, end = source.line_span(number)
        line = source.text[start:end]
        found = _SKIP.search(line)
        if not found:
            continue
        alone = line.lstrip().startswith(b"#")
        if found.group(1) or (alone and number <= first_code):
            whole = True
        lines.add(number + 1 if alone else number)
    return frozenset(lines), whole
