"""The command that measures: bench."""

from __future__ import annotations

from typing import Annotated

import typer

from dstan._registry import look_up
from dstan.cli import options, output

app = typer.Typer()


@app.command(rich_help_panel="Methods")
def bench(
    name: Annotated[str, typer.Argument(metavar="NAME", help="prepare, memory, training or predict.")],
    as_json: options.Json = False,
) -> None:
    """Measure how fast this machine is at one thing.

    Example: `dstan bench training`
    """
    from dstan.bench import BENCHES
    from dstan.bench.figures import machine

    measured = look_up("bench", name, BENCHES)()
    if as_json:
        output.document(measured.to_dict())
        return
    rows = [(row.name, f"{row.value:,.1f} {row.unit}", f"{row.ratio:.2f}") for row in measured.figures]
    output.say(measured.what)
    output.table(("", "measured", "of the first"), rows, numbers=("measured", "of the first"))
    output.say(machine(), "dim")
