"""Damage on request: the defects that copies of corpora are known to have, each made on purpose in a finished twin.

A damage knows neither the corpus nor its table: it changes coded events before the layout writes them down, or the
workbook afterwards, or the folders of images. What each does is remembered in ``truth/finished.json``; the truth itself
stays that of the undamaged twin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dstan._random import child_seed
from dstan._registry import look_up
from dstan.errors import ConfigError
from dstan.synthesis import damaged_files as files
from dstan.synthesis import damaged_rows as rows
from dstan.synthesis import damaged_tables as tables
from dstan.synthesis.layouts import CodedEvent, Layout
from dstan.synthesis.timeline import MICRO

Rows = Callable[[list[CodedEvent], int], None]
"""Changes the events before they are written, at a position."""
Tables = Callable[[Path], None]
"""Changes a coding table."""
Files = Callable[[Path, CodedEvent], Path]
"""Changes the images of an event, below a root, and returns what it changed."""


@dataclass(frozen=True)
class Damage:
    """One defect.

    Parameters
    ----------
    name
        What ``--damage`` calls it.
    description
        What is wrong then, a phrase.
    says
        A regular expression for what ``dstan check`` says of it.
    rows, table, files
        What does it, if one of these does.
    second_table
        Whether it is done by writing a second coding table.
    needs_table
        Whether it makes sense only where there is a coding table.
    """

    name: str
    description: str
    says: str
    rows: Rows | None = None
    table: Tables | None = None
    files: Files | None = None
    second_table: bool = False
    needs_table: bool = True

    def applies(self, layout: Layout) -> bool:
        """Tell whether a corpus can have it."""
        if self.name in layout.spared or (self.needs_table and layout.write_tables is None):
            return False
        return not self.second_table or layout.second_table is not None


DAMAGES: dict[str, Damage] = {
    damage.name: damage
    for damage in (
        Damage("offset-past-end", "an offset beyond the last image",
               r"offset \d+ lies after the last image|offset \d+ fit neither", rows.offset_past_end),
        Damage("onset-after-offset", "an onset later than its offset", r"onset .* after", rows.onset_after_offset),
        Damage("apex-outside", "an apex later than its offset", r"apex .* is not among", rows.apex_outside),
        Damage("missing-apex", 'an apex written as "/"', r"no apex", rows.missing_apex),
        Damage("repeated-row", "a row twice", r"rows .* are the same", rows.repeated_row),
        Damage("contradicting-rows", "two rows of a clip that disagree", r"disagree", rows.contradicting_rows),
        Damage("unknown-emotion", "an emotion that nobody knows", r"not a known word", rows.unknown_emotion),
        Damage("escaping-path", 'a clip called "../../secret"', r"is a path", rows.escaping_path),
        Damage("text-rows", "notes below the last row", r"no clip", table=tables.add_text_rows),
        Damage("renamed-column", "the onset's column under another name", r"no column is called",
               table=tables.rename_column),
        Damage("two-tables", "a second coding table, with other rows", r"2 coding tables", second_table=True),
        Damage("lost-frames", "images missing inside of a clip", r"lost", files=files.lose_frames, needs_table=False),
        Damage("empty-image", "an image of 0 bytes", r"empty", files=files.empty_image, needs_table=False),
        Damage("cut-image", "an image cut short", r"cut short|cannot be read|truncated", files=files.cut_image,
               needs_table=False),
        Damage("not-an-image", "text in an image's place", r"not an image", files=files.not_an_image,
               needs_table=False),
        Damage("extra-folder", "a folder of images without a row", r"no row", files=files.extra_folder),
        Damage("lost-clip", "a clip's folder missing", r"no frames|not there|missing", files=files.lose_clip),
        Damage("other-case", "a folder in other letters than its row", r"folder is called", files=files.other_case),
        Damage("doubled-root", "the frames' folder in a folder of its name", r"folder of the same name",
               files=files.double_root, needs_table=False),
    )
}  # fmt: skip
"""Every damage by name, in the order in which they are done."""


def choose_damages(layout: Layout, names: Iterable[str]) -> list[Damage]:
    """Look damages up.

    Parameters
    ----------
    layout
        Whose twin is damaged.
    names
        Those that are wanted, in any order.

    Returns
    -------
    The damages, each once, in the order of :data:`DAMAGES`.

    Raises
    ------
    UnknownNameError
        If there is no such damage.
    ConfigError
        If the corpus cannot have it.
    """
    wanted = {look_up("damage", name, DAMAGES).name for name in names}
    chosen = [damage for damage in DAMAGES.values() if damage.name in wanted]
    unfit = [damage.name for damage in chosen if not damage.applies(layout)]
    if unfit:
        able = ", ".join(damage.name for damage in DAMAGES.values() if damage.applies(layout))
        raise ConfigError(f"{layout.title} cannot have the damage {', '.join(unfit)}", hint=f"It can have {able}")
    return chosen


def write_damaged(
    out: Path, layout: Layout, events: Sequence[CodedEvent], seed: int, damages: Sequence[Damage]
) -> tuple[list[Path], list[dict[str, str]]]:
    """Write the tables of a twin whose images are drawn, and do damage to it.

    Parameters
    ----------
    out
        Its root.
    layout
        Its corpus.
    events
        All events, as a faultless coder has them.
    seed
        That of the twin; it chooses who is hit, another micro-expression for each damage while there are enough.
    damages
        What to do.

    Returns
    -------
    The tables, and for each damage its name and what it changed.
    """
    micro = [place for place, event in enumerate(events) if event.kind == MICRO.name] or range(len(events))
    order = np.random.default_rng(child_seed(seed, "damage")).permutation(micro)
    victims = {damage.name: int(order[place % len(order)]) for place, damage in enumerate(damages)}
    coded = list(events)
    for damage in sorted(damages, key=lambda damage: -victims[damage.name]):
        if damage.rows:
            damage.rows(coded, victims[damage.name])
    written = layout.write_tables(out, coded, seed) if layout.write_tables else []
    where: dict[str, str] = {damage.name: events[victims[damage.name]].video.folder for damage in damages}
    for damage in damages:
        if damage.table:
            damage.table(written[0])
            where[damage.name] = written[0].relative_to(out).as_posix()
        elif damage.files:
            changed = damage.files(out, events[victims[damage.name]])
            where[damage.name] = changed.relative_to(out).as_posix()
        elif damage.second_table and layout.write_tables and layout.second_table:
            second = written[0].with_name(layout.second_table)
            tables.write_second(second, layout.write_tables, events, seed)
            where[damage.name] = second.relative_to(out).as_posix()
    return written, [{"name": name, "where": place} for name, place in where.items()]
