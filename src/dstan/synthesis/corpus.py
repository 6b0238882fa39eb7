"""Writing a twin: one task a video, resumable, the truth beside it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dstan import _atomic
from dstan._engine import run_tasks
from dstan._progress import Progress, silent
from dstan._registry import look_up
from dstan.errors import ConfigError, CorpusError, DstanError
from dstan.synthesis.coding import code_events
from dstan.synthesis.damage import Damage, choose_damages, write_damaged
from dstan.synthesis.drawing import Task, draw_video
from dstan.synthesis.layouts import LAYOUTS, Layout, PlannedVideo

FORMAT = 2
"""Version of the drawing: a twin begun by another version is not continued."""
SMALLEST, LARGEST = (160, 120), (4096, 4096)
FINISHED = Path("truth", "finished.json")
"""Written last: the tables, and what was damaged."""


def synthesize(
    corpus: str,
    out: Path,
    *,
    subjects: int | None = None,
    clips: int | None = None,
    size: tuple[int, int] | None = None,
    seed: int = 0,
    workers: int | None = None,
    cropped: bool = False,
    damage: Iterable[str] = (),
    progress: Progress = silent,
) -> Path:
    """Write a synthetic twin of a corpus in that corpus's own layout, and the truth below ``OUT/truth``.

    Parameters
    ----------
    corpus
        Whose layout: one of :data:`LAYOUTS`.
    out
        Folder to write to: a new one, an empty one, or that of the same twin interrupted, which is then continued.
    subjects
        Number of people; None for as many as the corpus has.
    clips
        Clips in all (events, where a video holds several); None for as many as these people have in the corpus.
    size
        Width and height of the images in pixels, at least 160 x 120; None for the corpus's own.
    seed
        The same seed gives the same twin.
    workers
        Processes; None for one a core, 0 for this one.
    cropped
        Write the corpus's own crops too.
    damage
        Names of defects to make when all is drawn: some of :data:`~dstan.synthesis.damage.DAMAGES`.
    progress
        Called as videos are finished.

    Returns
    -------
    ``out``.

    Raises
    ------
    UnknownNameError
        If that corpus's layout cannot be written, or there is no such damage.
    ConfigError
        If the numbers do not fit, or crops or damage are asked of a corpus that cannot have them.
    CorpusError
        If ``out`` holds anything else.
    """
    layout = look_up("corpus to synthesise", corpus, LAYOUTS)
    _check(layout, size, cropped)
    damages = choose_damages(layout, damage)
    videos = layout.plan(subjects, clips, seed)
    _check_room(videos, damages)
    out = Path(out)
    tasks = [Task(out, corpus, video, size or video.size or layout.size, seed, cropped) for video in videos]
    _open(out, _description(layout, tasks, seed, damages))
    if (out / FINISHED).exists():
        progress("synth", len(tasks), len(tasks))
        return out
    _draw(tasks, workers, progress)
    tables, damaged = write_damaged(out, layout, code_events(layout, videos, seed), seed, damages)
    names = [table.relative_to(out).as_posix() for table in tables]
    _atomic.write_json(out / FINISHED, {"tables": names, "damage": damaged})
    return out


def _check(layout: Layout, size: tuple[int, int] | None, cropped: bool) -> None:
    if size and (size[0] < SMALLEST[0] or size[1] < SMALLEST[1]):
        raise ConfigError(f"images of {size[0]}x{size[1]} are too small", hint="Give --size 160x120 or more")
    if size and (size[0] > LARGEST[0] or size[1] > LARGEST[1]):
        raise ConfigError(f"images of {size[0]}x{size[1]} are too large", hint="Give --size 4096x4096 or less")
    if cropped and layout.crop is None:
        raise ConfigError(f"{layout.title} has no cropped frames of its own", hint="Leave --cropped away")


def _check_room(videos: Sequence[PlannedVideo], damages: Sequence[Damage]) -> None:
    """Each damage needs an event of its own, or one would undo another."""
    events = sum(len(video.emotions) for video in videos)
    if len(damages) > events:
        raise ConfigError(
            f"{len(damages)} damages need as many clips, and there are {events}", hint=f"Give --clips {len(damages)}"
        )


def _draw(tasks: Sequence[Task], workers: int | None, progress: Progress) -> None:
    """Draw the videos that are not done yet."""
    left = [task for task in tasks if not task.truth.exists()]
    done = len(tasks) - len(left)
    progress("synth", done, len(tasks))
    for index, result in run_tasks(draw_video, left, workers=workers) if left else ():
        if isinstance(result, DstanError):
            raise result
        done += 1
        progress("synth", done, len(tasks), str(left[index]))


def _description(layout: Layout, tasks: Sequence[Task], seed: int, damages: Sequence[Damage]) -> dict[str, Any]:
    """Return all that a twin follows from, as JSON has it."""
    description = {
        "synthetic": True,
        "corpus": layout.corpus,
        "format": FORMAT,
        "seed": seed,
        "fps": layout.fps,
        "grey": layout.grey,
        "cropped": tasks[0].cropped,
        "damage": [damage.name for damage in damages],
        "videos": [{**asdict(task.video), "size": task.size} for task in tasks],
    }
    plain: dict[str, Any] = json.loads(json.dumps(description))
    return plain


def _open(out: Path, description: Mapping[str, Any]) -> None:
    """Begin a twin, or find that it is the one begun."""
    file = out / "truth" / "twin.json"
    if out.exists() and not out.is_dir():
        raise CorpusError("is a file, not a folder", where=out, hint="Give --out another folder")
    if not out.exists() or not any(out.iterdir()):
        _atomic.write_json(file, description)
        return
    try:
        begun = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CorpusError(
            "the folder is not empty and holds no synthetic twin", where=out, hint="Give --out a new folder"
        ) from error
    differing = [key for key in description if begun.get(key) != description[key]]
    if differing:
        raise CorpusError(
            f"the folder holds a twin with other settings ({', '.join(differing)} differ)",
            where=out,
            hint="Give --out a new folder, or the settings that it was begun with",
        )
