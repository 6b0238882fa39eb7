"""CASME II: 255 clips of 26 people at 200 frames per second.

The copy is recognised by its folders and frame names, wherever the user points: the corpus's root, its parent, or the
folder that holds ``sub01``. ``CASME2_RAW_selected`` (frames ``img46.jpg``) is preferred over ``Cropped``
(``reg_img46.jpg``). A row of the coding table is matched to its folder by subject and file name, never by position.

Known quirks, all survived and told: the doubled root folder, ``/`` for a missing apex (sub04 EP12_01f), frames lost at
the end of sub16 EP01_08 in ``Cropped``, an apex outside of its clip, a clip name with or without its trailing f.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from dstan.clips import Clip
from dstan.corpora import places
from dstan.corpora.corpus import Corpus, Options, Survey
from dstan.corpora.frames import Span, locate, numbered_images, ranges
from dstan.corpora.tables import Row, Table, read_table, whole_number
from dstan.errors import ClipError, CorpusError, CorpusNotFoundError, FrameError

_COLUMNS = ("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units", "Estimated Emotion")
_FRAME = re.compile(r"(?:reg_)?img(\d+)\.(?:jpe?g|png|bmp)", re.IGNORECASE)
_SUBJECT = re.compile(r"(?:sub)?0*(\d{1,4})", re.IGNORECASE)
_TABLE = re.compile(r"casme2-coding-.+\.xlsx?", re.IGNORECASE)
_LAYOUT = "CASME2_RAW_selected/sub01/EP02_01f/img46.jpg"


@dataclass(frozen=True)
class _Tree:
    """A folder of subjects' folders."""

    path: Path
    cropped: bool


def _survey(root: Path, options: Options) -> Survey:
    root = places.existing_folder(root)
    survey = Survey("casme2", root)
    tree = _choose_tree(survey, options)
    table = read_table(
        places.find_table(root, _TABLE, options.coding, "CASME2-coding-20140508.xlsx"), _COLUMNS, ["Objective Classes"]
    )
    survey.edition = places.edition(table.path)
    survey.tables.append(table.path)
    _read_rows(survey, tree, table)
    return survey


def _choose_tree(survey: Survey, options: Options) -> _Tree:
    """Find the folder of subjects' folders; the raw frames win where there are both."""
    found = [tree for folder, _, _ in places.walk(survey.root) if (tree := _tree(folder))]
    wanted = options.frames or ("cropped" if all(tree.cropped for tree in found) else "raw")
    chosen = [tree for tree in found if tree.cropped == (wanted == "cropped")]
    if not chosen:
        raise CorpusNotFoundError(
            f"no {options.frames or ''} frames of CASME II are here".replace("  ", " "),
            where=survey.root,
            hint=f"Name the folder that holds {_LAYOUT}",
        )
    if len(chosen) > 1:
        raise CorpusError(
            f"{len(chosen)} folders hold {wanted} frames: {', '.join(str(tree.path) for tree in chosen)}",
            where=survey.root,
            hint="Name the one that is meant",
        )
    tree = chosen[0]
    if tree.path.name == tree.path.parent.name:
        survey.tell("note", tree.path, "the folder lies in a folder of the same name, as the archive unpacks")
    if len(found) > 1:
        survey.tell("note", tree.path, f"{wanted} frames are used; both raw and cropped ones are here")
    return tree


def _tree(folder: Path) -> _Tree | None:
    """Recognise a folder of subjects' folders by the names of its frames, or by its own name where it has none."""
    subjects = places.folders(folder, re.compile(r"sub\d+", re.IGNORECASE))
    if not subjects:
        return None
    files = [name for subject in subjects for clip in places.folders(subject) for name in places.some_files(clip)]
    frames = [name for name in files if _FRAME.fullmatch(name)]
    if files and not frames:
        return None
    names = (folder.name, *frames[:1])
    return _Tree(folder, any(name.casefold().startswith(("reg_", "crop")) for name in names))


def _read_rows(survey: Survey, tree: _Tree, table: Table) -> None:
    rows: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in table.rows:
        rows[_subject(row), row.cells["Filename"]].append(row)
    used = {tree.path / subject / name for subject, name in rows}
    for (subject, name), same in rows.items():
        try:
            clip = _clip(survey, tree, table, same, used)
        except ClipError as error:
            survey.skip(subject, name, error)
        else:
            survey.clips.append(clip)
            used.add(clip.path)
    for extra in [clip for folder in places.folders(tree.path) for clip in places.folders(folder) if clip not in used]:
        survey.tell("note", extra, "the coding table has no row for this folder", "It is not used")


