"""`dstan bench scaling`: what it measures once, what it makes of the numbers, and that it goes on."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from typer.testing import CliRunner

from dstan.bench import scaling
from dstan.bench.scaling import DOCUMENT, PAGE, REDUCED, Cluster, Size, bench_scaling
from dstan.bench.scaling.corpus import grow, table
from dstan.bench.scaling.paper import Rates, cost_rows, limit_rows, storage_rows
from dstan.bench.scaling.plan import PARTS, Trial, plan
from dstan.bench.scaling.tables import power, worker_rows
from dstan.bench.scaling.trials import TRIALS, evaluate, lists, prepare, tasks
from dstan.bench.scaling.watch import Clock, most_of, watched
from dstan.cli import app
from dstan.corpora import load_corpus
from dstan.errors import ConfigError, RunError, UnknownNameError
from dstan.synthesis import synthesize

RATES = Rates(
    prepare=0.5,
    epoch=0.2,
    frames=60,
    frame_bytes=4e6,
    aligned_bytes=6e6,
    prepared_bytes=5e6,
    memory_bytes=5e6,
    task=0.005,
    load=4e-4,
    again=6e-4,
    clip_set=0.0,
    list_bytes=8e3,
    inputs_bytes=2e3,
    inputs_write=1e-4,
    inputs_read=2e-4,
    fold=1e-6,
    fold_memory=8.0,
    fold_bytes=3.0,
    count=1e-5,
    count_power=1.0,
    intervals=1e-4,
)


def numbers(trial: Trial) -> dict[str, float]:
    """Return what a trial might have found: numbers that grow with its size."""
    n = float(next((value for value in trial.how.values() if isinstance(value, int)), 1))
    names = {
        **dict.fromkeys(("seconds", "first", "each", "after", "folds", "own_MB", "worker_MB"), n),
        **dict.fromkeys(("load", "again", "inputs_bytes", "inputs_write", "inputs_read"), 1e-3),
        **dict.fromkeys(("clip_set", "folds", "fold_bytes", "fold_memory", "count", "intervals"), n),
        **dict.fromkeys(("prepare", "epoch", "frames", "frame_bytes", "memory_bytes"), 2.0),
        **dict.fromkeys(("aligned_bytes", "prepared_bytes"), 3e6),
    }
    return names


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[Trial]:
    """Let every trial find something at once; keep which were done."""
    trials: list[Trial] = []

    def find(trial: Trial, out: Path) -> dict[str, float]:
        trials.append(trial)
        return numbers(trial)

    monkeypatch.setattr(scaling, "_lay_out", lambda *_: None)
    monkeypatch.setattr(scaling, "_run", find)
    return trials


def test_everything_is_written_and_nothing_is_measured_twice(done: list[Trial], tmp_path: Path) -> None:
    measured = bench_scaling(tmp_path, size=REDUCED)
    assert {trial.part for trial in done} == set(PARTS) == set(TRIALS)
    names = [one.name for one in measured.tables]
    assert names == [
        *("clips", "workers", "subjects", "powers", "tasks", "lists"),
        *("figures", "storage", "cost", "limits"),
    ]
    document = json.loads((tmp_path / DOCUMENT).read_text())
    assert [one["name"] for one in document["tables"]] == names
    assert document["size"]["clips"] == list(REDUCED.clips)
    text = (tmp_path / PAGE).read_text()
    assert all(f"**{name}**" in text for name in names)
    assert "| 40 |" in text
    shown = " ".join(ElementTree.parse(tmp_path / "growth.svg").getroot().itertext())
    assert "Leave one subject out" in shown
    assert "$" not in shown
    done.clear()
    bench_scaling(tmp_path, size=REDUCED)
    assert done == []
    bench_scaling(tmp_path, size=replace(REDUCED, clips=(10, 20)))
    assert done == []
    bench_scaling(tmp_path, size=replace(REDUCED, clips_each=4))
    assert {trial.part for trial in done} == {"evaluate", "subjects"}


def test_a_bench_that_was_stopped_goes_on(done: list[Trial], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = scaling._run

    def until_the_third(trial: Trial, out: Path) -> dict[str, float]:
        if len(done) == 3:
            raise RunError("the trial failed: no room", where=trial)
        return find(trial, out)

    monkeypatch.setattr(scaling, "_run", until_the_third)
    with pytest.raises(RunError, match="prepare, 1-0: the trial failed"):
        bench_scaling(tmp_path, size=REDUCED)
    monkeypatch.setattr(scaling, "_run", find)
    bench_scaling(tmp_path, size=REDUCED)
    assert done == list(plan(REDUCED))


def test_one_part_alone_has_its_table_and_no_calculation(done: list[Trial], tmp_path: Path) -> None:
    measured = bench_scaling(tmp_path, size=REDUCED, parts=["tasks"])
    assert [one.name for one in measured.tables] == ["tasks"]
    with pytest.raises(UnknownNameError, match="task"):
        bench_scaling(tmp_path, size=REDUCED, parts=["task"])
    with pytest.raises(ConfigError, match="price"):
        bench_scaling(tmp_path, size=REDUCED, price=0)


def test_a_trial_that_fails_says_why_and_which(tmp_path: Path) -> None:
    trial = Trial("tasks", "0-7", {"count": 1, "workers": -1})
    with pytest.raises(RunError, match=r"tasks, 0-7: the trial failed: .*workers must be 0 or more"):
        scaling._run(trial, tmp_path)


def test_trials_have_names_of_their_own_and_one_and_two_processes_take_turns() -> None:
    for size in (Size(), REDUCED):
        trials = plan(size)
        assert len({(trial.part, trial.name) for trial in trials}) == len(trials)
        turns = [trial.how["workers"] for trial in trials if trial.part == "prepare"]
        assert turns == [1, 2] * size.pairs


def test_efficiency_is_one_where_two_processes_take_half_as_long() -> None:
    size = replace(REDUCED, pairs=1)

    def found(workers: float) -> dict[str, float]:
        return {"seconds": 10 + 100 / workers, "each": 1 / workers, "first": 3.0}

    by = {f"{w}-0": found(w) for w in (1, 2)}
    evaluations = {f"{name}-{key}": one for name in ("lbp-top", "dstan") for key, one in by.items()}
    rows = worker_rows({"prepare": by, "evaluate": evaluations}, size)
    assert [row["efficiency, once running"] for row in rows] == [1.0] * 3
    assert rows[0]["efficiency"] == pytest.approx(110 / 120)
    assert rows[0]["ratio"] == pytest.approx(110 / 60)


def test_a_power_is_found_again() -> None:
    x = np.array([5.0, 10, 50, 100])
    factor, slope = power(x.tolist(), (3 * x**1.7).tolist())
    assert (factor, slope) == (pytest.approx(3), pytest.approx(1.7))


def test_what_is_calculated_follows_from_what_was_measured() -> None:
    cluster = Cluster(clips=1000, people=100, nodes=2, cores=5, price=0.1, folds=5, epochs=10)
    prepare, epoch, folds, loso = cost_rows(RATES, cluster)
    assert prepare["core hours"] == pytest.approx(1000 * 0.5 / 3600)
    assert prepare["hours on the cluster"] == pytest.approx(50 / 3600)
    assert prepare["GB/s of storage"] == pytest.approx(15e6 * 1000 / 1e9 / 50)
    assert prepare["dollars"] == pytest.approx(50 / 3600)
    assert epoch["core hours"] == pytest.approx(200 / 3600)
    assert folds["core hours"] == pytest.approx(4 * 10 * 200 / 3600)
    assert loso["core hours"] == pytest.approx(99 * 10 * 200 / 3600)
    frames, aligned, prepared = storage_rows(RATES, cluster)
    assert (frames["TB"], frames["million files"]) == (pytest.approx(0.004), pytest.approx(0.06))
    assert (aligned["TB"], prepared["TB"]) == (pytest.approx(0.006), pytest.approx(0.005))


def test_limits_are_met_where_they_are_said_to_be_and_the_first_comes_first() -> None:
    cluster = Cluster()
    rows = {str(row["limit"]): float(row["met at clips"]) for row in limit_rows(RATES, cluster)}
    met = list(rows.values())
    assert met == sorted(met)
    (memory,) = (clips for limit, clips in rows.items() if "holds all its clips" in limit)
    assert memory * 0.8 * RATES.memory_bytes == pytest.approx(128 * 2**30)
    (loso,) = (clips for limit, clips in rows.items() if "lists every clip" in limit)
    assert loso * (loso / 100) * RATES.fold_memory == pytest.approx(64 * 2**30)
    (folds,) = (clips for limit, clips in rows.items() if "makes its folds" in limit)
    assert folds * (folds / 100) * RATES.fold == pytest.approx(3600)
    (one_by_one,) = (clips for limit, clips in rows.items() if "one by one" in limit)
    assert one_by_one * 1e-3 == pytest.approx(3600)
    (scheduler,) = (limit for limit in rows if "scheduler" in limit)
    assert "100 cores" in scheduler
    assert rows[scheduler] == 0
    small = {str(row["limit"]): row["met at clips"] for row in limit_rows(RATES, replace(cluster, nodes=1))}
    assert small[scheduler] == float("inf")
    assert asdict(cluster)["clips"] == 10**6


def test_a_clock_leaves_out_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, *(10.0 + n for n in range(20))])
    monkeypatch.setattr(time, "perf_counter", lambda: next(now))
    clock = Clock("work")
    clock("work", 0, 20)
    for done in range(1, 21):
        clock("other", done, 20)
        clock("work", done, 20)
    assert (clock.first, clock.seconds, clock.each) == (10.0, 29.0, 1.0)


def test_memory_is_that_of_this_process_and_of_its_children() -> None:
    with watched(0.05) as memory:
        kept = bytearray(60_000_000)
        list(scaling.trials.run_tasks(len, [b"1"], workers=1))
    assert len(kept)
    assert memory.own == pytest.approx(most_of(os.getpid()), rel=0.1)
    assert 20 < memory.worker < memory.own + 500
    assert most_of(2**30) == 0


def test_a_corpus_of_any_size_is_made_of_a_few_drawn_clips_and_prepared(tmp_path: Path) -> None:
    synthesize("casme2", tmp_path / "drawn", subjects=1, clips=1, size=(160, 120), workers=0)
    grow(tmp_path / "grown", tmp_path / "drawn", 6)
    clips = load_corpus("folder", table(tmp_path / "grown", 5))
    assert len(clips) == 5
    assert len(clips.subjects) == 5
    (drawn,) = load_corpus("casme2", tmp_path / "drawn", task="")
    assert [len(clip.files) for clip in clips] == [len(drawn.files)] * 5
    assert (clips[4].path / clips[4].files[0]).samefile(drawn.path / drawn.files[0])
    found = prepare(tmp_path, clips=5, workers=0)
    assert found["prepared_bytes"] > 400_000
    assert 0 < found["again"] < found["seconds"]
    assert {path.name for path in tmp_path.iterdir()} == {"drawn", "grown"}


def test_small_trials_find_numbers(tmp_path: Path) -> None:
    found: dict[str, Any] = evaluate(tmp_path, method="majority", subjects=4, each=3, workers=0)
    assert found["folds"] == 4
    assert found["seconds"] > found["first"] > 0
    empty = tasks(tmp_path, count=20, workers=0)
    assert 0 < empty["each"] < empty["seconds"]
    listed = lists(tmp_path, people=10, each=3)
    assert listed["fold_memory"] > 8 * 27
    assert min(listed.values()) > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["scaling"], "Add --out"),
        (["scaling", "--out", "x", "--seeds", "2"], "scaling takes --out"),
        (["training", "--reduced"], "options of scaling"),
        (["spotting", "--price", "1"], "options of scaling"),
    ],
)
def test_options_of_other_benches_are_refused(arguments: list[str], words: str) -> None:
    result = CliRunner().invoke(app, ["bench", *arguments])
    assert result.exit_code == 2
    assert words in result.output


def test_the_command_shows_the_tables_and_says_where_they_are(done: list[Trial], tmp_path: Path) -> None:
    arguments = ["bench", "scaling", "--out", str(tmp_path), "--reduced", "--price", "0.1"]
    result = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    assert "what breaks, the first first" in result.output
    assert "0.1 dollars a core hour" in result.output
    assert PAGE in result.output
    said = CliRunner().invoke(app, [*arguments, "--json"])
    assert json.loads(said.stdout)["bench"] == "scaling"
