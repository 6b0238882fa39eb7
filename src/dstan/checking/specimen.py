"""Small clips, drawn by chance, for any method to be tried on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstan.clips import PreparedClip
from dstan.preprocessing.landmarks import MESH_POINTS, MESH_TO_68

CLASSES = ("happiness", "disgust", "others")
"""What drawn clips show."""


@dataclass(frozen=True)
class Specimen:
    """What a method is tried on.

    Parameters
    ----------
    settings
        Nested settings that make it quick to fit.
    frames, fields, size
        About the least that it takes: frames, fields of flow, height and width.
    others
        What it takes, too: (frames, fields, size). Each is learned and predicted by itself.
    bad
        Arrays of a clip that it cannot use, by name; None takes one away.
    says
        What its error must say of them.
    is_random
        Whether another seed gives other numbers.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    frames: int = 2
    fields: int = 2
    size: tuple[int, int] = (32, 32)
    others: tuple[tuple[int, int, tuple[int, int]], ...] = ((1, 1, (32, 32)), (3, 3, (33, 47)))
    bad: Mapping[str, Any] = field(default_factory=dict)
    says: str = ""
    is_random: bool = False

    def draw_one(
        self,
        seed: int,
        kind: int = 0,
        *,
        frames: int | None = None,
        fields: int | None = None,
        size: tuple[int, int] | None = None,
        **about: Any,
    ) -> PreparedClip:
        """Draw a clip; clips of one kind move alike.

        Parameters
        ----------
        seed
            Another one, another clip.
        kind
            How it moves: so many pixels a frame on average, right and down.
        frames, fields, size
            The specimen's where not given.
        **about
            As in :meth:`dstan.PreparedClip.from_arrays`: ``label``, ``subject``, ``clip_id``, ``corpus``.
        """
        rng = np.random.default_rng([seed, kind])
        size = size or self.size
        return PreparedClip.from_arrays(
            appearance=rng.uniform(0, 255, (frames or self.frames, *size)).astype(np.float32),
            flow=rng.normal(kind, 1, (fields or self.fields, 2, *size)).astype(np.float32),
            landmarks=face_points(size),
            **about,
        )

    def draw(self, n: int = 7, *, seed: int = 0, labels: Sequence[str] = CLASSES, **shape: Any) -> list[PreparedClip]:
        """Draw clips of two subjects in turn, s0 and s1, and the last of a third who has no other.

        Parameters
        ----------
        n
            How many.
        seed
            Another one, other clips.
        labels
            Of the clips in turn; their kinds are in turn, too.
        **shape
            ``frames``, ``fields`` and ``size``, where they are not the specimen's.
        """
        return [
            self.draw_one(
                1000 * seed + i,
                i % 3,
                label=labels[i % len(labels)],
                subject="s2" if i == n - 1 else f"s{i % 2}",
                clip_id=f"c{i}",
                **shape,
            )
            for i in range(n)
        ]


def face_points(size: tuple[int, int]) -> NDArray[np.float32]:
    """Return mesh points of a plain face that fills a crop: only those that stand for the 68 are known.

    Parameters
    ----------
    size
        Height and width of the crop, pixels.
    """
    points = np.full((MESH_POINTS, 2), np.nan, dtype=np.float32)
    points[list(MESH_TO_68)] = _PLAIN_68 * (size[1], size[0])
    return points


def _plain_68() -> NDArray[np.float64]:
    """A face drawn by hand in the unit square: the 68 points of the iBUG scheme."""
    around = np.linspace(np.pi, 0, 17)
    jaw = np.stack([0.5 + 0.42 * np.cos(around), 0.38 + 0.55 * np.sin(around)], 1)
    brow = np.stack([np.linspace(0, 1, 5), -0.05 * np.sin(np.linspace(0, np.pi, 5))], 1)
    brows = [brow * (0.25, 1) + np.array(start) for start in ((0.16, 0.25), (0.59, 0.25))]
    bridge = np.stack([np.full(4, 0.5), np.linspace(0.33, 0.52, 4)], 1)
    base = np.stack([np.linspace(0.42, 0.58, 5), 0.58 + 0.02 * np.sin(np.linspace(0, np.pi, 5))], 1)
    lids = np.linspace(np.pi, -np.pi, 7)[:6]
    eye = np.stack([0.06 * np.cos(lids), -0.025 * np.sin(lids)], 1)
    eyes = [eye + np.array(middle) for middle in ((0.3, 0.35), (0.7, 0.35))]
    lips = np.linspace(np.pi, -np.pi, 13)[:12]
    outer = np.stack([0.5 + 0.14 * np.cos(lips), 0.73 - 0.06 * np.sin(lips)], 1)
    inside = np.linspace(np.pi, -np.pi, 9)[:8]
    inner = np.stack([0.5 + 0.1 * np.cos(inside), 0.73 - 0.02 * np.sin(inside)], 1)
    return np.concatenate([jaw, *brows, bridge, base, *eyes, outer, inner])


_PLAIN_68 = _plain_68()
