"""Reading a corpus that comes with a coding table: one path, of which a corpus overrides what it does in its own way.

A :class:`TableReader` finds the frames and the table, corrects known errors, matches each row to its folder by subject
and name, never by position, and turns frame numbers into positions among the frames that are there.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from dstan._foreign import is_plain_name
from dstan.clips import Clip
from dstan.corpora import places
from dstan.corpora.corpus import Options, Survey
from dstan.corpora.corrections import corrections_of
from dstan.corpora.frames import Span, locate, ranges
from dstan.corpora.tables import Row, Table, read_table, whole_number
from dstan.corpora.trees import Shape, Tree, choose_tree
from dstan.errors import ClipError
from dstan.facs import parse_action_units

COUNTED = "Frames counted"
"""A clip whose table counts otherwise than its files are numbered has this in its annotation."""
UNITS = "Action Units"
"""Every clip's annotation holds the coded action units under this name, whatever the table calls them."""


_NUMBERED = re.compile(r"(?:sub)?0*(\d{1,4})", re.IGNORECASE)
_PADDING = re.compile(r"(?<!\d)0+(?=\d)")


def numbered_subject(text: str) -> str:
    """Return "sub01" for 1, "01" or "sub01", as the CASME corpora call people; "" for anything else."""
    match = _NUMBERED.fullmatch(text)
    return f"sub{int(match[1]):02d}" if match else ""


@dataclass(frozen=True)
class Columns:
    """What a coding table calls its columns.

    Parameters
    ----------
    subject, name, onset, offset
        The person, the clip, and its first and last frame.
    apex, units
        The apex frame and the action units; None where the corpus has none.
    others
        Further columns that must be there: the emotion.
    optional
        Columns that may be there.
    """

    subject: str
    name: str
    onset: str
    offset: str
    apex: str | None
    units: str | None
    others: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    @property
    def required(self) -> tuple[str, ...]:
        """The columns without which a table is another table, in the order of most tables."""
        own = (self.subject, self.name, self.onset, self.apex, self.offset, self.units, *self.others)
        return tuple(name for name in own if name is not None)


@dataclass(frozen=True)
class Entry:
    """A clip as the table names it.

    Parameters
    ----------
    subject, clip_id
        Its key.
    rows
        The rows that name it; more than one if it is repeated.
    where
        The first row, for messages.
    """

    subject: str
    clip_id: str
    rows: tuple[Row, ...]
    where: str

    @property
    def cells(self) -> Mapping[str, str]:
        """What its row says, by column."""
        return self.rows[0].cells

    def __str__(self) -> str:
        return f"{self.subject}/{self.clip_id} ({self.where})"


