"""The texture part: what total variation takes away, one map for all frames, and flow that light hardly touches."""

import numpy as np
import pytest

from dstan.errors import ShapeError
from dstan.preprocessing.flow import ALGORITHMS, flow_sequence
from dstan.preprocessing.texture import structure, texture_part

INSIDE = np.s_[..., 16:-16, 16:-16]
LAMP = np.tile(np.linspace(0, 40, 112, dtype=np.float32), (96, 1))
"""What a lamp at the right adds."""


def waves(dx=0.0, dy=0.0, shape=(96, 112)):
    y, x = np.mgrid[: shape[0], : shape[1]]
    x, y = x - dx, y - dy
    some = np.random.default_rng(3).uniform([-0.6, -0.6, 0, 4], [0.6, 0.6, 6.28, 10], (24, 4))
    return (110 + sum(a * np.sin(p * x + q * y + phase) for p, q, phase, a in some)).clip(30, 190).astype(np.float32)


def loops(image, iterations=100, theta=1 / 8, step=1 / 4):
    """Write the same iteration pixel by pixel."""
    height, width = image.shape
    p = np.zeros((2, height, width))

    def divergence(y, x):
        across = (p[0, y, x] if x < width - 1 else 0) - (p[0, y, x - 1] if x else 0)
        return across + (p[1, y, x] if y < height - 1 else 0) - (p[1, y - 1, x] if y else 0)

    for _ in range(iterations):
        now = np.array([[image[y, x] + theta * divergence(y, x) for x in range(width)] for y in range(height)])
        for y in range(height):
            for x in range(width):
                a = p[0, y, x] + step / theta * (now[y, x + 1] - now[y, x] if x < width - 1 else 0)
                b = p[1, y, x] + step / theta * (now[y + 1, x] - now[y, x] if y < height - 1 else 0)
                p[:, y, x] = np.array([a, b]) / max(1, np.hypot(a, b))
    return np.array([[image[y, x] + theta * divergence(y, x) for x in range(width)] for y in range(height)])


def test_structure_is_what_the_loops_find():
    image = np.random.default_rng(1).uniform(-1, 1, (7, 9)).astype(np.float32)
    np.testing.assert_allclose(structure(image), loops(image), atol=1e-5)


def test_structure_is_what_scikit_image_finds():
    denoise = pytest.importorskip("skimage.restoration").denoise_tv_chambolle
    image = waves() / np.float32(127.5) - 1
    expected = denoise(image.astype(np.float64), weight=1 / 8, eps=1e-12, max_num_iter=3000)
    np.testing.assert_allclose(structure(image), expected, atol=0.01)


def test_a_flat_frame_has_no_texture_but_a_twentieth_of_its_brightness():
    flat = np.stack([np.full((20, 30), level) for level in (0.0, 127.5, 255.0)])
    np.testing.assert_allclose(texture_part(flat)[:, 0, 0], [127.5 - 12.75, 127.5, 127.5 + 12.75], atol=1e-3)


def test_no_picture_leaves_the_range():
    rng = np.random.default_rng(0)
    hard = np.stack([255.0 * rng.integers(0, 2, (60, 60)), 255.0 * (np.indices((60, 60)).sum(axis=0) % 2)])
    texture = texture_part(hard)
    assert 5 < texture.min() < texture.max() < 250
    assert texture.dtype == np.float32


def test_one_map_serves_all_frames():
    """A frame's texture does not depend on the frames around it."""
    frames = np.stack([waves(), 0.3 * waves(5, 2), np.zeros_like(waves())])
    alone = np.concatenate([texture_part(frame[None]) for frame in frames])
    np.testing.assert_array_equal(texture_part(frames), alone)


@pytest.mark.parametrize("change", [-20, 10, 40])
def test_brightness_all_over_changes_texture_by_a_tenth_of_it(change):
    difference = texture_part(waves()[None] + change) - texture_part(waves()[None])
    np.testing.assert_allclose(difference, change / 10, atol=1e-3)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(("dx", "dy"), [(1.0, 0.0), (0.0, 1.0), (2.0, -1.0)])
def test_translation_right_and_down_is_positive(algorithm, dx, dy):
    field = flow_sequence(texture_part(np.stack([waves(), waves(dx, dy)])), "onset", algorithm)
    assert np.allclose(field[INSIDE].mean(axis=(0, 2, 3)), [dx, dy], atol=0.05)


@pytest.mark.parametrize("algorithm", ["tvl1", "rlof"])
@pytest.mark.parametrize("lit", [np.float32(10), LAMP], ids=["all over", "from one side"])
def test_light_hardly_changes_flow(algorithm, lit):
    """The second frame is brighter; both move by .5 px."""
    first, second = waves(), waves(0.5)
    changed = []
    for part in (np.asarray, texture_part):
        fields = [flow_sequence(part(np.stack([first, seen])), "onset", algorithm) for seen in (second, second + lit)]
        changed.append(np.abs(fields[1] - fields[0])[INSIDE].mean())
    plain, of_texture = changed
    assert of_texture < 0.05
    assert of_texture < plain / 4


def test_what_is_no_clip_is_an_error():
    with pytest.raises(ShapeError, match="3 axes"):
        texture_part(waves())
    with pytest.raises(ShapeError, match="NaN"):
        texture_part(np.full((1, 9, 9), np.nan))
