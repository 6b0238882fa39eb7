"""A method on trial: how it is made, what it is tried on, and how a check says what it found."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstan._engine import single_thread
from dstan.checking.specimen import CLASSES, Specimen
from dstan.clips import PreparedClip
from dstan.errors import ContractError, DstanError
from dstan.recognizers import Maker, Recognizer, load_model


class Trial:
    """A method that is to be checked.

    Parameters
    ----------
    make
        Makes it, unfitted: a class or a function whose one argument is the settings, the method's own where left out.
    specimen
        What it is tried on.
    """

    def __init__(self, make: Maker, specimen: Specimen | None = None) -> None:
        self.maker = make
        self.specimen = specimen or Specimen()
        try:
            self.name = make().name
        except (TypeError, AttributeError) as error:
            raise ContractError(
                f"it cannot be made: {error}",
                where=getattr(make, "__name__", repr(make)),
                hint="Give a class, or a function, that takes all settings or none: def __init__(self, "
                "settings=MySettings()), with super().__init__(NAME, settings) in it",
            ) from error

    def make(self, **settings: Any) -> Recognizer:
        """Make it, unfitted; ``settings`` replace whole groups of the specimen's."""
        return self.maker(self.maker().settings.replaced({**self.specimen.settings, **settings}))

    def load(self, folder: Path) -> Recognizer:
        """Read a fitted one from a model's folder."""
        return load_model(folder, self.maker)

    def draw(self, n: int = 7, **how: Any) -> list[PreparedClip]:
        """Draw clips as :meth:`Specimen.draw` does."""
        return self.specimen.draw(n, **how)

    def fit(self, clips: Sequence[PreparedClip] | None = None, **how: Any) -> Recognizer:
        """Fit a new one, on drawn clips where none are given, with seed 1."""
        return self.make().fit(self.draw() if clips is None else clips, **{"classes": CLASSES, "seed": 1, **how})

    @functools.cached_property
    def fitted(self) -> Recognizer:
        """One that is fitted once and shared by all checks; none changes it."""
        with single_thread():
            return self.fit()

    def agree(self, one: Recognizer, two: Recognizer) -> bool:
        """Tell whether two answer alike, to the last bit."""
        new = self.draw(3, seed=9)
        alike = (one.predict_proba(new) == two.predict_proba(new)).all()
        return bool(alike) and one.predict(new) == two.predict(new)

    def expect(self, holds: bool | NDArray[np.bool_], what: str, hint: str | None = None) -> None:
        """Raise ContractError unless something holds.

        Parameters
        ----------
        holds
            What should be true; of an array, every element.
        what
            What is wrong where it is not.
        hint
            What to do then.
        """
        if not np.all(holds):
            raise ContractError(what, where=self.name, hint=hint)

    def expect_error(
        self, kind: type[DstanError], says: Sequence[str], action: Callable[[], object], when: str
    ) -> None:
        """Raise ContractError unless an action raises an error that says certain words.

        Parameters
        ----------
        kind
            Of the error.
        says
            The words, in any order.
        action
            What should fail.
        when
            What the action does.
        """
        wanted = f"{when} should raise {kind.__name__} that says {' and '.join(map(repr, says))}"
        try:
            action()
        except kind as error:
            message = str(error)
        except Exception as error:
            raise ContractError(f"{wanted}, but raises {error!r}", where=self.name) from error
        else:
            raise ContractError(f"{wanted}, but nothing is raised", where=self.name)
        self.expect(all(word in message for word in says), f"{wanted}, but it says: {message}")


Check = Callable[[Trial], None]
"""Raises ContractError where a method breaks what it promises."""


def relabelled(clips: Sequence[PreparedClip], labels: Sequence[str | None]) -> list[PreparedClip]:
    """Return clips with other labels.

    Parameters
    ----------
    clips
        Any.
    labels
        One a clip.
    """
    return [replace(clip, clip=replace(clip.clip, label=label)) for clip, label in zip(clips, labels, strict=True)]


def with_arrays(clips: Sequence[PreparedClip], arrays: Mapping[str, Any]) -> list[PreparedClip]:
    """Return clips with some arrays replaced.

    Parameters
    ----------
    clips
        Any.
    arrays
        By name; None takes one away.
    """
    return [replace(clip, **arrays) for clip in clips]