class TableReader:
    """Reads one corpus; the class attributes declare what things are called there.

    A subclass sets the attributes and overrides those methods that the corpus does in its own way.
    """

    corpus: ClassVar[str]
    title: ClassVar[str]
    shape: ClassVar[Shape]
    columns: ClassVar[Columns]
    table: ClassVar[re.Pattern[str]]
    """Matches the file names of its coding tables."""
    table_example: ClassVar[str]
    sheet: ClassVar[str | None] = None
    """The sheet that is read, where the workbook has one of this name."""
    fps: ClassVar[float | None]

    def survey(self, root: Path, options: Options) -> Survey:
        """Read a copy; see :class:`~dstan.corpora.corpus.Corpus`."""
        root = places.existing_folder(root)
        survey = Survey(self.corpus, root)
        tree = choose_tree(survey, self.shape, options.frames, self.title)
        path = places.find_table(root, self.table, options.coding, self.table_example)
        table = self.read(path)
        survey.edition = places.edition(path)
        survey.tables.append(path)
        self._read_rows(survey, tree, self._correct(survey, table) if options.corrections else table)
        return survey

    def read(self, path: Path) -> Table:
        """Read the coding table; a row for each clip."""
        return read_table(path, self.columns.required, self.columns.optional, self.sheet)

    def subject(self, cells: Mapping[str, str]) -> str:
        """Return the subject as its key has it; "" where the row names none."""
        raise NotImplementedError

    def clip_id(self, cells: Mapping[str, str]) -> str:
        """Return the clip's id; the name as the table writes it."""
        return cells[self.columns.name]

    def folder(self, subject: str, cells: Mapping[str, str]) -> tuple[str, ...]:
        """Return the names of the folders from the tree to the clip's frames."""
        return subject, cells[self.columns.name]

    def alike(self, name: str) -> str:
        """Map names of folders that mean the same to the same text: case and padding make no difference."""
        return _PADDING.sub("", name.strip().casefold())

    def numbers(self, frames: Mapping[int, str], cells: Mapping[str, str]) -> Mapping[int, str]:
        """Return file names by the frame numbers that the table speaks of; those of the files themselves."""
        return frames

    def fps_of(self, cells: Mapping[str, str]) -> float | None:
        """Return the frames per second of a clip."""
        return self.fps

    def _correct(self, survey: Survey, table: Table) -> Table:
        known = corrections_of(self.corpus)
        rows = []
        for row in table.rows:
            cells = dict(row.cells)
            for correction in known.get((self.subject(cells), self.clip_id(cells)), ()):
                if cells.get(correction.field) == correction.old:
                    cells[correction.field] = correction.new
                    survey.corrections += 1
                    survey.tell("note", f"{correction.subject}/{correction.clip} ({table.where(row)})", str(correction))
            rows.append(replace(row, cells=cells))
        return replace(table, rows=tuple(rows))

    def _read_rows(self, survey: Survey, tree: Tree, table: Table) -> None:
        entries = list(self._entries(survey, table))
        used = {tree.named(self.folder(entry.subject, entry.cells)): entry for entry in entries}
        for entry in entries:
            try:
                clip = self._clip(survey, tree, entry, used)
            except ClipError as error:
                survey.skip(entry.subject, entry.clip_id, error)
            else:
                survey.clips.append(clip)
        self._tell_extra(survey, [folder for folder in tree.leaves() if folder not in used])

    def _entries(self, survey: Survey, table: Table) -> Iterable[Entry]:
        """Group the rows by clip; rows that are no clips are told or left out."""
        rows: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in table.rows:
            subject, name = self.subject(row.cells), self.clip_id(row.cells)
            onset = whole_number(row.cells[self.columns.onset])
            if onset is None and not (subject and name):
                text = ", ".join(cell for cell in row.cells.values() if cell)
                survey.tell("note", table.where(row), f"the row is no clip: {text[:80]}")
            else:
                rows[subject or row.cells[self.columns.subject], name].append(row)
        for (subject, name), same in rows.items():
            yield Entry(subject, name, tuple(same), table.where(same[0]))

    def _clip(self, survey: Survey, tree: Tree, entry: Entry, used: dict[Path, Entry]) -> Clip:
        cells, columns = entry.cells, self.columns
        self._check_names(entry)
        self._check_repeats(survey, entry)
        folder = self._find_folder(survey, tree, entry, used)
        used[folder] = entry
        asked = [whole_number(cells[name]) if name else None for name in (columns.onset, columns.apex, columns.offset)]
        try:
            files = self._files(folder, tree)
            numbered = self.numbers(files, cells)
            span = locate(numbered, *asked)
        except ClipError as error:
            raise type(error)(error.what, where=error.where or entry, hint=error.hint) from error
        self._tell_ends(survey, entry, list(files), list(numbered))
        self._tell_span(survey, entry, span, list(numbered))
        outside = len(files) - (span.offset - span.onset + 1)
        if tree.cropped and outside:
            stretch = f"onset {asked[0]} to offset {asked[2]}"
            survey.tell("note", entry, f"{outside} cropped frames lie outside of {stretch}")
        return Clip(
            corpus=self.corpus,
            subject=entry.subject,
            clip_id=entry.clip_id,
            path=folder,
            files=tuple(files.values()),
            onset=span.onset,
            apex=span.apex,
            offset=span.offset,
            fps=self.fps_of(cells),
            cropped=tree.cropped,
            annotation=self._annotation(survey, entry, span)
            | ({} if numbered is files else {COUNTED: "from the clip's start"}),
        )

    def _annotation(self, survey: Survey, entry: Entry, span: Span) -> dict[str, str]:
        annotation = {**entry.cells, "Row": entry.where}
        if self.columns.units is not None:
            annotation[UNITS] = entry.cells[self.columns.units]
            try:
                parse_action_units(annotation[UNITS])
            except ValueError as error:
                survey.tell("note", entry, str(error), "The text is kept as it is")
        if span.lost:
            annotation["Lost frames"] = ranges(span.lost)
        return annotation

    def _check_names(self, entry: Entry) -> None:
        """Refuse a row without a name, and one whose names would lead elsewhere."""
        if not self.subject(entry.cells):
            raise ClipError(
                f"{entry.subject!r} is no subject of {self.title}", where=entry.where, hint="Correct or remove the row"
            )
        for name in (entry.clip_id, *self.folder(entry.subject, entry.cells)):
            if not name:
                raise ClipError(
                    f"the row has no {self.columns.name}", where=entry.where, hint="Correct or remove the row"
                )
            if not is_plain_name(name):
                raise ClipError(
                    f"the {self.columns.name} {name!r} is refused: it is a path, not the name of a folder",
                    where=entry.where,
                    hint="Correct the row",
                )

    def _check_repeats(self, survey: Survey, entry: Entry) -> None:
        """Take one of several equal rows; rows that disagree are no annotation."""
        numbers = ", ".join(str(row.number) for row in entry.rows)
        if any(row.cells != entry.cells for row in entry.rows):
            raise ClipError(
                f"rows {numbers} name the same clip and disagree", where=entry, hint="Remove the wrong ones"
            )
        if len(entry.rows) > 1:
            survey.tell("warning", entry, f"rows {numbers} are the same", "One of them is used; remove the others")

    def _find_folder(self, survey: Survey, tree: Tree, entry: Entry, used: Mapping[Path, Entry]) -> Path:
        """Return the folder that a row names, or else the only one with a name alike that no other name uses."""
        parts = self.folder(entry.subject, entry.cells)
        named, found = tree.named(parts), tree.folder(parts, self.alike)
        other = used.get(found)
        if found == named or not found.is_dir():
            return named
        if other is not None and self.folder(other.subject, other.cells) != parts:
            return named
        self._tell_folder(survey, entry, "/".join(found.parts[-len(parts) :]))
        return found

    def _tell_folder(self, survey: Survey, entry: Entry, found: str) -> None:
        """Tell of a folder that has another name than in the table."""
        survey.tell("note", entry, f"its folder is called {found}")

    def _tell_extra(self, survey: Survey, folders: Sequence[Path]) -> None:
        """Tell of the folders of frames that no row names."""
        for folder in folders:
            survey.tell("note", folder, "the coding table has no row for this folder", "It is not used")

    def _files(self, folder: Path, tree: Tree) -> dict[int, str]:
        return tree.shape.images(folder)

    def _tell_ends(self, survey: Survey, entry: Entry, own: Sequence[int], numbers: Sequence[int]) -> None:
        """Tell of an onset before the first image and of an offset after the last one.

        ``own`` are the numbers in the images' names, ``numbers`` those that the table speaks of.
        """
        onset, offset = (whole_number(entry.cells[name]) for name in (self.columns.onset, self.columns.offset))
        hint = "The clip is used as far as its images go; correct the row, or unpack the clip again"
        if onset is not None and onset < numbers[0]:
            survey.tell("warning", entry, f"the onset {onset} lies before the first image, {numbers[0]}", hint)
        if offset is not None and offset > numbers[-1]:
            survey.tell("warning", entry, f"the offset {offset} lies after the last image, {numbers[-1]}", hint)

    def _tell_span(self, survey: Survey, entry: Entry, span: Span, numbers: Sequence[int]) -> None:
        """Tell of frames that are lost between images, and of an apex that is missing."""
        inside = [(first, last) for first, last in span.lost if numbers[0] < first and last < numbers[-1]]
        if inside:
            survey.tell(
                "warning",
                entry,
                f"frames {ranges(inside)} are lost",
                "The others are used, as if evenly spaced; unpack the corpus again",
            )
        if self.columns.apex is None:
            return
        apex = entry.cells[self.columns.apex]
        if whole_number(apex) is None:
            survey.tell("note", entry, f"has no apex ({apex!r})", "The recipe's apex policy says what is taken")
        elif span.apex is None:
            survey.tell("warning", entry, f"the apex {apex} is not among its frames", "It counts as missing")
