"""What preparation made of a clip, to look at: first frame with landmarks, aligned crop, apex, and flow as colour.

A contact sheet shows all of that. A run's folder holds only how faces move, unless faces are asked for.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dstan import _atomic
from dstan._foreign import read_json
from dstan.clips import Clip, PreparedClip
from dstan.errors import ClipError, RunError
from dstan.preprocessing.landmarks import MESH_TO_68, STABLE_POINTS
from dstan.preprocessing.recipe import FITTED
from dstan.reports.drawing import label
from dstan.reports.flow_colours import colour_wheel, flow_colours
from dstan.reports.motion import motion_picture

if TYPE_CHECKING:
    from PIL import Image

    from dstan.preprocessing.cache import Cache
    from dstan.preprocessing.recipe import Recipe

FILE = "looks.json"
"""A run's own looks, for its report."""
IN_REPORT = 6
"""Most clips that a report shows."""
LEAST_FULL = 0.5
"""Least length in pixels that a full colour stands for, so that noise does not look like motion."""
FACES, MOTION = ("first", "crop", "apex", "flow"), ("motion",)
"""The pictures of a look that a run holds where faces are asked for, and where not."""
_SHARPER = 3
_POINT, _STABLE_POINT, _EDGE, _OUTLINE = (86, 180, 233), (255, 176, 0), (20, 24, 31), (255, 255, 255)


@dataclass(frozen=True)
class Look:
    """One clip to look at.

    Parameters
    ----------
    name, emotion, lines
        Who it is, its class, and what to say of it in a few short lines.
    warnings
        What preparation warned of.
    first, crop, apex, flow
        (H, W, 3) RGB pictures of one height: the first frame as it was read with its landmarks and the crop's outline,
        the aligned first frame, the aligned apex, and the flow from the first frame to the apex over the crop.
    motion
        RGB of twice that height: that flow without the face.
    full
        The length in pixels of the crop that the full colour of ``flow`` stands for.
    """

    name: str
    emotion: str
    lines: tuple[str, ...]
    warnings: tuple[str, ...]
    first: NDArray[np.uint8]
    crop: NDArray[np.uint8]
    apex: NDArray[np.uint8]
    flow: NDArray[np.uint8]
    motion: NDArray[np.uint8]
    full: float


def look_at(clip: Clip, recipe: Recipe, cache: Cache, height: int = 168) -> Look:
    """Draw what a recipe makes of a clip; what the cache lacks is prepared.

    Parameters
    ----------
    clip
        The clip.
    recipe
        What was done to it.
    cache
        Where it was prepared to.
    height
        Of the pictures, in pixels.

    Raises
    ------
    ClipError
        If the clip cannot be used.
    """
    from dstan.preprocessing.pipeline import align_clip, prepare_clip

    prepared = prepare_clip(clip, recipe, cache)
    aligned = cache.load_aligned(clip, recipe) or align_clip(clip, recipe)
    apex = int(prepared.done["apex"]["frame"])
    field = flow_to(prepared, recipe.pairs, apex, len(aligned.frames))
    full = max(LEAST_FULL, float(np.quantile(np.hypot(*field), 0.995)))
    return Look(
        name=f"{label(clip.subject)} / {label(clip.clip_id, 28)}",
        emotion=clip.label or "",
        lines=_lines(prepared, apex, len(aligned.frames)),
        warnings=tuple(prepared.done.get("warnings", ())),
        first=_first_frame(prepared, recipe.shape, height),
        crop=_grey(aligned.frames[0], height),
        apex=_grey(aligned.frames[apex], height),
        flow=_flow_picture(field, aligned.frames[apex], full, height),
        motion=motion_picture(field, full, aligned=prepared.done["alignment"] in FITTED, height=2 * height),
        full=full,
    )


