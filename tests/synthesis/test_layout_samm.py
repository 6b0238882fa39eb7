"""The twin of SAMM: grey frames, the corpus's numbers, and the quirks of its table."""

from collections import Counter, defaultdict
from pathlib import Path

import pytest
from openpyxl import load_workbook
from PIL import Image
from safetensors.numpy import load_file

from dstan.corpora import check_corpus, load_corpus
from dstan.facs import parse_action_units
from dstan.preprocessing.landmarks import truth_path
from dstan.synthesis import LAYOUTS, synthesize
from dstan.synthesis.coding import code_events
from dstan.synthesis.layouts import samm
from dstan.tasks import TASKS

LAYOUT = LAYOUTS["samm"]


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("samm") / "twin"
    return synthesize("samm", root, subjects=3, clips=8, size=(160, 120), seed=2, workers=0)


def full_rows(tmp_path: Path, seed: int) -> list[dict[str, object]]:
    (path,) = samm.write_tables(tmp_path, code_events(LAYOUT, samm.plan(None, None, seed), seed), seed)
    lines = list(load_workbook(path)["MICRO_ONLY"].values)
    assert lines[13] == samm.COLUMNS, "the header is row 14"
    return [dict(zip(samm.COLUMNS, line, strict=True)) for line in lines[14:]]


@pytest.mark.parametrize("seed", range(4))
def test_the_full_plan_has_the_corpus_s_numbers(seed: int) -> None:
    planned = samm.plan(None, None, seed)
    assert len(planned) == len({video.folder for video in planned}) == 159
    assert Counter(video.emotions[0] for video in planned) == {
        "Anger": 57, "Other": 26, "Happiness": 26, "Surprise": 15,
        "Contempt": 12, "Disgust": 9, "Fear": 8, "Sadness": 6,
    }  # fmt: skip
    per_person = Counter(video.name[:3] for video in planned)
    assert len(per_person) == 29
    assert (per_person["006"], per_person["011"], per_person["023"], per_person["037"]) == (11, 20, 1, 3)


@pytest.mark.parametrize("seed", range(4))
def test_the_full_plan_has_the_28_people_of_megc2019(seed: int) -> None:
    source = TASKS["megc2019-3"].sources["samm"]
    shown, classes = defaultdict(set), Counter()
    for video in samm.plan(None, None, seed):
        word = video.emotions[0].casefold()
        if word in source.mapping:
            shown[video.subject].add(word)
            classes[source.mapping[word]] += 1
    assert len(shown) == 28
    assert classes == source.counts_of("") == {"negative": 92, "positive": 26, "surprise": 15}


@pytest.mark.parametrize("seed", range(2))
def test_the_full_table_has_the_corpus_s_objective_classes(tmp_path: Path, seed: int) -> None:
    rows = full_rows(tmp_path, seed)
    assert Counter(row["Objective Classes"] for row in rows) == {1: 24, 2: 13, 3: 20, 4: 8, 5: 3, 6: 7, 7: 84}


def test_the_full_table_has_the_corpus_s_quirks(tmp_path: Path) -> None:
    rows = {row["Filename"]: row for row in full_rows(tmp_path, 0)}
    after, before, long = (rows[name] for name in ("028_4_1", "032_3_1", "013_1_9"))
    assert after["Offset Frame"] < after["Apex Frame"] == 1143
    assert 1930 == before["Apex Frame"] < before["Onset Frame"]
    assert long["Offset Frame"] - long["Onset Frame"] + 1 == long["Duration"] + 54
    assert {type(row["Subject"]) for row in rows.values()} == {str}
    assert sum(row["Apex Frame"] in range(row["Onset Frame"], row["Offset Frame"]) for row in rows.values()) == 157
    texts = [str(row["Action Units"]) for row in rows.values()]
    for form in (" or ", "/", "ref(", "A", "L", "R"):
        assert any(form in text for text in texts), form
    assert any(isinstance(row["Action Units"], int) for row in rows.values())
    assert all(parse_action_units(text) for text in texts)


def test_frame_numbers_are_padded_to_four_digits_or_five() -> None:
    widths = {video.name[4] == "1": video.image for video in samm.plan(None, None, 0)}
    assert widths[True].endswith("_{:05d}.jpg")
    assert widths[False].endswith("_{:04d}.jpg")


@pytest.mark.parametrize(("subjects", "clips"), [(3, 8), (1, 5), (29, 29), (None, 40)])
def test_a_small_plan_keeps_every_class(subjects: int | None, clips: int) -> None:
    planned = samm.plan(subjects, clips, 0)
    assert len(planned) == clips
    assert set(samm.COMMON) <= {video.emotions[0] for video in planned}


def test_the_twin_loads_and_checks(twin: Path) -> None:
    report = check_corpus("samm", twin, deep=True)
    assert report.ok
    assert (report.counts["clips"], report.counts["subjects"]) == (8, 3)
    assert [finding.what for finding in report.findings] == [report.findings[-1].what], "nothing but the smaller counts"
    assert set(load_corpus("samm", twin).counts) == {"anger", "contempt", "happiness", "surprise", "others"}


def test_the_loader_finds_what_the_truth_says(twin: Path) -> None:
    for clip in load_corpus("samm", twin, task=""):
        truth = load_file(truth_path(clip))
        ((onset, apex, offset),) = truth["phases"].tolist()
        assert (clip.onset, clip.apex, clip.offset) == (onset, apex, offset)
        coded = {unit.number for unit in parse_action_units(clip.annotation["Action Units"])}
        assert set(truth["action_units"].tolist()) <= coded


def test_the_frames_are_grey(twin: Path) -> None:
    clip = load_corpus("samm", twin)[0]
    with Image.open(clip.path / clip.files[0]) as image:
        assert image.mode == "L"
