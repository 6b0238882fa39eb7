import errno
import json
import logging
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_fakes import CLASSES, Joined, Nearest, make_clips

from dstan.clips import PreparedClip
from dstan.errors import ConfigError, CorpusError, RunError
from dstan.evaluation import Result, evaluate, load_run
from dstan.evaluation.continuing import alone_in
from dstan.evaluation.folds import FoldTask, run_fold
from dstan.metrics import confusion_matrix, scores
from dstan.recognizers import Majority, Recognizer, model_files


def _bytes(run: Path, method: str = "nearest") -> bytes:
    return (run / method / "predictions.csv").read_bytes()


def test_every_clip_is_predicted_once_by_a_model_that_never_saw_its_subject(tmp_path: Path) -> None:
    clips = make_clips()
    result = evaluate(Nearest(), clips, classes=CLASSES, out=tmp_path / "run", workers=0)
    assert isinstance(result, Result)
    table = result.predictions
    assert list(table.columns) == [
        *("corpus", "subject", "clip_id", "fold", "seed", "y_true", "y_pred"),
        *("p_happiness", "p_disgust", "p_others"),
    ]
    assert sorted(zip(table["subject"], table["clip_id"], table["y_true"], strict=True)) == sorted(
        (clip.clip.subject, clip.clip.clip_id, clip.label) for clip in clips
    )
    assert (table["fold"] == table["subject"]).all()
    assert np.allclose(table[["p_happiness", "p_disgust", "p_others"]].sum(axis=1), 1)
    assert {fold["train"] for fold in result.folds} == {12}
    assert result.scores == scores(result.confusion)
    assert all(low <= result.scores[name] <= high for name, (low, high) in result.intervals.items())


def test_workers_and_order_of_clips_do_not_matter(tmp_path: Path) -> None:
    clips = make_clips()
    for workers in (0, 1, 2):
        evaluate([Nearest(), Joined("joined")], clips, out=tmp_path / str(workers), workers=workers, seeds=2)
    for method in ("nearest", "part", "joined"):
        assert _bytes(tmp_path / "0", method) == _bytes(tmp_path / "1", method) == _bytes(tmp_path / "2", method)
    shuffled = [clips[i] for i in np.random.default_rng(0).permutation(len(clips))]
    evaluate(Nearest(), shuffled, out=tmp_path / "shuffled", workers=0, seeds=2)
    rows = [sorted(_bytes(tmp_path / name).splitlines()) for name in ("0", "shuffled")]
    assert [row[:30] for row in rows[0]] == [row[:30] for row in rows[1]]


def test_killed_at_any_moment_the_same_command_goes_on(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from pathlib import Path\n"
        "from evaluation_fakes import Joined, Nearest, make_clips\n"
        "from dstan.evaluation import evaluate\n"
        "evaluate([Nearest(pause=0.05), Joined('joined')], make_clips(), out=Path(sys.argv[1]), workers=0, seeds=2)\n"
    )
    evaluate([Nearest(), Joined("joined")], make_clips(), out=tmp_path / "whole", workers=0, seeds=2)
    run = tmp_path / "killed"
    for wanted in (2, 7):
        process = subprocess.Popen([sys.executable, str(script), str(run)])
        while len(list(run.glob("*/folds/*/fold.json"))) < wanted:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    finished = {file: file.stat().st_mtime_ns for file in run.glob("*/folds/*/fold.json")}
    assert 7 <= len(finished) < 30
    evaluate([Nearest(pause=0.0), Joined("joined")], make_clips(), out=run, workers=0, seeds=2)
    assert all(file.stat().st_mtime_ns == before for file, before in finished.items())
    for method in ("nearest", "part", "joined"):
        assert _bytes(run, method) == _bytes(tmp_path / "whole", method)
        assert (run / method / "metrics.json").read_bytes() == (
            tmp_path / "whole" / method / "metrics.json"
        ).read_bytes()
    assert not (run / ".prepared").exists()


