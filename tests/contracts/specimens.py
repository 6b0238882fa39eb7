"""Small clips for each method of the registry: what the contract suites fit and predict."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from dstan.checking import CLASSES, Specimen, Trial
from dstan.clips import PreparedClip
from dstan.recognizers import LEAVES, METHODS, PAPER_TRACK, Recognizer, recognizer
from dstan.recognizers.contract import PAPER_ENDING

__all__ = ["CLASSES", "SPECIMENS", "Specimen", "draw", "draw_one", "make", "specimen", "trial"]

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
    "3d-fcnn": replace(
        _net(frames=4, fields=4, network={"channels": [2, 2, 4], "hidden": 4}),
        others=((5, 5, (33, 47)), (4, 4, (40, 32))),
    ),
    "strcn": replace(
        _net(fields=1, network={"maps": 4}),
        size=(64, 64),
        others=((1, 1, (65, 80)), (1, 1, (64, 64))),
        bad={"flow": np.zeros((1, 2, 63, 64), np.float32)},
        says="63 x 64, but at least 64 x 64",
    ),
    "ststnet": replace(_net(fields=1, network={}), others=((1, 1, (33, 47)),)),
    "sssnet": replace(_net(fields=1, network={"channels": [2, 4], "hidden": 8}), others=((1, 1, (33, 47)),)),
    "elrcn-te": _net(first=_EPOCH, network={"widths": [2, 2, 2, 4, 4], "fc_width": 4, "lstm_width": 4, "hidden": 4}),
    "elrcn-te-paper": _net(
        first=_EPOCH, network={"widths": [2, 2, 2, 4, 4], "fc_width": 4, "lstm_width": 4, "hidden": 4, "sigmoid": True}
    ),
    "merta": _net(first=_EPOCH, network={"widths": [2, 2, 2, 4, 4], "lstm_width": 4, "reduction": 2}),
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


@cache
def trial(name: str) -> Trial:
    """Return a method on trial; what is fitted for one check is there for the others."""
    return Trial({**METHODS, **PAPER_TRACK, **LEAVES}[name], specimen(name))


def make(name: str, **settings: Any) -> Recognizer:
    """Make a method that is quick to fit; ``settings`` replace whole groups of the specimen's."""
    return recognizer(name, {**specimen(name).settings, **settings})


def draw_one(name: str, seed: int, kind: int = 0, **how: Any) -> PreparedClip:
    """Draw a clip for a method; clips of one kind move alike."""
    return specimen(name).draw_one(seed, kind, **how)


def draw(name: str, n: int = 7, **how: Any) -> list[PreparedClip]:
    """Draw clips of two subjects in turn, and the last of a third who has no other."""
    return specimen(name).draw(n, **how)
