"""How networks learned, as read from the documents of folds."""

import numpy as np
import pytest

from dstan.reports.dynamics import fits_by_network, fold_names, stacked
from dstan.training import InnerChoice, Restart


def document(fold: str = "sub01", seed: int = 0, epochs: int = 2, **inside: object) -> dict:
    history = [{"epoch": n + 1, "loss": 1.5 - n, "accuracy": 0.5, "gradient_norm": 2.0} for n in range(epochs)]
    return {"fold": fold, "seed": seed, "history": {"flow": history}, "dynamics": {"flow": inside}}


def test_there_is_one_fit_a_network_fold_and_seed():
    fits = fits_by_network([document(seed=0), document(seed=1), document("sub02")])
    assert [(fit.fold, fit.seed) for fit in fits["flow"]] == [("sub01", 0), ("sub01", 1), ("sub02", 0)]
    assert fits["flow"][0].loss == (1.5, 0.5)
    assert fits["flow"][0].gradient_norm == (2.0, 2.0)


def test_everything_inside_is_read():
    one = document(
        dead_units=[0, 0.1, 0.2, 0.3, 0.4],
        temporal_attention={"mean": [0.4, 0.6], "deviation": [0.1, 0.2]},
        spatial_attention={"mean": 0.5, "deviation": 0.05},
        restart={"reason": "the loss is nan", "epoch": 3, "learning_rate": 0.1, "retried_with": 0.01},
        inner={"epochs": [10, 20], "uf1": [0.3, 0.4], "chosen": 20, "parts": 5},
    )
    (fit,) = fits_by_network([one])["flow"]
    assert fit.dead_units == (0, 0.1, 0.2, 0.3, 0.4)
    assert (fit.attention, fit.attention_deviation, fit.spatial) == ((0.4, 0.6), (0.1, 0.2), (0.5, 0.05))
    assert fit.restart == Restart("the loss is nan", 3, 0.1, 0.01)
    assert fit.inner == InnerChoice((10, 20), (0.3, 0.4), 20, 5)


def test_what_an_older_run_does_not_tell_is_empty():
    old = document()
    del old["dynamics"]
    for epoch in old["history"]["flow"]:
        del epoch["gradient_norm"]
    (fit,) = fits_by_network([old])["flow"]
    assert (fit.gradient_norm, fit.dead_units, fit.attention) == ((), (), ())
    assert (fit.spatial, fit.restart, fit.inner) == (None, None, None)


def test_modules_that_a_network_lacks_are_none():
    (fit,) = fits_by_network([document(temporal_attention=None, spatial_attention=None, restart=None)])["flow"]
    assert (fit.attention, fit.spatial, fit.restart) == ((), None, None)


def test_series_of_different_lengths_are_rows_of_one_table():
    table = stacked([(1.0, 2.0, 3.0), (), (4.0,)])
    assert np.array_equal(table, [[1, 2, 3], [4, np.nan, np.nan]], equal_nan=True)


@pytest.mark.parametrize(
    ("folds", "seeds", "words"),
    [
        (["a"], 1, "a"),
        (["a", "b", "c"], 1, "a, b and c"),
        (list("abcdefgh"), 1, "a, b, c, d, e and 3 others"),
        (["a", "b", "a"], 2, "a (seeds 0 and 2) and b (seed 1)"),
    ],
)
def test_folds_are_named_in_a_few_words(folds, seeds, words):
    fits = fits_by_network([document(fold, seed) for seed, fold in enumerate(folds)])["flow"]
    assert fold_names(fits, seeds) == words
