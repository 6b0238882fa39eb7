"""Checks of what a method learns from, and of what it refuses to learn from."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from dstan._engine import single_thread
from dstan.checking.specimen import CLASSES
from dstan.checking.trial import Trial, relabelled, with_arrays
from dstan.errors import DstanError, NotFittedError, ShapeError
from dstan.recognizers import save_model


@single_thread()
def check_a_seed_decides_everything(trial: Trial) -> None:
    """The same seed gives the same numbers; another one gives others where the specimen says so.

    Parameters
    ----------
    trial
        The method.
    """
    trial.expect(
        trial.agree(trial.fit(), trial.fitted),
        "two fits with one seed differ",
        "Draw everything from np.random.default_rng(seed), or a torch generator that is seeded",
    )
    if trial.specimen.is_random:
        trial.expect(not trial.agree(trial.fit(seed=2), trial.fitted), "another seed changes nothing")


@single_thread()
def check_fit_forgets(trial: Trial) -> None:
    """A second fit knows nothing of the first.

    Parameters
    ----------
    trial
        The method.
    """
    first = trial.make().fit(trial.draw(4, seed=3, labels=("x", "y")), seed=7)
    again = first.fit(trial.draw(), classes=CLASSES, seed=1)
    trial.expect(again.classes_ == CLASSES, f"after a second fit its classes are {again.classes_}")
    trial.expect(
        trial.agree(again, trial.fitted),
        "a second fit remembers the first",
        "Set everything that is fitted anew in _forget or _fit",
    )


@single_thread()
def check_shared_components_change_nothing(trial: Trial) -> None:
    """What it is made of may be fitted beforehand.

    Parameters
    ----------
    trial
        The method.
    """
    made = trial.make()
    parts = [part.fit(trial.draw(), classes=CLASSES, seed=1) for part in made.components()]
    if parts:
        made.fit(trial.draw(), classes=CLASSES, seed=1, fitted=parts)
        trial.expect(trial.agree(made, trial.fitted), "components fitted beforehand change its numbers")


@single_thread()
def check_only_the_streams_that_are_needed(trial: Trial) -> None:
    """A stream that it does not name may be absent; one that it names may not.

    Parameters
    ----------
    trial
        The method.
    """
    needed = trial.make().streams
    absent: dict[str, Any] = {stream: None for stream in ("appearance", "flow") if stream not in needed}
    if len(absent) < 2:
        trial.expect(
            trial.agree(trial.fit(with_arrays(trial.draw(), absent)), trial.fitted),
            f"clips without {', '.join(absent)} give other numbers, but its streams are {', '.join(needed)}",
        )
    for stream in needed if len(needed) < 2 else ():
        without = with_arrays(trial.draw(1), {stream: None})
        says = [f"needs {stream}, which this clip does not have"]
        trial.expect_error(ShapeError, says, partial(trial.fitted.predict, without), f"predict without {stream}")


@single_thread()
def check_clips_that_cannot_be_learned_from(trial: Trial) -> None:
    """Each kind of clip that cannot be used is refused by an error that names the clip.

    Parameters
    ----------
    trial
        The method.
    """
    own, good = trial.specimen, trial.draw()
    first = str(good[0].clip)
    streams = trial.make().streams
    arrays = {name: value for name, value in own.bad.items() if name == "landmarks" or name in streams}
    if arrays:
        bad = with_arrays(good, arrays)
        trial.expect_error(DstanError, [own.says], lambda: trial.make().fit(bad), "fit with a bad clip")
        trial.expect_error(
            DstanError, [own.says, first], lambda: trial.fitted.predict(bad[:1]), "predict of a bad clip"
        )
    if streams:
        larger = trial.draw(size=(own.size[0] + 1, own.size[1] + 15))
        says = [first, "that of the first training clip"]
        trial.expect_error(ShapeError, says, lambda: trial.make().fit(larger + good[:1]), "fit with clips of two sizes")


@single_thread()
def check_labels_that_cannot_be_learned(trial: Trial) -> None:
    """No clips, a clip without a label, and a label that is not among the classes are errors.

    Parameters
    ----------
    trial
        The method.
    """
    good = trial.draw()
    unlabelled = relabelled(good[:1], [None])
    for says, clips, classes in (
        ("no clips to learn from", [], None),
        ("without a label", unlabelled, None),
        ("'others' is not one of", good, CLASSES[:2]),
    ):
        trial.expect_error(DstanError, [says], partial(trial.make().fit, clips, classes=classes), "fit")


@single_thread()
def check_predict_before_fit(trial: Trial) -> None:
    """Neither a prediction nor a saved model comes from one that was not fitted.

    Parameters
    ----------
    trial
        The method.
    """
    with tempfile.TemporaryDirectory(prefix="dstan-") as folder:
        for when, action in (
            ("predict before fit", lambda: trial.make().predict(trial.draw(1))),
            ("save_model before fit", lambda: save_model(trial.make(), Path(folder))),
        ):
            trial.expect_error(NotFittedError, ["not fitted"], action, when)
