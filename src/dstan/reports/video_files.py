"""The files of a video that was spotted in: called as it is, and known again, so that a killed command goes on."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dstan._foreign import read_json
from dstan._version import __version__
from dstan.errors import ConfigError, StorageError
from dstan.inference.spotting import Spotting
from dstan.reports import events
from dstan.reports.timeline import timeline_figure

FORMATS = ("json", "csv", "eaf", "vtt", "png")
"""What can be written; with ``png`` comes the same picture as ``svg``."""
Asked = Mapping[str, Any]
"""What an answer follows from: :meth:`dstan.inference.spotting.many.Request.about`."""


def stem_of(video: Path) -> str:
    """Return what a video's files are called: a folder of images may have a dot in its name.

    Parameters
    ----------
    video
        Its path.
    """
    whole = video.absolute()
    return whole.name if whole.is_dir() else whole.stem


def make_folder(folder: Path) -> None:
    """Make a folder for the files, and see that they can be written there, before hours go into what they are to say.

    Parameters
    ----------
    folder
        Where.

    Raises
    ------
    StorageError
        If they cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise StorageError(
            f"nothing can be written there: {why}", where=folder, hint="Choose another folder with --out"
        ) from error


def write_files(
    folder: Path, found: Spotting, formats: Sequence[str] = FORMATS, asked: Asked | None = None
) -> list[Path]:
    """Write what was found in one video; the JSON file, which says what was asked, comes last.

    Parameters
    ----------
    folder
        Where to; it is made where it is not there.
    found
        What was found.
    formats
        Some of :data:`FORMATS`.
    asked
        What it follows from.

    Returns
    -------
    The files, in the order of :data:`FORMATS`.
    """
    writers: dict[str, Callable[[Path, Spotting], None]] = {
        "csv": events.write_csv,
        "eaf": events.write_eaf,
        "vtt": events.write_vtt,
    }
    stem = folder / stem_of(found.path)
    document = _beside(stem, "json")
    if "json" in formats:
        document.unlink(missing_ok=True)
    for name in writers.keys() & set(formats):
        writers[name](_beside(stem, name), found)
    if "png" in formats:
        timeline_figure(found).write(stem)
    if "json" in formats:
        events.write_json(document, found, asked)
    return files_of(folder, found.path, formats)


def files_of(folder: Path, video: Path, formats: Sequence[str]) -> list[Path]:
    """Return the files that a video has in a folder, or would have.

    Parameters
    ----------
    folder
        Where.
    video
        Its path.
    formats
        Some of :data:`FORMATS`.
    """
    endings = [
        ending for name in FORMATS if name in formats for ending in ((name, "svg") if name == "png" else (name,))
    ]
    return [_beside(folder / stem_of(video), ending) for ending in endings]


def found_before(folder: Path, video: Path, formats: Sequence[str], asked: Asked) -> dict[str, Any] | None:
    """Return what was found in a video when the same was asked, without the signal; None where that is not there.

    Parameters
    ----------
    folder
        Where the files are.
    video
        Its path.
    formats
        What has to be there; without ``json`` nothing says what was asked.
    asked
        What an answer is to follow from.

    Raises
    ------
    ConfigError
        If the files are of something else that was asked, and the JSON file that says so would be left standing.
    """
    document = _read(_beside(folder / stem_of(video), "json"))
    same = document is not None and _is_of(document, asked)
    if "json" not in formats:
        if document is not None and not same:
            raise ConfigError(
                f"{stem_of(video)}.json in {folder} is of another video, model, version or setting: it would not "
                "belong to the new files beside it",
                hint="Add --format json, or give another --out",
            )
        return None
    if document is None or not same or not all(file.is_file() for file in files_of(folder, video, formats)):
        return None
    document.pop("signal", None)
    return document


def _is_of(document: Mapping[str, Any], asked: Asked) -> bool:
    return (
        asked["video"] is not None
        and document.get("asked") == json.loads(json.dumps(asked))
        and document.get("made_by") == {"dstan": __version__}
    )


def _read(path: Path) -> dict[str, Any] | None:
    try:
        document = read_json(path)
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def _beside(stem: Path, ending: str) -> Path:
    return stem.with_name(f"{stem.name}.{ending}")
