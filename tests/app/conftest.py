"""The page, served by the command itself, and the videos that are given to it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from dstan.app.example import EXAMPLE
from dstan.video import read_frames, write_video

PATIENCE = 300.0
"""Seconds until a page that says nothing is given up."""


@dataclass
class Served:
    """A page that ``dstan app`` serves: its process, address, folder of temporary files and what it prints into."""

    process: subprocess.Popen[bytes]
    address: str
    temporary: Path
    log: Path

    @property
    def printed(self) -> str:
        """What it printed until now."""
        return self.log.read_text()

    def left(self) -> list[Path]:
        """Return the files that lie in the folder of temporary files."""
        return [path for path in self.temporary.rglob("*") if path.is_file()]

    def end(self, how: signal.Signals = signal.SIGINT) -> int:
        """Stop it as a person would, and return its exit code."""
        self.process.send_signal(how)
        return self.process.wait(timeout=PATIENCE)


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[..., Served]]:
    """Give a function that begins ``dstan app`` with some options and waits until it serves."""
    begun: list[Served] = []

    def begin(folder: Path, *options: str) -> Served:
        temporary, log = folder / "temporary", folder / "log.txt"
        temporary.mkdir()
        command = [sys.executable, "-m", "dstan", "app", "--no-open", *options]
        place = {**os.environ, "TMPDIR": str(temporary), "COLUMNS": "160"}
        with log.open("wb") as stream:
            process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, env=place)
        begun.append(Served(process, "", temporary, log))
        begun[-1].address = _address(begun[-1])
        return begun[-1]

    yield begin
    for served in begun:
        if served.process.poll() is None:
            served.process.kill()
            served.process.wait()


def _address(served: Served) -> str:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and served.process.poll() is None:
        if found := re.search(r"The page is at (\S+)", served.printed):
            return found[1]
        time.sleep(0.2)
    raise AssertionError(f"no page: {served.printed}")


@dataclass(frozen=True)
class Videos:
    """Videos to give to the page, below one folder."""

    folder: Path
    frames: list[NDArray[np.uint8]]

    def cut(self, name: str, first: int, last: int, codec: str = "libx264") -> Path:
        """Write a part of the example."""
        path = self.folder / name
        write_video(path, self.frames[first : last + 1], 60, codec=codec)
        return path

    def at_rest(self) -> Path:
        """Write half a second in which nothing moves."""
        path = self.folder / "rest.mp4"
        write_video(path, [self.frames[0]] * 30, 60)
        return path

    def without_face(self) -> Path:
        """Write a second of a grey wall."""
        path = self.folder / "wall.mp4"
        wall = np.linspace(90, 140, 240).astype(np.uint8)[:, None, None].repeat(320, 1).repeat(3, 2)
        write_video(path, [wall] * 30, 30)
        return path

    def sound_only(self) -> Path:
        """Write a file of sound under the name of a video."""
        path = self.folder / "sound.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("aac", rate=16_000)
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 16_000), np.float32), format="fltp", layout="mono")
            silence.sample_rate = 16_000
            container.mux(stream.encode(silence))
            container.mux(stream.encode())
        return path

    def damaged(self) -> Path:
        """Write a video of which half is missing."""
        whole = self.cut("whole.mkv", 0, 40)
        path = self.folder / "damaged.mkv"
        path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
        return path


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Videos:
    """Read the example, to cut it."""
    frames = [frame.pixels for frame in read_frames(EXAMPLE, stop=260, colour=True)]
    return Videos(tmp_path_factory.mktemp("given"), frames)
