"""What is particular to the streams and to DSTAN; what all recognisers share is in tests/contracts."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dstan.cli.models import train_model
from dstan.clips import ClipSet, PreparedClip
from dstan.errors import ConfigError, DstanError, ShapeError, UnknownNameError
from dstan.networks.streams import StreamSettings
from dstan.preprocessing.cache import Cache
from dstan.recognizers import DSTAN, LEAVES, METHODS, DSTANSettings, Recognizer, StreamRecognizer, recognizer
from dstan.training import EpochRecord

QUICK: dict[str, Any] = {
    "training": {"epochs": 1, "batch_size": 4},
    "network": {"channels": [2, 2, 4, 4, 8], "lstm_width": 4, "reduction": 2},
}


def _clips(n: int = 6, size: int = 32, seed: int = 0) -> list[PreparedClip]:
    """Noise, and in one of three places a movement that comes and goes."""
    rng = np.random.default_rng(seed)
    return [_clip(rng, i, "abc"[i % 3], size) for i in range(n)]


def _clip(rng: np.random.Generator, i: int, label: str, size: int, steps: int = 5) -> PreparedClip:
    y, x = {"a": (0.25, 0.3), "b": (0.25, 0.7), "c": (0.75, 0.5)}[label]
    rows, columns = np.mgrid[:size, :size] / size
    blob = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 0.02)
    course = np.sin(np.pi * np.linspace(0, 1, steps))[:, None, None]
    flow = rng.normal(0, 0.05, (steps, 2, size, size))
    flow[:, 1] += rng.uniform(0.2, 0.4) * course * blob
    appearance = rng.normal(128, 10, (steps, size, size)) + 40 * course * blob
    return PreparedClip.from_arrays(
        appearance=appearance.astype(np.float32),
        flow=flow.astype(np.float32),
        label=label,
        subject=f"s{i % 2}",
        clip_id=f"c{i}",
    )


def _accuracy(fitted: Recognizer, clips: Sequence[PreparedClip]) -> float:
    return float(np.mean([label == clip.label for label, clip in zip(fitted.predict(clips), clips, strict=True)]))


@pytest.mark.parametrize("name", ["stan-a", "stmn-a"])
def test_a_stream_learns_where_something_happens(name: str) -> None:
    made = recognizer(
        name,
        {
            "training": {"epochs": 12, "batch_size": 12, "learning_rate": 3e-3},
            "network": {"channels": [4, 8, 8, 16, 32], "lstm_width": 16},
        },
    )
    train, test = _clips(36), _clips(24, seed=1)
    made.fit(train, seed=0)
    assert _accuracy(made, train) > 0.9  # in evaluation mode, so the running statistics are sound
    assert _accuracy(made, test) > 0.8
    (history,) = made.history_.values()
    assert history[-1]["loss"] < history[0]["loss"] / 2


def test_table_2_is_four_settings() -> None:
    rows = {
        "dstan-basic": (False, False, False),
        "dstan-lhfn": (True, False, False),
        "dstan-lhfn-sa": (True, True, False),
        "dstan": (True, True, True),
    }
    for name, (lhfn, spatial, temporal) in rows.items():
        network = StreamSettings(lhfn=lhfn, spatial_attention=spatial, temporal_attention=temporal)
        assert recognizer(name).settings == DSTANSettings(network=network)
    parts = [tuple(part.name for part in recognizer(name).components()) for name in rows]
    assert parts == [("stan", "stmn"), ("stan-lhfn", "stmn"), ("stan-lhfn-sa", "stmn-sa"), ("stan-a", "stmn-a")]


def test_a_stream_alone_is_the_stream_of_dstan() -> None:
    changes = {**QUICK, "fusion": {"C": 3.0}, "flow_gain": 2.0}
    for part in recognizer("dstan", changes).components():
        alone = recognizer(part.name, changes)
        assert (alone.name, alone.settings) == (part.name, part.settings)
        clips = _clips()
        whole = recognizer("dstan", changes).fit(clips, seed=4)
        own = next(one for one in whole.parts if one.name == part.name)
        assert (alone.fit(clips, seed=4).predict_proba(clips) == own.predict_proba(clips)).all()


def test_leaves_have_distinct_names_and_settings() -> None:
    assert len(LEAVES) == 12
    made = [make() for make in LEAVES.values()]
    assert [one.name for one in made] == list(LEAVES)
    assert len({(one.streams, one.settings.digest()) for one in made}) == 12


def test_a_wrong_component_is_refused() -> None:
    clips = _clips()
    dstan = recognizer("dstan", QUICK)
    parts = [part.fit(clips) for part in dstan.components()]
    other = recognizer("stmn-a", {**QUICK, "training": {"epochs": 2}}).fit(clips)
    with pytest.raises(DstanError, match="stmn-a cannot stand in for stmn-a"):
        dstan.fit(clips, fitted=[parts[0], other])
    with pytest.raises(DstanError, match="stan-a cannot stand in"):
        dstan.fit(clips, classes=("a", "b", "c", "d"), fitted=parts)
    with pytest.raises(DstanError, match="1 fitted components were given, not 2"):
        dstan.fit(clips, fitted=parts[:1])


def test_average_is_the_mean_of_the_streams() -> None:
    clips = _clips()
    made = recognizer("dstan-average", QUICK).fit(clips)
    assert isinstance(made, DSTAN)
    mean = (made.parts[0].predict_proba(clips) + made.parts[1].predict_proba(clips)) / 2
    np.testing.assert_allclose(made.predict_proba(clips), mean)


@pytest.mark.parametrize(
    ("pairs", "given", "gain"),
    [("adjacent", None, 4), ("onset", None, 1), ("onset-apex", None, 1), ("onset", 2.5, 2.5)],
)
def test_flow_is_multiplied_by_its_gain(pairs: str, given: float | None, gain: float) -> None:
    made = recognizer("stmn-a", {"recipe": {"pairs": pairs}, "flow_gain": given})
    assert isinstance(made, StreamRecognizer)
    (clip,) = _clips(1)
    assert clip.flow is not None
    np.testing.assert_allclose(made.tensor(clip).numpy(), clip.flow * gain, rtol=1e-6)


def test_lighting_and_contrast_of_a_clip_do_not_matter_to_stan() -> None:
    clips = _clips()
    made = recognizer("stan-a", QUICK).fit(clips)
    dark = [replace(clip, appearance=clip.appearance * 0.5 + 20) for clip in clips if clip.appearance is not None]
    np.testing.assert_allclose(made.predict_proba(dark), made.predict_proba(clips), atol=1e-4)


def test_a_frame_without_contrast_is_no_trouble() -> None:
    (clip,) = _clips(1)
    made = recognizer("stan-a", QUICK).fit(_clips())
    assert np.isfinite(made.predict_proba([replace(clip, appearance=np.zeros((3, 32, 32), np.float32))])).all()


def test_epochs_are_told_by_stream() -> None:
    seen: list[tuple[str, int]] = []

    def note(stream: str, record: EpochRecord) -> None:
        seen.append((stream, record.epoch))

    made = recognizer("dstan", {**QUICK, "training": {"epochs": 2}}).fit(_clips(), on_epoch=note)
    assert seen == [("appearance", 1), ("appearance", 2), ("flow", 1), ("flow", 2)]
    assert made.epochs == len(seen)
    assert recognizer("majority").epochs == 0
    assert [record["epoch"] for record in made.history_["flow"]] == [1, 2]


def test_what_was_learned_from_is_remembered() -> None:
    made = recognizer("majority").fit(_clips(7), seed=3)
    assert made.trained_ == {
        "clips": 7,
        "corpora": ["arrays"],
        "subjects": 2,
        "labels": {"a": 3, "b": 2, "c": 2},
        "seed": 3,
        "device": "cpu",
    }
    assert made.predict(_clips(2)) == ["a", "a"]


def test_clips_that_cannot_be_learned_from() -> None:
    made, clips = recognizer("stmn-a", QUICK), _clips()
    with pytest.raises(DstanError, match="no clips to learn from"):
        made.fit([])
    with pytest.raises(DstanError, match="arrays/s0/c0: its label 'a' is not one of b, c"):
        made.fit(clips, classes=("b", "c"))
    unlabelled = replace(clips[0], clip=replace(clips[0].clip, label=None))
    with pytest.raises(DstanError, match="without a label"):
        made.fit([unlabelled, *clips])
    with pytest.raises(ShapeError, match=r"its flow is .*48.*Prepare all clips with one recipe"):
        made.fit([*clips, *_clips(1, size=48)])
    with pytest.raises(ShapeError, match="at least 32 x 32"):
        made.fit(_clips(size=31))


def test_unknown_names_and_settings_are_named() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'dstan'"):
        recognizer("dstann")
    with pytest.raises(ConfigError, match=r"training\.epoch.*training\.epochs"):
        recognizer("majority", {"training": {"epoch": 3}})


def test_dstan_is_the_default() -> None:
    assert DSTAN().name == "dstan"
    assert DSTAN().settings == METHODS["dstan"]().settings


def test_flow_beyond_half_precision_is_an_error_that_names_the_clip() -> None:
    clips = _clips()
    assert clips[4].flow is not None
    clips[4].flow[2, 0, 3, 3] = 7e4
    with pytest.raises(ShapeError, match=r"c4.*sees of it reaches 280,000.*at most 65,504.*how the clip was prepared"):
        recognizer("stmn-a", QUICK).fit(clips)


def test_training_that_is_begun_again_says_so_and_its_bar_never_passes_its_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = _clips()
    monkeypatch.setattr("dstan.preprocessing.cache.load_prepared", lambda *_: clips)
    made = recognizer("stmn-a", {**QUICK, "training": {"epochs": 2, "batch_size": 2, "learning_rate": 5.0}})
    seen: list[tuple[int, int]] = []
    train_model(
        made,
        ClipSet([clip.clip for clip in clips], classes=("a", "b", "c")),
        Cache(tmp_path),
        tmp_path / "model",
        progress=lambda stage, done, total, note="": seen.append((done, total)),
    )
    assert made.dynamics_["flow"]["restart"] is not None
    assert seen == [(1, 2), (2, 2), (3, 3), (4, 4)]
    said = " ".join(capsys.readouterr().err.split())
    assert said.startswith("warning: flow: the loss rose from")
    assert said.endswith("begun again with a learning rate of 0.5")
