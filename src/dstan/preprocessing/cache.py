"""What was prepared, kept: one file a clip and stage, written atomically, shared by any number of processes.

An entry's name follows from the recipe and from the frames (their paths, sizes and times of change), so an entry never
has to be thrown away for being wrong, and :meth:`Cache.clean` throws away what is not needed. It is
``STAGE/RECIPE/FRAMES/ENTRY.safetensors``, where FRAMES stands for the folder or the video that the frames lie in.
Entries hold arrays and JSON; nothing in them is executed. They are pictures of people: folders are 0700 and files 0600,
whatever the umask, and only where the owner of the cache's folder has opened it to a group does that group take part.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dstan import _atomic
from dstan._engine import run_tasks
from dstan._progress import Progress, silent
from dstan.clips import Clip, ClipSet, Key, PreparedClip, Skipped
from dstan.config import digest_of
from dstan.errors import ClipError, CorpusError, DstanError, TaskFailedError
from dstan.preprocessing._opencv import to_half
from dstan.preprocessing.identity import identity_of, identity_of_truth, owner_of
from dstan.preprocessing.pipeline import Aligned, prepare_clip
from dstan.preprocessing.recipe import Recipe

log = logging.getLogger(__name__)

FORMAT = 2
"""Changes whenever the same recipe gives other numbers."""


STAGES = ("aligned", "prepared")
TASK_LIMIT = 3600.0
"""Seconds after which the preparation of one clip is taken to hang."""
_STILL_WRITTEN = 3600.0
"""Seconds after which a temporary file is taken for one that a killed process left."""


@dataclass(frozen=True)
class Freed:
    """What was removed: ``entries``, and how many ``bytes`` they took."""

    entries: int
    bytes: int


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
        """Write a prepared clip.

        Raises
        ------
        StorageError
            If it cannot be written.
        """
        self._write(self.path(prepared.clip, recipe), prepared.arrays(), prepared.done, prepared.clip)

    def load_aligned(self, clip: Clip, recipe: Recipe) -> Aligned | None:
        """Read a clip's aligned frames; None where there are none, or only a damaged file."""
        from safetensors import SafetensorError, safe_open

        path = self.aligned_path(clip, recipe)
        try:
            with safe_open(path, framework="numpy") as file:
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                done = json.loads((file.metadata() or {})["done"])
            done.pop("corpus", None)
            frames = arrays["frames"].astype(np.float32)
        except FileNotFoundError:
            return None
        except (SafetensorError, ValueError, KeyError, AttributeError) as error:
            log.warning("%s: the cached file %s is damaged and is made again (%s)", clip, path, error)
            return None
        return Aligned(frames, arrays.get("times"), arrays.get("landmarks"), done)

    def store_aligned(self, aligned: Aligned, clip: Clip, recipe: Recipe) -> None:
        """Write a clip's aligned frames in half precision, which they fit exactly; raises as :meth:`store`."""
        halves = np.empty(aligned.frames.shape, dtype=np.float16)
        for half, frame in zip(halves, aligned.frames, strict=True):
            half[:] = to_half(frame)
        arrays: dict[str, Any] = {"frames": halves}
        arrays |= {name: value for name in ("times", "landmarks") if (value := getattr(aligned, name)) is not None}
        self._write(self.aligned_path(clip, recipe), arrays, aligned.done, clip)

    def clean(self, clips: Iterable[Clip], recipes: Iterable[Recipe]) -> Freed:
        """Remove what is kept of some clips' frames and none of some recipes makes use of.

        Entries of other recipes go, and those made before frames or annotations changed. What lies in the cache of
        any other frames stays, whatever its recipe; so does everything of a clip whose frames cannot be found now.

        Parameters
        ----------
        clips
            All clips of the folders or videos that they lie in: of those, what belongs to none of them goes.
        recipes
            The recipes still wanted.
        """
        wanted: set[Path] = set()
        owners: set[str] = set()
        unsure: set[str] = set()
        recipes = list(recipes)
        for clip in clips:
            owners.add(owner_of(clip))
            try:
                wanted |= {path(clip, recipe) for path in (self.path, self.aligned_path) for recipe in recipes}
            except ClipError:
                unsure.add(owner_of(clip))
        kept = [entry for folder in self._folders(owners - unsure) for entry in folder.iterdir()]
        return remove(entry for entry in kept if entry not in wanted and not being_written(entry))

    @property
    def group(self) -> int:
        """What the group of the folder may do in it: 0o070, 0o050 or 0.

        A group takes part where the folder's owner has opened it to the group and to nobody else: ``chmod 2770`` or
        ``chmod 2750``. What an ordinary umask gives, 0755 or 0775, opens nothing that is written below.
        """
        try:
            mode = self.root.stat().st_mode
        except OSError:  # it is not there, or cannot be: that is told when something is written
            return 0
        if mode & 0o007 or not mode & 0o040:
            return 0
        return 0o070 if mode & 0o020 else 0o050

    def _folders(self, owners: set[str]) -> Iterator[Path]:
        for stage in STAGES:
            for digest in (self.root / stage).glob("*"):
                yield from (digest / owner for owner in sorted(owners) if (digest / owner).is_dir())

    def _write(self, path: Path, arrays: Mapping[str, Any], done: Mapping[str, Any], clip: Clip) -> None:
        from safetensors.numpy import save_file

        group = self.group
        about = {"done": json.dumps({**done, "corpus": clip.corpus})}  # several entries would be in any order
        with _atomic.replacing(path, private=True, group=group) as temporary:
            save_file(dict(arrays), temporary, metadata=about)
        for folder in (path.parents[2], path.parents[1], path.parent):
            _narrow(folder, 0o700 | group)

    def _entry(self, stage: str, digest: str, clip: Clip, recipe: Recipe, more: list[Any]) -> Path:
        identity = digest_of([FORMAT, *identity_of(clip), identity_of_truth(clip, recipe, stage), *more])
        return self.root / stage / digest / owner_of(clip) / f"{identity}.safetensors"