def flow_to(prepared: PreparedClip, pairs: str, apex: int, frames: int) -> NDArray[np.float32]:
    """Return (2, H, W): the flow from the first frame to the apex, from the fields that a recipe made.

    Fields between neighbours are added up to the one that ends nearest to the apex.

    Parameters
    ----------
    prepared
        The clip.
    pairs
        The recipe's pairs.
    apex, frames
        The apex's position among the aligned frames, and their number.
    """
    fields = prepared.flow
    assert fields is not None  # a recipe always makes flow
    if pairs == "onset-apex":
        return np.asarray(fields[0])
    last = min(max(round(apex / max(frames - 1, 1) * len(fields)), 1), len(fields))
    return np.asarray(fields[:last].sum(axis=0) if pairs == "adjacent" else fields[last - 1])


def _lines(prepared: PreparedClip, apex: int, frames: int) -> tuple[str, ...]:
    clip, done = prepared.clip, prepared.done
    units = next((text for name, text in clip.annotation.items() if name.lower().startswith("action unit")), "")
    rate = f", {clip.fps:g} a second" if clip.fps else ""
    how = f"{done['alignment']}, {done['landmarks']}" if done.get("landmarks") else str(done["alignment"])
    known = [f"AU {units}"] if units else []
    return (*known, f"{frames} frames{rate}", f"apex: frame {apex + 1}, {done['apex']['policy']}", how)


def _first_frame(prepared: PreparedClip, shape: tuple[int, int], height: int) -> NDArray[np.uint8]:
    """Draw the first frame as it was read, with the 68 points, those of alignment, and the crop."""
    from PIL import ImageDraw

    from dstan.video import read_clip

    pixels = next(read_clip(prepared.clip, colour=True)).pixels
    scale = height * _SHARPER / pixels.shape[0]
    picture = _sized(pixels, height * _SHARPER)
    pen = ImageDraw.Draw(picture)
    matrix = np.array(prepared.done["matrix"])
    back = np.linalg.inv(matrix[:, :2])

    def place(points: NDArray[Any]) -> list[tuple[float, float]]:
        there = ((points - matrix[:, 2]) @ back.T + 0.5) * scale
        return [(float(x), float(y)) for x, y in there if np.isfinite((x, y)).all()]

    if prepared.landmarks is not None:
        bottom, right = shape[0] - 0.5, shape[1] - 0.5
        corners = place(np.array([(-0.5, -0.5), (right, -0.5), (right, bottom), (-0.5, bottom)]))
        pen.polygon(corners, outline=_EDGE, width=7)
        pen.polygon(corners, outline=_OUTLINE, width=4)
        for points, colour, radius in ((MESH_TO_68, _POINT, 4.5), (STABLE_POINTS, _STABLE_POINT, 6.0)):
            for x, y in place(prepared.landmarks[list(points)]):
                pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour, outline=_EDGE, width=1)
    width = round(pixels.shape[1] * height / pixels.shape[0])
    return np.asarray(_sized(np.asarray(picture), height, width))


def _flow_picture(
    field: NDArray[np.float32], frame: NDArray[np.float32], full: float, height: int
) -> NDArray[np.uint8]:
    """Lay the colours over a pale picture of the face, so that one sees what moves."""
    face = 0.55 + 0.45 * np.clip(frame, 0, 255)[..., None] / 255
    colours = flow_colours(field.transpose(1, 2, 0), full)
    return np.asarray(_sized(np.rint(colours * face).astype(np.uint8), height))


def _grey(frame: NDArray[np.float32], height: int) -> NDArray[np.uint8]:
    grey = np.rint(np.clip(frame, 0, 255)).astype(np.uint8)
    return np.asarray(_sized(np.repeat(grey[..., None], 3, axis=-1), height))


def _sized(pixels: NDArray[np.uint8], height: int, width: int | None = None) -> Image.Image:
    from PIL import Image

    picture = Image.fromarray(pixels)
    size = (width or round(picture.width * height / picture.height), height)
    return picture.resize(size, Image.Resampling.LANCZOS)


