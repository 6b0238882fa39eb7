"""Flow that is not in pixels: maps that were normalised, channel by channel or together, with a strain of their own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dstan.clips import PreparedClip
from dstan.errors import ConfigError, ShapeError
from dstan.evaluation import evaluate
from dstan.preprocessing.strain import strain_of_fields
from dstan.recognizers import flow_values, recognizer
from dstan.recognizers.flow_values import looks_normalised, motion_channels, relative
from dstan.recognizers.network import NetworkRecognizer

Array = NDArray[np.float32]
CLASSES = ("down", "left", "right")
TRAINING = {"epochs": 6, "batch_size": 6, "learning_rate": 1e-2}
STREAM = {"channels": [2, 4, 4, 8, 8], "lstm_width": 8, "reduction": 2}


def motion(kind: int, seed: int, fields: int = 1, size: tuple[int, int] = (32, 32)) -> Array:
    """Draw (T, 3, H, W): u, v and strain in pixels of something that moves to one side, more so in the middle."""
    rng = np.random.default_rng([seed, kind])
    bump = np.outer(np.hanning(size[0]), np.hanning(size[1]))
    flow = rng.normal(0, 0.1, (fields, 2, *size))
    flow[:, 1 if kind == 0 else 0] += (1, -1, 1)[kind] * rng.uniform(0.8, 1.6) * bump
    found = flow.astype(np.float32)
    return np.concatenate([found, strain_of_fields(found)[:, None]], axis=1)


def normalised(maps: Array) -> Array:
    """Bring each channel to [0, 1] by itself."""
    least, most = maps.min((0, 2, 3), keepdims=True), maps.max((0, 2, 3), keepdims=True)
    return np.asarray((maps - least) / (most - least))


def normalised_together(maps: Array) -> Array:
    """Bring all channels to [0, 1] by one factor."""
    return np.asarray((maps - maps.min()) / (maps.max() - maps.min()))


SCALES: dict[str, Callable[[Array], Array]] = {
    "pixels": lambda maps: maps,
    "apart": normalised,
    "together": normalised_together,
    "bytes": lambda maps: 255 * normalised(maps),
}


def clip(maps: Array, *, strain: bool = True, **about: Any) -> PreparedClip:
    return PreparedClip.from_arrays(flow=maps[:, :2], strain=maps[:, 2] if strain else None, **about)


def corpus(scale: str, *, strain: bool = True, **shape: Any) -> list[PreparedClip]:
    """Draw three clips of each of four people."""
    return [
        clip(
            SCALES[scale](motion(i % 3, i, **shape)),
            strain=strain,
            label=CLASSES[i % 3],
            subject=f"s{i // 3}",
            clip_id=f"c{i}",
        )
        for i in range(12)
    ]


def made(name: str, **settings: Any) -> NetworkRecognizer:
    network = {"stmn-a": STREAM, "sssnet": {"channels": [2, 4], "hidden": 8}, "strcn": {"maps": 4}}.get(name, {})
    found = recognizer(name, {"training": TRAINING, "network": network, "flow_values": "relative", **settings})
    assert isinstance(found, NetworkRecognizer)
    return found


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(("fields", "size"), [(1, (32, 32)), (1, (37, 50)), (4, (64, 33))])
def test_relative_values_do_not_depend_on_how_maps_were_normalised(
    scale: str, fields: int, size: tuple[int, int]
) -> None:
    maps = motion(1, 0, fields, size)
    seen = relative(SCALES[scale](maps))
    np.testing.assert_allclose(seen, relative(maps), atol=2e-6)
    np.testing.assert_allclose(np.median(seen, axis=(0, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(np.ptp(seen, axis=(0, 2, 3)), 1, atol=1e-6)


def test_a_channel_that_does_not_change_becomes_0() -> None:
    maps = motion(1, 0)
    maps[:, 1] = 0.37
    assert not relative(maps)[:, 1].any()
    assert relative(maps)[:, 0].any()


def test_mirroring_negates_relative_motion_to_the_right_to_the_last_bit() -> None:
    signs = np.array([-1, 1, 1], np.float32)[:, None, None]
    maps = motion(1, 0, 3)
    assert np.array_equal(relative(maps[..., ::-1] * signs), relative(maps)[..., ::-1] * signs)


def test_given_strain_is_taken_as_it_is_and_other_strain_is_that_of_the_flow_as_given() -> None:
    maps = motion(1, 0)
    computed = strain_of_fields(maps[:, :2])
    with_own = clip(np.concatenate([maps[:, :2], maps[:, 2:] ** 2], axis=1))
    assert np.array_equal(motion_channels(with_own, "pixels", strain=1.0)[:, 2], maps[:, 2] ** 2)
    np.testing.assert_array_equal(motion_channels(with_own, "relative", strain=1.0)[:, 2:], relative(maps[:, 2:] ** 2))
    without = clip(maps, strain=False)
    assert np.array_equal(motion_channels(without, "pixels", strain=10.0)[:, 2], np.float32(10) * computed)
    np.testing.assert_array_equal(motion_channels(without, "relative", strain=10.0)[:, 2], relative(10 * maps)[:, 2])
    assert motion_channels(without, "relative").shape == (1, 2, 32, 32)


@pytest.mark.parametrize("name", ["stmn-a", "ststnet", "sssnet"])
def test_a_network_sees_the_strain_that_a_clip_was_given(name: str) -> None:
    maps = motion(1, 0)
    settings = {"flow_strain": True} if name == "stmn-a" else {}
    for values in ("pixels", "relative"):
        method = made(name, **{**settings, "flow_values": values})
        own, doubled = method.tensor(clip(maps)), method.tensor(clip(maps * np.array([1, 1, 2])[:, None, None]))
        factor = 2.0 if values == "pixels" else 1.0
        np.testing.assert_allclose(doubled[:, :2], own[:, :2])
        np.testing.assert_allclose(doubled[:, 2], factor * own[:, 2], atol=1e-6)


def test_the_gain_of_adjacent_pairs_is_for_pixels() -> None:
    maps = motion(1, 0, 3)
    for gain, factor in ((None, 1.0), (2.5, 2.5)):
        method = made("stmn-a", flow_gain=gain)
        assert method.recipe.pairs == "adjacent"
        np.testing.assert_allclose(method.tensor(clip(maps)), factor * relative(maps[:, :2]), rtol=1e-6)


WAYS = [
    ("stmn-a", {}, False, (32, 32)),
    ("stmn-a", {"flow_strain": True}, True, (40, 33)),
    ("stmn-a", {"flow_strain": True, "training": {"epochs": 1, "augmentation": {"mirror": True}}}, False, (32, 32)),
    ("ststnet", {}, True, (28 + 4, 45)),
    ("sssnet", {}, True, (33, 32)),
    ("strcn", {}, False, (64, 64)),
]


@pytest.mark.parametrize(("name", "settings", "strain", "size"), WAYS)
def test_leaving_one_person_out_gives_one_result_on_arrays_of_any_scale(
    name: str, settings: dict[str, Any], strain: bool, size: tuple[int, int]
) -> None:
    scales = list(SCALES) if strain else ["pixels", "together"]
    settings = {"training": {**TRAINING, "epochs": 2}, **settings}
    tables = {
        scale: evaluate(made(name, **settings), corpus(scale, strain=strain, size=size), workers=0).predictions
        for scale in scales
    }
    first = tables.pop("pixels")
    assert set(first["fold"]) == {"s0", "s1", "s2", "s3"}
    columns = [f"p_{label}" for label in CLASSES]
    for table in tables.values():
        assert list(table["clip_id"]) == list(first["clip_id"])
        np.testing.assert_allclose(
            table[columns], first[columns], atol=0.02
        )  # inputs are learned from in half precision


@pytest.mark.parametrize("name", ["stmn-a", "ststnet"])
def test_what_is_learned_from_maps_of_one_scale_holds_for_those_of_another(name: str) -> None:
    settings = {"flow_strain": True} if name == "stmn-a" else {"network": {"dropout": 0.0}}
    method = made(name, training={**TRAINING, "epochs": 25}, **settings).fit(corpus("apart"), seed=1)
    for scale in SCALES:
        assert method.predict(corpus(scale)) == [one.label for one in corpus(scale)]


def test_some_clips_with_strain_and_some_without_are_refused() -> None:
    clips = corpus("pixels")
    with pytest.raises(ShapeError, match=r"c5: strain is given with some.*Give it with all"):
        made("stmn-a").fit([*clips[:5], replace(clips[5], strain=None), *clips[6:]])


@pytest.mark.parametrize(
    ("name", "values", "said"), [("stmn-a", "pixels", 1), ("stmn-a", "relative", 0), ("ststnet", "pixels", 1)]
)
def test_normalised_maps_that_are_taken_for_pixels_are_told_of_once(
    name: str, values: str, said: int, caplog: pytest.LogCaptureFixture
) -> None:
    flow_values._warn_of_normalised_flow.cache_clear()
    method = made(name, flow_values=values)
    with caplog.at_level(logging.WARNING):
        for one in corpus("apart"):
            method.tensor(one)
    assert [record.message.count("--set flow_values=relative") for record in caplog.records] == [1] * said


def test_displacements_are_not_taken_for_normalised_maps() -> None:
    for scale, expected in (("pixels", False), ("apart", True), ("together", True)):
        found = {looks_normalised(one.flow, one.strain) for one in corpus(scale) if one.flow is not None}
        assert found == {expected}
    assert not looks_normalised(np.zeros((1, 2, 32, 32), np.float32))


def test_the_appearance_stream_is_one_fit_whatever_flow_is() -> None:
    assert recognizer("stan-a", {"flow_values": "relative"}).settings == recognizer("stan-a").settings
    parts = recognizer("dstan", {"flow_values": "relative"}).components()
    assert [part.settings.flow_values for part in parts] == ["pixels", "relative"]  # type: ignore[attr-defined]


def test_strcn_over_moving_pixels_has_no_flow_to_be_relative() -> None:
    with pytest.raises(ConfigError, match="sees no flow that could be relative"):
        recognizer("strcn", {"flow_values": "relative", "input": {"kind": "appearance"}})
