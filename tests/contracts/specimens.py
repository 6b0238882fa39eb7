"""Small clips for each method of the registry: what the contract suites fit and predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstan.clips import PreparedClip
from dstan.preprocessing.landmarks import MESH_POINTS, MESH_TO_68
from dstan.recognizers import Recognizer, recognizer
from dstan.recognizers.contract import PAPER_ENDING

CLASSES = ("happiness", "disgust", "others")


@dataclass(frozen=True)
class Specimen:
    """What a method is tried on.

    ``frames``, ``fields`` and ``size`` are about the least that it takes; ``others`` are (frames, fields, size) that it
    takes, too; ``bad`` replaces arrays of a clip by what it cannot use, and ``says`` is what the error must say.
    """

    settings: dict[str, Any]
    frames: int = 2
    fields: int = 2
    size: tuple[int, int] = (32, 32)
    others: tuple[tuple[int, int, tuple[int, int]], ...] = ((1, 1, (32, 32)), (3, 3, (33, 47)))
    bad: dict[str, Any] = field(default_factory=dict)
    says: str = ""
    is_random: bool = False


_SMALL = {"network": {"channels": [2, 2, 4, 4, 8], "lstm_width": 4, "reduction": 2}}
_NETWORK = Specimen(
    {"training": {"epochs": 1, "batch_size": 4}, **_SMALL},
    bad={"appearance": np.zeros((2, 31, 31), np.float32), "flow": np.zeros((2, 2, 31, 31), np.float32)},
    says="31 x 31, but at least 32 x 32",
    is_random=True,
)
_EPOCH = {"epochs": 1, "batch_size": 4}


def _net(frames: int = 2, fields: int = 2, **settings: Any) -> Specimen:
    """A network that takes clips of the size that it has learned from."""
    return replace(_NETWORK, settings={"training": _EPOCH, **settings}, frames=frames, fields=fields)


_SVM = {"svm": {"C": [0.5, 8.0], "parts": 2}}


def _frames(needed: int, size: tuple[int, int] = (32, 32), **settings: Any) -> Specimen:
    """A method that looks at frames, and needs so many of them."""
    return Specimen(
        {**_SVM, **settings},
        frames=needed,
        size=size,
        others=((needed + 1, 1, (size[0] + 1, size[1] + 15)),),
        bad={"appearance": np.zeros((needed - 1, *size), np.float32)},
        says=f"it has {needed - 1} frames, and {needed} are needed",
    )


SPECIMENS: dict[str, Specimen] = {
    "majority": replace(_NETWORK, bad={}, is_random=False),
    "lbp-top": _frames(5),
    "lbp-top-paper": _frames(9),
    "lbp-sip": _frames(5),
    "stlbp-ip": _frames(6, (72, 81)),
    "stlbp-ip-paper": _frames(8, (72, 81)),
    "stclqp": replace(
        _frames(5, descriptor={"words": 4, "samples": 300, "dimensions": [2], "grid": [2, 2]}), is_random=True
    ),
    "lcbp": _frames(3),
    "mdmo": Specimen(
        _SVM,
        size=(64, 64),
        others=((1, 1, (65, 80)),),
        bad={"landmarks": None},
        says="it has no landmarks",
    ),
    "sparse-mdmo": Specimen(
        {**_SVM, "dictionary": {"atoms": 8}, "pooling": [0.0, 1.0]},
        fields=3,
        size=(64, 64),
        others=((1, 1, (65, 80)), (1, 4, (64, 64))),
        bad={"landmarks": None},
        says="it has no landmarks",
        is_random=True,
    ),
    "fdm": Specimen(
        _SVM,
        fields=3,
        others=((1, 4, (33, 47)), (1, 6, (32, 32))),
        bad={"flow": np.zeros((2, 2, 32, 32), np.float32)},
        says="it has 2 fields of flow, and 3 are needed",
    ),
    "fdm-paper": Specimen(
        _SVM,
        fields=10,
        others=((1, 20, (33, 47)),),
        bad={"flow": np.zeros((9, 2, 32, 32), np.float32)},
        says="it has 9 fields of flow, and 10 are needed",
    ),
    "cnn-lstm": _net(first=_EPOCH, network={"channels": [2, 2, 4], "width": 8, "lstm_width": 4}),
    "bi-woof": Specimen(
        _SVM,
        fields=1,
        others=((1, 1, (33, 47)),),
        bad={"flow": np.zeros((2, 2, 32, 32), np.float32)},
        says="takes one field of flow, from onset to apex",
    ),
}


def specimen(name: str) -> Specimen:
    """Return that of a method; one for both tracks where the paper's has none of its own."""
    return SPECIMENS.get(name) or SPECIMENS.get(name.removesuffix(PAPER_ENDING), _NETWORK)


def make(name: str, **settings: Any) -> Recognizer:
    """Make a method that is quick to fit; ``settings`` replace whole groups of the specimen's."""
    return recognizer(name, {**specimen(name).settings, **settings})


def face_points(size: tuple[int, int]) -> NDArray[np.float32]:
    """Return mesh points of a plain face that fills a crop: only those that stand for the 68 are known."""
    points = np.full((MESH_POINTS, 2), np.nan, dtype=np.float32)
    points[list(MESH_TO_68)] = PLAIN_68 * (size[1], size[0])
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


PLAIN_68 = _plain_68()


def draw_one(
    name: str,
    seed: int,
    kind: int = 0,
    *,
    frames: int | None = None,
    fields: int | None = None,
    size: tuple[int, int] | None = None,
    **about: Any,
) -> PreparedClip:
    """Draw a clip for a method; clips of one kind move alike."""
    own, rng = specimen(name), np.random.default_rng([seed, kind])
    size = size or own.size
    return PreparedClip.from_arrays(
        appearance=rng.uniform(0, 255, (frames or own.frames, *size)).astype(np.float32),
        flow=rng.normal(kind, 1, (fields or own.fields, 2, *size)).astype(np.float32),
        landmarks=face_points(size),
        **about,
    )


def draw(name: str, n: int = 7, *, seed: int = 0, labels: Sequence[str] = CLASSES, **shape: Any) -> list[PreparedClip]:
    """Draw clips of two subjects in turn, and the last of a third who has no other."""
    return [
        draw_one(
            name,
            1000 * seed + i,
            i % 3,
            label=labels[i % len(labels)],
            subject="s2" if i == n - 1 else f"s{i % 2}",
            clip_id=f"c{i}",
            **shape,
        )
        for i in range(n)
    ]