def save_looks(run: Path, clips: Sequence[Clip], recipe: Recipe, cache: Cache, *, with_faces: bool = False) -> None:
    """Keep in a run's folder how a few of its clips look, one of each class from different people, for its report.

    Parameters
    ----------
    run
        The run's folder.
    clips
        The clips that were evaluated; what cannot be used is passed over.
    recipe
        The recipe to show.
    cache
        Where they were prepared to.
    with_faces
        Whether to keep frames, which show who it is; only the flow otherwise.
    """
    _atomic.write_json(run / FILE, _draw(clips, recipe, cache, with_faces))


def save_looks_of_run(run: Path, cache: Cache, *, with_faces: bool) -> None:
    """Draw the looks of a finished run anew, from the frames of its clips.

    Parameters
    ----------
    run
        The run's folder.
    cache
        Where its clips were prepared to; what it lacks is prepared.
    with_faces
        As in :func:`save_looks`.

    Raises
    ------
    RunError
        If the run was made of arrays that were handed over, or not one of its clips can be read now.
    """
    from dstan.evaluation.inputs import AS_GIVEN, read_clips
    from dstan.evaluation.results import read_info
    from dstan.preprocessing.recipe import Recipe

    info = read_info(run)
    if AS_GIVEN in info["input"]["recipes"]:
        raise RunError("it was made of arrays that were handed over: there are no frames to show", where=run)
    recipe = Recipe.from_dict(next(iter(info["methods"].values()))["settings"]["recipe"])
    clips = read_clips(run)
    shown = _draw(clips, recipe, cache, with_faces)
    if not shown:
        raise RunError(
            f"the frames of its clips cannot be read now; the first lay in {clips[0].path}",
            where=run,
            hint="Put the corpus back where it was",
        )
    _atomic.write_json(run / FILE, shown)


def read_looks(run: Path) -> list[dict[str, Any]]:
    """Read what :func:`save_looks` kept; nothing where it kept nothing."""
    try:
        looks = read_json(run / FILE)
        for look in looks:
            text = [look["name"], look["emotion"], *look["lines"], *look["warnings"], *look["pictures"].values()]
            if not all(isinstance(one, str) for one in text):
                raise TypeError("what is said of a clip is not text")
            if not all(one.startswith("data:image/") for one in look["pictures"].values()):
                raise ValueError("a picture lies elsewhere")
    except FileNotFoundError:
        return []
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise RunError(
            f"{FILE} is damaged: {error}", where=run, hint="Remove the file, and draw the report again"
        ) from error
    return list(looks)


def has_faces(looks: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether pictures that :func:`read_looks` read show people."""
    return any(part in look["pictures"] for look in looks for part in FACES)


def _draw(clips: Sequence[Clip], recipe: Recipe, cache: Cache, with_faces: bool) -> list[dict[str, Any]]:
    looks = []
    for clip in _few(clips):
        try:
            looks.append(look_at(clip, recipe, cache))
        except ClipError:
            continue
    parts = FACES if with_faces else MOTION
    return [
        {
            "name": look.name,
            "emotion": look.emotion,
            "lines": look.lines,
            "warnings": look.warnings,
            "full": look.full,
            "pictures": {part: _address(getattr(look, part)) for part in parts},
        }
        for look in looks
    ]


def _few(clips: Iterable[Clip]) -> list[Clip]:
    """Choose the first clip of each class, each of another person where that is possible."""
    chosen: dict[str | None, Clip] = {}
    people: set[tuple[str, str]] = set()
    clips = list(clips)
    for fresh in (True, False):
        for clip in clips:
            if clip.label not in chosen and not (fresh and clip.person in people):
                chosen[clip.label] = clip
                people.add(clip.person)
    return list(chosen.values())[:IN_REPORT]


def wheel_address() -> str:
    """Return the legend of the colours as a data address."""
    return _address(colour_wheel(128), "PNG")


def _address(pixels: NDArray[np.uint8], form: str = "JPEG") -> str:
    """Return a picture as a data address, for a page that needs nothing else."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format=form, quality=82, optimize=True)
    return f"data:image/{form.lower()};base64,{base64.b64encode(stream.getvalue()).decode()}"
