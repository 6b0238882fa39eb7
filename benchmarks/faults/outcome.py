"""What a trial found, what must hold in every one, and the table of all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .site import Done, Site

SURPRISES = ("Traceback", "is damaged", "KilledWorker", "Exception ignored")


@dataclass
class Outcome:
    """One trial.

    Parameters
    ----------
    kind, number
        Which it is.
    detail
        When and where the fault was.
    kept
        How many folds were finished when the command ended or was ended, and had to stay as they were.
    problems
        What must not be: none, if all is well.
    told
        The last words of a command that could not go on.
    seconds
        From the fault to the end of everything.
    """

    kind: str
    number: int
    detail: str = ""
    kept: int = 0
    problems: list[str] = field(default_factory=list)
    told: str = ""
    seconds: float = 0.0

    def must(self, holds: bool, otherwise: str) -> None:
        """Note a problem where something does not hold."""
        if not holds:
            self.problems.append(otherwise)

    def stopped(self, done: Done, *words: str) -> None:
        """See that a command ended with an error that tells what it must: the code 1, words, no surprise."""
        self.told = done.last_words
        self.must(done.code == 1, f"ended with {done.code}, not 1: {done.last_words}")
        for word in words:
            self.must(word in done.errors, f"does not say {word!r}: {done.last_words}")

    def completed(self, site: Site, done: Done, before: Mapping[str, int], run: Path | None = None) -> None:
        """See that a command completed the run: the same bytes, nothing computed twice, nothing left behind."""
        self.must(done.code == 0, f"ended with {done.code}: {done.last_words}")
        for surprise in SURPRISES:
            self.must(surprise not in done.errors, f"{surprise!r} in what it said")
        self.must(site.is_same(run), "other predictions than the undisturbed run")
        after = site.finished()
        again = [name for name, when in before.items() if after.get(name) != when]
        self.kept = len(before)
        self.must(not again, f"finished folds written again: {', '.join(again)}")
        self.must(site.all_gone(), "processes left")
        hidden = site.hidden()
        self.must(not hidden, f"temporary files left: {', '.join(hidden)}")


def load(path: Path) -> list[Outcome]:
    """Read the trials that were made already."""
    if not path.exists():
        return []
    return [Outcome(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def keep(path: Path, outcome: Outcome) -> None:
    """Add a trial to the file."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(outcome), ensure_ascii=False) + "\n")


def table(outcomes: Sequence[Outcome], names: Mapping[str, str]) -> str:
    """Return the table in Markdown, a row a kind of fault."""
    rows = ["| what happens | trials | all held | finished folds kept | seconds, median (most) |"]
    rows.append("|---|---:|---:|---:|---:|")
    for kind, name in names.items():
        own = sorted((one for one in outcomes if one.kind == kind), key=lambda one: one.seconds)
        if own:
            good = sum(not one.problems for one in own)
            took = f"{own[len(own) // 2].seconds:.0f} ({own[-1].seconds:.0f})"
            rows.append(f"| {name} | {len(own)} | {good} | {sum(one.kept for one in own)} | {took} |")
    return "\n".join(rows) + "\n"
