"""Micro-expressions in videos of any length: spot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from dstan.cli import options, output
from dstan.errors import ConfigError

app = typer.Typer()
PANEL = "Video"


@app.command(rich_help_panel=PANEL)
def spot(
    videos: Annotated[list[Path], typer.Argument(metavar="VIDEO...", help="Video files or folders of images.")],
    model: options.Model = None,
    name: Annotated[bool, typer.Option("--name/--no-name", help="Name the expression of each event.")] = True,
    min_confidence: options.MinConfidence = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FOLDER", help="Write VIDEO.json, .csv, .eaf (ELAN), .vtt (subtitles), .png here."
        ),
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format", metavar="json|csv|eaf|vtt|png", help="Write this only; may be repeated.", show_default=False
        ),
    ] = None,
    overlay: Annotated[
        Path | None, typer.Option(metavar="OUT.mp4", help="Write the video with what the model saw in each event.")
    ] = None,
    fps: Annotated[float | None, typer.Option(metavar="F", min=0.001, help="Frame rate of an image folder.")] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A setting of spotting, as threshold=0.7; may be repeated."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            metavar="N",
            min=0,
            help="Processes, a video each; 0 works in this one [default: one per core, as memory allows].",
        ),
    ] = None,
    cluster: options.Cluster = None,
    task_limit: Annotated[
        float | None,
        typer.Option(
            "--task-limit",
            metavar="MINUTES",
            min=0.01,
            help="A video that takes longer is stopped, tried once more and then named; not with --workers 0 "
            "[default: none].",
            show_default=False,
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Find the micro-expressions in videos of any length, and name each.

    The table says when each begins and peaks, how long it lasts, its class with the probability, how far it stands out
    (confidence, a rank from 0 to 1), and how far which regions of the face had moved, in per cent of the distance
    between the eyes. What moved otherwise (blinks, gaze, the head, talking) is left out and counted.

    A video that cannot be used is named and does not lose the others; the exit code is then 1. Several videos are
    looked at side by side, and what is found does not depend on how many. With `--out` the files of each are written as
    soon as it is done, and a command that was stopped goes on: what its JSON file says was asked already stays.

    Example: `dstan spot session.mp4 --out found --min-confidence 0.6`

    A folder of recordings: `dstan spot recordings/*.mp4 --out found --workers 4`
    """
    from dstan.cli.spotting_work import Work
    from dstan.inference.shipped import SHIPPED
    from dstan.inference.spotting import SpottingSettings
    from dstan.inference.spotting.many import Request
    from dstan.reports.video_files import make_folder

    engine = options.engine(workers, cluster, task_limit)
    wanted = _formats(formats, out)
    settings = SpottingSettings().replaced(options.settings(None, assignments))
    if not name and (model is not None or min_confidence is not None or overlay is not None):
        raise ConfigError(
            "--no-name goes without --model, --min-confidence and --overlay", hint="Leave one of them out"
        )
    _check_names(videos, out)
    _check_overlay(videos, overlay)
    if out is not None:
        make_folder(out)
    request = Request(settings, name, model, fps, min_confidence)
    work = Work(videos, request, out, wanted, overlay, as_json)
    stopped = work.through(engine)
    found, failed = work.documents(), work.failed()
    if as_json:
        output.document({"model": (model or SHIPPED) if name else None, "videos": found, "failed": failed})
    if stopped:
        kept = " and written; the same command goes on" if out else ""
        output.warn(f"stopped; {len(found)} of {len(videos)} videos are done{kept}")
    raise typer.Exit(130 if stopped else 1 if failed else 0)


def _formats(formats: Sequence[str] | None, out: Path | None) -> tuple[str, ...]:
    from dstan.reports.video_files import FORMATS

    for name in formats or ():
        if name not in FORMATS:
            raise ConfigError(f"--format {name} is not known", hint=f"Choose from {', '.join(FORMATS)}")
    if formats and out is None:
        raise ConfigError("--format says what to write, but not where", hint="Add --out FOLDER")
    return tuple(dict.fromkeys(formats or FORMATS))


def _check_names(videos: Sequence[Path], out: Path | None) -> None:
    """See that no video's files take another's place."""
    from dstan.reports.video_files import stem_of

    if out is not None:
        if any(video.absolute() == out.absolute() for video in videos):
            raise ConfigError(
                f"--out {out} is the video: what is written there would count among its images",
                hint="Choose another folder",
            )
        stem, times = Counter(stem_of(video) for video in videos).most_common(1)[0]
        if times > 1:
            raise ConfigError(
                f"{times} videos are called {stem}: the files of one would take the other's place",
                hint="Spot them one after the other, with an --out of their own",
            )


def _check_overlay(videos: Sequence[Path], overlay: Path | None) -> None:
    from dstan.reports.overlay import check_overlay

    if overlay is not None:
        if len(videos) > 1:
            raise ConfigError("--overlay writes one video, so it takes one", hint="Run dstan spot once for each")
        check_overlay(overlay, videos[0])
