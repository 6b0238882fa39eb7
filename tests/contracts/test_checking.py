"""Each check catches the method that breaks its promise, and says so in words."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dstan.checking import CHECKS, Specimen, Trial, check_recognizer
from dstan.clips import PreparedClip
from dstan.errors import ContractError, DstanError
from dstan.recognizers import Inference, Majority, MethodSettings, Recognizer


class Honest(Recognizer):
    """Names the class whose training clips are the nearest in mean flow."""

    description = "nearest mean"
    streams = ("flow",)

    def __init__(self, settings: MethodSettings | None = None) -> None:
        super().__init__("honest", settings or MethodSettings())

    def _fit(self, clips: Sequence[PreparedClip], labels: Any, classes: tuple[str, ...], **how: Any) -> None:
        values = np.array([self.value(clip) for clip in clips])
        self.means = np.full(len(classes), np.inf)
        for label in np.unique(labels):
            self.means[label] = values[labels == label].mean()

    def value(self, clip: PreparedClip) -> float:
        assert clip.flow is not None
        return float(clip.flow.mean())

    def _infer(self, clips: Sequence[PreparedClip]) -> Inference:
        far = np.array([np.abs(self.means - self.value(clip)) for clip in clips])
        near = np.exp(-far)
        return Inference(far.argmin(1), near / near.sum(1, keepdims=True), dict.fromkeys(self.streams))

    def _state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"means": self.means}, {}

    def _restore(self, arrays: Any, document: Any, classes: tuple[str, ...]) -> None:
        self.means = arrays["means"]


def test_an_honest_method_passes() -> None:
    check_recognizer(Honest)


class Nameless(Honest):
    description = ""


class Unsure(Honest):
    def _infer(self, clips: Sequence[PreparedClip]) -> Inference:
        found = super()._infer(clips)
        return replace(found, probabilities=found.probabilities / 2)


class Silent(Honest):
    def _infer(self, clips: Sequence[PreparedClip]) -> Inference:
        return replace(super()._infer(clips), attention={})


class Peeking(Honest):
    def _infer(self, clips: Sequence[PreparedClip]) -> Inference:
        found = super()._infer(clips)
        return replace(found, probabilities=np.roll(found.probabilities, len(clips) > 1, axis=1))


class Inventive(Honest):
    def _infer(self, clips: Sequence[PreparedClip]) -> Inference:
        found = super()._infer(clips)
        return replace(found, probabilities=0.9 * found.probabilities + 0.1 / 3)


class Careless(Honest):
    def _fit(self, clips: Sequence[PreparedClip], labels: Any, classes: tuple[str, ...], **how: Any) -> None:
        super()._fit(clips, labels, classes, **how)
        self.means = self.means + np.random.default_rng().normal()


class Nostalgic(Honest):
    before = 0.0

    def _fit(self, clips: Sequence[PreparedClip], labels: Any, classes: tuple[str, ...], **how: Any) -> None:
        super()._fit(clips, labels, classes, **how)
        self.before = self.before + 1
        self.means = self.means * self.before


class Forgetful(Honest):
    def _restore(self, arrays: Any, document: Any, classes: tuple[str, ...]) -> None:
        self.means = np.zeros(len(classes))


class Secretive(Honest):
    """Looks at a stream that it does not name."""

    def value(self, clip: PreparedClip) -> float:
        return super().value(clip) + (0.0 if clip.appearance is None else float(clip.appearance.mean()))


class Rooted(Honest):
    def __init__(self, settings: MethodSettings | None = None) -> None:
        super().__init__(settings)
        self.lock = threading.Lock()


class Hoarding(Honest):
    """Keeps what it saw of a person whom it was to predict, for its next life."""

    seen: list[float] = []  # noqa: RUF012 - shared by all, on purpose

    def value(self, clip: PreparedClip) -> float:
        return super().value(clip) + sum(self.seen)

    def _infer(self, clips: Sequence[PreparedClip]) -> Inference:
        found = super()._infer(clips)
        self.seen.append(1.0)
        return found


class Remembering(Honest):
    """Knows a clip again from a fold in which it was learned from."""

    known: dict[str, int] = {}  # noqa: RUF012 - shared by all, on purpose

    def _fit(self, clips: Sequence[PreparedClip], labels: Any, classes: tuple[str, ...], **how: Any) -> None:
        super()._fit(clips, labels, classes, **how)
        self.known.update(zip((clip.clip.clip_id for clip in clips), labels, strict=True))

    def _infer(self, clips: Sequence[PreparedClip]) -> Inference:
        winners = np.array([self.known.get(clip.clip.clip_id, 0) for clip in clips])
        return Inference(winners, np.eye(3)[winners], dict.fromkeys(self.streams))


class Tolerant(Honest):
    def fit(self, clips: Sequence[PreparedClip], *, classes: Any = None, **how: Any) -> Any:
        kept = [clip for clip in clips if clip.label is not None]
        return super().fit(kept or clips, classes=None, **how)


class Deaf(Honest):
    def _state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return {"means": np.zeros(3)}, {}


class Blind(Honest):
    """Takes clips of any shape together."""

    def _check_alike(self, clips: Sequence[PreparedClip]) -> None:
        return


def _breaks(make: Callable[..., Recognizer], check: str) -> str:
    (found,) = (one for one in CHECKS if one.__name__ == f"check_{check}")
    with pytest.raises((ContractError, DstanError)) as caught:
        found(Trial(make))
    return str(caught.value)


@pytest.mark.parametrize(
    ("make", "check", "says"),
    [
        (Nameless, "it_says_what_it_is", "its description is empty"),
        (Unsure, "probabilities_labels_and_details_fit_each_other", "should sum to 1, but here they sum to"),
        (Silent, "probabilities_labels_and_details_fit_each_other", "attention is of .* streams are"),
        (Peeking, "a_clip_does_not_depend_on_its_neighbours_or_its_label", "other probabilities alone than among"),
        (Inventive, "a_class_missing_from_the_training_part_is_never_named", "never seen has probabilities .* not 0"),
        (Careless, "a_seed_decides_everything", "two fits with one seed differ"),
        (Nostalgic, "fit_forgets", "a second fit remembers the first"),
        (Forgetful, "save_and_load_give_identical_numbers", "saved and loaded gives other numbers"),
        (Forgetful, "a_reloaded_fold_gives_the_numbers_of_the_table", "loaded again, gives other probabilities"),
        (Secretive, "only_the_streams_that_are_needed", "clips without appearance give other numbers"),
        (Rooted, "a_copy_sent_to_a_worker_learns_the_same", "cannot be sent to another process.*lock"),
        (Remembering, "held_out_labels_never_reach_a_prediction", "predictions of a person change"),
        (Hoarding, "garbage_in_place_of_a_held_out_person_changes_nothing", "change what is fitted: weights"),
        (Tolerant, "labels_that_cannot_be_learned", "'others' is not one of.*but nothing is raised"),
        (Deaf, "garbage_in_place_of_a_training_person_changes_what_is_learned", "the same whatever it learned from"),
        (Blind, "clips_that_cannot_be_learned_from", "two sizes should raise ShapeError.*but nothing is raised"),
    ],
)
def test_a_broken_promise_is_said_in_words(make: Callable[..., Recognizer], check: str, says: str) -> None:
    message = _breaks(make, check)
    assert message.startswith("honest: ")
    assert re.search(says, message), message


def test_a_specimen_that_is_random_must_change_with_the_seed() -> None:
    with pytest.raises(ContractError, match="another seed changes nothing"):
        check_recognizer(Honest, Specimen(is_random=True))


def test_a_bad_clip_must_be_refused_in_the_words_of_the_specimen() -> None:
    specimen = Specimen(bad={"flow": np.zeros((2, 2, 8, 8), np.float32)}, says="is too small")
    with pytest.raises(ContractError, match="fit with a bad clip should raise DstanError that says 'is too small'"):
        check_recognizer(Honest, specimen)


@pytest.mark.parametrize("make", [Honest(), lambda: Honest(1, 2), Recognizer])  # type: ignore[call-arg]
def test_what_cannot_be_made_is_told_how(make: Any) -> None:
    with pytest.raises(ContractError, match=r"it cannot be made: .* super\(\).__init__\(NAME, settings\)"):
        Trial(make)


def test_a_method_that_looks_at_nothing_passes_too() -> None:
    check_recognizer(Majority)
