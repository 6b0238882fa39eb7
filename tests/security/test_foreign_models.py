"""Model folders that somebody made to do harm: refused with a word of what is wrong, before memory is taken."""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from dstan.clips import Clip, PreparedClip
from dstan.errors import FrameError, ModelError
from dstan.recognizers import load_model, recognizer, save_model
from dstan.recognizers.network import NetworkRecognizer

SMALL = {"recipe": {"size": 32, "steps": 3}, "training": {"epochs": 1}, "network": {"lstm_width": 2}}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    clips = [
        PreparedClip.from_arrays(
            appearance=rng.random((3, 32, 32), np.float32) * 255, label=label, subject=label, clip_id=label
        )
        for label in ("joy", "anger")
    ]
    folder = tmp_path_factory.mktemp("models") / "model"
    save_model(recognizer("stan-a", SMALL).fit(clips), folder)
    return folder


def changed(model: Path, folder: Path, arrays: bytes | None = None, **changes: Any) -> Path:
    """Copy a model with other arrays, whose digest it then has, and other parts of its document."""
    folder.mkdir()
    content = (model / "model.safetensors").read_bytes() if arrays is None else arrays
    document = json.loads((model / "model.json").read_text())
    document["digests"]["model.safetensors"] = hashlib.sha256(content).hexdigest()
    for name, value in changes.items():
        *groups, last = name.split("__")
        place = document
        for group in groups:
            place = place[group]
        place[last] = value
    (folder / "model.safetensors").write_bytes(content)
    (folder / "model.json").write_text(json.dumps(document))
    return folder


def test_the_copy_itself_loads(model: Path, tmp_path: Path) -> None:
    assert load_model(changed(model, tmp_path / "same")).classes_ == ("anger", "joy")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("settings__network__lstm_width", 10**9, "lstm_width must be"),
        ("settings__network__channels", [10**9] * 5, "channels must be"),
        ("settings__recognition", {"members": 10**9}, "members must be"),
        ("state__shape", [10**9, 1, 10**9, 10**9], "its clips are of 1000000000 x 1"),
        ("state__shape", [float("inf")] * 4, "cannot rebuild"),
        ("state__shape", [-1, 0, -5, 3], "its clips are of"),
        ("state__classes", [str(number) for number in range(10**5)], "the arrays do not fit"),
        ("state__classes", "joy", "the arrays do not fit|classes"),
        ("state__classes", [{"a": 1}, []], "its classes are"),
        ("state__classes", ["joy", "joy"], "not different words"),
        ("method", "../../evil", "is not one of dstan's"),
        ("method", "os.system", "is not one of dstan's"),
        ("settings", [], "its settings is"),
        ("state", None, "its state is"),
        ("digests", ["model.safetensors"], "its digests is"),
        ("format", 10**30, "is of format"),
    ],
)
def test_a_document_that_asks_for_too_much_is_refused(
    model: Path, tmp_path: Path, name: str, value: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[torch.device] = []
    own = NetworkRecognizer._drawn

    def draw(self: NetworkRecognizer, n_classes: int, shape: Any, seed: int) -> Any:
        built.append(torch.empty(0).device)
        return own(self, n_classes, shape, seed)

    monkeypatch.setattr(NetworkRecognizer, "_drawn", draw)
    folder = tmp_path / "bad"
    with pytest.raises(ModelError, match=message) as caught:
        load_model(changed(model, folder, **{name: value}))
    assert str(folder) in str(caught.value)
    assert not [device for device in built if device.type != "meta"]  # nothing was built in memory


def test_a_network_of_another_size_than_its_arrays_is_never_built(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """These settings are allowed, and would take half a gigabyte."""
    wide = {"settings__network__channels": [16, 32, 64, 1024, 1024], "settings__network__lstm_width": 1024}
    with pytest.raises(ModelError, match="the arrays do not fit the network"):
        load_model(changed(model, tmp_path / "wide", **wide))


def test_json_of_a_hundred_thousand_brackets_is_refused(model: Path, tmp_path: Path) -> None:
    folder = changed(model, tmp_path / "deep")
    (folder / "model.json").write_text('{"format":' + "[" * 100_000)
    with pytest.raises(ModelError, match="nested too deeply"):
        load_model(folder)


def header(text: bytes, length: int | None = None) -> bytes:
    return struct.pack("<Q", len(text) if length is None else length) + text


@pytest.mark.parametrize(
    "arrays",
    [
        header(b"{}", 10**18),
        header(b"{}", 2**64 - 1),
        header(json.dumps({"w": {"dtype": "F32", "shape": [10**9, 10**9], "data_offsets": [0, 4 * 10**18]}}).encode()),
        header(json.dumps({"w": {"dtype": "F32", "shape": [2**32, 2**32], "data_offsets": [0, 0]}}).encode()),
        header(json.dumps({"w": {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}}).encode()) + bytes(4),
        header(b"[" * 50_000),
        b"",
        b"\x80\x04\x95pickle.",
    ],
)
def test_arrays_that_claim_too_much_are_refused(model: Path, tmp_path: Path, arrays: bytes) -> None:
    with pytest.raises(ModelError, match=r"model\.safetensors is damaged"):
        load_model(changed(model, tmp_path / "bad", arrays))
    path = tmp_path / "clip.safetensors"
    path.write_bytes(arrays)
    with pytest.raises(FrameError, match="damaged prepared file"):
        PreparedClip.load(path, Clip("c", "s", "1", Path()))


@pytest.mark.parametrize("name", ["clip", "done", "label", "__class__"])
def test_a_prepared_clip_holds_arrays_of_known_names_alone(tmp_path: Path, name: str) -> None:
    path = tmp_path / "clip.safetensors"
    save_file({"appearance": np.zeros((2, 8, 8), np.float32), name: np.zeros(3, np.float32)}, path)
    with pytest.raises(FrameError, match=f"it holds '{name}'"):
        PreparedClip.load(path, Clip("c", "s", "1", Path()))


def test_an_array_too_many_is_refused(model: Path, tmp_path: Path) -> None:
    arrays = load_file(model / "model.safetensors")
    save_file({**arrays, "more": np.zeros(3, np.float32)}, tmp_path / "more.safetensors")
    with pytest.raises(ModelError, match="the arrays do not fit the network: more"):
        load_model(changed(model, tmp_path / "bad", (tmp_path / "more.safetensors").read_bytes()))
