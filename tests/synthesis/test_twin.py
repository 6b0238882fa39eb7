"""A twin on disk: CASME II's layout, numbers and quirks; determinism; going on after an interruption."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from openpyxl import load_workbook
from safetensors.numpy import load_file

from dstan.corpora import check_corpus, load_corpus
from dstan.errors import ConfigError, CorpusError, UnknownNameError
from dstan.preprocessing.landmarks import landmark_source, truth_path
from dstan.synthesis import synthesize
from dstan.synthesis.coding import code_events
from dstan.synthesis.drawing import draw_video
from dstan.synthesis.layouts import CASME2, casme2
from dstan.video import read_clip

SIZE = (160, 120)


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthesize("casme2", tmp_path_factory.mktemp("twin"), subjects=5, clips=11, size=SIZE, seed=3, workers=0)


def digest(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.suffix == ".jpg"}


def test_the_full_plan_has_the_corpus_s_numbers() -> None:
    plan = casme2.plan(None, None, 0)
    assert len(plan) == len({clip.folder for clip in plan}) == 255
    assert Counter(clip.emotions[0] for clip in plan) == {
        "happiness": 32, "others": 99, "disgust": 63, "repression": 27, "surprise": 25, "sadness": 7, "fear": 2,
    }  # fmt: skip
    assert {clip.subject for clip in plan} == set(range(1, 27))
    assert max(Counter(clip.subject for clip in plan).values()) > 10 * min(
        Counter(clip.subject for clip in plan).values()
    )


@pytest.mark.parametrize(("subjects", "clips"), [(8, 45), (3, 10), (1, 5), (2, 12), (None, 30), (26, 26)])
def test_a_small_plan_keeps_every_class(subjects: int | None, clips: int) -> None:
    plan = casme2.plan(subjects, clips, 0)
    counts = Counter(clip.emotions[0] for clip in plan)
    assert len(plan) == clips
    assert all(counts[name] >= min(2, clips // 5) for name in casme2.COMMON)
    assert counts.most_common(1)[0][0] == "others" or clips <= 10
    if subjects is not None:
        assert {clip.subject for clip in plan} == set(range(1, subjects + 1))
    if subjects != 1:
        for name in casme2.COMMON:
            assert len({clip.subject for clip in plan if clip.emotions == (name,)}) >= 2


def test_impossible_numbers_are_told() -> None:
    with pytest.raises(ConfigError, match="26"):
        casme2.plan(27, None, 0)
    with pytest.raises(ConfigError, match="too few"):
        casme2.plan(8, 5, 0)


def megc(emotions: Iterable[str]) -> int:
    return sum(emotion in ("disgust", "repression", "happiness", "surprise") for emotion in emotions)


@pytest.mark.parametrize("seed", range(5))
def test_the_full_plan_has_the_24_people_of_megc2019(seed: int) -> None:
    shown = defaultdict(list)
    for clip in casme2.plan(None, None, seed):
        if (clip.subject, clip.name) in {(4, "EP12_01f"), (5, "EP09_05f")}:
            assert clip.emotions[0] in ("disgust", "repression")
        else:
            shown[clip.subject] += clip.emotions
    kept = {subject for subject, emotions in shown.items() if megc(emotions)}
    assert len(kept) == 24
    assert sum(megc(emotions) for emotions in shown.values()) == 88 + 32 + 25
    assert all(set(shown[subject]) <= {"others", "sadness", "fear"} for subject in set(shown) - kept)


def test_the_full_table_has_the_corpus_s_quirks(tmp_path: Path) -> None:
    events = code_events(CASME2, casme2.plan(None, None, 0), 0)
    path, classes = casme2.write_tables(tmp_path, events, 0)
    numbers = [row[2] for row in load_workbook(classes)["Sheet1"].values][1:]
    assert Counter(numbers) == {1: 25, 2: 15, 3: 99, 4: 26, 5: 20, 6: 1, 7: 69}
    header, *rows = load_workbook(path)["Sheet1"].values
    assert header == casme2.COLUMNS
    assert [row[:2] for row in rows if row[4] == "/"] == [(4, "EP12_01f")]
    codes = [row[7] for row in rows]
    assert any(isinstance(code, int) for code in codes)
    assert any(isinstance(code, str) and code[0] in "LR" for code in codes)
    assert any("?" in str(code) for code in codes)
    late = [row[5] - event.offset for row, event in zip(rows, events, strict=True) if row[5] != event.offset]
    assert late == [10]
    assert {str(row[1]).endswith("f") for row in rows} == {True, False}


def test_the_twin_loads_and_checks(twin: Path) -> None:
    report = check_corpus("casme2", twin, deep=True)
    assert report.ok
    clips = load_corpus("casme2", twin)
    assert len(clips) == 11
    assert set(clips.counts) == set(casme2.COMMON)
    no_apex = [clip for clip in clips if clip.apex is None]
    assert [str(clip) for clip in no_apex] == ["casme2/sub04/EP12_01f"]
    frame = next(iter(read_clip(clips[0], colour=True)))
    assert frame.pixels.shape == (*SIZE[::-1], 3)


def test_the_truth_agrees_with_the_table(twin: Path) -> None:
    for clip in load_corpus("casme2", twin):
        truth = load_file(truth_path(clip))
        ((onset, apex, offset),) = truth["phases"].tolist()
        assert (clip.onset, clip.offset) == (onset, offset)
        assert clip.apex in (apex, None)
        assert truth["landmarks"].shape == (len(clip.files), 468, 2)
        assert truth["intensities"].shape == (len(clip.files), len(truth["action_units"]), 2)
        assert truth["apex_field"].shape == (1, SIZE[1] // 4, SIZE[0] // 4, 2)
        assert np.isfinite(truth["landmarks"]).all()
        coded = {int(part.strip("LR")) for part in clip.annotation["Action Units"].split("+") if part != "?"}
        assert coded == set(truth["action_units"].tolist())


def test_preprocessing_reads_the_truth(twin: Path) -> None:
    clip = load_corpus("casme2", twin)[0]
    frames = [frame.pixels for frame in read_clip(clip, colour=True)][:3]
    known = landmark_source("truth").landmarks(clip, frames).points
    found = landmark_source("mediapipe").landmarks(clip, frames).points
    assert np.median(np.linalg.norm(known - found, axis=-1)) < 1.5


def test_an_interrupted_twin_goes_on_and_ends_the_same(
    twin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = 0

    def break_after_two(task: object) -> int:
        nonlocal drawn
        if drawn == 2:
            raise KeyboardInterrupt
        drawn += 1
        return draw_video(task)

    settings = {"subjects": 5, "clips": 11, "size": SIZE, "seed": 3, "workers": 0}
    monkeypatch.setattr("dstan.synthesis.corpus.draw_video", break_after_two)
    with pytest.raises(KeyboardInterrupt):
        synthesize("casme2", tmp_path / "twin", **settings)
    assert not (tmp_path / "twin" / casme2.TABLE).exists()
    monkeypatch.undo()
    steps: list[int] = []
    synthesize("casme2", tmp_path / "twin", progress=lambda stage, done, total, note="": steps.append(done), **settings)
    assert steps == list(range(2, 12))
    assert digest(tmp_path / "twin") == digest(twin)
    assert load_corpus("casme2", tmp_path / "twin").counts == load_corpus("casme2", twin).counts


def test_the_same_seed_gives_the_same_tables(tmp_path: Path) -> None:
    events = code_events(CASME2, casme2.plan(2, 4, 0), 0)
    one, two = (casme2.write_tables(tmp_path / name, events, 0) for name in ("one", "two"))
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


def test_a_finished_twin_is_left_alone_and_another_is_refused(twin: Path, tmp_path: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in twin.rglob("*.*")}
    synthesize("casme2", twin, subjects=5, clips=11, size=SIZE, seed=3, workers=0)
    assert {file: file.stat().st_mtime_ns for file in twin.rglob("*.*")} == before
    with pytest.raises(CorpusError, match="seed"):
        synthesize("casme2", twin, subjects=5, clips=11, size=SIZE, seed=4, workers=0)
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(CorpusError, match="not empty"):
        synthesize("casme2", tmp_path, subjects=1, clips=1, size=SIZE, workers=0)


def test_other_mistakes_are_told(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="casme2"):
        synthesize("casme3", tmp_path / "x")
    with pytest.raises(ConfigError, match="small"):
        synthesize("casme2", tmp_path / "x", size=(80, 60))
    assert not (tmp_path / "x").exists()
