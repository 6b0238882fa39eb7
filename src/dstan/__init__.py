"""Facial micro-expression recognition: the DSTAN paper, from a folder of video to an honest report.

The façade: the names that a script or a notebook starts from. Each is imported when it is first used, so that
``import dstan`` costs nothing and needs neither mediapipe nor OpenCV.

Examples
--------
>>> import dstan
>>> clips = dstan.load_corpus("casme2", "/data/CASME2")  # doctest: +SKIP
>>> result = dstan.evaluate(dstan.DSTAN(), clips)  # doctest: +SKIP
>>> result.scores["uf1"], result.intervals["uf1"]  # doctest: +SKIP
>>> dstan.load_model("model").predict_video("face.mp4").label  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dstan._version import __version__

if TYPE_CHECKING:
    from dstan.clips import Clip, ClipSet, PreparedClip
    from dstan.corpora import load_corpora, load_corpus
    from dstan.errors import DstanError
    from dstan.evaluation import evaluate
    from dstan.inference import load_model, predict_video
    from dstan.preprocessing.cache import prepare_clips
    from dstan.preprocessing.recipe import Recipe
    from dstan.recognizers import DSTAN
    from dstan.reports import write_report

__all__ = [  # noqa: RUF022  (plain alphabetical order)
    "Clip",
    "ClipSet",
    "DSTAN",
    "DstanError",
    "PreparedClip",
    "Recipe",
    "__version__",
    "evaluate",
    "load_corpora",
    "load_corpus",
    "load_model",
    "predict_video",
    "prepare_clips",
    "write_report",
]

_HOMES = {
    "Clip": "dstan.clips",
    "ClipSet": "dstan.clips",
    "DSTAN": "dstan.recognizers",
    "DstanError": "dstan.errors",
    "PreparedClip": "dstan.clips",
    "Recipe": "dstan.preprocessing.recipe",
    "evaluate": "dstan.evaluation",
    "load_corpora": "dstan.corpora",
    "load_corpus": "dstan.corpora",
    "load_model": "dstan.inference",
    "predict_video": "dstan.inference",
    "prepare_clips": "dstan.preprocessing.cache",
    "write_report": "dstan.reports",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'dstan' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