@pytest.mark.parametrize("damage", ["no fold.json", "half a table", "other task"])
def test_a_fold_that_is_not_whole_is_made_again(tmp_path: Path, damage: str) -> None:
    run = tmp_path / "run"
    evaluate(Nearest(), make_clips(), out=run, workers=0)
    before = _bytes(run)
    fold = run / "nearest" / "folds" / "s1-seed0"
    if damage == "no fold.json":
        (fold / "fold.json").unlink()
        (fold / ".fold.json.dstan0123abcd").write_text("{")
    elif damage == "half a table":
        (fold / "predictions.csv").write_text("corpus,subj")
    else:
        document = json.loads((fold / "fold.json").read_text())
        (fold / "fold.json").write_text(json.dumps({**document, "digest": "0" * 16}))
    evaluate(Nearest(), make_clips(), out=run, workers=0)
    assert _bytes(run) == before
    assert not list(run.rglob(".*"))  # nor is anything left of what was being written


def test_a_part_whose_model_was_cut_short_is_fitted_again_for_the_whole(tmp_path: Path) -> None:
    run = tmp_path / "run"
    evaluate(Joined("joined"), make_clips(), out=run, workers=0)
    before = _bytes(run, "joined")
    model = run / "part" / "folds" / "s1-seed0" / "model.safetensors"
    model.write_bytes(model.read_bytes()[:-1])
    (run / "joined" / "folds" / "s1-seed0" / "fold.json").unlink()
    seen: list[str] = []
    evaluate(
        Joined("joined"),
        make_clips(),
        out=run,
        workers=0,
        progress=lambda _stage, _done, _of, note="": seen.append(note),
    )
    assert seen == ["already finished", "part, fold s1, seed 0", "joined, fold s1, seed 0"]
    assert _bytes(run, "joined") == before


def test_a_finished_fold_that_is_sent_again_is_not_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    found = []

    def twice(task: FoldTask) -> dict[str, dict[str, Any]]:
        found.append((run_fold(task), (task.folder / "fold.json").stat().st_mtime_ns))
        found.append((run_fold(task), (task.folder / "fold.json").stat().st_mtime_ns))
        return found[-1][0]

    monkeypatch.setattr("dstan.evaluation.plan.run_fold", twice)
    evaluate(Nearest(), make_clips(), out=run, workers=0)
    assert found[::2] == found[1::2]


def test_a_killed_worker_costs_one_task_only(tmp_path: Path) -> None:
    evaluate(Nearest(), make_clips(), out=tmp_path / "calm", workers=0)
    evaluate(Nearest(die=str(tmp_path / "marker")), make_clips(), out=tmp_path / "killed", workers=2)
    assert (tmp_path / "marker").exists()
    assert _bytes(tmp_path / "killed") == _bytes(tmp_path / "calm")


def test_a_failing_fold_does_not_lose_the_others(tmp_path: Path) -> None:
    run = tmp_path / "run"
    sick = [Nearest(sick="s2"), Joined("joined", sick="s2")]
    with pytest.raises(
        RunError, match=r"(part|nearest), fold s2, seed 0: 2 folds failed.*this fold makes it sick.*kept"
    ):
        evaluate(sick, make_clips(), out=run, workers=0)
    assert {file.parent.name for file in run.glob("joined/folds/*/fold.json")} == {f"s{i}-seed0" for i in (0, 1, 3, 4)}
    seen: list[str] = []
    healed = [Nearest(), Joined("joined")]
    evaluate(healed, make_clips(), out=run, workers=0, progress=lambda stage, done, total, note="": seen.append(note))
    assert seen == ["already finished", "part, fold s2, seed 0", "nearest, fold s2, seed 0", "joined, fold s2, seed 0"]


def test_models_of_the_folds_give_the_very_numbers(tmp_path: Path) -> None:
    clips = make_clips()
    result = evaluate(Nearest(), clips, out=tmp_path / "run", workers=0)
    columns = [f"p_{name}" for name in result.classes]
    for fold in result.folds:
        folder = tmp_path / "run" / "nearest" / "folds" / f"{fold['fold']}-seed0"
        model = model_files.load_model(folder, lambda name, settings: Nearest(name))
        test = [PreparedClip.from_arrays(flow=clip.flow) for clip in clips if clip.clip.subject == fold["fold"]]
        rows = result.predictions[result.predictions["fold"] == fold["fold"]]
        assert (model.predict_proba(test) == rows[columns].to_numpy()).all()


