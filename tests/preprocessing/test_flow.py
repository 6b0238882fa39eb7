"""Optical flow of images whose motion is known."""

import cv2
import numpy as np
import pytest

from dstan.errors import MissingDependencyError, ShapeError, UnknownNameError
from dstan.preprocessing import flow as flow_module
from dstan.preprocessing.flow import ALGORITHMS, compute_flow, flow_sequence, resize_flow

INSIDE = (slice(16, -16), slice(16, -16))


def texture(dx=0.0, dy=0.0, shape=(96, 112)):
    """Return a smooth texture moved right by dx and down by dy, drawn and not warped."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    x, y = x - dx, y - dy
    waves = np.random.default_rng(3).uniform([-0.6, -0.6, 0, 6], [0.6, 0.6, 6.28, 14], (24, 4))
    image = sum(a * np.sin(p * x + q * y + phase) for p, q, phase, a in waves)
    return np.clip(128 + image, 0, 255).astype(np.float32)


def mean_flow(field):
    return field[INSIDE].mean(axis=(0, 1))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_identical_images_do_not_move(algorithm):
    assert not compute_flow(texture(), texture(), algorithm).any()
    assert np.abs(mean_flow(ALGORITHMS[algorithm](texture(), texture()))).max() < 1e-3


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(("dx", "dy"), [(1.0, 0.0), (0.0, 1.0), (2.0, -1.0)])
def test_translation_right_and_down_is_positive(algorithm, dx, dy):
    field = compute_flow(texture(), texture(dx, dy), algorithm)
    assert field.shape == (96, 112, 2)
    assert field.dtype == np.float32
    assert np.allclose(mean_flow(field), [dx, dy], atol=0.05)


@pytest.mark.parametrize("algorithm", ["farneback", "tvl1", "rlof"])
def test_backwards_is_the_opposite(algorithm):
    first, second = texture(), texture(0.7, 0.4)
    there, back = compute_flow(first, second, algorithm), compute_flow(second, first, algorithm)
    assert np.abs(mean_flow(there + back)).max() < 0.05


@pytest.mark.parametrize(("algorithm", "most"), [("farneback", 0.05), ("rlof", 0.1)])
def test_mirrored_images_have_mirrored_flow(algorithm, most):
    first, second = texture(), texture(0.8, 0.3)
    field = compute_flow(first, second, algorithm)[:, ::-1] * [-1, 1]
    mirrored = compute_flow(first[:, ::-1], second[:, ::-1], algorithm)
    assert np.abs(field - mirrored)[INSIDE].max() < most


def test_farneback_keeps_what_rounding_to_grey_levels_would_lose():
    faint = [100 + (image - 128) / 4 for image in (texture(), texture(0.4, 0))]
    assert np.allclose(mean_flow(compute_flow(*faint)), [0.4, 0], atol=0.05)


def test_tvl1_is_given_zero_to_one():
    first, second = texture(), texture(1, 0)
    direct = cv2.optflow.DualTVL1OpticalFlow_create().calc(
        np.rint(first).astype(np.uint8), np.rint(second).astype(np.uint8), None
    )
    assert np.abs(compute_flow(np.rint(first), np.rint(second), "tvl1") - direct).max() < 1e-3


def test_pairs():
    frames = np.stack([texture(0.5 * k) for k in range(4)])
    adjacent, onset = flow_sequence(frames, "adjacent"), flow_sequence(frames, "onset")
    assert adjacent.shape == onset.shape == (3, 2, 96, 112)
    assert np.allclose([mean_flow(f.transpose(1, 2, 0))[0] for f in adjacent], 0.5, atol=0.05)
    assert np.allclose([mean_flow(f.transpose(1, 2, 0))[0] for f in onset], [0.5, 1.0, 1.5], atol=0.05)
    assert (adjacent[1] == compute_flow(frames[1], frames[2]).transpose(2, 0, 1)).all()


def test_resizing_scales_the_vectors():
    field = np.zeros((40, 60, 2), np.float32) + np.float32([3, 2])
    smaller = resize_flow(field, (20, 15))
    assert smaller.shape == (20, 15, 2)
    assert np.allclose(smaller, [0.75, 1.0])


def test_what_cannot_be_compared_is_an_error():
    with pytest.raises(ShapeError, match="differ in size"):
        compute_flow(texture(), texture(shape=(90, 112)))
    with pytest.raises(ShapeError):
        flow_sequence(texture()[None], "adjacent")
    with pytest.raises(ShapeError, match="middle"):
        flow_sequence(np.stack([texture()] * 2), "middle")
    with pytest.raises(UnknownNameError, match="farneback"):
        compute_flow(texture(), texture(), "farnebeck")


@pytest.mark.parametrize(("estimate", "name"), [(flow_module.tvl1, "TV-L1"), (flow_module.rlof, "RLOF")])
def test_a_build_without_contrib_says_what_to_do(monkeypatch, estimate, name):
    monkeypatch.delattr(cv2, "optflow")
    with pytest.raises(MissingDependencyError, match=f"{name} .*opencv-contrib-python"):
        estimate(texture(), texture())


def test_rlof_has_the_same_bits_whatever_the_threads():
    before, fields = cv2.getNumThreads(), []
    for threads, seed in ((1, 1), (3, 2), (1, 3)):
        cv2.setNumThreads(threads)
        cv2.setRNGSeed(seed)
        fields.append(compute_flow(texture(), texture(0.7, 0.4), "rlof"))
    cv2.setNumThreads(before)
    assert (fields[0] == fields[1]).all()
    assert (fields[0] == fields[2]).all()


def test_rlof_ends_where_nothing_can_be_followed():
    noise = np.random.default_rng(0).uniform(0, 255, (2, 40, 200)).astype(np.float32)
    for first, second in ((noise[0], noise[1]), (np.zeros_like(noise[0]), noise[0]), (noise[0] * 0, noise[1] * 0 + 9)):
        assert np.isfinite(compute_flow(first, second, "rlof")).all()


def test_images_too_small_for_rlof_are_an_error():
    with pytest.raises(ShapeError, match=r"39 x 60, but at least 40 x 40 .*recipe\.size=64"):
        compute_flow(texture(shape=(39, 60)), texture(1, shape=(39, 60)), "rlof")
