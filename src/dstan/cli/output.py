"""What the commands write: text and tables for people, or one JSON document for machines, and errors.

Everything for people or machines goes to standard output; errors, warnings and progress go to standard error.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dstan._progress import Progress
from dstan.errors import DstanError

if TYPE_CHECKING:
    from rich.console import Console

WIDE = 200
"""Columns of a table that is not written to a terminal, so that nothing in a file is cut."""

BLOCKS = "▁▂▃▄▅▆▇█"


def console(*, errors: bool = False) -> Console:
    """Make the console of standard output, or of standard error."""
    from rich.console import Console

    stream = sys.stderr if errors else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else WIDE
    return Console(file=stream, width=width, highlight=False)


def say(text: str = "", style: str = "") -> None:
    """Print one line for people, never cut, brackets left alone."""
    from rich.text import Text

    console().print(Text(text, style=style), soft_wrap=True)


def warn(text: str) -> None:
    """Print one line of warning on standard error."""
    from rich.text import Text

    console(errors=True).print(Text.assemble(("warning: ", "yellow"), text), soft_wrap=True)


def note(text: str) -> None:
    """Print one line that is good to know, on standard error."""
    from rich.text import Text

    console(errors=True).print(Text.assemble(("note: ", "cyan"), text), soft_wrap=True)


def show_error(error: DstanError) -> None:
    """Print an error in red and its hint on a line of its own, on standard error."""
    from rich.text import Text

    where = f"{error.where}: " if error.where else ""
    screen = console(errors=True)
    screen.print(Text.assemble(("error: ", "bold red"), (f"{where}{error.what}", "red")), soft_wrap=True)
    if error.hint:
        screen.print(Text.assemble(("hint: ", "bold"), error.hint), soft_wrap=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Iterable[str] = ()) -> None:
    """Print a table.

    Parameters
    ----------
    columns
        The headings.
    rows
        Cells as text.
    numbers
        The headings of the columns that are aligned to the right.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    right = set(numbers)
    drawn = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name in columns:
        drawn.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    console().print(drawn)


def markdown(text: str, *, otherwise: str) -> None:
    """Set Markdown in type where standard output is a terminal, and print other text as it is where it is none.

    Parameters
    ----------
    text
        For the terminal.
    otherwise
        For files and other programs.
    """
    if not sys.stdout.isatty():
        sys.stdout.write(otherwise)
        return
    from rich.markdown import Markdown

    console().print(Markdown(text))


def document(content: Any) -> None:
    """Print one JSON document: the whole of standard output under ``--json``."""
    sys.stdout.write(json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def plain(value: Any) -> Any:
    """Turn paths, arrays, dataclasses and NaN into what JSON can say; NaN and infinity become null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def bar(share: float, width: int = 20) -> str:
    """Draw a share in [0, 1] as a bar of ``width`` characters."""
    full = round(min(max(share, 0.0), 1.0) * width)
    return "█" * full + "·" * (width - full)


def sparkline(values: Sequence[float]) -> str:
    """Draw values as blocks between their least (lowest block) and their greatest."""
    if not values:
        return ""
    low, span = min(values), max(values) - min(values)
    return "".join(BLOCKS[round((value - low) / span * (len(BLOCKS) - 1)) if span > 0 else 3] for value in values)


_BARS: list[Any] = []
"""The bars that are on the screen."""


@contextmanager
def without_bars() -> Iterator[None]:
    """Take bars off the screen while the block prints; they would be drawn over it."""
    for bars in _BARS:
        bars.stop()
    try:
        yield
    finally:
        for bars in _BARS:
            bars.start()


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Give a callback that draws one bar a stage on standard error; where that is no terminal, a line a minute."""
    if not sys.stderr.isatty():
        yield ProgressLines()
        return
    from rich import progress

    with progress.Progress(
        progress.TextColumn("{task.description:<10}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
        progress.TextColumn("{task.fields[note]}", style="dim"),
        console=console(errors=True),
        transient=True,
        redirect_stdout=False,
    ) as bars:
        stages: dict[str, progress.TaskID] = {}

        def report(stage: str, done: int, total: int, note: str = "") -> None:
            if stage not in stages:
                stages[stage] = bars.add_task(stage, total=total, note="")
            bars.update(stages[stage], completed=done, total=total, note=note[:40])

        _BARS.append(bars)
        try:
            yield report
        finally:
            _BARS.remove(bars)


class ProgressLines:
    """Tells how far a long job is, and how much longer it may take, in lines for a log file."""

    def __init__(self, every: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._every, self._clock = every, clock
        self._stage, self._begun, self._before, self._told = "", 0.0, 0, 0.0

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Print a line where the last one or the stage's beginning is a minute ago; earlier runs do not count."""
        now = self._clock()
        if stage != self._stage:
            self._stage, self._begun, self._before, self._told = stage, now, done, now
        elif now - self._told >= self._every:
            self._told = now
            seconds = (now - self._begun) / max(done - self._before, 1) * (total - done)
            left = f", {timedelta(seconds=round(seconds))} left" if done > self._before else ""
            console(errors=True).print(f"{stage}: {done} of {total}{left}", soft_wrap=True)


class WarningLines(logging.Handler):
    """Shows the library's log as ``warning:`` and ``note:`` lines on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        (warn if record.levelno >= logging.WARNING else note)(record.getMessage())


def show_warnings() -> None:
    """Send the library's warnings to standard error, and where a dashboard is."""
    logger = logging.getLogger("dstan")
    if not any(isinstance(handler, WarningLines) for handler in logger.handlers):
        logger.addHandler(WarningLines())
        logger.propagate = False
        logging.getLogger("dstan._engine").setLevel(logging.INFO)  # where the dashboard is
