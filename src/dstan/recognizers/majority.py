"""The baseline that looks at nothing: every clip is of the commonest class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dstan.clips import PreparedClip
from dstan.recognizers.contract import Fidelity, Inference, OnEpoch, Recognizer, StreamName
from dstan.recognizers.settings import DSTANSettings


class Majority(Recognizer):
    """Answer the commonest class of the training clips; the probabilities are the classes' shares.

    Parameters
    ----------
    settings
        Only the recipe counts, so that the same clips are compared; the other groups are accepted and ignored.
    """

    fidelity: ClassVar[Fidelity] = Fidelity.EXACT

    def __init__(self, settings: DSTANSettings | None = None) -> None:
        super().__init__("majority", DSTANSettings(recipe=(settings or DSTANSettings()).recipe))

    def _forget(self) -> None:
        super()._forget()
        self.shares = np.zeros(0)

    @property
    def description(self) -> str:
        """What it does."""
        return "the commonest class, always"

    @property
    def streams(self) -> tuple[StreamName, ...]:
        """None: it looks at nothing."""
        return ()

    def _fit(
        self,
        clips: Sequence[PreparedClip],
        labels: NDArray[np.int64],
        classes: tuple[str, ...],
        *,
        seed: int,
        device: str,
        on_epoch: OnEpoch | None,
        fitted: Sequence[Recognizer] | None,
    ) -> None:
        self.shares = np.bincount(labels, minlength=len(classes)) / len(labels)

    def _infer(self, clips: Sequence[PreparedClip]) -> Inference:
        winners = np.full(len(clips), self.shares.argmax(), dtype=np.int64)
        return Inference(winners, np.tile(self.shares, (len(clips), 1)), {})

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        return {"shares": self.shares}, {}

    def _restore(
        self, arrays: Mapping[str, NDArray[Any]], document: Mapping[str, Any], classes: tuple[str, ...]
    ) -> None:
        if arrays["shares"].shape != (len(classes),):
            raise ValueError("the shares do not fit the classes")
        self.shares = arrays["shares"]
