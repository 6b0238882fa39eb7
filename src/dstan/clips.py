"""What the rest of the package speaks of: a clip on disk, an ordered set of them, and a clip as arrays.

A :class:`Clip` says where frames are and what is known about them; it holds no pixels. A :class:`PreparedClip` holds
what a recogniser eats; it can be built from arrays alone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self, overload

import numpy as np
from numpy.typing import NDArray

from dstan import _atomic
from dstan._foreign import parse_json
from dstan.arrays import check_array
from dstan.errors import CorpusError, FrameError, ShapeError

Key = tuple[str, str, str]
_ARRAYS = ("appearance", "flow", "strain", "appearance_times", "flow_times", "landmarks")


@dataclass(frozen=True)
class Clip:
    """One annotated stretch of video.

    Parameters
    ----------
    corpus, subject, clip_id
        Together unique. ``subject`` is the folder or table name of the person ("sub01"), ``clip_id`` the clip's name
        as the corpus writes it ("EP02_01f").
    path
        An image folder or a video file.
    files
        Names of the images below ``path`` in temporal order; empty for a video file.
    label
        The class under the task in force; None where unknown.
    onset, apex, offset
        Positions in the sequence of frames, counted from 0, inclusive; None where unknown.
    fps
        Frames per second of an image folder; None for a video file, which knows its own.
    cropped
        Whether the corpus shipped the frames already aligned and cropped.
    annotation
        What the coding table says, column by column, as text ("Action Units", "Estimated Emotion", ...).
    """

    corpus: str
    subject: str
    clip_id: str
    path: Path
    files: tuple[str, ...] = ()
    label: str | None = None
    onset: int | None = None
    apex: int | None = None
    offset: int | None = None
    fps: float | None = None
    cropped: bool = False
    annotation: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """``(corpus, subject, clip_id)``, unique among all clips."""
        return self.corpus, self.subject, self.clip_id

    @property
    def person(self) -> tuple[str, str]:
        """``(corpus, subject)``: subject 1 of two corpora are two people."""
        return self.corpus, self.subject

    def __str__(self) -> str:
        return "/".join(self.key)


@dataclass(frozen=True)
class Skipped:
    """A clip that was left out, and why."""

    corpus: str
    subject: str
    clip_id: str
    stage: str
    reason: str


@dataclass(frozen=True)
class ClipSet(Sequence[Clip]):
    """An ordered set of clips with unique keys, and what was left out on the way.

    Parameters
    ----------
    clips
        The clips, in the corpus's order.
    classes
        The task's classes in the order of every table; empty where no task was chosen.
    skipped
        The clips left out so far.
    task
        The task's name, "" where none was chosen.
    notes
        Sentences that a reader of results should know: counts that differ from a complete copy's, corrections made.

    Raises
    ------
    CorpusError
        If two clips have the same key, or a label is not among the classes.
    """

    clips: tuple[Clip, ...]
    classes: tuple[str, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    task: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "clips", tuple(self.clips))
        repeated = [key for key, count in Counter(clip.key for clip in self.clips).items() if count > 1]
        if repeated:
            raise CorpusError(
                f"{len(repeated)} clips occur twice", where="/".join(repeated[0]), hint="Give each clip its own name"
            )
        for clip in self.clips:
            if self.classes and clip.label is not None and clip.label not in self.classes:
                raise CorpusError(f"label {clip.label!r} is not one of {', '.join(self.classes)}", where=clip)

    def __len__(self) -> int:
        return len(self.clips)

    @overload
    def __getitem__(self, index: int) -> Clip: ...
    @overload
    def __getitem__(self, index: slice) -> ClipSet: ...
    def __getitem__(self, index: int | slice) -> Clip | ClipSet:
        if isinstance(index, slice):
            return replace(self, clips=self.clips[index])
        return self.clips[index]

    def __iter__(self) -> Iterator[Clip]:
        return iter(self.clips)

    @property
    def subjects(self) -> tuple[str, ...]:
        """The subjects in order of first appearance."""
        return tuple(dict.fromkeys(clip.subject for clip in self.clips))

    @property
    def counts(self) -> dict[str, int]:
        """Clips of each class, in the order of the classes."""
        found = Counter(clip.label for clip in self.clips if clip.label is not None)
        return {name: found[name] for name in self.classes or sorted(found)}

    def filter(self, *, subjects: Iterable[str] | None = None, labels: Iterable[str] | None = None) -> ClipSet:
        """Keep the clips of some subjects, of some labels, or both; the order stays.

        Parameters
        ----------
        subjects, labels
            What to keep; None keeps all.
        """
        people = None if subjects is None else set(subjects)
        wanted = None if labels is None else set(labels)
        kept = tuple(
            clip
            for clip in self.clips
            if (people is None or clip.subject in people) and (wanted is None or clip.label in wanted)
        )
        return replace(self, clips=kept)

    def without(self, skipped: Iterable[Skipped]) -> ClipSet:
        """Drop the clips that ``skipped`` names and remember why."""
        new = tuple(skipped)
        gone = {(item.corpus, item.subject, item.clip_id) for item in new}
        kept = tuple(clip for clip in self.clips if clip.key not in gone)
        return replace(self, clips=kept, skipped=self.skipped + new)


@dataclass(frozen=True, eq=False)
class PreparedClip:
    """One clip as a recogniser sees it.

    Parameters
    ----------
    clip
        Where it came from; its ``label`` is the class to learn.
    appearance
        (T, H, W) float32 grey frames in [0, 255] after alignment and TIM; None where absent.
    flow
        (T, 2, H, W) float32 displacement (u, v) in pixels at its own size; None where absent. Published maps that were
        normalised to [0, 1] may stand here, too, for methods with ``flow_values = "relative"``.
    strain
        (T, H, W) float32 magnitude of the flow's strain, where the data comes with one; None where it is to be computed
        from the flow.
    appearance_times, flow_times
        (T,) seconds from the first frame of the clip; a flow's time is that of its second frame.
    landmarks
        (468, 2) mesh points of the first frame in the crop's pixels, NaN where unknown; None where there are none.
    done
        What was done to it: the alignment's matrix, warnings, the digests of the recipe.

    Raises
    ------
    ShapeError
        If both streams are absent, or an array has the wrong shape or holds NaN; only landmarks may. If strain has no
        flow beside it, or another shape than that.
    """

    clip: Clip
    appearance: NDArray[np.float32] | None = None
    flow: NDArray[np.float32] | None = None
    strain: NDArray[np.float32] | None = None
    appearance_times: NDArray[np.float64] | None = None
    flow_times: NDArray[np.float64] | None = None
    landmarks: NDArray[np.float32] | None = None
    done: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.appearance is None and self.flow is None:
            raise ShapeError("a prepared clip needs appearance, flow or both", where=self.clip)
        for name, ndim in (("appearance", 3), ("flow", 4), ("strain", 3)):
            array = getattr(self, name)
            if array is not None:
                check_array(f"{name} of {self.clip}", array, ndim=ndim)
                object.__setattr__(self, name, np.ascontiguousarray(array, dtype=np.float32))
        if self.flow is not None and self.flow.shape[1] != 2:
            raise ShapeError(f"flow must be (T, 2, H, W), not {self.flow.shape}", where=self.clip)
        if self.strain is not None:
            _check_strain(self.strain, self.flow, self.clip)
        if self.landmarks is not None:
            object.__setattr__(self, "landmarks", _checked_points(self.landmarks, self.clip))

    @property
    def label(self) -> str | None:
        """The class to learn, None where unknown."""
        return self.clip.label

    @classmethod
    def from_arrays(
        cls,
        *,
        appearance: NDArray[np.float32] | None = None,
        flow: NDArray[np.float32] | None = None,
        strain: NDArray[np.float32] | None = None,
        landmarks: NDArray[np.float32] | None = None,
        label: str | None = None,
        subject: str = "subject",
        clip_id: str = "clip",
        corpus: str = "arrays",
    ) -> Self:
        """Build from arrays alone, without a video.

        Parameters
        ----------
        appearance
            (T, H, W) grey frames in [0, 255].
        flow
            (T, 2, H, W) displacement in pixels, or normalised maps of it.
        strain
            (T, H, W) magnitude of its strain, where it is given; not set: computed from the flow by who needs it.
        landmarks
            (468, 2) points of MediaPipe's face mesh in the first frame, pixels (x, y), NaN where unknown. Of the 68
            points of the iBUG scheme, point k is at ``MESH_TO_68[k]`` (:mod:`dstan.preprocessing.landmarks`).
        label, subject, clip_id, corpus
            What evaluation groups and joins by; ``(corpus, subject, clip_id)`` must be unique among the clips used.

        Raises
        ------
        ShapeError
            If both streams are absent, or an array has the wrong shape or holds NaN; only landmarks may. If strain has
            no flow beside it, or another shape than that.
        """
        clip = Clip(corpus=corpus, subject=subject, clip_id=clip_id, path=Path(), label=label)
        return cls(clip=clip, appearance=appearance, flow=flow, strain=strain, landmarks=landmarks)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that are there, by name, as they are written."""
        return {name: np.ascontiguousarray(value) for name in _ARRAYS if (value := getattr(self, name)) is not None}

    def save(self, path: Path, *, private: bool = False) -> None:
        """Write one safetensors file atomically; the clip itself is not stored, only its arrays and ``done``.

        Parameters
        ----------
        path
            The file.
        private
            Whether only you may read it: the file gets 0600 and new folders 0700, whatever the umask.

        Raises
        ------
        StorageError
            If it cannot be written.
        """
        from safetensors.numpy import save_file

        with _atomic.replacing(path, private=private) as temporary:
            save_file(self.arrays(), temporary, metadata={"done": json.dumps(dict(self.done))})

    @classmethod
    def load(cls, path: Path, clip: Clip) -> Self:
        """Read what :meth:`save` wrote and join it with its clip.

        Raises
        ------
        FrameError
            If the file is cut short or is not such a file.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="numpy") as file:
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                done = parse_json((file.metadata() or {}).get("done", "{}"))
            done.pop("corpus", None)  # a cache's entry says it, too; the clip knows better
            if others := sorted(arrays.keys() - set(_ARRAYS)):
                raise ValueError(f"it holds {others[0]!r}")
            return cls(clip=clip, done=done, **arrays)
        except (SafetensorError, ValueError, TypeError, AttributeError, KeyError, IndexError) as error:
            raise FrameError(
                f"damaged prepared file: {error}", where=path, hint="Delete it and prepare again"
            ) from error


def _check_strain(strain: NDArray[np.float32], flow: NDArray[np.float32] | None, clip: Clip) -> None:
    if flow is None:
        raise ShapeError(
            "strain is given without the flow that it is of", where=clip, hint="Give flow=(T, 2, H, W), too"
        )
    wanted = (len(flow), *flow.shape[2:])
    if strain.shape != wanted:
        raise ShapeError(
            f"strain is {strain.shape}, and its flow {flow.shape} needs one of {wanted}",
            where=clip,
            hint="Give one map (H, W) for each field of flow, or leave strain out: it is then computed from the flow",
        )


def _checked_points(points: Any, clip: Clip) -> NDArray[np.float32]:
    """Return mesh points as float32 after a look at them; NaN stands for an unknown one."""
    numeric = isinstance(points, np.ndarray) and np.issubdtype(points.dtype, np.number)
    if not numeric or points.shape != (468, 2):
        what = f"of shape {points.shape}" if numeric else type(points).__name__
        raise ShapeError(
            f"landmarks must be an array of 468 points (x, y), not {what}",
            where=clip,
            hint="Put 68 points into one of NaN: points[list(MESH_TO_68)] = mine (dstan.preprocessing.landmarks)",
        )
    if np.isinf(points).any():
        raise ShapeError("landmarks hold infinity", where=clip, hint="An unknown point is NaN")
    return np.ascontiguousarray(points, dtype=np.float32)
