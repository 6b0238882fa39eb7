"""How ``dstan app`` begins and ends."""

from __future__ import annotations

import signal
import socket

import pytest
from typer.testing import CliRunner

from dstan.cli import app


def test_a_port_that_is_taken_ends_it_at_once_with_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(app, ["app", "--no-open", "--port", str(port)])
    assert result.exit_code == 2
    assert f"port {port} is taken" in result.stderr
    assert "another --port" in result.stderr


def test_a_model_that_is_not_there_is_said(tmp_path) -> None:
    result = CliRunner().invoke(app, ["app", "--no-open", "--model", str(tmp_path / "nowhere")])
    assert result.exit_code == 1
    assert "nowhere" in result.stderr


def test_a_limit_of_nothing_is_refused() -> None:
    result = CliRunner().invoke(app, ["app", "--no-open", "--max-size", "0"])
    assert result.exit_code == 2
    assert "has to be above 0" in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_says_where_it_is_and_ends_without_a_trace(serve, tmp_path, how) -> None:
    served = serve(tmp_path)
    assert served.address.startswith("http://127.0.0.1:")
    assert any(path.name.startswith("dstan-app-") for path in served.temporary.iterdir())
    assert served.end(how) == 0
    text = served.printed
    assert "Model: " in text
    assert "synthetic data only" in text
    assert "Nothing leaves this machine" in text
    assert "Traceback" not in text
    assert list(served.temporary.iterdir()) == []


@pytest.mark.slow
def test_letting_others_in_is_warned_of(serve, tmp_path) -> None:
    served = serve(tmp_path, "--host", "0.0.0.0")
    assert served.end() == 0
    assert "without a password and unencrypted" in served.printed
