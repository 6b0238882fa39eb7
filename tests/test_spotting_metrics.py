"""Scores of spotting, on examples worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dstan.errors import ShapeError
from dstan.spotting_metrics import (
    SpottingCounts,
    analysis_scores,
    count,
    interval_iou,
    match,
    strs,
)


def test_iou_counts_both_ends() -> None:
    iou = interval_iou([(10, 19), (50, 50)], [(15, 24), (10, 19), (50, 51), (20, 30)])
    assert iou[0] == pytest.approx([5 / 15, 1.0, 0.0, 0.0])
    assert iou[1] == pytest.approx([0.0, 0.0, 0.5, 0.0])
    assert interval_iou([], [(1, 2)]).shape == (0, 1)


def test_an_interval_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ShapeError, match="ends before"):
        interval_iou([(10, 9)], [])


def test_exactly_half_is_found_and_less_is_not() -> None:
    assert count([(0, 9)], [(0, 4)]) == SpottingCounts(found=1)
    assert count([(0, 9)], [(0, 3)]) == SpottingCounts(false=1, missed=1)


def test_a_true_interval_is_found_once_only() -> None:
    assert count([(0, 9)], [(0, 9), (1, 9), (0, 8)]) == SpottingCounts(found=1, false=2)


def test_a_spotted_interval_finds_one_only() -> None:
    assert count([(0, 9), (5, 14)], [(2, 12)]) == SpottingCounts(found=1, missed=1)


def test_the_best_match_does_not_depend_on_the_order() -> None:
    true, spotted = [(0, 9), (4, 13)], [(3, 12), (0, 7)]
    pairs = {(true[one], spotted[other]) for one, other, _ in match(true, spotted)}
    again = {(true[::-1][one], spotted[::-1][other]) for one, other, _ in match(true[::-1], spotted[::-1])}
    assert pairs == again == {((0, 9), (0, 7)), ((4, 13), (3, 12))}


def test_more_matches_come_before_closer_ones() -> None:
    true, spotted = [(0, 9), (4, 13)], [(4, 13), (8, 17)]  # the closest pair alone would leave one of each
    assert len(match(true, spotted, least=0.2)) == 2


def test_counts_of_videos_are_pooled_before_dividing() -> None:
    pooled = count([(0, 9)], [(0, 9)]) + count([(0, 9), (20, 29), (40, 49)], [(21, 29), (60, 69)])
    assert pooled == SpottingCounts(found=2, false=1, missed=2)
    assert pooled.precision == pytest.approx(2 / 3)
    assert pooled.recall == pytest.approx(2 / 4)
    assert pooled.f1 == pytest.approx(4 / 7)


def test_nothing_spotted_scores_0() -> None:
    nothing = count([(0, 9)], [])
    assert (nothing.precision, nothing.recall, nothing.f1) == (0, 0, 0)


def test_names_are_scored_by_class() -> None:
    true = ["negative", "negative", "positive", "surprise"]
    named = ["negative", "positive", "positive", "negative"]
    scores = analysis_scores(true, named, ["negative", "positive", "surprise"])
    precision, recall = (1 / 2 + 1 / 2 + 0) / 3, (1 / 2 + 1 + 0) / 3
    assert scores.precision == pytest.approx(precision)
    assert scores.recall == pytest.approx(recall)
    assert scores.f1 == pytest.approx(2 * precision * recall / (precision + recall))
    assert scores.uf1 == pytest.approx((1 / 2 + 2 / 3 + 0) / 3)


def test_a_class_of_which_nothing_was_found_counts_as_0() -> None:
    scores = analysis_scores(["positive"], ["positive"], ["negative", "positive"])
    assert scores.uf1 == scores.f1 == pytest.approx(0.5)


def test_names_without_classes_or_of_other_lengths_are_refused() -> None:
    with pytest.raises(ShapeError, match="no classes"):
        analysis_scores([], [], [])
    with pytest.raises(ShapeError, match="1 truths but 0"):
        analysis_scores(["a"], [], ["a"])


def test_spot_then_recognise_is_the_product() -> None:
    spotting = SpottingCounts(found=2, false=1, missed=2)
    analysis = analysis_scores(["a", "b"], ["a", "b"], ["a", "b"])
    assert strs(spotting, analysis) == pytest.approx(4 / 7)
    nobody = analysis_scores([], [], ["a", "b"])
    assert strs(SpottingCounts(missed=3), nobody) == 0


INTERVALS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=6)


@given(INTERVALS, INTERVALS)
def test_matches_are_one_to_one_and_counts_add_up(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    true, spotted = ([(begin, begin + length) for begin, length in side] for side in (one, other))
    pairs = match(true, spotted)
    assert len({row for row, _, _ in pairs}) == len({column for _, column, _ in pairs}) == len(pairs)
    assert all(overlap >= 0.5 for _, _, overlap in pairs)
    counts = count(true, spotted)
    assert counts.found + counts.missed == len(true)
    assert counts.found + counts.false == len(spotted)
    assert count(true, true).f1 == (1.0 if true else 0.0)
