"""Prediction: how long one video takes, and where the time goes."""

from __future__ import annotations

import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from dstan.bench.figures import Bench, median_seconds
from dstan.bench.preparation import twin_clip
from dstan.clips import PreparedClip

REPETITIONS = 5


def bench_predict() -> Bench:
    """Measure DSTAN at the paper's size on one clip: whole, preparation, and the networks.

    Where the packages of ``dstan[onnx]`` are installed, the networks run through onnxruntime, too.
    """
    from dstan.inference.export import PACKAGES, export_onnx
    from dstan.inference.onnx_model import OnnxRecognizer
    from dstan.preprocessing.pipeline import prepare_clip
    from dstan.recognizers import recognizer

    model = recognizer("dstan", {"training": {"epochs": 1}})
    model.fit([_noise(label, index) for index, label in enumerate(("happiness", "others") * 2)])
    with tempfile.TemporaryDirectory() as folder:
        clip = twin_clip(Path(folder))
        prepared = prepare_clip(clip, model.recipe)
        work = {
            "frames to label": lambda: model.predict_proba([prepare_clip(clip, model.recipe)]),
            "preparation": lambda: prepare_clip(clip, model.recipe),
            "both networks and the SVM": lambda: model.predict_proba([prepared]),
        }
        if all(map(find_spec, PACKAGES)):
            export_onnx(model, Path(folder) / "model.onnx")
            through = OnnxRecognizer(model, Path(folder) / "model.onnx")
            work["the same by onnxruntime"] = lambda: through.predict_proba([prepared])
        values = {name: 1000 * median_seconds(job, REPETITIONS) for name, job in work.items()}
        frames = prepared.done["frames"]
    what = f"DSTAN at 9 x 224 x 224 on one clip of {frames} frames, 640 x 480 JPEG; median of {REPETITIONS}"
    return Bench.of("predict", what, "ms", values)


def _noise(label: str, seed: int) -> PreparedClip:
    """Draw arrays of the paper's shape: their content does not matter to the clock."""
    rng = np.random.default_rng(seed)
    return PreparedClip.from_arrays(
        appearance=rng.random((9, 224, 224), np.float32) * 255,
        flow=rng.standard_normal((9, 2, 224, 224), np.float32),
        label=label,
        clip_id=str(seed),
    )
