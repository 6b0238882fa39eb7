"""The settings files that come along fit the methods that they are meant for."""

from __future__ import annotations

from pathlib import Path

from dstan.config import read_toml
from dstan.evaluation.methods import make_methods
from dstan.inference.shipped import SHIPPED
from dstan.recognizers import METHODS, PAPER_TRACK, load_model
from dstan.recognizers.pretraining import pupil

CONFIGS = Path(__file__).parents[2] / "configs"


def test_there_are_settings_files() -> None:
    assert sorted(path.name for path in CONFIGS.glob("*.toml")) == ["quick.toml", "slurm.toml", "synthetic-model.toml"]


def test_every_method_takes_of_the_quick_ones_what_it_has() -> None:
    for made in make_methods([*METHODS, *PAPER_TRACK], read_toml(CONFIGS / "quick.toml")):
        assert made.recipe.size == 64
        training = made.settings.to_dict().get("training")
        assert training is None or made.name == "majority" or training["epochs"] == 30


def test_the_model_that_comes_along_has_the_settings_of_its_file() -> None:
    made, teacher = pupil("dstan", read_toml(CONFIGS / "synthetic-model.toml"))
    shipped = load_model(SHIPPED)
    assert shipped.settings == made.settings
    assert shipped.trained_["teacher"] == teacher.to_dict()
