"""Model folders: the same numbers again, or an error that says what is wrong with the folder."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from dstan.clips import PreparedClip
from dstan.errors import ModelError, NotFittedError
from dstan.recognizers import describe_model, load_model, recognizer, save_model

QUICK = {
    "training": {"epochs": 1, "batch_size": 4},
    "network": {"channels": [2, 2, 4, 4, 8], "lstm_width": 4, "reduction": 2},
}


def _clips(seed: int = 0) -> list[PreparedClip]:
    rng = np.random.default_rng(seed)
    return [
        PreparedClip.from_arrays(
            flow=rng.normal(0, 1, (2, 2, 32, 32)).astype(np.float32), label="abc"[i % 3], clip_id=str(i)
        )
        for i in range(6)
    ]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "some" / "model"
    save_model(recognizer("stmn-a", QUICK).fit(_clips(), classes=("a", "b", "c")), folder)
    return folder


def _edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "model.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_the_document_says_what_the_model_is(model: Path) -> None:
    document = describe_model(model)
    assert document["method"] == "stmn-a"
    assert document["classes"] == ["a", "b", "c"]
    assert document["settings"]["recipe"]["size"] == 224
    assert document["state"]["trained"]["clips"] == 6
    assert set(document["made_by"]) == {"dstan", "torch", "numpy"}


def test_saving_again_replaces(model: Path) -> None:
    other = recognizer("stmn-a", QUICK).fit(_clips(1), seed=5)
    save_model(other, model)
    assert (load_model(model).predict_proba(_clips()) == other.predict_proba(_clips())).all()
    assert sorted(path.name for path in model.iterdir()) == ["model.json", "model.safetensors"]


def test_an_unfitted_recogniser_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(NotFittedError, match="stmn-a"):
        save_model(recognizer("stmn-a"), tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("name", ["model.json", "model.safetensors"])
def test_a_missing_file_is_named(model: Path, name: str) -> None:
    (model / name).unlink()
    with pytest.raises(ModelError, match=f"{name} is missing"):
        load_model(model)


def test_no_folder_at_all(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no such folder.*dstan pretrain"):
        load_model(tmp_path / "nowhere")


def test_another_format_is_refused(model: Path) -> None:
    _edit(model, lambda document: document.update(format=2))
    with pytest.raises(ModelError, match="is of format 2, and this dstan reads format 1"):
        load_model(model)


def test_a_swapped_file_is_noticed(model: Path, tmp_path: Path) -> None:
    save_model(recognizer("stmn-a", QUICK).fit(_clips(), seed=9), tmp_path / "other")
    (model / "model.safetensors").write_bytes((tmp_path / "other" / "model.safetensors").read_bytes())
    with pytest.raises(ModelError, match=r"model\.safetensors is not the file that model\.json was written for"):
        load_model(model)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 1}', '{"format": 1, "digests": 3}', "\xff"])
def test_a_damaged_document_is_an_error(model: Path, text: str) -> None:
    (model / "model.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelError):
        load_model(model)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(method="nonsense"),
        lambda d: d.update(method="stan-a"),
        lambda d: d.update(method="dstan"),
        lambda d: d.update(method=3),
        lambda d: d["settings"].update(nonsense=1),
        lambda d: d["settings"]["network"].update(lstm_width=5),
        lambda d: d.update(settings=[]),
        lambda d: d["state"].pop("present"),
        lambda d: d["state"].update(present=[7]),
        lambda d: d["state"].update(classes=["a", "b"]),
        lambda d: d["digests"].clear(),
        lambda d: d.update(state=None),
    ],
)
def test_a_document_that_does_not_fit_is_an_error(model: Path, change: Callable[[dict[str, Any]], object]) -> None:
    _edit(model, change)
    with pytest.raises(ModelError):
        load_model(model)


@pytest.mark.parametrize(("kernel", "other"), [("linear", "poly"), ("rbf", "linear")])
def test_a_document_of_another_kernel_is_an_error(tmp_path: Path, kernel: str, other: str) -> None:
    clips = [replace(clip, clip=replace(clip.clip, subject=f"s{i}")) for i, clip in enumerate(_clips())]
    settings = {"descriptor": {"tau": 1}, "svm": {"kernel": kernel, "C": [1.0]}}
    save_model(recognizer("fdm", settings).fit(clips), tmp_path)
    _edit(tmp_path, lambda document: document["settings"]["svm"].update(kernel=other))
    with pytest.raises(ModelError, match=f"another kernel than {other}.*Train again"):
        load_model(tmp_path)


def test_arrays_that_do_not_fit_are_named(model: Path) -> None:
    import hashlib

    arrays = load_file(model / "model.safetensors")
    del arrays["head.bias"]
    save_file(arrays, model / "model.safetensors")
    digest = hashlib.sha256((model / "model.safetensors").read_bytes()).hexdigest()
    _edit(model, lambda document: document["digests"].update({"model.safetensors": digest}))
    with pytest.raises(ModelError, match=r"do not fit the network: head\.bias"):
        load_model(model)


def test_a_truncated_arrays_file_is_noticed(model: Path) -> None:
    path = model / "model.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ModelError, match="Copy the whole folder again"):
        load_model(model)