def _subject(row: Row) -> str:
    """Return "sub01" for 1, "01" or "sub01"; other text stays, to be refused by name."""
    text = row.cells["Subject"]
    match = _SUBJECT.fullmatch(text)
    return f"sub{int(match[1]):02d}" if match else text


def _clip(survey: Survey, tree: _Tree, table: Table, rows: list[Row], used: set[Path]) -> Clip:
    row, cells = rows[0], rows[0].cells
    subject, name = _subject(row), cells["Filename"]
    where = f"{subject}/{name} ({table.where(row)})"
    _check_names(subject, name, table.where(row))
    _check_repeats(survey, rows, where)
    folder = _clip_folder(survey, tree.path / subject / name, used, where)
    try:
        frames = numbered_images(folder, _FRAME)
        if not frames:
            raise FrameError(f"no frames: looked for img*.jpg in {folder}", hint="Unpack the corpus again")
        numbers = [whole_number(cells[column]) for column in ("OnsetFrame", "ApexFrame", "OffsetFrame")]
        span = locate(frames, *numbers)
    except ClipError as error:
        raise type(error)(error.what, where=error.where or where, hint=error.hint) from error
    _tell_span(survey, where, cells["ApexFrame"], span)
    outside = len(frames) - (span.offset - span.onset + 1)
    if tree.cropped and outside:
        survey.tell("note", where, f"{outside} cropped frames lie outside of onset {numbers[0]} to offset {numbers[2]}")
    annotation = {**cells, "Row": table.where(row)}
    if span.lost:
        annotation["Lost frames"] = ranges(span.lost)
    return Clip(
        corpus="casme2",
        subject=subject,
        clip_id=name,
        path=folder,
        files=tuple(frames.values()),
        onset=span.onset,
        apex=span.apex,
        offset=span.offset,
        fps=200.0,
        cropped=tree.cropped,
        annotation=annotation,
    )


def _check_names(subject: str, name: str, where: str) -> None:
    if not re.fullmatch(r"sub\d+", subject):
        raise ClipError(f"the subject {subject!r} is not a number", where=where, hint="Correct or remove the row")
    if not name:
        raise ClipError("the row has no Filename", where=where, hint="Correct or remove the row")
    if "/" in name or "\\" in name or name in (".", ".."):
        raise ClipError(
            f"the Filename {name!r} is refused: it is a path, not the name of a folder",
            where=where,
            hint="Correct the row",
        )


def _check_repeats(survey: Survey, rows: list[Row], where: str) -> None:
    """Take one of several equal rows; rows that disagree are no annotation."""
    numbers = ", ".join(str(row.number) for row in rows)
    if any(row.cells != rows[0].cells for row in rows):
        raise ClipError(f"rows {numbers} name the same clip and disagree", where=where, hint="Remove the wrong ones")
    if len(rows) > 1:
        survey.tell("warning", where, f"rows {numbers} are the same", "One of them is used; remove the others")


def _clip_folder(survey: Survey, named: Path, used: set[Path], where: str) -> Path:
    """Return the folder that a row names, or the only unused one that differs by case or a trailing f."""
    folders = [] if named.is_dir() else places.folders(named.parent)
    like = [folder for folder in folders if _loose(folder.name) == _loose(named.name) and folder not in used]
    if len(like) != 1:
        return named
    survey.tell("note", where, f"its folder is called {like[0].name}")
    return like[0]


def _loose(name: str) -> str:
    return name.strip().casefold().removesuffix("f")


def _tell_span(survey: Survey, where: str, apex: str, span: Span) -> None:
    if span.lost:
        survey.tell(
            "warning",
            where,
            f"frames {ranges(span.lost)} are lost",
            "The others are used, as if evenly spaced; unpack the corpus again",
        )
    if whole_number(apex) is None:
        survey.tell("note", where, f"has no apex ({apex!r})", "Methods that need it take the recipe's policy")
    elif span.apex is None:
        survey.tell("warning", where, f"the apex {apex} is not among its frames", "It counts as missing")


CASME2 = Corpus(
    name="casme2",
    title="CASME II",
    citation="W.-J. Yan et al., CASME II: An improved spontaneous micro-expression database and the baseline "
    "evaluation, PLoS ONE 9(1), e86041, 2014",
    access="For research, by a signed licence agreement with the Chinese Academy of Sciences: "
    "http://casme.psych.ac.cn/casme/e2",
    default_task="casme2-5",
    survey=_survey,
    clips=255,
    subjects=26,
    fps=200.0,
    layout=_LAYOUT,
)
