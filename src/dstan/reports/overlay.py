"""A video with everything drawn in: landmarks, where the model looked, the probabilities, and when.

Times stay as they are, sound is copied, and one frame is held at a time.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dstan._progress import Progress, silent
from dstan.errors import ConfigError
from dstan.inference.shipped import SYNTHETIC_ONLY
from dstan.reports.panel import HEIGHT, draw_idle
from dstan.reports.pen import tone
from dstan.reports.places import check_place
from dstan.reports.sight import first_frame, last_frame
from dstan.reports.strip import Strip
from dstan.reports.view import View
from dstan.video import Frame, frame_count, read_frames, video_fps
from dstan.video.writing import FINEST, WRITTEN, Clock, clock_of, write_timed

if TYPE_CHECKING:
    from dstan.inference import Look


def check_overlay(out: Path, video: Path) -> None:
    """See that an overlay can be written under a name, before there is one.

    Parameters
    ----------
    out
        Where to.
    video
        What it is of.

    Raises
    ------
    ConfigError
        If the suffix is no video's, the folder is not there or cannot be written to, or ``out`` is the video itself.
    """
    if out.suffix.lower() not in WRITTEN:
        raise ConfigError(f"{out.name} ends in none of {', '.join(WRITTEN)}", hint="For example --overlay overlay.mp4")
    check_place(out, video)


def write_overlay(out: str | os.PathLike[str], looks: Sequence[Look], *, progress: Progress = silent) -> None:
    """Write a video again with everything drawn in, as H.264.

    Every frame keeps its time (in ``.mkv`` to the millisecond), also where the rate varies; rotation is applied. Sound
    is copied where the container takes it, else left out with a warning in the log. Videos lower than 480 pixels are
    enlarged by a whole number, so that what is written beside them can be read. Beside frames of no look the panel
    is empty.

    Parameters
    ----------
    out
        Where to: ``.mp4``, ``.m4v``, ``.mov`` or ``.mkv``.
    looks
        What a model saw and said, once or several times in one video.
    progress
        Called as frames are written, stage "overlay".

    Raises
    ------
    ConfigError
        If there are no looks or they are of several videos, the frame rate of an image folder is unknown, or ``out``
        cannot be written.
    FrameError
        If a frame cannot be read.
    """
    source, out = _one_video(looks), Path(out)
    check_overlay(out, source.path)
    total = frame_count(source.path, source.files)
    if source.files:
        if not source.fps:
            raise ConfigError(f"the frame rate of {source.path} is unknown", hint="Say how many frames a second: --fps")
        clock, fps, sound = Clock(_tick(source.fps)), source.fps, None
    else:
        clock, fps, sound = clock_of(source.path), video_fps(source.path), source.path

    def drawn() -> Iterator[tuple[float, NDArray[np.uint8]]]:  # numpydoc ignore=GL08
        scene: Scene | None = None
        for frame in read_frames(source.path, source.files, colour=True, fps=source.fps):
            seconds = frame.index / fps if math.isnan(frame.time) else frame.time
            scene = scene or Scene(looks, frame.pixels.shape, total)
            yield seconds, scene.draw(frame, seconds)
            progress("overlay", frame.index + 1, max(total, frame.index + 1), f"{seconds:.1f} s")

    write_timed(out, drawn(), clock, fps, sound)


def _one_video(looks: Sequence[Look]) -> Any:
    if not looks:
        raise ConfigError("there is nothing to draw", hint="Give one look at a video at least")
    if len({look.clip.path for look in looks}) > 1:
        raise ConfigError("the looks are of several videos", hint="Write one overlay for each video")
    return looks[0].clip


def _tick(fps: float) -> Fraction:
    exact = Fraction(fps).limit_denominator(1001)
    return 1 / exact if exact.numerator < FINEST else Fraction(1, FINEST)


class Scene:
    """Draws the frames of one video.

    Parameters
    ----------
    looks
        All looks of the video.
    shape
        Of its frames.
    frames
        How many there are.
    """

    def __init__(self, looks: Sequence[Look], shape: tuple[int, ...], frames: int) -> None:
        self._looks = sorted(looks, key=first_frame)
        self._larger = -(-HEIGHT // shape[0]) if shape[0] < HEIGHT else 1
        height, width = shape[0] * self._larger, shape[1] * self._larger
        self._scale = height / HEIGHT
        synthetic = any(SYNTHETIC_ONLY in look.prediction.warnings for look in looks)
        self._idle = draw_idle(self._scale, ("no expression named here",))
        across = width + self._idle.shape[1]
        words = SYNTHETIC_ONLY[:1].upper() + SYNTHETIC_ONLY[1:] + "." if synthetic else ""
        self._strip = Strip(self._looks, frames, across / self._scale, self._scale, words)
        size = height + self._strip.height, across
        self._canvas = np.empty((size[0] + size[0] % 2, size[1] + size[1] % 2, 3), np.uint8)
        self._canvas[:] = [int(tone("paper")[at : at + 2], 16) for at in (1, 3, 5)]
        self._view: View | None = None

    def draw(self, frame: Frame, seconds: float) -> NDArray[np.uint8]:
        """Return a frame with all that belongs to it; the array is used again for the next."""
        look = next((one for one in self._looks if first_frame(one) <= frame.index <= last_frame(one)), None)
        picture = self._enlarged(frame.pixels)
        height, width = picture.shape[:2]
        panel = self._idle
        if look is None:
            self._view = None
        else:
            if self._view is None or self._view.look is not look:
                self._view = View(look, seconds, self._scale, self._larger)
            panel = self._view.draw(frame, picture, seconds)
        strip = self._strip.at(frame.index, seconds)
        self._canvas[:height, :width] = picture
        self._canvas[: len(panel), width : width + panel.shape[1]] = panel
        self._canvas[height : height + len(strip), : strip.shape[1]] = strip
        return self._canvas

    def _enlarged(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        import cv2

        if self._larger == 1:
            return pixels.copy()
        by = float(self._larger)
        return np.asarray(cv2.resize(pixels, None, fx=by, fy=by, interpolation=cv2.INTER_CUBIC))
