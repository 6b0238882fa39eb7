"""What the card of a model says that learned drawn motion: how well it learned the drawing, and what was drawn."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from dstan.config import Settings
from dstan.recognizers import Recognizer
from dstan.recognizers.model_files import CURVES
from dstan.recognizers.origins import DRAWN
from dstan.recognizers.pretraining import TeacherSettings
from dstan.reports.card.facts import Facts
from dstan.reports.card.markdown import paragraph, table
from dstan.reports.dynamics import fits_by_network
from dstan.reports.dynamics_figures import learning_figure
from dstan.synthesis.action_units import ACTION_UNITS

_SCORES = {"accuracy": "accuracy", "UF1": "uf1", "UAR": "uar", "action units, mean F1": "units_f1"}


def draw_curves(taught: Recognizer, folder: Path) -> None:
    """Draw how the loss fell, beside the card.

    Parameters
    ----------
    taught
        What :func:`dstan.recognizers.pretraining.teach` returned.
    folder
        The model's.
    """
    fold = {"fold": DRAWN, "seed": taught.trained_["seed"], "history": taught.history_, "dynamics": taught.dynamics_}
    learning_figure(taught.name, fits_by_network([fold])).write(folder / CURVES)


def teacher_of(facts: Facts) -> TeacherSettings:
    """Return how it was taught.

    Parameters
    ----------
    facts
        Of a model that was taught.
    """
    return TeacherSettings().replaced(facts.trained["teacher"])


def how_it_learned(facts: Facts) -> str:
    """Return how much was drawn, and how it was learned.

    Parameters
    ----------
    facts
        Of a model that was taught.
    """
    teacher = teacher_of(facts)
    return (
        f"{teacher.epochs} x {teacher.clips:,} clips, in batches of {teacher.batch_size}, with a step of "
        f"{teacher.learning_rate:g} that falls along a cosine"
    )


def learned_drawing(facts: Facts) -> str:
    """Return the section about how well it learned the drawing.

    Parameters
    ----------
    facts
        Of a model that was taught.
    """
    found = facts.trained["checked"]
    scores = ((name, f"{found[key]:.3f}") for name, key in _SCORES.items())
    units = ((f"AU{unit}", ACTION_UNITS[int(unit)].name, f"{value:.2f}") for unit, value in found["units"].items())
    return "\n\n".join(
        [
            paragraph(
                f"{teacher_of(facts).checked:,} clips were drawn apart from those it learned from. What it scores on "
                "them says nothing about real faces: they differ from the drawing in ways that no draw shows."
            ),
            table(("score", "value"), scores, numbers=("value",)),
            f"![Curves of learning]({CURVES}.png)",
            table(("action unit", "is", "F1"), units, numbers=("F1",)),
        ]
    )


def what_was_drawn(facts: Facts) -> str:
    """Return the section about the ranges that motion was drawn from.

    Parameters
    ----------
    facts
        Of a model that was taught.
    """
    motion = teacher_of(facts).motion
    rows = ((one.name, _words(motion, one.name), one.metadata["doc"]) for one in fields(motion))
    return "\n\n".join(
        [
            paragraph(
                "Prototypes of each class follow what coders of CASME, CASME II and SAMM reported, and EMFACS "
                "(docs/synthesis.md names the source of each). Everything below is drawn anew for each clip, but the "
                "estimator's window, which a batch of clips shares, and wrong anatomy, which all share."
            ),
            table(("setting", "value", "meaning"), rows),
        ]
    )


def _words(settings: Settings, name: str) -> str:
    """Return a setting's value in words."""
    value = getattr(settings, name)
    return " to ".join(map(str, value)) if isinstance(value, tuple) else str(value)
