"""A clip through its recipe, in two stages: aligned frames, and what recognisers take.

The first stage (landmarks, alignment, crop) is slow and shared by many recipes; its frames are rounded to half
precision whether or not they pass through the cache, so that cached and fresh numbers are the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dstan._engine import single_thread
from dstan.arrays import Matrix
from dstan.clips import Clip, PreparedClip
from dstan.errors import ClipError, FaceError, FrameError, naming
from dstan.preprocessing._opencv import to_half
from dstan.preprocessing.alignment import FIRST_FRAMES, first_face, fit_first_frames, stretch, transform, warp
from dstan.preprocessing.apex import find_apex
from dstan.preprocessing.crop_points import points_in_crop
from dstan.preprocessing.flow import flow_sequence
from dstan.preprocessing.landmarks import LandmarkSource, landmark_source
from dstan.preprocessing.magnification import magnify
from dstan.preprocessing.recipe import FITTED, READ, Recipe
from dstan.preprocessing.residual import bridge, follow, head_motion, measure, steady, to_square, warn_of_motion
from dstan.preprocessing.texture import texture_part
from dstan.preprocessing.tim import average, interpolate, interpolate_times, mix, pick, tim_matrix
from dstan.preprocessing.tracking import Motion, undo
from dstan.video import Frame, check_range, read_clip

if TYPE_CHECKING:
    from dstan.preprocessing.cache import Cache


@dataclass(frozen=True, eq=False)
class Aligned:
    """The first stage of a clip.

    Parameters
    ----------
    frames
        (n, H, W) float32 grey in [0, 255], every value exact in half precision.
    times
        (n,) seconds from the clip's first frame; None where the rate is unknown.
    landmarks
        (468, 2) mesh points of the first frames in the crop's pixels; None where they were not needed.
    done
        What was done, for :attr:`PreparedClip.done`.
    """

    frames: NDArray[np.float32]
    times: NDArray[np.float64] | None
    landmarks: NDArray[np.float32] | None = None
    done: dict[str, Any] = field(default_factory=dict)


def prepare_clip(clip: Clip, recipe: Recipe, cache: Cache | None = None) -> PreparedClip:
    """Take a clip through its recipe; the numbers are the same from the cache as without it, to the last bit.

    Parameters
    ----------
    clip
        The clip.
    recipe
        What to do.
    cache
        Where to look first and to store; nothing is stored if None.

    Raises
    ------
    ClipError
        If the clip cannot be used.
    MissingDependencyError
        If OpenCV or MediaPipe is needed and cannot be imported.
    """
    if cache is not None and (known := cache.load(clip, recipe)) is not None:
        return known
    aligned = None if cache is None else cache.load_aligned(clip, recipe)
    with single_thread():
        if aligned is None:
            aligned = align_clip(clip, recipe)
            if cache is not None:
                cache.store_aligned(aligned, clip, recipe)
        prepared = derive(aligned, clip, recipe)
    if cache is not None:
        cache.store(prepared, recipe)
    return prepared


def align_clip(clip: Clip, recipe: Recipe, source: LandmarkSource | None = None) -> Aligned:
    """Find the face in a clip's first frames and bring every frame into the crop, interpolating it once.

    One matrix serves all frames; with ``rigid_residual`` each has its own where the head moves, which takes a second
    reading of the frames. Elsewhere the motion of the head is only measured, on a few frames.

    Parameters
    ----------
    clip
        The clip, read from onset to offset.
    recipe
        What to do; only size, alignment and landmarks matter here.
    source
        Who finds the face; the recipe's choice if None.

    Raises
    ------
    ClipError
        If a frame cannot be read, the frames differ in size, the annotation does not fit, or no face is found.
    MissingDependencyError
        If OpenCV or MediaPipe cannot be imported.
    """
    check_range(clip)
    how, warnings = _alignment(clip, recipe)
    done: dict[str, Any] = {"alignment": how, "landmarks": None, "faces": None}
    motions, landmarks = None, None
    source = source or _source(recipe)
    if how in FITTED:
        matrix, landmarks, faces = _fit(clip, recipe, source)
        done |= {"landmarks": recipe.landmarks, "faces": faces}
        warnings += _several(faces)
    else:
        first = next(read_clip(clip))
        matrix = stretch(first.pixels.shape[:2], recipe.shape)
    if how == "rigid_residual":
        done["head_motion"], motions = _residual(clip, matrix, recipe.shape)
    matrices = None if motions is None else [undo(matrix, motion, recipe.shape) for motion in motions]
    frames, times, indices = _warp_all(clip, matrices or [matrix], recipe.shape)
    if how == "rigid_first_frame":
        done["head_motion"], doubtful = measure(frames)
        for first_lost, end in doubtful:
            _check_face(clip, source, first_lost, end)
        warnings += warn_of_motion(done["head_motion"])
    if len(frames) == 1:
        warnings.append("it has one frame, which is repeated: nothing moves")
    done |= {
        "matrix": matrix.tolist(),
        **({} if matrices is None else {"matrices": np.round(matrices, 6).tolist()}),
        "frames": len(frames),
        "first_frame": indices[0],
        "last_frame": indices[-1],
        "warnings": warnings,
        "aligned_digest": recipe.aligned_digest(),
    }
    return Aligned(frames, times, landmarks, done)


def derive(aligned: Aligned, clip: Clip, recipe: Recipe) -> PreparedClip:
    """Find the apex of aligned frames, magnify them if asked, interpolate them in time and estimate their flow.

    Landmarks that alignment had no need of are found first, where ``recipe.face_points`` asks for them.

    Appearance is TIM to ``recipe.steps`` frames. Flow needs a frame more than there are fields, so it is estimated on
    TIM to ``recipe.steps + 1`` frames, a clip of one frame being repeated. Pairs ``onset-apex`` make one field, from
    the first aligned frame to that of the apex, which no TIM touches. In either case the frames that flow sees are
    averages over ``recipe.temporal_average`` seconds; appearance is not averaged. Where the frames' times are unknown
    nothing is averaged, and a warning says so.

    Parameters
    ----------
    aligned
        The first stage.
    clip
        The clip it came from.
    recipe
        What to do.

    Raises
    ------
    AnnotationRangeError
        If the annotated apex is wanted and is not among the frames.
    ClipError
        If frames of unknown times are to be magnified in a band in Hz, or points are asked for and no face is found.
    MissingDependencyError
        If OpenCV or MediaPipe is needed and cannot be imported.
    """
    template = aligned.done["alignment"] in FITTED
    policy, apex = find_apex(aligned.frames, clip, recipe.apex, template=template)
    aligned = _magnified(_pointed(aligned, clip, recipe), clip, recipe)
    flow, flow_times = _flow(aligned, apex, recipe)
    return PreparedClip(
        clip=clip,
        appearance=np.clip(interpolate(aligned.frames, recipe.steps, aligned.times), 0, 255),
        flow=flow,
        appearance_times=None if aligned.times is None else interpolate_times(aligned.times, recipe.steps),
        flow_times=flow_times,
        landmarks=aligned.landmarks,
        done={
            **aligned.done,
            "apex": {"policy": policy, "frame": apex},
            "recipe": recipe.digest(),
            "warnings": [*aligned.done["warnings"], *_unaveraged(aligned, recipe)],
        },
    )


def _unaveraged(aligned: Aligned, recipe: Recipe) -> list[str]:
    """Say that flow is not what the recipe asks for."""
    if aligned.times is not None or recipe.temporal_average == 0 or len(aligned.frames) == 1:
        return []
    return ["its frame rate is unknown: flow is taken between single frames, none of them averaged"]


def _pointed(aligned: Aligned, clip: Clip, recipe: Recipe) -> Aligned:
    """Add the landmarks that a recipe asks for, where alignment did without."""
    if not recipe.face_points or aligned.landmarks is not None:
        return aligned
    matrix, reads = np.array(aligned.done["matrix"]), recipe.landmarks in READ
    points, faces = points_in_crop(aligned.frames, matrix, clip, _source(recipe), reads=reads)
    warnings = [*aligned.done["warnings"], *_several(faces)]
    done = {**aligned.done, "landmarks": recipe.landmarks, "faces": faces, "warnings": warnings}
    return replace(aligned, landmarks=points, done=done)


def _several(faces: int) -> list[str]:
    return [f"{faces} faces in view: the largest was used"] if faces > 1 else []


def _magnified(aligned: Aligned, clip: Clip, recipe: Recipe) -> Aligned:
    """Magnify before time is resampled: the filter needs the clip's own rate."""
    in_hz = recipe.magnification_band == "hz"
    if recipe.magnification and in_hz and (aligned.times is None or not (np.diff(aligned.times) > 0).all()):
        raise ClipError(
            "its frames have no usable times, so a band in Hz cannot be magnified",
            where=clip,
            hint="State its frames per second, or use --set recipe.magnification_band=paper",
        )
    frames = magnify(aligned.frames, recipe.magnification, times=aligned.times if in_hz else None)
    return replace(aligned, frames=frames)


