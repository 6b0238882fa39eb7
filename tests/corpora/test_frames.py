"""Where annotated frames lie among those on disk, and whether a file is whole."""

from __future__ import annotations

import pytest
from corpus_copies import draw
from PIL import Image

from dstan.corpora.frames import Span, image_size, locate, ranges
from dstan.errors import AnnotationRangeError, FrameError


def frames(*numbers):
    return {number: f"img{number}.jpg" for number in numbers}


def test_positions_count_the_frames_that_are_there():
    assert locate(frames(*range(8, 21)), 10, 12, 15) == Span(2, 4, 7)
    assert locate(frames(1, 2, 5, 6, 9), 2, 5, 9) == Span(1, 2, 4, ((3, 4), (7, 8)))


def test_lost_ends_move_inwards():
    assert locate(frames(5, 6, 7), 3, 4, 9) == Span(0, None, 2, ((3, 4), (8, 9)))


@pytest.mark.parametrize("apex", [None, 9, 16, 12])
def test_an_apex_that_is_not_there_is_unknown(apex):
    assert locate(frames(9, 10, 11, 13, 14, 15, 16), 10, apex, 15).apex is None


@pytest.mark.parametrize(("onset", "offset"), [(None, 5), (1, None), (5, 1), (50, 60)])
def test_stretches_that_are_none(onset, offset):
    with pytest.raises(AnnotationRangeError):
        locate(frames(*range(10)), onset, 3, offset)


def test_an_absurd_offset_costs_nothing():
    assert locate(frames(1, 2), 1, None, 10**15).lost == ((3, 10**15),)


def test_runs_are_written_short():
    assert ranges([(3, 4), (8, 8)]) == "3-4, 8"


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
@pytest.mark.parametrize("deep", [False, True])
def test_a_whole_image_has_a_size(tmp_path, suffix, deep):
    draw(tmp_path / f"a{suffix}", (9, 7))
    assert image_size(tmp_path / f"a{suffix}", deep=deep) == (9, 7)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
def test_a_truncated_image_is_noticed_by_its_missing_end(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    Image.effect_noise((64, 64), 50).save(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(FrameError, match="cut short"):
        image_size(path)


def test_damage_inside_is_seen_only_by_decoding(tmp_path):
    path = tmp_path / "a.png"
    Image.effect_noise((64, 64), 50).save(path)
    content = bytearray(path.read_bytes())
    content[200:260] = bytes(60)
    path.write_bytes(content)
    assert image_size(path) == (64, 64)
    with pytest.raises(FrameError, match="cannot be read"):
        image_size(path, deep=True)


def test_files_that_are_no_images(tmp_path):
    for name, content, what in (
        ("a", b"", "0 bytes"),
        ("b", b"hello", "not an image"),
        ("c", b"\xff\xd8\xff", "not an image"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(FrameError, match=what):
            image_size(tmp_path / name)
    with pytest.raises(FrameError, match="No such file"):
        image_size(tmp_path / "nothing")
