"""What the page says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from dstan.app.limits import Limits, length
from dstan.errors import DstanError
from dstan.inference.shipped import SYNTHETIC_ONLY

if TYPE_CHECKING:
    from dstan.inference.spotting import Rejected, Spotting

TITLE = "Micro-expressions in a video"
STATEMENT = (
    "A result is a statement about motion in a face, not about what a person feels. Do not use it to judge people."
)
SYNTHETIC = f"{SYNTHETIC_ONLY[0].upper()}{SYNTHETIC_ONLY[1:]}."
LAW = (
    "In the European Union, AI that infers emotions of people at work or in schools is forbidden, except for medical "
    "or safety reasons (AI Act, Regulation (EU) 2024/1689, Article 5(1)(f))."
)
STEPS = (
    ("Choose", "a video of one face, well lit and near, or record yourself."),
    ("Wait", "while the face is followed, the motion of the head removed, and blinks and speech told apart."),
    ("Click", "an event on the timeline to see the face at its strongest, its motion, and what the model says."),
)
UNPLAYED = "Your browser may not play this kind of file here. That does no harm: press Find micro-expressions."
WAITING = "Waiting for a free place…"
STAGES = {"spot": "Looking for motion", "name": "Naming what moved", "preview": "Preparing the preview"}
REASONS: Mapping[str, tuple[str, str]] = {
    "blink": ("blink", "blinks"),
    "gaze": ("shift of gaze", "shifts of gaze"),
    "head": ("head movement", "head movements"),
    "mouth": ("mouth movement", "mouth movements"),
    "light": ("change of light", "changes of light"),
    "too long": ("longer expression", "longer expressions"),
}
"""Why motion was left out: one of it, and several."""


def privacy(local: bool) -> str:
    """Say where a video goes."""
    if local:
        return "Nothing leaves this computer. Files are deleted when you close the page."
    return (
        "Your video goes to the computer that runs this page, and nowhere else. It is deleted when you close the page."
    )


def limits(limits: Limits) -> str:
    """Say what may be uploaded."""
    return f"Videos of one face, {limits}. A rate of 60 frames a second or more shows most."


def summary(spotting: Spotting) -> str:
    """Say in one or two sentences what was found."""
    found, seconds = len(spotting.events), length(spotting.seconds)
    if not found:
        first = f"No micro-expression was found in {seconds} of video"
    else:
        first = f"{found} micro-expression{'s' if found > 1 else ''} found in {seconds} of video"
    left = left_out(spotting.rejected)
    return f"{first} ({spotting.frames} frames, {spotting.fps:.0f} a second). {left}".strip()


def left_out(rejected: Sequence[Rejected]) -> str:
    """Say how much other motion there was, and of which kinds: "Left out: 2 blinks, 1 head movement."."""
    if not rejected:
        return ""
    counts = Counter(one.reason for one in rejected)
    return f"Left out: {', '.join(f'{number} {called(reason, number)}' for reason, number in counts.most_common())}."


def called(reason: str, number: int = 1) -> str:
    """Return what motion that was left out is called: "blink", or "blinks" where there are several."""
    one, several = REASONS.get(reason, (f"motion ({reason})", f"motions ({reason})"))
    return one if number == 1 else several


def progress(stage: str, done: int, total: int, elapsed: float) -> str:
    """Draw how far the work is, and about how long it still takes."""
    share = done / total if total else 0.0
    left = f", about {length(elapsed * (1 - share) / share)} left" if elapsed > 3 and 0.02 < share < 1 else ""
    counted = f"{done} of {total} frames" if stage != "name" else f"{done} of {total}"
    words = f"{STAGES.get(stage, stage.capitalize())}: {counted}{left}"
    now = f'aria-valuemin="0" aria-valuemax="100" aria-valuenow="{100 * share:.0f}" aria-label="{escape(words)}"'
    bar = f'<div class="d-bar" role="progressbar" {now}><span style="width:{100 * share:.1f}%"></span></div>'
    return f'<div class="d-note d-busy"><p>{escape(words)}</p>{bar}</div>'


def note(text: str, kind: str = "plain", more: str = "") -> str:
    """Draw a message: kind is "plain", "good", "warn" or "error"."""
    role = "alert" if kind == "error" else "status"
    rest = f'<p class="d-quiet">{escape(more)}</p>' if more else ""
    return f'<div class="d-note d-{kind}" role="{role}"><p>{escape(text)}</p>{rest}</div>'


def failure(error: BaseException) -> str:
    """Draw what went wrong and what to do next; never a stack trace."""
    if isinstance(error, DstanError):
        return note(f"{error.what[:1].upper()}{error.what[1:]}.", "error", f"{error.hint}." if error.hint else "")
    if isinstance(error, OSError):
        return note(f"{error.strerror or error}.", "error", "See that there is free space and memory, and try again.")
    return note(
        "Something went wrong inside dstan.",
        "error",
        f"This is a defect ({type(error).__name__}); what happened is in the terminal that runs the page.",
    )


def is_expected(error: BaseException) -> bool:
    """Tell whether an error explains itself, so that no stack trace is of use."""
    return isinstance(error, (DstanError, OSError))
