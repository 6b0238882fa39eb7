"""What a model says of short videos: predict."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dstan._progress import Progress
from dstan.cli import options, output
from dstan.errors import ConfigError, DstanError

if TYPE_CHECKING:
    from dstan.inference import Look, Prediction

app = typer.Typer()
PANEL = "Video"


@app.command(rich_help_panel=PANEL)
def predict(
    videos: Annotated[list[Path], typer.Argument(metavar="VIDEO...", help="Video files or folders of images.")],
    model: options.Model = None,
    onset: Annotated[int | None, typer.Option(metavar="N", min=0, help="First frame used, from 0.")] = None,
    apex: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Frame of the strongest expression [default: it is found].")
    ] = None,
    offset: Annotated[int | None, typer.Option(metavar="N", min=0, help="Last frame used, inclusive.")] = None,
    fps: Annotated[float | None, typer.Option(metavar="F", min=0.001, help="Frame rate of an image folder.")] = None,
    min_confidence: options.MinConfidence = None,
    runtime: Annotated[
        str, typer.Option(metavar="torch|onnx", help="What networks run on: torch, or onnxruntime (dstan export).")
    ] = "torch",
    overlay: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.mp4",
            help="Write the video again with landmarks, attention and probabilities drawn in; a folder for several.",
            show_default=False,
        ),
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option(
            metavar="OUT.png",
            help="Draw onset, apex, flow and attention as .png, .svg or .pdf; a folder for several videos.",
            show_default=False,
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Name the expression in each video, with probabilities and where in time the model looked.

    A video is taken as one clip, so it should hold one expression and little else. One that cannot be used is named
    and does not lose the others; the exit code is then 1.

    Example: `dstan predict face.mp4 --onset 12 --offset 40 --min-confidence .6`

    To look at it: `dstan predict face.mp4 --overlay face-overlay.mp4 --figure face.png`
    """
    from dstan.inference import load_model
    from dstan.inference.predict import check_confidence
    from dstan.inference.shipped import SHIPPED

    check_confidence(min_confidence)
    overlays, figures = pictures(videos, overlay, figure, fps)
    loaded = load_model(model, runtime=runtime)
    predictions: list[Prediction] = []
    failed: list[tuple[Path, DstanError]] = []
    written: list[Path] = []
    with output.progress_bars() as progress:
        for number, video in enumerate(videos, start=1):
            try:
                look = loaded.look(video, onset=onset, apex=apex, offset=offset, fps=fps, min_confidence=min_confidence)
                predictions.append(look.prediction)
                for out in draw(look, overlays.get(video), figures.get(video), progress):
                    written.append(out)  # one by one, for the second may fail
            except DstanError as error:
                failed.append((video, error))
            progress("predict", number, len(videos), video.name)
    if as_json:
        errors = [{"path": path, "error": str(reason)} for path, reason in failed]
        output.document({"model": model or SHIPPED, "predictions": predictions, "failed": errors, "written": written})
    else:
        for prediction in predictions:
            show_prediction(prediction)
        for out in written:
            output.say(f"written: {out}")
    for _, reason in failed:
        output.show_error(reason)
    raise typer.Exit(1 if failed else 0)


def pictures(
    videos: Sequence[Path], overlay: Path | None, figure: Path | None, fps: float | None
) -> tuple[dict[Path, Path], dict[Path, Path]]:
    """Return where the overlay and the figure of each video go, after a look at whether they can be written.

    Raises
    ------
    ConfigError
        If one cannot be written, or several would have one name.
    """
    from dstan.reports.overlay import check_overlay
    from dstan.reports.still import check_still

    overlays = _places("--overlay", videos, overlay, "-overlay.mp4")
    figures = _places("--figure", videos, figure, ".png")
    for video, out in overlays.items():
        check_overlay(out, video)
        if video.is_dir() and fps is None:
            raise ConfigError(f"the frame rate of {video} is unknown", hint="Say how many frames a second: --fps")
    for video, out in figures.items():
        check_still(out, video)
    return overlays, figures


def _places(option: str, videos: Sequence[Path], out: Path | None, ending: str) -> dict[Path, Path]:
    """Return the file for each video: the one that was named, or, in a folder, one with the video's name."""
    if out is None:
        return {}
    if out.suffix and not out.is_dir():
        if len(videos) > 1:
            raise ConfigError(
                f"{option} {out} is one file, and there are {len(videos)} videos",
                hint=f"Name a folder: {option} {out.stem}",
            )
        return {videos[0]: out}
    places = {video: out / f"{video.name if video.is_dir() else video.stem}{ending}" for video in videos}
    if len(set(places.values())) < len(videos):
        raise ConfigError("two videos have one name, and so would what is drawn of them", hint="Give one at a time")
    out.mkdir(parents=True, exist_ok=True)
    return places


def draw(look: Look, overlay: Path | None, figure: Path | None, progress: Progress) -> Iterator[Path]:
    """Write the pictures that were asked for, and yield each file when it is there."""
    from dstan.reports.overlay import write_overlay
    from dstan.reports.still import write_still

    if figure is not None:
        write_still(figure, look)
        yield figure
    if overlay is not None:
        write_overlay(overlay, [look], progress=progress)
        yield overlay


def show_prediction(prediction: Prediction) -> None:
    """Print the label, a bar for every class, the action units told, and the attention over time."""
    from dstan.inference.predict import decimals

    seconds = "" if prediction.seconds is None else f", {prediction.seconds:.2f} s"
    output.say(f"{prediction.path}: {prediction.verdict}", "bold")
    output.say(f"{prediction.frames} frames{seconds}", "dim")
    width = max(map(len, prediction.probabilities))
    for name, share in sorted(prediction.probabilities.items(), key=lambda item: -item[1]):
        output.say(f"  {name:<{width}}  {output.bar(share)}  {share:.2f}", "green" if name == prediction.label else "")
    if prediction.units is not None:
        told = ", ".join(f"AU{unit} {decimals(score)}" for unit, score in prediction.units_told)
        output.say(f"  action units  {told or 'none'} (taught by drawn motion)")
    for stream, steps in prediction.attention.items():
        if len(steps) < 2:  # nothing to choose among
            continue
        line = output.sparkline([weight for _, weight in steps])
        peak = max(steps, key=lambda step: step[1])[0]
        when = "" if math.isnan(peak) else f"  {steps[0][0]:.2f} to {steps[-1][0]:.2f} s, most at {peak:.2f} s"
        output.say(f"  attention to {stream:<10}  {line}{when}")
    for warning in prediction.warnings:
        output.warn(f"{prediction.path}: {warning}")
