"""Checks of what a method is, and of how it goes through settings, files and processes."""

from __future__ import annotations

import tempfile
from pathlib import Path

from dstan._engine import single_thread
from dstan.checking.specimen import CLASSES
from dstan.checking.trial import Trial
from dstan.evaluation.plan import check_name
from dstan.recognizers import Recognizer, save_model


@single_thread()
def check_it_says_what_it_is(trial: Trial) -> None:
    """It has a name, a description, streams, and settings that make it again.

    Parameters
    ----------
    trial
        The method.
    """
    made = trial.make()
    check_name(made)
    trial.expect(made.name == trial.name, f"with settings its name is {made.name}")
    trial.expect(bool(made.description.strip()), "its description is empty")
    trial.expect(
        set(made.streams) <= {"appearance", "flow"}, f"its streams are {made.streams}, not among appearance and flow"
    )
    trial.expect(made.recipe == made.settings.recipe, "its recipe is not that of its settings")
    plain = made.settings.to_dict()
    again = trial.maker(trial.maker().settings.replaced(plain))
    trial.expect(again.settings == made.settings, "settings that were written and read again are others")
    own = made.with_settings(trial.maker().settings)
    trial.expect(own.settings == trial.maker().settings, "with_settings does not take the settings")


@single_thread()
def check_save_and_load_give_identical_numbers(trial: Trial) -> None:
    """A model that was written and read again answers as before, to the last bit.

    Parameters
    ----------
    trial
        The method.
    """
    fitted = trial.fitted
    with tempfile.TemporaryDirectory(prefix="dstan-") as folder:
        save_model(fitted, Path(folder))
        loaded = trial.load(Path(folder))
        kinds = {file.suffix for file in Path(folder).iterdir()}
    hint = "What _state returns has to hold all that _fit learned, and _restore has to take it back"
    trial.expect(trial.agree(loaded, fitted), "a model that was saved and loaded gives other numbers", hint)
    for what in ("name", "settings", "classes_", "history_"):
        trial.expect(getattr(loaded, what) == getattr(fitted, what), f"a loaded model has another {what}")
    trial.expect(kinds == {".json", ".safetensors"}, f"a model's folder holds {sorted(kinds)}")


@single_thread()
def check_a_copy_sent_to_a_worker_learns_the_same(trial: Trial) -> None:
    """It goes to other processes, before a fit and after one.

    Parameters
    ----------
    trial
        The method.
    """
    fresh, fitted = (_sent(trial, one) for one in (trial.make(), trial.fitted))
    trial.expect(fresh.settings == trial.make().settings, "a copy sent to another process has other settings")
    trial.expect(trial.agree(fitted, trial.fitted), "a copy sent to another process answers otherwise")
    fresh.fit(trial.draw(), classes=CLASSES, seed=1)
    trial.expect(trial.agree(fresh, trial.fitted), "a copy sent to another process learns otherwise")


def _sent(trial: Trial, made: Recognizer) -> Recognizer:
    from distributed.protocol import pickle

    try:
        copy: Recognizer = pickle.loads(pickle.dumps(made))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what would stop it on its way
        problem = f"it cannot be sent to another process: {error!r}"
    else:
        return copy
    hint = "Keep no open file, lock or generator in self: make it where it is used"
    trial.expect(False, problem, hint)
    raise AssertionError(problem)
