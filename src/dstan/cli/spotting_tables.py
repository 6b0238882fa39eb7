"""What spotting found, as tables for people."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from dstan.cli import output

if TYPE_CHECKING:
    from dstan.inference.spotting import Event, Spotting

_COLUMNS = ("", "onset", "apex", "ms", "expression", "confidence", "regions moved, %")


def show_spotting(found: Spotting) -> None:
    """Print a table of the events, and below it what was left out and when no face was followed."""
    from dstan.reports.naming import gaps_of
    from dstan.video import clock

    output.say(f"{found.path}: {how_many(len(found.events))} in {clock(found.seconds, 1)}", "bold")
    if found.events:
        rows = [_row(number, event) for number, event in enumerate(found.events, 1)]
        output.table(_COLUMNS, rows, numbers=("", "onset", "apex", "ms", "confidence"))
    reasons = Counter(one.reason for one in found.rejected)
    if reasons:
        output.say("  left out: " + ", ".join(f"{n} {reason}" for reason, n in reasons.most_common()), "dim")
    if gaps := gaps_of(found):
        spans = ", ".join(f"{clock(begin, 1)} to {clock(end, 1)}" for begin, end in gaps[:5])
        more = f" and {len(gaps) - 5} times more" if len(gaps) > 5 else ""
        output.say(f"  no face was followed from {spans}{more}", "dim")


def how_many(count: int) -> str:
    """Say how many micro-expressions there are."""
    return "no micro-expression" if count == 0 else f"{count} micro-expression{'s' if count > 1 else ''}"


def _row(number: int, event: Event) -> tuple[str, ...]:
    from dstan.reports.naming import name_of, probability_of, regions
    from dstan.video import clock

    share = probability_of(event)
    return (
        str(number),
        clock(event.onset_seconds, 3),
        clock(event.apex_seconds, 3),
        f"{1000 * (event.offset_seconds - event.onset_seconds):.0f}",
        name_of(event) if share is None else f"{name_of(event)} {share:.2f}",
        f"{event.confidence:.2f}",
        regions(event, 3),
    )
