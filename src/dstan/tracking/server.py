"""A tracking server of MLflow, or a SQLite file: what is logged there, and that nothing else hears of it."""

from __future__ import annotations

import logging
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dstan.errors import MissingDependencyError, TrackingError
from dstan.tracking.record import Record

if TYPE_CHECKING:
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

FILE = "mlflow.db"
"""The SQLite file in the current folder where no server is named; its artifacts go to ``mlruns`` beside it."""
ADDRESS, TABLE = "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"
_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
}
_BRIEF = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "5", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
_PATIENT = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "30", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}
_HOST_AND_PORT = re.compile(r"([^/@]*@)?([\w.-]+|\[[\da-fA-F:.]+\]):\d+(/.*)?")
_IDENTITY, _NUMBERS = "dstan.identity", "dstan.numbers"


class Server:
    """A place for records.

    Parameters
    ----------
    address
        ``http://HOST:PORT``, ``sqlite:///FILE`` or what else MLflow takes; as ``MLFLOW_TRACKING_URI`` says where not
        given, and without that a SQLite file in the current folder.

    Raises
    ------
    MissingDependencyError
        If MLflow is not installed.
    TrackingError
        If the address is none, or the SQLite file cannot be written.
    """

    def __init__(self, address: str | None = None) -> None:
        self.address = address or os.environ.get(ADDRESS) or f"sqlite:///{Path(FILE).absolute()}"
        with _environment(_QUIET):
            try:
                from mlflow import MlflowClient
            except ImportError as error:
                raise MissingDependencyError(
                    f"MLflow cannot be imported: {error}", hint='Install it: pip install "dstan[mlflow]"'
                ) from error
            logging.getLogger("alembic").setLevel(logging.WARNING)
            with self._told("cannot be used"):
                self._look_at_address()
                self._client: MlflowClient = MlflowClient(tracking_uri=self.address, registry_uri=self.address)

    @property
    def shown(self) -> str:
        """The address without a user's name, password or query."""
        return re.sub(r"(://|^)[^/@]*:[^/@]*@|(://)[^/@]*@", r"\1\2", self.address).partition("?")[0]

    @property
    def is_local(self) -> bool:
        """Whether it is a file on this machine that nobody serves."""
        return urlsplit(self.address).scheme not in ("http", "https", "databricks", "uc")

    @property
    def view(self) -> str:
        """What to type or to open to look at the tables."""
        return f"mlflow ui --backend-store-uri {self.shown}" if self.is_local else self.shown

    def check(self) -> None:
        """See that it answers, within seconds, before hours of work are begun.

        Raises
        ------
        TrackingError
            If it does not, or does not let this user in.
        """
        with _environment({**_QUIET, **_BRIEF}), self._told("does not answer"):
            self._client.search_experiments(max_results=1)

    def log(self, record: Record) -> str:
        """Log a record; one that was logged before is brought up to date.

        A row whose settings and metrics still hold is kept and given the files anew. One that says something else, or
        was left unfinished, is moved to MLflow's bin, since a parameter can be written there once only.

        Parameters
        ----------
        record
            What :func:`~dstan.tracking.records_of` returned.

        Returns
        -------
        The id of the row, which MLflow calls a run.

        Raises
        ------
        TrackingError
            If the server does not answer, or refuses something.
        """
        with _environment({**_QUIET, **_patience()}), self._told("did not take it"):
            table = self._table(os.environ.get(TABLE) or record.experiment)
            row = self._row(table, record)
            for artifact in record.artifacts:
                self._client.log_artifact(row, str(artifact.file), artifact.folder or None)
            end = record.created.timestamp() + record.seconds
            self._client.set_terminated(row, "FINISHED", int(1000 * end))
            return row

    def _look_at_address(self) -> None:
        """Find out at once what MLflow would try for minutes, or would take for a folder."""
        if _HOST_AND_PORT.fullmatch(self.address):
            raise TrackingError("http:// or https:// is missing", where=self.shown, hint=self._hint())
        name = self.address.partition("?")[0].removeprefix("sqlite:///")
        if self.address.startswith("sqlite:///") and name and not name.startswith((":memory:", "file:")):
            _try_to_write(Path(name).absolute())

    def _table(self, name: str) -> str:
        """Return the id of an experiment, which is made where it is not there."""
        found = self._client.get_experiment_by_name(name)
        if found is None:
            return str(self._client.create_experiment(name))
        if found.lifecycle_stage != "active":
            raise TrackingError(
                f"the experiment {name!r} was deleted there",
                where=self.shown,
                hint=f"Restore it: mlflow experiments restore -x {found.experiment_id}, or name another: {TABLE}=NAME",
            )
        return str(found.experiment_id)

    def _row(self, table: str, record: Record) -> str:
        """Return the id of the row with a record's numbers; an older one that says something else is binned."""
        own: dict[str, str] = {}
        for old in self._client.search_runs([table], f"tags.`{_IDENTITY}` = '{record.identity}'"):
            if old.data.tags.get(_NUMBERS) == record.numbers:
                return str(old.info.run_id)
            own |= {name: text for name, text in old.data.tags.items() if name not in record.tags}
            self._client.delete_run(old.info.run_id)
        return self._new_row(table, record, own)

    def _new_row(self, table: str, record: Record, own: Mapping[str, str]) -> str:
        from mlflow.entities import Metric, Param, RunTag

        start = int(1000 * record.created.timestamp())
        named = {"mlflow.runName": record.name, "mlflow.note.content": record.note}
        tags = {**named, **own, **record.tags, _IDENTITY: record.identity}
        tags.pop(_NUMBERS, None)  # said last, when all of them are there
        row = self._client.create_run(table, start, tags).info.run_id
        params = [Param(name, text) for name, text in record.params.items() if text != ""]
        self._client.log_batch(row, params=params)
        self._client.log_batch(row, metrics=[Metric(one.name, one.value, start, one.step) for one in record.points])
        self._client.log_batch(row, tags=[RunTag(_NUMBERS, record.numbers)])
        return str(row)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Turn what libraries raise into one error, without secrets of the address."""
        try:
            yield
        except TrackingError:
            raise
        except _failures() as error:
            reason = self._without_secrets(str(error) or type(error).__name__)
            raise TrackingError(
                f"the tracking server {what}: {reason}",
                where=self.shown,
                hint=self._hint(),
            ) from None  # the cause may hold the password

    def _hint(self) -> str:
        if not self.is_local:
            return f"See that it runs and lets you in; without {ADDRESS} a file in the current folder is used"
        is_file = urlsplit(self.address).scheme in ("", "file", "sqlite")
        if is_file and not _HOST_AND_PORT.fullmatch(self.address):
            return "See that the folder can be written, and that no other program holds the file"
        return f"{ADDRESS} looks like http://HOST:5000 for a server, or sqlite:///FILE"

    def _without_secrets(self, text: str) -> str:
        secret = urlsplit(self.address).netloc.rpartition("@")[0]
        text = text.replace(self.address, self.shown)
        text = text.replace(f"{secret}@", "") if secret else text
        cause = re.search(r"\[Errno -?\d+\] [\w ]+|timed out", text)  # the rest is three libraries deep
        line = cause[0] if cause else " ".join(text.split())
        return line if len(line) <= 300 else f"{line[:300]}…"


def _try_to_write(file: Path) -> None:
    """Raise OSError where a file, or one beside it, cannot be written; missing folders are made by MLflow."""
    if file.exists():
        file.open("ab").close()
    folder = next(one for one in file.parents if one.exists())
    tempfile.TemporaryFile(dir=folder).close()


def _failures() -> tuple[type[BaseException], ...]:
    """Return what MLflow and what is below it raise where a server is not there, is full, or refuses."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return MlflowException, SQLAlchemyError, OSError, ImportError


def _patience() -> dict[str, str]:
    """Return how long to wait for a server, as the user says or else less than MLflow's minutes."""
    return {name: os.environ.get(name, value) for name, value in _PATIENT.items()}


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment, which MLflow reads at every call, for the length of a block."""
    before: dict[str, Any] = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
