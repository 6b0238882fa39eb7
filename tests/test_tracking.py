"""Tracking: what reaches MLflow, read back by MLflow's own client from a file and from a real server on loopback."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

from dstan.cli import app
from dstan.errors import MissingDependencyError, RunError, TrackingError
from dstan.evaluation import load_run
from dstan.recognizers import load_model
from dstan.tracking import Server, records_of
from dstan.tracking.record import MOST_POINTS, curves, flat

SMALL = ("recipe.size=32", "recipe.steps=2", "recipe.alignment=none", "training.epochs=2", "network.lstm_width=4")
SETTINGS = [part for item in SMALL for part in ("--set", item)]
TABLE = "folder: as-labelled, loso"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a corpus of three people with two clips each, a run of it and a model."""
    home = tmp_path_factory.mktemp("home")
    rows = ["path,subject,label,fps"]
    for number in range(6):
        folder = home / "data" / f"c{number}"
        folder.mkdir(parents=True)
        noise = np.random.default_rng(number).integers(0, 256, (6, 8), dtype=np.uint8)
        texture = Image.fromarray(noise).resize((60, 44), Image.Resampling.BICUBIC)
        for index in range(4):
            texture.crop((index, 0, 48 + index, 40)).save(folder / f"img{index + 1}.png")
        rows.append(f"c{number},s{number // 2},{('joy', 'anger')[number % 2]},100")
    (home / "data" / "clips.csv").write_text("\n".join(rows) + "\n")
    work(home, "evaluate", "stmn-a", "majority", "--seeds", "2", "--out", str(home / "run"))
    work(home, "train", "stmn-a", "--out", str(home / "model"))
    return home


def work(home: Path, *arguments: str) -> Result:
    """Run one command that learns from the corpus."""
    data = ("--corpus", "folder", "--root", str(home / "data"), "--cache", str(home / "cache"))
    done = type_in(*arguments, *data, "--workers", "0", "--device", "cpu", *SETTINGS)
    assert done.exit_code == 0, done.output
    return done


