"""How large a picture and a video may be: what a header claims is compared with these before memory is taken for it.

They are far above anything that a camera records: a frame of 8K is a quarter of :data:`MOST_PIXELS`, and a day at 100
frames a second is shorter than :data:`MOST_FRAMES`. A video of any length is streamed, one frame at a time.
"""

from __future__ import annotations

from dstan.errors import FrameError

MOST_PIXELS = 2**27
"""Pixels of an image or of a frame: 134 million, 16 times 4K and 4 times 8K."""
MOST_FRAMES = 10_000_000
"""Frames of a video: 27 hours at 100 frames a second, 92 hours at 30."""
LONGEST = 7 * 24 * 3600.0
"""Seconds that a video may last: a week."""
FASTEST = 1e6
"""Frames a second."""


def check_picture(width: int, height: int, what: str, where: object) -> None:
    """See that a picture is not too large to be decoded.

    Parameters
    ----------
    width, height
        As its header says.
    what
        What the picture is, for the message: "frame img1.png".
    where
        What to call the source in errors.

    Raises
    ------
    FrameError
        If it has more than :data:`MOST_PIXELS`.
    """
    if width * height > MOST_PIXELS:
        raise FrameError(
            f"{what} claims {width} x {height} pixels, and at most {MOST_PIXELS / 1e6:.0f} million are decoded",
            where=where,
            hint="Make it smaller, or leave it out: a face needs a few hundred pixels",
        )


def check_course(frames: int, seconds: float, rate: float | None, where: object) -> None:
    """See that a video has no absurd number of frames, length or rate.

    Parameters
    ----------
    frames
        Seen so far, or claimed.
    seconds
        From the first to the last of them.
    rate
        Frames a second; None where unknown.
    where
        What to call the video in errors.

    Raises
    ------
    FrameError
        If it goes beyond :data:`MOST_FRAMES`, :data:`LONGEST` or :data:`FASTEST`.
    """
    claims = (
        (frames, MOST_FRAMES, "frames"),
        (seconds, LONGEST, "seconds"),
        (rate or 0.0, FASTEST, "frames a second"),
    )
    for claimed, most, unit in claims:
        if not claimed <= most:
            raise FrameError(
                f"the video claims {claimed:,.0f} {unit}, and at most {most:,.0f} are read",
                where=where,
                hint="Its header is damaged or forged: re-encode it, or cut out the part that matters",
            )