def check_any(clips: ClipSet) -> None:
    """See that some clip could be prepared.

    Raises
    ------
    CorpusError
        If none could; the first one's reason is told.
    """
    if not len(clips):
        first = next(item for item in clips.skipped if item.stage == "prepare")
        raise CorpusError(
            f"not one clip could be prepared; the first: {first.reason}",
            where="/".join((first.corpus, first.subject, first.clip_id)),
        )


def read_done(path: Path) -> dict[str, Any]:
    """Return what a prepared file says was done, from its header alone.

    Parameters
    ----------
    path
        See :meth:`Cache.path`.
    """
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        return dict(json.loads((file.metadata() or {}).get("done", "{}")))


def prepare_clips(
    clips: ClipSet,
    recipe: Recipe,
    cache: Cache,
    *,
    workers: int | None = None,
    cluster: str | None = None,
    task_limit: float | None = None,
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
        Address of a running Dask cluster, or the file that its scheduler wrote it to.
    task_limit
        Seconds that a clip may take: see :func:`dstan._engine.run_tasks`; :data:`TASK_LIMIT` where not given.
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
    TaskFailedError
        If a clip fails for a reason that lies not in it, as the death of its worker; the others are prepared by then.
    DstanError
        If something else fails: a library is missing, the disk is full.
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
    limit = TASK_LIMIT if task_limit is None else task_limit
    failed: list[TaskFailedError] = []
    made = run_tasks(task, missing, workers=workers, cluster=cluster, task_limit=limit) if missing else ()
    for index, result in made:
        if isinstance(result, TaskFailedError) and not strict:
            failed.append(result)
        elif isinstance(result, DstanError):
            failures[missing[index].key] = _keep(result, strict)
        done += 1
        progress("prepare", done, len(clips), str(missing[index]))
    if failed:
        raise failed[0]
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


def being_written(entry: Path) -> bool:
    """Tell whether a file is a temporary one that some process may just be writing."""
    try:
        return entry.name.startswith(".") and time.time() - entry.stat().st_mtime < _STILL_WRITTEN
    except FileNotFoundError:
        return True


def remove(entries: Iterable[Path]) -> Freed:
    """Remove files, leaving their folders, in which another process may just be about to write."""
    count = size = 0
    for entry in entries:
        try:
            length = entry.stat().st_size
            entry.unlink()
        except FileNotFoundError:  # another process was quicker
            continue
        count, size = count + 1, size + length
    return Freed(count, size)


def _narrow(folder: Path, mode: int) -> None:
    """Take away what an earlier version or another program has opened, where the folder is ours."""
    try:
        status = folder.stat()
        if status.st_mode & 0o077 & ~mode and status.st_uid == getattr(os, "geteuid", int)():
            folder.chmod(status.st_mode & 0o7700 | (mode & 0o077))
    except FileNotFoundError:  # the cache is being cleared
        return
