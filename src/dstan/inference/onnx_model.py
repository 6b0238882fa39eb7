"""A model that answers through onnxruntime in place of torch."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstan._atomic import make_folder
from dstan.clips import PreparedClip
from dstan.errors import DstanError, ModelError, ShapeError
from dstan.inference.export import digest_of_model, export_onnx, import_package
from dstan.inference.onnx_graph import ATTENTION, LABEL, MAP, PROBABILITIES, UNITS
from dstan.preprocessing.cache import Cache
from dstan.recognizers import Inference, Recognizer
from dstan.recognizers.contract import OnEpoch, StreamName

log = logging.getLogger(__name__)

FILE = "model.onnx"
"""What an exported model is called beside its model."""
CORES = 2
"""At most so many threads look at one clip."""
ERRORS_ONLY = 3


def session_of(path: Path) -> Any:
    """Return onnxruntime's session of a file, on the CPU.

    Parameters
    ----------
    path
        An ONNX file.

    Raises
    ------
    MissingDependencyError
        If onnxruntime is missing.
    ModelError
        If it is none.
    """
    import_package("onnxruntime")
    import onnxruntime
    import torch

    onnxruntime.disable_telemetry_events()  # where it was imported before, or the environment does not count: Windows
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(CORES, torch.get_num_threads())
    options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no base of their own
        raise ModelError(f"onnxruntime cannot read it: {error}", where=path, hint="Export it again") from error


def answers_of(session: Any) -> Callable[[Mapping[StreamName, NDArray[np.float32]]], dict[str, NDArray[Any]]]:
    """Return what runs a session: a batch of arrays in, its outputs by name out.

    Parameters
    ----------
    session
        What :func:`session_of` returned.
    """
    names = [output.name for output in session.get_outputs()]
    return lambda arrays: dict(zip(names, session.run(names, dict(arrays)), strict=True))


class OnnxRecognizer(Recognizer):
    """A fitted recogniser whose answers come from its ONNX file; everything else is the recogniser's own.

    It is not for fitting.

    Parameters
    ----------
    recognizer
        Fitted.
    path
        What :func:`~dstan.inference.export.export_onnx` made of it.

    Raises
    ------
    MissingDependencyError
        If onnxruntime is missing.
    ModelError
        If the file is damaged, or of another model.
    """

    def __init__(self, recognizer: Recognizer, path: Path) -> None:
        super().__init__(recognizer.name, recognizer.settings)
        self._own = recognizer
        self.reference, self.fidelity = recognizer.reference, recognizer.fidelity  # type: ignore[misc]  # of the class
        self.classes_, self.trained_ = recognizer.classes_, recognizer.trained_
        self.history_, self.dynamics_, self.choice_ = recognizer.history_, recognizer.dynamics_, recognizer.choice_
        session = session_of(path)
        self.about = _about(session, path, digest_of_model(recognizer))
        self._answers = answers_of(session)

    @property
    def description(self) -> str:
        """What the recogniser is."""
        return self._own.description

    @property
    def streams(self) -> tuple[StreamName, ...]:
        """What the recogniser needs."""
        return self._own.streams

    @property
    def parameters(self) -> int:
        """Those of the recogniser's networks."""
        return self._own.parameters

    @property
    def weights(self) -> str:
        """Where the recogniser began."""
        return self._own.weights

    def _check(self, clips: Sequence[PreparedClip]) -> None:
        self._own._check(clips)
        for clip in clips:
            for stream in self.streams:
                self._check_shape(clip, stream)
            if clip.strain is not None and self.about["strain"]:
                raise ShapeError(
                    "strain is given with this clip, and the ONNX graph computes its own from the flow",
                    where=clip.clip,
                    hint='Use the model itself: --runtime torch, or load_model(MODEL, runtime="torch")',
                )

    def _check_shape(self, clip: PreparedClip, stream: StreamName) -> None:
        """Raise ShapeError where an array is not what the graph takes."""
        array = getattr(clip, stream)
        sides, taken = (len(array), *array.shape[-2:]), self.about["inputs"][stream]
        bounds = list(zip(taken["least"], taken["fixed"], strict=True))
        if all(least <= side and exact in (None, side) for side, (least, exact) in zip(sides, bounds, strict=True)):
            return
        wanted = " x ".join(f"at least {least}" if exact is None else str(exact) for least, exact in bounds)
        raise ShapeError(
            f"its {stream} is {' x '.join(map(str, sides))}, and {self.name} takes {wanted} (steps, height and width)",
            where=clip.clip,
            hint="Prepare it as the training clips were",
        )

    def _infer(self, clips: Sequence[PreparedClip]) -> Inference:
        # one by one, so that a clip's numbers do not depend on its neighbours
        found = [self._answers({stream: getattr(clip, stream)[None] for stream in self.streams}) for clip in clips]
        probabilities = np.concatenate([one[PROBABILITIES] for one in found]).astype(np.float64)
        units = np.concatenate([one[UNITS] for one in found]).astype(np.float64) if UNITS in found[0] else None
        return Inference(
            winners=np.concatenate([one[LABEL] for one in found]),
            probabilities=probabilities / probabilities.sum(1, keepdims=True),  # they were rounded to single precision
            attention={stream: _of(ATTENTION + stream, found) for stream in self.streams},
            units=None if units is None else dict(zip(self.about["units"], units.T, strict=True)),
            maps={stream: _of(MAP + stream, found) for stream in self.streams},
        )

    def _fit(
        self,
        clips: Sequence[PreparedClip],
        labels: NDArray[np.int64],
        classes: tuple[str, ...],
        *,
        seed: int,
        device: str,
        on_epoch: OnEpoch | None,
        fitted: Sequence[Recognizer] | None,
    ) -> None:
        raise DstanError("an ONNX graph cannot learn", where=self.name, hint="Fit the method itself")

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        return self._own._state()

    def _restore(
        self, arrays: Mapping[str, NDArray[Any]], document: Mapping[str, Any], classes: tuple[str, ...]
    ) -> None:
        raise DstanError("an ONNX graph cannot take over a state", where=self.name, hint="Export the other model")


