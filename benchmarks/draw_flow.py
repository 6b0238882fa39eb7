"""Draw the picture of drawn flow: what is estimated in a twin beside what is drawn for the same action units.

::

    dstan synth casme2 --out twin
    python benchmarks/draw_flow.py twin
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch

from dstan.corpora import load_corpora
from dstan.preprocessing.cache import Cache, load_prepared
from dstan.preprocessing.recipe import Recipe
from dstan.recognizers import recognizer
from dstan.reports.flow_colours import colour_wheel, flow_colours
from dstan.synthesis.motion import UNITS, MotionArtist, MotionSettings
from dstan.tasks import find_task

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
UNITS_SHOWN = ((12,), (6, 12), (1, 2), (4,), (4, 9), (14,), (15,), (17,))
"""What clips show, nothing else; a column each."""
ROWS = 3
"""Clips of a column, estimated and drawn each: the first of as many people in the table, and the first drawn."""
FULL = 0.8
"""Length of the full colour, pixels of the crop."""
SEED, SIZE = 0, 64


def units_of(cell: str) -> tuple[int, ...] | None:
    """Read a cell such as "L12+6"; None where the coder was unsure."""
    numbers = [part.strip().lstrip("LR") for part in cell.split("+")]
    return tuple(sorted(map(int, numbers))) if all(number.isdigit() for number in numbers) else None


def estimated(root: Path, recipe: Recipe, cache: Cache) -> dict[tuple[int, ...], list[np.ndarray]]:
    """Return (2, H, W) fields that the recipe's estimator found in a twin, by the units shown."""
    chosen: dict[tuple[int, ...], dict[str, object]] = {units: {} for units in UNITS_SHOWN}
    for clip in load_corpora({"casme2": root}, None):
        units = units_of(clip.annotation.get("Action Units", ""))
        if units in chosen and len(chosen[units]) < ROWS:
            chosen[units].setdefault(clip.subject, clip)
    return {
        units: [one.flow[0] for one in load_prepared(clips.values(), recipe, cache)] for units, clips in chosen.items()
    }


def drawn(recipe: Recipe) -> dict[tuple[int, ...], list[np.ndarray]]:
    """Return drawn (2, H, W) fields by the units shown."""
    settings = replace(MotionSettings(), odd_units=0.0)  # as the clips of the twin, which show nothing else
    motion = MotionArtist(find_task("casme2-5"), recipe, settings).draw(3000, SEED)
    found = {}
    for units in UNITS_SHOWN:
        shown = torch.tensor([unit in units for unit in UNITS])
        which = (motion.units == shown).all(1).nonzero()[:ROWS, 0]
        found[units] = list(motion.flow[which, 0].numpy())
    return found


def draw(groups: dict[str, dict[tuple[int, ...], list[np.ndarray]]], out: Path) -> None:
    """Draw groups of rows under each other, the columns by what they show, and the colours' legend."""
    columns = len(UNITS_SHOWN)
    figure, axes = plt.subplots(2 * ROWS, columns + 1, figsize=(10.4, 7.2), width_ratios=[1] * columns + [1.1])
    for axis in axes.flat:
        axis.set_axis_off()
    for group, (name, fields) in enumerate(groups.items()):
        for column, units in enumerate(UNITS_SHOWN):
            for row, field in enumerate(fields[units]):
                axis = axes[group * ROWS + row, column]
                axis.imshow(flow_colours(np.moveaxis(field, 0, -1), FULL), interpolation="nearest")
                axis.set_axis_on()
                axis.set_xticks([])
                axis.set_yticks([])
                if not row and not group:
                    axis.set_title("AU " + "+".join(map(str, units)), fontsize=10)
                if not column and row == ROWS // 2:
                    axis.set_ylabel(name, fontsize=10)
    figure.subplots_adjust(left=0.04, right=0.995, top=0.95, bottom=0.01, wspace=0.05, hspace=0.06)
    wheel = figure.add_axes((0.905, 0.42, 0.085, 0.14))
    wheel.imshow(colour_wheel(160))
    wheel.set_axis_off()
    wheel.set_title(f"full colour:\n{FULL:g} px of\n{SIZE} x {SIZE}", fontsize=8)
    figure.savefig(out, dpi=90)


def main() -> None:
    """Write the picture; the twin's folder is the argument, and a second one a cache of prepared clips."""
    root, cache = Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None
    recipe = replace(recognizer("ststnet").recipe, size=SIZE)
    rows = {"estimated, twin of CASME II": estimated(root, recipe, Cache(cache)), "drawn directly": drawn(recipe)}
    draw(rows, IMAGES / "drawn-flow.png")


if __name__ == "__main__":
    main()
