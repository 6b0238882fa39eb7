"""The command that measures: bench."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dstan._registry import look_up
from dstan.cli import options, output
from dstan.errors import ConfigError

if TYPE_CHECKING:
    from dstan.bench.tables import Table

app = typer.Typer()
TRAINING = ("networks", "training")
"""The benches that can train elsewhere than on the CPU."""
TEACHER = "teacher"
"""The bench that measures on corpora, for an hour or more, into a folder."""
OF_TEACHER = "Options of teacher"
SPOTTING = "spotting"
"""The bench that draws long recordings, into a folder if one is given."""
OF_SPOTTING = "Options of spotting"
SCALING = "scaling"
"""The bench that measures how cost grows, into a folder."""
OF_SCALING = "Options of scaling"


@app.command(rich_help_panel="Methods")
def bench(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="descriptors, prepare, memory, motion, networks, training, predict, preprocessing, scaling, spotting, "
            "or teacher.",
        ),
    ],
    plots: Annotated[
        Path | None, typer.Option("--plots", metavar="DIR", help="For preprocessing: draw its tables here, as PNG.")
    ] = None,
    device: Annotated[
        str, typer.Option("--device", metavar="cpu|cuda[:N]", help="For networks and training: where they learn.")
    ] = "cpu",
    roots: Annotated[
        list[str] | None,
        typer.Option("--root", metavar="CORPUS=DIR", help="Where a corpus lies; repeated.", rich_help_panel=OF_TEACHER),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Weights, clips or videos, runs, numbers and plots go here; spotting needs none.",
            rich_help_panel=OF_TEACHER,
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="PART",
            help="curve, zero-shot, contaminations, clips, recognition, calibration or init; of scaling: clips, "
            "prepare, evaluate, subjects, tasks, lists or full; may be repeated.",
            rich_help_panel=OF_TEACHER,
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(metavar="PROTOCOL", help="loso or kfold-subject [the default].", rich_help_panel=OF_TEACHER),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Of every run [default: 3].", rich_help_panel=OF_TEACHER),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Of every fit on clips [default: 30].", rich_help_panel=OF_TEACHER),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option("--cache", metavar="DIR", help="Prepared clips.", rich_help_panel=OF_TEACHER),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", metavar="N", min=0, help="Processes; spotting too.", rich_help_panel=OF_TEACHER),
    ] = None,
    sessions: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="People at 30 frames a second [default: 9].", rich_help_panel=OF_SPOTTING
        ),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(metavar="S", min=12, help="Of each video [default: 60].", rich_help_panel=OF_SPOTTING),
    ] = None,
    price: Annotated[
        float | None,
        typer.Option(
            metavar="P",
            help="Dollars for an hour of one core, where a cluster is calculated [default: .05].",
            show_default=False,
            rich_help_panel=OF_SCALING,
        ),
    ] = None,
    reduced: Annotated[
        bool, typer.Option("--reduced", help="Little of everything, to see that it works.", rich_help_panel=OF_SCALING)
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Measure how fast this machine is at one thing, how far preprocessing is from truth, what drawn motion is worth.

    Example: `dstan bench training`

    Some fifteen minutes, accuracy in place of speed: `dstan bench preprocessing --plots plots`

    Some fifteen minutes, and it goes on where it was stopped: `dstan bench spotting --out spotted`

    How cost grows, half an hour, and it goes on where it was stopped: `dstan bench scaling --out grown`

    Hours, and it goes on where it was stopped: `dstan bench teacher --root casme2=A --root samm=B --out measured`
    """
    from dstan.bench import BENCHES, Tables
    from dstan.bench.figures import machine

    size = {"protocol": protocol, "seeds": seeds, "epochs": epochs}
    chosen = {key: value for key, value in size.items() if value is not None}
    drawn = {key: value for key, value in {"sessions": sessions, "seconds": seconds}.items() if value is not None}
    if drawn and name != SPOTTING:
        raise ConfigError("--sessions and --seconds are options of spotting", hint="Leave them out")
    if (price is not None or reduced) and name != SCALING:
        raise ConfigError("--price and --reduced are options of scaling", hint="Leave them out")
    if name == SCALING:
        if chosen or roots or cache or workers is not None or plots is not None or device != "cpu":
            raise ConfigError("scaling takes --out, --only, --price and --reduced", hint="Leave the others out")
        _scaling(out, only or (), price, reduced=reduced, as_json=as_json)
        return
    if name == SPOTTING:
        if chosen or roots or only or cache or plots is not None or device != "cpu":
            raise ConfigError("spotting takes --out, --workers, --sessions and --seconds", hint="Leave the others out")
        _spotting(out, drawn, workers=workers, as_json=as_json)
        return
    if name == TEACHER:
        if plots is not None or device != "cpu":
            raise ConfigError("teacher draws its plots into --out, and works on the CPU", hint="Leave the option out")
        _teacher(roots or (), out, only or (), chosen, cache=cache, workers=workers, as_json=as_json)
        return
    measure = look_up("bench", name, BENCHES)
    if chosen or roots or only or out or cache or workers is not None:
        raise ConfigError(f"{name} measures on no corpus and takes no options of teacher", hint="Leave them out")
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
        _show(measured.tables)
        output.say(machine(), "dim")
        return
    rows = [(row.name, f"{row.value:,.1f} {row.unit}", f"{row.ratio:.2f}", row.reference) for row in measured.figures]
    output.say(measured.what)
    output.table(("", "measured", "ratio", "to"), rows, numbers=("measured", "ratio"))
    output.say(machine(), "dim")


