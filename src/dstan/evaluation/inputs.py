"""What every task of a run reads: a list of clips and, for each recipe, the file of each prepared clip.

The list is one JSON file in the run folder, so that a worker needs only its path, and keeps what it has loaded.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, overload

from dstan import _atomic
from dstan._foreign import read_json
from dstan._progress import Progress
from dstan.clips import Clip, ClipSet, PreparedClip
from dstan.config import digest_of
from dstan.errors import RunError
from dstan.preprocessing.recipe import Recipe

if TYPE_CHECKING:
    from dstan.preprocessing.cache import Cache

INPUTS = "inputs.json"
"""The list of a run's clips."""
AS_GIVEN = "as-given"
"""Stands for the recipe where prepared clips were handed over."""


@dataclass(frozen=True)
class Inputs:
    """The clips of a run and where their arrays are.

    Parameters
    ----------
    clips
        The clips that are used, and those that were skipped on the way.
    files
        For each recipe's digest (or :data:`AS_GIVEN`) the files of the clips, in their order.
    digest
        Changes with the clips and their labels, and with the arrays that were handed over; what a recipe makes of
        clips is told by its key.
    """

    clips: ClipSet
    files: Mapping[str, tuple[Path, ...]]
    digest: str

    def key(self, recipe: Recipe) -> str:
        """Return under which key the files of a recipe are."""
        return AS_GIVEN if AS_GIVEN in self.files else recipe.digest()

    @property
    def annotations(self) -> str:
        """A digest of which frames the clips are, by their annotation and names, wherever they lie."""
        return digest_of(
            [[clip.onset, clip.apex, clip.offset, clip.fps, clip.cropped, list(clip.files)] for clip in self.clips]
        )

    def write(self, path: Path) -> None:
        """Write the list that :func:`load_inputs` reads."""
        files = {key: [str(file) for file in files] for key, files in self.files.items()}
        _atomic.write_json(
            path, {"digest": self.digest, "clips": [_plain(clip) for clip in self.clips], "files": files}
        )


def prepare_inputs(
    clips: ClipSet,
    recipes: Sequence[Recipe],
    classes: Sequence[str] | None,
    cache: Cache | None,
    *,
    workers: int | None,
    cluster: str | None,
    task_limit: float | None,
    progress: Progress,
    strict: bool,
) -> Inputs:
    """Prepare clips once for each distinct recipe; a clip that one recipe cannot use is used by none.

    Parameters
    ----------
    clips
        What to prepare.
    recipes
        How; equal ones count once.
    classes
        The classes in order; those of the set where not given, or else the labels present, sorted.
    cache
        Where prepared clips are kept; the user's own where not given.
    workers, cluster, task_limit, progress
        As in :func:`dstan.preprocessing.cache.prepare_clips`.
    strict
        Whether the first clip that cannot be used is an error.

    Raises
    ------
    CorpusError
        If no clip can be used.
    """
    from dstan.preprocessing.cache import Cache, check_any, prepare_clips

    cache = Cache() if cache is None else cache
    clips = replace(clips, classes=classes_of(clips, classes or clips.classes))
    distinct = {recipe.digest(): recipe for recipe in recipes}
    for recipe in distinct.values():
        clips = prepare_clips(
            clips,
            recipe,
            cache,
            workers=workers,
            cluster=cluster,
            task_limit=task_limit,
            progress=progress,
            strict=strict,
        )
    check_any(clips)
    files = {key: tuple(cache.path(clip, recipe) for clip in clips) for key, recipe in distinct.items()}
    return Inputs(clips, files, _digest(clips))


