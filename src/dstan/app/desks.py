"""Who works on what: each open page has a desk of its own, and what lies on it goes when the page is closed."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

from dstan.errors import DstanError

if TYPE_CHECKING:
    from dstan.inference.spotting import Spotting


class StoppedError(DstanError):
    """Somebody pressed Stop, closed the page or began something else."""


class Job:
    """One video, what was found in it, and the folder of all files made for it.

    The folder's name cannot be guessed. It goes as soon as the job was discarded and nothing works in it any more.

    Parameters
    ----------
    folder
        Made here.

    Attributes
    ----------
    video, preview
        The video, and what a browser plays of it.
    spotting
        What was found; None until then.
    panels
        The events that were drawn, by their places.
    wanted
        The event that was chosen last.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.video = folder
        self.preview = folder
        self.spotting: Spotting | None = None
        self.panels: dict[int, str] = {}
        self.wanted = 0
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._at_work = 0
        folder.mkdir(mode=0o700, parents=True)

    @property
    def stopped(self) -> bool:
        """Whether it was discarded."""
        return self._stopped.is_set()

    @property
    def at_work(self) -> bool:
        """Whether something works in its folder."""
        return self._at_work > 0

    def check(self) -> None:
        """See that somebody still wants the result.

        Raises
        ------
        StoppedError
            If it was discarded.
        """
        if self.stopped:
            raise StoppedError("stopped")

    @contextmanager
    def work(self) -> Iterator[None]:
        """Hold the folder while something works in it.

        Raises
        ------
        StoppedError
            If it was discarded before.
        """
        with self._lock:
            self.check()
            self._at_work += 1
        try:
            yield
        finally:
            with self._lock:
                self._at_work -= 1
            self._clear()

    def discard(self) -> None:
        """Stop whatever works on it and delete its files, at once or when that has stopped."""
        self._stopped.set()
        self._clear()

    def _clear(self) -> None:
        with self._lock:
            if self.stopped and not self._at_work and self.folder.exists():
                shutil.rmtree(self.folder)


@dataclass(eq=False)
class Desk:
    """What one open page has: its job, and the file that lies in its upload field."""

    job: Job | None = None
    upload: Path | None = None


@dataclass(eq=False)
class Desks:
    """The desks of all open pages.

    Parameters
    ----------
    root
        A folder that nobody else can read; everything is below it.
    """

    root: Path
    _desks: dict[str, Desk] = field(default_factory=dict)
    _held: Counter[Path] = field(default_factory=Counter)
    _jobs: WeakSet[Job] = field(default_factory=WeakSet)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def begin(self, session: str) -> Job:
        """Start a job for a page; the one before goes."""
        with self._lock:
            desk = self._desks.setdefault(session, Desk())
            if desk.job is not None:
                desk.job.discard()
            desk.job = Job(self.root / "work" / secrets.token_hex(16))
            self._jobs.add(desk.job)
            return desk.job

    def job(self, session: str) -> Job | None:
        """Return the job of a page."""
        with self._lock:
            desk = self._desks.get(session)
            return None if desk is None else desk.job

    def stop(self, session: str) -> None:
        """Discard the job of a page."""
        with self._lock:
            desk = self._desks.get(session)
            if desk is not None and desk.job is not None:
                desk.job.discard()
                desk.job = None

    def hold(self, session: str, upload: Path | None) -> None:
        """Remember which file lies in a page's upload field; the one before is deleted once no page holds it."""
        with self._lock:
            desk = self._desks.setdefault(session, Desk())
            if upload == desk.upload:
                return
            before, desk.upload = desk.upload, upload
            if upload is not None:
                self._held[upload] += 1
            if before is not None:
                self._release(before)

    def close(self, session: str) -> None:
        """Clear the desk of a page that was closed or loaded anew."""
        with self._lock:
            self.stop(session)
            self.hold(session, None)
            self._desks.pop(session, None)

    def close_all(self, patience: float = 30.0) -> None:
        """Clear every desk, and wait until nothing works any more.

        Parameters
        ----------
        patience
            Seconds to wait at most: work ends at its next report.
        """
        for session in list(self._desks):
            self.close(session)
        until = time.monotonic() + patience
        while any(job.at_work for job in list(self._jobs)) and time.monotonic() < until:
            time.sleep(0.05)

    def _release(self, upload: Path) -> None:
        self._held[upload] -= 1
        if self._held[upload] <= 0:
            del self._held[upload]
            upload.unlink(missing_ok=True)
            if upload.parent != self.root and upload.parent.is_dir() and not any(upload.parent.iterdir()):
                upload.parent.rmdir()
