"""What was prepared, kept: one file a clip and stage, written atomically, shared by any number of processes.

An entry's name follows from the recipe and from the frames (their paths, sizes and times of change), so an entry never
has to be thrown away by hand. Entries hold arrays and JSON; nothing in them is executed.
"""

from __future__ import annotations

import functools
import json
import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from dstan import _atomic
from dstan._engine import run_tasks
from dstan._progress import Progress, silent
from dstan.clips import Clip, ClipSet, Key, PreparedClip, Skipped
from dstan.config import digest_of
from dstan.errors import ClipError, DstanError, FrameError
from dstan.preprocessing.landmarks import truth_path
from dstan.preprocessing.pipeline import Aligned, prepare_clip
from dstan.preprocessing.recipe import Recipe
from dstan.video import check_range, list_images

log = logging.getLogger(__name__)

FORMAT = 1
"""Changes whenever the same recipe gives other numbers."""


class Cache:
    """Prepared clips on disk.

    Parameters
    ----------
    root
        The folder, made when first needed; ``$XDG_CACHE_HOME/dstan`` if None, or else ``~/.cache/dstan``.
    """

    def __init__(self, root: Path | None = None) -> None:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        self.root = (home / "dstan" if root is None else Path(root)).absolute()

    def __repr__(self) -> str:
        return f"Cache({str(self.root)!r})"

    def path(self, clip: Clip, recipe: Recipe) -> Path:
        """Return where a prepared clip is or would be.

        Raises
        ------
        ClipError
            If a frame is missing, or the annotation does not fit the frames.
        """
        apex = [clip.apex] if recipe.apex == "annotated" else []
        return self._entry("prepared", recipe.digest(), clip, recipe, apex)

    def aligned_path(self, clip: Clip, recipe: Recipe) -> Path:
        """Return where a clip's aligned frames are or would be; raises as :meth:`path`."""
        return self._entry("aligned", recipe.aligned_digest(), clip, recipe, [])

    def holds(self, clip: Clip, recipe: Recipe) -> bool:
        """Tell whether a prepared clip is there and whole, by its header and length."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self.path(clip, recipe), framework="numpy") as file:
                return "appearance" in file.keys()  # noqa: SIM118
        except (OSError, SafetensorError):
            return False

    def load(self, clip: Clip, recipe: Recipe) -> PreparedClip | None:
        """Read a prepared clip; None where there is none, or only a damaged one."""
        path = self.path(clip, recipe)
        try:
            return PreparedClip.load(path, clip)
        except FileNotFoundError:
            return None
        except (DstanError, TypeError) as error:
            log.warning("%s: the cached file %s is damaged and is made again (%s)", clip, path, error)
            return None

    def store(self, prepared: PreparedClip, recipe: Recipe) -> None:
        """Write a prepared clip."""
        self._make()
        prepared.save(self.path(prepared.clip, recipe))

    def load_aligned(self, clip: Clip, recipe: Recipe) -> Aligned | None:
        """Read a clip's aligned frames; None where there are none, or only a damaged file."""
        from safetensors import SafetensorError, safe_open

        path = self.aligned_path(clip, recipe)
        try:
            with safe_open(path, framework="numpy") as file:
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                done = json.loads((file.metadata() or {})["done"])
            frames = arrays["frames"].astype(np.float32)
        except FileNotFoundError:
            return None
        except (SafetensorError, ValueError, KeyError) as error:
            log.warning("%s: the cached file %s is damaged and is made again (%s)", clip, path, error)
            return None
        return Aligned(frames, arrays.get("times"), arrays.get("landmarks"), done)

    def store_aligned(self, aligned: Aligned, clip: Clip, recipe: Recipe) -> None:
        """Write a clip's aligned frames in half precision, which they fit exactly."""
        from safetensors.numpy import save_file

        self._make()
        arrays: dict[str, Any] = {"frames": aligned.frames.astype(np.float16)}
        arrays |= {name: value for name in ("times", "landmarks") if (value := getattr(aligned, name)) is not None}
        with _atomic.replacing(self.aligned_path(clip, recipe)) as temporary:
            save_file(arrays, temporary, metadata={"done": json.dumps(aligned.done)})

    def _make(self) -> None:
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _entry(self, stage: str, digest: str, clip: Clip, recipe: Recipe, more: list[Any]) -> Path:
        identity = digest_of([FORMAT, *_identity(clip), _identity_of_truth(clip, recipe), *more])
        return self.root / stage / digest / identity[:2] / f"{identity}.safetensors"


