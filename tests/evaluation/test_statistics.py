from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, rankdata
from scipy.stats import wilcoxon as scipy_wilcoxon

from dstan.evaluation import bootstrap_intervals, confusions_by_subject
from dstan.evaluation.statistics import (
    Interval,
    SignedRanks,
    difference,
    drawn_difference,
    drawn_score,
    holm,
    interval_of,
    mcnemar,
    resampled,
    wilcoxon,
)
from dstan.metrics import scores


def _predictions(right: dict[tuple[str, int], int], clips: int = 10) -> pd.DataFrame:
    rows = [
        ("toy", subject, f"c{clip}", seed, "ab"[clip % 2], "ab"[clip % 2] if clip < hits else "ba"[clip % 2])
        for (subject, seed), hits in right.items()
        for clip in range(clips)
    ]
    return pd.DataFrame(rows, columns=["corpus", "subject", "clip_id", "seed", "y_true", "y_pred"])


def test_the_same_answers_by_other_seeds_differ_by_exactly_nothing() -> None:
    hits = {f"s{n}": row for n, row in enumerate(np.random.default_rng(0).integers(1, 10, (6, 3)).tolist())}
    one, other = (
        resampled(
            _predictions({(who, seed): row[(seed + turn) % 3] for who, row in hits.items() for seed in range(3)}), "ab"
        )
        for turn in (0, 1)
    )
    assert (drawn_score("uf1", one) != drawn_score("uf1", other)).any()  # in their last bits
    assert not drawn_difference("uf1", one, other).any()


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


def test_people_drawn_as_they_are_come_first_and_differences_are_paired() -> None:
    one = _predictions({("s0", 0): 10, ("s1", 0): 4, ("s2", 0): 6})
    other = _predictions({("s0", 0): 8, ("s1", 0): 2, ("s2", 0): 4})
    mine, theirs = resampled(one, "ab"), resampled(other.sample(frac=1, random_state=0), "ab")
    assert np.trace(mine[0, 0]) == 20
    assert drawn_score("accuracy", mine)[0] == pytest.approx(20 / 30)
    # Everyone has two clips more right, so whoever is drawn the difference is one fifth.
    assert difference("accuracy", mine, theirs) == Interval(0.2, 0.2, 0.2)
    assert difference("accuracy", theirs, mine) == Interval(-0.2, -0.2, -0.2)
    assert difference("uf1", mine, mine) == Interval(0, 0, 0)


def _uf1(pairs: list[list[str]]) -> float:
    """Compute the mean of the classes' F1 from pairs of truth and prediction."""
    hits = {name: pairs.count([name, name]) for name in "ab"}
    seen = {name: sum(one.count(name) for one in pairs) for name in "ab"}
    return float(np.mean([2 * hits[name] / seen[name] for name in "ab"]))


def test_a_drawn_difference_is_that_of_the_rows_of_the_people_drawn() -> None:
    rng = np.random.default_rng(5)
    one, other = (_predictions({(f"s{i}", 0): int(n) for i, n in enumerate(rng.integers(0, 11, 7))}) for _ in range(2))
    gain = difference("uf1", resampled(one, "ab"), resampled(other, "ab"))
    kept = [list(zip(table["subject"], table["y_true"], table["y_pred"], strict=True)) for table in (one, other)]
    found = []
    for _ in range(2000):  # by hand: each person's rows as often as the person is drawn
        drawn = [f"s{i}" for i in rng.choice(7, 7)]
        uf1 = [_uf1([pair for person in drawn for subject, *pair in rows if subject == person]) for rows in kept]
        found.append(uf1[0] - uf1[1])
    assert (gain.low, gain.high) == pytest.approx(np.percentile(found, [2.5, 97.5]), abs=0.03)
    assert gain.high - gain.low > 0.2


def test_a_draw_that_says_nothing_is_left_out_of_the_interval() -> None:
    assert interval_of(np.array([0.5, 0.2, np.nan, 0.2])) == Interval(0.5, 0.2, 0.2)


@pytest.mark.parametrize(
    ("one", "other", "p"), [(1, 8, 20 / 512), (0, 5, 2 / 32), (3, 3, 1.0), (0, 0, 1.0), (0, 1, 1.0)]
)
def test_mcnemar_by_hand(one: int, other: int, p: float) -> None:
    assert mcnemar(one, other) == p == mcnemar(other, one)


