"""A model as an ONNX file: the same answers, from one file that says what it is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from dstan.clips import PreparedClip
from dstan.errors import ConfigError, DstanError, MissingDependencyError, ModelError, NotFittedError, ShapeError
from dstan.inference import export as exporting
from dstan.inference import load_model, onnx_check, onnx_model
from dstan.inference.export import ExportCheck, export_onnx
from dstan.inference.onnx_check import TOLERANCE, Arrays, clips_of, compare, drawn_batches
from dstan.inference.onnx_graph import Graph, input_of
from dstan.inference.onnx_inputs import Given
from dstan.inference.onnx_model import OnnxRecognizer
from dstan.inference.shipped import SYNTHETIC_ONLY
from dstan.recognizers import Recognizer, recognizer, save_model
from dstan.recognizers.network import NetworkRecognizer

pytest.importorskip("onnxruntime")

CLASSES = ("anger", "fear", "joy", "surprise")
TRAINING = {"training": {"epochs": 1, "batch_size": 4}}
TINY = {"network": {"channels": [2, 3, 4, 4, 6], "lstm_width": 5, "reduction": 2}, **TRAINING}
RELATIVE = {"flow_values": "relative", "flow_strain": True}
WIDE, TALL = (48, 40), (64, 72)


def fitted(name: str, settings: dict[str, Any], frames: int, fields: int, size: tuple[int, int]) -> Recognizer:
    """Fit a method for a moment on noise of three classes of four, so that one was never seen."""
    rng = np.random.default_rng(0)
    clips = [
        PreparedClip.from_arrays(
            appearance=rng.random((frames, *size), np.float32) * 255,
            flow=rng.standard_normal((fields, 2, *size), np.float32),
            label=CLASSES[(0, 2, 3)[number % 3]],
            clip_id=str(number),
            subject=str(number),
        )
        for number in range(9)
    ]
    return recognizer(name, settings).fit(clips, classes=CLASSES)


MADE: dict[str, tuple[str, dict[str, Any], int, int, tuple[int, int]]] = {
    "dstan": ("dstan", TINY, 3, 2, WIDE),
    "basic": ("dstan-basic", {**TINY, "network": {**TINY["network"], "lhfn": False}}, 2, 1, WIDE),
    "average": ("dstan-average", {**TINY, **RELATIVE, "frames": "differences"}, 3, 2, WIDE),
    "members": ("dstan", {**TINY, "recognition": {"mirror": True, "members": 2}}, 2, 2, WIDE),
    "stream of members": ("stmn-a", {**TINY, "recognition": {"mirror": True, "members": 2}}, 2, 2, WIDE),
    "frames": ("stan-a", {**TINY, "frames": "differences", "recognition": {"mirror": True}}, 3, 2, WIDE),
    "relative": ("stmn-a", {**TINY, **RELATIVE, "recognition": {"classifier": "svm"}}, 2, 3, WIDE),
    "adjacent": ("stmn", {**TINY, "flow_gain": 2.5, "flow_strain": True}, 2, 3, WIDE),
    "ststnet": ("ststnet", {**TRAINING, "flow_values": "relative"}, 1, 1, WIDE),
    "ststnet, an image by itself": ("ststnet-paper", TRAINING, 1, 1, WIDE),
    "sssnet": ("sssnet", TRAINING, 1, 1, WIDE),
    "strcn": ("strcn", {**TRAINING, "network": {"maps": 4}}, 1, 1, TALL),
    "3d-fcnn": ("3d-fcnn", {**TRAINING, "network": {"channels": [2, 2, 3], "hidden": 4}}, 4, 4, WIDE),
}
EXPORTED = ("average", "stream of members", "relative", "ststnet", "strcn", "3d-fcnn")


@pytest.fixture(scope="module")
def models() -> dict[str, Recognizer]:
    """Fit each, once."""
    return {name: fitted(*how) for name, how in MADE.items()}


@pytest.fixture(scope="module")
def small(models: dict[str, Recognizer], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ExportCheck]:
    """Export the small model of two streams, beside itself."""
    folder = tmp_path_factory.mktemp("small") / "model"
    save_model(models["dstan"], folder)
    return folder, export_onnx(models["dstan"], folder / onnx_model.FILE)


def in_torch(graph: Graph, arrays: Arrays) -> dict[str, NDArray[Any]]:
    """Run a graph before it is exported."""
    with torch.inference_mode():
        given: dict[Any, Any] = {name: torch.from_numpy(array) for name, array in arrays.items()}
        return {name: found.numpy() for name, found in graph.answers(given).items()}


@pytest.mark.parametrize("name", MADE)
def test_a_graph_answers_as_its_recogniser_does(models: dict[str, Recognizer], name: str) -> None:
    graph = Graph(models[name])
    worst, clips = compare(lambda arrays: in_torch(graph, arrays), models[name], graph.given)
    assert clips >= 10
    assert worst.pop("label") == 0
    assert max(worst.values()) < TOLERANCE
    if name in ("dstan", "members", "average"):
        both = {f"{what}_{stream}" for what in ("attention", "map") for stream in ("appearance", "flow")}
        assert set(worst) == both | {"probabilities"}


@pytest.mark.parametrize("name", [name for name in MADE if "dstan" not in MADE[name][0]])
def test_networks_see_in_the_graph_what_they_see_in_evaluation(models: dict[str, Recognizer], name: str) -> None:
    own = models[name]
    assert isinstance(own, NetworkRecognizer)
    seen = input_of(own)
    for arrays in drawn_batches(seen.given, seed=7):
        found = seen(*(torch.from_numpy(arrays[stream]) for stream in seen.given)).numpy()
        expected = np.stack([own.tensor(clip).numpy() for clip in clips_of(arrays)])
        np.testing.assert_allclose(found, expected, rtol=2e-6, atol=5e-6)


def test_relative_flow_and_strain_are_the_very_same_bits() -> None:
    own = recognizer("stmn-a", {**TINY, **RELATIVE})
    assert isinstance(own, NetworkRecognizer)
    for arrays in drawn_batches({"flow": Given((1, 32, 32))}, seed=3):
        found = input_of(own)(torch.from_numpy(arrays["flow"])).numpy()
        assert np.array_equal(found, np.stack([own.tensor(clip).numpy() for clip in clips_of(arrays)]))


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPORTED)
def test_onnxruntime_answers_as_the_recogniser_does(models: dict[str, Recognizer], name: str, tmp_path: Path) -> None:
    own = models[name]
    check = export_onnx(own, tmp_path / "model.onnx")
    assert check.largest < TOLERANCE
    through = OnnxRecognizer(own, tmp_path / "model.onnx")
    for arrays in drawn_batches(Graph(own).given, seed=11):
        clips = clips_of(arrays)
        found, expected = through.infer(clips), own.infer(clips)
        np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=TOLERANCE)
        np.testing.assert_allclose(found.probabilities.sum(1), 1, atol=1e-12)
        assert found.winners.tolist() == expected.winners.tolist()
        assert found.probabilities[:, 1].max() == 0  # nobody has ever seen fear
        assert {name: weights is None for name, weights in found.attention.items()} == {
            name: weights is None for name, weights in expected.attention.items()
        }
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]


@pytest.mark.slow
def test_axes_are_free_but_where_a_network_fixes_them(
    models: dict[str, Recognizer], small: tuple[Path, ExportCheck], tmp_path: Path
) -> None:
    assert small[1].inputs == {
        "appearance": ("batch", "frames", "height", "width"),
        "flow": ("batch", "fields", 2, "flow_height", "flow_width"),
    }
    assert small[1].outputs["probabilities"] == ("batch", 4)
    assert export_onnx(models["strcn"], tmp_path / "strcn.onnx").inputs == {"flow": ("batch", 1, 2, 64, 72)}


@pytest.mark.slow
def test_the_file_says_what_it_is_and_not_where_it_was_made(small: tuple[Path, ExportCheck]) -> None:
    import onnx

    proto = onnx.load(str(small[1].path))
    onnx.checker.check_model(proto, full_check=True)
    told = {one.key: one.value for one in proto.metadata_props}
    about = json.loads(told["model"])
    assert json.loads(told["classes"]) == list(CLASSES)
    assert about["method"] == "dstan"
    assert about["trained"]["clips"] == 9
    assert about["settings"]["network"]["lstm_width"] == 5
    assert about["digest"] == told["digest"] == small[1].digest
    assert "warning" not in told
    written = small[1].path.read_bytes()
    assert b".py" not in written
    assert str(Path.home()).encode() + b"/" not in written


@pytest.mark.slow
def test_the_model_that_comes_along_is_exported_with_its_warning_and_its_action_units(tmp_path: Path) -> None:
    own = load_model().recognizer
    check = export_onnx(own, tmp_path / "model.onnx")
    assert check.outputs["units"] == ("batch", 17)
    told = onnx_model.session_of(check.path).get_modelmeta().custom_metadata_map
    assert told["warning"] == SYNTHETIC_ONLY
    through = OnnxRecognizer(own, check.path)
    arrays = next(drawn_batches({"appearance": Given((9, 64, 64)), "flow": Given((1, 64, 64))}))
    (found,), (expected,) = (one.predict_details(clips_of(arrays)) for one in (through, own))
    assert found["label"] == expected["label"]
    assert list(found["units"]) == list(expected["units"]) == json.loads(told["model"])["units"]
    assert found["units"] == pytest.approx(expected["units"], abs=TOLERANCE)
    assert found["attention"]["appearance"] == pytest.approx(expected["attention"]["appearance"], abs=TOLERANCE)


@pytest.mark.slow
def test_a_model_without_a_file_beside_it_is_exported_once_and_kept(
    models: dict[str, Recognizer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    save_model(models["ststnet"], tmp_path / "model")
    load_model(tmp_path / "model", runtime="onnx")
    (kept,) = (tmp_path / "dstan" / "onnx").iterdir()
    assert "exported to ONNX, once" in caplog.text
    caplog.clear()
    written = kept.stat().st_mtime_ns
    load_model(tmp_path / "model", runtime="onnx")
    assert not caplog.text
    assert kept.stat().st_mtime_ns == written
    kept.write_bytes(b"cut short")
    clips = clips_of(next(drawn_batches(Graph(models["ststnet"]).given)))
    again = load_model(tmp_path / "model", runtime="onnx")
    assert again.predict(clips) == models["ststnet"].predict(clips)
    assert "it is made again" in caplog.text
    assert {path.name for path in (tmp_path / "model").iterdir()} == {"model.json", "model.safetensors"}


@pytest.mark.slow
def test_a_model_looks_the_same_through_onnxruntime(
    small: tuple[Path, ExportCheck], models: dict[str, Recognizer]
) -> None:
    through = load_model(small[0], runtime="onnx").recognizer
    own = models["dstan"]
    assert isinstance(through, OnnxRecognizer)
    assert (through.classes_, through.trained_, through.settings) == (own.classes_, own.trained_, own.settings)
    assert (through.description, through.streams, through.parameters) == (own.description, own.streams, own.parameters)
    assert (through.reference, through.fidelity, through.weights) == (own.reference, own.fidelity, own.weights)
    arrays = next(drawn_batches(Graph(own).given, seed=2))
    found, expected = through.infer(clips_of(arrays)), own.infer(clips_of(arrays))
    for stream in ("appearance", "flow"):
        np.testing.assert_allclose(found.maps[stream], expected.maps[stream], atol=TOLERANCE)  # type: ignore[arg-type]
    assert through.infer([]).probabilities.shape == (0, 4)
    with pytest.raises(DstanError, match="cannot learn"):
        through.fit([replace(one, clip=replace(one.clip, label="joy")) for one in clips_of(arrays)])


@pytest.mark.slow
def test_arrays_that_a_graph_cannot_take_are_refused_with_their_shape(
    models: dict[str, Recognizer], tmp_path: Path
) -> None:
    export_onnx(models["relative"], tmp_path / "model.onnx")
    through = OnnxRecognizer(models["relative"], tmp_path / "model.onnx")
    flow = np.zeros((1, 2, 40, 40), np.float32)
    with pytest.raises(ShapeError, match="at least 32 x 32"):
        through.infer([PreparedClip.from_arrays(flow=flow[..., :31])])
    with pytest.raises(ShapeError, match="needs flow"):
        through.infer([PreparedClip.from_arrays(appearance=flow[0])])
    with pytest.raises(ShapeError, match="computes its own"):
        through.infer([PreparedClip.from_arrays(flow=flow, strain=flow[:, 0])])


@pytest.mark.slow
def test_a_file_of_another_model_is_refused(small: tuple[Path, ExportCheck], models: dict[str, Recognizer]) -> None:
    with pytest.raises(ModelError, match="made of another model") as caught:
        OnnxRecognizer(models["members"], small[1].path)
    assert "dstan export" in str(caught.value.hint)


def test_a_file_that_is_no_graph_is_refused(models: dict[str, Recognizer], tmp_path: Path) -> None:
    save_model(models["dstan"], tmp_path)
    (tmp_path / onnx_model.FILE).write_bytes(b"not a graph")
    with pytest.raises(ModelError, match="cannot read it"):
        load_model(tmp_path, runtime="onnx")


@pytest.mark.slow
def test_a_graph_that_answers_otherwise_leaves_no_file_behind(
    models: dict[str, Recognizer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_check, "TOLERANCE", -1.0)
    with pytest.raises(ModelError, match="nothing was written"):
        export_onnx(models["ststnet"], tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("method", "settings", "frames"),
    [("majority", {}, 2), ("bi-woof", {"svm": {"C": [1.0], "parts": 2}}, 2), ("cnn-lstm", {"first": {"epochs": 1}}, 2)],
)
def test_a_method_without_a_graph_says_which_methods_have_one(
    method: str, settings: dict[str, Any], frames: int, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="cannot be exported to ONNX") as caught:
        Graph(recognizer(method, settings))
    assert "stmn-a" in str(caught.value.hint)


def test_what_was_never_fitted_cannot_be_exported(tmp_path: Path) -> None:
    with pytest.raises(NotFittedError):
        export_onnx(recognizer("dstan"), tmp_path / "model.onnx")


def test_a_folder_is_not_written_over(models: dict[str, Recognizer], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="this is a folder"):
        export_onnx(models["dstan"], tmp_path)


@pytest.mark.parametrize("missing", exporting.PACKAGES)
def test_a_missing_package_is_named_with_what_installs_it(
    models: dict[str, Recognizer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(MissingDependencyError, match=missing) as caught:
        export_onnx(models["dstan"], tmp_path / "model.onnx")
    assert caught.value.hint == "Install it: pip install 'dstan[onnx]'"


def test_a_runtime_that_there_is_not_is_refused() -> None:
    with pytest.raises(ConfigError, match="no runtime is called 'tensorrt'"):
        load_model(runtime="tensorrt")


def test_onnxruntime_keeps_no_record_of_its_use(tmp_path: Path) -> None:
    """It makes an identifier of the machine in the cache, and reports, unless it is told not to before its import."""
    code = "from dstan.inference.export import import_package; import_package('onnxruntime'); print('imported')"
    unset = {name: value for name, value in os.environ.items() if name not in ("CI", "ORT_DISABLE_TELEMETRY")}
    environment = {**unset, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "imported\n"
    assert not list(tmp_path.rglob("Microsoft"))
