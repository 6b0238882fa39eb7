"""Emotions as draws of action units, and their codes."""

from collections import Counter

import numpy as np
import pytest

from dstan.errors import UnknownNameError
from dstan.synthesis import emotions
from dstan.synthesis.action_units import ACTION_UNITS
from dstan.synthesis.emotions import PROTOTYPES, STRONGEST, WEAKEST, Expression, draw_expression


@pytest.mark.parametrize(
    ("intensities", "unsure", "code"),
    [
        ({4: (1.0, 1.1)}, False, 4),
        ({4: (1.0, 1.1)}, True, "4+?"),
        ({14: (1.0, 0.0)}, False, "L14"),
        ({12: (0.0, 0.4)}, False, "R12"),
        ({4: (1.0, 0.8), 10: (0.5, 0.0)}, False, "4+L10"),
    ],
)
def test_codes_are_written_as_in_the_table(intensities: dict, unsure: bool, code: int | str) -> None:
    assert Expression(intensities, unsure).code() == code


@pytest.mark.parametrize("emotion", PROTOTYPES)
def test_prototypes_are_probabilities_of_known_action_units(emotion: str) -> None:
    assert sum(weight for weight, _ in PROTOTYPES[emotion]) == pytest.approx(1)
    for _, chances in PROTOTYPES[emotion]:
        assert set(chances) <= set(ACTION_UNITS)
        assert all(0 < chance <= 1 for chance in chances.values())


def test_intensities_are_subtle_and_vary() -> None:
    drawn = [draw_expression("happiness", seed) for seed in range(200)]
    peaks = np.array([pair for one in drawn for pair in one.intensities.values()])
    moving = peaks[peaks > 0]
    assert moving.min() >= WEAKEST
    assert moving.max() <= STRONGEST
    assert np.quantile(moving, 0.9) > 2 * np.quantile(moving, 0.1)
    assert 0.05 < (peaks == 0).any(axis=1).mean() < 0.5


def test_emotions_show_their_prototypes_and_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emotions, "AMBIGUITY", 0.0)
    seen = {
        name: Counter(au for seed in range(150) for au in draw_expression(name, seed).intensities)
        for name in ("happiness", "surprise", "disgust", "repression", "others")
    }
    assert seen["happiness"].most_common(1)[0][0] == 12
    assert {au for au, _ in seen["surprise"].most_common(2)} == {1, 2}
    assert 4 in seen["disgust"]
    assert 4 in seen["others"]
    assert {15, 17} <= set(seen["repression"])


def test_the_same_seed_gives_the_same_expression() -> None:
    assert draw_expression("disgust", 5) == draw_expression("disgust", 5)
    assert draw_expression("disgust", 5) != draw_expression("disgust", 6)


def test_an_unknown_emotion_lists_the_known() -> None:
    with pytest.raises(UnknownNameError, match="happiness"):
        draw_expression("hapiness", 0)
