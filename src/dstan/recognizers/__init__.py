"""Recognisers: prepared clips in, labels and probabilities out. A new method is one file here and one row below."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any, TypeAlias

from dstan._registry import look_up
from dstan.errors import ModelError, UnknownNameError
from dstan.fusion import FusionSettings
from dstan.networks.streams import StreamSettings
from dstan.recognizers import model_files
from dstan.recognizers.contract import (
    PAPER_ENDING,
    STREAMS,
    Fidelity,
    Inference,
    MethodSettings,
    Recognizer,
    StreamName,
)
from dstan.recognizers.dstan import DSTAN
from dstan.recognizers.majority import Majority
from dstan.recognizers.model_files import describe_model, save_model
from dstan.recognizers.settings import DSTANSettings
from dstan.recognizers.stream import StreamRecognizer, stream_name

__all__ = [
    "DSTAN",
    "LEAVES",
    "METHODS",
    "PAPER_TRACK",
    "DSTANSettings",
    "Fidelity",
    "Inference",
    "Majority",
    "Maker",
    "MethodSettings",
    "Recognizer",
    "StreamRecognizer",
    "describe_model",
    "load_model",
    "recognizer",
    "save_model",
    "unfitted",
]

Maker: TypeAlias = Callable[..., Recognizer]
"""Makes an unfitted recogniser; its one argument is the settings, the method's own where left out."""

BASIC = StreamSettings(lhfn=False, spatial_attention=False, temporal_attention=False)
LHFN = replace(BASIC, lhfn=True)
LHFN_SA = replace(LHFN, spatial_attention=True)
FULL = replace(LHFN_SA, temporal_attention=True)
"""The rows of Table 2 are these four settings."""


def _joined(name: str, network: StreamSettings = FULL, method: str = "svm") -> Maker:
    defaults = DSTANSettings(network=network, fusion=FusionSettings(method=method))
    return lambda settings=defaults: DSTAN(settings, name)


def _stream(name: str, stream: StreamName, network: StreamSettings) -> Maker:
    defaults = DSTANSettings(network=network)
    return lambda settings=defaults: StreamRecognizer(name, stream, settings)


def _streams() -> dict[str, Maker]:
    """Return every stream with every choice of modules, by the name that the choice gives it."""
    made: dict[str, Maker] = {}
    for stream in STREAMS:
        for lhfn, spatial, temporal in product((False, True), repeat=3):
            network = StreamSettings(lhfn=lhfn, spatial_attention=spatial, temporal_attention=temporal)
            name = stream_name(stream, network)
            made[name] = _stream(name, stream, network)
    return made


LEAVES: Mapping[str, Maker] = _streams()
"""What methods are made of; a model or a run folder may hold any of them."""

_COMPARED: Mapping[str, tuple[str, str]] = {
    "lbp-top": ("lbp_top", "LBPTOP"),
    "lbp-sip": ("lbp_sip", "LBPSIP"),
    "stlbp-ip": ("stlbp_ip", "STLBPIP"),
    "stclqp": ("stclqp", "STCLQP"),
    "lcbp": ("lcbp", "LCBP"),
    "mdmo": ("mdmo", "MDMO"),
    "fdm": ("fdm", "FDM"),
    "sparse-mdmo": ("sparse_mdmo", "SparseMDMO"),
    "bi-woof": ("bi_woof", "BiWOOF"),
    "cnn-lstm": ("cnn_lstm", "CNNLSTM"),
    "3d-fcnn": ("flow3d", "Flow3DRecognizer"),
    "elrcn-te": ("elrcn", "ELRCNTE"),
    "strcn": ("strcn", "STRCN"),
    "merta": ("merta", "MERTA"),
    "ststnet": ("ststnet", "STSTNetRecognizer"),
    "sssnet": ("sssnet", "SSSNetRecognizer"),
}
"""The file and the class of each compared method; they are imported when they are first made."""

_WITHOUT_PAPER_TRACK = ("cnn-lstm", "3d-fcnn", "merta")
"""Compared methods of whose parameters too little is published for a track of its own."""