def prepare_clips(
    clips: ClipSet,
    recipe: Recipe,
    cache: Cache,
    *,
    workers: int | None = None,
    cluster: str | None = None,
    progress: Progress = silent,
    strict: bool = False,
) -> ClipSet:
    """Prepare what the cache does not hold yet, each clip a task of its own.

    Parameters
    ----------
    clips
        The clips.
    recipe
        What to do.
    cache
        Where the prepared clips go; on a cluster a folder that every machine sees.
    workers
        Processes; None for as many as there are cores, 0 for this one.
    cluster
        Address of a running Dask cluster.
    progress
        Called as clips finish, stage "prepare".
    strict
        Raise at the first clip that cannot be used, instead of leaving it out.

    Returns
    -------
    The clips that are prepared; the others are among ``skipped``, with stage "prepare" and the reason.

    Raises
    ------
    ClipError
        If ``strict`` and a clip cannot be used.
    DstanError
        If something else fails: a library is missing, a worker fails.
    """
    failures: dict[Key, ClipError] = {}
    missing: list[Clip] = []
    for clip in clips:
        try:
            if not cache.holds(clip, recipe):
                missing.append(clip)
        except ClipError as error:
            _keep(error, strict)
            failures[clip.key] = error
    done = len(clips) - len(missing)
    progress("prepare", done, len(clips))
    task = functools.partial(_prepare, recipe=recipe, cache=cache)
    for index, result in run_tasks(task, missing, workers=workers, cluster=cluster) if missing else ():
        if isinstance(result, DstanError):
            failures[missing[index].key] = _keep(result, strict)
        done += 1
        progress("prepare", done, len(clips), str(missing[index]))
    return clips.without(_skipped(clip, failures[clip.key]) for clip in clips if clip.key in failures)


def load_prepared(clips: Iterable[Clip], recipe: Recipe, cache: Cache) -> list[PreparedClip]:
    """Read prepared clips in order; what the cache does not hold is prepared in this process.

    Raises
    ------
    ClipError
        If a clip cannot be used.
    """
    return [prepare_clip(clip, recipe, cache) for clip in clips]


def _prepare(clip: Clip, *, recipe: Recipe, cache: Cache) -> None:
    prepare_clip(clip, recipe, cache)


def _keep(error: DstanError, strict: bool) -> ClipError:
    """Return the error of a clip to be left out; raise any other."""
    if strict or not isinstance(error, ClipError):
        raise error
    return error


def _skipped(clip: Clip, error: ClipError) -> Skipped:
    reason = str(error).removeprefix(f"{clip}: ")
    return Skipped(clip.corpus, clip.subject, clip.clip_id, stage="prepare", reason=reason)


def _identity(clip: Clip) -> list[Any]:
    """Return what tells one stretch of frames from any other."""
    check_range(clip)
    about = [str(clip.path.absolute()), clip.onset, clip.offset, clip.fps, clip.cropped]
    if not clip.files and not clip.path.is_dir():
        return [*about, _stamp(clip, clip.path)]
    files = clip.files or list_images(clip.path)
    stop = len(files) if clip.offset is None else clip.offset + 1
    return [*about, [[name, *_stamp(clip, clip.path / name)] for name in files[clip.onset or 0 : stop]]]


def _identity_of_truth(clip: Clip, recipe: Recipe) -> list[Any]:
    wanted = recipe.alignment == "rigid_first_frame" and recipe.landmarks == "truth" and not clip.cropped
    return _stamp(clip, truth_path(clip)) if wanted else []


def _stamp(clip: Clip, path: Path) -> list[int]:
    try:
        status = path.stat()
    except OSError as error:
        raise FrameError(f"{path} cannot be read: {error.strerror}", where=clip, hint="Restore the file") from error
    return [status.st_size, status.st_mtime_ns]
