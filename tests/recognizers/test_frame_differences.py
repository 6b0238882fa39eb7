"""What the appearance stream sees: grey frames, or their differences from the first."""

from __future__ import annotations

import numpy as np
import pytest

from dstan.clips import PreparedClip
from dstan.errors import ConfigError, ShapeError
from dstan.recognizers import StreamRecognizer, recognizer


def _clip(frames: int = 3) -> PreparedClip:
    still = np.random.default_rng(0).uniform(50, 200, (32, 36)).astype(np.float32)
    array = np.repeat(still[None], frames, axis=0)
    array[1:, 10:14, 5:9] += 20
    return PreparedClip.from_arrays(appearance=array, label="a", corpus="c", subject="s", clip_id="1")


def _stream(frames: str) -> StreamRecognizer:
    made = recognizer("stan-a", {"frames": frames})
    assert isinstance(made, StreamRecognizer)
    return made


def test_differences_are_0_in_the_first_frame_and_where_nothing_changed() -> None:
    seen = _stream("differences").tensor(_clip()).numpy()
    assert seen.shape == (3, 1, 32, 36)
    assert seen.dtype == np.float32
    assert not seen[0].any()
    assert set(np.argwhere(seen[1, 0])[:, 0]) == set(range(10, 14))
    assert set(np.argwhere(seen[1, 0])[:, 1]) == set(range(5, 9))


def test_what_got_brighter_is_positive_and_counts_in_deviations_of_the_clip() -> None:
    clip = _clip()
    seen = _stream("differences").tensor(clip).numpy()
    array = np.asarray(clip.appearance)
    np.testing.assert_allclose(seen[1, 0, 10:14, 5:9], 10 * 20 / array.std(), rtol=1e-5)
    darker = PreparedClip.from_arrays(appearance=2 * array[0] - array, label="a", corpus="c", subject="s", clip_id="1")
    assert (_stream("differences").tensor(darker).numpy()[1, 0, 10:14, 5:9] < 0).all()


def test_neither_light_nor_contrast_matters() -> None:
    clip = _clip()
    changed = PreparedClip.from_arrays(
        appearance=0.5 * np.asarray(clip.appearance) + 30, label="a", corpus="c", subject="s", clip_id="1"
    )
    for frames in ("differences", "grey"):
        one, other = (_stream(frames).tensor(which).numpy() for which in (clip, changed))
        np.testing.assert_allclose(one, other, atol=1e-4)


def test_mirroring_frames_mirrors_what_is_seen_of_them() -> None:
    clip, stream = _clip(), _stream("differences")
    mirrored = PreparedClip.from_arrays(
        appearance=np.asarray(clip.appearance)[..., ::-1].copy(), label="a", corpus="c", subject="s", clip_id="1"
    )
    assert stream.mirrored_signs == (1.0,)
    np.testing.assert_allclose(stream.tensor(mirrored).numpy(), stream.tensor(clip).numpy()[..., ::-1], rtol=1e-5)


def test_one_frame_alone_has_no_difference_and_is_refused() -> None:
    with pytest.raises(ShapeError, match="it has one frame, and differences are taken from the first") as told:
        _stream("differences").tensor(_clip(1))
    assert "recipe.steps" in (told.value.hint or "")
    assert _stream("grey").tensor(_clip(1)).shape == (1, 1, 32, 36)


def test_results_that_were_there_before_the_setting_keep_their_digests() -> None:
    settings = _stream("grey").settings
    assert "frames" not in settings.to_dict()
    assert settings.digest() == recognizer("stan-a").settings.digest()
    assert settings.digest() != _stream("differences").settings.digest()


def test_it_is_no_matter_of_the_motion_stream_and_other_words_are_refused() -> None:
    assert recognizer("stmn-a", {"frames": "differences"}).settings == recognizer("stmn-a").settings
    joined = recognizer("dstan", {"frames": "differences"})
    assert [part.settings.value("frames") for part in joined.components()] == ["differences", "grey"]
    with pytest.raises(ConfigError, match="frames cannot be 'difference'"):
        _stream("difference")
