"""The command that measures: bench."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dstan._registry import look_up
from dstan.cli import options, output
from dstan.errors import ConfigError

app = typer.Typer()
TRAINING = ("networks", "training")
"""The benches that can train elsewhere than on the CPU."""


@app.command(rich_help_panel="Methods")
def bench(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="descriptors, prepare, memory, motion, networks, training, predict or preprocessing."
        ),
    ],
    plots: Annotated[
        Path | None, typer.Option("--plots", metavar="DIR", help="For preprocessing: draw its tables here, as PNG.")
    ] = None,
    device: Annotated[
        str, typer.Option("--device", metavar="cpu|cuda[:N]", help="For networks and training: where they learn.")
    ] = "cpu",
    as_json: options.Json = False,
) -> None:
    """Measure how fast this machine is at one thing, or how far preprocessing is from truth.

    Example: `dstan bench training`

    Some fifteen minutes, accuracy in place of speed: `dstan bench preprocessing --plots plots`
    """
    from dstan.bench import BENCHES, Tables
    from dstan.bench.figures import machine

    measure = look_up("bench", name, BENCHES)
    if plots is not None and name != "preprocessing":
        raise ConfigError(f"{name} has no plots", hint="Leave --plots out, or run dstan bench preprocessing")
    if device != "cpu" and name not in TRAINING:
        raise ConfigError(f"{name} is measured on the CPU only", hint="Leave --device out, or run dstan bench training")
    measured = measure(options.device(device)) if name in TRAINING else measure()
    if isinstance(measured, Tables) and plots is not None:
        measured.draw(plots)
    if as_json:
        output.document(measured.to_dict())
        return
    if isinstance(measured, Tables):
        for table in measured.tables:
            output.say(f"{table.name}: {table.what}")
            output.table(table.columns, table.text(), numbers=table.numbers())
        output.say(machine(), "dim")
        return
    rows = [(row.name, f"{row.value:,.1f} {row.unit}", f"{row.ratio:.2f}", row.reference) for row in measured.figures]
    output.say(measured.what)
    output.table(("", "measured", "ratio", "to"), rows, numbers=("measured", "ratio"))
    output.say(machine(), "dim")
