"""Checks of what a fitted method answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from dstan._engine import single_thread
from dstan.checking.specimen import CLASSES
from dstan.checking.trial import Trial, relabelled


@single_thread()
def check_probabilities_labels_and_details_fit_each_other(trial: Trial) -> None:
    """Probabilities are float64, a row a clip and a column a class, each row of sum 1; details say the same.

    Parameters
    ----------
    trial
        The method.
    """
    new, fitted, expect = trial.draw(4, seed=5), trial.fitted, trial.expect
    probabilities, labels = fitted.predict_proba(new), fitted.predict(new)
    expect(fitted.classes_ == CLASSES, f"classes_ is {fitted.classes_}, not {CLASSES} as fit was given")
    expect(probabilities.shape == (4, 3), f"4 clips and 3 classes have probabilities of shape {probabilities.shape}")
    expect(probabilities.dtype == np.float64, f"probabilities are {probabilities.dtype}, not float64")
    expect(probabilities >= 0, f"a probability is below 0: {probabilities.min()}")
    sums = probabilities.sum(axis=1)
    expect(np.allclose(sums, 1), f"the probabilities of a clip should sum to 1, but here they sum to {sums}")
    for detail, label, row in zip(fitted.predict_details(new), labels, probabilities, strict=True):
        expect(detail["label"] == label, f"predict says {label}, and predict_details says {detail['label']}")
        expect(
            detail["probabilities"] == dict(zip(CLASSES, row, strict=True)),
            "predict_proba and predict_details differ in the probabilities",
        )
        _check_attention(trial, detail["attention"])


def _check_attention(trial: Trial, attention: dict[str, Any]) -> None:
    """See that there is a weight a frame, or None, for each stream."""
    own = trial.specimen
    trial.expect(
        set(attention) == set(trial.fitted.streams),
        f"attention is of {sorted(attention)}, and the streams are {sorted(trial.fitted.streams)}",
        "Return Inference(winners, probabilities, dict.fromkeys(self.streams)) where there is none",
    )
    for stream, weights in attention.items():
        steps = own.frames if stream == "appearance" else own.fields
        trial.expect(
            weights is None or len(weights) == steps,
            f"attention to {stream} should be None or have a weight for each of {steps} steps, not {weights}",
        )


@single_thread()
def check_no_clips_no_answers(trial: Trial) -> None:
    """Where there is nothing to predict, nothing is predicted.

    Parameters
    ----------
    trial
        The method.
    """
    fitted = trial.fitted
    trial.expect(fitted.predict([]) == [], "predict([]) should return []")
    shape = fitted.predict_proba([]).shape
    trial.expect(shape == (0, 3), f"predict_proba([]) should be of shape (0, 3), not {shape}")
    trial.expect(fitted.predict_details([]) == [], "predict_details([]) should return []")


@single_thread()
def check_a_clip_does_not_depend_on_its_neighbours_or_its_label(trial: Trial) -> None:
    """A clip alone, with another label or none, has the very numbers that it has among others.

    Parameters
    ----------
    trial
        The method.
    """
    new, fitted = trial.draw(4, seed=5), trial.fitted
    together = fitted.predict_proba(new)
    alone = np.concatenate([fitted.predict_proba([clip]) for clip in relabelled(new, [None, "x", "others", None])])
    trial.expect(
        together == alone,
        f"a clip has other probabilities alone than among others, or with another label (by {_gap(together, alone)})",
        "Compute clip by clip: a matrix product of several rows may round otherwise than that of one",
    )


def _gap(one: Any, two: Any) -> str:
    return f"{np.abs(one - two).max():.1g}"


@single_thread()
def check_a_class_missing_from_the_training_part_is_never_named(trial: Trial) -> None:
    """A fold may lack a class; it then keeps its column, with a probability of 0.

    Parameters
    ----------
    trial
        The method.
    """
    fitted, new = trial.fit(trial.draw(labels=("happiness", "others")), seed=0), trial.draw(3, seed=4)
    probabilities = fitted.predict_proba(new)
    trial.expect(
        probabilities.shape == (3, 3),
        f"a class without a training clip lost its column: shape {probabilities.shape}, not (3, 3)",
        "labels holds positions in classes, and some may not occur",
    )
    trial.expect(
        probabilities[:, 1] < 1e-6, f"a class that was never seen has probabilities {probabilities[:, 1]}, not 0"
    )
    trial.expect("disgust" not in fitted.predict(new), "a class that was never seen is predicted")


@single_thread()
def check_other_lengths_and_sizes(trial: Trial) -> None:
    """What the specimen says that it takes, it takes.

    Parameters
    ----------
    trial
        The method.
    """
    for frames, fields, size in trial.specimen.others:
        shape: dict[str, Any] = {"frames": frames, "fields": fields, "size": size}
        fitted = trial.fit(trial.draw(5, **shape), seed=0)
        found = fitted.predict_proba(trial.draw(2, seed=3, **shape))
        trial.expect(
            np.isfinite(found), f"a probability is not finite with {frames} frames, {fields} fields of flow, {size}"
        )
