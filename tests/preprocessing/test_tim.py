"""The closed form of TIM against the published algorithm and against numbers worked out by hand."""

import numpy as np
import pytest

from dstan.errors import ShapeError
from dstan.preprocessing.tim import average, interpolate, interpolate_times, mix, pick, tim_matrix


def tim_reference(points, n_out):
    """Return TIM as its authors wrote it, for (pixels, frames) that are linearly independent."""
    n = points.shape[1]
    mean = points.mean(axis=1, keepdims=True)
    u, s, vt = np.linalg.svd(points - mean, full_matrices=False)
    u, q = u[:, : n - 1], s[: n - 1, None] * vt[: n - 1]
    path = np.diag(np.ones(n - 1), 1)
    graph = path + path.T
    _, vectors = np.linalg.eigh(np.diag(graph.sum(axis=0)) - graph)
    w = np.linalg.solve(q @ q.T, q @ vectors[:, 1:])
    k = np.arange(1, n)

    def curve(t):
        return np.sin(np.pi * k * t + np.pi * (n - k) / (2 * n))

    m = (q[:, 0] @ w) / curve(1 / n)
    positions = np.linspace(0, 1, n_out) * (1 - 1 / n) + 1 / n
    return np.stack([u @ np.linalg.solve(w.T, m * curve(t)) + mean[:, 0] for t in positions], axis=1)


def test_matrices_worked_out_by_hand():
    two = [[1, 0], [0.770598, 0.229402], [0.5, 0.5], [0.229402, 0.770598], [0, 1]]
    three = [[1, 0, 0], [0.455342, 0.666667, -0.122008], [0, 1, 0], [-0.122008, 0.666667, 0.455342], [0, 0, 1]]
    assert np.allclose(tim_matrix(2, 5), two, atol=1e-6)
    assert np.allclose(tim_matrix(3, 5), three, atol=1e-6)


def test_a_ramp_an_impulse_and_a_toy():
    ramp = interpolate(np.float32([0, 10, 20, 30]), 7)
    assert np.allclose(ramp, [0, 4.6404, 10, 15, 20, 25.3596, 30], atol=1e-4)
    impulse = interpolate(np.float32([0, 0, 0, 10, 0, 0, 0]), 13)
    assert np.allclose(impulse, [0, 1.586, 0, -2.291, 0, 6.42, 10, 6.42, 0, -2.291, 0, 1.586, 0], atol=1e-3)
    toy = interpolate(np.float32([[0, 1, 3], [0, 2, 1], [5, 5, 6]]).T, 5).T
    wanted = [[0, 0.30064, 1, 2.03269, 3], [0, 1.21132, 2, 1.78868, 1], [5, 4.87799, 5, 5.45534, 6]]
    assert np.allclose(toy, wanted, atol=1e-5)


@pytest.mark.parametrize("n", [3, 5, 9, 20])
@pytest.mark.parametrize("n_out", [4, 10, 37])
def test_the_closed_form_is_the_published_algorithm(n, n_out):
    points = np.random.default_rng(n).normal(100, 20, (4 * n, n))
    assert np.allclose(points @ tim_matrix(n, n_out).T, tim_reference(points, n_out), atol=1e-9)


@pytest.mark.parametrize(("n", "n_out"), [(1, 4), (2, 7), (7, 3), (10, 64), (70, 9)])
def test_rows_sum_to_one_and_the_ends_are_kept(n, n_out):
    matrix = tim_matrix(n, n_out)
    assert np.allclose(matrix.sum(axis=1), 1)
    assert np.allclose(matrix[0], np.eye(n)[0])
    assert np.allclose(matrix[-1], np.eye(n)[-1])
    assert np.allclose(matrix, matrix[::-1, ::-1])


def test_special_lengths():
    assert np.allclose(tim_matrix(6, 6), np.eye(6))
    assert np.allclose(tim_matrix(6, 11)[::2], np.eye(6))
    assert np.allclose(tim_matrix(1, 5), 1)
    assert np.allclose(tim_matrix(5, 1), np.eye(5)[2])


