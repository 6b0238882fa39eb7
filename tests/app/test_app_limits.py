"""What is refused before any work begins, and in which words."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest

from dstan.app import words
from dstan.app.limits import Limits, length
from dstan.app.server import free_port
from dstan.errors import ConfigError, FaceError, FrameError
from dstan.video import write_video


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write two seconds of grey."""
    path = tmp_path_factory.mktemp("videos") / "grey.mp4"
    write_video(path, [np.full((32, 48, 3), 128, np.uint8)] * 50, 25)
    return path


def test_a_video_within_the_limits_is_taken(video: Path) -> None:
    assert Limits(1, 3).check(video).frames == 50


def test_a_long_video_is_refused_with_its_length_and_what_to_do(video: Path) -> None:
    with pytest.raises(FrameError, match=r"lasts 2\.0 s, and at most 1\.0 s are taken") as error:
        Limits(1, 1).check(video)
    assert "--max-length" in str(error.value.hint)


def test_a_large_file_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "large.mp4"
    path.write_bytes(b"\0" * 3 * 2**20)
    with pytest.raises(FrameError, match="this file is 3 MB, and at most 2 MB are taken") as error:
        Limits(2, 60).check(path)
    assert "--max-size" in str(error.value.hint)


@pytest.mark.parametrize("wrong", [(0, 60), (10, -1), (float("nan"), 60)])
def test_limits_have_to_be_above_nothing(wrong: tuple[float, float]) -> None:
    with pytest.raises(ConfigError, match="has to be above 0"):
        Limits(*wrong)


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.42, "0.4 s"), (12.4, "12 s"), (59.8, "1 min"), (120, "2 min"), (125.2, "2 min 5 s")]
)
def test_lengths_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert length(seconds) == said


def test_an_error_is_shown_with_its_hint_and_without_where_the_file_lies() -> None:
    shown = words.failure(FaceError("no face was found", where="/tmp/secret/x.mp4", hint="Show the whole face"))
    assert "No face was found." in shown
    assert "Show the whole face." in shown
    assert "secret" not in shown
    assert 'role="alert"' in shown


def test_a_defect_is_shown_without_a_stack_trace_or_its_text() -> None:
    shown = words.failure(ZeroDivisionError("<b>in /home/me/code.py</b>"))
    assert "ZeroDivisionError" in shown
    assert "code.py" not in shown


def test_what_comes_from_a_video_is_shown_as_text() -> None:
    assert "<script>" not in words.failure(FrameError("<script>alert(1)</script> holds no video"))


def test_a_port_that_is_taken_is_said_with_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(ConfigError, match="is taken") as error:
        free_port("127.0.0.1", taken.getsockname()[1])
    assert "another --port" in str(error.value.hint)


def test_without_a_port_the_first_free_one_is_taken() -> None:
    first = free_port("127.0.0.1")
    with socket.create_server(("127.0.0.1", first)):
        assert free_port("127.0.0.1") > first


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ConfigError, match="this machine has no address"):
        free_port("192.0.2.1", 7999)
