"""Memory: the most that a process takes while it prepares part of a short, of a long video, or all of it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from itertools import islice, repeat
from pathlib import Path

from dstan.bench.figures import Bench
from dstan.bench.preparation import twin_clip

FPS, MINUTES = 30, 20
PART = 90
"""Frames of the part that is asked for."""
KEPT = (500, 1000, 2000)
"""Frames of the longer clips."""
_CHILD = """
import json, sys
from pathlib import Path
from dstan.clips import Clip
from dstan.preprocessing.cache import Cache
from dstan.preprocessing.pipeline import prepare_clip
from dstan.preprocessing.recipe import Recipe
path, cache, onset, offset = sys.argv[1:]
clip = Clip("bench", "someone", "clip", Path(path), onset=int(onset), offset=int(offset))
prepare_clip(clip, Recipe(), Cache(Path(cache)))
lines = Path("/proc/self/status").read_text().splitlines()
print(json.dumps(int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))))
"""


def bench_memory() -> Bench:
    """Measure the peak memory of preparing a part of a video of one minute and of twenty, and of longer clips."""
    from dstan.video import read_clip, write_video

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frames = [frame.pixels for frame in read_clip(twin_clip(folder / "twin"), colour=True)]
        there_and_back = [*frames, *reversed(frames)]
        endless = (picture for again in repeat(there_and_back) for picture in again)
        write_video(folder / "1.mp4", islice(endless, 60 * FPS), FPS)
        repeat_video(folder / "1.mp4", folder / f"{MINUTES}.mp4", MINUTES, 60)
        last = MINUTES * 60 * FPS - 1
        parts = {
            f"the first {PART} frames of 1 minute": (1, 0, PART - 1),
            f"the last {PART} frames of {MINUTES} minutes": (MINUTES, last - PART + 1, last),
            **{f"a clip of {count} frames in {MINUTES} minutes": (MINUTES, 5000, 4999 + count) for count in KEPT},
        }
        values = {
            row: _peak(folder / f"{minutes}.mp4", folder / "cache", onset, offset)
            for row, (minutes, onset, offset) in parts.items()
        }
    what = "peak memory of one process that prepares a clip at 224 x 224 from a video of 640 x 480"
    return Bench.of("memory", what, "MB", values)


def repeat_video(source: Path, target: Path, times: int, seconds: float) -> None:
    """Write a video again and again behind itself, without coding it anew.

    Parameters
    ----------
    source, target
        The video, and where to.
    times
        How often it is shown.
    seconds
        How long it is.
    """
    import av

    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        stream = reader.streams.video[0]
        copy = writer.add_stream_from_template(stream)
        for again in range(times):
            reader.seek(0)
            for packet in reader.demux(stream):
                if packet.dts is None or packet.pts is None:
                    continue
                shift = round(seconds * again / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, copy
                writer.mux(packet)


def _peak(video: Path, cache: Path, onset: int, offset: int) -> float:
    """Return what Linux counts as the most memory of a process of its own, in MB."""
    command = [sys.executable, "-c", _CHILD, str(video), str(cache), str(onset), str(offset)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return float(json.loads(done.stdout.splitlines()[-1])) / 1000