def _flow(aligned: Aligned, apex: int, recipe: Recipe) -> tuple[NDArray[np.float32], NDArray[np.float64] | None]:
    """Return the fields and the seconds of their second frames."""
    times, n = aligned.times, len(aligned.frames)
    alone = recipe.pairs == "onset-apex"
    weights = pick([0, apex], n) if alone else tim_matrix(n, recipe.steps + 1, times)
    if times is not None:
        weights = average(weights, times, recipe.temporal_average)
    frames = np.clip(mix(aligned.frames, weights), 0, 255)
    frames = texture_part(frames) if recipe.texture else frames
    fields = flow_sequence(frames, "onset" if alone else recipe.pairs, recipe.flow)
    if times is None:
        return fields, None
    return fields, times[[apex]] if alone else interpolate_times(times, recipe.steps + 1)[1:]


def _alignment(clip: Clip, recipe: Recipe) -> tuple[str, list[str]]:
    """Return what will be done, which for a corpus's own crops is not what the recipe says, and a warning then."""
    if recipe.alignment == "corpus" and not clip.cropped:
        raise ClipError(
            "the recipe wants the corpus's own crop, but these are whole frames",
            where=clip,
            hint="Use --set recipe.alignment=rigid_first_frame, or point to the corpus's cropped frames",
        )
    if recipe.alignment in FITTED and clip.cropped:
        return "corpus", [f"only the corpus's own crops are here: they were used in place of {recipe.alignment}"]
    return recipe.alignment, []


