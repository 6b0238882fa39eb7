"""The number type and the memory of a clip decide nothing; values that no clip can have are errors, not features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dstan.descriptors.blocks import LARGEST, checked_flow
from dstan.descriptors.distances import chi_square
from dstan.descriptors.lbp_sip import lbp_sip
from dstan.descriptors.lbp_top import lbp_top
from dstan.descriptors.lcbp import block_energy, lcbp
from dstan.descriptors.quantisation import POINTS, learn_codebooks, nearest_words
from dstan.descriptors.stclqp import stclqp_codes
from dstan.descriptors.stlbp_ip import stlbp_ip
from dstan.errors import ShapeError

Describe = Callable[[NDArray[Any]], NDArray[Any]]
EVERY: dict[str, Describe] = {
    "lbp_top": lbp_top,
    "bilinear": lambda frames: lbp_top(frames, points=16, mapping="u2", sampling="bilinear", radii=(2, 2, 2)),
    "lbp_sip": lbp_sip,
    "stlbp_ip": lambda frames: stlbp_ip(frames, grid=(2, 2)),
    "lcbp": lambda frames: lcbp(frames, grid=(4, 4)),
    "block_energy": block_energy,
    "stclqp": stclqp_codes,
}
every_descriptor = pytest.mark.parametrize("describe", EVERY.values(), ids=EVERY)


def whole_clip() -> NDArray[np.uint8]:
    """Return grey levels with many jumps, so that a difference of bytes would wrap round."""
    return np.random.default_rng(0).integers(0, 256, (7, 24, 21)).astype(np.uint8)


@every_descriptor
def test_the_number_type_of_whole_grey_levels_changes_nothing(describe: Describe) -> None:
    frames = whole_clip()
    expected = describe(frames.astype(np.float32))
    for kind in (np.uint8, np.int16, np.int64, np.float64, ">f8"):
        np.testing.assert_array_equal(describe(frames.astype(kind)), expected)


@every_descriptor
def test_where_the_numbers_lie_in_memory_changes_nothing(describe: Describe) -> None:
    frames = whole_clip().astype(np.float32)
    expected = describe(frames)
    wide = np.zeros((14, 48, 42), np.float32)
    wide[::2, ::2, ::2] = frames
    fixed = frames.copy()
    fixed.flags.writeable = False
    for same in (np.asfortranarray(frames), wide[::2, ::2, ::2], frames[:, :, ::-1].copy()[:, :, ::-1], fixed):
        np.testing.assert_array_equal(describe(same), expected)


@every_descriptor
@pytest.mark.parametrize("value", [2 * LARGEST, -2 * LARGEST, 3e38, -1e300, np.nan, np.inf])
def test_a_value_that_is_no_grey_level_is_an_error(describe: Describe, value: float) -> None:
    frames = whole_clip().astype(np.float64)
    frames[3, 5, 6] = value
    with pytest.raises(ShapeError, match=r"beyond 1000000. Give grey levels|NaN or infinity"):
        describe(frames)


def test_a_displacement_beyond_any_frame_is_an_error() -> None:
    flow = np.zeros((2, 2, 5, 5))
    assert checked_flow(flow).dtype == np.float32
    flow[1, 0, 2, 2] = -1e39
    with pytest.raises(ShapeError, match=r"flow: a value is beyond 1000000. Give displacements in pixels"):
        checked_flow(flow)


def test_histograms_that_cannot_be_compared_are_errors() -> None:
    one, other = np.full((2, 20), 0.5), np.full((3, 40), 0.5)
    for left, right in ((one, other), (other, one)):
        with pytest.raises(ShapeError, match="cannot be compared"):
            chi_square(left, right)
    for left, right in ((one, one - 1), (one - 1, one)):
        with pytest.raises(ShapeError, match=r"negative.*svm\.kernel=rbf"):
            chi_square(left, right)


def test_more_words_than_a_byte_can_count_are_told_apart() -> None:
    every = np.arange(512)
    codes = np.stack([every & 255, every >> 8]).astype(np.uint8)[:, None, None]
    book = POINTS["sign"][codes[:, 0, 0]].transpose(1, 0, 2).reshape(512, 16)
    np.testing.assert_array_equal(nearest_words(codes, book, POINTS["sign"])[0, 0], every)


def test_threads_have_no_say_in_codebooks(monkeypatch: pytest.MonkeyPatch) -> None:
    described = [stclqp_codes(np.random.default_rng(seed).integers(0, 256, (7, 40, 40))) for seed in range(2)]
    found = []
    for threads in (1, 4):
        monkeypatch.setenv("OMP_NUM_THREADS", str(threads))  # without it, no more than there are cores
        with threadpool_limits(threads):
            found.append(learn_codebooks(described, words=6, samples=4000))
    for name, book in found[0].items():
        np.testing.assert_array_equal(found[1][name], book)
