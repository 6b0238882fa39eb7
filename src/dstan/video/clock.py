"""Seconds written as a person reads them beside a video."""

from __future__ import annotations


def clock(seconds: float, decimals: int = 0, *, hours: bool = False) -> str:
    """Write a time of a video as ``m:ss``, from an hour on as ``h:mm:ss``.

    Parameters
    ----------
    seconds
        From the first frame; not below 0.
    decimals
        Of the seconds.
    hours
        Write hours also where there are none, each part with two digits: ``00:01:05``.
    """
    parts = round(seconds * 10**decimals)
    whole, rest = divmod(parts, 10**decimals)
    minutes, second = divmod(whole, 60)
    hour, minute = divmod(minutes, 60)
    fraction = f".{rest:0{decimals}d}" if decimals else ""
    if hours:
        return f"{hour:02d}:{minute:02d}:{second:02d}{fraction}"
    return f"{hour}:{minute:02d}:{second:02d}{fraction}" if hour else f"{minute}:{second:02d}{fraction}"
