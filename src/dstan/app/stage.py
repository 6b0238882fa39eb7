"""The video with its timeline and its events, as HTML whose every event is a button."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import pairwise
from pathlib import Path
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from dstan.app.words import called
from dstan.inference.spotting import Event, Interval, Spotting
from dstan.reports.naming import name_of, probability_of

POINTS = 800
"""Points of the curve at most; of several instants the strongest is drawn."""
WIDTH, HEIGHT = 1000.0, 100.0
"""What the picture's coordinates go to; it is stretched to the width of the page."""
HEADROOM = 1.12
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800)


def file_address(path: Path) -> str:
    """Return where the server gives a file out."""
    return f"gradio_api/file={quote(path.as_posix())}"


def stage(spotting: Spotting, preview: Path) -> str:
    """Draw the player, the timeline and the list of events.

    Parameters
    ----------
    spotting
        What was found.
    preview
        The video as a browser plays it.
    """
    parts = (_player(preview, bool(spotting.events)), timeline(spotting), _events(spotting), _rejected(spotting))
    times = f'data-seconds="{spotting.seconds:.4f}" data-rate="{spotting.fps:.4f}"'
    return f'<section class="d-stage" {times}>{"".join(parts)}</section>'


def _player(preview: Path, events: bool) -> str:
    """Draw the video; its buttons lie below it, for a bar over it would hide the mouth."""
    slow = _control("slow", "Play this moment slowly", disabled=True) if events else ""
    return (
        f'<div class="d-player"><video src="{file_address(preview)}" muted playsinline preload="auto" '
        f'aria-label="Your video"></video><div class="d-controls">{_control("play", "Play")}{slow}'
        f"{_control('back', '‹', 'One frame back')}{_control('on', '›', 'One frame on')}"  # noqa: RUF001
        '<span class="d-time" aria-hidden="true"></span></div></div>'
    )


def _control(what: str, shown: str, spoken: str = "", disabled: bool = False) -> str:
    label = f' aria-label="{spoken}" title="{spoken}"' if spoken else ""
    off = " disabled" if disabled else ""
    return f'<button type="button" class="d-button" data-do="{what}"{label}{off}>{shown}</button>'


def timeline(spotting: Spotting) -> str:
    """Draw motion over time with the events as buttons over it, and what was left out in grey."""
    seconds = spotting.seconds
    marks = "".join(_mark(number, event, seconds) for number, event in enumerate(spotting.events))
    return (
        '<div class="d-timeline"><div class="d-plot" data-plot>'
        f'<svg viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" preserveAspectRatio="none" role="img" '
        f'aria-label="How much the face moves over {seconds:.1f} seconds">'
        f"{''.join(_absences(spotting))}{''.join(_spans(spotting))}"
        f'<path class="d-curve" d="{curve(spotting.times, spotting.motion, seconds)}"/></svg>'
        f'{marks}<span class="d-head" aria-hidden="true"></span></div>'
        f'<div class="d-axis" aria-hidden="true">{"".join(_ticks(seconds))}</div>{_legend(spotting)}</div>'
    )


def curve(times: NDArray[np.float64], motion: NDArray[np.float64], seconds: float) -> str:
    """Return the SVG path of a signal, broken where it is NaN, the largest value just below the top."""
    if not len(times) or not np.isfinite(motion).any():
        return ""
    top = max(float(np.nanmax(motion)) * HEADROOM, 1e-9)
    parts, drawing = [], False
    for time, value in _thinned(times, motion):
        if np.isnan(value):
            drawing = False
            continue
        x, y = WIDTH * time / seconds, HEIGHT * (1 - max(value, 0.0) / top)
        parts.append(f"{'L' if drawing else 'M'}{x:.1f} {y:.1f}")
        drawing = True
    return "".join(parts)


def _thinned(times: NDArray[np.float64], motion: NDArray[np.float64]) -> Iterator[tuple[float, float]]:
    edges = np.linspace(0, len(times), min(POINTS, len(times)) + 1).astype(int)
    for begin, end in pairwise(edges):
        part = motion[begin:end]
        at = int(np.nanargmax(part)) if np.isfinite(part).any() else 0
        yield float(times[begin + at]), float(part[at])


def _place(one: Interval, seconds: float) -> tuple[float, float]:
    """Return where an interval begins and how wide it is, as shares of the whole."""
    return one.onset_seconds / seconds, max(one.offset_seconds - one.onset_seconds, 0.0) / seconds