def _teacher(
    roots: Sequence[str],
    out: Path | None,
    parts: Sequence[str],
    size: dict[str, Any],
    *,
    cache: Path | None,
    workers: int | None,
    as_json: bool,
) -> None:
    """Measure what drawn motion is worth."""
    from dstan.bench.teacher import DOCUMENT, Size, bench_teacher

    if out is None:
        raise ConfigError("teacher keeps what it has made", hint="Add --out DIR")
    places = dict(text.partition("=")[::2] for text in roots)
    if not all(places.values()):
        raise ConfigError("of which corpus is that root?", hint="Write --root casme2=DIR")
    with output.progress_bars() as progress:
        measured = bench_teacher(
            {name: Path(root) for name, root in places.items()},
            out,
            parts=parts,
            size=Size(**size),
            cache=cache,
            workers=workers,
            progress=progress,
        )
    if as_json:
        output.document(measured.document)
        return
    _show(measured.tables)
    output.say(f"Numbers: {out / DOCUMENT}, plots: {', '.join(file.name for file in measured.files)}")
    output.say(measured.document["machine"], "dim")


def _scaling(out: Path | None, parts: Sequence[str], price: float | None, *, reduced: bool, as_json: bool) -> None:
    """Measure how cost grows."""
    from dstan.bench.figures import machine
    from dstan.bench.scaling import DOCUMENT, PAGE, REDUCED, bench_scaling

    if out is None:
        raise ConfigError("scaling keeps what it has measured", hint="Add --out DIR")
    with output.progress_bars() as progress:
        size = REDUCED if reduced else None
        measured = bench_scaling(out, parts=parts, size=size, price=price, progress=progress)
    if as_json:
        output.document(measured.to_dict())
        return
    _show(measured.tables)
    output.say(f"Numbers: {out / DOCUMENT}; as Markdown: {out / PAGE}; the plot beside it")
    output.say(machine(), "dim")


def _spotting(out: Path | None, size: dict[str, Any], *, workers: int | None, as_json: bool) -> None:
    """Measure how well spotting finds what was drawn."""
    from dstan.bench.figures import machine
    from dstan.bench.spotting import DOCUMENT, Size, bench_spotting

    with output.progress_bars() as progress:
        measured = bench_spotting(out, size=Size(**size), workers=workers, progress=progress)
    if as_json:
        output.document(measured.to_dict())
        return
    _show(measured.tables)
    if out is not None:
        output.say(f"Numbers: {out / DOCUMENT}; plots beside it")
    output.say(machine(), "dim")


def _show(tables: Sequence[Table]) -> None:
    for table in tables:
        output.say(f"{table.name}: {table.what}")
        output.table(table.columns, table.text(), numbers=table.numbers())
