"""Writing a twin: one task a clip, resumable, the truth beside it."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dstan import _atomic
from dstan._engine import run_tasks
from dstan._progress import Progress, silent
from dstan._random import child_seed
from dstan._registry import look_up
from dstan.errors import ConfigError, CorpusError, DstanError
from dstan.synthesis import casme2
from dstan.synthesis.plan import PlannedClip

CORPORA = {"casme2": casme2}
"""The layouts that can be written, by the corpus's name."""
FORMAT = 1
"""Version of the drawing: a twin begun by another version is not continued."""
SMALLEST = (160, 120)


@dataclass(frozen=True)
class Task:
    """One clip to draw and where to."""

    out: Path
    corpus: str
    clip: PlannedClip
    size: tuple[int, int]
    seed: int

    def __str__(self) -> str:
        return f"{self.corpus}/sub{self.clip.subject:02d}/{self.clip.name}"

    @property
    def truth(self) -> Path:
        """The file that is written last: where it is, the clip is done."""
        return self.out / "truth" / "clips" / f"sub{self.clip.subject:02d}" / f"{self.clip.name}.safetensors"


def synthesize(
    corpus: str,
    out: Path,
    *,
    subjects: int | None = None,
    clips: int | None = None,
    size: tuple[int, int] = (640, 480),
    seed: int = 0,
    workers: int | None = None,
    progress: Progress = silent,
) -> Path:
    """Write a synthetic twin of a corpus in that corpus's own layout, and the truth below ``OUT/truth``.

    Parameters
    ----------
    corpus
        Whose layout: one of :data:`CORPORA`.
    out
        Folder to write to: a new one, an empty one, or that of the same twin interrupted, which is then continued.
    subjects
        Number of people; None for as many as the corpus has.
    clips
        Clips in all; None for as many as these people have in the corpus.
    size
        Width and height of the images in pixels, at least 160 x 120.
    seed
        The same seed gives the same twin.
    workers
        Processes; None for one a core, 0 for this one.
    progress
        Called as clips are finished.

    Returns
    -------
    ``out``.

    Raises
    ------
    UnknownNameError
        If that corpus's layout cannot be written.
    ConfigError
        If the numbers do not fit.
    CorpusError
        If ``out`` holds anything else.
    """
    layout = look_up("corpus to synthesise", corpus, CORPORA)
    if size[0] < SMALLEST[0] or size[1] < SMALLEST[1]:
        raise ConfigError(f"images of {size[0]}x{size[1]} are too small", hint="Give --size 160x120 or more")
    planned = layout.plan(subjects, clips, seed)
    out = Path(out)
    _open(out, _description(corpus, planned, size, seed))
    tasks = [Task(out, corpus, clip, size, seed) for clip in planned]
    left = [task for task in tasks if not task.truth.exists()]
    done = len(tasks) - len(left)
    progress("synth", done, len(tasks))
    for index, result in run_tasks(draw_clip, left, workers=workers) if left else ():
        if isinstance(result, DstanError):
            raise result
        done += 1
        progress("synth", done, len(tasks), str(left[index]))
    if not (out / layout.TABLE).exists():
        layout.write_annotation(out, planned, seed)
    return out


def draw_clip(task: Task) -> int:
    """Draw one clip: its images, then its truth.

    Returns
    -------
    The number of images.
    """
    from dstan.synthesis.animation import Performance, portrait_of
    from dstan.synthesis.sensor import jpeg
    from dstan.synthesis.truth import write_truth

    layout, clip = CORPORA[task.corpus], task.clip
    portrait = portrait_of(child_seed(task.seed, "person", clip.subject), *task.size)
    _, motion = layout.performance_of(clip, task.seed)
    performance = Performance(portrait, motion, child_seed(task.seed, "camera", clip.subject, clip.name))
    folder = task.out / layout.folder_of(clip)
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = task.out / "truth" / "unfinished"
    unfinished.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{clip.name}.", dir=unfinished) as name:
        images = Path(name) / clip.name
        images.mkdir()
        for index, frame in enumerate(performance.frames()):
            data = jpeg(frame, performance.sensor.quality)
            (images / layout.image_name(clip, index)).write_bytes(data)
        if folder.exists():
            shutil.rmtree(folder)
        images.rename(folder)
    write_truth(task.truth, performance)
    return len(motion)


def _description(corpus: str, planned: list[PlannedClip], size: tuple[int, int], seed: int) -> dict[str, Any]:
    return {
        "synthetic": True,
        "corpus": corpus,
        "format": FORMAT,
        "seed": seed,
        "size": list(size),
        "clips": [asdict(clip) for clip in planned],
    }


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
