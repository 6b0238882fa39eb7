"""What recipes and methods share is made once: frames are aligned once, and flow is estimated once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dstan.clips import Clip, ClipSet
from dstan.evaluation.inputs import prepare_inputs
from dstan.preprocessing import pipeline
from dstan.preprocessing.cache import Cache, load_prepared, prepare_clips
from dstan.preprocessing.recipe import Recipe
from dstan.video import list_images

BASE = Recipe(size=(48, 40), steps=3, alignment="none")
OTHERS = (
    {"pairs": "onset", "face_points": True},
    {"pairs": "onset-apex", "flow": "tvl1", "steps": 5},
    {"flow": "rlof", "texture": True, "temporal_average": 0, "magnification": 5.0, "magnification_band": "paper"},
)


@pytest.fixture
def clips(tmp_path: Path) -> ClipSet:
    rng, made = np.random.default_rng(0), []
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        large = Image.fromarray(rng.integers(0, 255, (12, 14), dtype=np.uint8)).resize((70, 60))
        for k in range(4):
            large.crop((k, 0, 60 + k, 60)).save(folder / f"{k}.png")
        made.append(Clip("corpus", "sub01", name, folder, list_images(folder), label="x", fps=50.0, apex=2))
    return ClipSet(tuple(made))


@pytest.fixture
def counts(monkeypatch) -> dict[str, int]:
    """Count how often each step is taken; where points are asked for, all are in the middle."""
    counts = dict.fromkeys(("align_clip", "derive", "flow_sequence"), 0)

    def counted(name: str):
        real = getattr(pipeline, name)

        def step(*arguments, **named):
            counts[name] += 1
            return real(*arguments, **named)

        return step

    for name in counts:
        monkeypatch.setattr(pipeline, name, counted(name))
    monkeypatch.setattr(pipeline, "points_in_crop", lambda *a, **k: (np.full((468, 2), 20, np.float32), 1))
    return counts


def test_recipes_that_differ_after_alignment_align_each_clip_once(clips, counts, tmp_path):
    cache = Cache(tmp_path / "cache")
    for recipe in (BASE, *(BASE.replaced(changes) for changes in OTHERS)):
        assert recipe.aligned_digest() == BASE.aligned_digest()
        assert len(prepare_clips(clips, recipe, cache, workers=0)) == 2
    assert counts == {"align_clip": 2, "derive": 8, "flow_sequence": 8}


def test_methods_with_one_recipe_estimate_flow_once(clips, counts, tmp_path):
    recipes = [BASE, Recipe.from_dict(BASE.to_dict()), BASE.replaced(OTHERS[0])]
    cache = Cache(tmp_path / "cache")
    inputs = prepare_inputs(
        clips, recipes, None, cache, workers=0, cluster=None, task_limit=None, progress=lambda *a: None, strict=True
    )
    assert len(inputs.files) == 2
    assert counts == {"align_clip": 2, "derive": 4, "flow_sequence": 4}
    load_prepared(inputs.clips, recipes[1], cache)
    assert counts["flow_sequence"] == 4


def test_asking_for_points_changes_no_other_number(clips, counts, tmp_path):
    cache = Cache(tmp_path / "cache")
    plain, pointed = (load_prepared(clips, recipe, cache)[0] for recipe in (BASE, BASE.replaced({"face_points": True})))
    assert plain.landmarks is None
    assert pointed.landmarks is not None
    np.testing.assert_array_equal(plain.appearance, pointed.appearance)
    np.testing.assert_array_equal(plain.flow, pointed.flow)
    assert counts["align_clip"] == 2


def test_the_points_come_back_from_the_cache(clips, counts, tmp_path):
    cache, recipe = Cache(tmp_path / "cache"), BASE.replaced({"face_points": True})
    first, again = (load_prepared(clips, recipe, cache)[0] for _ in range(2))
    np.testing.assert_array_equal(first.landmarks, again.landmarks)
    assert first.done == again.done
    assert cache.load_aligned(clips[0], recipe).landmarks is None
    assert counts["derive"] == 2
