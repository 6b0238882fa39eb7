"""Flow between averages of neighbouring frames: quieter, as long, and never in silence left out."""

import numpy as np
import pytest

from dstan.clips import Clip
from dstan.preprocessing.pipeline import Aligned, derive
from dstan.preprocessing.recipe import Recipe

FRAMES, REST = 61, 8
RECIPE = Recipe(size=96, steps=5)


def texture(shift):
    y, x = np.mgrid[:96, :96]
    waves = np.random.default_rng(3).uniform([-0.6, -0.6, 0, 6], [0.6, 0.6, 6.28, 14], (24, 4))
    return 128 + sum(a * np.sin(p * (x - shift) + q * y + phase) for p, q, phase, a in waves)


def aligned(peak, fps=200.0, noise=1.5):
    """Return a texture that rests, moves right by ``peak`` pixels and rests, as a noisy camera sees it."""
    t = np.clip((np.arange(FRAMES) - REST) / (FRAMES - 1 - 2 * REST), 0, 1)
    rng = np.random.default_rng(7)
    frames = [texture(peak * s) + noise * rng.standard_normal((96, 96)) for s in t**3 * (10 - 15 * t + 6 * t * t)]
    times = None if fps is None else np.arange(FRAMES) / fps
    done = {"alignment": "none", "warnings": []}
    return Aligned(np.rint(frames).clip(0, 255).astype(np.float32), times, None, done)


def inside(prepared):
    return prepared.flow[:, :, 16:-16, 16:-16]


CLIP = Clip("c", "s", "e", ".", (), apex=FRAMES - 1)


def flow_of(given, **settings):
    return inside(derive(given, CLIP, RECIPE.replaced(settings)))


@pytest.mark.parametrize("pairs", ["adjacent", "onset", "onset-apex"])
@pytest.mark.parametrize(("algorithm", "left"), [("farneback", 0.75), ("dis", 0.95)])
def test_averages_lower_the_noise_and_keep_the_motion(pairs, algorithm, left):
    given = aligned(0.5)
    single = flow_of(given, pairs=pairs, flow=algorithm, temporal_average=0.0)
    quiet = flow_of(given, pairs=pairs, flow=algorithm, temporal_average=0.03)
    assert quiet.std(axis=(2, 3)).max() < left * single.std(axis=(2, 3)).max()
    across, down = quiet.mean(axis=(2, 3)).T
    whole = across.sum() if pairs == "adjacent" else across[-1]
    assert whole == pytest.approx(0.5, abs=0.08)
    assert np.abs(down).max() < 0.03


def test_the_default_averages_and_zero_does_not():
    given = aligned(0.5)
    default, averaged, single = (
        flow_of(given),
        flow_of(given, temporal_average=0.03),
        flow_of(given, temporal_average=0),
    )
    assert (default == averaged).all()
    assert not (default == single).all()


def test_appearance_is_not_averaged():
    given = aligned(0.5)
    first = derive(given, CLIP, RECIPE).appearance[0]
    assert (first == given.frames[0]).all()


def test_at_thirty_frames_a_second_there_is_nothing_to_average():
    given = aligned(0.5, fps=30.0)
    assert (flow_of(given) == flow_of(given, temporal_average=0.0)).all()


def test_frames_of_unknown_times_are_not_averaged_and_a_warning_says_so():
    given = aligned(0.5, fps=None)
    prepared = derive(given, CLIP, RECIPE)
    assert (inside(prepared) == flow_of(given, temporal_average=0.0)).all()
    assert any("frame rate is unknown" in text for text in prepared.done["warnings"])
    assert not derive(given, CLIP, RECIPE.replaced({"temporal_average": 0})).done["warnings"]