@pytest.mark.parametrize(("n", "n_out", "gain"), [(10, 64, 2.00), (20, 10, 2.41), (35, 10, 2.76), (70, 9, 3.23)])
def test_noise_gain_stays_small(n, n_out, gain):
    assert np.abs(tim_matrix(n, n_out)).sum(axis=1).max() == pytest.approx(gain, abs=0.01)


def test_shape_order_and_type():
    rng = np.random.default_rng(0)
    frames = rng.uniform(0, 255, (6, 4, 5, 2)).astype(np.float32)
    short = interpolate(frames, 4)
    assert short.shape == (4, 4, 5, 2)
    assert short.dtype == np.float32
    assert np.allclose(short[..., 0], interpolate(frames[..., 0], 4), atol=1e-4)
    assert (interpolate(frames, 6) == frames).all()


def test_repeated_frames_do_no_harm():
    frames = np.repeat(np.float32([[3.0, 5.0]]), 7, axis=0)
    assert np.allclose(interpolate(frames, 10), frames[0])


def test_times_are_read_linearly():
    assert np.allclose(interpolate_times(np.array([0.0, 0.1, 0.2]), 5), [0, 0.05, 0.1, 0.15, 0.2])
    assert np.allclose(interpolate_times(np.array([0.0, 0.1, 0.4]), 5), [0, 0.1, 0.2, 0.3, 0.4])
    assert interpolate_times(np.array([0.0, 0.1, 0.2]), 1).tolist() == [0.1]


@pytest.mark.parametrize(("n", "n_out"), [(0, 3), (3, 0)])
def test_nothing_in_or_out_is_an_error(n, n_out):
    with pytest.raises(ShapeError):
        interpolate(np.zeros((n, 2), np.float32), n_out)


def test_averages_are_weighted_by_distance_in_time():
    weights = average(np.eye(5), np.arange(5) / 200, 0.015)
    assert np.allclose(weights[2], np.array([1, 2, 3, 2, 1]) / 9)
    assert np.allclose(weights[0], np.array([3, 2, 1, 0, 0]) / 6)
    assert np.allclose(weights.sum(axis=1), 1)
    uneven = average(np.eye(3), np.array([0, 0.01, 0.1]), 0.02)
    assert np.allclose(uneven, [[2 / 3, 1 / 3, 0], [1 / 3, 2 / 3, 0], [0, 0, 1]])


def test_tim_of_averages_is_tim_after_averaging():
    times, matrix = np.sort(np.random.default_rng(2).uniform(0, 0.2, 30)), tim_matrix(30, 7)
    averages = average(np.eye(30), times, 0.02)
    assert np.allclose(average(matrix, times, 0.02), matrix @ averages)
    assert np.allclose(average(pick([0, 11], 30), times, 0.02), averages[[0, 11]])


@pytest.mark.parametrize(("fps", "width"), [(200, 0.0), (30, 0.03), (200, 0.0049)])
def test_frames_too_far_apart_are_not_averaged(fps, width):
    assert (average(np.eye(9), np.arange(9) / fps, width) == np.eye(9)).all()


def test_averages_of_less_than_nothing_are_an_error():
    with pytest.raises(ShapeError, match="-1"):
        average(np.eye(3), np.arange(3.0), -1)


def test_weights_apply_along_time_only():
    frames = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    mixed = mix(frames, np.array([[0.5, 0.5], [1, 0], [0, 1]]))
    assert mixed.dtype == np.float32
    assert (mixed == np.stack([frames.mean(axis=0), frames[0], frames[1]])).all()


def test_uneven_frames_are_read_at_equal_steps_of_time():
    times = np.concatenate([np.arange(20) / 60, 19 / 60 + np.arange(1, 8) / 20])
    ramp = times[:, None].astype(np.float32) * 100
    read = interpolate(ramp, 10, times)[:, 0] / 100
    np.testing.assert_allclose(np.diff(interpolate_times(times, 10)), times[-1] / 9, rtol=1e-9)
    np.testing.assert_allclose(read, np.linspace(0, times[-1], 10), atol=0.01)
    even = np.arange(27) / 60
    assert (tim_matrix(27, 10, even) == tim_matrix(27, 10)).all()
    assert (tim_matrix(27, 10, np.zeros(27)) == tim_matrix(27, 10)).all()
