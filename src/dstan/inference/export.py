"""From a fitted model to one ONNX file that goes from prepared arrays to probabilities.

The file is compared with the model before it is there: both look at the same random and extreme clips
(:mod:`dstan.inference.onnx_check`). It needs nothing of dstan to run, and says in its metadata what it is.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dstan import _atomic
from dstan._version import __version__
from dstan.config import digest_of
from dstan.errors import MissingDependencyError, ModelError
from dstan.inference.predict import Model
from dstan.inference.shipped import SYNTHETIC_ONLY, has_seen_drawn_motion_only
from dstan.recognizers import Recognizer
from dstan.recognizers.contract import StreamName

if TYPE_CHECKING:
    from dstan.inference.onnx_graph import Graph
    from dstan.inference.onnx_inputs import Given

FORMAT = 1
"""Changes whenever the same model gives another graph."""
OPSET = 20
PACKAGES = ("onnx", "onnxscript", "onnxruntime")
NOISY = ("torch", "onnxscript", "onnx_ir")
"""Loggers of the exporter."""
AXES: Mapping[StreamName, tuple[tuple[int, str], ...]] = {
    "appearance": ((1, "frames"), (2, "height"), (3, "width")),
    "flow": ((1, "fields"), (3, "flow_height"), (4, "flow_width")),
}
"""Where steps, height and width of an array are, and what they are called."""


@dataclass(frozen=True)
class ExportCheck:
    """What was written, and how it compares with the model.

    Parameters
    ----------
    path
        The file.
    digest
        Of the model (:func:`digest_of_model`).
    inputs, outputs
        Their shapes by name; an axis that is free is named.
    clips
        How many were looked at by both.
    differences
        The largest difference of each output.
    size
        Bytes of the file.
    """

    path: Path
    digest: str
    inputs: Mapping[str, tuple[int | str, ...]]
    outputs: Mapping[str, tuple[int | str, ...]]
    clips: int
    differences: Mapping[str, float]
    size: int

    @property
    def largest(self) -> float:
        """The largest difference of all outputs."""
        return max(self.differences.values())


def export_onnx(model: Model | Recognizer, path: str | os.PathLike[str]) -> ExportCheck:
    """Write a model as one ONNX file, weights inside, after a comparison with the model itself.

    The graph takes prepared arrays: ``appearance`` (batch, T, H, W) grey in [0, 255], and ``flow`` (batch, T, 2, H, W)
    in pixels, whichever the model looks at. It returns ``probabilities`` (batch, K) and ``label`` (batch,), the index
    of the class; and, where the model has them, ``attention_STREAM`` (batch, T), ``map_STREAM`` (batch, T, h, w) and
    ``units`` (batch, U), the scores of action units.

    Parameters
    ----------
    model
        Fitted.
    path
        The file; one that is there is replaced, in one step.

    Raises
    ------
    NotFittedError
        If it is not fitted.
    ConfigError
        If its method cannot be exported.
    MissingDependencyError
        If a package of ``dstan[onnx]`` is missing.
    ModelError
        If the path is a folder, or the file does not answer as the model does; no file is left then.
    """
    for package in PACKAGES:
        import_package(package)
    from dstan.inference.onnx_graph import Graph

    recognizer, target = model.recognizer if isinstance(model, Model) else model, Path(path)
    if target.is_dir():
        raise ModelError("this is a folder", where=target, hint="Name a file in it, such as model.onnx")
    digest = digest_of_model(recognizer)
    graph = Graph(recognizer)
    proto = _proto_of(graph)
    _describe(proto, _metadata(recognizer, graph, digest))
    with _atomic.replacing(target) as temporary:
        temporary.write_bytes(proto.SerializeToString())
        return _checked(temporary, target, recognizer, graph, digest)


def import_package(name: str) -> None:
    """See that a package that ONNX needs can be imported, and that it sends nothing anywhere.

    onnxruntime reports its use to its makers unless the environment forbids it when it is first imported.

    Parameters
    ----------
    name
        "onnx", "onnxscript" or "onnxruntime".

    Raises
    ------
    MissingDependencyError
        If it cannot.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        import_module(name)
    except ImportError as error:
        raise MissingDependencyError(
            f"{name} cannot be imported: {error}", where="ONNX", hint="Install it: pip install 'dstan[onnx]'"
        ) from error


def digest_of_model(recognizer: Recognizer) -> str:
    """Return a digest of everything that a model's graph follows from: its arrays, classes, settings and method.

    Parameters
    ----------
    recognizer
        Fitted.

    Raises
    ------
    NotFittedError
        If it is not fitted.
    """
    arrays, _ = recognizer.state()
    parts: list[Any] = [FORMAT, recognizer.name, recognizer.classes_, recognizer.settings.to_dict()]
    for name in sorted(arrays):
        value = np.ascontiguousarray(arrays[name])
        parts.append([name, str(value.dtype), value.shape, hashlib.sha256(value.tobytes()).hexdigest()])
    return digest_of(parts)


