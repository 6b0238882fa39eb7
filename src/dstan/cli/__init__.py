"""The command line: one file a group of commands, everything heavy imported inside them.

Exit codes: 0 done, 1 it failed or found problems, 2 it was called wrongly, 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from dstan._version import __version__
from dstan.cli import (
    ablation,
    benches,
    cluster,
    comparison,
    corpus,
    demo,
    evaluation,
    export,
    methods,
    models,
    output,
    prediction,
    preparation,
    pretraining,
    reproduction,
    spotting,
    storage,
    tracking,
    tuning,
    web,
)
from dstan.errors import ConfigError, DstanError, UnknownNameError


class Commands(TyperGroup):
    """The group of all commands; turns what goes wrong in one into a message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was typed."""
        try:
            return super().invoke(ctx)
        except DstanError as error:
            output.show_error(error)
            raise typer.Exit(2 if isinstance(error, (ConfigError, UnknownNameError)) else 1) from error
        except BrokenPipeError:
            raise
        except OSError as error:
            where = error.filename
            output.show_error(DstanError(error.strerror or str(error), where=where))
            raise typer.Exit(1) from error
        except KeyboardInterrupt as error:
            output.warn("stopped; what was finished is kept, and if there is any the same command goes on from it")
            raise typer.Exit(130) from error


app = typer.Typer(
    name="dstan",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        output.say(f"dstan {__version__}")
        raise typer.Exit()


@app.callback()
def dstan(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Recognise facial micro-expressions: from a folder of video to an honest leave-one-subject-out report.

    Begin with `dstan demo`: everything once, small, on synthetic faces.
    """
    output.show_warnings()


for group in (
    demo,
    corpus,
    preparation,
    storage,
    evaluation,
    comparison,
    tuning,
    ablation,
    reproduction,
    tracking,
    prediction,
    spotting,
    web,
    models,
    pretraining,
    export,
    methods,
    benches,
    cluster,
):
    app.add_typer(group.app)


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    app(prog_name="dstan")
