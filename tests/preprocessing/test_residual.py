"""The head's own motion: what is left of it, what is kept of an expression, and what becomes of a lost face."""

import numpy as np
import pytest
from PIL import Image

from dstan.bench.preprocessing.alignment import alignment_figures
from dstan.bench.preprocessing.scene import Scene, Shot
from dstan.errors import FaceError
from dstan.preprocessing.alignment import fit_first_frames, warp
from dstan.preprocessing.landmarks import Landmarks
from dstan.preprocessing.pipeline import align_clip, derive
from dstan.preprocessing.recipe import Recipe
from dstan.preprocessing.residual import bridge, follow, head_motion, measure, steady, to_square, warn_of_motion
from dstan.preprocessing.template import eye_centres, template_points
from dstan.preprocessing.tracking import FaceTracker, chain, displacements, motion_matrix, undo

pytest.importorskip("cv2")
SQUARE = (224, 224)
RESIDUAL = Recipe(alignment="rigid_residual")


class Known:
    """Says where the face is, as a scene knows it."""

    def __init__(self, scene):
        self.points = scene.landmarks()

    def landmarks(self, clip, frames):
        return Landmarks(self.points[: len(frames)], 1)


def aligned(scene, folder, recipe=RESIDUAL):
    return align_clip(scene.write(folder / "clip"), recipe, Known(scene))


def matrices(done):
    return np.array(done.get("matrices") or [done["matrix"]] * done["frames"])


@pytest.fixture(scope="module")
def moving():
    """Return five pixels, three degrees and an expression, with its grey frames and matrix."""
    scene = Scene(Shot(1, shift=5, turn=3, action_unit=12, frames=16))
    return scene, [frame[..., 1] for frame in scene.frames()], fit_first_frames(scene.landmarks()[:5], SQUARE)


@pytest.mark.parametrize(("person", "number"), [(1, 12), (3, 9), (6, 4), (6, 1)])
def test_a_moving_head_is_held_still_and_its_expression_kept(tmp_path, person, number):
    scene = Scene(Shot(person, shift=5, turn=3, action_unit=number, strength=2.5, frames=16))
    found = aligned(scene, tmp_path)
    figures = alignment_figures(scene, matrices(found.done))
    assert figures["left"] < 0.1
    assert figures["left at worst"] < 0.15
    assert 0.95 < figures["kept"] < 1.05
    assert found.done["head_motion"] == pytest.approx(4.2, abs=0.7)
    assert found.done["warnings"] == []


@pytest.mark.parametrize("number", [None, 1, 5, 6, 9])
def test_a_still_head_keeps_one_matrix_whatever_the_face_does(tmp_path, number):
    scene = Scene(Shot(1, action_unit=number, strength=3, frames=11))
    done = aligned(scene, tmp_path).done
    assert "matrices" not in done
    assert done["head_motion"] < 0.15


def test_a_still_clip_is_the_same_in_every_frame_to_the_last_bit(tmp_path):
    scene = Scene(Shot(1, noise=0, frames=7))
    for recipe in (RESIDUAL, Recipe()):
        frames = aligned(scene, tmp_path / recipe.alignment, recipe).frames
        assert (frames == frames[0]).all()


def test_one_matrix_leaves_the_motion_measures_it_and_warns(tmp_path):
    scene = Scene(Shot(3, shift=5, turn=3, frames=16))
    done = aligned(scene, tmp_path, Recipe(size=64)).done
    left = alignment_figures(scene, matrices(done))["left"]
    assert "matrices" not in done
    assert left > 3
    assert done["head_motion"] == pytest.approx(left, rel=0.15)
    (warning,) = done["warnings"]
    assert "recipe.alignment=rigid_residual" in warning


def test_no_warning_up_to_a_pixel():
    assert warn_of_motion(None) == warn_of_motion(1.0) == []
    assert "1.2 px" in warn_of_motion(1.2)[0]


def test_what_remains_after_the_correction_is_little_motion(tmp_path, moving):
    scene = moving[0]
    clip = scene.write(tmp_path / "clip")
    frames = align_clip(clip, RESIDUAL, Known(scene)).frames
    assert measure(frames)[0] < 0.15
    assert derive(align_clip(clip, RESIDUAL, Known(scene)), clip, RESIDUAL).flow.shape == (9, 2, 224, 224)


@pytest.mark.parametrize("shape", [(64, 64), (170, 140), (224, 224)])
def test_motion_means_the_same_at_every_size(moving, shape):
    scene, frames, _ = moving
    matrix = fit_first_frames(scene.landmarks()[:5], shape)
    crops = np.stack([warp(frame, matrix, shape) for frame in frames])
    assert measure(crops)[0] == pytest.approx(4.2, abs=0.5)
    corners = template_points(SQUARE) @ to_square(np.eye(2, 3), SQUARE, 112)[:, :2].T
    assert np.allclose(corners + to_square(np.eye(2, 3), SQUARE, 112)[:, 2], template_points((112, 112)))


