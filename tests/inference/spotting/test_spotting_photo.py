"""Spotting on a face that nobody here has drawn: a photograph that smiles for a moment while its head sways."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dstan.clips import Clip
from dstan.inference.spotting import spot_video
from dstan.preprocessing._opencv import opencv
from dstan.preprocessing.landmarks import landmark_source
from dstan.synthesis.emotions import Expression
from dstan.synthesis.photo import warp_for
from dstan.synthesis.sensor import Sensor
from dstan.synthesis.timeline import Phases, Timeline, draw_motion
from dstan.video import write_video

skimage_data = pytest.importorskip("skimage.data")
FPS = 50.0
SHOWN = Phases(onset=50, apex=58, offset=70)


def smiling(photo: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    rest = landmark_source("mediapipe").landmarks(Clip("photo", "one", "smile", Path()), [photo] * 3).points[-1]
    motion = draw_motion([Expression({12: (2.0, 2.0)})], Timeline((SHOWN,), 110), FPS, 4)
    warp, sensor = warp_for(rest, photo.shape[1], photo.shape[0]), Sensor(photo, 4)
    for index in range(len(motion)):
        sway = np.float32([0.03 * np.sin(index / 20), 0.02 * np.sin(index / 31), 0, 0])
        maps, shade = warp.maps(motion.at(index), motion.head[index] - motion.head[0] + sway)
        yield sensor.record(
            opencv().remap(photo, maps, None, opencv().INTER_LANCZOS4), shade, float(motion.light[index])
        )


@pytest.mark.slow
def test_the_smile_of_a_photograph_is_found_at_the_mouth_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "smile.mp4"
    write_video(path, smiling(skimage_data.astronaut()[:320, 64:384]), FPS)
    spotted = spot_video(path)
    (event,) = spotted.events
    both = min(event.offset, SHOWN.offset) - max(event.onset, SHOWN.onset) + 1
    assert both / (max(event.offset, SHOWN.offset) - min(event.onset, SHOWN.onset) + 1) >= 0.5
    assert "mouth" in next(iter(event.regions))
    assert len(spotted.stretches) == 1