@pytest.mark.parametrize(("one", "other"), [(0, 7), (2, 11), (9, 4), (13, 13), (40, 90), (700, 900)])
def test_mcnemar_is_the_binomial_test(one: int, other: int) -> None:
    assert mcnemar(one, other) == pytest.approx(binomtest(one, one + other).pvalue, rel=1e-9)


def test_wilcoxon_by_hand() -> None:
    # Sizes 1 1 2 3: ranks 1.5 1.5 3 4. Below zero: 1.5. Of the 16 ways of signs those with a sum of 1.5 or less are
    # the empty one and the two with one rank of 1.5; as many at the other end: 6 of 16.
    found = wilcoxon([0.1, -0.1, 0.2, 0.3, 0.0])
    assert found == SignedRanks(higher=3, same=1, lower=1, lean=7.0, p=6 / 16)


@pytest.mark.parametrize(("n", "p"), [(5, 2 / 32), (6, 2 / 64)])
def test_five_people_cannot_reach_the_level_and_six_can(n: int, p: float) -> None:
    assert wilcoxon(np.ones(n)).p == p
    assert (p < 0.05) == (n == 6)


@pytest.mark.parametrize("differences", [[], [0.0], [0.0, 0.0, 0.0]])
def test_wilcoxon_of_no_difference_is_one(differences: list[float]) -> None:
    assert wilcoxon(differences) == SignedRanks(0, len(differences), 0, 0.0, 1.0)


def _all_ways(values: np.ndarray) -> float:
    """Enumerate all signs: the share of ways that lean as far as what was seen."""
    apart = values[values != 0]
    ranks = rankdata(np.abs(apart))
    seen = abs((np.sign(apart) * ranks).sum())
    leans = [
        abs(sum(sign * rank for sign, rank in zip(signs, ranks, strict=True)))
        for signs in product((-1, 1), repeat=len(ranks))
    ]
    return float(np.mean([lean >= seen - 1e-9 for lean in leans]))


@pytest.mark.parametrize("seed", range(12))
def test_wilcoxon_counts_all_ways_of_signs_with_ties_and_zeros(seed: int) -> None:
    values = np.random.default_rng(seed).integers(-3, 5, size=4 + seed % 7).astype(float)
    assert wilcoxon(values).p == pytest.approx(_all_ways(values))


@pytest.mark.parametrize("n", [7, 20, 45])
def test_wilcoxon_without_ties_is_scipys(n: int) -> None:
    values = np.random.default_rng(n).normal(0.3, 1, n)
    assert wilcoxon(values).p == pytest.approx(scipy_wilcoxon(values, method="exact").pvalue, rel=1e-9)


def test_wilcoxon_of_many_people_with_ties_nears_the_normal_distribution() -> None:
    values = np.random.default_rng(0).integers(-4, 5, size=300).astype(float)
    near = scipy_wilcoxon(values, method="asymptotic", correction=True).pvalue
    assert wilcoxon(values).p == pytest.approx(near, rel=0.05)


def test_wilcoxon_sees_ties_through_rounding() -> None:
    noisy = [2 / 3 - 1 / 3, -(1 - 2 / 3), 0.1 + 0.2 - 0.3]
    assert len(set(map(abs, noisy))) == 3
    assert wilcoxon(noisy) == SignedRanks(1, 1, 1, 0.0, 1.0)


@pytest.mark.parametrize("seed", range(5))
def test_wilcoxon_of_swapped_sides_leans_the_other_way_by_as_much(seed: int) -> None:
    values = np.random.default_rng(seed).integers(-5, 8, size=12) / 7
    one, other = wilcoxon(values), wilcoxon(-values)
    assert (one.p, one.lean, one.higher, one.lower) == (other.p, -other.lean, other.lower, other.higher)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.001, 0.4, 0.013]) == pytest.approx([0.8, 0.004, 0.8, 0.039])
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


def test_holm_keeps_order_and_never_passes_bonferroni() -> None:
    p = np.random.default_rng(3).uniform(0, 0.4, 9)
    adjusted = np.array(holm(p.tolist()))
    assert (np.diff(adjusted[np.argsort(p)]) >= 0).all()
    assert ((adjusted >= p) & (adjusted <= np.minimum(1, 9 * p))).all()
    assert adjusted[p.argmin()] == pytest.approx(9 * p.min())
    shuffle = np.random.default_rng(4).permutation(9)
    assert holm(p[shuffle].tolist()) == adjusted[shuffle].tolist()
