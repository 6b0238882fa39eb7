"""The figure of one look."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from looks_drawn import look_of, noise
from PIL import Image

from dstan.clips import Clip
from dstan.errors import ConfigError
from dstan.inference.shipped import SYNTHETIC_ONLY
from dstan.reports.drawing import style
from dstan.reports.still import still_figure, write_still
from dstan.video import list_images, write_video


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write 14 frames of 96 x 64 at 50 frames a second."""
    path = tmp_path_factory.mktemp("videos") / "face.mkv"
    write_video(path, noise(1, 14, (64, 96)), 50, codec="ffv1")
    return path


def words_of(path: Path) -> str:
    """Return all text of an SVG, which is kept as text."""
    return " ".join(ElementTree.parse(path).getroot().itertext())


def test_png_svg_and_pdf_are_written_by_their_suffix(video: Path, tmp_path: Path) -> None:
    for suffix in (".png", ".svg", ".pdf"):
        write_still(tmp_path / f"still{suffix}", look_of(video))
    with Image.open(tmp_path / "still.png") as picture:
        assert picture.width > 1500
        assert len(set(np.asarray(picture.convert("L").resize((200, 100))).ravel().tolist())) > 50
    assert (tmp_path / "still.pdf").read_bytes().startswith(b"%PDF")
    assert ElementTree.parse(tmp_path / "still.svg").getroot().tag.endswith("svg")


def test_the_figure_says_what_when_and_how_sure(video: Path, tmp_path: Path) -> None:
    write_still(tmp_path / "still.svg", look_of(video, warnings=(SYNTHETIC_ONLY, "two faces in view")))
    words = words_of(tmp_path / "still.svg")
    for text in (
        "face.mkv: surprise",
        "frames 2 to 10, apex 6 (estimated); 0:00.04 to 0:00.20, apex 0:00.12",
        "onset, frame 2",
        "apex, frame 6",
        "flow to the apex",
        "attention: appearance",
        "attention: flow",
        "attention in time",
        "s from the onset",
        "0.60",
        "AU1 inner brow raiser",
        "This model has seen synthetic data only: it is for trying the software, not for conclusions about people.",
        "Two faces in view.",
    ):
        assert text in words, text


def test_an_undecided_look_says_so_and_shows_what_was_asked_for(video: Path) -> None:
    with style():
        figure = still_figure(look_of(video, label=None))
    (panel,) = (axes for part in figure.subfigs for axes in part.axes if axes.get_title("left") == "probability")
    assert [line.get_xdata()[0] for line in panel.lines] == [0.7]
    assert figure._suptitle.get_text() == "face.mkv: undecided: the likeliest, surprise, has .60, below .70"


def test_onset_and_apex_are_those_frames_in_the_crop(video: Path) -> None:
    from dstan.preprocessing.alignment import warp
    from dstan.video import read_frames

    frames = [frame.pixels for frame in read_frames(video, colour=True)]
    matrix = np.array([[0.5, 0, -4.0], [0, 0.5, 0]])
    with style():
        figure = still_figure(look_of(video, matrix=((0.5, 0, -4.0), (0, 0.5, 0))))
    shown = {axes.get_title("left"): axes.images[0].get_array() for axes in figure.subfigs[0].axes if axes.images}
    for index, title in ((2, "onset, frame 2"), (6, "apex, frame 6")):
        small = np.asarray(shown[title])[4::8, 4::8, 0].astype(float)
        wanted = warp(np.ascontiguousarray(frames[index][..., 0]), matrix, (32, 32))
        other = warp(np.ascontiguousarray(frames[8 - index][..., 0]), matrix, (32, 32))
        assert np.abs(small - wanted).mean() < np.abs(small - other).mean()
        assert np.corrcoef(small.ravel(), wanted.ravel())[0, 1] > 0.9


def test_the_tint_of_the_map_is_at_its_place(video: Path) -> None:
    with style():
        figure = still_figure(look_of(video))
    shown = {axes.get_title("left"): np.asarray(axes.images[0].get_array()) for axes in figure.subfigs[0].axes}
    tints = {name: np.ptp(shown[f"attention: {name}"].astype(int), axis=-1) for name in ("appearance", "flow")}
    half = 128
    assert tints["appearance"][: half - 32, : half - 32].mean() > 40 > 5 > tints["appearance"][half + 32 :].mean()
    assert tints["flow"][half + 32 :, half + 32 :].mean() > 40 > 5 > tints["flow"][: half - 32].mean()


def test_a_method_without_maps_attention_or_units_has_a_figure_without_them(video: Path, tmp_path: Path) -> None:
    look = look_of(video, maps=False)
    write_still(tmp_path / "bare.svg", replace(look, prediction=replace(look.prediction, attention={}, units=None)))
    words = words_of(tmp_path / "bare.svg")
    assert "probability" in words
    assert "attention" not in words
    assert "action units" not in words


def test_a_folder_of_images_of_unknown_rate_is_drawn_in_frames(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for index, pixels in enumerate(noise(4, 12, (64, 96))):
        Image.fromarray(pixels).save(folder / f"{index}.png")
    clip = Clip("video", "unknown", "frames", folder, list_images(folder))
    write_still(tmp_path / "still.svg", look_of(folder, clip=clip, known_times=False))
    words = words_of(tmp_path / "still.svg")
    assert "frames 2 to 10, apex 6 (estimated) " in words
    assert "frames from the onset" in words


def test_what_cannot_be_written_is_said(video: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"still\.gif ends in none of \.png, \.svg, \.pdf"):
        write_still(tmp_path / "still.gif", look_of(video))
    with pytest.raises(ConfigError, match="there is no folder"):
        write_still(tmp_path / "nowhere" / "still.png", look_of(video))
