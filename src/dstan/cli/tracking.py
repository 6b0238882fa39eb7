"""Tracking: what ``--track`` of other commands does, and the command that logs what is finished."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dstan.cli import options, output
from dstan.errors import ConfigError, ModelError, RunError, TrackingError, UnknownNameError

if TYPE_CHECKING:
    from dstan.tracking import Record, Server

app = typer.Typer()
MLFLOW = "mlflow"


def begin(name: str | None) -> Server | None:
    """Find the server that ``--track`` means, and see that it answers before hours of work; None without the option.

    Parameters
    ----------
    name
        What was typed.

    Raises
    ------
    ConfigError
        If it is a track of methods, which another option chooses.
    UnknownNameError
        If runs cannot be logged to such a thing.
    MissingDependencyError
        If MLflow is not installed.
    TrackingError
        If the server does not answer.
    """
    from dstan.evaluation.methods import TRACKS

    if name is None:
        return None
    if name in TRACKS:
        raise ConfigError(
            "--track says where runs are logged, and which of a method's settings are used says --method-track",
            where=f"--track {name}",
            hint=f"Write --method-track {name}",
        )
    if name != MLFLOW:
        raise UnknownNameError(f"runs cannot be logged to {name!r}", hint=f"Write --track {MLFLOW}")
    return _server()


def _server() -> Server:
    from dstan.tracking import Server

    server = Server()
    server.check()
    return server


def finish(server: Server | None, folder: Path, *, with_faces: bool = False) -> None:
    """Log a finished run or model, or say how it is logged later: what is finished is never lost to a server.

    Parameters
    ----------
    server
        What :func:`begin` returned.
    folder
        The run, the model, or the folder of runs.
    with_faces
        Whether faces in a report may leave with it.
    """
    if server is None:
        return
    try:
        rows, _ = _logged(server, [folder], with_faces)
    except TrackingError as error:
        later = shlex.join(["dstan", "track", str(folder), *["--with-faces"] * with_faces])
        output.warn(f"{server.shown}: {error.what}. What is in {folder} is whole; log it later: {later}")
        return
    output.note(_words(rows))
    output.note(f"to look: {server.view}")


def _logged(
    server: Server, folders: Sequence[Path], with_faces: bool
) -> tuple[list[tuple[Record, str]], list[RunError | ModelError]]:
    """Log what is finished in folders; return the records with the ids of their rows, and why others are left out."""
    from dstan.tracking import records_of, runs_of

    records: list[Record] = []
    left_out: list[RunError | ModelError] = []
    for one in [one for folder in folders for one in runs_of(folder)]:
        try:
            records += records_of(one, with_faces=with_faces)
        except (RunError, ModelError) as error:
            left_out.append(error)
    if left_out and not records:
        raise left_out[0]
    for reason in left_out:
        output.warn(f"not logged: {reason}")
    return [(record, server.log(record)) for record in records], left_out


def _words(rows: Sequence[tuple[Record, str]]) -> str:
    tables = ", ".join(dict.fromkeys(record.experiment for record, _ in rows))
    number = "1 row" if len(rows) == 1 else f"{len(rows)} rows"
    return f"logged to MLflow: {number} in {tables}"


@app.command(rich_help_panel="Evaluation")
def track(
    folders: Annotated[
        list[Path], typer.Argument(metavar="FOLDER...", help="Runs, models, or folders of runs that are finished.")
    ],
    with_faces: Annotated[
        bool, typer.Option("--with-faces", help="Also send reports that show frames of the corpus: faces of people.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Log finished runs and models to MLflow, as --track does at the end of a command.

    Settings, scores, curves, figures, predictions and models go to mlflow.db in the current folder, or to the server
    that MLFLOW_TRACKING_URI names. Logged again, a row is brought up to date. What is not finished is left out and
    named, and the exit code is 1.

    Example: `dstan track runs/casme2 model`

    To a server: `MLFLOW_TRACKING_URI=http://127.0.0.1:5000 dstan track runs/casme2`
    """
    server = _server()
    rows, left_out = _logged(server, folders, with_faces)
    if as_json:
        found = [{"id": row, "experiment": record.experiment, "name": record.name} for record, row in rows]
        output.document({"server": server.shown, "rows": found, "left_out": [error.where for error in left_out]})
    else:
        for record, _ in rows:
            output.say(f"{record.experiment}: {record.name}")
        output.say(f"Next: {server.view}", "dim")
    if left_out:
        raise typer.Exit(1)
