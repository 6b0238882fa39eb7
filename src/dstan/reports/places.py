"""Where files are written: seen to before there is anything to write."""

from __future__ import annotations

import os
from pathlib import Path

from dstan.errors import ConfigError


def check_place(out: Path, video: Path) -> None:
    """See that a file can be written beside others.

    Parameters
    ----------
    out
        Where to.
    video
        What must not be overwritten.

    Raises
    ------
    ConfigError
        If it cannot.
    """
    folder = out.absolute().parent
    if folder == video.absolute():
        raise ConfigError(
            f"{out} would lie among the images of the video, and count as one of them", hint="Choose another folder"
        )
    if not folder.is_dir():
        raise ConfigError(f"there is no folder {folder}", hint="Make it first")
    if out.is_dir():
        raise ConfigError(f"{out} is a folder", hint="Give the name of a file")
    if not os.access(folder, os.W_OK):
        raise ConfigError(f"nothing can be written in {folder}", hint="Choose a folder of your own")
    if out.resolve() == video.resolve():
        raise ConfigError(f"{out} is the video itself, which would be overwritten", hint="Give another name")
