"""What is notable is said, once, and nothing else is."""

from dataclasses import replace

import numpy as np
import pytest

from dstan.reports.dynamics import Fit
from dstan.reports.remarks import inner_words, inside_words, learning_remarks, restart_warning, spatial_words
from dstan.training import InnerChoice, Restart

GOOD = Fit(
    "sub01",
    0,
    loss=tuple(1.5 * np.exp(-0.2 * np.arange(30))),
    accuracy=tuple(1 - 0.6 * np.exp(-0.2 * np.arange(30))),
    gradient_norm=tuple(np.linspace(2, 0.1, 30)),
    dead_units=(0.0, 0.0, 0.02, 0.05, 0.1),
    attention=(0.3, 0.5, 0.7),
    attention_deviation=(0.1, 0.1, 0.1),
    spatial=(0.5, 0.2),
)
MAJORITY = {f"sub{n:02d}": 0.4 for n in range(1, 27)}


def fits(good: int, bad: int = 0, **changed: object) -> list[Fit]:
    every = [replace(GOOD, fold=f"sub{n + 1:02d}") for n in range(good + bad)]
    return [replace(fit, **changed) for fit in every[:bad]] + every[bad:]


def test_nothing_is_said_of_what_is_as_it_should_be():
    assert learning_remarks(fits(26), MAJORITY, 1) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"accuracy": (0.4, 0.42)}, "less than 5 points above what always answering one class gets"),
        ({"loss": tuple(np.linspace(1.6, 0.6, 30))}, "still falls at the end of training"),
        ({"gradient_norm": (1.0, 1.0, 500.0, 1.0)}, "more than 100 times its median"),
        ({"gradient_norm": (1.0, 1e-6), "loss": (1.6, 1.5)}, "all but vanished"),
        ({"attention": (0.5, 0.505, 0.49), "attention_deviation": (0.001,) * 3}, "chooses nothing"),
    ],
)
def test_a_remark_needs_more_than_a_handful_of_fits(changed, words):
    (remark,) = learning_remarks(fits(16, 10, **changed), MAJORITY, 1)
    assert words in remark
    assert "10 of 26 fits (sub01, sub02, sub03, sub04, sub05 and 5 others)" in remark
    assert learning_remarks(fits(22, 4, **changed), MAJORITY, 1) == []
    (remark,) = learning_remarks(fits(0, 3, **changed), MAJORITY, 1)
    assert "all 3 fits" in remark


def test_a_loss_may_fall_where_the_epochs_were_chosen_inside():
    falling = fits(0, 26, loss=tuple(np.linspace(1.6, 0.6, 30)), inner=InnerChoice((30,), (0.4,), 30, 5))
    assert learning_remarks(falling, MAJORITY, 1) == []


def test_attention_that_differs_between_clips_is_not_flat():
    assert learning_remarks(fits(0, 26, attention=(0.5, 0.5), attention_deviation=(0.1, 0.1)), MAJORITY, 1) == []


def test_every_fold_with_many_dead_channels_is_named():
    (remark,) = learning_remarks(fits(25, 1, dead_units=(0, 0, 0, 0.1, 0.4)), MAJORITY, 1)
    assert "dead in 1 of 26 fits (sub01): 40% of block 5." in remark
    (remark,) = learning_remarks(fits(24, 2, dead_units=(0, 0.3, 0, 0, 0)), MAJORITY, 1)
    assert "dead in 2 of 26 fits (sub01 and sub02); at worst, in sub01, 30% of block 2." in remark


def test_a_fit_that_tells_nothing_of_its_inside_is_passed_over():
    bare = Fit("sub01", 0, GOOD.loss, GOOD.accuracy)
    assert learning_remarks([bare], MAJORITY, 1) == []
    assert (spatial_words([bare]), inner_words([bare]), inside_words([bare])) == (None, None, "")
    assert restart_warning("stan-a", {"appearance": [bare]}, 1) is None


def test_spatial_attention_is_told_in_words():
    assert "mean 0.50, deviation 0.20: it weighs some places above others" in spatial_words([GOOD])
    assert "hardly tells one place from another" in spatial_words([replace(GOOD, spatial=(0.5, 0.001))])


def test_fits_that_were_done_again_are_warned_of():
    restart = Restart("the loss is nan", 3, 1e-3, 3e-4)
    again = {"flow": fits(24, 2, restart=restart)}
    assert restart_warning("stmn-a", again, 1) == (
        "stmn-a: 2 of 26 fits diverged and were done once more with a lower learning rate: sub01 and sub02."
    )


def test_the_epochs_chosen_are_counted_and_a_choice_at_the_edge_is_noticed():
    early, late = InnerChoice((10, 20), (0.4, 0.3), 10, 5), InnerChoice((10, 20), (0.3, 0.4), 20, 5)
    words = inner_words([replace(GOOD, inner=early), replace(GOOD, inner=early), replace(GOOD, inner=late)])
    assert "10 in 2 and 20 in 1 of 3 fits" in words
    assert "larger" not in words
    assert "offer larger ones than 20" in inner_words([replace(GOOD, inner=late)])
