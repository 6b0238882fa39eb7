"""One picture of what a model saw and said of a clip: onset, apex, flow, attention, probabilities, action units."""

from __future__ import annotations

import math
import os
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dstan import _atomic
from dstan.errors import ConfigError
from dstan.inference.shipped import SYNTHETIC_ONLY
from dstan.preprocessing.alignment import warp
from dstan.reports.drawing import colour, label, style
from dstan.reports.places import check_place
from dstan.reports.sight import (
    STREAM_ROLES,
    apex_frame,
    chained,
    crop_shape,
    first_frame,
    inverse,
    last_frame,
    map_to_crop,
    matrix_at,
    spatial_maps,
)
from dstan.reports.still_panels import (
    apex_place,
    draw_attention,
    draw_flow,
    draw_picture,
    draw_probabilities,
    draw_units,
    end_of,
    tinted,
)
from dstan.video import read_frames
from dstan.video.clock import clock

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from dstan.inference import Look

SUFFIXES = (".png", ".svg", ".pdf")
"""Of what :func:`write_still` writes."""
WIDTH = 11.0  # inches
_SIDE, _DPI, _LETTERS = 256, 160, 160
_NOTES = "#8a4b00"


def check_still(out: Path, video: Path) -> None:
    """See that a still can be written under a name, before there is one.

    Parameters
    ----------
    out
        Where to.
    video
        What it is of.

    Raises
    ------
    ConfigError
        If the suffix is none of :data:`SUFFIXES`, or the file cannot be written there.
    """
    if out.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"{out.name} ends in none of {', '.join(SUFFIXES)}", hint="For example --figure figure.png")
    check_place(out, video)


def write_still(out: str | os.PathLike[str], look: Look) -> None:
    """Draw a look as a figure.

    Above: the aligned face at onset and apex, the optical flow between them, and the spatial attention of each stream
    at the apex, tinted where it is above its mean. Below: attention in time, probabilities, and action units.

    Parameters
    ----------
    out
        Where to: ``.png``, ``.svg`` or ``.pdf``.
    look
        What a model saw and said.

    Raises
    ------
    ConfigError
        If ``out`` cannot be written.
    FrameError
        If a frame cannot be read.
    """
    out = Path(out)
    check_still(out, look.clip.path)
    form = out.suffix.lower().removeprefix(".")
    known = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}, "pdf": {"CreationDate": None}}
    with style():
        figure = still_figure(look)
        with _atomic.replacing(out) as temporary:
            metadata: Mapping[str, Any] = {"Title": _title(look), **known[form]}
            figure.savefig(temporary, format=form, dpi=_DPI, metadata=metadata)


@dataclass(frozen=True, eq=False)
class _Faces:
    """The aligned face at onset and apex, RGB, and the seconds of both from the video's first frame."""

    onset: NDArray[np.uint8]
    apex: NDArray[np.uint8]
    seconds: tuple[float, float]


def still_figure(look: Look) -> Figure:
    """Draw a look; inside of :func:`~dstan.reports.drawing.style`.

    Parameters
    ----------
    look
        What a model saw and said.
    """
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    faces, maps = _faces(look), spatial_maps(look)
    notes = _notes(look)
    figure = Figure(figsize=(WIDTH, 5.1 + 0.17 * len(notes)), layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.06))
    parts: Any = figure.subfigures(3, 1, height_ratios=(2.55, 2.35, 0.02 + 0.17 * len(notes)))
    above, below, foot = parts
    figure.suptitle(_title(look), x=0.01, ha="left", fontsize=13, weight="bold")
    above.suptitle(_when(look, faces), x=0.01, ha="left", fontsize=9.5, color=colour("muted"))
    panels = above.subplots(1, 3 + len(maps), squeeze=False)[0]
    draw_picture(panels[0], faces.onset, f"onset, frame {first_frame(look)}")
    draw_picture(panels[1], faces.apex, f"apex, frame {apex_frame(look)}")
    draw_flow(panels[2], look, faces.apex)
    place = apex_place(look)
    for panel, (stream, found) in zip(panels[3:], maps.items(), strict=True):
        words = "hardly one place above another" if found.is_flat else f"mean {found.mean:.2f}, most {found.high:.2f}"
        draw_picture(
            panel, tinted(faces.apex, found.at(place), colour(STREAM_ROLES[stream])), f"attention: {stream}", words
        )
    _draw_below(below, look)
    for number, (text, tone) in enumerate(notes):
        foot.text(0.01, 1 - (number + 0.6) / max(len(notes), 1), text, color=tone, fontsize=8.5, va="center")
    return figure


def _draw_below(below: Any, look: Look) -> None:
    prediction = look.prediction
    bars = [0.9] if prediction.units is None else [0.9, 1.15]
    curves = [1.5] if prediction.attention else []
    panels = list(below.subplots(1, len(curves) + len(bars), width_ratios=[*curves, *bars], squeeze=False)[0])
    if prediction.attention:
        draw_attention(panels.pop(0), look)
    draw_probabilities(panels.pop(0), look)
    if prediction.units is not None:
        draw_units(panels.pop(0), prediction.units)


def _faces(look: Look) -> _Faces:
    """Read onset and apex again, in colour and large."""
    first, apex = first_frame(look), apex_frame(look)
    clip, found, seconds = look.clip, {}, {}
    for frame in read_frames(clip.path, clip.files, start=first, stop=apex + 1, colour=True, fps=clip.fps, where=clip):
        if frame.index in (first, apex):
            found[frame.index] = _crop(frame.pixels, look, frame.index)
            seconds[frame.index] = frame.time
    return _Faces(found[first], found[apex], (seconds[first], seconds[apex]))


def _crop(pixels: NDArray[np.uint8], look: Look, index: int) -> NDArray[np.uint8]:
    crop = crop_shape(look)
    shape = round(crop[0] * _SIDE / max(crop)), round(crop[1] * _SIDE / max(crop))
    matrix = chained(matrix_at(look, index), inverse(map_to_crop(shape, crop)))
    colours = [warp(np.ascontiguousarray(pixels[..., channel]), matrix, shape) for channel in range(3)]
    return np.asarray(np.rint(np.stack(colours, axis=-1)), dtype=np.uint8)


def _title(look: Look) -> str:
    return f"{label(look.clip.path.name, 60)}: {look.prediction.verdict}"


def _when(look: Look, faces: _Faces) -> str:
    """Say which frames these are, and their times in the video."""
    first, apex, last = first_frame(look), apex_frame(look), last_frame(look)
    policy = look.prepared.done["apex"]["policy"].replace("annotated", "given")
    words = f"frames {first} to {last}, apex {apex} ({policy})"
    if math.isnan(faces.seconds[0]):
        return words
    onset, end = faces.seconds[0], faces.seconds[0] + end_of(look)[0]
    return f"{words}; {clock(onset, 2)} to {clock(end, 2)}, apex {clock(faces.seconds[1], 2)}"


def _notes(look: Look) -> list[tuple[str, str]]:
    """Return the lines at the bottom and their colours: every warning."""
    lines = []
    for warning in look.prediction.warnings:
        tone = _NOTES if warning == SYNTHETIC_ONLY else colour("muted")
        sentence = f"{warning[:1].upper()}{warning[1:]}."
        lines += [(line, tone) for line in textwrap.wrap(sentence, _LETTERS)]
    return lines
