"""What a run's folder holds: no file of it shows a frame of anybody, unless --with-faces."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from safetensors.numpy import load_file
from typer.testing import CliRunner, Result

from dstan.cli import app
from dstan.clips import PreparedClip
from dstan.corpora import load_corpus
from dstan.evaluation import evaluate
from dstan.preprocessing.pipeline import align_clip
from dstan.preprocessing.recipe import Recipe
from dstan.recognizers import recognizer

SIDE = 32
SMALL = (f"recipe.size={SIDE}", "recipe.steps=2", "recipe.alignment=none", "training.epochs=1", "network.lstm_width=4")
SETTINGS = [part for item in SMALL for part in ("--set", item)]
RECIPE = Recipe(size=SIDE, steps=2, alignment="none")
ALIKE = 0.8
"""A correlation that a copy of a face reaches, however it was scaled, compressed or brightened, and nothing else."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a corpus of three people with two clips each, each with a texture for a face."""
    data = tmp_path_factory.mktemp("data")
    rows = ["path,subject,label,fps"]
    for number in range(6):
        folder = data / f"c{number}"
        folder.mkdir(parents=True)
        noise = np.random.default_rng(number).integers(0, 256, (6, 8), dtype=np.uint8)
        texture = Image.fromarray(noise).resize((60, 44), Image.Resampling.BICUBIC)
        for index in range(4):
            texture.crop((index, 0, 48 + index, 40)).save(folder / f"img{index + 1}.png")
        rows.append(f"c{number},s{number // 2},{('joy', 'anger')[number % 2]},100")
    (data / "clips.csv").write_text("\n".join(rows) + "\n")
    return data


@pytest.fixture(scope="module")
def faces(data: Path) -> list[Image.Image]:
    return [Image.fromarray(align_clip(clip, RECIPE).frames[0]) for clip in load_corpus("folder", data)]


def pictures(run: Path) -> Iterator[tuple[Path, NDArray[np.float64]]]:
    """Yield everything in a folder that could be a picture: grey, (H, W)."""
    for file in sorted(path for path in run.rglob("*") if path.is_file()):
        if file.suffix == ".safetensors":
            for array in load_file(file).values():
                yield from ((file, plane) for plane in planes(array))
            continue
        held = [
            base64.b64decode(found) for found in re.findall(rb"data:image/\w+;base64,([\w+/=]+)", file.read_bytes())
        ]
        for one in (*held, file.read_bytes()):
            try:
                picture = Image.open(io.BytesIO(one)).convert("RGB")
            except UnidentifiedImageError:
                continue
            yield from ((file, np.asarray(channel, float)) for channel in (*picture.split(), picture.convert("L")))


def planes(array: NDArray[np.generic]) -> Iterator[NDArray[np.float64]]:
    """Yield each plane of an array, and each row that has as many values as a face."""
    if array.dtype.kind not in "fiu":
        return
    if array.ndim >= 2 and min(array.shape[-2:]) >= 8:
        yield from array.reshape(-1, *array.shape[-2:]).astype(float)
    if array.ndim and array.shape[-1] == SIDE * SIDE:
        yield from array.reshape(-1, SIDE, SIDE).astype(float)
    elif array.size == SIDE * SIDE:
        yield array.reshape(SIDE, SIDE).astype(float)


def shown(run: Path, faces: list[Image.Image]) -> set[Path]:
    """Return the files of a folder in which a face can be seen."""
    found = set()
    for file, plane in pictures(run):
        for face in faces:
            own = np.asarray(face.resize(plane.shape[::-1], Image.Resampling.BILINEAR), float)
            if plane.std() > 0 and abs(np.corrcoef(own.ravel(), plane.ravel())[0, 1]) > ALIKE:
                found.add(file.relative_to(run))
    return found


def _run(data: Path, tmp_path: Path, *arguments: str, command: tuple[str, ...] = ("evaluate", "stmn-a")) -> Result:
    where = ["--corpus", "folder", "--root", str(data), "--cache", str(tmp_path / "cache"), "--workers", "0"]
    common = [*where, *SETTINGS, "--device", "cpu", "--out", str(tmp_path / "run")]
    done = CliRunner().invoke(app, [*command, *common, *arguments])
    assert done.exit_code == 0, done.output
    return done


def _report(run: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["report", str(run), *arguments])


TUNE = ("tune", "stmn-a", "--try", "training.learning_rate=1e-3,1e-2")
SEVERAL = ("evaluate", "dstan", "majority", "bi-woof")


