"""Checks by evaluation: who is held out has no say in what is fitted, and a fold's model is that of its table."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from dstan._engine import single_thread
from dstan.checking.specimen import CLASSES, Specimen
from dstan.checking.trial import Trial, relabelled
from dstan.clips import PreparedClip
from dstan.evaluation import evaluate

HELD_OUT, SEEN = ("held-out", "s0"), ("seen", "s1")
"""Who is tested on, and one of those who are learned from, by :data:`HOW`."""
HOW: dict[str, Any] = {"classes": CLASSES, "protocol": "hde", "test_corpora": ["held-out"], "workers": 0}

Way = Callable[[list[PreparedClip], Path], object]
"""Evaluates a method on clips by :data:`HOW`, into a folder."""


@single_thread()
def check_held_out_labels_never_reach_a_prediction(trial: Trial) -> None:
    """Scrambled labels of the person who is held out change no prediction.

    Parameters
    ----------
    trial
        The method.
    """
    clips = trial.draw(8)
    scrambled = relabelled(clips, [_other(clip) if clip.clip.subject == "s1" else clip.label for clip in clips])
    tables = [evaluate(trial.make(), some, classes=CLASSES, workers=0).predictions for some in (clips, scrambled)]
    columns = ["clip_id", "y_pred", *(f"p_{label}" for label in CLASSES)]
    first, second = (table[table["fold"] == "s1"] for table in tables)
    trial.expect(
        first[columns].equals(second[columns]),
        "predictions of a person change with that person's own labels",
        "Learn in _fit and nowhere else, and only from the clips that it is given",
    )
    trial.expect(not first["y_true"].equals(second["y_true"]), "the labels were not scrambled")


def _other(clip: PreparedClip) -> str:
    """Return another class than a clip's own."""
    return CLASSES[(CLASSES.index(str(clip.label)) + 1) % len(CLASSES)]


@single_thread()
def check_a_reloaded_fold_gives_the_numbers_of_the_table(trial: Trial) -> None:
    """The model of a fold, loaded from the run's folder, predicts what stands in the run's table.

    Parameters
    ----------
    trial
        The method.
    """
    clips = trial.draw()
    with tempfile.TemporaryDirectory(prefix="dstan-") as folder:
        table = evaluate(trial.make(), clips, classes=CLASSES, workers=0, out=Path(folder), with_faces=True).predictions
        models = {fold: trial.load(Path(folder, trial.name, "folds", f"{fold}-seed0")) for fold in ("s0", "s2")}
    for fold, model in models.items():
        test = [clip for clip in clips if clip.clip.subject == fold]
        rows = table[table["fold"] == fold]
        same = model.predict_proba(test) == rows[[f"p_{label}" for label in CLASSES]].to_numpy()
        trial.expect(same, "a fold's model, loaded again, gives other probabilities than the run's table")
        trial.expect(
            model.predict(test) == rows["y_pred"].tolist(), "a fold's model, loaded again, names other classes"
        )


@single_thread()
def check_garbage_in_place_of_a_held_out_person_changes_nothing(trial: Trial) -> None:
    """What is fitted is the same, to the last byte, whatever the clips of the held-out person hold.

    Parameters
    ----------
    trial
        The method.
    """
    clean, spoiled = fitted_twice(trial.specimen, trial.name, HELD_OUT, _plainly(trial))
    trial.expect(clean == spoiled, f"frames of the person held out change what is fitted: {_unlike(clean, spoiled)}")


@single_thread()
def check_garbage_in_place_of_a_training_person_changes_what_is_learned(trial: Trial) -> None:
    """A method that looks at clips learns otherwise from others.

    Parameters
    ----------
    trial
        The method.
    """
    if not trial.make().streams:
        return
    clean, spoiled = fitted_twice(trial.specimen, trial.name, SEEN, _plainly(trial))
    trial.expect(
        clean["weights"] != spoiled["weights"],
        "what it saves is the same whatever it learned from",
        "What _state returns has to hold all that _fit learned",
    )


def _plainly(trial: Trial) -> Way:
    return lambda clips, out: evaluate(trial.make(), clips, out=out, with_faces=True, **HOW)


def _unlike(one: dict[str, Any], two: dict[str, Any]) -> str:
    return ", ".join(name for name in one if one[name] != two[name])


def fitted_twice(
    specimen: Specimen, name: str, person: tuple[str, str], way: Way
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is fitted with the clips as they are, and with garbage in place of one person's.

    Parameters
    ----------
    specimen
        What the method takes.
    name
        Of the method.
    person
        Whose clips are spoiled.
    way
        How it is evaluated.
    """
    clips = people(specimen)
    spoiled = [_spoiled(clip) if clip.clip.person == person else clip for clip in clips]
    found = []
    with ExitStack() as stack:
        for some in (clips, spoiled):
            out = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dstan-")), "run")
            way(some, out)
            found.append(_fitted(out, name))
    return found[0], found[1]


def people(specimen: Specimen) -> list[PreparedClip]:
    """Draw six clips of three people to learn from, and three of the one who is held out.

    Parameters
    ----------
    specimen
        What the method takes.
    """
    return [
        specimen.draw_one(
            i,
            i % 3,
            label=CLASSES[i % 3],
            corpus="seen" if i < 6 else "held-out",
            subject=f"s{i // 2 if i < 6 else 0}",
            clip_id=f"c{i}",
        )
        for i in range(9)
    ]


def _fitted(run: Path, name: str) -> dict[str, Any]:
    """Return the bytes of the fitted model, and everything that was chosen on the way."""
    (folder,) = (run / name / "folds").iterdir()
    fold, search = json.loads((folder / "fold.json").read_text()), run / name / "search.json"
    return {
        "weights": (folder / "model.safetensors").read_bytes(),
        "settings": json.loads((folder / "model.json").read_text())["settings"],
        "history": fold["history"],
        "dynamics": fold["dynamics"],
        "choice": fold["choice"],
        "search": json.loads(search.read_text()) if search.exists() else None,
    }


def _spoiled(clip: PreparedClip) -> PreparedClip:
    """Return the clip with garbage in place of all its arrays, and with another label."""
    rng = np.random.default_rng(99)
    arrays = {
        name: rng.normal(50, 20, getattr(clip, name).shape).astype(np.float32)
        for name in ("appearance", "flow", "landmarks")
    }
    return replace(clip, clip=replace(clip.clip, label=_other(clip)), **arrays)
