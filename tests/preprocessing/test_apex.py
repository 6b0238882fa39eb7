"""The apex: which policy applies, where it lies, and what motion says of it."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image

from dstan.clips import Clip
from dstan.errors import AnnotationRangeError, ConfigError, ShapeError
from dstan.preprocessing.apex import action_regions, estimate_apex, motion_signal, peak
from dstan.preprocessing.cache import Cache
from dstan.preprocessing.flow import flow_sequence
from dstan.preprocessing.landmarks import MESH_POINTS, STABLE_POINTS, Landmarks
from dstan.preprocessing.pipeline import align_clip, derive, prepare_clip
from dstan.preprocessing.recipe import Recipe
from dstan.preprocessing.template import eye_centres, eye_distance, template_points
from dstan.recognizers import recognizer
from dstan.video import list_images

SIZE, N, APEX, BLINK = 112, 24, 8, 16
WHOLE = Recipe(size=SIZE, steps=4, alignment="none")
MOUTH, EYES = [(0.0, 1.0)], [(-0.5, 0.0), (0.5, 0.0)]


def skin(height=SIZE, width=SIZE):
    noise = np.random.default_rng(1).uniform(0, 255, (height, width)).astype(np.float32)
    blurred = cv2.GaussianBlur(noise, (0, 0), 2)
    return (128 + 6 * (blurred - blurred.mean())).clip(0, 255)


def moved(image, places, down, spread):
    """Push an image down around places of the face, given in eye distances from between the eyes."""
    shape = image.shape
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    unit, middle = eye_distance(shape), eye_centres(shape).mean(axis=0)
    shift = np.zeros(shape, np.float32)
    for place in places:
        left, top = middle + unit * np.array(place)
        shift += down * np.exp(-0.5 * ((x - left) ** 2 + (y - top) ** 2) / (spread * unit) ** 2)
    return cv2.remap(image, x, (y - shift).astype(np.float32), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


def bump(n, top, width):
    return np.clip(1 - np.abs(np.arange(n) - top) / width, 0, 1)


def expression(n=N, apex=APEX, *, blink=0.0, height=SIZE, width=SIZE):
    """Draw a mouth that moves 1.2 px and back, and lids that move by ``blink``."""
    face, frames = skin(height, width), []
    for mouth, lids in zip(1.2 * bump(n, apex, apex), blink * bump(n, BLINK, 5), strict=True):
        frames.append(moved(moved(face, MOUTH, mouth, 0.2), EYES, lids, 0.08))
    return np.stack(frames).clip(0, 255).astype(np.float32)


@pytest.fixture(scope="module")
def frames():
    return expression()


@pytest.fixture
def clip(tmp_path, frames):
    """Return a clip whose expression begins in its fourth picture, with the face where alignment leaves it."""
    folder = tmp_path / "frames" / "sub01" / "EP01"
    folder.mkdir(parents=True)
    for k, frame in enumerate([frames[0]] * 3 + list(frames)):
        Image.fromarray(frame.round().astype(np.uint8)).save(folder / f"img{k:02d}.png")
    return Clip("corpus", "sub01", "EP01", folder, list_images(folder), label="a", onset=3, apex=14, fps=100.0)


def applied(clip, **changes):
    return prepare_clip(clip, WHOLE.replaced(changes)).done["apex"]


def test_the_annotated_apex_counts_from_the_onset(clip):
    assert applied(clip) == {"policy": "annotated", "frame": 11}
    assert applied(replace(clip, onset=None)) == {"policy": "annotated", "frame": 14}


def test_a_missing_apex_is_estimated(clip):
    found = applied(replace(clip, apex=None))
    assert found["policy"] == "estimated"
    assert abs(found["frame"] - APEX) <= 1


def test_an_estimate_does_not_look_at_the_annotation(clip):
    assert applied(clip, apex="estimated") == applied(replace(clip, apex=None))


@pytest.mark.parametrize(("offset", "middle"), [(3, 0), (4, 1), (5, 1), (13, 5), (None, 12)])
def test_the_midpoint_lies_between_onset_and_offset_even_where_an_apex_is_annotated(clip, offset, middle):
    assert applied(replace(clip, offset=offset), apex="midpoint") == {"policy": "midpoint", "frame": middle}


@pytest.mark.parametrize("apex", [2, 12])
def test_an_apex_outside_of_its_clip_is_told_and_only_matters_where_it_is_wanted(clip, apex):
    outside = replace(clip, apex=apex, offset=11)
    with pytest.raises(AnnotationRangeError, match=rf"sub01/EP01: the apex \(position {apex}\).*3 to 11"):
        prepare_clip(outside, WHOLE)
    assert applied(outside, apex="midpoint")["frame"] == 4
    assert applied(outside, apex="estimated")["policy"] == "estimated"


def test_a_clip_of_one_frame_has_its_apex_there(clip):
    one = replace(clip, onset=5, offset=5)
    assert applied(replace(one, apex=5)) == {"policy": "annotated", "frame": 0}
    assert applied(replace(one, apex=None)) == {"policy": "estimated", "frame": 0}
    assert not prepare_clip(replace(one, apex=5), WHOLE.replaced({"pairs": "onset-apex"})).flow.any()


def test_of_two_frames_the_second_is_the_apex(frames):
    assert estimate_apex(frames[[0, 4]]) == 1


def test_a_still_clip_answers_the_frame_halfway(frames):
    assert estimate_apex(frames[:1].repeat(9, axis=0)) == 4


@pytest.mark.parametrize("apex", [4, 8, 15])
def test_motion_tells_the_apex(apex):
    assert abs(estimate_apex(expression(apex=apex)) - apex) <= 1


@pytest.mark.parametrize(("height", "width"), [(170, 140), (64, 64), (224, 224)])
def test_any_size_of_crop_will_do(height, width):
    assert abs(estimate_apex(expression(height=height, width=width)) - APEX) <= 1


def test_a_long_clip_is_sampled_and_its_apex_placed_between_samples():
    assert abs(estimate_apex(expression(n=150, apex=61)) - 61) <= 2


def test_a_blink_is_no_apex_where_the_face_is_aligned():
    winking = expression(blink=5.0)
    assert abs(estimate_apex(winking) - APEX) <= 1
    assert abs(estimate_apex(winking, template=False) - BLINK) <= 2


class Known:
    """A source of landmarks that finds the face where alignment puts it."""

    def landmarks(self, clip, frames):
        points = np.zeros((len(frames), MESH_POINTS, 2), np.float32)
        points[:, list(STABLE_POINTS)] = template_points((SIZE, SIZE))
        return Landmarks(points, 1)


def test_frames_that_were_not_aligned_are_measured_whole(clip):
    for k, frame in enumerate(expression(blink=5.0)):
        Image.fromarray(frame.round().astype(np.uint8)).save(clip.path / f"img{k + 3:02d}.png")
    recipe = WHOLE.replaced({"alignment": "rigid_first_frame", "apex": "estimated"})
    crops = replace(clip, cropped=True)
    found = {
        name: derive(align_clip(each, made, Known()), each, made).done["apex"]["frame"]
        for name, each, made in (
            ("aligned", clip, recipe),
            ("crops", crops, recipe),
            ("whole", clip, recipe.replaced({"alignment": "none"})),
        )
    }
    assert abs(found["aligned"] - APEX) <= 1
    assert abs(found["crops"] - BLINK) <= 2
    assert abs(found["whole"] - BLINK) <= 2


def test_a_drifting_and_turning_head_is_no_expression():
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    drift = np.stack([2 + 0.5 * x - y, 1 + x + 0.5 * y], axis=-1)
    signal = motion_signal(np.stack([np.zeros_like(drift), drift]).astype(np.float32), action_regions((SIZE, SIZE)))
    assert signal == pytest.approx([0, 0], abs=1e-5)


def test_the_signal_is_in_pixels():
    there = np.zeros((1, SIZE, SIZE, 2), np.float32)
    there[0, ::2, :, 0], there[0, 1::2, :, 0] = 3, -3
    assert motion_signal(there, np.ones((SIZE, SIZE), bool)) == pytest.approx([3], rel=1e-3)


def test_regions_hold_brows_and_mouth_but_not_eyes():
    mask = action_regions((224, 224))
    places = {"brow": (-0.5, -0.4), "mouth": (0, 1.1), "wing of the nose": (0.2, 0.6)}
    for x, y in places.values():
        assert mask[round(73.4 + 76.2 * y), round(111.5 + 76.2 * x)]
    for x, y in [*EYES, (0.5, -0.15), (0, 1.8), (1.3, 0.5)]:
        assert not mask[round(73.4 + 76.2 * y), round(111.5 + 76.2 * x)]


def test_one_spike_does_not_move_the_peak():
    signal = bump(60, 20, 20)
    signal[50] = 1.4
    assert peak(signal) == pytest.approx(20, abs=0.5)
    assert peak(signal, 0.0) == pytest.approx(50, abs=0.5)


@pytest.mark.parametrize("summit", [3.0, 6.3, 9.8])
def test_a_parabola_places_the_peak_between_samples(summit):
    assert peak(9 - (np.arange(14) - summit) ** 2, 0.0) == pytest.approx(summit)


def test_a_level_signal_peaks_somewhere_in_it():
    assert peak(np.ones(7)) in range(7)


def test_no_frames_no_apex():
    with pytest.raises(ShapeError, match="frames is empty"):
        estimate_apex(np.zeros((0, 8, 8), np.float32))


def test_an_unknown_policy_is_refused():
    with pytest.raises(ConfigError, match="apex"):
        Recipe(apex="random")


def test_the_same_frames_have_the_same_apex_on_any_number_of_threads(frames):
    before = cv2.getNumThreads()
    answers = []
    for threads in (1, 2):
        cv2.setNumThreads(threads)
        answers.append(estimate_apex(frames))
    cv2.setNumThreads(before)
    assert answers[0] == answers[1]


def test_onset_apex_flow_is_the_flow_between_the_two_aligned_frames(clip):
    recipe = WHOLE.replaced({"pairs": "onset-apex", "temporal_average": 0})
    prepared, aligned = prepare_clip(clip, recipe), align_clip(clip, recipe)
    assert prepared.flow.shape == (1, 2, SIZE, SIZE)
    assert (prepared.flow == flow_sequence(aligned.frames[[0, 11]], "adjacent")).all()
    assert prepared.flow_times == pytest.approx([0.11])
    assert prepared.appearance.shape == (4, SIZE, SIZE)
    other = prepare_clip(clip, recipe.replaced({"apex": "midpoint", "flow": "dis"}))
    assert (other.flow == flow_sequence(aligned.frames[[0, 12]], "adjacent", "dis")).all()
    assert prepare_clip(replace(clip, fps=None), recipe).flow_times is None


def test_other_pairs_do_not_depend_on_the_apex(clip):
    first, second = prepare_clip(clip, WHOLE), prepare_clip(clip, WHOLE.replaced({"apex": "midpoint"}))
    assert (first.flow == second.flow).all()
    assert (first.flow_times == second.flow_times).all()


@pytest.mark.parametrize("policy", ["annotated", "estimated", "midpoint"])
def test_cached_and_fresh_apexes_are_the_same(clip, tmp_path, policy):
    cache, recipe = Cache(tmp_path / "cache"), WHOLE.replaced({"apex": policy, "pairs": "onset-apex"})
    fresh = prepare_clip(clip, recipe)
    for _ in range(2):
        found = prepare_clip(clip, recipe, cache)
        assert found.done == fresh.done
        assert (found.flow == fresh.flow).all()
    cache.path(clip, recipe).unlink()
    half = prepare_clip(clip, recipe, cache)
    assert half.done == fresh.done
    assert (half.flow == fresh.flow).all()


def test_a_corrected_apex_is_another_entry_of_the_same_aligned_frames(clip, tmp_path):
    cache, corrected = Cache(tmp_path / "cache"), replace(clip, apex=9)
    assert prepare_clip(clip, WHOLE, cache).done["apex"]["frame"] == 11
    assert prepare_clip(corrected, WHOLE, cache).done["apex"]["frame"] == 6
    assert cache.aligned_path(clip, WHOLE) == cache.aligned_path(corrected, WHOLE)
    midpoint = WHOLE.replaced({"apex": "midpoint"})
    assert cache.path(clip, midpoint) == cache.path(corrected, midpoint)
    assert midpoint.aligned_digest() == WHOLE.aligned_digest()


@pytest.mark.parametrize("name", ["dstan", "stmn-a"])
def test_recognisers_take_one_field_from_onset_to_apex(clip, name):
    settings = {
        "recipe": {"pairs": "onset-apex", "alignment": "none", "size": 32, "steps": 3},
        "training": {"epochs": 1},
    }
    made = recognizer(name, settings)
    still = replace(clip, clip_id="still", onset=0, apex=2, offset=5, label="b")
    clips = [prepare_clip(each, made.settings.recipe) for each in (clip, still)]
    assert [len(each.flow) for each in clips] == [1, 1]
    assert np.allclose(made.fit(clips).predict_proba(clips).sum(axis=1), 1)
