from __future__ import annotations

import dataclasses
import json
import logging
from pathlib import Path

import numpy as np
import pytest

from dstan.cli import output
from dstan.errors import FrameError


@dataclasses.dataclass
class Row:
    path: Path
    score: float


def test_a_document_is_one_line_of_json_types_and_never_nan(capsys: pytest.CaptureFixture[str]) -> None:
    output.document({"rows": (Row(Path("a/b"), float("nan")),), "matrix": np.eye(2, dtype=int), "n": np.float32(0.5)})
    assert json.loads(capsys.readouterr().out) == {
        "rows": [{"path": "a/b", "score": None}],
        "matrix": [[1, 0], [0, 1]],
        "n": 0.5,
    }


def test_bars_are_as_long_as_their_share() -> None:
    assert output.bar(0.5, 4) == "██··"
    assert output.bar(0.0, 2) == "··"
    assert output.bar(1.2, 2) == "██"


def test_sparklines_span_least_to_greatest_and_survive_equal_values() -> None:
    assert output.sparkline([0.0, 0.5, 1.0]) == "▁▅█"
    assert len(set(output.sparkline([0.2, 0.2]))) == 1
    assert output.sparkline([]) == ""


def test_text_is_neither_cut_nor_read_as_markup(capsys: pytest.CaptureFixture[str]) -> None:
    long = "[bold]" + "x" * 400
    output.say(long)
    output.table(("name",), [("[red]a",)])
    assert long in (shown := capsys.readouterr().out)
    assert "[red]a" in shown


def test_an_error_shows_its_hint_on_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    output.show_error(FrameError("is empty", where="s1/a", hint="Restore it"))
    assert capsys.readouterr().err.splitlines() == ["error: s1/a: is empty", "hint: Restore it"]


def test_the_librarys_warnings_become_lines_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    output.show_warnings()
    output.show_warnings()
    logging.getLogger("dstan.somewhere").warning("two faces in %s", "s1/a")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "warning: two faces in s1/a\n")


def test_progress_is_silent_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    with output.progress_bars() as progress:
        progress("prepare", 1, 2, "s1/a")
    assert capsys.readouterr() == ("", "")


def test_progress_draws_one_bar_a_stage_on_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with output.progress_bars() as progress:
        progress("prepare", 1, 2, "s1/a")
        progress("evaluate", 3, 4)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "prepare" in captured.err
    assert "3/4" in captured.err


def test_a_long_job_writes_a_line_a_minute_to_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    progress = output.ProgressLines(clock=lambda: now)
    for second, done in ((0, 40), (30, 50), (61, 60), (100, 80), (121, 100)):  # 40 were done in an earlier run
        now = float(second)
        progress("evaluate", done, 120, "a note")
    progress("report", 0, 2)
    assert capsys.readouterr().err == "evaluate: 60 of 120, 0:03:03 left\nevaluate: 100 of 120, 0:00:40 left\n"
