"""What spotting found, written as JSON, CSV and WebVTT, and read again."""

from __future__ import annotations

import csv
import json
import math
import os
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from dstan.inference.shipped import SYNTHETIC_ONLY
from dstan.reports.events import events_table, write_csv, write_eaf, write_json, write_vtt
from dstan.reports.naming import warnings_of
from spotted import event, prediction, rejected, spotting

VIDEO = Path("films/anna & <bob>.mp4")


def cues(text: str) -> dict[str, list[str]]:
    """Return the lines of every cue by its name."""
    blocks = [block.splitlines() for block in text.strip().split("\n\n")]
    return {block[0]: block[1:] for block in blocks if len(block) > 1 and "-->" in block[1]}


def seconds(text: str) -> float:
    """Return a time of WebVTT in seconds."""
    hours, minutes, rest = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


def test_json_holds_all_that_was_found(tmp_path: Path) -> None:
    found = spotting(VIDEO)
    write_json(tmp_path / "a.json", found)
    said = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert (said["video"], said["frames"], said["fps"], said["seconds"]) == (str(VIDEO), 600, 30.0, 20.0)
    assert said["warnings"] == [SYNTHETIC_ONLY]
    first, undecided, _ = said["events"]
    assert (first["onset"], first["apex"], first["offset"], first["label"]) == (60, 65, 70, "surprise")
    assert first["duration_seconds"] == pytest.approx(10 / 30, abs=1e-6)
    assert first["probabilities"] == pytest.approx({"negative": 0.1, "positive": 0.1, "surprise": 0.8})
    assert first["units"] == {"4": 0.93, "12": 0.2, "7": 0.61}
    assert (undecided["label"], undecided["units"]) == (None, None)
    assert [one["reason"] for one in said["rejected"]] == ["blink", "mouth", "blink"]
    assert said["stretches"][1]["first"] == 400
    motion = said["signal"]["motion"]
    assert [value is None for value in motion] == np.isnan(found.motion).tolist()
    assert motion[65] == pytest.approx(found.motion[65], abs=1e-4)
    assert len(said["signal"]["seconds"]) == len(motion)


def test_what_is_not_a_number_is_null_in_json(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", spotting(VIDEO, fps=math.nan, seconds=math.nan, events=(), rejected=()))
    said = json.loads((tmp_path / "a.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert (said["fps"], said["seconds"], said["events"]) == (None, None, [])


def test_csv_has_one_row_an_event(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", spotting(VIDEO))
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == ["surprise", "undecided", "positive"]
    assert (rows[0]["video"], rows[0]["onset"], rows[0]["apex_seconds"]) == (str(VIDEO), "60", "2.166667")
    assert sum(float(rows[1][f"p_{name}"]) for name in ("negative", "positive", "surprise")) == pytest.approx(1)
    assert rows[0]["action_units"] == "AU4 0.93, AU7 0.61"  # 12 is below the threshold
    assert rows[1]["action_units"] == ""
    assert rows[0]["regions"] == "left brow 1.9, mouth 0.8"
    assert all(row["warnings"] == SYNTHETIC_ONLY for row in rows)


def test_without_events_csv_still_has_its_names(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", spotting(VIDEO, events=()))
    (line,) = (tmp_path / "a.csv").read_text().splitlines()
    assert line.startswith("video,event,onset,apex,offset,onset_seconds")


def test_events_that_nobody_named_have_no_classes() -> None:
    (record,) = events_table(spotting(VIDEO, events=(event(60),), model="", warnings=()))
    assert record["label"] is None
    assert not any(name.startswith("p_") for name in record)


def test_vtt_shows_each_event_for_as_long_as_it_can_be_read(tmp_path: Path) -> None:
    near = event(62 + 10, prediction=prediction(VIDEO, "negative"))
    found = spotting(VIDEO, events=(event(60, prediction=prediction(VIDEO, "surprise")), near))
    write_vtt(tmp_path / "a.vtt", found)
    text = (tmp_path / "a.vtt").read_text(encoding="utf-8")
    assert text.startswith("WEBVTT\n\nNOTE\n")
    assert "NOTE" in text.split(SYNTHETIC_ONLY)[0]
    shown = cues(text)
    times = {name: [seconds(part) for part in lines[0].split(" --> ")] for name, lines in shown.items()}
    assert times["1"] == [2.0, 2.4]  # until the next begins
    assert times["2"] == [2.4, 4.4]
    assert times["warnings"] == [0.0, 2.0]
    assert shown["warnings"][1] == SYNTHETIC_ONLY
    assert shown["1"][1] == "surprise 0.80 (confidence 0.74)"
    assert "0:02.000 to 0:02.333, apex 0:02.167" in shown["1"]


def test_vtt_escapes_what_players_would_read_as_marks(tmp_path: Path) -> None:
    label = "<i> & -->"
    odd = replace(prediction(VIDEO, "surprise", warnings=()), label=label, probabilities={label: 1.0})
    write_vtt(tmp_path / "a.vtt", spotting(VIDEO, events=(event(60, prediction=odd),), warnings=("a --> b\n\nc",)))
    text = (tmp_path / "a.vtt").read_text(encoding="utf-8")
    assert "&lt;i&gt; &amp; --&gt; 1.00" in text
    assert len(re.findall("-->", text)) == 2  # the times of the two cues


def test_a_warning_of_some_events_says_of_which() -> None:
    sure, doubtful = (prediction(VIDEO, "surprise", warnings=(SYNTHETIC_ONLY, *more)) for more in ((), ("shaky",)))
    events = tuple(event(60 * number, prediction=said) for number, said in enumerate((sure, doubtful, doubtful), 1))
    found = spotting(VIDEO, events=events, warnings=("the video is damaged",))
    assert warnings_of(found) == ("the video is damaged", SYNTHETIC_ONLY, "events 2, 3: shaky")


def test_files_that_cannot_be_written_whole_are_not_there(tmp_path: Path) -> None:
    broken = spotting(VIDEO, rejected=(rejected(1, "blink"), None))
    with pytest.raises(AttributeError):
        write_json(tmp_path / "a.json", broken)
    assert list(tmp_path.iterdir()) == []


def test_names_that_are_not_utf_8_and_control_characters_are_written_all_the_same(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9\x01.mp4")
    found = spotting(tmp_path / name)
    for suffix, write in ((".json", write_json), (".csv", write_csv), (".vtt", write_vtt), (".eaf", write_eaf)):
        write(tmp_path / f"out{suffix}", found)
        assert "caf\ufffd" in (tmp_path / f"out{suffix}").read_text(encoding="utf-8")
    ElementTree.parse(tmp_path / "out.eaf")
