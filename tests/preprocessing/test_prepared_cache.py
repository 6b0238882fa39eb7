"""The cache: the same numbers, found again, never of other frames, made again when damaged."""

import os
import stat
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from dstan.clips import Clip, ClipSet
from dstan.errors import FrameError, MissingDependencyError, RunError, StorageError
from dstan.evaluation.inputs import Inputs, load_inputs
from dstan.preprocessing import cache as cache_module
from dstan.preprocessing import pipeline
from dstan.preprocessing._opencv import to_half
from dstan.preprocessing.cache import Cache, Freed, load_prepared, prepare_clips
from dstan.preprocessing.kept import clear
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


def modes(root):
    """Return the modes of a folder and of all that is below, folders and files apart."""
    found = [(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in (root, *root.rglob("*"))]
    return {mode for folder, mode in found if folder}, {mode for folder, mode in found if not folder}


@pytest.mark.parametrize("mask", [0o000, 0o002, 0o022])
def test_only_its_owner_can_read_a_cache_whatever_the_umask(clips, cache, mask):
    before = os.umask(mask)
    try:
        prepare_clips(clips, RECIPE, cache, workers=0)
    finally:
        os.umask(before)
    assert modes(cache.root) == ({0o700}, {0o600})


@pytest.mark.parametrize(
    ("root", "folders", "files"),
    [
        (0o755, 0o700, 0o600),
        (0o775, 0o700, 0o600),
        (0o777, 0o700, 0o600),
        (0o700, 0o700, 0o600),
        (0o750, 0o750, 0o640),
        (0o2770, 0o2770, 0o660),
    ],
)
def test_a_group_takes_part_where_the_folder_was_opened_to_it_alone(clips, cache, root, folders, files):
    cache.root.mkdir()
    cache.root.chmod(root)
    prepare_clip(clips[0], RECIPE, cache)
    found, held = modes(cache.root)
    assert found == {root, folders}
    assert held == {files}


def test_folders_that_an_earlier_version_left_open_are_closed_where_something_is_written(clips, cache):
    prepare_clip(clips[0], RECIPE, cache)
    for path in (cache.root, *cache.root.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    entry = cache.path(clips[0], RECIPE)
    entry.unlink()
    prepare_clip(clips[0], RECIPE, cache)
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in entry.parents[:3]} == {0o700}
    assert stat.S_IMODE(cache.root.stat().st_mode) == 0o755  # it may be anything of the user's
    assert stat.S_IMODE(cache.aligned_path(clips[0], RECIPE).stat().st_mode) == 0o644


def test_a_cache_that_cannot_be_written_is_an_error_that_says_what_to_do(clips, cache):
    cache.root.write_text("a file")
    with pytest.raises(StorageError, match=r"a file lies where its folder should be\. Choose a folder"):
        prepare_clips(clips, RECIPE, cache, workers=0)


def test_a_cache_below_a_file_is_an_error_that_names_it(clips, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"below.*a file lies where its folder should be"):
        prepare_clips(clips, RECIPE, Cache(tmp_path / "file" / "below"), workers=0)


def test_clearing_while_others_write_harms_nobody(tmp_path):
    names = [f"clip{k}" for k in range(12)]
    clips = [make_clip(tmp_path, name) for name in names]
    command = [sys.executable, "-c", TWO_AT_ONCE, str(tmp_path), *names]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    removed = 0
    while any(process.poll() is None for process in both):
        removed += clear(tmp_path / "cache").entries
    answers = [process.communicate(timeout=120) for process in both]
    assert [out.strip() for out, _ in answers] == ["12", "12"], answers
    assert removed
    cache = Cache(tmp_path / "cache")
    assert all(same(prepare_clip(clip, RECIPE, cache), prepare_clip(clip, RECIPE)) for clip in clips)


def test_an_entry_that_is_cleared_away_under_an_evaluation_is_named(clips, cache, tmp_path):
    prepare_clips(clips, RECIPE, cache, workers=0)
    ready = Inputs(clips, {RECIPE.digest(): tuple(cache.path(clip, RECIPE) for clip in clips)}, "digest")
    ready.write(tmp_path / "inputs.json")
    loaded = load_inputs(tmp_path / "inputs.json", ready.digest, ready.key(RECIPE))
    assert loaded[0].appearance is not None
    clear(cache.root)
    with pytest.raises(RunError, match=r"corpus/sub01/b: .*the cache was cleared meanwhile\. The same command"):
        loaded[1]


def test_a_list_that_was_written_anew_is_read_anew(clips, cache, tmp_path):
    prepare_clips(clips, RECIPE, cache, workers=0)
    files = tuple(cache.path(clip, RECIPE) for clip in clips)
    seen = []
    for order in (files, files[::-1], files[::-1]):  # as where frames were exchanged, and nothing else
        listed = Inputs(clips, {RECIPE.digest(): order}, "digest")
        if not seen or order != seen[-1][1]:
            listed.write(tmp_path / "inputs.json")
        seen.append((load_inputs(tmp_path / "inputs.json", listed.digest, listed.key(RECIPE)), order))
    first, second, third = (loaded for loaded, _ in seen)
    assert not np.array_equal(first[0].appearance, second[0].appearance)
    assert second is third


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


def entries(cache):
    return sorted(path for path in cache.root.rglob("*") if path.is_file())


def test_cleaning_drops_what_the_recipes_do_not_use(clips, cache):
    other = RECIPE.replaced({"steps": 5, "size": 40})
    for recipe in (RECIPE, other):
        prepare_clips(clips, recipe, cache, workers=0)
    size = sum(path.stat().st_size for path in entries(cache))
    assert cache.clean(clips, [RECIPE, other]) == Freed(0, 0)
    freed = cache.clean(clips, [RECIPE])
    assert freed.entries == 6
    assert freed.bytes == size - sum(path.stat().st_size for path in entries(cache)) > 0
    assert all(cache.holds(clip, RECIPE) and cache.load_aligned(clip, RECIPE) for clip in clips)
    assert not any(cache.holds(clip, other) for clip in clips)


def test_cleaning_leaves_other_frames_alone_whatever_their_recipe(clips, cache, tmp_path):
    for recipe in (RECIPE, RECIPE.replaced({"steps": 5})):
        prepare_clips(clips, recipe, cache, workers=0)
    before = entries(cache)
    assert cache.clean(clips[:1], [RECIPE]).entries == 1
    gone = set(before) - set(entries(cache))
    assert gone == {cache.path(clips[0], RECIPE.replaced({"steps": 5}))}
    assert Cache(tmp_path / "never made").clean(clips, [RECIPE]) == Freed(0, 0)


def test_cleaning_drops_entries_of_frames_and_annotations_that_changed(clips, cache):
    prepare_clips(clips, RECIPE, cache, workers=0)
    prepare_clip(replace(clips[0], onset=1), RECIPE, cache)
    assert cache.clean([*clips, replace(clips[0], onset=1)], [RECIPE]).entries == 0
    assert cache.clean(clips, [RECIPE]).entries == 2
    os.utime(clips[1].path / "2.png", ns=(1, 1))
    assert cache.clean(clips, [RECIPE]).entries == 2
    assert cache.holds(clips[0], RECIPE)
    assert not cache.holds(clips[1], RECIPE)


def test_cleaning_keeps_all_of_a_clip_whose_frames_are_away(clips, cache):
    prepare_clips(clips, RECIPE.replaced({"steps": 5}), cache, workers=0)
    (clips[0].path / "0.png").rename(clips[0].path / "0.away")
    assert cache.clean(clips, [RECIPE]).entries == 2
    (clips[0].path / "0.away").rename(clips[0].path / "0.png")
    assert cache.holds(clips[0], RECIPE.replaced({"steps": 5}))


def test_cleaning_drops_what_a_killed_process_left_and_not_what_one_is_writing(clips, cache):
    prepare_clip(clips[0], RECIPE, cache)
    path = cache.path(clips[0], RECIPE)
    old, new = path.with_name(f".{path.name}.old"), path.with_name(f".{path.name}.new")
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    os.utime(old, (1, 1))
    assert cache.clean(clips, [RECIPE]) == Freed(1, 4)
    assert new.exists()
    assert not old.exists()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
@pytest.mark.parametrize("stage", ["path", "aligned_path"])
def test_a_truncated_file_is_found_and_made_again_by_the_next_command(clips, cache, share, stage):
    prepare_clips(clips, RECIPE, cache, workers=0)
    path = getattr(cache, stage)(clips[1], RECIPE)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    if stage == "aligned_path":
        cache.path(clips[1], RECIPE).unlink()
    assert len(prepare_clips(clips, RECIPE, cache, workers=0)) == 3
    assert same(cache.load(clips[1], RECIPE), prepare_clip(clips[1], RECIPE))
    assert path.stat().st_size == len(whole)


def test_aligned_frames_are_rounded_to_half_precision_as_numpy_rounds(clips, cache):
    values = np.random.default_rng(0).uniform(0, 255, (3, 32, 32)).astype(np.float32)
    values[0, 0, :4] = [0, 255, 2049 / 16, 2051 / 16]  # the last two lie halfway between neighbours
    assert (to_half(values) == values.astype(np.float16)).all()
    cache.store_aligned(pipeline.Aligned(values, None), clips[0], RECIPE)
    assert (cache.load_aligned(clips[0], RECIPE).frames == values.astype(np.float16)).all()


TWO_AT_ONCE = """
import os, sys, time
from pathlib import Path
from dstan.clips import Clip, ClipSet
from dstan.preprocessing.cache import Cache, prepare_clips
from dstan.preprocessing.recipe import Recipe
from dstan.video import list_images
root = Path(sys.argv[1])
clips = ClipSet(tuple(
    Clip("corpus", "sub01", name, root / name, list_images(root / name), label="a", fps=25.0) for name in sys.argv[2:]
))
(root / f"ready{os.getpid()}").touch()
while len(list(root.glob("ready*"))) < 2:
    time.sleep(0.001)
print(len(prepare_clips(clips, Recipe(size=32, steps=3, alignment="none"), Cache(root / "cache"), workers=0)))
"""


def test_two_processes_preparing_the_same_clips_at_once_do_no_harm(tmp_path):
    names = [f"clip{k}" for k in range(12)]
    clips = [make_clip(tmp_path, name) for name in names]
    command = [sys.executable, "-c", TWO_AT_ONCE, str(tmp_path), *names]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [process.communicate(timeout=120) for process in both]
    assert [out.strip() for out, _ in answers] == ["12", "12"], answers
    cache = Cache(tmp_path / "cache")
    assert len(entries(cache)) == 24
    assert all(same(cache.load(clip, RECIPE), prepare_clip(clip, RECIPE)) for clip in clips)