def _proto_of(graph: Graph) -> Any:
    """Return the ONNX model of a graph, its axes named and free where they can be."""
    import torch
    from torch.export import Dim

    example: dict[StreamName, Any] = {}
    free: dict[str, Any] = {}
    for number, (name, given) in enumerate(graph.given.items()):
        t, h, w = (
            2 * least + 2 + number if fixed is None else fixed  # one step, or one pixel after pooling, would stay one
            for least, fixed in zip(given.least, given.fixed, strict=True)
        )
        shape = (2, t, h, w) if name == "appearance" else (2, t, 2, h, w)
        example[name] = torch.linspace(0, 1, math.prod(shape)).view(shape)
        free[name] = {axis: Dim(text, min=least) for axis, (text, least) in axes(name, given).items()}
    with torch.inference_mode():
        names = list(graph.answers(example))
    with _quiet():
        program = torch.onnx.export(
            graph,
            (),
            kwargs={str(name): array for name, array in example.items()},
            dynamo=True,
            opset_version=OPSET,
            input_names=list(example),
            output_names=names,
            dynamic_shapes=free,
            verbose=False,
        )
    assert program is not None
    return program.model_proto


def axes(name: StreamName, given: Given) -> dict[int, tuple[str, int]]:
    """Return the axes of an array that may have any length: their names and their least lengths.

    Parameters
    ----------
    name
        Of the array.
    given
        Its shape.
    """
    places = zip(AXES[name], given.least, given.fixed, strict=True)
    return {0: ("batch", 1)} | {axis: (text, least) for (axis, text), least, fixed in places if fixed is None}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's warnings and log from people who can do nothing about them."""
    levels = {name: logging.getLogger(name).level for name in NOISY}
    try:
        for name in NOISY:
            logging.getLogger(name).setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def _metadata(recognizer: Recognizer, graph: Graph, digest: str) -> dict[str, str]:
    """Return what the file says of itself: text by key, JSON where it is more than a word."""
    import torch

    document = {
        "format": FORMAT,
        "method": recognizer.name,
        "description": recognizer.description,
        "reference": recognizer.reference,
        "classes": recognizer.classes_,
        "units": graph.unit_numbers,
        "settings": recognizer.settings.to_dict(),
        "trained": recognizer.trained_,
        "digest": digest,
        "strain": graph.computes_strain,
        "inputs": {name: {"least": given.least, "fixed": given.fixed} for name, given in graph.given.items()},
        "made_by": {"dstan": __version__, "torch": torch.__version__},
    }
    told = {"classes": json.dumps(recognizer.classes_), "digest": digest, "model": json.dumps(document)}
    if has_seen_drawn_motion_only(recognizer):
        told["warning"] = SYNTHETIC_ONLY
    return told


def _describe(proto: Any, metadata: Mapping[str, str]) -> None:
    """Put metadata into a model, in place of the exporter's notes on where in the source each node comes from."""
    parts: Sequence[Any] = [proto.graph, *proto.functions]
    for part in parts:
        del part.metadata_props[:]
        for one in (*part.node, *part.value_info, *(() if part is not proto.graph else part.initializer)):
            del one.metadata_props[:]
            one.doc_string = ""
    for one in (*proto.graph.input, *proto.graph.output):
        del one.metadata_props[:]
    del proto.metadata_props[:]
    for key, value in metadata.items():
        proto.metadata_props.add(key=key, value=value)
    proto.producer_name, proto.producer_version = "dstan", __version__
    proto.doc_string = metadata.get("warning", "")


def _checked(written: Path, target: Path, recognizer: Recognizer, graph: Graph, digest: str) -> ExportCheck:
    """Compare a file with its model.

    Raises
    ------
    ModelError
        If they differ.
    """
    from dstan.inference.onnx_check import TOLERANCE, compare
    from dstan.inference.onnx_model import answers_of, session_of

    session = session_of(written)
    worst, clips = compare(answers_of(session), recognizer, graph.given)
    for name, gap in worst.items():
        if not gap <= TOLERANCE:
            raise ModelError(
                f"the graph's {name} and the model's differ by {gap:.2g} on one of {clips} clips, and at most "
                f"{TOLERANCE:g} is let pass: nothing was written",
                where=target,
                hint="Please report it, with the model's model.json",
            )
    return ExportCheck(
        path=target,
        digest=digest,
        inputs={one.name: tuple(one.shape) for one in session.get_inputs()},
        outputs={one.name: tuple(one.shape) for one in session.get_outputs()},
        clips=clips,
        differences=worst,
        size=written.stat().st_size,
    )
