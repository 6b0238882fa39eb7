"""`dstan bench motion`: what is timed, and how it is told."""

import json

import pytest
import torch
from typer.testing import CliRunner

from dstan.bench import BENCHES, motion
from dstan.cli import app


def test_every_way_of_pairing_is_timed_with_one_thread_and_with_two(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    draw = motion.MotionArtist.draw

    def watched(self, n, seed, *, frames=False):  # type: ignore[no-untyped-def]
        seen.append((self.recipe.pairs, n, frames, torch.get_num_threads()))
        return draw(self, n, seed, frames=frames)

    monkeypatch.setattr(motion.MotionArtist, "draw", watched)
    monkeypatch.setattr(motion, "REPETITIONS", 1)
    before = torch.get_num_threads()
    (table,) = motion.bench_motion(fields=18).tables
    assert torch.get_num_threads() == before
    expected = {("onset-apex", 18, False), ("onset", 2, False), ("adjacent", 2, False), ("adjacent", 2, True)}
    assert set(seen) == {(*work, threads) for work in expected for threads in (1, 2)}
    assert table.column("threads") == ["1", "2"] * 4
    assert all(value > 0 for value in table.column("fields/s"))


def test_a_sequence_of_nine_counts_nine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(motion, "median_seconds", lambda *_: 2.0)
    rows = {row[0]: row for row in motion.bench_motion(fields=20).tables[0].rows}
    assert rows["onset-apex, 1 field a clip"][2] == 10
    assert rows["onset, 9 fields a clip"][2] == 13.5  # three clips of nine in two seconds
    assert rows["onset, 9 fields a clip"][3] == 13.5 / 2000


def test_the_command_prints_it_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(motion, "median_seconds", lambda *_: 2.0)
    monkeypatch.setitem(BENCHES, "motion", motion.bench_motion)
    done = CliRunner().invoke(app, ["bench", "motion", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["bench"] == "motion"
