"""The page: what it shows, and what happens where something is pressed."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

import gradio as gr

from dstan.app import words, work
from dstan.app.desks import Desks, Job, StoppedError
from dstan.app.example import EXAMPLE
from dstan.app.limits import Limits
from dstan.app.panel import downloads, warnings
from dstan.app.progress import Finished, Step, follow
from dstan.app.stage import file_address, stage
from dstan.errors import FrameError
from dstan.inference import Model
from dstan.inference.shipped import has_seen_drawn_motion_only
from dstan.reports.naming import warnings_of

log = logging.getLogger(__name__)
AT_ONCE = max(2, (os.cpu_count() or 2) // 2)
"""Videos that are worked on side by side, and events that are drawn so; others wait for their turn."""
SWEEP = (600, 6 * 3600)
"""Every how many seconds, and from which age, uploads go that no page holds."""
PLAYED = (".mp4", ".m4v", ".mov", ".webm", ".ogv")
"""Suffixes of what most browsers play, so that the field shows it."""
FONTS = ("system-ui", "-apple-system", "Segoe UI", "Liberation Sans", "Helvetica", "Arial", "sans-serif")
MONO = ("ui-monospace", "Liberation Mono", "monospace")


def look() -> dict[str, Any]:
    """Return how the page looks: a theme of fonts that are on the machine, and the style sheet."""
    from gradio.themes.utils import fonts

    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.sky,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_md,
        font=[fonts.Font(name) for name in FONTS],
        font_mono=[fonts.Font(name) for name in MONO],
    )
    return {"theme": theme, "css": _asset("page.css")}


def _asset(name: str) -> str:
    return resources.files("dstan.app").joinpath(name).read_text(encoding="utf-8")


def build_page(model: Model, name: str, limits: Limits, desks: Desks, local: bool) -> gr.Blocks:
    """Put the page together.

    Parameters
    ----------
    model
        Who names what is found.
    name
        What to call it.
    limits
        How large and long a video may be.
    desks
        Where files lie.
    local
        Whether only this machine reaches the page.
    """
    return Page(model, name, limits, desks, local).blocks


class Page:
    """The page's parts and what they do.

    Parameters
    ----------
    model, name, limits, desks, local
        As for :func:`build_page`.
    """

    def __init__(self, model: Model, name: str, limits: Limits, desks: Desks, local: bool) -> None:
        self.model, self.limits, self.desks = model, limits, desks
        self.synthetic = has_seen_drawn_motion_only(model.recognizer)
        with gr.Blocks(analytics_enabled=False, title=words.TITLE, delete_cache=SWEEP) as self.blocks:
            self._draw(name, local)
            self._wire()

    def _draw(self, name: str, local: bool) -> None:
        gr.HTML(_header(local))
        with gr.Row(elem_classes="d-start"):
            with gr.Column(scale=6, min_width=320):
                self.video = gr.Video(
                    label="Your video",
                    sources=["upload", "webcam"],
                    include_audio=False,  # asks for no microphone
                    height=360,
                    elem_classes="d-input",
                    buttons=[],
                )
                self.video.preprocess = _where
                with gr.Row(elem_classes="d-actions"):
                    self.find = gr.Button("Find micro-expressions", variant="primary", elem_id="find")
                    self.example = gr.Button("Take the example", elem_id="example")
                    self.stop = gr.Button("Stop", variant="stop", visible=False, elem_id="stop")
            with gr.Column(scale=5, min_width=300):
                gr.HTML(_about(self.limits, name, self.synthetic))
        self.status = gr.HTML(elem_id="status")
        self.whole = gr.Button("Take the whole clip as one expression", visible=False, elem_id="whole")
        self.stage = gr.HTML(js_on_load=_asset("page.js"), elem_id="stage", visible=False)
        self.panel = gr.HTML(elem_id="panel", visible=False)
        with gr.Column(visible=False, elem_classes="d-away") as self.away:
            self.files = gr.HTML(elem_id="files")
            with gr.Row(elem_classes="d-actions"):
                self.draw = gr.Button("Make a video with everything drawn in", elem_id="overlay", size="sm")
            self.drawn = gr.HTML(elem_id="drawn")
        gr.HTML(f'<footer class="d-foot"><p>{escape(words.LAW)}</p></footer>')

    def _wire(self) -> None:
        shown = [self.status, self.whole, self.stage, self.panel, self.away, self.files, self.draw, self.drawn]
        busy = [self.find, self.example, self.stop]
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        analysing: dict[str, Any] = {**quiet, "concurrency_limit": AT_ONCE, "concurrency_id": "work"}
        drawing: dict[str, Any] = {**quiet, "concurrency_limit": AT_ONCE, "concurrency_id": "look"}
        atonce: dict[str, Any] = {**quiet, "queue": False}

        self.video.change(self._hold, self.video, self.status, **atonce)
        begun = (
            self.find.click(self._begin, self.video, [*shown, *busy], **atonce),
            self.example.click(self._take_example, None, [self.video, *shown, *busy], **atonce),
        )
        for begin in begun:
            found = begin.then(self._analyse, self.video, [*shown, *busy], **analysing)
            found.then(self._first, None, self.panel, **drawing)
        self.stop.click(self._stop, None, [self.status, *busy], **atonce)
        self.stage.select(self._select, None, self.panel, trigger_mode="multiple", **drawing)
        self.whole.click(self._whole, None, [self.status, self.whole, self.panel], **drawing)
        self.draw.click(self._overlay, None, [self.draw, self.drawn], **analysing)
        self.blocks.unload(self._close)

    def _hold(self, path: str | None, request: gr.Request) -> Any:
        upload = None if path is None else Path(path)
        mine = upload is not None and "work" in upload.relative_to(self.desks.root).parts[:1]
        self.desks.hold(_session(request), None if mine else upload)
        known = upload is None or upload.suffix.lower() in PLAYED
        return gr.skip() if known else words.note(words.UNPLAYED)

    def _close(self, request: gr.Request) -> None:
        self.desks.close(_session(request))

    def _begin(self, path: str | None, request: gr.Request) -> list[Any]:
        session = _session(request)
        before = self.desks.job(session)
        if path is not None and (before is None or Path(path).parent != before.folder):  # where the example lies
            self.desks.begin(session)
        return _waiting()

    def _take_example(self, request: gr.Request) -> list[Any]:
        job = self.desks.begin(_session(request))
        copy = job.folder / EXAMPLE.name
        shutil.copyfile(EXAMPLE, copy)
        return [str(copy), *_waiting()]

    def _analyse(self, path: str | None, request: gr.Request) -> Iterator[list[Any]]:
        try:
            job = self._job(path, request)
        except (FrameError, StoppedError) as error:
            yield [*_hidden(self._failure(error)), *_working(False)]
            return
        for step in follow(job, lambda progress: work.analyse(job, self.model, self.limits, progress)):
            if isinstance(step, Step):
                yield [words.progress(step.stage, step.done, step.total, step.elapsed), *_same(7), *_working(True)]
            elif step.error is not None:
                job.discard()
                yield [*_hidden(self._failure(step.error)), *_working(False)]
            else:
                yield [*self._result(job), *_working(False)]

    def _job(self, path: str | None, request: gr.Request) -> Job:
        if path is None:
            raise FrameError("there is no video yet", hint="Choose a file, record yourself, or take the example")
        upload, job = Path(path), self.desks.job(_session(request))
        if job is None:
            raise StoppedError("stopped while it waited for its turn")
        if not upload.is_file():
            raise FrameError("the file is not here any more", hint="Choose it again")
        with job.work():
            work.take(job, upload)
        return job

    def _result(self, job: Job) -> list[Any]:
        spotting = job.spotting
        assert spotting is not None
        found = bool(spotting.events)
        more = "" if found else "They are rare and small: most videos of a face hold none."
        told = words.note(words.summary(spotting), "good" if found else "plain", more) + warnings(warnings_of(spotting))
        return [
            told,
            gr.update(visible=not found and work.is_short(spotting)),
            gr.update(value=stage(spotting, job.preview), visible=True),
            gr.update(value="", visible=False),
            gr.update(visible=True),
            downloads(work.files(job, spotting)),
            gr.update(visible=found, interactive=True),
            "",
        ]

    def _failure(self, error: BaseException | None) -> str:
        if error is None or isinstance(error, StoppedError):
            return words.note("Stopped. The files are deleted.")
        if not words.is_expected(error):
            log.error("dstan app: %s", error, exc_info=error)
        return words.failure(error)

    def _stop(self, request: gr.Request) -> list[Any]:
        self.desks.stop(_session(request))
        return [words.note("Stopping…", "busy"), *_working(False)]

    def _first(self, request: gr.Request) -> Iterator[Any]:
        job = self.desks.job(_session(request))
        if job is not None and job.spotting is not None and job.spotting.events:
            yield from self._show(job, 0)

    def _select(self, event: gr.EventData, request: gr.Request) -> Iterator[Any]:
        job = self.desks.job(_session(request))
        if job is not None and job.spotting is not None and 0 <= int(event.index) < len(job.spotting.events):
            yield from self._show(job, int(event.index))

    def _show(self, job: Job, number: int) -> Iterator[Any]:
        job.wanted = number
        if number not in job.panels:
            yield gr.update(value=words.note(f"Drawing event {number + 1}…", "busy"), visible=True)
        for step in follow(job, lambda _: work.show_event(job, self.model, number)):
            if isinstance(step, Finished) and job.wanted == number:  # and not another one meanwhile
                yield gr.update(value=step.result or self._failure(step.error), visible=True)

    def _whole(self, request: gr.Request) -> Iterator[list[Any]]:
        job = self.desks.job(_session(request))
        if job is None:
            return
        yield [
            gr.skip(),
            gr.update(interactive=False),
            gr.update(value=words.note("Looking at the clip…", "busy"), visible=True),
        ]
        for step in follow(job, lambda _: work.whole_clip(job, self.model)):
            if isinstance(step, Finished):
                panel = step.result or self._failure(step.error)
                yield [gr.skip(), gr.update(interactive=True), gr.update(value=panel, visible=True)]

    def _overlay(self, request: gr.Request) -> Iterator[list[Any]]:
        job = self.desks.job(_session(request))
        if job is None or job.spotting is None:
            return
        for step in follow(job, lambda progress: work.overlay(job, self.model, progress)):
            if isinstance(step, Step):
                yield [gr.update(interactive=False), words.progress(step.stage, step.done, step.total, step.elapsed)]
            elif step.result is None:
                yield [gr.update(interactive=True), self._failure(step.error)]
            else:
                yield [gr.update(visible=False), _overlay(step.result)]


def _where(upload: Any) -> str | None:
    """Return where an upload lies, as it is: Gradio would call FFmpeg to remove its sound."""
    return None if upload is None else str(upload.path)


def _session(request: gr.Request) -> str:
    return str(request.session_hash)


def _same(count: int) -> list[Any]:
    return [gr.skip()] * count


def _waiting() -> list[Any]:
    return [*_hidden(words.note(words.WAITING, "busy")), *_working(True)]


def _hidden(status: str) -> list[Any]:
    """Show a message and nothing else."""
    off = gr.update(visible=False)
    return [status, off, gr.update(value="", visible=False), gr.update(value="", visible=False), off, "", off, ""]


def _working(busy: bool) -> list[Any]:
    """Show the buttons that begin something, or the one that stops it."""
    return [gr.update(visible=not busy), gr.update(visible=not busy), gr.update(visible=busy)]


def _header(local: bool) -> str:
    what = "Finds movements of a face that last less than half a second, and shows when, where and how it moved."
    return (
        f'<header class="d-header"><h1>{words.TITLE}</h1><p>{what}</p>'
        f'<p class="d-private">{escape(words.privacy(local))}</p></header>'
    )


def _about(limits: Limits, name: str, synthetic: bool) -> str:
    steps = "".join(f"<li><b>{first}</b> {escape(rest)}</li>" for first, rest in words.STEPS)
    told = f'<p class="d-note d-warn">{escape(words.SYNTHETIC)}</p>' if synthetic else ""
    return (
        f'<aside class="d-about"><ol>{steps}</ol><p class="d-quiet">{escape(words.limits(limits))}</p>'
        f'<p>{escape(words.STATEMENT)}</p>{told}<p class="d-quiet">Model: {escape(name)}</p></aside>'
    )


def _overlay(path: Path) -> str:
    address = file_address(path)
    return (
        f'<div class="d-player"><video src="{address}" controls autoplay loop muted playsinline '
        'aria-label="The video with everything drawn in"></video>'
        f'<a class="d-button" href="{address}" download="{escape(path.name)}">Save this video</a></div>'
    )
