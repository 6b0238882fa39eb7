"""A person's clip, frame by frame: the neutral portrait, eyes redrawn, warped once, recorded by the camera."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from dstan.preprocessing._opencv import opencv
from dstan.synthesis.eyes import EyePainter, Gaze
from dstan.synthesis.identity import draw_identity
from dstan.synthesis.mouth import MouthPainter
from dstan.synthesis.portrait import Portrait, average_coordinates, draw_portrait
from dstan.synthesis.sensor import Sensor
from dstan.synthesis.timeline import Motion
from dstan.synthesis.warp import FaceWarp, grid


@lru_cache(maxsize=3)
def portrait_of(seed: int, width: int, height: int) -> Portrait:
    """Draw a person's portrait, or remember it: their clips are drawn one after another."""
    return draw_portrait(draw_identity(seed), width, height)


class Performance:
    """One person moving through one clip.

    Parameters
    ----------
    portrait
        Who.
    motion
        What moves.
    seed
        Seeds the camera's noise.
    """

    def __init__(self, portrait: Portrait, motion: Motion, seed: int) -> None:
        height, width = portrait.image.shape[:2]
        place = portrait.placement
        self.portrait, self.motion = portrait, motion
        x, y = average_coordinates(portrait.identity, place, *grid(width, height))
        frame = np.array([[place.scale, 0, place.x], [0, place.scale, place.y]])
        self.warp = FaceWarp(x, y, frame, width, height)
        self.sensor = Sensor(portrait.image, seed)

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """Yield the frames as the camera records them, (H, W, 3) uint8 RGB."""
        cv2 = opencv()

        painter = EyePainter(self.portrait)
        gaze, face = Gaze(), painter.draw(Gaze())
        for index in range(len(self.motion)):
            before, gaze = gaze, Gaze(*(float(value) for value in self.motion.gaze[index]))
            face = face if gaze == before else painter.draw(gaze)
            maps, shade = self.warp.maps(self.motion.at(index), self.motion.head[index])
            drawn = cv2.remap(
                self._speaking(face, index), maps, None, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE
            )
            yield self.sensor.record(np.asarray(drawn), shade, float(self.motion.light[index]))

    def _speaking(self, face: NDArray[np.uint8], index: int) -> NDArray[np.uint8]:
        opening = 0.0 if self.motion.mouth is None else float(self.motion.mouth[index])
        return self._mouth.paint(face, opening) if opening > 0 else face

    @cached_property
    def _mouth(self) -> MouthPainter:
        return MouthPainter(self.portrait)
