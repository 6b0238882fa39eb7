"""What the top of the page says, case by case."""

from dataclasses import replace

from dstan.evaluation.statistics import Interval
from dstan.reports.claims import Facts, may_claim, may_not_claim, verdict
from dstan.reports.tables import ScoreRow


def row(method: str, uf1: float, accuracy: float) -> ScoreRow:
    values = {"uf1": uf1, "accuracy": accuracy}
    return ScoreRow(method, {name: Interval(value, value - 0.1, value + 0.1) for name, value in values.items()})


FACTS = Facts(
    rows=[row("dstan", 0.60, 0.62), row("stmn-a", 0.58, 0.65)],
    baseline=row("majority", 0.11, 0.40),
    guess="always answering “others”",
    over_baseline=Interval(0.22, 0.10, 0.30),
    over_second=Interval(0.02, -0.05, 0.09),
    class_counts={"happiness": 40, "others": 60},
    subjects=26,
    clips=100,
    unusable=0,
    seeds=3,
    synthetic=False,
    paper_clips=None,
    departures=(),
)


def test_a_lead_that_may_be_chance_is_not_called_one():
    text = " ".join(verdict(FACTS))
    assert "Between it and stmn-a, the next best, this run cannot decide (+0.020 in UF1, 95% interval" in text
    assert "\N{MINUS SIGN}0.050 to +0.090" in text
    assert "That dstan is better than stmn-a." in may_not_claim(FACTS)
    ahead = replace(FACTS, over_second=Interval(0.02, 0.01, 0.09))
    assert any("higher UF1 than stmn-a under this protocol" in claim for claim in may_claim(ahead))
    assert may_not_claim(ahead) == []


def test_the_most_accurate_method_is_named_where_it_is_another_one():
    assert verdict(FACTS)[-1] == "By accuracy alone stmn-a comes first (65.0%)."


def test_a_tie_is_called_a_tie():
    tie = replace(FACTS, over_second=Interval(0.0, -0.1, 0.1), over_baseline=Interval(0.0, -0.1, 0.1))
    text = " ".join(verdict(tie))
    assert text.startswith("dstan and stmn-a share the first place of 2 by UF1. dstan named")
    assert "That is as many as by always answering “others”, which is right for 40.0%" in text


def test_worse_than_guessing_is_said_so():
    text = " ".join(verdict(replace(FACTS, over_baseline=Interval(-0.2, -0.3, -0.1))))
    assert "That is 20.0 points less than always answering" in text
    assert "worse than looking at nothing" in text


def test_reproduction_is_never_claimed_and_the_reasons_are_given():
    facts = replace(FACTS, paper_clips=246, departures=["it uses 9 frames a clip, here 5"], synthetic=True)
    (limit,) = [limit for limit in may_not_claim(facts) if "reproduced" in limit]
    for reason in ("real people", "246 clips, here there are 100", "9 frames a clip, here 5", "number of epochs"):
        assert reason in limit


def test_what_drawn_motion_taught_is_not_shown_by_faces_that_move_by_the_same_fields():
    taught = replace(FACTS, learned_before={"stmn-a (zero-shot)": ["drawn"]}, zero_shot=True, synthetic=True, seeds=1)
    (limit,) = [limit for limit in may_not_claim(taught) if "drawn motion" in limit]
    assert "the same fields of action units that stmn-a (zero-shot) learned from" in limit
    assert not any("drawn motion" in limit for limit in may_not_claim(replace(taught, synthetic=False)))
    assert not any("--seeds" in limit for limit in may_not_claim(taught))
    assert "No clip here was learned from: stmn-a (zero-shot) learned from drawn motion alone." in may_claim(taught)
    begun = replace(taught, learned_before={"stmn-a (begun from taught)": ["drawn", "smic"]}, zero_shot=False)
    assert any("fields of action units" in limit for limit in may_not_claim(begun))
    assert not any("No clip" in claim for claim in may_claim(begun))


def test_one_seed_is_a_limit():
    assert any("one seed was run" in limit for limit in may_not_claim(replace(FACTS, seeds=1)))
    assert not any("seed" in limit for limit in may_not_claim(FACTS))