def _spans(spotting: Spotting) -> Iterator[str]:
    for kind, ones in (("d-left", spotting.rejected), ("d-found", spotting.events)):
        for one in ones:
            begin, width = _place(one, spotting.seconds)
            title = f"<title>{escape(called(one.reason))}</title>" if hasattr(one, "reason") else ""
            box = f'x="{WIDTH * begin:.2f}" y="0" width="{max(WIDTH * width, 1.5):.2f}" height="{HEIGHT:.0f}"'
            yield f'<rect class="{kind}" {box}>{title}</rect>'


def _absences(spotting: Spotting) -> Iterator[str]:
    """Draw where no face was followed."""
    edges = [
        0.0,
        *(edge for one in spotting.stretches for edge in (one.first_seconds, one.last_seconds)),
        spotting.seconds,
    ]
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        if end - begin > 1.5 / max(spotting.fps, 1.0):
            x, width = WIDTH * begin / spotting.seconds, WIDTH * (end - begin) / spotting.seconds
            box = f'x="{x:.2f}" y="0" width="{width:.2f}" height="{HEIGHT:.0f}"'
            yield f'<rect class="d-absent" {box}><title>no face was followed here</title></rect>'


def _mark(number: int, event: Event, seconds: float) -> str:
    begin, width = _place(event, seconds)
    words = f"Event {number + 1}, {spoken(event)}"
    return (
        f'<button type="button" class="d-mark" data-event="{number}" {_moment(event)} aria-pressed="false" '
        f'style="left:{100 * (begin + width / 2):.3f}%;--wide:{100 * width:.3f}%" aria-label="{escape(words)}" '
        f'title="{escape(words)}">{number + 1}</button>'
    )


def _moment(one: Interval) -> str:
    times = {"onset": one.onset_seconds, "apex": one.apex_seconds, "offset": one.offset_seconds}
    return " ".join(f'data-{name}="{seconds:.4f}"' for name, seconds in times.items())


def spoken(event: Event) -> str:
    """Say an event in a few words: "surprise at 2.41 s"."""
    return f"{name_of(event)} at {event.apex_seconds:.2f} s"


def _ticks(seconds: float) -> Iterator[str]:
    step = next((step for step in _STEPS if seconds / step <= 8), _STEPS[-1])
    for number in range(int(seconds / step) + 1):
        time = number * step
        end = ' class="d-end"' if time > 0.97 * seconds else ""
        yield f'<span{end} style="left:{100 * time / seconds:.2f}%">{_clock(time, seconds)}</span>'


def _clock(time: float, seconds: float) -> str:
    if seconds >= 90:
        return f"{int(time) // 60}:{int(time) % 60:02d}"
    return f"{time:g} s"


def _legend(spotting: Spotting) -> str:
    entries = [("d-found", "micro-expression")] if spotting.events else []
    entries += [("d-left", "other motion")] if spotting.rejected else []
    entries += [("d-absent", "no face")] if any(True for _ in _absences(spotting)) else []
    keys = "".join(f'<span><i class="{kind}"></i>{words}</span>' for kind, words in entries)
    return f'<p class="d-legend"><span><i class="d-curve"></i>motion of the face</span>{keys}</p>'


def _events(spotting: Spotting) -> str:
    rows = "".join(
        f'<li><button type="button" class="d-row" data-event="{number}" {_moment(event)} aria-pressed="false">'
        f'<b>{number + 1}</b><span class="d-name">{escape(name_of(event))}{_share(event)}</span>'
        f"<span>{event.onset_seconds:.2f}–{event.offset_seconds:.2f} s</span>"  # noqa: RUF001
        f'<span class="d-quiet">{escape(", ".join(list(event.regions)[:3]))}</span></button></li>'
        for number, event in enumerate(spotting.events)
    )
    return f'<ol class="d-events" aria-label="Events">{rows}</ol>' if rows else ""


def _share(event: Event) -> str:
    share = probability_of(event)
    if share is None:
        return ""
    return f" <small>{'&gt;99%' if share > 0.99 else f'{share:.0%}'}</small>"


def _rejected(spotting: Spotting) -> str:
    if not spotting.rejected:
        return ""
    rows = "".join(
        f'<li><button type="button" class="d-chip" data-seek {_moment(one)}>{escape(called(one.reason))} '
        f"<small>{one.apex_seconds:.2f} s</small></button></li>"
        for one in spotting.rejected
    )
    head = f"Other motion that was left out ({len(spotting.rejected)})"
    return f'<details class="d-rejected"><summary>{head}</summary><ul>{rows}</ul></details>'
