"""The cache: the same numbers, found again, never of other frames, made again when damaged."""

import os
import stat
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from dstan.clips import Clip, ClipSet
from dstan.errors import FrameError, MissingDependencyError
from dstan.preprocessing import cache as cache_module
from dstan.preprocessing import pipeline
from dstan.preprocessing.cache import Cache, load_prepared, prepare_clips
from dstan.preprocessing.pipeline import prepare_clip
from dstan.preprocessing.recipe import Recipe
from dstan.video import list_images

RECIPE = Recipe(size=32, steps=3, alignment="none")


def make_clip(root, name, n=5):
    folder = root / name
    folder.mkdir()
    rng = np.random.default_rng(sum(map(ord, name)))
    base = rng.integers(0, 255, (10, 12), dtype=np.uint8)
    for k in range(n):
        Image.fromarray(base).resize((64 + k, 48)).crop((0, 0, 64, 48)).save(folder / f"{k}.png")
    return Clip("corpus", "sub01", name, folder, list_images(folder), label="a", fps=25.0)


@pytest.fixture
def clips(tmp_path):
    return ClipSet(tuple(make_clip(tmp_path, name) for name in ("a", "b", "c")))


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


def same(first, second):
    names = ("appearance", "flow", "appearance_times", "flow_times")
    return all((getattr(first, n) == getattr(second, n)).all() for n in names) and first.done == second.done


def count_stages(monkeypatch):
    made = []
    for name in ("align_clip", "derive"):
        real = getattr(pipeline, name)
        monkeypatch.setattr(pipeline, name, lambda *a, real=real, name=name: made.append(name) or real(*a))
    return made


def test_cached_and_fresh_numbers_are_the_same_bits(clips, cache, monkeypatch):
    fresh = prepare_clip(clips[0], RECIPE)
    made = count_stages(monkeypatch)
    stored, read = prepare_clip(clips[0], RECIPE, cache), prepare_clip(clips[0], RECIPE, cache)
    assert made == ["align_clip", "derive"]
    cache.path(clips[0], RECIPE).unlink()
    half = prepare_clip(clips[0], RECIPE, cache)
    assert made == ["align_clip", "derive", "derive"]
    assert all(same(fresh, other) for other in (stored, read, half))


def test_recipes_share_the_aligned_stage(clips, cache, monkeypatch):
    made = count_stages(monkeypatch)
    prepare_clip(clips[0], RECIPE, cache)
    prepare_clip(clips[0], RECIPE.replaced({"steps": 5, "pairs": "onset"}), cache)
    prepare_clip(clips[0], RECIPE.replaced({"size": 48}), cache)
    assert made == ["align_clip", "derive", "derive", "align_clip", "derive"]


def test_the_label_is_the_clips_and_not_the_caches(clips, cache):
    prepare_clip(clips[0], RECIPE, cache)
    assert prepare_clip(replace(clips[0], label="b"), RECIPE, cache).label == "b"


def test_an_entry_belongs_to_its_frames_and_recipe(clips, cache):
    clip = clips[0]
    path = cache.path(clip, RECIPE)
    others = [replace(clip, onset=1), replace(clip, offset=3), replace(clip, fps=50.0), replace(clip, cropped=True)]
    paths = {cache.path(other, RECIPE) for other in (*others, clips[1])} | {cache.path(clip, Recipe(size=48))}
    assert len(paths) == 6
    assert path not in paths
    assert cache.path(replace(clip, label="b"), RECIPE) == path
    os.utime(clip.path / "2.png", ns=(1, 1))
    assert cache.path(clip, RECIPE) != path


@pytest.mark.parametrize("stage", ["path", "aligned_path"])
@pytest.mark.parametrize("damage", [b"", b"not a safetensors file at all", None])
def test_a_damaged_entry_is_made_again(clips, cache, caplog, stage, damage):
    good = prepare_clip(clips[0], RECIPE, cache)
    path = getattr(cache, stage)(clips[0], RECIPE)
    path.write_bytes(path.read_bytes()[:-50] if damage is None else damage)
    if stage == "aligned_path":
        cache.path(clips[0], RECIPE).unlink()
    assert not cache.holds(clips[0], RECIPE)
    assert same(prepare_clip(clips[0], RECIPE, cache), good)
    assert "made again" in caplog.text
    assert cache.holds(clips[0], RECIPE)
    assert cache.load_aligned(clips[0], RECIPE) is not None


def test_the_folder_is_private_and_its_default_follows_xdg(clips, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    cache = Cache()
    prepare_clip(clips[0], RECIPE, cache)
    assert cache.root == tmp_path / "xdg" / "dstan"
    assert stat.S_IMODE(cache.root.stat().st_mode) == 0o700


def test_a_set_is_prepared_and_what_fails_is_counted(clips, cache):
    (clips[1].path / "3.png").write_bytes(b"no image")
    (clips[2].path / "0.png").unlink()
    seen = []
    ready = prepare_clips(
        clips, RECIPE, cache, workers=0, progress=lambda stage, done, total, note="": seen.append((stage, done, total))
    )
    assert [clip.clip_id for clip in ready] == ["a"]
    reasons = {item.clip_id: item for item in ready.skipped}
    assert set(reasons) == {"b", "c"}
    assert all(item.stage == "prepare" for item in ready.skipped)
    assert "3.png is not an image" in reasons["b"].reason
    assert "0.png" in reasons["c"].reason
    assert seen[-1] == ("prepare", 3, 3)
    assert len(load_prepared(ready, RECIPE, cache)) == 1


def test_strict_makes_the_first_failure_fatal(clips, cache):
    (clips[1].path / "3.png").write_bytes(b"no image")
    with pytest.raises(FrameError, match=r"3\.png"):
        prepare_clips(clips, RECIPE, cache, workers=0, strict=True)


def test_a_missing_library_is_never_a_skipped_clip(clips, cache, monkeypatch):
    def fail(*arguments):
        raise MissingDependencyError("no OpenCV")

    monkeypatch.setattr(pipeline, "align_clip", fail)
    with pytest.raises(MissingDependencyError):
        prepare_clips(clips, RECIPE, cache, workers=0)


def test_what_is_there_starts_no_work(clips, cache, monkeypatch):
    prepare_clips(clips, RECIPE, cache, workers=0)
    monkeypatch.setattr(cache_module, "run_tasks", lambda *a, **k: pytest.fail("nothing is missing"))
    assert len(prepare_clips(clips, RECIPE, cache, workers=2)) == 3


def test_load_prepared_makes_what_is_missing(clips, cache):
    prepare_clip(clips[1], RECIPE, cache)
    prepared = load_prepared(clips, RECIPE, cache)
    assert [item.clip.clip_id for item in prepared] == ["a", "b", "c"]
    assert all(cache.holds(clip, RECIPE) for clip in clips)


@pytest.mark.slow
def test_processes_share_a_cache(clips, cache):
    ready = prepare_clips(clips, RECIPE, cache, workers=2)
    assert len(ready) == 3
    assert all(same(prepare_clip(clip, RECIPE, cache), prepare_clip(clip, RECIPE)) for clip in clips)