def test_scores_over_seeds_are_the_mean_of_pooled_scores(tmp_path: Path) -> None:
    result = evaluate(Nearest(noise=1.0), make_clips(), seeds=3, workers=0)
    pooled = []
    for seed, rows in result.predictions.groupby("seed"):
        pooled.append(scores(confusion_matrix(list(rows["y_true"]), list(rows["y_pred"]), result.classes)))
        assert result.per_seed[int(str(seed))] == {"seed": seed, **pooled[-1]}
    assert len({one["accuracy"] for one in pooled}) > 1
    for name, value in result.scores.items():
        assert value == pytest.approx(np.mean([one[name] for one in pooled]))
    assert result.confusion.sum() == 45


def test_a_run_is_read_back(tmp_path: Path) -> None:
    run = tmp_path / "run"
    made = evaluate([Joined("joined"), Majority()], make_clips(), out=run, workers=0)
    assert list(made) == ["joined", "majority"]
    read = load_run(run)
    assert list(read.results) == ["joined", "majority", "part"]
    assert (read.info["corpus"], read.info["synthetic"]) == ("arrays", False)
    assert read.info["input"]["counts"] == {"disgust": 5, "happiness": 5, "others": 5}
    assert read.skipped == ()
    for name, result in made.items():
        assert result.to_dict() == read.results[name].to_dict()
        document = json.loads((run / name / "metrics.json").read_text())
        assert document["accuracy"] == result.scores["accuracy"]
        assert document["intervals"]["uf1"] == list(result.intervals["uf1"])
    assert made["joined"].folds[0]["history"]["flow"] == [{"epoch": 1, "loss": 1.0, "accuracy": 0.5}]


def test_methods_may_be_added_to_a_run(tmp_path: Path) -> None:
    run = tmp_path / "run"
    evaluate(Joined("joined"), make_clips(), out=run, workers=0)
    stamp = (run / "part" / "folds" / "s0-seed0" / "fold.json").stat().st_mtime_ns
    evaluate([Nearest("part"), Majority()], make_clips(), out=run, workers=0)
    assert list(load_run(run).results) == ["joined", "part", "majority"]
    assert load_run(run).info["components"] == {}
    assert (run / "part" / "folds" / "s0-seed0" / "fold.json").stat().st_mtime_ns == stamp


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"seeds": 2}, r"seeds is \[0, 1\] here and \[0\] there"),
        ({"protocol": "kfold-subject"}, "protocol is 'kfold-subject' here and 'loso' there"),
        ({"clips": make_clips(6)}, "input.clips is 18 here and 15 there"),
        ({"clips": make_clips(seed=1)}, "input.digest is"),
        ({"epochs": 3}, "nearest: training.epochs is 3 here and 60 there"),
    ],
)
def test_another_run_in_the_same_folder_is_refused(tmp_path: Path, change: dict, names: str) -> None:
    run = tmp_path / "run"
    evaluate(Nearest(), make_clips(), out=run, workers=0)
    before = {file: file.read_bytes() for file in run.rglob("*.*") if file.is_file()}
    options = {"clips": make_clips(), **change}
    settings = Nearest().settings.replaced({"training": {"epochs": options.pop("epochs", 60)}})
    with pytest.raises(RunError, match=f"begun with other settings: {names}"):
        evaluate(Nearest(settings=settings), out=run, workers=0, **options)
    assert before == {file: file.read_bytes() for file in before}


