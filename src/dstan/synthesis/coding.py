"""What happens in a planned video, and what a coder sees of it: drawn from the seed, before and without any image."""

from __future__ import annotations

from collections.abc import Iterable

from dstan._random import child_seed
from dstan.synthesis.emotions import Expression, draw_expression
from dstan.synthesis.layouts.layout import CodedEvent, Layout, PlannedVideo
from dstan.synthesis.timeline import Motion, Timeline, draw_motion, draw_timeline


def expressions_of(video: PlannedVideo, seed: int) -> list[Expression]:
    """Draw what the face does in each event of a video."""
    where = (video.subject, video.folder)
    return [
        draw_expression(emotion, child_seed(seed, "expression", *where, event), video.kind(event).strength)
        for event, emotion in enumerate(video.emotions)
    ]


def timeline_of(layout: Layout, video: PlannedVideo, seed: int) -> Timeline:
    """Draw when the events of a video happen."""
    kinds = [video.kind(event) for event in range(len(video.emotions))]
    own = child_seed(seed, "phases", video.subject, video.folder)
    return draw_timeline(kinds, layout.fps, own, video.before, video.between, video.after)


def motion_of(layout: Layout, video: PlannedVideo, seed: int) -> Motion:
    """Draw all that moves in a video."""
    own = child_seed(seed, "motion", video.subject, video.folder)
    return draw_motion(expressions_of(video, seed), timeline_of(layout, video, seed), layout.fps, own)


def code_events(layout: Layout, videos: Iterable[PlannedVideo], seed: int) -> list[CodedEvent]:
    """Return what a faultless coder would note of every event.

    Parameters
    ----------
    layout
        Whose videos.
    videos
        The plan.
    seed
        That of the twin.
    """
    return [event for video in videos for event in _code(layout, video, seed)]


def _code(layout: Layout, video: PlannedVideo, seed: int) -> list[CodedEvent]:
    timeline, first = timeline_of(layout, video, seed), video.first_frame
    expressions = expressions_of(video, seed)
    return [
        CodedEvent(
            video=video,
            event=event,
            onset=first + phases.onset,
            apex=first + phases.apex,
            offset=first + phases.offset,
            frames=timeline.frames,
            expression=expression,
            emotion=video.emotions[event],
            kind=video.kind(event).name,
        )
        for event, (phases, expression) in enumerate(zip(timeline.events, expressions, strict=True))
    ]