def _compared(method: str, track: str) -> Maker:
    def make(settings: MethodSettings | None = None) -> Recognizer:
        module, kind = _COMPARED[method]
        home = import_module(f"dstan.recognizers.{module}")
        name = method + PAPER_ENDING * (track == "paper")
        made: Recognizer = getattr(home, kind)(name, settings or getattr(home, track.upper()))
        return made

    return make


METHODS: Mapping[str, Maker] = {
    "dstan": _joined("dstan"),
    "dstan-average": _joined("dstan-average", method="average"),
    "stan-a": LEAVES["stan-a"],
    "stmn-a": LEAVES["stmn-a"],
    "dstan-basic": _joined("dstan-basic", BASIC),
    "dstan-lhfn": _joined("dstan-lhfn", LHFN),
    "dstan-lhfn-sa": _joined("dstan-lhfn-sa", LHFN_SA),
    **{name: _compared(name, "common") for name in _COMPARED},
    "majority": Majority,
}
"""What a user can name, in the order of every table; all of the common track."""

PAPER_TRACK: Mapping[str, Maker] = {
    name + PAPER_ENDING: _compared(name, "paper") for name in _COMPARED if name not in _WITHOUT_PAPER_TRACK
}
"""The compared methods with the parameters and the input that were published for them."""


def recognizer(name: str, settings: Mapping[str, Any] | None = None) -> Recognizer:
    """Make an unfitted recogniser.

    Parameters
    ----------
    name
        One of :data:`METHODS`, :data:`PAPER_TRACK` or :data:`LEAVES`.
    settings
        Nested settings that replace the method's own, such as ``{"training": {"epochs": 30}}``.

    Raises
    ------
    UnknownNameError
        If there is no such method.
    ConfigError
        If a setting is unknown or out of range.
    """
    try:
        make = LEAVES.get(name) or look_up("method", name, {**METHODS, **PAPER_TRACK})
    except UnknownNameError as error:
        error.hint = f"{error.hint}. One of your own is evaluated from Python: docs/own-method.md"
        raise
    made = make()
    return make(made.settings.replaced(settings)) if settings else made


def load_model(folder: Path, make: Maker | None = None) -> Recognizer:
    """Read a fitted recogniser that :func:`save_model` wrote.

    Parameters
    ----------
    folder
        The model's folder.
    make
        Makes a method that is in no registry: its class, or a function whose one argument is the settings. A file
        never says what to run, so a method of your own has to be given here.

    Returns
    -------
    The fitted recogniser: it predicts the very numbers that the saved one did.

    Raises
    ------
    ModelError
        If a file is missing, damaged, of another model, or of another format.
    """
    return model_files.load_model(folder, _registered if make is None else partial(_made_by, make))


def unfitted(folder: Path, document: Mapping[str, Any]) -> Recognizer:
    """Make the recogniser that a model's document is of, unfitted.

    Parameters
    ----------
    folder
        The model's folder, for the error.
    document
        What :func:`describe_model` returns.

    Raises
    ------
    ModelError
        If it is of a method that is in no registry.
    """
    try:
        return _registered(document["method"], document["settings"])
    except UnknownNameError as error:
        raise ModelError(error.what, where=folder, hint=error.hint) from error


def _registered(name: str, settings: Mapping[str, Any]) -> Recognizer:
    if name not in {**METHODS, **PAPER_TRACK, **LEAVES}:
        raise UnknownNameError(
            f"it is of a method {name!r}, which is not one of dstan's",
            hint="If it is yours, say in Python what makes it: dstan.load_model(FOLDER, YourClass). A model file "
            "never says what to run",
        )
    return recognizer(name, settings)


def _made_by(make: Maker, name: str, settings: Mapping[str, Any]) -> Recognizer:
    own = make()
    if own.name != name:
        raise UnknownNameError(
            f"it is of the method {name!r}, and what was given makes {own.name!r}", hint="Give the class that wrote it"
        )
    return make(own.settings.replaced(settings))
