"""Which runs an ablation makes, what it concludes from them, and the page that it writes."""

from __future__ import annotations

import csv
import dataclasses
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dstan.clips import PreparedClip
from dstan.config import Settings
from dstan.errors import ConfigError, RunError, UnknownNameError
from dstan.evaluation import load_run
from dstan.evaluation.statistics import Interval
from dstan.networks.streams import StreamSettings
from dstan.recognizers import DSTANSettings
from dstan.reproduce import ablation_results, ablations
from dstan.reproduce.ablation_page import Setup, write_pages
from dstan.reproduce.ablation_results import Comparison, Scores, find, joint_intervals
from dstan.reproduce.ablation_words import sentences, words
from dstan.reproduce.ablations import CHOICES, Ablation, Variant, ablate, plan, value_of
from dstan.training import TrainingSettings

TINY = DSTANSettings(
    network=StreamSettings(channels=(2, 2, 2, 2, 4), reduction=2, lstm_width=4), training=TrainingSettings(epochs=2)
)
ONLY = ("pairs", "standardise", "epochs")
SETUP = Setup("dstan ablate --corpus casme2", subjects_found=9)


def tiny_clips(people: int = 4) -> list[PreparedClip]:
    rng = np.random.default_rng(0)
    return [
        PreparedClip.from_arrays(
            appearance=rng.uniform(0, 255, (2, 32, 32)).astype(np.float32),
            flow=rng.normal(index, 1, (2, 2, 32, 32)).astype(np.float32),
            label=("joy", "anger")[index],
            subject=f"s{person}",
            clip_id=f"c{index}",
        )
        for person in range(people)
        for index in range(2)
    ]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ablation, Path, list[str]]:
    """Make a real, tiny ablation, and note which runs were finished when."""
    out, stages = tmp_path_factory.mktemp("ablation"), []
    found = ablate(
        tiny_clips(),
        TINY,
        out,
        only=ONLY,
        seeds=2,
        workers=0,
        protocol="loso",
        on_run=lambda so_far: stages.append(" ".join(variant.name for variant, _ in so_far.found)),
    )
    return found, out, stages


def test_every_choice_changes_exactly_the_setting_that_it_names() -> None:
    base = DSTANSettings()
    variants = plan(base)
    assert {variant.choice.name for variant in variants} == {choice.name for choice in CHOICES}
    assert len({variant.name for variant in variants}) == len(variants)
    for variant in variants:
        name = variant.choice.setting
        assert value_of(variant.settings, name) == variant.after != variant.before == value_of(base, name)
        assert differing(base, variant.settings) == [name]


def differing(one: Settings, other: Settings, prefix: str = "") -> list[str]:
    found = []
    for field in dataclasses.fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, Settings):
            found += differing(a, b, f"{prefix}{field.name}.")
        elif a != b:
            found.append(prefix + field.name)
    return found


def test_a_value_that_the_base_has_already_is_not_tried_again() -> None:
    base = DSTANSettings().replaced({"network": {"lstm_width": 64}, "recipe": {"pairs": "onset"}, "flow_strain": True})
    after = {variant.name: variant.after for variant in plan(base, ["lstm", "pairs", "strain"])}
    assert after == {"pairs-adjacent": "adjacent", "strain-off": False, "lstm-128": 128, "lstm-256": 256}


def test_half_and_double_are_of_the_base() -> None:
    assert {variant.name: variant.after for variant in plan(TINY, ["width", "epochs"])} == {
        "width-half": (1, 1, 1, 1, 2),
        "width-double": (4, 4, 4, 4, 8),
        "epochs-half": 1,
        "epochs-double": 4,
    }


def test_an_unknown_choice_and_epochs_without_a_number_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="'pair'"):
        plan(TINY, ["pair"])
    inner = TINY.replaced({"training": {"epochs": "inner"}})
    with pytest.raises(ConfigError, match=r"half and double of 'inner'.*--only"):
        plan(inner)
    assert plan(inner, ["pairs"])


def test_the_base_comes_first_and_quick_changes_before_slow_ones(done: tuple[Ablation, Path, list[str]]) -> None:
    assert done[2] == [
        "standardise-off",
        "standardise-off pairs-onset",
        "standardise-off pairs-onset epochs-half",
        "standardise-off pairs-onset epochs-half epochs-double",
    ]
    assert done[0].missing == ()


def test_runs_are_ordinary_ones_and_what_changes_only_the_svm_shares_fits(
    done: tuple[Ablation, Path, list[str]],
) -> None:
    out = done[1]
    assert sorted(folder.name for folder in out.iterdir()) == ["base", "epochs-double", "epochs-half", "pairs-onset"]
    assert set(load_run(out / "base").results) == {"stan-a", "stmn-a", "dstan", "dstan-standardise-off"}
    assert set(load_run(out / "pairs-onset").results) == {"stmn-a"}
    assert set(load_run(out / "epochs-half").results) == {"stan-a", "stmn-a", "dstan"}


