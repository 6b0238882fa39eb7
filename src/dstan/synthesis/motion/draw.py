"""Flow, and frames where they are asked for, as a recipe would have produced them of somebody's video."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float32, Int64
from torch import Generator, Tensor

from dstan._random import child_seed
from dstan.errors import ConfigError
from dstan.preprocessing.recipe import FITTED, Recipe
from dstan.synthesis.motion.classes import Mixture, mixture_of
from dstan.synthesis.motion.course import Course, paired
from dstan.synthesis.motion.estimate import changes, estimated, folds
from dstan.synthesis.motion.expressions import draw_expressions
from dstan.synthesis.motion.faces import Faces
from dstan.synthesis.motion.nuisance import head_motion, push_others
from dstan.synthesis.motion.occlusion import Occlusion
from dstan.synthesis.motion.pushes import Crop, push_units
from dstan.synthesis.motion.settings import MotionSettings
from dstan.tasks import Task

CHUNK = 256
"""Fields drawn at once."""
PEOPLE = 77
"""Seed of the people; no twin draws the same ones."""


class DrawnMotion(NamedTuple):
    """Drawn clips, n of them."""

    flow: Float32[Tensor, "n t 2 h w"]
    """Displacement (u, v) in pixels of the crop, x to the right and y down."""
    labels: Int64[Tensor, " n"]
    """The class of each, counted from 0."""
    units: Bool[Tensor, "n units"]
    """Which of :data:`~dstan.synthesis.motion.classes.UNITS` move."""
    frames: Float32[Tensor, "n f h w"] | None
    """Grey in [0, 255]; None where they were not asked for."""


@dataclass(frozen=True)
class MotionArtist:
    """Draws the flow of micro-expressions.

    Parameters
    ----------
    task
        Whose classes; the same number of clips of each is drawn.
    recipe
        Crop, fields and pairs; flow is as the recipe's estimator would find it.
    settings
        From which ranges.
    device
        Where it is drawn. What is random is drawn on the CPU, so every device draws the same up to rounding.
    people
        How many faces there are for the estimator to see.

    Raises
    ------
    ConfigError
        If the task has no classes that can be drawn, or the recipe asks for what is not imitated.
    """

    task: Task
    recipe: Recipe
    settings: MotionSettings = MotionSettings()
    device: str = "cpu"
    people: int = 40

    def __post_init__(self) -> None:
        _ = self.mixture  # a task that cannot be drawn is said before anything is
        if self.recipe.magnification:
            raise ConfigError(
                "motion is drawn as it is, and the recipe magnifies it",
                hint="Use --set recipe.magnification=0",
            )
        if self.recipe.alignment not in FITTED:
            raise ConfigError(
                f"faces are drawn where alignment puts them, and the recipe says {self.recipe.alignment}",
                hint="Leave recipe.alignment as it is; evaluate and train may be given another, with --init",
            )
        if self.recipe.flow != "farneback" or self.recipe.texture:
            raise ConfigError(
                "what is imitated is Farneback's estimate on the frames themselves, and the recipe asks for another",
                hint="Leave recipe.flow and recipe.texture as they are; for flow of another estimator that is given as "
                "arrays, widen teacher.motion.window and teacher.motion.gain",
            )

    @cached_property
    def mixture(self) -> Mixture:
        """How the classes of the task show."""
        return mixture_of(self.task)

    @cached_property
    def faces(self) -> Faces:
        """The people whose faces an estimator sees."""
        return Faces.draw(self.people, self.recipe.shape, PEOPLE)

    @property
    def steps(self) -> int:
        """Fields of a clip."""
        return 1 if self.recipe.pairs == "onset-apex" else self.recipe.steps

    def draw(self, n: int, seed: int, *, frames: bool = False) -> DrawnMotion:
        """Draw clips.

        Parameters
        ----------
        n
            How many.
        seed
            The same seed draws the same clips.
        frames
            Whether the frames are drawn, too, which takes longer.
        """
        size = max(CHUNK // self.steps, 1)
        parts = [
            self._chunk(min(size, n - start), torch.Generator().manual_seed(child_seed(seed, "motion", start)), frames)
            for start in range(0, n, size)
        ]
        flow, labels, units, pictures = zip(*parts, strict=True)
        return DrawnMotion(
            torch.cat(flow), torch.cat(labels), torch.cat(units), torch.cat(pictures) if frames else None
        )

    def _chunk(self, n: int, generator: Generator, frames: bool) -> DrawnMotion:
        pairs, settings = self.recipe.pairs, self.settings
        expressions = draw_expressions(n, self.mixture, settings, generator)
        crop = Crop.draw(n, self.recipe.shape, settings, generator, torch.device(self.device))
        hidden = Occlusion.draw(crop, settings, generator)
        units = push_units(expressions.sides, settings, generator)
        others, kinds = push_others(n, settings, generator)
        course = Course.draw(n, generator)

        def moved(times: Tensor, pairs: str) -> Tensor:
            """Return the true displacement in pixels of the crop."""
            shown = paired(course.expression(times), pairs)[..., None].expand(-1, -1, units.x.shape[1])
            beside = paired(course.events(times), pairs)[..., kinds]
            skin = hidden.of(units.joined(others).fields(torch.cat([shown, beside], 2), crop))
            return crop.pixels * (skin + head_motion(paired(course.head(times), pairs), crop, settings))

        times = course.times(self.steps, pairs, settings, generator)
        faces = self.faces.choose(crop, generator)
        picture = hidden.on(self.faces.seen(faces, crop, torch.zeros(n, 1, 2, *crop.shape, device=self.device)))[:, 0]
        flow = estimated(moved(times, pairs), picture, pairs, settings, generator) + hidden.outliers[:, None]
        if not frames:
            return DrawnMotion(flow, expressions.labels, expressions.shown, None)
        since = moved(_frame_times(n, self.recipe.steps), "onset")
        since = torch.cat([torch.zeros_like(since[:, :1]), since], 1)[:, -self.recipe.steps :]
        seen = hidden.on(self.faces.seen(faces, crop, since)) * (1 + folds(since, settings, generator))
        seen = seen + changes(picture, self.recipe.steps, settings, generator)
        return DrawnMotion(flow, expressions.labels, expressions.shown, seen.clamp(0, 255))


def _frame_times(n: int, steps: int) -> Float32[Tensor, "n f"]:
    """Return when the frames of the appearance stream are: from onset to offset, one alone in the middle."""
    times = torch.linspace(0, 1, steps) if steps > 1 else torch.tensor([0.0, 0.5])
    return times.expand(n, -1)
