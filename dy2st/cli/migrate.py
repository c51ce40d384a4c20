"""``paddle-migrate``: the command line; everything heavy is imported when it is needed."""

from __future__ import annotations

import io
import sys
from typing import Any

import click

from dy2st import __version__

USAGE = 64  # sysexits' EX_USAGE; click's own 2 means open points here


class _Group(click.Group):
    """A group whose first argument may be a path: then it is the ``run`` command's."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        known = {*self.commands, "--help", "-h", "--version"}
        if args and args[0] not in known:
            args = ["run", *args]
        return super().parse_args(ctx, args)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage("paddle-migrate", "[OPTIONS] PATH... | COMMAND [ARGS]...")


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="paddle-migrate")
def cli() -> None:
    """Rewrite paddle.fluid code so that it runs on today's Paddle and computes the same numbers.

    paddle-migrate PATH... rewrites in place ("-" is standard input). See also
    paddle-migrate run --help for its options.

    Exit codes: 0 all migrated or nothing to do, 1 --check would change something, 2 open points
    remain, 3 a file could not be read or was refused, 64 wrong usage.
    """


@cli.command("run")
@click.argument("paths", nargs=-1, required=True)
@click.option("--check", is_flag=True, help="Change nothing; exit 1 if something would change.")
@click.option("--diff", is_flag=True, help="Change nothing; print a unified diff.")
@click.option("--out", metavar="FOLDER", help="Write a copy; other files are carried along.")
@click.option(
    "--report",
    multiple=True,
    metavar="FILE",
    help="Also write a .html, .json, .md or .sarif report.",
)
@click.option("--include", multiple=True, metavar="GLOB", help="Only these files.")
@click.option("--exclude", multiple=True, metavar="GLOB", help="Not these files or folders.")
@click.option("--jobs", type=int, metavar="N", help="Worker processes (default: one a core).")
@click.option(
    "--select", multiple=True, metavar="RULE", help="Only these rules (PM2 means PM2...)."
)
@click.option("--ignore", multiple=True, metavar="RULE", help="Not these rules.")
@click.option("--unsafe", is_flag=True, help="Also rules that may change numbers.")
@click.option("--no-compat", is_flag=True, help="Write no helper functions; open points instead.")
@click.option("--allow-dirty", is_flag=True, help="Also rewrite files with uncommitted changes.")
@click.option("--mark", is_flag=True, help="Mark open points by TODO comments.")
@click.option("--fail-on-markers", is_flag=True, help="Exit 2 where such a comment is left.")
@click.option("--target", metavar="VERSION", help="Only 3.x today.")
@click.option("--no-cache", is_flag=True, help="Look at every file again.")
@click.option("-q", "--quiet", is_flag=True, help="Only the first line of the summary.")
def run_command(paths: tuple[str, ...], **options: Any) -> None:
    """Rewrite files, folders or standard input (-)."""
    from dy2st.migrate import commands

    raise SystemExit(commands.run(paths, options))


@cli.command()
@click.argument("name")
def explain(name: str) -> None:
    """Say what becomes of an old name or what a rule does."""
    from dy2st.migrate import commands

    raise SystemExit(commands.explain(name))


@cli.command()
def rules() -> None:
    """List the rules."""
    from dy2st.migrate import commands

    raise SystemExit(commands.list_rules())


@cli.command()
@click.option("--markdown", is_flag=True, help="As the documentation has it.")
@click.option("--status", type=click.Choice(["safe", "unsafe", "open"]), help="Only these rows.")
def table(markdown: bool, status: str | None) -> None:
    """Print the mapping table."""
    from dy2st.migrate import commands

    raise SystemExit(commands.print_table(markdown, status))


@cli.command()
def undo() -> None:
    """Put back what the last run in this folder changed."""
    from dy2st.migrate import commands

    raise SystemExit(commands.undo())


@cli.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.option("--model-filename", metavar="FILE", help="The program's file (default: __model__).")
@click.option("--params-filename", metavar="FILE", help="Where all tensors are in one file.")
@click.option("--new-python", metavar="PYTHON", help="Has Paddle 3 (default: this one).")
def model(
    folder: str, model_filename: str | None, params_filename: str | None, new_python: str | None
) -> None:
    """Write an inference model that Paddle 1.8 saved again, for Paddle 3, beside the old files."""
    from dy2st.migrate import models

    prefix = models.convert(new_python or sys.executable, folder, model_filename, params_filename)
    click.echo(f"wrote {prefix}.json and {prefix}.pdiparams")


@cli.command(context_settings={"ignore_unknown_options": True})
@click.argument("script", type=click.Path(exists=True, dir_okay=False))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("--old-python", required=True, metavar="PYTHON", help="Has Paddle 1.8.")
@click.option("--new-python", required=True, metavar="PYTHON", help="Has Paddle 3.")
@click.option("--rtol", default=1e-4, show_default=True, help="Largest relative difference.")
@click.option("--timeout", default=600, show_default=True, help="Seconds for each run.")
def verify(
    script: str,
    arguments: tuple[str, ...],
    old_python: str,
    new_python: str,
    rtol: float,
    timeout: int,
) -> None:
    """Run SCRIPT on Paddle 1.8 and its migrated form on Paddle 3; compare every value."""
    import dy2st.migrate.verify.compare as compare

    raise SystemExit(compare.verify(script, arguments, old_python, new_python, rtol, timeout))


def main(arguments: list[str] | None = None) -> None:
    """The entry point; wrong usage is exit code 64."""
    from dy2st.errors import MigrateError, MigrateUsageError

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a file's name may be no text
            stream.reconfigure(errors="backslashreplace")
    try:
        cli.main(arguments, prog_name="paddle-migrate", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(USAGE)
    except MigrateUsageError as error:
        click.echo(f"paddle-migrate: {error.message}", err=True)
        sys.exit(USAGE)
    except MigrateError as error:
        click.echo(f"paddle-migrate: {error}", err=True)
        sys.exit(3)


if __name__ == "__main__":
    main()
