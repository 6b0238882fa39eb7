"""The bench of flow and apex: its truth is true, its numbers tell good from bad, its tables and plots hold them."""

import json

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from dstan.bench import BENCHES, Tables
from dstan.bench.preprocessing.apex import answers, draw_clip
from dstan.bench.preprocessing.faces import APEX, CLIP_FRAMES, Face, course
from dstan.bench.preprocessing.flow import MEASURES, flow_tables, measure
from dstan.bench.tables import Plot, Table
from dstan.cli import app

ROWS = (("a", 0.5, "one", 0.1), ("a", 1.0, "one", 12.3), ("a", 0.5, "two", 2.0), ("b", 0.5, "one", 1234.0))
TABLE = Table("flow", "a table", ("panel", "x, px", "line", "y, px"), ROWS, Plot("x, px", "y, px", "line", ("panel",)))


@pytest.fixture(scope="module")
def face():
    return Face(1, {12: (1.0, 1.0)})


def test_an_expression_rises_to_its_apex_and_falls():
    values = [course(frame) for frame in range(CLIP_FRAMES)]
    assert int(np.argmax(values)) == APEX
    assert (values[0], values[APEX], values[-1]) == (0, 1, 0)


@pytest.mark.parametrize("strength", [0.1, 1.0])
def test_truth_is_as_long_as_asked(face, strength):
    field = face.flow(face.moved(0.0), face.moved(strength))
    assert np.linalg.norm(field, axis=2).max() == pytest.approx(strength, rel=0.02)


@pytest.mark.parametrize(("first", "second"), [(0.0, 2.0), (1.5, 0.5)])
def test_truth_takes_one_frame_to_the_other(face, first, second):
    rng = np.random.default_rng(0)
    moved = face.moved(first), face.moved(second)
    one, other = (
        face.record(state, 0.0, rng) / cv2.remap(state.shade, *grid_of(face), cv2.INTER_LINEAR) for state in moved
    )
    y, x = np.mgrid[:224, :224].astype(np.float32)
    field = face.flow(*moved)
    back = cv2.remap(other, x + field[..., 0], y + field[..., 1], cv2.INTER_CUBIC)
    moves = np.linalg.norm(field, axis=2) > 0.5
    assert np.abs(one - back)[moves].mean() < 0.25 * np.abs(one - other)[moves].mean()


def grid_of(face):
    inverse = cv2.invertAffineTransform(face.matrix)
    x, y = np.meshgrid(np.arange(224), np.arange(224))
    places = np.stack([x, y, np.ones_like(x)], axis=-1) @ inverse.T
    return places[..., 0].astype(np.float32), places[..., 1].astype(np.float32)


def test_a_field_is_measured_where_it_moves_and_where_it_rests(face):
    truth = face.flow(face.moved(0.0), face.moved(1.0))
    perfect, half, nothing = (dict(zip(MEASURES, measure(truth * k, truth), strict=True)) for k in (1.0, 0.5, 0.0))
    assert perfect["error, px"] == perfect["strain error, 1/1000"] == 0
    assert (perfect["gain"], half["gain"], nothing["gain"]) == pytest.approx((1, 0.5, 0))
    assert half["angle, degrees"] == pytest.approx(0, abs=0.1)
    assert nothing["where it moves, px"] == pytest.approx(2 * half["where it moves, px"])
    turned = dict(zip(MEASURES, measure(truth[..., ::-1] * np.float32([1, -1]), truth), strict=True))
    assert turned["angle, degrees"] == pytest.approx(90)
    shifted = dict(zip(MEASURES, measure(truth + np.float32([0, 0.3]), truth), strict=True))
    assert shifted["background, px"] == pytest.approx(0.3, rel=0.05)


def test_averages_bring_flow_closer_to_truth():
    (table,) = flow_tables(("farneback",), peaks=(0.25,), noises=(1.5,), faces=1)
    error = {(row[0], row[3]): row[table.columns.index("error, px")] for row in table.rows}
    for pairs in ("adjacent", "onset", "onset-apex"):
        assert error[pairs, "farneback, averaged over 0.03 s"] < 0.7 * error[pairs, "farneback"]


def test_every_way_to_find_the_apex_answers_within_the_clip():
    frames, apex = draw_clip(1)
    assert frames.shape[1:] == (224, 224)
    found = answers(frames)
    assert len(found) == 14
    assert all(0 <= position <= len(frames) - 1 for position in found.values())
    assert abs(found["as dstan estimates it"] - apex) < len(frames) / 4


def test_a_table_is_text_values_and_a_plot(tmp_path):
    assert TABLE.text()[1] == ("a", "1.00", "one", "12")
    assert TABLE.numbers() == ("x, px", "y, px")
    whole = Tables("preprocessing", (TABLE, Table.of("bars", "", [{"who": "ours", "px": 1.0}], Plot("who", "px"))))
    assert whole.to_dict()["tables"][0]["rows"][0] == {"panel": "a", "x, px": 0.5, "line": "one", "y, px": 0.1}
    files = whole.draw(tmp_path / "new")
    assert [file.name for file in files] == ["flow.png", "bars.png"]
    assert all(cv2.imread(str(file)).std() > 5 for file in files)


def test_the_command_shows_tables_and_draws_them(tmp_path, monkeypatch):
    monkeypatch.setitem(BENCHES, "preprocessing", lambda: Tables("preprocessing", (TABLE,)))
    shown = CliRunner().invoke(app, ["bench", "preprocessing", "--plots", str(tmp_path)])
    assert "1,234" in shown.stdout
    assert (tmp_path / "flow.png").exists()
    document = json.loads(CliRunner().invoke(app, ["bench", "preprocessing", "--json"]).stdout)
    assert document["tables"][0]["name"] == "flow"
    refused = CliRunner().invoke(app, ["bench", "training", "--plots", str(tmp_path)])
    assert refused.exit_code == 2
    assert "no plots" in refused.output
