import numpy as np
import pandas as pd
import pytest

from dstan.evaluation import bootstrap_intervals, confusions_by_subject
from dstan.metrics import scores


def _predictions(right: dict[tuple[str, int], int], clips: int = 10) -> pd.DataFrame:
    rows = [
        ("toy", subject, f"c{clip}", seed, "ab"[clip % 2], "ab"[clip % 2] if clip < hits else "ba"[clip % 2])
        for (subject, seed), hits in right.items()
        for clip in range(clips)
    ]
    return pd.DataFrame(rows, columns=["corpus", "subject", "clip_id", "seed", "y_true", "y_pred"])


def test_counts_are_kept_by_person_and_seed() -> None:
    table = _predictions({("s1", 0): 10, ("s0", 0): 4, ("s1", 1): 0, ("s0", 1): 2})
    counts = confusions_by_subject(table, "ab")
    assert counts.shape == (2, 2, 2, 2)
    assert np.trace(counts, axis1=2, axis2=3).tolist() == [[4, 2], [10, 0]]


def test_people_are_resampled_not_clips() -> None:
    one_each = confusions_by_subject(_predictions({("s0", 0): 10, ("s1", 0): 0}), "ab")
    assert bootstrap_intervals(one_each)["accuracy"] == (0.0, 1.0)
    alike = confusions_by_subject(_predictions({(f"s{i}", 0): 6 for i in range(6)}), "ab")
    assert bootstrap_intervals(alike)["accuracy"] == pytest.approx((0.6, 0.6))


def test_seeds_of_a_person_stay_together() -> None:
    # Whoever is drawn brings one perfect and one hopeless seed, so the mean over seeds never varies.
    balanced = {(f"s{i}", seed): 10 * ((i + seed) % 2) for i in range(6) for seed in (0, 1)}
    counts = confusions_by_subject(_predictions(balanced), "ab")
    assert bootstrap_intervals(counts)["accuracy"] == pytest.approx((0.5, 0.5))


def test_width_is_that_of_theory_and_seeded() -> None:
    rng = np.random.default_rng(0)
    table = _predictions({(f"s{i}", 0): int(hits) for i, hits in enumerate(rng.binomial(10, 0.6, 200))})
    counts = confusions_by_subject(table, "ab")
    low, high = bootstrap_intervals(counts)["accuracy"]
    each = np.trace(counts, axis1=2, axis2=3)[:, 0] / 10
    assert high - low == pytest.approx(2 * 1.96 * each.std() / np.sqrt(200), rel=0.1)
    assert bootstrap_intervals(counts) == bootstrap_intervals(counts)
    assert bootstrap_intervals(counts) != bootstrap_intervals(counts, seed=1)
    narrow = bootstrap_intervals(counts, level=0.5)["accuracy"]
    assert low < narrow[0] < narrow[1] < high


def test_a_class_of_few_people_does_not_pull_the_interval_below_the_score() -> None:
    counts = np.zeros((8, 1, 3, 3), dtype=np.int64)
    counts[:, 0, 0, 0] = counts[:, 0, 1, 1] = 5
    counts[0, 0, 2, 2] = 4
    assert set(scores(counts.sum((0, 1))).values()) == {1.0}
    assert set(bootstrap_intervals(counts).values()) == {(1.0, 1.0)}


def test_a_class_without_any_clip_counts_as_in_the_score() -> None:
    counts = np.zeros((4, 1, 3, 3), dtype=np.int64)
    counts[:, 0, 0, 0] = counts[:, 0, 1, 1] = 5
    assert bootstrap_intervals(counts)["uar"] == pytest.approx((2 / 3, 2 / 3))
