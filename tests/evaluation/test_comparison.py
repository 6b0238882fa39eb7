"""Runs written by hand, compared."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dstan.errors import ConfigError, RunError, UnknownNameError
from dstan.evaluation import Comparison, compare
from dstan.reports.comparison_words import limits, probability, words
from dstan.reports.text import signed

CLASSES = ("a", "b")
Row = tuple[str, str, int, str, str]  # subject, clip, seed, truth, said


def write_run(
    folder: Path,
    methods: Mapping[str, Iterable[Row]],
    *,
    components: Sequence[str] = (),
    unfinished: Sequence[str] = (),
    classes: Sequence[str] = CLASSES,
    **info: Any,
) -> Path:
    """Write what a comparison reads of a run."""
    header = ["corpus", "subject", "clip_id", "fold", "seed", "y_true", "y_pred", *(f"p_{name}" for name in classes)]
    for method, rows in methods.items():
        (folder / method).mkdir(parents=True)
        with (folder / method / "predictions.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            for subject, clip, seed, truth, said in rows:
                writer.writerow(["toy", subject, clip, subject, seed, truth, said, *(0.5 for _ in classes)])
        (folder / method / "metrics.json").write_text("{}")
    asked = [*(name for name in methods if name not in components), *unfinished]
    about = {
        "synthetic": False,
        "task": "toy-2",
        "protocol": "loso",
        "classes": list(classes),
        "methods": {name: {"settings": {}, "components": []} for name in asked},
        "components": {name: {"settings": {}, "components": []} for name in components},
        **info,
    }
    (folder / "run.json").write_text(json.dumps(about))
    (folder / "skipped.csv").write_text("corpus,subject,clip_id,stage,reason\n")
    return folder


def rows(right: Mapping[str, int], *, clips: int = 10, seeds: int = 1, begin: int = 0) -> list[Row]:
    """Give each person ``clips`` clips of both classes in turn, the first so many of them right."""
    return [
        (subject, f"c{n}", seed, CLASSES[n % 2], CLASSES[n % 2 if n < hits else 1 - n % 2])
        for subject, hits in right.items()
        for seed in range(seeds)
        for n in range(begin, clips)
    ]


def people(*hits: int) -> dict[str, int]:
    return {f"s{n}": hit for n, hit in enumerate(hits)}


GOOD, POOR = people(9, 8, 9, 7, 8, 9, 10, 8), people(6, 6, 5, 5, 4, 6, 9, 4)


def only(comparison: Comparison) -> Any:
    (pair,) = comparison.pairs
    return pair


def test_a_worked_example_by_hand(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", {"good": rows(GOOD), "poor": rows(POOR)})
    found = compare(run)
    pair = only(found)
    assert (found.clips, found.people, found.classes) == (80, 8, CLASSES)
    assert found.methods[0].scores["accuracy"].value == pytest.approx(68 / 80)
    assert pair.differences["accuracy"].value == pytest.approx((68 - 45) / 80)
    # All eight people are above zero: 2 of 2 ** 8 ways. The good one alone has 23 clips right.
    assert (pair.wilcoxon.higher, pair.wilcoxon.lower, pair.wilcoxon.p) == (8, 0, 2 / 256)
    assert (pair.only_one, pair.only_other, pair.mcnemar) == (23, 0, 2 / 2**23)
    assert (pair.wilcoxon_holm, pair.mcnemar_holm) == (pair.wilcoxon.p, pair.mcnemar)
    assert pair.higher == {"uf1": "good", "accuracy": "good"}
    (said,) = words(found)
    assert said.startswith("good has a higher UF1 (+0.")
    assert "Wilcoxon over 8 people (p = 0.008) agrees" in said


def test_swapping_sides_flips_the_sign_and_keeps_p(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    sides = {name: rows(people(*rng.integers(0, 10, 9)), seeds=seeds) for name, seeds in (("x", 2), ("y", 1))}
    run = write_run(tmp_path / "run", sides)
    pair, back = only(compare(run / "x", run / "y")), only(compare(run / "y", run / "x"))
    assert (pair.one, pair.other) == (back.other, back.one) == ("x", "y")
    for score, gain in pair.differences.items():
        turned = back.differences[score]
        assert (gain.value, gain.low, gain.high) == pytest.approx((-turned.value, -turned.high, -turned.low), abs=1e-9)
    assert (pair.wilcoxon.p, pair.wilcoxon.lean) == (back.wilcoxon.p, -back.wilcoxon.lean)
    assert (pair.mcnemar, pair.only_one) == (back.mcnemar, back.only_other)
    assert pair.higher == back.higher


def test_a_method_against_itself_differs_by_nothing_and_is_never_called_equal(tmp_path: Path) -> None:
    one = write_run(tmp_path / "one", {"m": rows(GOOD)})
    other = write_run(tmp_path / "other", {"m": rows(GOOD)})
    found = compare(one, other)
    pair = only(found)
    assert [(gain.value, gain.low, gain.high) for gain in pair.differences.values()] == [(0, 0, 0)] * 2
    assert (pair.wilcoxon.p, pair.mcnemar) == (1, 1)
    assert pair.higher == {"uf1": None, "accuracy": None}
    (said,) = words(found)
    assert "cannot decide" in said
    assert "nothing to test (p = 1)" in said
    assert "equal" not in said


def test_clips_are_joined_by_name_and_not_by_place(tmp_path: Path) -> None:
    good, poor = rows(GOOD, seeds=2), rows(POOR, seeds=2)
    shuffled = [poor[n] for n in np.random.default_rng(0).permutation(len(poor))]
    ordered = compare(write_run(tmp_path / "one", {"good": good, "poor": poor}))
    mixed = compare(write_run(tmp_path / "two", {"good": good, "poor": shuffled}))
    assert mixed.pairs == ordered.pairs
    assert [one.scores for one in mixed.methods] == [one.scores for one in ordered.methods]


def test_of_several_seeds_more_than_half_must_be_right_or_wrong_for_a_clip_to_count(tmp_path: Path) -> None:
    def seeds(*right: bool) -> list[Row]:
        return [("s0", "c", seed, "a", "a" if hit else "b") for seed, hit in enumerate(right)]

    runs = {"wrong": seeds(False), "half": seeds(True, False), "most": seeds(True, True, False)}
    found = compare(write_run(tmp_path / "run", runs))
    alone = {(pair.one, pair.other): (pair.only_one, pair.only_other) for pair in found.pairs}
    assert alone == {("wrong", "half"): (0, 0), ("wrong", "most"): (0, 1), ("half", "most"): (0, 0)}
    assert [one.scores["accuracy"].value for one in found.methods] == pytest.approx([0, 1 / 2, 2 / 3])


def test_holm_is_over_all_pairs_and_for_each_test_by_itself(tmp_path: Path) -> None:
    fair = people(8, 7, 8, 7, 8, 7, 9, 6)
    found = compare(write_run(tmp_path / "run", {"good": rows(GOOD), "fair": rows(fair), "poor": rows(POOR)}))
    assert [(pair.one, pair.other) for pair in found.pairs] == [("good", "fair"), ("good", "poor"), ("fair", "poor")]
    for raw, adjusted in (("wilcoxon", "wilcoxon_holm"), ("mcnemar", "mcnemar_holm")):
        p = [getattr(pair, raw) for pair in found.pairs]
        values = [getattr(one, "p", one) for one in p]
        assert min(getattr(pair, adjusted) for pair in found.pairs) == pytest.approx(3 * min(values))
    assert "Holm p" in " ".join(words(found))
    assert any("corrected for 3 pairs; intervals are not" in text for text in limits(found))


def test_only_clips_in_common_count_and_the_others_are_counted_aloud(tmp_path: Path) -> None:
    one = write_run(tmp_path / "one", {"m": rows(GOOD)})
    other = write_run(tmp_path / "other", {"m": rows({**people(6, 6, 5), "stranger": 2}, begin=2)})
    found = compare(one, other)
    assert (found.clips, found.people) == (24, 3)
    assert found.methods[0].scores["accuracy"].value == pytest.approx((7 + 6 + 7) / 24)
    assert found.warnings == (
        "one/m: 56 of 80 clips were not predicted by all and do not count",
        "other/m: 8 of 32 clips were not predicted by all and do not count",
    )


def test_a_run_stands_for_what_it_was_asked_for_and_a_path_names_a_component(tmp_path: Path) -> None:
    methods = {"dstan": rows(GOOD), "stan-a": rows(POOR), "majority": rows(POOR)}
    run = write_run(tmp_path / "run", methods, components=["stan-a"], unfinished=["merta"])
    found = compare(run)
    assert [one.name for one in found.methods] == ["dstan", "majority"]
    assert found.warnings == (f"{run}: merta is not finished and is left out",)
    assert [one.name for one in compare(run, run / "stan-a", run / "dstan").methods] == ["dstan", "majority", "stan-a"]


def test_runs_of_one_name_are_told_apart_by_the_folders_above(tmp_path: Path) -> None:
    paths = [write_run(tmp_path / place / "run", {"m": rows(GOOD)}) for place in ("here", "there")]
    assert [one.name for one in compare(*paths).methods] == ["here/run/m", "there/run/m"]


def test_runs_made_in_other_ways_are_warned_of(tmp_path: Path) -> None:
    one = write_run(tmp_path / "one", {"m": rows(GOOD)}, synthetic=True)
    other = write_run(tmp_path / "other", {"m": rows(POOR)}, protocol="kfold-subject", task="toy-3")
    found = compare(one, other)
    assert not found.synthetic
    assert found.warnings == (
        "one/m and other/m are of different task: toy-2 and toy-3",
        "one/m and other/m are of different protocol: loso and kfold-subject",
        "the faces of one/m are drawn, and not those of all others",
    )
    assert compare(one, write_run(tmp_path / "drawn", {"m": rows(POOR)}, synthetic=True)).synthetic


@pytest.mark.parametrize("alone", ["run", "run/dstan"])
def test_one_method_alone_is_told_what_to_type(tmp_path: Path, alone: str) -> None:
    write_run(tmp_path / "run", {"dstan": rows(GOOD)})
    with pytest.raises(ConfigError, match=r"here is dstan.*dstan compare RUN/dstan RUN/stan-a"):
        compare(tmp_path / alone, tmp_path / "run")


def test_nothing_at_all_is_told_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="here is none"):
        compare()


def test_no_clip_in_common_is_an_error_that_shows_one_of_each(tmp_path: Path) -> None:
    one = write_run(tmp_path / "one", {"m": rows({"s0": 5})})
    other = write_run(tmp_path / "other", {"m": rows({"s9": 5})})
    with pytest.raises(RunError, match=r"no clip is in common: one/m has toy/s0/c0.*toy/s9/c0"):
        compare(one, other)


def test_another_truth_or_other_classes_are_errors_that_name_the_first(tmp_path: Path) -> None:
    one = write_run(tmp_path / "one", {"m": rows({"s0": 5})})
    turned = [(s, c, seed, "b" if c == "c4" else truth, said) for s, c, seed, truth, said in rows({"s0": 5})]
    with pytest.raises(RunError, match="the truth of toy/s0/c4 is 'a' in one/m and 'b' in other/m"):
        compare(one, write_run(tmp_path / "other", {"m": turned}))
    wide = write_run(tmp_path / "wide", {"m": rows({"s0": 5})}, classes=("a", "b", "c"))
    with pytest.raises(RunError, match="the classes differ: wide/m has 'c', one/m has not"):
        compare(one, wide)


def spoil(file: Path, change: Callable[[list[str]], list[str]]) -> None:
    file.write_text("\n".join(change(file.read_text().splitlines())) + "\n")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: [*lines, lines[1]], "s0/c0 does not have one prediction for each of 1 seeds"),
        (lambda lines: [lines[0], lines[1].replace(",a,", ",nonsense,", 1), *lines[2:]], "c0 is 'nonsense', which is"),
        (lambda lines: [lines[0].replace("y_pred", "said"), *lines[1:]], "no column y_pred"),
        (lambda lines: lines[:1], "holds no prediction"),
        (lambda lines: [*lines, lines[1].replace(",0,a,", ",1,b,")], "s0/c0 has two truths"),
        (lambda lines: [lines[0].replace("p_a", "q_a"), *lines[1:]], "the run is damaged: KeyError"),
    ],
)
def test_damaged_predictions_are_named(tmp_path: Path, change: Any, message: str) -> None:
    run = write_run(tmp_path / "run", {"good": rows(GOOD), "poor": rows(POOR)})
    spoil(run / "good" / "predictions.csv", change)
    with pytest.raises(RunError, match=message):
        compare(run)


def test_paths_that_lead_nowhere_are_named(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", {"good": rows(GOOD), "poor": rows(POOR)}, unfinished=["merta"])
    with pytest.raises(RunError, match=r"nowhere: there is no such folder\. Give the folder of a run"):
        compare(tmp_path / "nowhere")
    with pytest.raises(RunError, match="this is a file, not a folder"):
        compare(run / "run.json")
    with pytest.raises(RunError, match="neither a run nor a method"):
        compare(tmp_path)
    with pytest.raises(UnknownNameError, match=r"'god'.*Did you mean 'good'"):
        compare(run / "god", run)
    with pytest.raises(RunError, match="merta: this method is not finished"):
        compare(run / "merta", run)
    (run / "run.json").write_text("{")
    with pytest.raises(RunError, match=r"run\.json is damaged"):
        compare(run)


def test_a_claim_needs_both_the_interval_and_wilcoxon(tmp_path: Path) -> None:
    # One person with many clips decides the pooled accuracy; six of eight people lean a little the other way.
    heavy = [("s8", f"h{n}", 0, "a", "a") for n in range(60)]
    missed = [(s, c, seed, truth, "b") for s, c, seed, truth, _ in heavy]
    many = {"x": rows(people(4, 4, 4, 4, 4, 4, 4, 4)) + heavy, "y": rows(people(5, 5, 5, 5, 5, 5, 4, 4)) + missed}
    found = compare(write_run(tmp_path / "run", many))
    pair = only(found)
    assert pair.differences["accuracy"].value > 0 > pair.differences["accuracy"].low
    assert pair.mcnemar < 0.001
    assert pair.higher == {"uf1": None, "accuracy": None}
    (said,) = words(found)
    assert "cannot decide" in said
    assert "McNemar's test of clips (p < 0.001) by itself supports no claim about new people" in said


def test_words_turn_with_the_facts(tmp_path: Path) -> None:
    found = compare(write_run(tmp_path / "run", {"good": rows(GOOD), "poor": rows(POOR)}))
    pair = only(found)

    def said(**changes: Any) -> str:
        return words(replace(found, pairs=(replace(pair, **changes),)))[0]

    assert "In accuracy this comparison cannot decide" in said(higher={"uf1": "good", "accuracy": None})
    assert said(higher={"uf1": "poor", "accuracy": "poor"}).startswith("poor has a higher UF1 (\N{MINUS SIGN}0.")
    nobody = {"uf1": None, "accuracy": None}
    unsure = said(higher=nobody, wilcoxon_holm=0.2)
    assert "The difference in UF1 and accuracy is clear of zero, but Wilcoxon over 8 people" in unsure
    assert "does not reach 0.05" in unsure
    wide = {name: replace(gain, low=-0.1) for name, gain in pair.differences.items()}
    assert "zero lies in both intervals" in said(higher=nobody, differences=wide)
    assert "Zero lies in both intervals" in said(higher=nobody, differences=wide, wilcoxon_holm=0.2)
    turned = replace(pair.wilcoxon, lean=-pair.wilcoxon.lean)
    assert "point to different sides" in said(higher=nobody, wilcoxon=turned)


@pytest.mark.parametrize(
    ("hits", "seeds", "expected"),
    [
        (people(9, 8, 9), 1, "with fewer than 6 Wilcoxon cannot reach 0.05"),
        (GOOD, 1, "From 8 people intervals are rough"),
        (GOOD, 1, "One seed only: good, poor. The luck of training is not covered"),
        (GOOD, 3, "leaves it out at exactly half"),
    ],
)
def test_limits_are_said(tmp_path: Path, hits: dict[str, int], seeds: int, expected: str) -> None:
    less = {subject: max(0, hit - 2) for subject, hit in hits.items()}
    methods = {"good": rows(hits, seeds=seeds), "poor": rows(less, seeds=seeds)}
    found = compare(write_run(tmp_path / "run", methods))
    assert expected in " ".join(limits(found))
    assert ("One seed" in " ".join(limits(found))) == (seeds == 1)


@pytest.mark.parametrize(
    ("p", "text"),
    [(1.0, "1.00"), (0.123, "0.12"), (0.0312, "0.031"), (0.0004, "< 0.001"), (0.0499, "0.04990"), (0.0504, "0.05040")],
)
def test_a_p_value_is_never_rounded_onto_the_level(p: float, text: str) -> None:
    assert probability(p) == text


def test_a_difference_that_rounds_to_zero_keeps_its_side() -> None:
    assert [signed(value) for value in (0.0, -0.0, 0.0002, -0.0002, 0.12)] == [
        "0.000",
        "0.000",
        "+0.000",
        "\N{MINUS SIGN}0.000",
        "+0.120",
    ]
