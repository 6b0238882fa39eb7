"""A fitted recogniser as a folder of two files: arrays as safetensors, everything else as JSON.

Nothing that is loaded is executed. The JSON holds the digest of the arrays, so a file of another model is noticed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dstan import _atomic
from dstan._foreign import read_json
from dstan._version import __version__
from dstan.errors import DstanError, ModelError, UnknownNameError
from dstan.recognizers.contract import Recognizer

FORMAT = 1
ARRAYS, DOCUMENT = "model.safetensors", "model.json"
CARD, CURVES = "card.md", "curves"
"""What may lie beside a model and is about that very model: a card, and its figure without the ending."""


def save_model(recognizer: Recognizer, folder: Path, about: Mapping[str, Any] | None = None) -> None:
    """Write a fitted recogniser.

    Parameters
    ----------
    recognizer
        What was fitted.
    folder
        Made where it is not there; a model in it is replaced, and its card removed before anything else.
    about
        What else a card is to say, as JSON can: the data, the scores (:mod:`dstan.reports.card`).

    Raises
    ------
    NotFittedError
        If it is not fitted.
    """
    from safetensors.numpy import save_file

    arrays, state = recognizer.state()
    for name in (CARD, f"{CURVES}.png", f"{CURVES}.svg"):  # a model may lack a card, but never has another's
        (folder / name).unlink(missing_ok=True)
    with _atomic.replacing(folder / ARRAYS) as temporary:
        save_file({name: np.asarray(value, order="C") for name, value in arrays.items()}, temporary)
    document = {
        "format": FORMAT,
        "method": recognizer.name,
        "classes": list(recognizer.classes_),
        "settings": recognizer.settings.to_dict(),
        "digests": {ARRAYS: _sha256(folder / ARRAYS)},
        "made_by": {"dstan": __version__, "torch": torch.__version__, "numpy": np.__version__},
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "state": state,
        **({"about": dict(about)} if about else {}),
    }
    _atomic.write_json(folder / DOCUMENT, document)


def load_model(folder: Path, make: Callable[[str, dict[str, Any]], Recognizer]) -> Recognizer:
    """Read what :func:`save_model` wrote.

    Parameters
    ----------
    folder
        The model's folder.
    make
        Returns an unfitted recogniser by its name and settings.

    Returns
    -------
    The fitted recogniser: it predicts the very numbers that the saved one did.

    Raises
    ------
    ModelError
        If a file is missing, damaged, of another model, or of another format.
    """
    document = checked_document(folder)
    try:
        recognizer = make(document["method"], document["settings"])
        return recognizer.restore(read_arrays(folder), document["state"])
    except UnknownNameError as error:
        raise ModelError(error.what, where=folder, hint=error.hint) from error
    except (DstanError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError) as error:
        raise ModelError(
            f"cannot rebuild the model: {error}", where=folder, hint="Train again with this version: dstan train"
        ) from error


def read_arrays(folder: Path) -> dict[str, NDArray[Any]]:
    """Return a model's arrays by name.

    Parameters
    ----------
    folder
        The model's folder.

    Raises
    ------
    ModelError
        If the file is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return dict(load_file(folder / ARRAYS))
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{ARRAYS} is damaged: {error}", where=folder, hint="Train again: dstan train") from error


def checked_document(folder: Path) -> dict[str, Any]:
    """Return a model's JSON document, after a look at whether the arrays beside it are those it was written for.

    Parameters
    ----------
    folder
        The model's folder.

    Raises
    ------
    ModelError
        If it is not a model's folder, of another format, or its files do not belong together.
    """
    document = _read_document(folder)
    if _sha256(folder / ARRAYS) != document["digests"][ARRAYS]:
        raise ModelError(
            f"{ARRAYS} is not the file that {DOCUMENT} was written for",
            where=folder,
            hint="Copy the whole folder again, or train again: dstan train",
        )
    return document


def describe_model(folder: Path) -> dict[str, Any]:
    """Return a model's JSON document without loading its arrays.

    Parameters
    ----------
    folder
        The model's folder.

    Raises
    ------
    ModelError
        If it is not a model's folder, or of another format.
    """
    return _read_document(folder)


def _read_document(folder: Path) -> dict[str, Any]:
    for name in (DOCUMENT, ARRAYS):
        if not (folder / name).is_file():
            missing = f"{name} is missing, so this is not a model" if folder.is_dir() else "there is no such folder"
            raise ModelError(
                missing,
                where=folder,
                hint="Give a model's folder, or make one: dstan train --out MODEL, or dstan pretrain --out WEIGHTS",
            )
    try:
        document = read_json(folder / DOCUMENT)
        version = document["format"]
        missing = {"method", "settings", "digests", "state"} - document.keys()
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(f"{DOCUMENT} is damaged: {error}", where=folder, hint="Train again: dstan train") from error
    if version != FORMAT:
        raise ModelError(
            f"the model is of format {version}, and this dstan reads format {FORMAT}",
            where=folder,
            hint="Use the dstan that wrote it, or train again: dstan train",
        )
    if missing:
        raise ModelError(f"{DOCUMENT} lacks {', '.join(sorted(missing))}", where=folder)
    for name, kind in (("method", str), ("settings", dict), ("digests", dict), ("state", dict)):
        if not isinstance(document[name], kind):
            raise ModelError(f"{DOCUMENT} is damaged: its {name} is {document[name]!r:.80}", where=folder)
    if ARRAYS not in document["digests"]:
        raise ModelError(f"{DOCUMENT} lacks a digest", where=folder)
    return dict(document)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
