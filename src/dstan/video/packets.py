"""Video files without decoding: opened, their packets walked, and the times and key frames found there remembered."""

from __future__ import annotations

import math
import threading
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dstan.errors import FrameError
from dstan.video.boxes import claimed_samples
from dstan.video.clock import clock
from dstan.video.limits import MOST_FRAMES, MOST_PIXELS, check_course, check_picture

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

REMEMBERED = 4
"""Files whose packets are remembered: eight bytes a frame each."""
_FORMATS = (
    "mov,matroska,avi,mpeg,mpegvideo,mpegts,asf,flv,ogg,mxf,dv,rm,nut,ivf,h264,hevc,m4v,mjpeg,gif,"
    "wav,mp3,aac,flac,amr,srt,ass,webvtt"
)
"""What may be opened: containers of pictures, and those of sound or subtitles, so that a message can say what it is.
A play list (HLS, DASH, concat) is none of them: it would make FFmpeg read other files and addresses."""
_OPENING = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}


class Damage(Exception):  # noqa: N818
    """A file cannot be read on; whoever reads it knows where that is."""


@dataclass(frozen=True, eq=False)
class Packets:
    """What the packets of a video file say of its first frames, or of all.

    Parameters
    ----------
    times
        (n,) int64 ticks at which they are shown, sorted; packets without a time are not among them.
    keys
        (k,) int64 those of the key frames.
    tick
        Seconds of one.
    count
        Packets that hold a frame, with or without a time.
    form
        FFmpeg's name of the container.
    rate
        Frames per second as the header says; None where it does not.
    whole
        Whether that is all of the file.
    """

    times: NDArray[np.int64]
    keys: NDArray[np.int64]
    tick: Fraction
    count: int
    form: str
    rate: float | None
    whole: bool

    @property
    def lasts(self) -> float:
        """Seconds from the first frame to the last."""
        return float(int(self.times[-1] - self.times[0]) * self.tick) if len(self.times) else 0.0

    @property
    def gap(self) -> float:
        """Seconds from a frame to the next, on average."""
        return self.lasts / (len(self.times) - 1) if self.lasts > 0 else 1 / (self.rate or 25)


_Key = tuple[str, int, int, int]
_KNOWN: dict[_Key, Packets] = {}
_LOCK = threading.Lock()


def packets_of(path: Path, where: object, reach: int | None = None) -> Packets:
    """Return what the packets of a video file say, of its first ``reach`` frames at least or of all.

    A file is walked once: what was found is remembered until it changes. Where only a beginning is asked for, twice
    as much is walked as was known, so that many askings cost as much as a few walks.

    Parameters
    ----------
    path
        The file.
    where
        What to call it in errors.
    reach
        How many frames; None for all.

    Raises
    ------
    FrameError
        If it cannot be opened, holds no video, or is damaged before that.
    """
    key = _key(path)
    with _LOCK:
        known = None if key is None else _KNOWN.get(key)
    if known is not None and (known.whole or (reach is not None and known.count >= reach)):
        return known
    most = None if reach is None else max(reach, 0 if known is None else 2 * known.count)
    found, damage = _walk(path, where, most)
    if key is not None:
        with _LOCK:
            _KNOWN.pop(key, None)
            while len(_KNOWN) >= REMEMBERED:
                del _KNOWN[next(iter(_KNOWN))]
            _KNOWN[key] = found
    if damage is not None and (reach is None or found.count < reach):
        raise ended_early(where, found.count, found.lasts) from damage.__cause__
    return found


def _key(path: Path) -> _Key | None:
    try:
        about = path.stat()
    except OSError:
        return None
    return str(path.absolute()), about.st_ino, about.st_size, about.st_mtime_ns


def _walk(path: Path, where: object, most: int | None) -> tuple[Packets, Damage | None]:
    """Walk up to ``most`` packets, or up to where the file is damaged."""
    times, keys, count, whole, damage = array("q"), array("q"), 0, True, None
    with opened(path, where) as (container, stream):
        try:
            for packet in walk(container, stream):
                if not packet.size or packet.is_discard:
                    continue
                if most is not None and count >= most:
                    whole = False
                    break
                count += 1
                if count > MOST_FRAMES:
                    check_course(count, 0.0, None, where)
                if packet.pts is not None:
                    times.append(packet.pts)
                    if packet.is_keyframe:
                        keys.append(packet.pts)
        except Damage as error:
            whole, damage = False, error
        found = Packets(
            times=np.sort(np.array(times, dtype=np.int64)),
            keys=np.sort(np.array(keys, dtype=np.int64)),
            tick=stream.time_base or Fraction(0),
            count=count,
            form=container.format.name,
            rate=None if stream.average_rate is None else float(stream.average_rate),
            whole=whole,
        )
        check_course(count, found.lasts, max(1 / found.gap, found.rate or 0.0), where)
        return found, damage


