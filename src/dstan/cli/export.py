"""The command that takes a model out of dstan: export."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dstan.cli import options, output
from dstan.errors import ConfigError

if TYPE_CHECKING:
    from dstan.inference.export import ExportCheck
    from dstan.preprocessing.recipe import Recipe

app = typer.Typer()
PANEL = "Models"
MEGABYTE = 1e6
EXAMPLE = """\
import json, os
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # or onnxruntime reports its use to its makers
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession("{path}")
arrays = {{  # of prepared clips
    {arrays},
}}
label, probabilities = session.run(["label", "probabilities"], arrays)
print(json.loads(session.get_modelmeta().custom_metadata_map["classes"])[label[0]], probabilities[0])"""


@app.command(rich_help_panel=PANEL)
def export(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="MODEL",
            help="A folder that dstan train or pretrain wrote [default: the model that comes along].",
            show_default=False,
        ),
    ] = None,
    onnx: Annotated[bool, typer.Option("--onnx", help="As one ONNX file; there is no other format.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="The file [default: model.onnx in MODEL; in this folder for the model that comes along].",
            show_default=False,
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Write a model as one file that other programs run: from prepared arrays to probabilities.

    Everything between is in it: both streams, their joining, the SVM. The file is compared with the model before it is
    there. Beside its model it is what `dstan predict --runtime onnx` runs.

    Example: `dstan export model --onnx`
    """
    from dstan.inference import load_model
    from dstan.inference.export import export_onnx
    from dstan.inference.shipped import SYNTHETIC_ONLY, has_seen_drawn_motion_only

    if not onnx:
        raise ConfigError("no format is given", hint="Write --onnx: dstan export MODEL --onnx")
    loaded = load_model(model)
    check = export_onnx(loaded, out or (model or Path()) / "model.onnx")
    example = example_of(check, loaded.recognizer.recipe)
    if as_json:
        output.document({**output.plain(check), "largest": check.largest, "example": example})
        return
    show_check(check)
    if has_seen_drawn_motion_only(loaded.recognizer):
        output.warn(SYNTHETIC_ONLY)
    output.say()
    output.say(example, "dim")


def show_check(check: ExportCheck) -> None:
    """Print what a file takes and returns, and how it compares with its model."""
    rows = [("takes", name, _sides(shape), "") for name, shape in check.inputs.items()]
    for name, shape in check.outputs.items():
        different = f"{check.differences[name]:.0f} others" if name == "label" else f"{check.differences[name]:.1e}"
        rows.append(("returns", name, _sides(shape), different))
    output.say(f"{check.path}: {check.size / MEGABYTE:.1f} MB", "bold")
    output.table(["", "array", "shape", "largest difference"], rows, numbers=["largest difference"])
    output.say(f"onnxruntime and the model looked at the same {check.clips} clips: they differ by {check.largest:.1e}")


def example_of(check: ExportCheck, recipe: Recipe) -> str:
    """Return some lines of Python that run a file.

    Parameters
    ----------
    check
        Of the file.
    recipe
        How clips of the model are prepared: it gives the shapes.
    """
    h, w = recipe.shape
    fields = 1 if recipe.pairs == "onset-apex" else recipe.steps
    sides: Mapping[str, int] = {
        **{"batch": 1, "frames": recipe.steps, "fields": fields},
        **{"height": h, "width": w, "flow_height": h, "flow_width": w},
    }
    shapes = {
        name: tuple(sides[side] if isinstance(side, str) else side for side in shape)
        for name, shape in check.inputs.items()
    }
    arrays = ",\n    ".join(f'"{name}": np.zeros({shape}, np.float32)' for name, shape in shapes.items())
    return EXAMPLE.format(path=str(check.path), arrays=arrays)


def _sides(shape: tuple[int | str, ...]) -> str:
    return " x ".join(map(str, shape))
