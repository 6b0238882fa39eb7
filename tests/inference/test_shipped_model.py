"""The model that comes along: what it is, that it works at once, and that it says what it has seen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from dstan.config import read_toml
from dstan.inference import Model, load_model
from dstan.inference.shipped import SHIPPED, SYNTHETIC_ONLY
from dstan.recognizers.model_files import checked_document
from dstan.recognizers.pretraining import pupil
from dstan.synthesis.animation import Performance, portrait_of
from dstan.synthesis.emotions import Expression
from dstan.synthesis.timeline import Phases, Timeline, draw_motion
from dstan.tasks import find_task
from dstan.video import write_video

MEGABYTES = 8
RECIPE = Path(__file__).parents[2] / "configs" / "synthetic-model.toml"
FPS = 50
SMILE, FROWN, SURPRISE = {6: 1.5, 12: 2.5}, {4: 2.5, 9: 2.0}, {1: 2.5, 2: 2.5}


def _performance(units: Mapping[int, float]) -> Performance:
    """Draw somebody who shows action units, peaks in pixels of 224 x 224."""
    shown = Expression({unit: (peak, peak) for unit, peak in units.items()})
    motion = draw_motion([shown], Timeline((Phases(0, 6, 13),), 14), FPS, seed=5)
    return Performance(portrait_of(70_000, 320, 240), motion, 6)


def drawn(path: Path, units: Mapping[int, float]) -> Path:
    """Write the same as a video."""
    write_video(path, _performance(units).frames(), FPS)
    return path


@pytest.fixture(scope="module")
def model() -> Model:
    """Load it as a user does."""
    return load_model()


def test_only_what_is_needed_is_shipped_and_it_is_small() -> None:
    files = {path.name: path.stat().st_size for path in SHIPPED.iterdir()}
    assert set(files) == {"model.json", "model.safetensors", "card.md", "curves.png"}
    assert sum(files.values()) < MEGABYTES * 1e6


def test_it_is_what_make_model_makes() -> None:
    method, teacher = pupil("dstan", read_toml(RECIPE))
    document = checked_document(SHIPPED)
    trained = document["state"]["trained"]
    assert document["settings"] == method.settings.to_dict()
    assert (trained["teacher"], trained["seed"], trained["task"]) == (teacher.to_dict(), 0, "megc2019-3")
    makefile = (RECIPE.parents[1] / "Makefile").read_text()
    assert "dstan pretrain dstan --task megc2019-3 --config configs/synthetic-model.toml" in makefile
    assert f"MODEL := src/{SHIPPED.relative_to(SHIPPED.parents[2])}" in makefile


def test_it_knows_three_classes_and_has_seen_drawn_motion_alone(model: Model) -> None:
    assert model.classes == find_task("megc2019-3").classes
    assert model.recognizer.trained_["corpora"] == ["drawn"]
    assert model.recognizer.trained_["subjects"] == 0


@pytest.mark.parametrize(
    ("label", "units", "told"), [("positive", SMILE, 12), ("negative", FROWN, 4), ("surprise", SURPRISE, 1)]
)
def test_it_names_what_is_drawn_and_tells_the_action_unit_and_says_what_it_has_seen(
    label: str, units: dict[int, float], told: int, model: Model, tmp_path: Path
) -> None:
    prediction = model.predict_video(drawn(tmp_path / "face.mp4", units))
    assert prediction.label == label
    assert prediction.units is not None
    assert prediction.units[told] >= 0.5
    assert SYNTHETIC_ONLY in prediction.warnings


def test_a_picture_that_stands_still_gets_a_name_and_a_warning_that_it_is_a_guess(model: Model, tmp_path: Path) -> None:
    frames = [next(iter(_performance({}).frames()))] * 12
    write_video(tmp_path / "still.mp4", frames, 50)
    warnings = model.predict_video(tmp_path / "still.mp4").warnings
    assert any(one.startswith("hardly anything moved") for one in warnings)
    assert any(one.startswith("no action unit is told") for one in warnings)
    moving = model.predict_video(drawn(tmp_path / "face.mp4", SMILE)).warnings
    assert moving == (SYNTHETIC_ONLY,)


def test_the_card_says_that_it_has_seen_no_real_face() -> None:
    card = (SHIPPED / "card.md").read_text()
    assert "It has seen no real face" in card
    assert "](curves.png)" in card