def test_a_second_call_fits_nothing(
    done: tuple[Ablation, Path, list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("dstan.evaluation.folds.save_model", lambda *_: pytest.fail("a fold was fitted again"))
    again = ablate(tiny_clips(), TINY, done[1], only=ONLY, seeds=2, workers=0, protocol="loso")
    assert again.seconds == done[0].seconds > 0
    assert find(again) == find(done[0])


def test_one_failed_variant_does_not_keep_the_others_from_being_measured(
    done: tuple[Ablation, Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    original, seen = ablations.evaluate, []

    def failing(methods: object, clips: object, *, out: Path, **options: object) -> object:
        if out.name == "pairs-onset":
            raise RunError("3 folds failed", where="stmn-a", hint="Try again")
        return original(methods, clips, out=out, **options)

    monkeypatch.setattr(ablations, "evaluate", failing)
    with pytest.raises(RunError, match=r"1 of 5 runs failed \(pairs-onset\); pairs-onset with: 3 folds failed"):
        ablate(tiny_clips(), TINY, done[1], only=ONLY, seeds=2, workers=0, protocol="loso", on_run=seen.append)
    assert [variant.name for variant in seen[-1].missing] == ["pairs-onset"]
    assert "Not measured yet: pairs-onset." in sentences(find(seen[-1]), seen[-1].missing)


def test_every_variant_is_compared_with_the_same_method_of_the_base(done: tuple[Ablation, Path, list[str]]) -> None:
    found = find(done[0])
    assert [(one.variant.name, one.scores.method) for one in found.comparisons] == [
        ("pairs-onset", "stmn-a"),
        ("standardise-off", "dstan"),
        *((f"epochs-{word}", method) for word in ("half", "double") for method in ("stan-a", "stmn-a", "dstan")),
    ]
    for one in found.comparisons:
        base = found.base[one.scores.method]
        assert one.difference.value == pytest.approx(one.scores.uf1.value - base.uf1.value)
        assert one.together.value == pytest.approx(one.difference.value)
    assert (found.clips, found.subjects, found.dropped) == (8, 4, 0)
    assert found.guess == pytest.approx(1 / 3)  # all "joy": F1 of 2/3 and 0


def test_only_clips_that_all_runs_have_are_scored(done: tuple[Ablation, Path, list[str]]) -> None:
    ablation = done[0]
    variant, results = ablation.found[1]
    rows = results["stmn-a"].predictions
    fewer = dataclasses.replace(results["stmn-a"], predictions=rows[rows["clip_id"] + rows["subject"] != "c0s0"])
    found = find(dataclasses.replace(ablation, found=((variant, {"stmn-a": fewer}),)))
    assert (found.clips, found.subjects, found.dropped) == (7, 4, 1)
    assert found.guess == pytest.approx(4 / 11)  # all "anger", 4 of 7: F1 of 8/11 and 0


def test_joint_intervals_leave_out_the_truth_of_none_in_95_of_100_draws() -> None:
    rng = np.random.default_rng(1)
    shared = rng.normal(size=(1, 4001))
    draws = np.concatenate([np.zeros((20, 1)), rng.normal(size=(20, 4000)) + shared[:, 1:]], axis=1)
    found = joint_intervals(list(draws))
    inside = np.all([(one.low <= row[1:]) & (row[1:] <= one.high) for one, row in zip(found, draws, strict=True)], 0)
    assert inside.mean() == pytest.approx(0.95, abs=0.002)
    alone = joint_intervals([draws[0]])[0]
    assert found[0].high > 1.2 * alone.high


def test_a_variant_that_changes_no_prediction_has_an_interval_of_no_width() -> None:
    rng = np.random.default_rng(0)
    still, moving = joint_intervals([np.zeros(101), rng.normal(size=101)])
    assert still == Interval(0.0, 0.0, 0.0)
    assert moving.low < moving.value < moving.high
    assert joint_intervals([]) == []


@pytest.mark.parametrize(
    ("low", "high", "same_sign", "verdict"),
    [
        (0.01, 0.09, 3, "helps"),
        (0.01, 0.09, 2, "not decided"),
        (-0.01, 0.11, 3, "not decided"),
        (-0.09, -0.01, 3, "harms"),
        (0.0, 0.0, 0, "not decided"),
    ],
)
def test_a_change_is_decided_where_zero_is_outside_and_all_seeds_agree(
    low: float, high: float, same_sign: int, verdict: str
) -> None:
    assert comparison(low, high, same_sign).verdict == verdict


def test_with_few_people_nothing_is_decided() -> None:
    few = comparison(0.01, 0.09, subjects=9)
    assert few.verdict == "not decided"
    said = sentences(ablation_results.Findings({}, (few,), 0.1, 20, 9, 0))
    assert "With fewer than 10 people nothing is called decided; here there are 9." in said


def test_a_base_that_has_learned_nothing_is_named() -> None:
    every = (comparison(0.01, 0.09),)
    base = {"stmn-a": every[0].scores, "dstan": dataclasses.replace(every[0].scores, uf1=Interval(0.1, 0.05, 0.2))}
    said = " ".join(sentences(ablation_results.Findings(base, every, 0.1, 20, 10, 0)))
    assert "The base of dstan is not shown to be above that" in said


def comparison(
    low: float, high: float, same_sign: int = 3, name: str = "pairs-onset", subjects: int = 10
) -> Comparison:
    choice = next(choice for choice in CHOICES if name.startswith(choice.name))
    middle = Interval((low + high) / 2, low, high)
    scores = Scores("stmn-a", Interval(0.5, 0.4, 0.6), 0.01, Interval(0.6, 0.5, 0.7), 0.01)
    variant = Variant(choice, name, "adjacent", "onset", TINY)
    return Comparison(variant, scores, middle, middle, same_sign, 3, subjects)


def test_sentences_say_what_was_decided_and_what_could_have_been_missed() -> None:
    every = (comparison(0.01, 0.09), comparison(-0.2, 0.1, name="strain-on"))
    said = " ".join(sentences(ablation_results.Findings({}, every, 0.1, 20, 10, 0)))
    assert "2 comparisons were made, and 1 of them decided." in said
    assert "recipe.pairs = onset helps stmn-a: +0.050 [+0.010, +0.090] in UF1." in said
    assert "Not decided (1): strain-on." in said
    assert "differences of up to 0.200 in UF1" in said
    nothing = " ".join(sentences(ablation_results.Findings({}, every[1:], 0.1, 20, 10, 0)))
    assert "One comparison was made, and it is not decided." in nothing


def test_values_are_written_as_in_toml() -> None:
    assert [words(value) for value in (True, (8, 16), 0.05, "onset")] == ["true", "[8, 16]", "0.05", "onset"]


def test_the_page_tells_what_was_reduced_and_how_to_repeat_it(
    done: tuple[Ablation, Path, list[str]], tmp_path: Path
) -> None:
    files = write_pages(done[0], SETUP, tmp_path / "out", tmp_path / "docs" / "changes.md")
    page = files["page"].read_text(encoding="utf-8")
    assert page.startswith("# What the silent choices do\n")
    for text in ("training.epochs 2 instead of 60", "the first 4 of 9 people", "fewer than three seeds", SETUP.command):
        assert text in page
    assert "network.channels 2, 2, 2, 2, 4 (default 16, 32, 64, 128, 256)" in page
    assert "| Which frames does the flow compare? `recipe.pairs` | adjacent → onset | stmn-a |" in page
    assert "](images/changes.png)" in page
    assert Image.open(tmp_path / "docs" / "images" / "changes.png").width > 600
    assert (tmp_path / "out" / "ablations.md").read_text(encoding="utf-8") == page.replace(
        "changes.png", "ablations.png"
    )
    rows = list(csv.DictReader(files["csv"].open(encoding="utf-8")))
    assert len(rows) == len(find(done[0]).comparisons)
    assert float(rows[0]["joint_low"]) <= float(rows[0]["difference"]) <= float(rows[0]["joint_high"])


def test_drawn_faces_are_called_synthetic_in_title_and_plot(
    done: tuple[Ablation, Path, list[str]], tmp_path: Path
) -> None:
    drawn = dataclasses.replace(done[0], info={**done[0].info, "synthetic": True})
    files = write_pages(drawn, SETUP, tmp_path)
    assert files["page"].read_text(encoding="utf-8").startswith("# What the silent choices do (SYNTHETIC)\n")
    assert "SYNTHETIC faces" in files["svg"].read_text(encoding="utf-8")
    plain = write_pages(done[0], SETUP, tmp_path)
    assert "SYNTHETIC" not in plain["page"].read_text(encoding="utf-8") + plain["svg"].read_text(encoding="utf-8")


def test_a_page_can_be_written_when_only_the_base_is_finished(
    done: tuple[Ablation, Path, list[str]], tmp_path: Path
) -> None:
    begun = dataclasses.replace(done[0], found=())
    page = write_pages(begun, SETUP, tmp_path)["page"].read_text(encoding="utf-8")
    assert "Only the base is finished" in page
    assert "Not measured yet: pairs-onset, standardise-off, epochs-half, epochs-double." in page


def test_what_concerns_all_networks_can_be_measured_on_the_motion_stream_alone() -> None:
    everything, motion = plan(DSTANSettings()), plan(DSTANSettings(), motion_only=True)
    assert [variant.name for variant in motion] == [variant.name for variant in everything]
    assert {variant.choice.methods for variant in motion} == {("stmn-a",), ("dstan",)}
    assert ("stan-a", "stmn-a", "dstan") in {variant.choice.methods for variant in everything}


def test_the_page_says_what_was_measured_on_the_motion_stream_alone(
    done: tuple[Ablation, Path, list[str]], tmp_path: Path
) -> None:
    words = "what concerns all networks measured on the motion stream alone"
    alone = replace(done[0], variants=plan(done[0].settings, ["mirror"], motion_only=True))
    pages = [write_pages(one, SETUP, tmp_path / name)["page"] for name, one in (("all", done[0]), ("alone", alone))]
    assert [words in page.read_text(encoding="utf-8") for page in pages] == [False, True]
