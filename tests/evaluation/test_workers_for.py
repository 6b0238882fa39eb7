"""A GPU is shared by as many folds as it has room for."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from evaluation_fakes import Nearest, make_clips

from dstan.evaluation.folds import FoldTask
from dstan.evaluation.inputs import keep_inputs, load_inputs
from dstan.evaluation.plan import engine_for, workers_for
from dstan.recognizers import Recognizer, recognizer
from dstan.splits import Fold
from dstan.training.memory import CONTEXT

TINY = {"network": {"channels": [4, 4, 4, 4, 4], "lstm_width": 4}}


def _task(folder: Path, made: Recognizer, device: str) -> FoldTask:
    inputs = keep_inputs(make_clips(size=32), None, folder / "clips")
    inputs.write(folder / "inputs.json")
    fold = Fold("s0", tuple(range(3, 15)), (0, 1, 2))
    source = (folder / "inputs.json", inputs.digest, inputs.key(made.recipe))
    return FoldTask(made, fold, 0, inputs.clips.classes, device, folder, source)


@pytest.mark.parametrize(("asked", "free", "expected"), [(8, 5.5, 4), (3, 5.5, 3), (8, 100.0, 8)])
def test_no_more_than_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: int, free: float, expected: int
) -> None:
    task = _task(tmp_path, recognizer("stmn-a", TINY), "cuda")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (int(free * CONTEXT), 0))
    assert workers_for([task], asked) == expected


def test_on_a_cpu_it_is_what_was_asked_for(tmp_path: Path) -> None:
    task = _task(tmp_path, recognizer("stmn-a", TINY), "cpu")
    assert [workers_for([task], asked) for asked in (0, 5)] == [0, 5]


@pytest.mark.parametrize(("free", "expected"), [(2.5, 2), (0.1, 1), (100.0, 8)])
def test_where_nothing_was_asked_for_memory_counts(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    free: float,
    expected: int,
) -> None:
    task = _task(tmp_path, recognizer("stmn-a", TINY), "cpu")
    monkeypatch.setattr("dstan.evaluation.plan.usable_cores", lambda: 8)
    monkeypatch.setattr("dstan.training.memory._free", lambda device: int(free * CONTEXT))
    assert workers_for([task], None) == expected
    assert ("where 8 could run" in caplog.text) == (expected < 8)


def test_what_uses_no_gpu_is_not_held_back_by_it(tmp_path: Path) -> None:
    assert workers_for([_task(tmp_path, Nearest(), "cuda")], 1) == 1


def test_a_cluster_has_workers_of_its_own_with_enough_memory_of_a_gpu(tmp_path: Path) -> None:
    task = _task(tmp_path, recognizer("stmn-a", TINY), "cuda")
    engines = [
        engine_for([one], workers=None, cluster="tcp://127.0.0.1:8786", task_limit=None)
        for one in (task, replace(task, device="cpu"), _task(tmp_path, Nearest(), "cuda"))
    ]
    need = task.recognizer.memory(load_inputs(*task.inputs)[0], len(task.fold.train), "cuda")
    assert [engine.resources for engine in engines] == [{"gpu_memory": float(need)}, {}, {}]
