"""``dy2st``: the group of commands. A command's module is imported only when it runs."""

from __future__ import annotations

import importlib

import click

from dy2st import __version__

# name: (module, attribute, the line shown by `dy2st --help`)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "demo": (
        "dy2st.cli.demo",
        "demo",
        "Compile three real models, compare them with eager, time them.",
    ),
}


class LazyGroup(click.Group):
    """A group that knows its commands' names and help lines without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][2]) for name in self.list_commands(ctx)])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dy2st")
def main() -> None:
    """Compile PaddlePaddle models written in ordinary Python."""


if __name__ == "__main__":
    main()
