"""The work of spot: videos, each written as soon as it is done, and shown in the order in which they were named."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dstan._progress import Progress
from dstan.cli import output
from dstan.cli.spotting_tables import how_many, show_spotting
from dstan.errors import DstanError

if TYPE_CHECKING:
    from dstan.inference import Model
    from dstan.inference.spotting import Spotting
    from dstan.inference.spotting.many import Request

Where = Mapping[str, Any]
"""``workers``, ``cluster``, ``task_limit``: as in :func:`dstan.inference.spotting.many.spot_videos`."""


@dataclass(eq=False)
class _Answer:
    """What became of a video: found now, found before (the document alone), or an error."""

    document: dict[str, Any] | None = None
    found: Spotting | None = None
    files: Sequence[Path] = ()
    error: DstanError | None = None


@dataclass(eq=False)
class Work:
    """Videos to spot in, and what became of each.

    Parameters
    ----------
    videos
        In the order in which they are shown.
    request
        What is asked of each.
    out, formats
        Which files are written of each, and where; None for nowhere.
    overlay
        The video to write, where there is one video to spot in.
    as_json
        Whether tables are left out.
    """

    videos: Sequence[Path]
    request: Request
    out: Path | None
    formats: Sequence[str]
    overlay: Path | None
    as_json: bool
    _answers: dict[int, _Answer] = field(default_factory=dict)
    _said: set[str] = field(default_factory=set)
    _shown: int = 0

    def through(self, where: Where) -> bool:
        """Work through the videos; return whether it was stopped."""
        model = self.request.model_digest()
        asked = [self.request.about(video, model) for video in self.videos]
        left = [number for number, video in enumerate(self.videos) if not self._has_before(number, video, asked)]
        try:
            self._show()
            with output.progress_bars() as bars, closing(self._outcomes(left, where, bars)) as outcomes:
                for number, outcome in outcomes:
                    self._take(number, outcome, asked[number], bars)
        except KeyboardInterrupt:
            return True
        finally:
            self._show(whatever=True)
        return False

    def documents(self) -> list[dict[str, Any]]:
        """Return what was found in each video, and which files hold it, in their order."""
        return [
            {**answer.document, "files": [str(file) for file in answer.files]}
            for _, answer in sorted(self._answers.items())
            if answer.document is not None
        ]

    def failed(self) -> list[dict[str, str]]:
        """Return the videos that could not be used, and why, in their order."""
        return [
            {"path": str(self.videos[number]), "error": str(answer.error)}
            for number, answer in sorted(self._answers.items())
            if answer.error is not None
        ]

    def _has_before(self, number: int, video: Path, asked: Sequence[dict[str, Any]]) -> bool:
        """Look whether this very answer lies in the folder, as after the command was stopped."""
        from dstan.reports.video_files import files_of, found_before

        if self.out is None:
            return False
        document = found_before(self.out, video, self.formats, asked[number])
        if document is None or self.overlay is not None:
            return False
        self._answers[number] = _Answer(document, files=files_of(self.out, video, self.formats))
        return True

    def _outcomes(
        self, left: Sequence[int], where: Where, bars: Progress
    ) -> Generator[tuple[int, Spotting | DstanError], None, None]:
        from dstan.inference.spotting.many import spot_videos

        if len(left) == 1 and all(value is None for value in where.values()):
            yield left[0], self._here(self.videos[left[0]], bars)
            return
        videos = [self.videos[number] for number in left]
        with closing(spot_videos(videos, self.request, progress=bars, **where)) as outcomes:
            for place, outcome in outcomes:
                yield left[place], outcome

    def _here(self, video: Path, bars: Progress) -> Spotting | DstanError:
        """Spot in one video, in this process with all its threads, and with a bar of its frames."""
        from dstan.inference.spotting import spot_video

        asked, model = self.request, self._model
        try:
            return spot_video(
                video,
                model,
                settings=asked.settings,
                fps=asked.fps,
                min_confidence=asked.min_confidence,
                progress=_noted(bars, video.name),
            )
        except DstanError as error:
            return error

    @cached_property
    def _model(self) -> Model | None:
        from dstan.inference import load_model

        return load_model(self.request.model) if self.request.name else None

    def _take(self, number: int, outcome: Spotting | DstanError, asked: dict[str, Any], bars: Progress) -> None:
        """Write what was found in a video, and show what comes next."""
        from dstan.reports.events import events_document
        from dstan.reports.video_files import write_files

        if isinstance(outcome, DstanError):
            self._answers[number] = _Answer(error=outcome)
        else:
            files = [] if self.out is None else write_files(self.out, outcome, self.formats, asked)
            if self.overlay is not None:
                files += self._draw(self.overlay, outcome, _noted(bars, outcome.path.name))
            self._answers[number] = _Answer(events_document(outcome, asked), outcome, files)
        with output.without_bars():
            self._show()

    def _draw(self, out: Path, found: Spotting, progress: Progress) -> list[Path]:
        """Write the overlay of a video; an event that could not be prepared, as a warning says, is not in it."""
        from dstan.reports.overlay import write_overlay

        named = [event for event in found.events if event.prediction is not None]
        if not named or (model := self._model) is None:
            output.warn(f"{found.path}: no event was named, so no overlay is written")
            return []
        looks = []
        for done, event in enumerate(named, 1):
            look = partial(model.look, found.path, onset=event.onset, apex=event.apex, offset=event.offset)
            looks.append(look(fps=self.request.fps, min_confidence=self.request.min_confidence))
            progress("look", done, len(named))
        write_overlay(out, looks, progress=progress)
        return [out]

    def _show(self, *, whatever: bool = False) -> None:
        """Show the videos that come next and are done; those behind one that is not wait, unless told otherwise."""
        while self._shown < len(self.videos) and (whatever or self._shown in self._answers):
            if answer := self._answers.get(self._shown):
                self._show_one(self.videos[self._shown], answer)
            self._shown += 1

    def _show_one(self, video: Path, answer: _Answer) -> None:
        if answer.error is not None:
            output.show_error(answer.error)
        elif answer.found is not None:
            if not self.as_json:
                show_spotting(answer.found)
                for file in answer.files:
                    output.say(f"  written: {file}", "dim")
            self._warn(answer.found)
            answer.found = None  # the document is kept; the signal would take memory
        elif answer.document is not None:
            count = how_many(len(answer.document["events"]))
            output.note(f"{video}: {count}, found before; without {answer.files[0]} it would be looked at again")

    def _warn(self, found: Spotting) -> None:
        """Print warnings: what is about the model once, however many videos there are."""
        from dstan.inference.shipped import SYNTHETIC_ONLY
        from dstan.reports.naming import warnings_of

        for warning in warnings_of(found):
            if warning != SYNTHETIC_ONLY:
                output.warn(f"{found.path}: {warning}")
            elif warning not in self._said:
                output.warn(warning)
                self._said.add(warning)


def _noted(bars: Progress, which: str) -> Progress:
    """Let every bar say which video is under way."""

    def report(stage: str, done: int, total: int, note: str = "") -> None:  # numpydoc ignore=GL08
        bars(stage, done, total, which)

    return report
