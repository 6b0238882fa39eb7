"""Micro-expressions in videos of any length: spot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dstan._progress import Progress
from dstan.cli import options, output
from dstan.errors import ConfigError, DstanError

if TYPE_CHECKING:
    from dstan.inference import Model
    from dstan.inference.spotting import Event, Spotting, SpottingSettings

app = typer.Typer()
PANEL = "Video"
FORMATS = ("json", "csv", "eaf", "vtt", "png")
"""What ``--out`` writes; with ``png`` comes the same picture as ``svg``."""
_COLUMNS = ("", "onset", "apex", "ms", "expression", "confidence", "regions moved, %")


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
            "--format", metavar="|".join(FORMATS), help="Write this only; may be repeated.", show_default=False
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
    as_json: options.Json = False,
) -> None:
    """Find the micro-expressions in videos of any length, and name each.

    The table says when each begins and peaks, how long it lasts, its class with the probability, how far it stands out
    (confidence, a rank from 0 to 1), and how far which regions of the face had moved, in per cent of the distance
    between the eyes. What moved otherwise (blinks, gaze, the head, talking) is left out and counted.

    A video that cannot be used is named and does not lose the others; the exit code is then 1. With `--out` the
    files of each are written as soon as it is done.

    Example: `dstan spot session.mp4 --out found --min-confidence 0.6`
    """
    from dstan.inference import load_model
    from dstan.inference.shipped import SHIPPED
    from dstan.inference.spotting import SpottingSettings

    wanted = _formats(formats, out)
    settings = SpottingSettings().replaced(options.settings(None, assignments))
    if not name and (model is not None or min_confidence is not None or overlay is not None):
        raise ConfigError(
            "--no-name goes without --model, --min-confidence and --overlay", hint="Leave one of them out"
        )
    _check_names(videos, out)
    _check_overlay(videos, overlay)
    loaded = load_model(model) if name else None
    work = _Work(loaded, settings, fps, min_confidence, out, wanted, overlay, as_json)
    stopped = work.through(videos)
    if as_json:
        output.document({"model": (model or SHIPPED) if name else None, "videos": work.found, "failed": work.failed})
    if stopped:
        output.warn(f"stopped; {len(work.found)} of {len(videos)} videos are done{' and written' if out else ''}")
    raise typer.Exit(130 if stopped else 1 if work.failed else 0)


@dataclass(eq=False)
class _Work:
    """One video after another, each shown and written as soon as it is done."""

    model: Model | None
    settings: SpottingSettings
    fps: float | None
    min_confidence: float | None
    out: Path | None
    formats: Sequence[str]
    overlay: Path | None
    as_json: bool
    found: list[dict[str, Any]] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)
    said: set[str] = field(default_factory=set)

    def through(self, videos: Sequence[Path]) -> bool:
        """Work through the videos; return whether it was stopped."""
        try:
            for number, video in enumerate(videos, 1):
                which = video.name if len(videos) == 1 else f"{number} of {len(videos)}, {video.name}"
                try:
                    self._one(video, which)
                except DstanError as error:
                    self.failed.append({"path": str(video), "error": str(error)})
                    output.show_error(error)
        except KeyboardInterrupt:
            return True
        return False

    def _one(self, video: Path, which: str) -> None:
        from dstan.inference.spotting import spot_video
        from dstan.reports.events import events_document

        with output.progress_bars() as bars:
            progress = _noted(bars, which)
            found = spot_video(
                video,
                self.model,
                settings=self.settings,
                fps=self.fps,
                min_confidence=self.min_confidence,
                progress=progress,
            )
            files = [] if self.out is None else write_files(self.out, found, self.formats)
            if self.overlay is not None and self.model is not None:
                files += self._draw(self.overlay, found, self.model, progress)
        self.found.append({**events_document(found), "files": [str(file) for file in files]})
        if not self.as_json:
            show_spotting(found)
            for file in files:
                output.say(f"  written: {file}", "dim")
        self._warn(found)

    def _draw(self, out: Path, found: Spotting, model: Model, progress: Progress) -> list[Path]:
        """Write the overlay of a video; an event that could not be prepared, as a warning says, is not in it."""
        from dstan.reports.overlay import write_overlay

        named = [event for event in found.events if event.prediction is not None]
        looks = []
        for done, event in enumerate(named, 1):
            frames = {"onset": event.onset, "apex": event.apex, "offset": event.offset}
            looks.append(model.look(found.path, **frames, fps=self.fps, min_confidence=self.min_confidence))
            progress("look", done, len(named))
        if not looks:
            output.warn(f"{found.path}: no event was named, so no overlay is written")
            return []
        write_overlay(out, looks, progress=progress)
        return [out]

    def _warn(self, found: Spotting) -> None:
        """Print warnings: what is about the model once, however many videos there are."""
        from dstan.inference.shipped import SYNTHETIC_ONLY
        from dstan.reports.naming import warnings_of

        for warning in warnings_of(found):
            if warning != SYNTHETIC_ONLY:
                output.warn(f"{found.path}: {warning}")
            elif warning not in self.said:
                output.warn(warning)
                self.said.add(warning)


def write_files(folder: Path, found: Spotting, formats: Sequence[str] = FORMATS) -> list[Path]:
    """Write what was found in one video, in files that are called as it is; return them.

    Parameters
    ----------
    folder
        Where to; it is made where it is not there.
    found
        What was found.
    formats
        Some of :data:`FORMATS`.
    """
    from dstan.reports import events
    from dstan.reports.timeline import timeline_figure

    writers: dict[str, Callable[[Path, Spotting], None]] = {
        "json": events.write_json,
        "csv": events.write_csv,
        "eaf": events.write_eaf,
        "vtt": events.write_vtt,
    }
    folder.mkdir(parents=True, exist_ok=True)
    stem = _stem(found.path)
    files: list[Path] = []
    for name in formats:
        if name == "png":
            files += timeline_figure(found).write(folder / stem)
        else:
            writers[name](file := folder / f"{stem}.{name}", found)
            files.append(file)
    return files


def show_spotting(found: Spotting) -> None:
    """Print a table of the events, and below it what was left out and when no face was followed."""
    from dstan.reports.naming import gaps_of
    from dstan.video import clock

    count = len(found.events)
    words = "no micro-expression" if count == 0 else f"{count} micro-expression{'s' if count > 1 else ''}"
    output.say(f"{found.path}: {words} in {clock(found.seconds, 1)}", "bold")
    if found.events:
        rows = [_row(number, event) for number, event in enumerate(found.events, 1)]
        output.table(_COLUMNS, rows, numbers=("", "onset", "apex", "ms", "confidence"))
    reasons = Counter(one.reason for one in found.rejected)
    if reasons:
        output.say("  left out: " + ", ".join(f"{n} {reason}" for reason, n in reasons.most_common()), "dim")
    if gaps := gaps_of(found):
        spans = ", ".join(f"{clock(begin, 1)} to {clock(end, 1)}" for begin, end in gaps[:5])
        more = f" and {len(gaps) - 5} times more" if len(gaps) > 5 else ""
        output.say(f"  no face was followed from {spans}{more}", "dim")


def _row(number: int, event: Event) -> tuple[str, ...]:
    from dstan.reports.naming import name_of, probability_of, regions
    from dstan.video import clock

    share = probability_of(event)
    return (
        str(number),
        clock(event.onset_seconds, 3),
        clock(event.apex_seconds, 3),
        f"{1000 * (event.offset_seconds - event.onset_seconds):.0f}",
        name_of(event) if share is None else f"{name_of(event)} {share:.2f}",
        f"{event.confidence:.2f}",
        regions(event, 3),
    )


def _formats(formats: Sequence[str] | None, out: Path | None) -> tuple[str, ...]:
    for name in formats or ():
        if name not in FORMATS:
            raise ConfigError(f"--format {name} is not known", hint=f"Choose from {', '.join(FORMATS)}")
    if formats and out is None:
        raise ConfigError("--format says what to write, but not where", hint="Add --out FOLDER")
    return tuple(dict.fromkeys(formats or FORMATS))


def _check_names(videos: Sequence[Path], out: Path | None) -> None:
    """See that no video's files take another's place."""
    if out is not None:
        if any(video.absolute() == out.absolute() for video in videos):
            raise ConfigError(
                f"--out {out} is the video: what is written there would count among its images",
                hint="Choose another folder",
            )
        stem, times = Counter(_stem(video) for video in videos).most_common(1)[0]
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


def _stem(video: Path) -> str:
    """Return what a video's files are called: a folder of images may have a dot in its name."""
    whole = video.absolute()
    return whole.name if whole.is_dir() else whole.stem


def _noted(bars: Progress, which: str) -> Progress:
    """Let every bar say which video is under way."""

    def report(stage: str, done: int, total: int, note: str = "") -> None:  # numpydoc ignore=GL08
        bars(stage, done, total, which)

    return report
