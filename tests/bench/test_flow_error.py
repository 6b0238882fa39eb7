"""What flow does to motion: the model predicts the estimator, the numbers tell known errors, the tables hold them."""

import cv2
import numpy as np
import pytest

from dstan.bench.preprocessing.flow import face_radius
from dstan.bench.preprocessing.flow_error import Case, flow_error_tables
from dstan.bench.preprocessing.flow_figures import (
    FREQUENCIES,
    REGIONS,
    blur,
    half_lag,
    regions,
    response_figures,
    rest_figures,
    transfer_function,
)
from dstan.bench.preprocessing.flow_model import WINDOW, expand, seen
from dstan.preprocessing.flow import compute_flow

SIDE, FINER = 96, 4
INNER = (slice(12, -12), slice(12, -12))


@pytest.fixture(scope="module")
def texture():
    """Return a fine random picture, four pixels for each of the crop."""
    noise = np.random.default_rng(0).standard_normal((FINER * SIDE, FINER * SIDE)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 10)
    return 120 + 30 * smooth / smooth.std()


@pytest.fixture(scope="module")
def push():
    """Return a smooth field of half a pixel in the middle."""
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2
    return (np.exp(-(x**2 + y**2) / 288)[..., None] * (0.4, -0.2)).astype(np.float32)


def seen_through(texture, field):
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    return cv2.remap(
        texture,
        (x - field[..., 0]) * FINER,
        (y - field[..., 1]) * FINER,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )


def length(field):
    return np.linalg.norm(field, axis=2)[INNER].mean()


def test_a_quadratic_is_expanded_into_its_own_coefficients():
    y, x = np.mgrid[-10:11, -10:11].astype(np.float32)
    slope, curvature = expand(5 + 2 * x - y + 0.3 * x**2 + 0.1 * y**2 - 0.4 * x * y)
    assert slope[10, 10] == pytest.approx((2, -1), abs=1e-4)
    assert curvature[10, 10] == pytest.approx((0.3, -0.2, 0.1), abs=1e-4)


def test_the_model_predicts_what_the_estimator_makes_of_motion(texture, push):
    first, second = seen_through(texture, 0 * push), seen_through(texture, push)
    estimate, model = compute_flow(first, second), seen(push, expand(first)[1])
    assert length(estimate - model) < 0.1 * length(push)
    assert length(estimate - model) < 0.4 * length(estimate - push)


def test_the_model_predicts_what_the_estimator_makes_of_noise(texture, push):
    first = seen_through(texture, 0 * push)
    noise = np.random.default_rng(1).standard_normal(first.shape).astype(np.float32) / 2
    estimate = compute_flow(first, first + noise)
    model = seen(0 * push, expand(first)[1], expand(noise)[0])
    assert np.corrcoef(estimate[INNER].ravel(), model[INNER].ravel())[0, 1] > 0.97
    assert model[INNER].std() == pytest.approx(estimate[INNER].std(), rel=0.1)


def test_structure_of_one_direction_shows_nothing_and_a_little_across_it_shows_all():
    y, x = np.mgrid[:64, :64].astype(np.float32)
    stripes = 100 + 20 * np.sin(x / 3)
    push = np.full((64, 64, 2), 0.5, np.float32)
    assert np.abs(seen(push, expand(stripes)[1])[INNER]).max() < 0.01
    assert np.abs(compute_flow(stripes, 100 + 20 * np.sin((x - 0.5) / 3))[INNER]).max() < 0.05
    assert seen(push, expand(stripes + 10 * np.sin(y / 3))[1])[INNER] == pytest.approx(0.5, rel=0.03)


def test_a_known_blur_and_gain_are_found_again(push):
    image = np.random.default_rng(2).uniform(0, 255, (SIDE, SIDE)).astype(np.float32)
    rough = (push + 0.3 * np.random.default_rng(3).standard_normal(push.shape)).astype(np.float32)
    rng = np.random.default_rng(4)
    noisy = [0.7 * blur(rough, 2.5) + 0.01 * rng.standard_normal(push.shape) for _ in range(2)]
    found = response_figures(np.stack(noisy).astype(np.float32), rough, image, image)
    assert found["blur, px"] == pytest.approx(2.5, abs=0.5)
    assert found["its gain"] == pytest.approx(0.7, rel=0.05)
    assert found["it leaves"] < 0.1 < found["leaves"]


def test_the_transfer_function_of_a_gain_is_flat_and_of_a_blur_falls():
    truth = np.random.default_rng(5).standard_normal((128, 128, 2)).astype(np.float32)
    assert transfer_function([(0.5 * truth, truth)]) == pytest.approx(0.5, rel=1e-4)
    gains = transfer_function([(blur(truth, 5.0), truth)])
    middle = (FREQUENCIES[1:] + FREQUENCIES[:-1]) / 2
    assert gains == pytest.approx(np.exp(-2 * (np.pi * 5 * middle) ** 2), abs=0.1)


@pytest.mark.parametrize("sigma", [2.0, 4.0])
def test_the_half_lag_of_blurred_noise_is_that_of_its_gaussian(sigma):
    rng = np.random.default_rng(6)
    images = np.stack([cv2.GaussianBlur(one, (0, 0), sigma) for one in rng.standard_normal((8, 96, 96))])
    mask = face_radius((96, 96)) < 1
    assert half_lag(images, mask) == pytest.approx(2 * sigma * np.sqrt(np.log(2)), rel=0.12)


def test_regions_part_the_crop_by_contrast_and_distance():
    image = np.full((112, 112), 120, np.float32)
    image[30:60] += 40 * (np.arange(112) // 3 % 2)
    masks = regions(image)
    assert tuple(masks) == REGIONS
    assert sum(mask.astype(int) for mask in masks.values()).max() == 1
    assert masks["edges"][30:60].sum() > 0.9 * masks["edges"].sum()
    assert masks["background"][0, 0]


def test_noise_of_a_known_level_is_found_again(texture, push):
    image = seen_through(texture, 0 * push)
    rng = np.random.default_rng(7)
    frames = [image + rng.normal(0, 0.4, image.shape).astype(np.float32) for _ in range(4)]
    found = rest_figures(np.stack([compute_flow(image, frame) for frame in frames]), image)
    assert found["as noise of, levels"] == pytest.approx(0.4, rel=0.1)
    assert WINDOW / 4 < found["half-lag, px"] < WINDOW
    assert abs(found["corr(u, v)"]) < 0.5


def test_the_tables_hold_each_size_and_the_structure_explains_more_than_a_blur():
    response, transfer, rest = flow_error_tables((64,), (Case(1.0, 1.5), Case(1.0, 1.5, False)), (1.5,), faces=2)
    assert response.column("over people") == ["mean", "least", "most"] * 2
    assert response.column("shading") == ["yes"] * 3 + ["no"] * 3
    assert max(response.column("leaves")) < min(response.column("it leaves"))
    assert np.mean(response.column("leaves")[3:]) < 0.7 * np.mean(response.column("leaves")[:3])
    assert len(transfer.rows) == len(FREQUENCIES) - 1
    assert set(rest.column("frames/s")) == {200.0, 100.0}
    assert rest.rows[0][rest.columns.index("edges")] < rest.rows[0][rest.columns.index("flat skin")]
