"""One run a corpus for everything that sees what DSTAN sees."""

from pathlib import Path

import numpy as np
import pytest
from reproduce_fakes import write_run

from dstan.clips import PreparedClip
from dstan.errors import ConfigError, RunError, UnknownNameError
from dstan.recognizers import METHODS, Majority
from dstan.reproduce import targets
from dstan.reproduce.runs import make, read_measured, run_corpus
from dstan.reproduce.targets import TARGETS, check_track, choose, methods_for
from dstan.tasks import TASKS

CLASSES = TASKS["casme2-5"].classes
TINY = {"training": {"epochs": 1}, "network": {"channels": [2, 2, 2, 2, 4], "lstm_width": 2, "reduction": 2}}


def clips(frames: int = 2) -> list[PreparedClip]:
    rng = np.random.default_rng(0)
    return [
        PreparedClip.from_arrays(
            appearance=rng.uniform(0, 255, (frames, 32, 32)).astype(np.float32),
            flow=rng.normal(0, 1, (frames, 2, 32, 32)).astype(np.float32),
            label=CLASSES[number % 5],
            subject=f"s{number // 5}",
            clip_id=f"c{number}",
        )
        for number in range(15)
    ]


def test_all_means_every_table_and_figure_in_the_papers_order():
    assert [target.name for target in choose(["figure5", "all"])] == list(TARGETS)
    assert [target.number for target in choose(["figure5", "table1", "figure5"])] == ["Table 1", "Figure 5"]
    with pytest.raises(UnknownNameError, match="Did you mean 'table4'"):
        choose(["table1", "tabel4"])


def test_each_target_adds_only_the_methods_that_it_shows():
    names = methods_for(choose(["table1", "figure5", "figure6", "figure7"]), "casme2")
    assert names == ["dstan", "stan-a", "stmn-a", "majority"]
    assert methods_for(choose(["table2"]), "casme") == []
    assert "dstan-lhfn" in methods_for(choose(["table2"]), "casme2")


def test_a_compared_method_that_is_registered_is_run_on_the_track_that_is_wanted(monkeypatch):
    wanted = choose(["table4"])
    assert methods_for(wanted, "casme2") == [name for name in METHODS if name in (*wanted[0].methods, "majority")]
    monkeypatch.setattr(targets, "METHODS", {**METHODS, "cnn-lstm": Majority})
    common, paper, both = (methods_for(wanted, "casme2", track) for track in ("common", "paper", "both"))
    assert {"cnn-lstm", "lbp-top", "dstan", "majority"} <= set(common)
    assert {"cnn-lstm", "lbp-top-paper", "dstan", "majority"} <= set(paper)
    assert "lbp-top" not in paper
    assert set(both) == {*common, *paper}


def test_a_track_is_of_table_4_alone():
    assert methods_for(choose(["table1"]), "casme2", "both") == methods_for(choose(["table1"]), "casme2")
    check_track(choose(["all"]), "both")
    with pytest.raises(ConfigError, match="only table4"):
        check_track(choose(["table1"]), "paper")
    with pytest.raises(UnknownNameError, match="Did you mean 'paper'"):
        check_track(choose(["table4"]), "papers")


def test_a_run_is_shared_resumed_and_extended(tmp_path):
    seen: list[tuple[int, int]] = []
    options = {"seeds": 1, "workers": 0, "protocol": "loso"}
    run_corpus("casme2", clips(), ["stan-a", "majority"], tmp_path, TINY, **options)
    first = (tmp_path / "casme2" / "stan-a" / "folds" / "s0-seed0" / "fold.json").stat().st_mtime_ns

    def progress(stage: str, done: int, total: int, note: str = "") -> None:
        seen.append((done, total))

    run_corpus("casme2", clips(), ["dstan", "stan-a", "majority"], tmp_path, TINY, progress=progress, **options)
    assert (tmp_path / "casme2" / "stan-a" / "folds" / "s0-seed0" / "fold.json").stat().st_mtime_ns == first
    assert seen[0] == (6, 12)  # dstan and stmn-a are added, three folds each
    found = read_measured(tmp_path, "casme2")
    assert found is not None
    assert set(found.results) == {"dstan", "stan-a", "stmn-a", "majority"}
    with pytest.raises(RunError, match="epochs"):
        run_corpus("casme2", clips(), ["stan-a"], tmp_path, {**TINY, "training": {"epochs": 2}}, **options)