def test_folders_that_are_no_runs(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.txt").write_text("x")
    with pytest.raises(RunError, match=r"not empty and holds no run\.json"):
        evaluate(Nearest(), make_clips(), out=tmp_path / "precious", workers=0)
    with pytest.raises(RunError, match="a file, not a folder"):
        evaluate(Nearest(), make_clips(), out=tmp_path / "precious" / "thesis.txt", workers=0)
    with pytest.raises(RunError, match=r"no run\.json, so this is not a run"):
        load_run(tmp_path)
    (tmp_path / "run.json").write_text("[")
    with pytest.raises(RunError, match=r"run\.json is damaged"):
        load_run(tmp_path)
    (tmp_path / "run.json").write_text('{"methods": {}, "components": {}, "classes": []}')
    (tmp_path / "skipped.csv").write_text("corpus,subject,clip_id,stage,reason\n")
    with pytest.raises(RunError, match="no method of this run is finished"):
        load_run(tmp_path)
    (tmp_path / "run.json").write_text('{"methods": {}}')
    with pytest.raises(RunError, match="damaged: KeyError"):
        load_run(tmp_path)


def test_two_commands_in_one_folder(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with alone_in(run), pytest.raises(RunError, match=r"run: another command is working in this folder.*--out"):
        evaluate(Nearest(), make_clips(), out=run, workers=0)
    assert not run.exists()
    holder = "from pathlib import Path; from dstan.evaluation.continuing import alone_in; import os, signal, sys\n"
    holder += "with alone_in(Path(sys.argv[1])): os.kill(os.getpid(), signal.SIGKILL)"
    assert subprocess.run([sys.executable, "-c", holder, run]).returncode == -signal.SIGKILL
    assert (run / ".lock").exists()
    evaluate(Nearest(), make_clips(), out=run, workers=0)
    assert not (run / ".lock").exists()


def test_a_disk_without_locks_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def none(*_: object, **__: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    logging.getLogger("dstan").propagate = True
    monkeypatch.setattr("filelock.FileLock.acquire", none)
    evaluate(Nearest(), make_clips(), out=tmp_path / "run", workers=0)
    assert "its disk has no locks" in caplog.text


def _relabelled(clips: list[PreparedClip], label: str | None) -> list[PreparedClip]:
    from dataclasses import replace

    return [replace(clip, clip=replace(clip.clip, label=label)) for clip in clips]


def test_clips_that_cannot_be_evaluated() -> None:
    clips = make_clips(2)
    with pytest.raises(CorpusError, match="1 subjects cannot be split"):
        evaluate(Nearest(), clips[:3], workers=0)
    with pytest.raises(CorpusError, match="arrays/s1/c2: it has no label"):
        evaluate(Nearest(), clips[:5] + _relabelled(clips[5:], None), workers=0)
    with pytest.raises(CorpusError, match="fold s1: all 3 training clips are 'others'"):
        evaluate(Nearest(), _relabelled(clips[:3], "others") + clips[3:], workers=0)
    with pytest.raises(CorpusError, match="label 'others' is not one of"):
        evaluate(Nearest(), clips, classes=["happiness", "disgust"], workers=0)
    with pytest.raises(CorpusError, match="occur twice"):
        evaluate(Nearest(), [*clips, clips[0]], workers=0)


@pytest.mark.parametrize("given", ["majority", ["majority"], Majority, [Majority()._infer]])
def test_what_is_no_recogniser_is_told_how_to_make_one(given: object) -> None:
    with pytest.raises(ConfigError, match=r"is not a recogniser.*by calling it"):
        evaluate(given, make_clips(), workers=0)  # type: ignore[call-overload]


def test_options_that_make_no_sense() -> None:
    with pytest.raises(ConfigError, match="seeds must be 1 or more"):
        evaluate(Nearest(), make_clips(), seeds=0)
    with pytest.raises(ConfigError, match="nearest: two methods have this name"):
        evaluate([Nearest(), Nearest()], make_clips())
    with pytest.raises(ConfigError, match="becomes a folder"):
        evaluate(Nearest("../up"), make_clips())
    with pytest.raises(ConfigError, match="no method"):
        evaluate([], make_clips())
    other = Nearest().settings.replaced({"training": {"epochs": 3}})
    with pytest.raises(ConfigError, match="made of another part"):
        evaluate([Joined("joined"), Nearest("part", settings=other)], make_clips())


def test_the_caller_keeps_an_unfitted_recogniser_and_odd_names_survive(tmp_path: Path) -> None:
    odd = [
        PreparedClip.from_arrays(flow=clip.flow, label=clip.label, subject=name, clip_id=f"é,\n{clip.clip.clip_id}")
        for clip, name in zip(make_clips(3), ["NA"] * 3 + ["../01"] * 3 + ['a "b"'] * 3, strict=True)
    ]
    recognizer: Recognizer = Nearest()
    result = evaluate(recognizer, odd, out=tmp_path / "run", workers=0)
    assert recognizer.classes_ == ()
    assert set(result.predictions["subject"]) == {"NA", "../01", 'a "b"'}
    assert set(result.predictions["clip_id"]) == {clip.clip.clip_id for clip in odd}
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]
    assert len(list((tmp_path / "run" / "nearest" / "folds").iterdir())) == 3


def test_kfold_by_subject_runs(tmp_path: Path) -> None:
    result = evaluate(Nearest(), make_clips(7), protocol="kfold-subject", workers=0)
    assert sorted(result.predictions["fold"].unique()) == [f"part{i}" for i in range(1, 6)]
    assert len(result.predictions) == 21
