"""The card of a model that learned drawn motion: what it is, how it was made, what it is not for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

from dstan import _atomic
from dstan._version import __version__
from dstan.config import Settings
from dstan.recognizers import Recognizer
from dstan.recognizers.model_files import CARD, CURVES
from dstan.recognizers.origins import DRAWN
from dstan.recognizers.pretraining import TeacherSettings
from dstan.recognizers.settings import DIFFERENCES, GREY
from dstan.reports.dynamics import fits_by_network
from dstan.reports.dynamics_figures import learning_figure
from dstan.synthesis.action_units import ACTION_UNITS


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
    teacher = TeacherSettings().replaced(trained["teacher"])
    return _CARD.format(
        method=taught.name,
        description=taught.description,
        version=__version__,
        task=trained["task"],
        classes=", ".join(taught.classes_),
        clips=f"{trained['clips']:,}",
        learned=f"{teacher.epochs} x {teacher.clips:,} clips, in batches of {teacher.batch_size}, with a step of "
        f"{teacher.learning_rate:g} that falls along a cosine",
        parameters=f"{taught.parameters:,}",
        seen=_seen(taught),
        seed=trained["seed"],
        checked=f"{teacher.checked:,}",
        scores=_rows((name, f"{found[key]:.3f}") for name, key in _SCORES.items()),
        units=_rows(
            (f"AU{unit}", ACTION_UNITS[int(unit)].name, f"{value:.2f}") for unit, value in found["units"].items()
        ),
        ranges=_rows((one.name, value, one.metadata["doc"]) for one, value in _values(teacher.motion)),
    )


def _seen(taught: Recognizer) -> str:
    """Return what a model is to be given."""
    recipe = taught.recipe
    parts = [f"crops of {recipe.shape[0]} x {recipe.shape[1]}"]
    if "appearance" in taught.streams:
        kind = "as differences from the first" if getattr(taught.settings, "frames", GREY) == DIFFERENCES else "grey"
        parts.append(f"{recipe.steps} frames, {kind}")
    if "flow" in taught.streams:
        parts.append(f"flow as {recipe.flow} finds it, pairs {recipe.pairs}")
    return "; ".join(parts)


def _values(settings: Settings) -> list[tuple[Field[Any], str]]:
    """Return each setting and its value in words."""
    values = ((one, getattr(settings, one.name)) for one in fields(settings))
    return [(one, " to ".join(map(str, value)) if isinstance(value, tuple) else str(value)) for one, value in values]


def _rows(cells: Iterable[Sequence[str]]) -> str:
    """Return the lines of a table."""
    return "".join(f"| {' | '.join(row)} |\n" for row in cells)


_SCORES = {"accuracy": "accuracy", "UF1": "uf1", "UAR": "uar", "action units, mean F1": "units_f1"}
_CARD = """# {method}, taught drawn motion

**It has seen no real face.** It learned from {clips} clips whose motion was drawn from action units (dstan {version}).
It is for trying the software, for judging what such a teacher is worth, and for beginning from. It is not for
conclusions about people.

```
dstan evaluate --zero-shot FOLDER --task {task} --corpus CORPUS --root DIR --out RUN  # as it is
dstan evaluate {method} --init FOLDER --task {task} --corpus CORPUS --root DIR --out RUN  # fine-tuned in every fold
```

| | |
|---|---|
| method | {description} |
| classes | {classes} (task {task}) |
| it is given | {seen} |
| learned | {learned} |
| parameters | {parameters} |
| seed | {seed} |

## How well it learned the drawing
{checked} clips drawn apart from those it learned from. That says nothing about real faces: they differ from the
drawing in ways that no draw shows.

| score | |
|---|---:|
{scores}
![Curves of learning](curves.png)

| action unit | | F1 |
|---|---|---:|
{units}
## What was drawn
Prototypes of each class follow what coders of CASME, CASME II and SAMM reported, and EMFACS (docs/synthesis.md
names the source of each). Everything below is drawn anew for each clip, but the estimator's window, which a batch
of clips shares, and wrong anatomy, which all share.

| setting | value | |
|---|---|---|
{ranges}
## Known limits
- A class is what its prototypes say. People show other combinations, and the same one for other reasons.
- The people on whose skin flow is imagined to be estimated, and whose frames are seen, are drawn, too.
- An action unit that is rarely drawn is rarely told: look at its F1 before believing one.
- Recognising emotions from faces at work and at school is forbidden or regulated in places, the European Union
  among them (Regulation (EU) 2024/1689, article 5).
"""
