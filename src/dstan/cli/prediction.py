"""What a model says of short videos: predict."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dstan.cli import options, output
from dstan.errors import DstanError

if TYPE_CHECKING:
    from dstan.inference import Prediction

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
    as_json: options.Json = False,
) -> None:
    """Name the expression in each video, with probabilities and where in time the model looked.

    A video is taken as one clip, so it should hold one expression and little else. One that cannot be used is named
    and does not lose the others; the exit code is then 1.

    Example: `dstan predict face.mp4 --onset 12 --offset 40 --min-confidence .6`
    """
    from dstan.inference import load_model

    loaded = load_model(model, runtime=runtime)
    predictions: list[Prediction] = []
    failed: list[tuple[Path, DstanError]] = []
    with output.progress_bars() as progress:
        for number, video in enumerate(videos, start=1):
            try:
                look = loaded.look(video, onset=onset, apex=apex, offset=offset, fps=fps, min_confidence=min_confidence)
                predictions.append(look.prediction)
            except DstanError as error:
                failed.append((video, error))
            progress("predict", number, len(videos), video.name)
    if as_json:
        errors = [{"path": path, "error": str(reason)} for path, reason in failed]
        output.document({"model": model, "predictions": predictions, "failed": errors})
    else:
        for prediction in predictions:
            show_prediction(prediction)
    for _, reason in failed:
        output.show_error(reason)
    raise typer.Exit(1 if failed else 0)


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