def _of(name: str, found: Sequence[Mapping[str, NDArray[Any]]]) -> list[NDArray[np.float32]] | None:
    """Return an output of each clip; None where there is no such output."""
    return [one[name][0] for one in found] if name in found[0] else None


def _about(session: Any, path: Path, digest: str) -> dict[str, Any]:
    """Return what a file says of itself, after a look at whether it is of the model with a digest."""
    told = session.get_modelmeta().custom_metadata_map
    if told.get("digest") != digest:
        what = "it was made of another model, or by another dstan" if "digest" in told else "dstan did not make it"
        raise ModelError(what, where=path, hint=f"Export again: dstan export {path.parent} --onnx, or remove the file")
    return dict(json.loads(told["model"]))


def through_onnx(recognizer: Recognizer, folder: Path) -> OnnxRecognizer:
    """Return a recogniser that answers through onnxruntime.

    Its file is the one beside the model, if there is one; or else one in the user's cache, which is made where it is
    missing.

    Parameters
    ----------
    recognizer
        Fitted.
    folder
        Where its model lies.

    Raises
    ------
    ConfigError
        If its method cannot be exported.
    MissingDependencyError
        If a package of ``dstan[onnx]`` is missing.
    ModelError
        If the file beside the model is damaged, or of another model; or a new one does not answer as the model does.
    """
    if (folder / FILE).is_file():
        return OnnxRecognizer(recognizer, folder / FILE)
    kept = Cache().root / "onnx" / f"{digest_of_model(recognizer)}.onnx"
    if kept.is_file():
        try:
            return OnnxRecognizer(recognizer, kept)
        except ModelError as error:
            log.warning("%s; it is made again", error.what)
    else:
        log.warning("the model is exported to ONNX, once: that takes some seconds, and is kept in %s", kept)
    make_folder(kept.parent, 0o700)
    export_onnx(recognizer, kept)
    return OnnxRecognizer(recognizer, kept)
