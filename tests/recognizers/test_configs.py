"""The settings files that come along fit the methods that they are meant for."""

from __future__ import annotations

from pathlib import Path

import pytest

from dstan.config import read_toml
from dstan.recognizers import METHODS, recognizer

FILES = sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))


def test_there_are_settings_files() -> None:
    assert [path.name for path in FILES] == ["quick.toml"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
@pytest.mark.parametrize("name", METHODS)
def test_every_method_takes_them(name: str, path: Path) -> None:
    made = recognizer(name, read_toml(path))
    assert made.recipe.size == 64
