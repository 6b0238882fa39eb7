"""How memory and time of spotting grow with the length of a video, each measured in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from dstan._engine import worker_environment
from dstan.bench.memory import repeat_video
from dstan.bench.tables import Cell

TIMES = (1, 2, 4)
"""How often the video is shown behind itself."""
_CHILD = """
import json, sys, time
from pathlib import Path
from dstan.inference.spotting import spot_video
began = time.process_time()
found = spot_video(sys.argv[1])
took = time.process_time() - began
lines = Path("/proc/self/status").read_text().splitlines()
most = int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
print(json.dumps({"seconds": found.seconds, "took": took, "MB": most / 1000}))
"""


def growth_rows(video: Path, seconds: float, folder: Path) -> list[dict[str, Cell]]:
    """Spot in a video that is shown once, and again and again.

    Parameters
    ----------
    video
        The video.
    seconds
        How long it is.
    folder
        Where longer ones are written.
    """
    rows: list[dict[str, Cell]] = []
    for times in TIMES:
        path = video
        if times > 1:
            path = folder / f"{video.stem}-{times}.mp4"
            repeat_video(video, path, times, seconds)
        command = [sys.executable, "-c", _CHILD, str(path)]
        done = subprocess.run(command, capture_output=True, check=True, text=True, env=worker_environment())
        told = json.loads(done.stdout.splitlines()[-1])
        rows.append(
            {
                "length": f"{times} x",
                "s of video": told["seconds"],
                "peak memory, MB": told["MB"],
                "s of processor": told["took"],
                "s of processor per s": told["took"] / told["seconds"],
            }
        )
    return rows