@contextmanager
def opened(path: Path, where: object) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a video file and choose its first stream of moving pictures.

    Parameters
    ----------
    path
        The file.
    where
        What to call it in errors.

    Raises
    ------
    FrameError
        If it is not there, is no video, or holds only sound, a cover or subtitles.
    """
    import av
    from av.stream import Disposition

    if not path.is_file():
        raise FrameError(
            "there is no such video file" if where == path else f"there is no video {path}",
            where=where,
            hint="Look at its name and folder",
        )
    try:
        _check_claims(path, where)
        container = av.open(str(path), metadata_errors="ignore", container_options=_OPENING)
    except FrameError:
        raise
    except (av.FFmpegError, OSError, ValueError) as error:
        raise _unreadable(path, where, getattr(error, "strerror", None) or str(error)) from error
    with container:
        films = [one for one in container.streams.video if not one.disposition & Disposition.attached_pic]
        if not films:
            raise _without_pictures(path, where, container)
        if films[0].codec_context is None:
            raise _unreadable(path, where, "its pictures are stored in a way that is not known")
        check_picture(films[0].width, films[0].height, "a frame", where)
        films[0].codec_context.options = {"max_pixels": str(MOST_PIXELS)}  # the size may change on the way
        yield container, films[0]


def _check_claims(path: Path, where: object) -> None:
    """Refuse a file that lists more frames than a video may have."""
    check_course(claimed_samples(path), 0.0, None, where)


def walk(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    """Yield the packets of a stream; the last one is empty and flushes the decoder.

    Parameters
    ----------
    container, stream
        What :func:`opened` gave.

    Raises
    ------
    Damage
        If one is damaged.
    """
    import av

    try:
        for packet in container.demux(stream):
            if packet.is_corrupt:
                raise Damage
            yield packet
    except av.FFmpegError as error:
        raise Damage from error


def ended_early(where: object, frames: int, seconds: float) -> FrameError:
    """Make the error of a video that is damaged: it says how far it could be read.

    Parameters
    ----------
    where
        What to call the video.
    frames, seconds
        How much of it was read.
    """
    until = f"{clock(seconds, 2)} (frame {frames - 1})" if math.isfinite(seconds) else f"frame {frames - 1}"
    last = f"can be read up to {until}" if frames else "cannot be read at all"
    instead = ", or use the part before that" if frames else ""
    return FrameError(
        "the video is damaged or ends early",
        where=where,
        hint=f"It {last}: copy it again or re-encode it{instead}",
    )


def _unreadable(path: Path, where: object, why: str) -> FrameError:
    """Say why a file cannot be opened, in words for what it is where its first bytes tell."""
    if path.stat().st_size == 0:
        return FrameError(f"{path.name} is empty (zero bytes)", where=where, hint="Copy it again")
    if (kind := _kind(path)) is None:
        hint = "Copy it again, or play it to see whether it is whole"
        return FrameError(f"{path.name} cannot be opened as a video ({why})", where=where, hint=hint)
    return FrameError(
        f"{path.name} cannot be opened as a video: it is {kind}, whatever its name says",
        where=where,
        hint="Give a video file or a folder of images",
    )


def _kind(path: Path) -> str | None:
    """Tell what a file is that is no video; None where that is not known."""
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError:
        return None
    marks = {b"%PDF": "a PDF document", b"PK\x03\x04": "a ZIP archive or an Office document", b"\x1f\x8b": "an archive"}
    for mark, kind in marks.items():
        if head.startswith(mark):
            return kind
    try:
        text = head.decode("utf-8", errors="strict" if len(head) < 512 else "ignore")
    except UnicodeDecodeError:
        return None
    return "a text" if all(letter.isprintable() or letter.isspace() for letter in text) else None


def _without_pictures(path: Path, where: object, container: InputContainer) -> FrameError:
    if not container.streams:
        hint = "The recording stopped before it began: record or copy it again"
        return FrameError(f"{path.name} holds neither video nor sound", where=where, hint=hint)
    what = "sound" if container.streams.audio else "subtitles" if container.streams.subtitles else "other data"
    return FrameError(
        f"{path.name} holds no video, only {what}", where=where, hint="Give the recording that shows the face"
    )
