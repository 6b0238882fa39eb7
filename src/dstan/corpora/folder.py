"""Your own data: a CSV file that names image folders and video files.

The columns ``path``, ``subject`` and ``label`` are required, and ``onset``, ``apex``, ``offset`` (positions of frames,
counted from 0, inclusive) and ``fps`` (of image folders) are read where they are there; other columns are kept with
the clip. A relative path starts at the CSV's folder and may not leave it; an absolute path may lie anywhere. A row
without a label loads, but no task can use it. The same path may stand in several rows that name different stretches.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

from dstan import video
from dstan._registry import nearest_first
from dstan.clips import Clip
from dstan.corpora.corpus import Corpus, Options, Survey
from dstan.corpora.places import existing_folder
from dstan.corpora.tables import Row, Table, read_table, whole_number
from dstan.errors import AnnotationRangeError, ClipError, ConfigError, CorpusNotFoundError, FrameError

_REQUIRED = ("path", "subject", "label")
_OPTIONAL = ("onset", "apex", "offset", "fps")
_TABLE = "clips.csv"


def _survey(root: Path, options: Options) -> Survey:
    if replace(options, corrections=True) != Options():
        raise ConfigError(
            "a folder of your own has one table and one kind of frames", hint="Leave out --coding and --frames"
        )
    path = _find_table(root)
    table = read_table(path, _REQUIRED, _OPTIONAL)
    survey = Survey("folder", path.parent, tables=[path])
    _tell_columns(survey, table)
    _read_rows(survey, table)
    return survey


def _find_table(root: Path) -> Path:
    if root.is_file():
        return Path(os.path.abspath(root))  # noqa: PTH100
    path = existing_folder(root) / _TABLE
    if not path.is_file():
        raise CorpusNotFoundError(
            f"there is no {_TABLE} in this folder", where=root, hint=f"Write one with the columns {','.join(_REQUIRED)}"
        )
    return path


def _tell_columns(survey: Survey, table: Table) -> None:
    known = (*_REQUIRED, *_OPTIONAL)
    for name in table.columns:
        if name not in known:
            nearest = nearest_first(name, known)[0]
            survey.tell("note", table.path.name, f"the column {name} is kept but not read", f"Or is it {nearest}?")


def _read_rows(survey: Survey, table: Table) -> None:
    names = Counter(os.path.normpath(row.cells["path"]) for row in table.rows)
    first: dict[str, Row] = {}
    for row in table.rows:
        clip_id = _clip_id(row, names)
        subject = row.cells["subject"]
        try:
            if clip_id in first:
                raise ClipError(
                    f"row {row.number} names the same frames as row {first[clip_id].number}",
                    where=table.where(row),
                    hint="Remove one of them, or give them different onsets and offsets",
                )
            first[clip_id] = row
            survey.clips.append(_clip(survey, table, row, clip_id))
        except ClipError as error:
            survey.skip(subject, clip_id, error)
    _tell_labels(survey, table)


def _clip_id(row: Row, names: Counter[str]) -> str:
    """Return the path as written, with the stretch where it stands in several rows."""
    path = os.path.normpath(row.cells["path"])
    return path if names[path] == 1 else f"{path}@{row.cells.get('onset', '')}-{row.cells.get('offset', '')}"


def _clip(survey: Survey, table: Table, row: Row, clip_id: str) -> Clip:
    where = table.where(row)
    try:
        for name in ("path", "subject"):
            if not row.cells[name]:
                raise ClipError(f"the row has no {name}", hint="Complete or remove the row")
        path = _path(table.path.parent, row.cells["path"])
        files = _files(path)
        onset, apex, offset = (_position(row, name) for name in ("onset", "apex", "offset"))
        _check_range(onset, offset, len(files))
        fps = _fps(survey, where, row, is_folder=bool(files))
    except ClipError as error:
        what = f"{error.where} {error.what}" if error.where else error.what
        raise type(error)(what, where=where, hint=error.hint) from error
    last = offset if offset is not None else len(files) - 1 if files else apex
    if apex is not None and last is not None and not (onset or 0) <= apex <= last:
        survey.tell("warning", where, f"the apex {apex} lies outside of onset and offset", "It counts as missing")
        apex = None
    return Clip(
        corpus="folder",
        subject=row.cells["subject"],
        clip_id=clip_id,
        path=path,
        files=files,
        label=row.cells["label"] or None,
        onset=onset,
        apex=apex,
        offset=offset,
        fps=fps,
        annotation={**row.cells, "Row": where},
    )


def _path(folder: Path, written: str) -> Path:
    if "\0" in written:
        raise ClipError(f"the path {written!r} is refused: it holds a zero byte", hint="Correct the row")
    path = Path(os.path.normpath(folder / written))
    if not Path(written).is_absolute() and not path.is_relative_to(folder):
        raise ClipError(
            f"the path {written!r} is refused: it leaves the table's folder",
            hint="Write the absolute path if it is meant",
        )
    return path


def _files(path: Path) -> tuple[str, ...]:
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
    except OSError as error:
        raise FrameError(f"the path cannot be looked up: {error.strerror}", hint="Correct the path") from error
    if is_folder:
        return video.list_images(path)
    if not is_file:
        raise FrameError(f"no frames: looked for an image folder or a video file at {path}", hint=_path_hint(path))
    if not video.is_video(path):
        raise FrameError(f"{path.name} is neither an image folder nor a video file by its name", hint="Name the folder")
    return ()


def _path_hint(path: Path) -> str:
    return "Write paths with / instead of \\" if "\\" in path.name else "Correct the path"


def _position(row: Row, name: str) -> int | None:
    text = row.cells.get(name, "")
    if not text or (name == "apex" and text in ("/", "?")):
        return None
    number = whole_number(text)
    if number is None or number < 0:
        raise AnnotationRangeError(f"{name} must be a whole number from 0, not {text!r}", hint="Correct the row")
    return number


def _check_range(onset: int | None, offset: int | None, frames: int) -> None:
    if onset is not None and offset is not None and onset > offset:
        raise AnnotationRangeError(f"onset {onset} lies after offset {offset}", hint="Correct the row")
    last = max(onset or 0, offset or 0)
    if frames and last >= frames:
        raise AnnotationRangeError(
            f"frame {last} is annotated, but there are {frames}, counted from 0", hint="Correct the row"
        )


def _fps(survey: Survey, where: str, row: Row, *, is_folder: bool) -> float | None:
    text = row.cells.get("fps", "")
    if not text:
        if is_folder:
            survey.tell("warning", where, "an image folder without fps has no times", "Fill in the column fps")
        return None
    try:
        fps = float(text)
    except ValueError:
        fps = 0.0
    if not 0 < fps < float("inf"):
        raise AnnotationRangeError(f"fps must be a number above 0, not {text!r}", hint="Correct the row")
    return fps


def _tell_labels(survey: Survey, table: Table) -> None:
    spellings: dict[str, str] = {}
    for row in table.rows:
        label = row.cells["label"]
        if not label:
            survey.tell("warning", table.where(row), "the row has no label", "It can be predicted, but not evaluated")
        elif spellings.setdefault(label.casefold(), label) != label:
            survey.tell(
                "warning", table.where(row), f"the label {label!r} is also written {spellings[label.casefold()]!r}",
                "They are two classes; write them alike if they are one",
            )  # fmt: skip


FOLDER = Corpus(
    name="folder",
    title="Your own data",
    citation="",
    licence="Yours; nothing is copied or sent anywhere",
    access="",
    default_task="as-labelled",
    survey=_survey,
    layout="""\
data/
  clips.csv                               path,subject,label,onset,apex,offset,fps
  anna/smile_01/0001.png ...              image folders
  anna/interview.mp4                      or videos""",
)
