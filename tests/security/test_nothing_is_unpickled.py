"""Nothing that is loaded is executed: no module unpickles, and models, runs and caches load where unpickling fails."""

from __future__ import annotations

import ast
import io
import json
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import dstan
from dstan.clips import PreparedClip
from dstan.evaluation.results import load_run
from dstan.recognizers import load_model, recognizer, save_model
from dstan.reports.looks import read_looks
from dstan.reports.search import read_search

SOURCES = sorted(Path(dstan.__file__).parent.rglob("*.py"))
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "jsonpickle"}
CALLS = {
    ("pickle", "load"), ("pickle", "loads"), ("pickle", "Unpickler"),
    ("torch", "load"), ("np", "load"), ("numpy", "load"), ("pd", "read_pickle"), ("pandas", "read_pickle"),
    ("jit", "load"), ("hub", "load"), ("yaml", "load"), ("yaml", "full_load"), ("yaml", "unsafe_load"),
    ("builtins", "eval"), ("builtins", "exec"),
}  # fmt: skip
KNOWN = {
    ("networks/vgg.py", "pickle"),  # names its error
    ("networks/vgg.py", "torch.load"),  # of the file that a setting names, with weights_only=True
    ("bench/scaling/trials.py", "pickle"),  # measures what a task weighs: writes, and reads nothing
    ("checking/files.py", "pickle.loads"),
    ("checking/files.py", "distributed.protocol.pickle"),  # copies a recogniser as Dask will, from this very process
}


def uses(path: Path) -> Iterator[str]:
    """Yield whatever of a module could run what it reads."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names if one.name.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{one.name}" for one in node.names]
            yield from (name for name in names if MODULES & set(name.split(".")))
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec", "compile", "__import__"):
                yield node.func.id
            elif isinstance(node.func, ast.Attribute):
                owner = node.func.value
                name = owner.id if isinstance(owner, ast.Name) else getattr(owner, "attr", "")
                if (name, node.func.attr) in CALLS:
                    yield f"{name}.{node.func.attr}"
            yield from (f"{one.arg}=True" for one in node.keywords if one.arg == "allow_pickle")


def test_no_module_unpickles_or_runs_what_it_reads() -> None:
    root = Path(dstan.__file__).parent
    found = {(path.relative_to(root).as_posix(), use) for path in SOURCES for use in uses(path)}
    assert found == KNOWN


def test_the_search_for_unpickling_finds_it(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text("import joblib, torch\nfrom a import pickle\ntorch.load(x)\nnp.load(x, allow_pickle=True)\neval(x)")
    assert set(uses(path)) == {"joblib", "a.pickle", "torch.load", "np.load", "allow_pickle=True", "eval"}


def test_the_one_torch_load_makes_nothing_but_tensors(tmp_path: Path) -> None:
    from dstan.errors import ConfigError
    from dstan.networks.vgg import read_vgg16

    calls = [
        node
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func) == "torch.load"
    ]
    assert [ast.unparse(one.value) for call in calls for one in call.keywords if one.arg == "weights_only"] == ["True"]
    told = tmp_path / "told"
    torch.save({"features.0.weight": _Touching(told)}, tmp_path / "weights.pth")
    with pytest.raises(ConfigError, match="not a file of weights"):
        read_vgg16(tmp_path / "weights.pth")
    assert not told.exists()


class _Touching:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every way of unpickling fail."""

    def refuse(*_: object, **__: object) -> object:
        raise AssertionError("something is unpickled")

    class Refusing:
        def __init__(self, *_: object, **__: object) -> None:
            refuse()

    monkeypatch.setattr(pickle, "loads", refuse)
    monkeypatch.setattr(pickle, "load", refuse)
    monkeypatch.setattr(pickle, "Unpickler", Refusing)
    monkeypatch.setattr(torch, "load", refuse)
    monkeypatch.setattr(np, "load", refuse)


def clips() -> list[PreparedClip]:
    rng = np.random.default_rng(0)
    return [
        PreparedClip.from_arrays(
            appearance=rng.random((3, 32, 32), np.float32) * 255,
            flow=rng.standard_normal((3, 2, 32, 32), np.float32),
            label=label,
            subject=f"s{number % 3}",
            clip_id=str(number),
        )
        for number, label in enumerate(("joy", "anger") * 3)
    ]


SMALL = {"recipe": {"size": 32, "steps": 3}, "training": {"epochs": 1}, "network": {"lstm_width": 4}}


def test_a_model_a_run_and_a_prepared_clip_load_where_unpickling_fails(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    prepared = clips()
    save_model(recognizer("dstan", SMALL).fit(prepared), tmp_path / "model")
    dstan.evaluate(recognizer("dstan", SMALL), prepared, out=tmp_path / "run", workers=0)
    prepared[0].save(tmp_path / "clip.safetensors")
    request.getfixturevalue("poisoned")
    with pytest.raises(AssertionError, match="something is unpickled"):
        pickle.load(io.BytesIO(b""))  # noqa: S301
    assert load_model(tmp_path / "model").predict(prepared)
    assert load_run(tmp_path / "run").results["dstan"].scores
    assert read_search(tmp_path / "run" / "dstan") is None
    assert read_looks(tmp_path / "run") == []
    assert PreparedClip.load(tmp_path / "clip.safetensors", prepared[0].clip).appearance is not None


def test_no_file_of_a_model_or_a_run_is_a_pickle(tmp_path: Path) -> None:
    dstan.evaluate(recognizer("majority"), clips(), out=tmp_path / "run", workers=0)
    save_model(recognizer("dstan", SMALL).fit(clips()), tmp_path / "run" / "model")
    kinds = {path.suffix for path in (tmp_path / "run").rglob("*") if path.is_file()}
    assert kinds <= {".json", ".csv", ".safetensors", ".html", ".md", ".png", ".svg"}
    for path in (tmp_path / "run").rglob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))