def _source(recipe: Recipe) -> LandmarkSource:
    return landmark_source(recipe.landmarks, Path(recipe.landmark_folder) if recipe.landmark_folder else None)


def _residual(clip: Clip, matrix: Matrix, shape: tuple[int, int]) -> tuple[float | None, Motion | None]:
    """Return how far the head moves, and what to undo of it in each frame; nothing within the dead zone."""
    motions = follow((frame.pixels for frame in _same_size(clip)), to_square(matrix, shape))
    with naming(clip):
        return head_motion(motions), steady(motions)


def _fit(clip: Clip, recipe: Recipe, source: LandmarkSource) -> tuple[Matrix, NDArray[np.float32], int]:
    first = [frame.pixels for frame in itertools.islice(read_clip(clip, colour=True), FIRST_FRAMES)]
    found = source.landmarks(clip, first)
    with naming(clip):
        matrix = fit_first_frames(found.points, recipe.shape)
        _check_in_view(matrix, recipe.shape, first[0].shape)
    return matrix, transform(first_face(found.points), matrix), found.faces


def _check_face(clip: Clip, source: LandmarkSource, start: int, stop: int) -> None:
    """Ask for the face where it could not be followed; it may only have changed, or blinked.

    Raises
    ------
    FaceError
        If there is none in more frames in a row than can be bridged.
    """
    part = replace(clip, onset=(clip.onset or 0) + start, offset=(clip.onset or 0) + stop - 1)
    points = source.landmarks(part, [frame.pixels for frame in read_clip(part, colour=True)]).points
    with naming(clip):
        bridge(points[:, ~np.isnan(points).all(axis=(0, 2))].astype(np.float64))


def _check_in_view(matrix: Matrix, shape: tuple[int, int], frame: tuple[int, ...]) -> None:
    """See that the middle of the crop lies in the frame: landmarks of a file may be those of another size."""
    middle = np.linalg.solve(matrix[:, :2], np.array([shape[1] / 2, shape[0] / 2]) - matrix[:, 2])
    if not (0 <= middle[0] < frame[1] and 0 <= middle[1] < frame[0]):
        raise FaceError(
            f"the face lies at ({middle[0]:.0f}, {middle[1]:.0f}), outside of frames of {frame[1]} x {frame[0]}",
            hint="Landmarks must be in pixels of these very frames",
        )


def _warp_all(
    clip: Clip, matrices: Sequence[Matrix], shape: tuple[int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float64] | None, list[int]]:
    """Return the frames, each by its own matrix or all by one, their seconds from the first, and their positions."""
    halves: list[NDArray[np.float16]] = []
    times: list[float] = []
    indices: list[int] = []
    for frame, matrix in zip(_same_size(clip), itertools.cycle(matrices), strict=False):
        halves.append(to_half(warp(frame.pixels, matrix, shape)))
        times.append(frame.time)
        indices.append(frame.index)
    seconds = np.array(times) - times[0]
    frames = np.empty((len(halves), *shape), dtype=np.float32)
    halves.reverse()
    for frame in frames:
        frame[:] = halves.pop()  # given back as it goes, so that a long clip is not held twice
    return frames, None if np.isnan(seconds).any() else seconds, indices


def _same_size(clip: Clip) -> Iterator[Frame]:
    size = None
    for frame in read_clip(clip):
        size = size or frame.pixels.shape
        if frame.pixels.shape != size:
            raise FrameError(
                f"frame {frame.index} is {frame.pixels.shape[0]} x {frame.pixels.shape[1]}, the first "
                f"{size[0]} x {size[1]}",
                where=clip,
            )
        yield frame
