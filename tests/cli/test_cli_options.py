from __future__ import annotations

from pathlib import Path

import pytest

from dstan.cli import options
from dstan.errors import ConfigError


def test_set_wins_over_config_and_groups_are_merged(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("[recipe]\nsize = 64\nsteps = 5\n")
    merged = options.settings(file, ["recipe.size=32", "training.epochs=2", "recipe.flow=dis"])
    assert merged == {"recipe": {"size": 32, "steps": 5, "flow": "dis"}, "training": {"epochs": 2}}


def test_no_settings_are_an_empty_mapping() -> None:
    assert options.settings(None, None) == {}


def test_a_method_named_twice_is_made_once() -> None:
    made = options.recognizers(["majority", "dstan", "majority"], {"recipe": {"size": 48}})
    assert [(item.name, item.recipe.size) for item in made] == [("majority", 48), ("dstan", 48)]


def test_devices_are_resolved_and_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert options.device("cpu") == options.device("auto") == "cpu"
    with pytest.raises(ConfigError, match="there is no cuda:1"):
        options.device("cuda:1")
    with pytest.raises(ConfigError, match="no device is called 'gpu'"):
        options.device("gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [options.device(name) for name in ("auto", "cuda", "cuda:1")] == ["cuda", "cuda", "cuda:1"]


def test_where_tasks_run_is_checked_before_anything_is_read(tmp_path: Path) -> None:
    assert options.engine(None, None, 1.5) == {"workers": None, "cluster": None, "task_limit": 90.0}
    assert options.engine(0, None, None) == {"workers": 0, "cluster": None, "task_limit": None}
    assert options.engine(None, "tls://node1:8786", None)["cluster"] == "tls://node1:8786"
    with pytest.raises(ConfigError, match=r"--workers 2 are processes of this machine.*DSTAN_CLUSTER"):
        options.engine(2, "tls://node1:8786", None)
    with pytest.raises(ConfigError, match=r"--task-limit has no effect with --workers 0"):
        options.engine(0, None, 5)
    with pytest.raises(ConfigError, match="would not be encrypted"):
        options.engine(None, "tcp://node1:8786", None)
    with pytest.raises(ConfigError, match="no such file"):
        options.engine(None, str(tmp_path / "scheduler.json"), None)
