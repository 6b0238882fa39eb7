"""The card of a model that learned drawn motion: what it is, how it was made, what it is not for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dstan import _atomic
from dstan._version import __version__
from dstan.recognizers import Recognizer
from dstan.recognizers.model_files import CARD, CURVES
from dstan.recognizers.pretraining import DRAWN
from dstan.reports.dynamics import fits_by_network
from dstan.reports.dynamics_figures import learning_figure


def write_card(taught: Recognizer, folder: Path) -> Path:
    """Write a card, and the curves of learning beside it.

    Parameters
    ----------
    taught
        What :func:`dstan.recognizers.pretraining.teach` returned.
    folder
        The model's.

    Returns
    -------
    The card, a Markdown file.
    """
    fold = {"fold": DRAWN, "seed": taught.trained_["seed"], "history": taught.history_, "dynamics": taught.dynamics_}
    learning_figure(taught.name, fits_by_network([fold])).write(folder / CURVES)
    _atomic.write_text(folder / CARD, card_text(taught))
    return folder / CARD


def card_text(taught: Recognizer) -> str:
    """Return the card.

    Parameters
    ----------
    taught
        What :func:`dstan.recognizers.pretraining.teach` returned.
    """
    trained, found = taught.trained_, taught.trained_["checked"]
    recipe = taught.recipe
    height, width = recipe.shape
    scores = "".join(f"| {name} | {found[key]:.3f} |\n" for name, key in _SCORES.items())
    units = "".join(f"| AU{unit} | {value:.2f} |\n" for unit, value in found["units"].items())
    return _CARD.format(
        method=taught.name,
        description=taught.description,
        version=__version__,
        task=trained["task"],
        classes=", ".join(taught.classes_),
        clips=f"{trained['clips']:,}",
        parameters=f"{taught.parameters:,}",
        height=height,
        width=width,
        pairs=recipe.pairs,
        flow=recipe.flow,
        seed=trained["seed"],
        checked=trained["teacher"]["checked"],
        scores=scores,
        units=units,
        ranges=_ranges(trained["teacher"]),
    )


def _ranges(teacher: dict[str, Any]) -> str:
    """Return the ranges of drawing as the lines of a table."""
    return "".join(f"| {name} | {value} |\n" for name, value in teacher["motion"].items())


_SCORES = {"accuracy": "accuracy", "UF1": "uf1", "UAR": "uar", "action units, mean F1": "units_f1"}
_CARD = """# {method}, taught drawn motion

**It has seen no face.** It learned from {clips} clips whose motion was drawn from action units (dstan {version}).
It is for trying the software, for judging what such a teacher is worth (`dstan evaluate --zero-shot`) and for
beginning from (`--init`). It is not for conclusions about people.

| | |
|---|---|
| method | {description} |
| classes | {classes} (task {task}) |
| input | crops of {height} x {width}, flow {flow}, pairs {pairs} |
| parameters | {parameters} |
| seed | {seed} |

## How well it learned the drawing
{checked} clips drawn apart from those it learned from. That says nothing about real faces: they differ from the
drawing in ways that no draw shows.

| score | |
|---|---|
{scores}
![Curves of learning](curves.png)

| action unit | F1 |
|---|---|
{units}
## What was drawn
Prototypes of each class follow what coders of CASME, CASME II and SAMM reported, and EMFACS (docs/synthesis.md
names the source of each). Everything below is drawn anew for each clip.

| range | value |
|---|---|
{ranges}
## Known limits
- A class is what its prototypes say. People show other combinations, and the same one for other reasons.
- The people whose skin an estimator of flow is imagined to see are drawn, too.
- Recognising emotions from faces at work and at school is forbidden or regulated in places, the European Union
  among them (Regulation (EU) 2024/1689, article 5).
"""
