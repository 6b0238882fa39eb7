"""What is done with a video: spotting, the files to take away, and the picture of each event."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from dstan._progress import Progress
from dstan.app.desks import Job
from dstan.app.limits import Limits
from dstan.app.panel import clip_panel, event_panel
from dstan.app.preview import write_preview
from dstan.inference import Model
from dstan.inference.predict import LONGEST_CLIP
from dstan.inference.spotting import Spotting
from dstan.reports.events import write_csv, write_eaf, write_json, write_vtt

WRITERS = {
    "JSON": (".json", write_json),
    "CSV": (".csv", write_csv),
    "ELAN": (".eaf", write_eaf),
    "WebVTT": (".vtt", write_vtt),
}
"""What each kind of file is called, its ending, and who writes it."""


def take(job: Job, upload: Path) -> Path:
    """Bring an uploaded file into a job's folder, under its own name."""
    job.video = job.folder / "video" / upload.name
    if job.video.exists():  # the example, once more
        return job.video
    job.video.parent.mkdir(exist_ok=True)
    try:
        os.link(upload, job.video)
    except OSError:  # another file system, or one without links
        shutil.copyfile(upload, job.video)
    return job.video


def analyse(job: Job, model: Model, limits: Limits, progress: Progress) -> Spotting:
    """Find and name the events of a job's video, and make what a browser shows of it.

    Raises
    ------
    DstanError
        If the video cannot be used, or the job was discarded.
    """
    info = limits.check(job.video)
    spotting = model.spot_video(job.video, progress=progress)
    job.preview = job.folder / "preview.mp4"
    write_preview(job.preview, job.video, info, progress)
    job.spotting = spotting
    return spotting


def files(job: Job, spotting: Spotting) -> Mapping[str, Path]:
    """Write the files to take away; they know the video by its name, not by where it lies here."""
    folder = job.folder / "files"
    folder.mkdir(exist_ok=True)
    named = replace(spotting, path=Path(job.video.name))
    written = {}
    for kind, (suffix, write) in WRITERS.items():
        written[kind] = folder / f"{job.video.stem}{suffix}"
        write(written[kind], named)
    return written


def show_event(job: Job, model: Model, number: int) -> str:
    """Draw an event of a job in full; drawn once, then remembered.

    Raises
    ------
    IndexError
        If there is no such event.
    """
    from dstan.reports.still import write_still

    if number not in job.panels:
        assert job.spotting is not None
        event = job.spotting.events[number]
        still = job.folder / f"event-{number + 1}.png"
        write_still(still, model.look(job.video, onset=event.onset, apex=event.apex, offset=event.offset))
        job.panels[number] = event_panel(number, event, still)
    return job.panels[number]


def whole_clip(job: Job, model: Model) -> str:
    """Name the whole video as one expression, and draw that."""
    from dstan.reports.still import write_still

    look = model.look(job.video)
    still = job.folder / "clip.png"
    write_still(still, look)
    return clip_panel(look.prediction, still)


def is_short(spotting: Spotting) -> bool:
    """Tell whether a video can be taken as one expression."""
    return spotting.seconds <= LONGEST_CLIP


def overlay(job: Job, model: Model, progress: Progress) -> Path:
    """Write the video with everything drawn over its events."""
    from dstan.reports.overlay import write_overlay

    assert job.spotting is not None
    out = job.folder / "files" / f"{job.video.stem}-overlay.mp4"
    looks = []
    for number, event in enumerate(job.spotting.events, start=1):
        looks.append(model.look(job.video, onset=event.onset, apex=event.apex, offset=event.offset))
        progress("look", number, len(job.spotting.events))
    write_overlay(out, looks, progress=progress)
    return out
