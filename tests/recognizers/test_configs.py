"""The settings files that come along fit the methods that they are meant for."""

from __future__ import annotations

from pathlib import Path

import pytest

from dstan.config import read_toml
from dstan.evaluation.methods import make_methods
from dstan.recognizers import METHODS, PAPER_TRACK

FILES = sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))


def test_there_are_settings_files() -> None:
    assert [path.name for path in FILES] == ["quick.toml"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_method_takes_of_them_what_it_has(path: Path) -> None:
    for made in make_methods([*METHODS, *PAPER_TRACK], read_toml(path)):
        assert made.recipe.size == 64
        training = made.settings.to_dict().get("training")
        assert training is None or made.name == "majority" or training["epochs"] == 30