def test_brightness_and_contrast_do_not_move_a_face(moving):
    _, frames, matrix = moving
    first = warp(frames[0], matrix, SQUARE)
    found = FaceTracker(first).locate(lambda motion: np.float32(0.8) * first + 20, np.zeros(4))
    assert np.abs(found).max() < 1e-6


def test_a_jump_is_followed(moving):
    """Twelve frames in one: several pixels between neighbours."""
    _, frames, matrix = moving
    motions = follow([frames[0], frames[11]], matrix)
    every = follow(frames[:12], matrix)
    assert np.abs(displacements(motions[1:]) - displacements(every[11:])).max() * 76 < 0.1


def test_motions_chain_and_are_undone():
    one, two = np.array([0.1, -0.05, 0.02, 0.3]), np.array([-0.02, 0.04, -0.01, -0.1])
    whole = motion_matrix(chain(one, two), SQUARE)
    points = template_points(SQUARE)
    twice = points
    for motion in (two, one):
        matrix = motion_matrix(motion, SQUARE)
        twice = twice @ matrix[:, :2].T + matrix[:, 2]
    assert np.allclose(points @ whole[:, :2].T + whole[:, 2], twice)
    back = undo(whole, chain(one, two), SQUARE)
    assert np.allclose(back, np.eye(2, 3), atol=1e-9)
    middle = eye_centres(SQUARE).mean(axis=0)
    assert np.allclose(
        motion_matrix(np.array([1.0, 0, 0, 0]), SQUARE) @ [*middle, 1], [middle[0] + 0.34 * 224, middle[1]]
    )


def test_a_covered_face_is_bridged_and_then_an_error(moving):
    _, frames, matrix = moving
    covered = [np.full_like(frame, 90) if 4 <= k < 8 else frame for k, frame in enumerate(frames)]
    motions = follow(covered, matrix)
    assert np.isnan(motions[:, 0]).tolist() == [4 <= k < 8 for k in range(16)]
    found, known = steady(motions), steady(follow(frames, matrix))
    assert np.abs(displacements(found) - displacements(known)).max() * 76 < 0.6
    covered = [np.full_like(frame, 90) if 4 <= k < 11 else frame for k, frame in enumerate(frames)]
    with pytest.raises(FaceError, match=r"7 frames in a row, 4 to 10"):
        steady(follow(covered, matrix))


def test_a_clip_whose_face_is_lost_is_named(tmp_path, moving):
    from PIL import Image

    scene = moving[0]
    clip = scene.write(tmp_path / "clip")
    for name in clip.files[5:12]:
        Image.fromarray(np.full((480, 640, 3), 90, np.uint8)).save(clip.path / name)
    with pytest.raises(FaceError, match="scene/1/clip: the face is lost or cannot be followed in 7 frames"):
        align_clip(clip, RESIDUAL, Known(scene))


def test_gaps_are_bridged_by_straight_lines():
    values = np.array([0.0, np.nan, np.nan, 3.0, np.nan])[:, None]
    assert bridge(values)[:, 0].tolist() == [0, 1, 2, 3, 3]
    assert bridge(np.repeat(values, 2, axis=1)[:, :, None]).shape == (5, 2, 1)
    with pytest.raises(FaceError, match="2 frames"):
        bridge(values, longest=1)


def test_short_clips(moving):
    _, frames, matrix = moving
    one = follow(frames[:1], matrix)
    assert (one == 0).all()
    assert head_motion(one) == 0
    assert steady(one) is None
    assert steady(follow([frames[0], frames[6]], matrix)).shape == (2, 4)


def test_nothing_to_follow_is_no_motion_known(moving):
    _, frames, matrix = moving
    dark = np.zeros_like(frames[0])
    assert head_motion(follow([frames[0], dark, dark], matrix)) is None


def test_a_face_that_cannot_be_followed_for_long_is_noticed_with_one_matrix_too(moving):
    _, frames, matrix = moving
    frames = np.repeat(warp(frames[0], matrix, SQUARE)[None], 40, axis=0)
    assert measure(frames) == (0, [])
    short, long = frames.copy(), frames.copy()
    short[12:16] = 128
    long[14:20] = 128
    assert measure(short) == (pytest.approx(0, abs=0.05), [])
    assert measure(long) == (pytest.approx(0, abs=0.05), [(14, 20)])


def test_with_one_matrix_a_clip_is_left_out_only_where_no_face_is_found(tmp_path):
    clip = Scene(Shot(1, frames=24)).write(tmp_path / "clip")
    for name in clip.files[8:16]:
        Image.new("RGB", (640, 480), (128, 128, 128)).save(clip.path / name)
    with pytest.raises(FaceError, match=r"lost or cannot be followed in 8 frames|no face was found"):
        align_clip(clip, Recipe())

    assert len(align_clip(clip, Recipe(), Known(Scene(Shot(1, frames=24)))).frames) == 24
