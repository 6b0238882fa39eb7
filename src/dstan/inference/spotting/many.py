"""Spotting in many videos: each is a task of the one engine, wherever that runs."""

from __future__ import annotations

import functools
import hashlib
import logging
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dstan._engine import run_tasks, usable_cores
from dstan._progress import Progress, silent
from dstan.errors import DstanError
from dstan.inference.shipped import SHIPPED
from dstan.inference.spotting.event import Spotting
from dstan.inference.spotting.settings import SpottingSettings

if TYPE_CHECKING:
    from dstan.inference.predict import Model

log = logging.getLogger(__name__)

WORKER = 700 * 2**20
"""Bytes that a process takes that spots and names, whatever the length of a video (docs/spotting.md)."""


@dataclass(frozen=True)
class Request:
    """What is asked of a video.

    Parameters
    ----------
    settings
        What counts as a micro-expression.
    name
        Whether a model names each event.
    model
        Its folder; the model that comes along if None.
    fps
        Frames per second of image folders; a video file knows its own.
    min_confidence
        Probability below which the model abstains from naming.
    """

    settings: SpottingSettings = field(default_factory=SpottingSettings)
    name: bool = True
    model: Path | None = None
    fps: float | None = None
    min_confidence: float | None = None

    def model_digest(self) -> str | None:
        """Return the digest of the model's files; None where none is asked.

        Raises
        ------
        ModelError
            If the folder holds no model, or its files do not belong together.
        """
        from dstan.recognizers.model_files import DOCUMENT, checked_document

        if not self.name:
            return None
        folder = self.model or SHIPPED
        checked_document(folder)  # which holds the digest of the arrays
        return hashlib.sha256((folder / DOCUMENT).read_bytes()).hexdigest()

    def about(self, path: Path, model: str | None) -> dict[str, Any]:
        """Return everything that an answer follows from, but for the version, as JSON can say it.

        Parameters
        ----------
        path
            The video file or image folder.
        model
            As :meth:`model_digest` returned.
        """
        return {
            "settings": self.settings.to_dict(),
            "fps": self.fps,
            "min_confidence": self.min_confidence,
            "model": model,
            "video": _stamp(path),
        }


def _stamp(path: Path) -> dict[str, int] | None:
    """Tell a video from any other at its path: files, bytes, and when it was last changed; None where there is none."""
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        known = [file.stat() for file in files]
    except OSError:
        return None
    return {
        "files": len(files),
        "bytes": sum(one.st_size for one in known),
        "changed": max((one.st_mtime_ns for one in known), default=0),
    }


def spot_videos(
    paths: Sequence[Path],
    request: Request,
    *,
    workers: int | None = None,
    cluster: str | None = None,
    task_limit: float | None = None,
    progress: Progress = silent,
) -> Generator[tuple[int, Spotting | DstanError], None, None]:
    """Spot in many videos, several at a time.

    Every process works with one thread and loads the model once. What is found does not depend on their number.

    Parameters
    ----------
    paths
        Video files or folders of images; on a cluster where every machine sees them, as the model's folder.
    request
        What is asked of each.
    workers
        Processes; 0 works in this one, None takes one per usable core, but no more than memory has room for.
    cluster
        A running Dask cluster, as in :func:`dstan._engine.run_tasks`.
    task_limit
        Seconds that a video may take; one that takes longer is begun once more, and then an error in place of it.
    progress
        Told "videos", those that are done and all.

    Yields
    ------
    The index of a path and what was found there, in the order in which they finish. Of a video that cannot be used
    the error comes in place of it.

    Raises
    ------
    ConfigError
        If ``workers`` is negative or the cluster does not answer.
    ModelError
        If the model's folder cannot be used.
    """
    digest = request.model_digest()
    model = request.model and request.model.absolute()
    jobs = [_Job(path.absolute(), replace(request, model=model), digest) for path in paths]
    if workers is None and cluster is None:
        workers = processes(len(jobs))
    progress("videos", 0, len(jobs))
    outcomes = run_tasks(_spot, jobs, workers=workers, cluster=cluster, task_limit=task_limit)
    for done, (index, outcome) in enumerate(outcomes, 1):
        progress("videos", done, len(jobs), paths[index].name)
        yield index, _as_given(outcome, paths[index])


def processes(videos: int) -> int:
    """Return how many processes spot at a time: one per usable core, if there is memory for them.

    Parameters
    ----------
    videos
        How many there are.
    """
    from dstan.training.memory import fits_at_once

    most, room = min(videos, usable_cores()), fits_at_once("cpu", WORKER)
    if room < most:
        log.warning(
            "memory has room for %d at a time, of %.1f GiB each, where %d could run", room, WORKER / 2**30, most
        )
    return min(most, room)


@dataclass(frozen=True)
class _Job:
    """One video, at an absolute path, for other processes may work elsewhere."""

    path: Path
    request: Request
    digest: str | None

    def __str__(self) -> str:
        return str(self.path)


def _spot(job: _Job) -> Spotting:
    from dstan.inference.spotting import spot_video

    asked = job.request
    model = _model(asked.model, job.digest) if job.digest else None
    return spot_video(job.path, model, settings=asked.settings, fps=asked.fps, min_confidence=asked.min_confidence)


@functools.lru_cache(maxsize=1)
def _model(folder: Path | None, digest: str) -> Model:
    """Load a model once a process; the digest tells it from another that lay there before."""
    from dstan.inference.predict import load_model

    return load_model(folder)


def _as_given(outcome: Spotting | DstanError, path: Path) -> Spotting | DstanError:
    """Call a video by the path that it was given by."""
    if isinstance(outcome, Spotting):
        events = (
            replace(event, prediction=event.prediction and replace(event.prediction, path=path))
            for event in outcome.events
        )
        return replace(outcome, path=path, events=tuple(events))
    if outcome.where == str(path.absolute()):
        outcome.where = str(path)
    return outcome
