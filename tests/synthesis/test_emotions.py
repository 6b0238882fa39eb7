"""Emotions as draws of action units, and their codes."""

from collections import Counter

import numpy as np
import pytest

from dstan.errors import UnknownNameError
from dstan.synthesis import emotions
from dstan.synthesis.action_units import ACTION_UNITS
from dstan.synthesis.emotions import PROTOTYPES, STRONGEST, WEAKEST, WORDS, Expression, draw_expression


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


@pytest.mark.parametrize(
    ("word", "usual"),
    [("anger", 4), ("contempt", 14), ("tense", 4), ("sadness", 1), ("fear", 1), ("positive", 12), ("negative", 4)],
)
def test_other_corpora_s_emotions_show_what_their_coders_saw(word: str, usual: int) -> None:
    seen = Counter(au for seed in range(150) for au in draw_expression(word, seed).intensities)
    assert seen.most_common(1)[0][0] == usual


@pytest.mark.parametrize("word", WORDS)
def test_every_word_of_a_table_can_be_drawn_in_small_letters_and_large(word: str) -> None:
    assert draw_expression(word.title(), 1) == draw_expression(word, 1) == draw_expression(WORDS[word], 1)


def test_negative_is_drawn_from_several_emotions() -> None:
    seen = {au for seed in range(150) for au in draw_expression("negative", seed).intensities}
    assert {1, 4, 9, 10, 15, 23} <= seen


def test_joined_emotions_are_shown_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emotions, "AMBIGUITY", 0.0)
    drawn = [set(draw_expression("Surprise+Positive", seed).intensities) for seed in range(50)]
    assert all(units & {1, 2, 25, 26} and units & {6, 12} for units in drawn)


def test_macro_expressions_are_stronger() -> None:
    weak, strong = (draw_expression("happiness", 3, strength).intensities for strength in (1.0, 2.0))
    assert strong == {number: (2 * left, 2 * right) for number, (left, right) in weak.items()}


def test_the_same_seed_gives_the_same_expression() -> None:
    assert draw_expression("disgust", 5) == draw_expression("disgust", 5)
    assert draw_expression("disgust", 5) != draw_expression("disgust", 6)


def test_an_unknown_emotion_lists_the_known() -> None:
    with pytest.raises(UnknownNameError, match="happiness"):
        draw_expression("hapiness", 0)
