"""Reading corpora of long videos: rows mark events in them, and the events may also come cut out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from dstan.corpora import places
from dstan.corpora.corpus import Options, Survey
from dstan.corpora.reading import Entry, TableReader
from dstan.corpora.tables import Table
from dstan.corpora.trees import Tree, choose_tree
from dstan.errors import CorpusError, CorpusNotFoundError

EVENT = "Event"
"""Under this name a row holds the id of its clip, made of what the published table says: a correction of a frame number
does not change it."""


class RecordingReader(TableReader):
    """Reads a corpus of long videos; one instance reads one copy.

    A folder with several events is listed once. What would be told of hundreds of folders is told once, with their
    number: most of a long video, and many a whole one, holds no event.
    """

    def __init__(self) -> None:
        self._listed: tuple[Path, dict[int, str]] | None = None
        self._other_case: list[tuple[Entry, str]] = []

    def clip_id(self, cells: Mapping[str, str]) -> str:
        """Return the event's id, or the name as the table writes it."""
        return cells.get(EVENT, cells[self.columns.name])

    def _files(self, folder: Path, tree: Tree) -> dict[int, str]:
        if self._listed is None or self._listed[0] != folder:
            self._listed = folder, super()._files(folder, tree)
        return self._listed[1]

    def _tell_folder(self, survey: Survey, entry: Entry, found: str) -> None:
        if found.casefold() == "/".join(self.folder(entry.subject, entry.cells)).casefold():
            self._other_case.append((entry, found))
        else:
            super()._tell_folder(survey, entry, found)

    def _tell_extra(self, survey: Survey, folders: Sequence[Path]) -> None:
        if len(self._other_case) == 1:
            super()._tell_folder(survey, *self._other_case[0])
        elif self._other_case:
            entry, found = self._other_case[0]
            others = f"{len(self._other_case)} clips' folders differ from the table in upper and lower case alone"
            survey.tell("note", entry, f"its folder is called {found}; {others}")
        if len(folders) == 1:
            super()._tell_extra(survey, folders)
        elif folders:
            what = f"the coding table has no row for {len(folders)} folders of frames, such as {folders[0]}"
            survey.tell("note", survey.root, what, "They are not used")


def with_events(table: Table, event: Callable[[Mapping[str, str]], str]) -> Table:
    """Give every row the id of its clip, under :data:`EVENT`."""
    rows = tuple(replace(row, cells={**row.cells, EVENT: event(row.cells)}) for row in table.rows)
    return replace(table, columns=(*table.columns, EVENT), rows=rows)


def survey_by(*readers: type[RecordingReader]) -> Callable[[Path, Options], Survey]:
    """Return a survey by the first of several readers whose frames are there; other frames are told of.

    Parameters
    ----------
    readers
        One for each way in which the corpus's frames lie, the preferred one first.
    """

    def survey(root: Path, options: Options) -> Survey:  # numpydoc ignore=GL08
        present = [reader for reader in readers if _tree(reader, root, options) is not None] or [readers[0]]
        found = present[0]().survey(root, options)
        for reader in present[1:]:
            if isinstance(tree := _tree(reader, root, options), Tree):
                kind = "cropped" if tree.cropped else "raw"
                found.tell("note", tree.path, f"these {kind} frames are not used")
        return found

    return survey


def _tree(reader: type[RecordingReader], root: Path, options: Options) -> Tree | CorpusError | None:
    """Find a reader's frames; None if there are none, an error if they leave a choice."""
    try:
        return choose_tree(
            Survey(reader.corpus, places.existing_folder(root)), reader.shape, options.frames, reader.title
        )
    except CorpusNotFoundError:
        return None
    except CorpusError as error:
        return error
