"""What classes show when motion is drawn: the action units of their emotions, as often and as strongly as they say."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from dstan.errors import ConfigError
from dstan.synthesis.emotions import ONE_SIDED, STRENGTHS
from dstan.synthesis.motion import CONTAMINATIONS, UNITS, MotionSettings
from dstan.synthesis.motion.classes import Mixture, mixture_of
from dstan.synthesis.motion.expressions import Expressions, draw_expressions
from dstan.tasks import TASKS, find_task
from dstan.tasks.task import Source, Task

KNOWN = [task for task in TASKS.values() if task.classes]
EXACT = replace(MotionSettings(), **CONTAMINATIONS["labels"])


def task(**words: str) -> Task:
    return Task("own", tuple(dict.fromkeys(words.values())), {"folder": Source("label", words)})


def draw(of: Task, n: int, settings: MotionSettings = EXACT, seed: int = 0) -> Expressions:
    return draw_expressions(n, mixture_of(of), settings, torch.Generator().manual_seed(seed))


def expected(mixture: Mixture) -> np.ndarray:
    """Return (classes, units) how often each unit is to be seen; the likeliest stands in where none came up."""
    shares, chances = mixture
    shown = chances.astype(float)
    shown[np.arange(len(shown)), chances.argmax(1)] += np.prod(1 - chances, axis=1)
    return shares @ shown


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.name)
def test_each_class_of_each_known_task_shows_its_action_units_as_often_as_its_prototypes(known: Task) -> None:
    n = 1500 * len(known.classes)
    drawn = draw(known, n)
    for label, chances in enumerate(expected(mixture_of(known))):
        mine = drawn.shown[drawn.labels == label].double().mean(0).numpy()
        error = 4.5 * np.sqrt(chances * (1 - chances) / 1500)
        np.testing.assert_array_less(np.abs(mine - chances), error + 1e-9, err_msg=known.classes[label])
    assert drawn.shown.any(1).all()


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.name)
def test_every_class_is_drawn_equally_often(known: Task) -> None:
    counts = torch.bincount(draw(known, 100).labels, minlength=len(known.classes))
    assert int(counts.max() - counts.min()) <= 1


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.name)
def test_the_shares_of_prototypes_add_up_to_one(known: Task) -> None:
    shares, chances = mixture_of(known)
    np.testing.assert_allclose(shares.sum(1), 1, rtol=1e-5)
    assert chances.min() >= 0
    assert chances.max() == 1


def test_corpora_of_a_joint_task_count_alike() -> None:
    alone = {name: mixture_of(replace(TASKS["megc2019-3"], sources={name: source}))[0]
             for name, source in TASKS["megc2019-3"].sources.items()}  # fmt: skip
    together = mixture_of(TASKS["megc2019-3"])[0]
    np.testing.assert_allclose(together, sum(alone.values()) / len(alone), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "most", "never"),
    [("I", {12}, {1, 2, 4, 9, 15}), ("II", {1, 2}, {4, 12, 9}), ("III", {4}, {12, 9, 10, 1}), ("IV", {4, 9}, {12, 1}),
     ("V", {1, 15}, {12, 9, 2}), ("VI", {1, 2, 4}, {12, 9, 15})],
)  # fmt: skip
def test_objective_classes_show_the_action_units_that_define_them(name: str, most: set[int], never: set[int]) -> None:
    known = find_task("casme2-7")
    shown = expected(mixture_of(known))[known.classes.index(name)]
    assert {UNITS[place] for place in np.argsort(-shown)[: len(most)]} == most
    assert all(shown[UNITS.index(unit)] == 0 for unit in never)


def test_a_class_of_words_that_cannot_be_drawn_is_an_error_that_names_them() -> None:
    with pytest.raises(ConfigError, match="'dull' of 'bored', 'sleepy'") as caught:
        mixture_of(task(happiness="good", bored="dull", sleepy="dull"))
    assert "happiness" in str(caught.value.hint)


def test_a_task_without_classes_of_its_own_cannot_be_drawn() -> None:
    with pytest.raises(ConfigError, match="as-labelled"):
        mixture_of(TASKS["as-labelled"])


def test_a_unit_is_said_to_show_where_a_side_moves_and_nowhere_else() -> None:
    drawn = draw(find_task("samm-8"), 2000, MotionSettings())
    assert torch.equal(drawn.shown, (drawn.sides > 0).any(2))
    assert bool((drawn.sides >= 0).all())


def test_ambiguity_is_the_share_of_clips_that_show_another_class() -> None:
    drawn = draw(task(happiness="a", disgust="b"), 4000, replace(EXACT, ambiguity=0.3))
    smile = drawn.shown[:, [UNITS.index(unit) for unit in (6, 12)]].any(1)
    assert float((smile != (drawn.labels == 0)).double().mean()) == pytest.approx(0.3, abs=0.035)


def test_odd_units_come_by_chance_and_are_half_as_strong() -> None:
    settings = replace(EXACT, odd_units=0.2, asymmetry=0.0, amplitude_spread=0.0, field_strength=1.0)
    drawn = draw(task(happiness="a"), 3000, settings)
    odd = drawn.sides[:, UNITS.index(4)].amax(1)
    assert float((odd > 0).double().mean()) == pytest.approx(0.2, abs=0.03)
    assert float(odd.max()) == pytest.approx(0.5 * settings.amplitude)
    own = drawn.sides[:, UNITS.index(12)].amax(1)
    assert float(own.median()) == pytest.approx(settings.amplitude * STRENGTHS[12])


@pytest.mark.parametrize("spread", [0.2, 0.7])
def test_amplitude_has_the_median_and_the_spread_that_are_set(spread: float) -> None:
    settings = replace(EXACT, amplitude=2.5, amplitude_spread=spread, asymmetry=0.0, field_strength=1.0)
    unit = UNITS.index(4)
    peaks = draw(task(disgust="a", anger="b"), 6000, settings).sides[:, unit].amax(1)
    logarithm = peaks[peaks > 0].log()
    assert math.exp(float(logarithm.median())) == pytest.approx(2.5, rel=0.05)
    assert float(logarithm.std()) == pytest.approx(spread, rel=0.06)


def test_field_strength_is_the_widest_factor_between_the_units_of_a_clip() -> None:
    settings = replace(EXACT, amplitude_spread=0.0, asymmetry=0.0, field_strength=2.0)
    peaks = draw(task(surprise="a"), 3000, settings).sides[:, UNITS.index(1)].amax(1)
    factors = peaks[peaks > 0] / settings.amplitude
    assert 0.5 <= float(factors.min()) < 0.52
    assert 1.92 < float(factors.max()) <= 2.0
    assert float(factors.log().mean()) == pytest.approx(0, abs=0.03)


def test_asymmetry_is_the_spread_of_left_over_right_and_none_is_symmetric() -> None:
    unit = UNITS.index(1)  # never on one side alone
    left, right = draw(task(surprise="a"), 4000, replace(EXACT, asymmetry=0.4)).sides[:, unit].unbind(1)
    there = left > 0
    assert float((left[there] / right[there]).log().std()) == pytest.approx(0.4, rel=0.06)
    left, right = draw(task(surprise="a"), 500, replace(EXACT, asymmetry=0.0)).sides[:, unit].unbind(1)
    assert torch.equal(left, right)


@pytest.mark.parametrize("unit", [12, 14, 4, 1])
def test_units_act_on_one_side_alone_as_often_as_in_drawn_faces(unit: int) -> None:
    sides = draw(task(happiness="a", contempt="b", disgust="c", surprise="d"), 12000).sides[:, UNITS.index(unit)]
    left, right = (side > 0 for side in sides.unbind(1))
    shown = int((left | right).sum())
    alone = (int((left & ~right).sum()) / shown, int((right & ~left).sum()) / shown)
    assert sum(alone) == pytest.approx(ONE_SIDED.get(unit, 0.0), abs=0.035)
    assert alone[0] == pytest.approx(alone[1], abs=0.035)
