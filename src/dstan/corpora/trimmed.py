"""Corpora of trimmed clips, of which the table still counts frames in the whole recording.

Such a clip lies in a folder of its own name. Its frames have kept their numbers, or were numbered anew from the clip's
start; copies of one corpus differ in that, and even clips of one copy. The files of each clip decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from dstan.corpora.corpus import Options, Survey
from dstan.corpora.reading import COUNTED, Entry, TableReader
from dstan.corpora.tables import whole_number
from dstan.corpora.trees import Tree


def in_step(frames: Mapping[int, str], onset: int | None, offset: int | None) -> Mapping[int, str]:
    """Give the frames of a clip the numbers that its table speaks of.

    The files keep their own numbers unless more of them lie from onset to offset when the first frame, 1 or 0, is taken
    for the onset.

    Parameters
    ----------
    frames
        File names by the number in the name.
    onset, offset
        Frame numbers as annotated.

    Returns
    -------
    File names by the table's numbers; ``frames`` itself where they are those of the files.
    """
    if onset is None or offset is None:
        return frames
    shift = onset - (0 if 0 in frames else 1)
    as_numbered = sum(onset <= number <= offset for number in frames)
    anew = sum(onset <= number + shift <= offset for number in frames)
    return {number + shift: name for number, name in frames.items()} if anew > as_numbered else frames


class TrimmedReader(TableReader):
    """Reads trimmed clips; finds a clip's folder by its name alone where it is not where the table leads."""

    def survey(self, root: Path, options: Options) -> Survey:
        """Read a copy, and tell how many clips were numbered anew."""
        survey = super().survey(root, options)
        anew = sum(COUNTED in clip.annotation for clip in survey.clips)
        if anew:
            survey.tell(
                "note",
                survey.tables[0].name,
                f"the frames of {anew} clips are numbered from the clip's start, but the table counts in the recording",
                "The first frame of such a clip is taken for its onset",
            )
        return survey

    def numbers(self, frames: Mapping[int, str], cells: Mapping[str, str]) -> Mapping[int, str]:
        """Return file names by the frame numbers of the table, whichever way the files are numbered."""
        onset, offset = (whole_number(cells[name]) for name in (self.columns.onset, self.columns.offset))
        return in_step(frames, onset, offset)

    def _find_folder(self, survey: Survey, tree: Tree, entry: Entry, used: Mapping[Path, Entry]) -> Path:
        """Return the folder that a row names, or else the only one of that name that no other row names."""
        parts = self.folder(entry.subject, entry.cells)
        named = tree.named(parts)
        if named.is_dir():
            return named
        found = [leaf for leaf in tree.leaves() if self.alike(leaf.name) == self.alike(parts[-1])]
        if len(found) != 1 or used.get(found[0], entry) is not entry:
            return named
        self._tell_folder(survey, entry, "/".join(found[0].parts[-len(parts) :]))
        return found[0]

    def _tell_ends(self, survey: Survey, entry: Entry, own: Sequence[int], numbers: Sequence[int]) -> None:
        """Tell where a clip's frames and its annotation do not go together, whichever way they are counted."""
        onset, offset = (int(float(entry.cells[name])) for name in (self.columns.onset, self.columns.offset))
        if onset < numbers[0] or offset > numbers[-1]:
            survey.tell(
                "warning",
                entry,
                f"onset {onset} to offset {offset} fit neither the numbers of its files, {own[0]} to {own[-1]}, nor "
                "a count from the clip's start",
                "The frames that are there are used; correct the row or unpack the clip again",
            )
        elif numbers[0] != own[0] and numbers[-1] > offset:
            survey.tell(
                "warning",
                entry,
                f"is counted from its start, but has {numbers[-1] - offset} frames more than onset to offset",
                "Its first frame is taken for the onset",
            )