def keep_inputs(prepared: Sequence[PreparedClip], classes: Sequence[str] | None, folder: Path) -> Inputs:
    """Write prepared clips to a folder, so that every worker can read them.

    Parameters
    ----------
    prepared
        The clips; their keys must be unique.
    classes
        The classes in order; the labels present, sorted, where not given.
    folder
        Where to write.

    Raises
    ------
    CorpusError
        If two clips have the same key or a label is not one of the classes.
    """
    own = [clip.clip for clip in prepared]
    clips = ClipSet(tuple(own), classes=classes_of(own, classes))
    files = tuple(folder / f"{number:06d}.safetensors" for number in range(len(clips)))
    for clip, file in zip(prepared, files, strict=True):
        clip.save(file, private=True)
    contents = [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
    return Inputs(clips, {AS_GIVEN: files}, _digest(clips, contents))


class LoadedClips(Sequence[PreparedClip]):
    """The clips of a run; each is read when it is first asked for, and then remembered.

    Parameters
    ----------
    clips
        The clips.
    files
        Where the arrays of each are.
    """

    def __init__(self, clips: Sequence[Clip], files: Sequence[Path]) -> None:
        self._clips, self._files = clips, files
        self._loaded: dict[int, PreparedClip] = {}

    def __len__(self) -> int:
        return len(self._clips)

    @overload
    def __getitem__(self, index: int) -> PreparedClip: ...
    @overload
    def __getitem__(self, index: slice) -> list[PreparedClip]: ...
    def __getitem__(self, index: int | slice) -> PreparedClip | list[PreparedClip]:
        if isinstance(index, slice):
            return [self[number] for number in range(len(self))[index]]
        if index not in self._loaded:
            self._loaded[index] = self._load(index)
        return self._loaded[index]

    def _load(self, index: int) -> PreparedClip:
        try:
            return PreparedClip.load(self._files[index], self._clips[index])
        except FileNotFoundError as error:
            raise RunError(
                f"the prepared clip {self._files[index]} is gone: the cache was cleared meanwhile",
                where=self._clips[index],
                hint="The same command prepares it again and goes on",
            ) from error


def load_inputs(path: Path, digest: str, key: str) -> LoadedClips:
    """Find all clips of a run for one recipe; a process that is asked again remembers those that it has read.

    Parameters
    ----------
    path
        The list that :meth:`Inputs.write` wrote; when it was written anew, what was read before is forgotten.
    digest
        That of the inputs; another one is another memory.
    key
        Of the recipe.
    """
    with path.open("rb") as file:  # opened, so that network storage does not answer from memory
        written = os.fstat(file.fileno())
    return _load_inputs(path, digest, key, (written.st_ino, written.st_mtime_ns, written.st_size))


def forget_inputs() -> None:
    """Forget the clips that :func:`load_inputs` remembers in this process."""
    _load_inputs.cache_clear()


@functools.lru_cache(maxsize=1)
def _load_inputs(path: Path, digest: str, key: str, written: tuple[int, ...]) -> LoadedClips:
    document = read_json(path)
    return LoadedClips([_clip(clip) for clip in document["clips"]], [Path(file) for file in document["files"][key]])


def read_clips(run: Path) -> list[Clip]:
    """Return the clips of a run, where their frames are and what is known about them.

    Raises
    ------
    RunError
        If the run's list of them is not there, or damaged.
    """
    try:
        return [_clip(clip) for clip in read_json(run / INPUTS)["clips"]]
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise RunError(
            f"{INPUTS}, which says where its clips lie, cannot be read ({error})",
            where=run,
            hint="Run the dstan evaluate that made it once more: it is written anew",
        ) from error


def classes_of(clips: Sequence[Clip], classes: Sequence[str] | None) -> tuple[str, ...]:
    """Return the classes in order: those given, or else the labels present, sorted."""
    return tuple(classes or sorted({clip.label for clip in clips if clip.label is not None}))


def without_label(prepared: PreparedClip) -> PreparedClip:
    """Return the clip as a recogniser is to see it when it predicts."""
    return replace(prepared, clip=replace(prepared.clip, label=None))


def noted_of(inputs: Inputs) -> dict[str, Any]:
    """Return what preparation noted of single clips.

    Parameters
    ----------
    inputs
        The clips; only the headers of their files are read.

    Returns
    -------
    ``warnings``, a list of ``{"clip", "warning"}`` with each sentence once a clip, and ``apex``, how many clips have
    their apex frame by which policy; absent where no recipe asked for an apex.
    """
    from dstan.preprocessing.cache import read_done

    found: dict[tuple[str, str], None] = {}
    apexes: dict[tuple[str, str], None] = {}
    for files in inputs.files.values():
        for clip, path in zip(inputs.clips, files, strict=True):
            done = read_done(path)
            found |= {(str(clip), str(warning)): None for warning in done.get("warnings", ())}
            if "apex" in done:
                apexes[str(clip), str(done["apex"]["policy"])] = None
    warnings = [{"clip": clip, "warning": warning} for clip, warning in found]
    policies = Counter(policy for _, policy in apexes)
    return {"warnings": warnings, **({"apex": dict(sorted(policies.items()))} if policies else {})}


def _digest(clips: ClipSet, how: Sequence[str] = ()) -> str:
    return digest_of([[[*clip.key, clip.label] for clip in clips], list(how)])


def _plain(clip: Clip) -> dict[str, Any]:
    return {**dataclasses.asdict(clip), "path": str(clip.path)}


def _clip(document: Mapping[str, Any]) -> Clip:
    """Return a clip that :func:`_plain` wrote, after a look at whether its frames lie in its folder."""
    files = tuple(document["files"])
    for file in files:
        if PurePath(file).is_absolute() or ".." in PurePath(file).parts or "\0" in file or "\\" in file:
            raise ValueError(f"{file!r} is not the name of a frame")
    if any(not isinstance(document[name], str) for name in ("corpus", "subject", "clip_id", "path")):
        raise TypeError("the names of a clip are not text")
    if "\0" in document["path"]:
        raise ValueError(f"{document['path']!r} is not a path")
    return Clip(**{**document, "path": Path(document["path"]), "files": files})
