"""The panels of a still: a face, flow, attention in space and in time, and bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dstan.inference.predict import TOLD
from dstan.preprocessing.recipe import FITTED
from dstan.preprocessing.template import eye_distance
from dstan.reports.drawing import colour, label
from dstan.reports.flow_colours import colour_wheel, flow_colours
from dstan.reports.looks import LEAST_FULL, flow_to
from dstan.reports.panel import apex_seconds, curve_range, spread_steps
from dstan.reports.sight import STREAM_ROLES, class_role, crop_shape

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from dstan.inference import Look

MOST_BARS = 7
"""Most classes, and most action units, that have a bar: those of the highest scores."""
_ARROWS = 11


def draw_picture(panel: Axes, pixels: NDArray[np.uint8], title: str, words: str = "") -> None:
    """Show a picture, a title above it and words below."""
    panel.imshow(pixels, interpolation="bilinear")
    panel.set(title=title, xticks=[], yticks=[])
    panel.set_xlabel(words, fontsize=8.5)
    panel.spines[:].set_visible(False)


def draw_flow(panel: Axes, look: Look, face: NDArray[np.uint8]) -> None:
    """Draw the field as colour over a pale face, with arrows, and the key in its corner."""
    import cv2

    crop, frames = crop_shape(look), int(look.prepared.done["frames"])
    field = flow_to(look.prepared, look.recipe.pairs, int(look.prepared.done["apex"]["frame"]), frames)
    length = np.hypot(*field)
    full = max(LEAST_FULL * crop[0] / 224, float(np.quantile(length, 0.995)))
    large = cv2.resize(np.ascontiguousarray(field.transpose(1, 2, 0)), face.shape[1::-1])
    grey = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)[..., None] / 255
    far = f"{full / eye_distance(crop):.1%} of the eyes' distance"
    words = far if look.prepared.done["alignment"] in FITTED else f"{full:.2f} px of the crop"
    draw_picture(panel, np.rint(flow_colours(large, full) * (0.5 + 0.5 * grey)).astype(np.uint8), "flow to the apex")
    panel.set_xlabel(f"full colour: {words}", fontsize=8.5)
    y, x = (np.linspace(0, side - 1, _ARROWS + 2)[1:-1].round().astype(int) for side in face.shape[:2])
    arrows = large[np.ix_(y, x)]
    step = face.shape[1] / _ARROWS
    panel.quiver(
        x, y, arrows[..., 0], arrows[..., 1], angles="xy", scale_units="xy", scale=full / (1.1 * step), width=0.008,
        color=colour("ink"), alpha=np.clip(np.hypot(*arrows.transpose(2, 0, 1)) / full * 1.5, 0, 1).ravel(),
    )  # fmt: skip
    key = panel.inset_axes((0.79, 0.0, 0.21, 0.21))
    key.imshow(colour_wheel(128))
    key.axis("off")


def tinted(face: NDArray[np.uint8], weights: NDArray[np.float32], tone: str) -> NDArray[np.uint8]:
    """Return a grey picture of the face with a tint where the weights, 0 to 1, are great."""
    import cv2

    grey = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
    alpha = np.clip(cv2.resize(weights, face.shape[1::-1], interpolation=cv2.INTER_CUBIC), 0, 1)[..., None] * 0.6
    paint = np.array([int(tone[at : at + 2], 16) for at in (1, 3, 5)], np.float32)
    return np.asarray(np.rint(grey + alpha * (paint - grey)), dtype=np.uint8)


def end_of(look: Look) -> tuple[float, str]:
    """Return where the clip ends, from its first frame, and in what: "s", or "frames" where times are unknown."""
    times = look.prepared.appearance_times
    return (float(look.prepared.done["frames"] - 1), "frames") if times is None else (float(times[-1]), "s")


def apex_place(look: Look) -> float:
    """Return where the apex is between the first frame and :func:`end_of` the clip."""
    return apex_seconds(look, end_of(look)[0])


def draw_attention(panel: Axes, look: Look) -> None:
    """Draw the temporal attention of each stream, and the apex."""
    end, unit = end_of(look)
    curves = look.prediction.attention
    for stream, steps in curves.items():
        x, y = zip(*spread_steps(steps, end), strict=True)
        tone = colour(STREAM_ROLES[stream])
        panel.plot(
            x, y, "o-", color=tone, linewidth=1.8, markersize=4.5 if len(x) > 1 else 8, label=stream, clip_on=False
        )
    apex = apex_place(look)
    low, high = curve_range([weight for steps in curves.values() for _, weight in steps])
    panel.axvline(apex, color=colour("baseline"), linestyle=(0, (4, 3)), linewidth=1.2, zorder=0)
    panel.annotate("apex", (apex, low), (4, 4), textcoords="offset points", color=colour("muted"), fontsize=8.5)
    panel.set(title="attention in time", xlabel=f"{unit} from the onset", ylim=(low, high), xlim=(0, end or 1))
    panel.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0, handlelength=1.2, columnspacing=1)
    panel.grid(axis="y")


def draw_probabilities(panel: Axes, look: Look) -> None:
    """Draw a bar for each class, and the confidence that was asked for."""
    prediction = look.prediction
    shown = sorted(prediction.probabilities.items(), key=lambda item: -item[1])[:MOST_BARS]
    told = {prediction.label: class_role(prediction.label, prediction.probabilities)} if prediction.label else {}
    tones = [colour(told.get(name, "baseline")) for name, _ in shown]
    _bars(panel, [(label(name), share) for name, share in shown], tones)
    panel.set_title("probability")
    if prediction.min_confidence is not None:
        panel.axvline(prediction.min_confidence, color=colour("ink"), linestyle=(0, (4, 3)), linewidth=1.2)


def draw_units(panel: Axes, units: Mapping[int, float]) -> None:
    """Draw the highest scores of action units, and from where on they are told."""
    from dstan.synthesis.action_units import ACTION_UNITS

    shown = sorted(units.items(), key=lambda item: -item[1])[:MOST_BARS]
    tones = [colour("series1" if score >= TOLD else "baseline") for _, score in shown]
    _bars(panel, [(f"AU{unit} {ACTION_UNITS[unit].name}", score) for unit, score in shown], tones)
    panel.set_title("action units (score)")
    panel.axvline(TOLD, color=colour("baseline"), linestyle=(0, (4, 3)), linewidth=1.2, zorder=0)


def _bars(panel: Axes, rows: list[tuple[str, float]], tones: list[str]) -> None:
    places = range(len(rows))
    panel.barh(places, [value for _, value in rows], height=0.62, color=tones)
    for place, (_, value) in zip(places, rows, strict=True):
        panel.annotate(f"{value:.2f}", (value, place), (4, 0), textcoords="offset points", va="center", fontsize=8.5)
    panel.set_yticks(places, [name for name, _ in rows])
    panel.set(xlim=(0, 1.12), ylim=(max(len(rows), 4) - 0.5, -0.5), xticks=[0, 0.5, 1])
    panel.tick_params(axis="y", length=0)