def test_a_method_with_a_recipe_of_its_own_has_a_run_of_its_own_on_either_track(tmp_path):
    run_corpus("casme2", clips(9), ["majority", "lbp-top", "lbp-top-paper"], tmp_path, {"svm": {"C": [1]}}, workers=0)
    names = ["casme2", "casme2-lbp-top", "casme2-lbp-top-paper"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    found = read_measured(tmp_path, "casme2")
    assert found is not None
    assert set(found.results) == {"majority", "lbp-top", "lbp-top-paper"}
    about = found.about["lbp-top-paper"]["methods"]["lbp-top-paper"]
    assert (about["fidelity"], about["track"]) == ("exact", "paper")


def test_a_size_and_a_number_of_frames_are_dstans_and_any_other_setting_is_everyones():
    changes = {"recipe": {"size": 64, "steps": 4, "landmarks": "truth"}, "svm": {"C": [1.0]}}
    own, stream, patterns, published = make(["stmn-a", "stlbp-ip", "fdm-paper"], changes)
    assert [(one.recipe.shape, one.recipe.steps) for one in (own, stream)] == [((64, 64), 4)] * 2
    assert [(one.recipe.shape, one.recipe.steps) for one in (patterns, published)] == [
        ((170, 140), 10),
        ((170, 140), 31),
    ]
    assert {one.recipe.landmarks for one in (own, stream, patterns, published)} == {"truth"}
    assert patterns.settings.to_dict()["svm"]["C"] == published.settings.to_dict()["svm"]["C"] == [1.0]


def test_a_setting_that_no_method_has_is_an_error():
    with pytest.raises(ConfigError, match="epoch"):
        make(["majority"], {"training": {"epoch": 3}})
    with pytest.raises(ConfigError, match="trainin"):
        make(["majority"], {"trainin": {"epochs": 3}})


def test_a_copy_of_a_run_beside_it_is_not_read(tmp_path):
    write_run(tmp_path, "casme2", people=4)
    write_run(tmp_path, "casme2", folder="casme2-backup", people=3)
    found = read_measured(tmp_path, "casme2")
    assert found is not None
    assert {info["input"]["subjects"] for info in found.about.values()} == {4}
    assert {one.predictions["subject"].nunique() for one in found.results.values()} == {4}


def test_a_run_of_another_task_or_corpus_is_refused(tmp_path):
    write_run(tmp_path, "casme2", task="casme2-objective")
    with pytest.raises(RunError, match="casme2: this run is of casme2, task casme2-objective, and not of casme2, task"):
        read_measured(tmp_path, "casme2")
    write_run(tmp_path, "casme2", folder="casme")
    with pytest.raises(RunError, match="this run is of casme2, task casme2-5, and not of casme, task casme-4"):
        read_measured(tmp_path, "casme")


def test_a_damaged_run_is_an_error_and_one_that_has_only_begun_is_none(tmp_path):
    place = write_run(tmp_path, "casme2")
    (place / "run.json").write_text("{")
    with pytest.raises(RunError, match="damaged"):
        read_measured(tmp_path, "casme2")
    for path in place.glob("*/metrics.json"):
        path.unlink()
    assert read_measured(tmp_path, "casme2") is None


def test_nothing_measured_is_nothing(tmp_path: Path):
    assert read_measured(tmp_path, "casme") is None
    write_run(tmp_path, "casme2")
    assert read_measured(tmp_path, "casme") is None  # casme2 is another corpus