def type_in(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "160"})


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty current folder, and no server."""
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


class Process:
    """An MLflow server of our own, which can be killed and started again on what it had."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder, self.address = folder, f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        store = f"sqlite:///{self.folder / 'server.db'}"
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port)]
        command += [
            "--workers",
            "1",
            "--backend-store-uri",
            store,
            "--artifacts-destination",
            str(self.folder / "files"),
        ]
        quiet = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
        quiet["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=quiet, start_new_session=True)
        end = time.monotonic() + 120
        while not self.answers():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < end, "no answer in two minutes"
            time.sleep(0.1)

    def answers(self) -> bool:
        try:
            with urlopen(f"{self.address}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    process = Process(tmp_path_factory.mktemp("server"))
    yield process
    process.kill()


def client(address: str) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(address)


def rows(address: str, table: str = TABLE) -> dict[str, Any]:
    """Return the rows of a table by name, each of which must be there once."""
    reader = client(address)
    found = reader.search_runs([reader.get_experiment_by_name(table).experiment_id])
    by_name = {row.info.run_name: row for row in found}
    assert len(by_name) == len(found)
    return by_name


def files_of(address: str, row: str, folder: Path) -> dict[str, bytes]:
    """Download all files of a row; return them by path."""
    folder.mkdir()
    client(address).download_artifacts(row, "", str(folder))
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_without_a_server_everything_goes_to_a_file_in_the_current_folder(home: Path, here: Path) -> None:
    done = work(home, "evaluate", "stmn-a", "majority", "--seeds", "2", "--out", str(home / "run"), "--track", "mlflow")
    assert f"logged to MLflow: 2 rows in {TABLE}" in done.stderr
    assert f"to look: mlflow ui --backend-store-uri sqlite:///{here / 'mlflow.db'}" in done.stderr
    assert sorted(path.name for path in here.iterdir()) == ["mlflow.db", "mlruns"]
    row = rows(f"sqlite:///{here / 'mlflow.db'}")["run/stmn-a"]
    assert row.info.status == "FINISHED"
    assert row.data.params["training.epochs"] == "2"
    assert row.data.metrics["uf1"] == load_run(home / "run").results["stmn-a"].scores["uf1"]


def test_a_server_gives_back_every_setting_metric_and_file(home: Path, here: Path, server: Process) -> None:
    tracker = Server(server.address)
    tracker.check()
    for record in records_of(home / "run"):
        tracker.log(record)
    row = rows(server.address)["run/stmn-a"]
    settings = json.loads((home / "run" / "run.json").read_text())["methods"]["stmn-a"]["settings"]
    said = row.data.params
    assert {name: said.get(name, "") for name in flat(settings)} == flat(settings)
    assert (said["protocol"], said["seeds"], said["corpus"]) == ("loso", "[0, 1]", "folder")
    assert said["versions.torch"]
    result = load_run(home / "run").results["stmn-a"]
    assert {name: row.data.metrics[name] for name in result.scores} == result.scores
    low, high = result.intervals["uf1"]
    assert (row.data.metrics["uf1.low"], row.data.metrics["uf1.high"]) == (low, high)
    assert row.data.metrics["cost/parameters"] > 0
    assert row.data.tags["synthetic"] == "no"
    history = client(server.address).get_metric_history
    losses = [[fold["history"]["flow"][epoch]["loss"] for fold in result.folds] for epoch in range(2)]
    curve = {one.step: one.value for one in history(row.info.run_id, "training/flow/loss")}
    assert curve == pytest.approx({1: np.mean(losses[0]), 2: np.mean(losses[1])})
    seeds = {one.step: one.value for one in history(row.info.run_id, "seed/uf1")}
    assert seeds == {one["seed"]: one["uf1"] for one in result.per_seed}
    assert len(history(row.info.run_id, "fold/accuracy")) == 3
    found = files_of(server.address, row.info.run_id, here / "found")
    own = home / "run" / "stmn-a"
    shared = {name: (home / "run" / name).read_bytes() for name in ("run.json", "skipped.csv", "report.html")}
    method = {name: (own / name).read_bytes() for name in ("metrics.json", "predictions.csv")}
    figures = {f"figures/{path.name}": path.read_bytes() for path in (own / "figures").iterdir()}
    assert len(figures) >= 3
    assert found == {**shared, **method, **figures}


def test_what_a_link_of_a_stranger_leads_to_stays_here(home: Path, here: Path) -> None:
    secret = here / "secret.txt"
    secret.write_text("secret")
    for kind in ("model", "run"):
        shutil.copytree(home / kind, here / kind)
    (here / "model" / "notes.txt").symlink_to(secret)
    method = next((here / "run").glob("*/metrics.json")).parent
    (method / "figures").mkdir(exist_ok=True)
    (method / "figures" / "one.svg").symlink_to(secret)
    logged = [file.file for kind in ("model", "run") for one in records_of(here / kind) for file in one.artifacts]
    assert here / "model" / "model.json" in logged
    assert not [file for file in logged if file.is_symlink()]


def test_a_model_can_be_used_from_the_files_of_its_row(home: Path, here: Path, server: Process) -> None:
    (record,) = records_of(home / "model")
    row = Server(server.address).log(record)
    found = files_of(server.address, row, here / "found")
    assert found == {f"model/{path.name}": path.read_bytes() for path in (home / "model").iterdir()}
    assert {"model/model.safetensors", "model/model.json", "model/card.md"} <= found.keys()
    assert load_model(here / "found" / "model").name == "stmn-a"
    logged = client(server.address).get_run(row).data
    assert logged.params["trained.seed"] == "0"
    assert "training/flow/loss" in logged.metrics
    assert logged.tags["dstan.command"] == "train"


def test_a_run_that_is_logged_again_has_one_row_and_keeps_what_people_wrote_there(
    home: Path, here: Path, server: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "again")
    tracker, (record, _) = Server(server.address), records_of(home / "run")
    row = tracker.log(record)
    client(server.address).set_tag(row, "opinion", "good")
    assert tracker.log(records_of(home / "run")[0]) == row
    assert len(client(server.address).get_metric_history(row, "uf1")) == 1
    from dataclasses import replace

    other = replace(record, params={**record.params, "skipped": "7"})
    assert tracker.log(other) != row
    (found,) = rows(server.address, "again").values()
    assert (found.data.params["skipped"], found.data.tags["opinion"]) == ("7", "good")


def test_a_server_that_does_not_answer_is_found_out_before_anything_is_read(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:  # nobody listens there
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://ann:secret@127.0.0.1:{taken.getsockname()[1]}")
        done = type_in("evaluate", "majority", "--corpus", "folder", "--root", "nowhere", "--track", "mlflow")
    assert done.exit_code == 1
    assert "the tracking server does not answer: [Errno 111] Connection refused" in done.stderr
    assert "secret" not in done.output
    assert "ann" not in done.stderr.split("hint")[0]


def test_a_server_that_refuses_a_password_is_told_without_it(
    server: Process, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = server.address.replace("://", "://ann:secret@")
    tracker = Server(address)
    assert tracker.shown == server.address
    assert "secret" not in tracker.view
    monkeypatch.setattr(tracker._client, "search_experiments", _refuse(address))
    with pytest.raises(TrackingError) as caught:
        tracker.check()
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("file", ["/proc/mlflow.db", "/proc/missing/mlflow.db", "taken"])
def test_a_file_that_cannot_be_written_is_told_at_once(here: Path, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    (here / "taken").mkdir()
    monkeypatch.setattr("mlflow.MlflowClient", lambda **_: pytest.fail("MLflow tries for minutes"))
    with pytest.raises(TrackingError, match=r"\[Errno .*See that the folder can be written"):
        Server(f"sqlite:///{file}")
    assert [path.name for path in here.iterdir()] == ["taken"]


@pytest.mark.parametrize("address", ["127.0.0.1:5055", "localhost:5000/", "lab.example.org:5000", "[::1]:5000"])
def test_an_address_without_http_is_told_what_one_looks_like(
    here: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    done = type_in("track", "run")
    assert done.exit_code == 1
    assert f"{address}: http:// or https:// is missing" in done.stderr
    assert "MLFLOW_TRACKING_URI looks like http://HOST:5000 for a server, or sqlite:///FILE" in done.stderr
    with pytest.raises(TrackingError) as caught:
        Server(f"ann:secret@{address}")
    assert caught.value.where == address


def _refuse(address: str) -> Callable[..., Any]:
    from mlflow.exceptions import MlflowException

    def refuse(**_: object) -> None:
        raise MlflowException(f"API request to {address}/api failed: 401, wrong password ann:secret@ given")

    return refuse


@pytest.mark.slow
def test_a_server_that_is_killed_in_the_middle_costs_no_run_and_the_row_is_finished_later(
    home: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    server = Process(here)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    real = MlflowClient.log_artifact

    def die(*arguments: Any) -> None:
        server.kill()
        real(*arguments)

    monkeypatch.setattr(MlflowClient, "log_artifact", die)
    run = here / "run"
    done = work(home, "evaluate", "majority", "--out", str(run), "--track", "mlflow")
    assert f"What is in {run} is whole; log it later: dstan track {run}" in done.stderr
    assert "majority" in load_run(run).results
    monkeypatch.setattr(MlflowClient, "log_artifact", real)
    server.start()
    try:
        assert rows(server.address)["run/majority"].info.status == "RUNNING"
        again = type_in("track", str(run))
        assert again.exit_code == 0, again.output
        row = rows(server.address)["run/majority"]
        assert row.info.status == "FINISHED"
        assert "report.html" in files_of(server.address, row.info.run_id, here / "found")
    finally:
        server.kill()


WATCHED = """
import sys
def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto"):
        said(event, arguments[1])
    elif event == "socket.getaddrinfo":
        said(event, arguments[0])
    elif event in ("subprocess.Popen", "os.exec", "os.posix_spawn"):
        said(event, arguments[0])
def said(event, what):
    with open("seen", "a") as file:
        file.write(f"{event} {what}\\n")
sys.addaudithook(watch)
from dstan.cli import main
sys.argv[0] = "dstan"
main()
"""


@pytest.mark.parametrize("where", ["a file", "a server"])
def test_nothing_but_the_server_is_spoken_to_and_nothing_is_started(
    home: Path, here: Path, server: Process, where: str
) -> None:
    unset = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW", "DO_NOT"))}
    address = {"MLFLOW_TRACKING_URI": server.address} if where == "a server" else {}
    command = [sys.executable, "-c", WATCHED, "track", str(home / "run"), str(home / "model"), "--json"]
    done = subprocess.run(command, env={**unset, **address}, capture_output=True, text=True, check=True)
    names = [row["name"] for row in json.loads(done.stdout)["rows"]]
    assert names == ["run/stmn-a", "run/majority", "model/stmn-a"]
    assert done.stderr == ""
    seen = set(Path("seen").read_text().splitlines()) if Path("seen").exists() else set()
    own = {f"socket.connect ('127.0.0.1', {server.port})", "socket.getaddrinfo 127.0.0.1"}
    asked = {"subprocess.Popen uname", "subprocess.Popen lscpu"}  # by libraries, what processor this is
    assert seen - asked == (own if where == "a server" else set())


def test_a_report_that_shows_faces_stays_here_unless_it_is_asked_for(home: Path, here: Path) -> None:
    out = here / "faces"
    work(home, "evaluate", "majority", "--out", str(out), "--with-faces")
    (without,), (with_them,) = records_of(out), records_of(out, with_faces=True)
    assert "report.html" not in {one.file.name for one in without.artifacts}
    assert "report.html" in {one.file.name for one in with_them.artifacts}
    assert not {"looks.json", "inputs.json"} & {one.file.name for one in with_them.artifacts}


def test_rows_of_several_runs_lie_in_one_table_and_a_choice_made_inside_is_told(home: Path, here: Path) -> None:
    runs = here / "runs"
    work(home, "evaluate", "majority", "--out", str(runs / "plain"))
    tried = ("--try", "training.epochs=1,2", "--parts", "2")
    work(home, "tune", "stmn-a", *tried, "--out", str(runs / "tuned"))
    plain, tuned = records_of(runs)
    assert (plain.name, tuned.name) == ("plain/majority", "tuned/stmn-a")
    assert plain.experiment == tuned.experiment == TABLE
    assert plain.identity != tuned.identity
    assert tuned.params["training.epochs"] == "chosen in every fold of [1, 2]"
    assert tuned.tags["dstan.command"] == "tune"
    assert "search.json" in {one.file.name for one in tuned.artifacts}


def test_what_is_taught_has_a_row_among_models_of_drawn_motion(here: Path) -> None:
    quick = [part for one in ("clips=32", "epochs=1", "checked=32") for part in ("--set", f"teacher.{one}")]
    done = type_in("pretrain", "ststnet", "--task", "megc2019-3", *quick, "--out", "taught", "--track", "mlflow")
    assert done.exit_code == 0, done.output
    row = rows(f"sqlite:///{here / 'mlflow.db'}", "drawn motion: megc2019-3, models")["taught/ststnet"]
    assert row.data.params["trained.teacher.clips"] == "32"
    assert 0 <= row.data.metrics["checked/uf1"] <= 1
    assert (row.data.tags["synthetic"], row.data.tags["dstan.command"]) == ("yes", "pretrain")


@pytest.mark.parametrize(
    "command",
    [
        ("evaluate", "majority", "--corpus", "folder", "--root", "nowhere"),
        ("tune", "stmn-a", "--corpus", "folder", "--root", "nowhere", "--try", "training.epochs=1,2"),
        ("train", "majority", "--corpus", "folder", "--root", "nowhere", "--out", "model"),
        ("pretrain", "ststnet", "--task", "megc2019-3", "--out", "model"),
        ("reproduce", "table1", "--root", "casme2=nowhere"),
        ("ablate", "--corpus", "folder", "--root", "nowhere"),
    ],
)
def test_every_command_that_makes_runs_or_models_takes_the_option(here: Path, command: tuple[str, ...]) -> None:
    done = type_in(*command, "--track", "paper")
    assert (done.exit_code, "Write --method-track paper" in done.stderr) == (2, True), done.output


def test_what_is_no_run_is_named(here: Path) -> None:
    (here / "empty").mkdir()
    with pytest.raises(RunError, match="neither a run nor a model"):
        records_of(here / "empty")
    done = type_in("track", "empty")
    assert done.exit_code == 1
    assert "neither a run nor a model" in done.stderr


def test_of_several_runs_the_finished_ones_are_logged_and_the_others_named(home: Path, here: Path) -> None:
    for name in ("whole", "begun"):
        shutil.copytree(home / "run", here / "runs" / name)
    for metrics in (here / "runs" / "begun").glob("*/metrics.json"):
        metrics.unlink()
    done = type_in("track", "runs", "--json")
    assert done.exit_code == 1
    document = json.loads(done.stdout)
    assert [row["name"] for row in document["rows"]] == ["whole/stmn-a", "whole/majority"]
    assert document["left_out"] == [str(here / "runs" / "begun")]
    reason = f"{here / 'runs' / 'begun'}: no method of this run is finished. Type the dstan evaluate"
    assert f"warning: not logged: {reason}" in done.stderr
    assert set(rows(f"sqlite:///{here / 'mlflow.db'}")) == {"whole/stmn-a", "whole/majority"}
    shutil.rmtree(here / "runs" / "whole")
    none = type_in("track", "runs")
    assert none.exit_code == 1
    assert f"error: {here / 'runs' / 'begun'}: no method of this run is finished" in none.stderr
    assert "hint: Type the dstan evaluate" in none.stderr


def test_a_long_curve_is_thinned_and_ends_where_it_ended() -> None:
    epochs = [{"epoch": number, "loss": 1 / number} for number in range(1, 2 * MOST_POINTS)]
    found = list(curves([{"flow": epochs}, {"flow": epochs[:3]}]))
    assert len(found) <= MOST_POINTS
    assert [found[0].step, found[-1].step] == [1, 2 * MOST_POINTS - 1]
    assert found[-1].value == 1 / (2 * MOST_POINTS - 1)
    assert len(list(curves([{"flow": epochs[:7]}]))) == 7


def test_without_mlflow_the_error_says_what_to_install(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "dstan\[mlflow\]"'):
        Server()
    done = type_in("train", "majority", "--out", "model", "--corpus", "folder", "--track", "mlflow")
    assert (done.exit_code, "dstan[mlflow]" in done.stderr) == (1, True)
