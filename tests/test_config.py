from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from dstan.config import Settings, parse_assignment, read_toml, setting
from dstan.errors import ConfigError
from dstan.preprocessing.recipe import Recipe


@dataclass(frozen=True)
class Inner(Settings):
    size: int | tuple[int, int] = setting(224, "Side in pixels.", low=32)
    kind: str = setting("soft", "Which kind.", choices=("soft", "hard"))
    rate: float = setting(1, "Rate per second.")


@dataclass(frozen=True)
class Outer(Settings):
    inner: Inner = setting(Inner(), "The inner group.")
    widths: tuple[int, ...] = setting((16, 32), "Widths.", low=1)
    gain: float | None = setting(None, "Gain, or not set.")


def test_toml_reads_back_to_equal_settings() -> None:
    settings = Outer().replaced({"inner": {"size": [64, 32], "kind": "hard"}, "widths": [8]})
    assert Outer.from_dict(tomllib.loads(settings.to_toml())) == settings
    assert "# Side in pixels." in settings.to_toml()


def test_integer_for_float_and_list_for_tuple_are_accepted() -> None:
    settings = Outer.from_dict({"inner": {"rate": 2}, "widths": [1, 2, 3]})
    assert settings.inner.rate == 2.0
    assert isinstance(settings.inner.rate, float)
    assert settings.widths == (1, 2, 3)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"iner": {}}, "inner"),
        ({"inner": {"sise": 3}}, "Did you mean inner.size"),
        ({"inner": {"size": 8}}, "inner: size must be at least 32"),
        ({"inner": {"size": True}}, "size must be"),
        ({"inner": {"kind": "sofd"}}, "Choose one of: soft"),
        ({"inner": {"rate": "fast"}}, "rate must be float"),
        ({"inner": 3}, "group of settings"),
        ({"widths": [0]}, "at least 1"),
    ],
)
def test_a_bad_value_is_an_error_that_teaches(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Outer.from_dict(values)


def test_digest_changes_with_any_value_and_is_stable() -> None:
    assert Outer().digest() == Outer().digest() == Outer.from_dict({}).digest()
    assert Outer(widths=(16, 33)).digest() != Outer().digest()
    assert Outer().replaced({"inner": {"rate": 1.5}}).digest() != Outer().digest()


@dataclass(frozen=True)
class Grown(Outer):
    later: Inner = setting(Inner(), "A group that was not there at first.", added=True)


def test_a_group_that_was_added_changes_no_digest_until_it_is_used() -> None:
    assert Grown().to_dict() == Outer().to_dict()
    assert Grown().digest() == Outer().digest()
    used = Grown().replaced({"later": {"size": 64}})
    assert used.digest() != Grown().digest()
    assert Grown.from_dict(used.to_dict()) == used
    assert "[later]" in Grown().to_toml()
    assert (Grown().value("later.size"), used.value("later.size"), used.value("widths")) == (224, 64, [16, 32])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("training.epochs=2", {"training": {"epochs": 2}}),
        ("recipe.size=[170, 140]", {"recipe": {"size": [170, 140]}}),
        ("recipe.flow=tvl1", {"recipe": {"flow": "tvl1"}}),
        ("a=true", {"a": True}),
    ],
)
def test_assignments(text: str, expected: dict[str, object]) -> None:
    assert parse_assignment(text) == expected


def test_an_assignment_without_value_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"training\.epochs=2"):
        parse_assignment("training.epochs")


def test_reading_bad_toml_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    with pytest.raises(ConfigError, match=r"settings\.toml"):
        read_toml(path)
    path.write_text("a = [1", encoding="utf-8")
    with pytest.raises(ConfigError, match="not valid TOML"):
        read_toml(path)


def test_recipes_that_align_alike_share_that_stage() -> None:
    assert Recipe(flow="tvl1").aligned_digest() == Recipe().aligned_digest()
    assert Recipe(flow="tvl1").digest() != Recipe().digest()
    assert Recipe(size=64).aligned_digest() != Recipe().aligned_digest()
    assert Recipe(size=(170, 140)).shape == (170, 140)
    assert Recipe(size=64).aligned_digest() == Recipe(size=(64, 64)).aligned_digest()
