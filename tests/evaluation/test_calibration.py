"""Confidence against being right: by hand on a few clips, and by the laws that hold for any."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from evaluation_fakes import CLASSES, Nearest, make_clips

from dstan.errors import ShapeError
from dstan.evaluation import coverage_curve, evaluate, load_run
from dstan.evaluation.calibration import calibration
from dstan.metrics import confusion_matrix, scores


def table(rows: Sequence[tuple[Any, ...]], classes: Sequence[str] = ("a", "b")) -> pd.DataFrame:
    """Predictions of rows (subject, truth, said, confidence[, seed]); what is left goes to the other classes alike."""
    records = []
    for number, (subject, truth, said, confidence, *seed) in enumerate(rows):
        rest = (1 - confidence) / (len(classes) - 1)
        key = {"corpus": "c", "subject": subject, "clip_id": str(number), "fold": subject, "seed": (*seed, 0)[0]}
        shares = {f"p_{name}": confidence if name == said else rest for name in classes}
        records.append({**key, "y_true": truth, "y_pred": said, **shares})
    return pd.DataFrame(records)


def drawn(n: int, seed: int, honest: float = 1.0) -> pd.DataFrame:
    """Answers of two classes that are right ``honest`` times as often beyond chance as they are sure."""
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.5, 1, n)
    right = rng.random(n) < 0.5 + honest * (confidence - 0.5)
    return table([(f"s{i % 20}", "a" if right[i] else "b", "a", p) for i, p in enumerate(confidence)])


BY_HAND = (
    ("s1", "a", "a", 0.95),
    ("s1", "a", "a", 0.85),
    ("s1", "b", "a", 0.85),
    ("s2", "b", "b", 0.65),
    ("s2", "a", "b", 0.55),
)


def test_the_numbers_are_those_computed_by_hand() -> None:
    found = calibration(table(BY_HAND))
    assert found.confidence.value == pytest.approx(0.77)
    assert found.overconfidence.value == pytest.approx(0.77 - 0.6)
    # |1 - .95| + |1 - 1.7| + |1 - .65| + |0 - .55|, over five clips
    assert found.ece == pytest.approx((0.05 + 0.7 + 0.35 + 0.55) / 5)
    assert found.brier.value == pytest.approx(2 * (0.05**2 + 0.15**2 + 0.85**2 + 0.35**2 + 0.55**2) / 5)
    # wrong among the 1, 3, 3, 4 and 5 surest: two are equally sure, so they are answered together
    assert found.aurc.value == pytest.approx((0 + 1 / 3 + 1 / 3 + 1 / 4 + 2 / 5) / 5)
    assert found.aurc_gain.value == pytest.approx(2 / 5 - found.aurc.value)
    assert [(one.low, one.high, one.count) for one in found.bins] == [
        (0.5, 0.6, 1),
        (0.6, 0.7, 1),
        (0.8, 0.9, 2),
        (0.9, 1.0, 1),
    ]
    assert [one.accuracy.value for one in found.bins] == [0, 1, 0.5, 1]
    assert [one.confidence for one in found.bins] == pytest.approx([0.55, 0.65, 0.85, 0.95])


def test_abstaining_by_hand() -> None:
    found = {one.threshold: one for one in calibration(table(BY_HAND)).abstention}
    assert [one.coverage.value for one in found.values()] == pytest.approx([1, 0.8, 0.6, 0.6, 0.2])
    assert [one.accuracy and one.accuracy.value for one in found.values()] == pytest.approx(
        [0.6, 0.75, 2 / 3, 2 / 3, 1]
    )
    assert found[0.8].uf1 is not None
    assert found[0.8].uf1.value == pytest.approx((4 / 5 + 0) / 2)  # b is never answered any more, and counts as 0
    curve = coverage_curve(table(BY_HAND))
    assert curve.threshold == pytest.approx([0.95, 0.85, 0.65, 0.55])
    assert curve.coverage == pytest.approx([0.2, 0.6, 0.8, 1])
    assert curve.accuracy == pytest.approx([1, 2 / 3, 3 / 4, 3 / 5])


def test_where_nothing_is_answered_there_is_no_accuracy() -> None:
    found = calibration(table([("s1", "a", "a", 0.55), ("s2", "b", "a", 0.55)])).abstention[-1]
    assert (found.coverage.value, found.accuracy, found.uf1) == (0, None, None)


def test_with_nothing_left_out_abstaining_scores_what_the_method_scores() -> None:
    rng = np.random.default_rng(3)
    rows = [(f"s{i % 7}", *rng.choice(["a", "b", "c"], 2), 0.5 + 0.5 * rng.random()) for i in range(60)]
    predictions = table(rows, ("a", "b", "c"))
    expected = scores(confusion_matrix(predictions["y_true"], predictions["y_pred"], ("a", "b", "c")))
    everything = calibration(predictions).abstention[0]
    assert everything.coverage.value == 1
    assert everything.accuracy is not None
    assert everything.uf1 is not None
    assert everything.accuracy.value == pytest.approx(expected["accuracy"])
    assert everything.uf1.value == pytest.approx(expected["uf1"])
    assert everything.uf1.low < everything.uf1.value < everything.uf1.high


def test_several_seeds_count_as_the_mean_of_one_seed_and_their_bins_are_pooled() -> None:
    one = [("s1", "a", "a", 0.9), ("s2", "b", "a", 0.7)]
    other = [("s1", "a", "a", 0.6), ("s2", "b", "a", 0.8)]
    both = calibration(table([*((*row, 0) for row in one), *((*row, 1) for row in other)]))
    apart = [calibration(table(rows)) for rows in (one, other)]
    for name in ("ece", "ece_equal_counts"):
        assert getattr(both, name) == pytest.approx(np.mean([getattr(each, name) for each in apart]))
    for name in ("confidence", "overconfidence", "brier", "aurc", "aurc_gain"):
        assert getattr(both, name).value == pytest.approx(np.mean([getattr(each, name).value for each in apart]))
    assert sum(each.count for each in both.bins) == 4
    # at .9 only seed 0 says anything: coverage is the mean over both, accuracy that of the seed that spoke
    assert both.abstention[-1].coverage.value == pytest.approx(0.25)
    assert both.abstention[-1].accuracy is not None
    assert both.abstention[-1].accuracy.value == 1


def test_the_order_of_the_rows_does_not_matter() -> None:
    predictions = drawn(80, seed=1)
    predictions["p_a"] = predictions["p_a"].round(1)  # many are equally sure
    predictions["p_b"] = 1 - predictions["p_a"]
    shuffled = predictions.sample(frac=1, random_state=0)
    one, other = calibration(predictions), calibration(shuffled)
    assert one.aurc.value == pytest.approx(other.aurc.value)
    assert one.ece == pytest.approx(other.ece)
    assert one.ece_equal_counts == pytest.approx(other.ece_equal_counts)
    np.testing.assert_allclose(coverage_curve(predictions).accuracy, coverage_curve(shuffled).accuracy)


def test_who_is_as_often_right_as_sure_is_within_chance_and_who_is_not_is_outside() -> None:
    honest = [calibration(drawn(246, seed)) for seed in range(20)]
    inside = [one.ece_by_chance.low <= one.ece <= one.ece_by_chance.high for one in honest]
    assert sum(inside) >= 17
    boasting = calibration(drawn(246, seed=0, honest=0.3))
    assert boasting.ece > boasting.ece_by_chance.high
    assert boasting.overconfidence.low > 0


def test_the_error_of_a_perfectly_calibrated_method_falls_with_the_root_of_the_clips() -> None:
    few, many = (np.mean([calibration(drawn(n, seed)).ece for seed in range(30)]) for n in (100, 1600))
    assert 3 < few / many < 5
    told = calibration(drawn(100, seed=0)).ece_by_chance.value
    assert told == pytest.approx(few, rel=0.15)


def test_bins_of_equal_count_hold_equally_many() -> None:
    # a step of .009 a clip, right in the upper half only: bins of ten clips, each wholly right or wholly wrong
    confidence = 0.5 + 0.0045 * np.arange(100)
    rows = [("s", "a" if i >= 50 else "b", "a", p) for i, p in enumerate(confidence)]
    found = calibration(table(rows))
    assert found.ece_equal_counts == pytest.approx((confidence[:50].sum() + (1 - confidence[50:]).sum()) / 100)


def test_sureness_that_orders_answers_gains_and_one_that_misleads_loses() -> None:
    rows = [(f"s{i % 10}", "a" if i >= 20 else "b", "a", 0.5 + 0.005 * i) for i in range(80)]
    assert calibration(table(rows)).aurc_gain.low > 0
    turned = [(subject, truth, said, 1.4 - p) for subject, truth, said, p in rows]
    assert calibration(table(turned)).aurc_gain.high < 0


def test_the_class_that_was_answered_is_judged_even_where_another_has_more() -> None:
    predictions = table([("s1", "a", "a", 0.4), ("s2", "b", "b", 0.4)])  # as the votes of an SVM may have it
    assert calibration(predictions).confidence.value == pytest.approx(0.4)


@pytest.mark.parametrize("p", [(np.nan, 0.5), (0.9, 0.9), (-0.1, 1.1)])
def test_probabilities_that_are_none_are_an_error(p: tuple[float, float]) -> None:
    predictions = table([("s1", "a", "a", 0.9)])
    predictions[["p_a", "p_b"]] = p
    with pytest.raises(ShapeError, match=r"1 of 1 predictions have no probabilities.*dstan\.checking"):
        calibration(predictions)


def test_every_run_says_it_and_one_from_before_is_read_and_goes_on(tmp_path) -> None:
    clips = make_clips()
    evaluate([Nearest()], clips, out=tmp_path, workers=0, seeds=2)
    file = tmp_path / "nearest" / "metrics.json"
    whole = file.read_bytes()
    document = json.loads(whole)
    written = document["calibration"]
    found = load_run(tmp_path).results["nearest"].calibration
    assert written["ece"] == found.ece
    assert written["aurc"] == found.aurc.value
    assert written["intervals"]["aurc"] == [found.aurc.low, found.aurc.high]
    assert written["ece_by_chance"].keys() == {"mean", "low", "high"}
    assert sum(one["count"] for one in written["bins"]) == 2 * len(clips)
    assert [one["threshold"] for one in written["abstention"]] == [0.5, 0.6, 0.7, 0.8, 0.9]
    assert document["classes"] == sorted(CLASSES)
    del document["calibration"]
    file.write_text(json.dumps(document))
    assert load_run(tmp_path).results["nearest"].calibration == found
    evaluate([Nearest()], clips, out=tmp_path, workers=0, seeds=2)
    assert file.read_bytes() == whole