@pytest.mark.parametrize("command", [SEVERAL, TUNE])
def test_no_file_of_a_run_shows_a_face_unless_it_was_asked_for(
    data: Path, faces: list[Image.Image], tmp_path: Path, command: tuple[str, ...]
) -> None:
    _run(data, tmp_path, command=command)
    assert _report(tmp_path / "run").exit_code == 0
    assert any(file.name == "report.html" for file, _ in pictures(tmp_path / "run"))
    assert shown(tmp_path / "run", faces) == set()
    assert shown(tmp_path / "cache", faces)  # the search above finds what it looks for


def test_with_faces_the_report_shows_them_and_they_can_be_taken_out_and_put_in_afterwards(
    data: Path, faces: list[Image.Image], tmp_path: Path
) -> None:
    run, cache = tmp_path / "run", str(tmp_path / "cache")
    both = {Path("looks.json"), Path("report.html")}
    _run(data, tmp_path, "--with-faces")
    _report(run)
    assert shown(run, faces) == both
    assert _report(run, "--without-faces", "--cache", cache).exit_code == 0
    assert shown(run, faces) == set()
    assert _report(run, "--with-faces", "--cache", "none").exit_code == 0
    assert shown(run, faces) == both
    refused = _report(run, "--with-faces", "--without-faces", "--cache", cache)
    assert (refused.exit_code, "contradict each other" in refused.stderr) == (2, True)
    _report(run)
    assert shown(run, faces) == both  # as it is
    _run(data, tmp_path)
    assert "looks.json" not in {file.name for file in shown(run, faces)}


def test_faces_that_cannot_be_found_any_more_are_named(data: Path, tmp_path: Path) -> None:
    _run(data, tmp_path)
    run = tmp_path / "run"
    text = (run / "inputs.json").read_text()
    (run / "inputs.json").write_text(text.replace(str(data), str(tmp_path / "gone")))
    before = (run / "looks.json").read_bytes()
    failed = _report(run, "--with-faces", "--cache", str(tmp_path / "cache"))
    assert failed.exit_code == 1
    assert "the frames of its clips cannot be read now" in failed.stderr
    assert (run / "looks.json").read_bytes() == before
    (run / "inputs.json").unlink()
    assert "cannot be read" in _report(run, "--with-faces").stderr


def test_a_model_that_holds_a_mean_picture_of_people_is_kept_with_faces_only(tmp_path: Path) -> None:
    texture = np.random.default_rng(1).uniform(0, 255, (SIDE, SIDE)).astype(np.float32)
    clips = [
        PreparedClip.from_arrays(
            appearance=np.clip(texture + number + np.zeros((3, 1, 1), np.float32), 0, 255),
            label="ab"[number % 2],
            subject=f"s{number // 2}",
            clip_id=str(number),
        )
        for number in range(6)
    ]
    face = [Image.fromarray(texture)]
    method = recognizer(
        "cnn-lstm",
        {
            "training": {"epochs": 1},
            "first": {"epochs": 1},
            "network": {"channels": [2, 2, 4], "width": 8, "lstm_width": 4},
        },
    )
    evaluate(method, clips, out=tmp_path / "run", workers=0)
    assert shown(tmp_path / "run", face) == set()
    assert not list((tmp_path / "run").rglob("*.safetensors"))
    again = evaluate(method, clips, out=tmp_path / "run", workers=0)  # goes on without its models
    evaluate(method, clips, out=tmp_path / "asked", workers=0, with_faces=True)
    assert len(shown(tmp_path / "asked", face)) == 3
    assert again.predictions.equals(evaluate(method, clips, out=tmp_path / "asked", workers=0).predictions)


def test_a_run_of_arrays_keeps_no_copy_of_them_whether_it_ends_well_or_not(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.uniform(0, 255, (2, SIDE, SIDE)).astype(np.float32) for _ in range(6)]
    clips = [
        PreparedClip.from_arrays(
            appearance=one,
            flow=one[:, None].repeat(2, axis=1) / 255,
            label="ab"[n % 2],
            subject=f"s{n // 2}",
            clip_id=str(n),
        )
        for n, one in enumerate(arrays)
    ]
    own = [Image.fromarray(one[0]) for one in arrays]
    method = recognizer("stan-a", {"training": {"epochs": 1}, "network": {"lstm_width": 4}})
    evaluate(method, clips, out=tmp_path / "run", workers=0)
    assert shown(tmp_path / "run", own) == set()
    assert not (tmp_path / "run" / ".prepared").exists()
    refused = _report(tmp_path / "run", "--with-faces", "--cache", "none")
    assert "arrays that were handed over" in refused.stderr

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(method, clips, out=tmp_path / "stopped", workers=0, progress=stopped)
    assert shown(tmp_path / "stopped", own) == set()
    assert not (tmp_path / "stopped" / ".prepared").exists()
