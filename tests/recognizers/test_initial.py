"""Networks that begin from the weights of a fitted model."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file

from dstan._engine import single_thread
from dstan.clips import PreparedClip
from dstan.errors import ConfigError, ModelError, RunError
from dstan.evaluation import evaluate, load_run
from dstan.evaluation.methods import begun_words, make_methods
from dstan.recognizers import Recognizer, load_model, recognizer, save_model
from dstan.recognizers.initial import InitSettings, settings_from
from dstan.recognizers.one_stage import freeze

CLASSES = ("negative", "positive", "surprise")
SMALL = {"channels": [2, 2, 4, 4, 8], "lstm_width": 4, "reduction": 2}
TRAINING = {"epochs": 1, "batch_size": 8}


def _clips(corpus: str = "real", people: int = 4, classes: tuple[str, ...] = CLASSES) -> list[PreparedClip]:
    rng = np.random.default_rng(len(corpus))
    return [
        PreparedClip.from_arrays(
            appearance=rng.uniform(0, 255, (1, 32, 32)).astype(np.float32),
            flow=rng.normal(kind, 1, (1, 2, 32, 32)).astype(np.float32),
            label=name,
            corpus=corpus,
            subject=f"s{person}",
            clip_id=name,
        )
        for person in range(people)
        for kind, name in enumerate(classes)
    ]


def _settings(method: str, **groups: Any) -> dict[str, Any]:
    recipe = {"size": 32, "pairs": "onset-apex"}
    network = SMALL if "st" in method and "net" not in method else {}
    return {"recipe": recipe, "network": network, "training": TRAINING, **groups}


def _save(folder: Path, method: str, classes: tuple[str, ...] = CLASSES, **groups: Any) -> Path:
    clips = _clips("drawn", classes=classes)
    save_model(recognizer(method, _settings(method, **groups)).fit(clips, classes=classes), folder / f"w-{method}")
    return folder / f"w-{method}"


def _begin(method: str, weights: Path, **init: Any) -> Recognizer:
    (made,) = make_methods([method], {"training": TRAINING, "init": {"weights": str(weights), "epochs": 1, **init}})
    return made


def _arrays(made: Recognizer) -> dict[str, NDArray[Any]]:
    return made.state()[0]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Any:
    with single_thread():
        yield


@pytest.fixture(scope="module")
def stmn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _save(tmp_path_factory.mktemp("stmn"), "stmn-a")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _save(tmp_path_factory.mktemp("both"), "dstan")


def test_a_method_takes_recipe_and_widths_of_the_model_and_keeps_what_makes_it_itself(stmn: Path, both: Path) -> None:
    made = _begin("stmn-a", stmn)
    assert (made.recipe.size, made.recipe.pairs) == (32, "onset-apex")
    assert list(made.settings.value("network.channels")) == SMALL["channels"]
    assert made.weights == "begun from w-stmn-a"
    (joined,) = make_methods(["dstan"], {"init": {"weights": str(stmn)}})
    assert joined.settings.value("network.lhfn")  # which the motion stream has none of
    assert [part.name for part in joined.components()] == ["stan-a", "stmn-a"]
    basic = _begin("dstan-basic", both)
    assert not basic.settings.value("network.temporal_attention")
    assert basic.weights == "begun from w-dstan"


@pytest.mark.parametrize("method", ["stmn-a", "ststnet", "sssnet", "strcn"])
def test_with_a_step_of_nearly_nothing_it_is_the_model(method: str, tmp_path: Path) -> None:
    groups = {"recipe": {"size": 64, "pairs": "onset-apex"}, "network": {"maps": 4}} if method == "strcn" else {}
    if method == "strcn":
        clips = [replace(clip, flow=np.tile(clip.flow, (1, 1, 2, 2))) for clip in _clips("drawn")]
        weights = tmp_path / "w"
        save_model(recognizer(method, _settings(method, **groups)).fit(clips, classes=CLASSES), weights)
        real = [replace(clip, flow=np.tile(clip.flow, (1, 1, 2, 2))) for clip in _clips()]
    else:
        weights, real = _save(tmp_path, method), _clips()
    still = _begin(method, weights, learning_rates=[1e-9]).fit(real, classes=CLASSES)
    known, drawn = load_file(weights / "model.safetensors"), recognizer(method, _settings(method, **groups))
    learned = {name: value for name, value in _arrays(still).items() if "running" not in name and "num_" not in name}
    for name, value in learned.items():
        if not name.startswith("scaling."):
            assert np.allclose(value, known[name], atol=1e-5), name
    assert still.trained_["init"]["drawn"] == []
    away = _arrays(drawn.fit(real, classes=CLASSES))
    assert not np.allclose(away["head.weight"], known["head.weight"], atol=1e-3)


def test_the_last_layer_is_drawn_unless_the_classes_are_the_same_in_the_same_order(stmn: Path) -> None:
    known = load_file(stmn / "model.safetensors")
    turned = _begin("stmn-a", stmn, learning_rates=[1e-9]).fit(_clips(), classes=CLASSES[::-1])
    assert turned.trained_["init"]["drawn"] == ["head.bias", "head.weight"]
    assert np.allclose(_arrays(turned)["lstm.weight_hh_l0"], known["lstm.weight_hh_l0"], atol=1e-6)
    assert not np.allclose(_arrays(turned)["head.weight"], known["head.weight"], atol=1e-3)
    five = ("a", "b", "c", "d", "e")
    other = _begin("stmn-a", stmn).fit(_clips(classes=five), classes=five)
    assert other.trained_["init"]["drawn"] == ["head.bias", "head.weight"]


def test_streams_take_their_part_of_two_and_two_take_that_of_one(stmn: Path, both: Path) -> None:
    known = load_file(both / "model.safetensors")
    for method, stream in (("stmn-a", "flow"), ("stan-a", "appearance")):
        made = _begin(method, both, learning_rates=[1e-9]).fit(_clips(), classes=CLASSES)
        assert np.allclose(_arrays(made)["head.weight"], known[f"{stream}.head.weight"], atol=1e-6)
        assert made.trained_["init"]["method"] == "dstan"
    joined = _begin("dstan", stmn, learning_rates=[1e-9]).fit(_clips(), classes=CLASSES)
    flow = load_file(stmn / "model.safetensors")["head.weight"]
    assert np.allclose(_arrays(joined)["flow.head.weight"], flow, atol=1e-6)
    assert joined.weights == "flow begun from w-stmn-a"
    scratch = recognizer("dstan", _settings("dstan")).fit(_clips(), classes=CLASSES)
    for name, value in _arrays(scratch).items():
        if name.startswith("appearance."):
            assert np.array_equal(_arrays(joined)[name], value), "a stream without weights is trained as from scratch"


def test_a_saved_model_needs_its_weights_no_more_and_says_where_it_came_from(stmn: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(stmn, moved)
    made = _begin("stmn-a", moved).fit(_clips(), classes=CLASSES)
    save_model(made, tmp_path / "model")
    shutil.rmtree(moved)
    loaded = load_model(tmp_path / "model")
    assert np.array_equal(loaded.predict_proba(_clips()), made.predict_proba(_clips()))
    assert loaded.weights == "begun from moved"
    assert loaded.trained_["corpora"] == ["drawn", "real"]
    assert (
        loaded.trained_["init"]["sha256"]
        == json.loads((stmn / "model.json").read_text())["digests"]["model.safetensors"]
    )


def test_what_was_behind_the_weights_of_a_model_is_not_forgotten(stmn: Path, tmp_path: Path) -> None:
    tuned = _begin("stmn-a", stmn).fit(_clips("samm"), classes=CLASSES)
    save_model(tuned, tmp_path / "tuned")
    with pytest.raises(ModelError, match="learned from clips of samm: nobody there is new to it"):
        evaluate(_begin("stmn-a", tmp_path / "tuned"), _clips("samm"), classes=CLASSES, workers=0)
    with pytest.raises(ModelError, match="learned from clips of samm"):
        _begin("stmn-a", tmp_path / "tuned").fit(_clips("samm"), classes=CLASSES)
    again = _begin("stmn-a", tmp_path / "tuned").fit(_clips("casme2"), classes=CLASSES)
    assert again.trained_["corpora"] == ["casme2", "drawn", "samm"]


def test_frozen_blocks_stay_and_their_statistics_are_settled(stmn: Path) -> None:
    known = load_file(stmn / "model.safetensors")
    made = _begin("stmn-a", stmn, frozen=[2], learning_rates=[1e-1]).fit(_clips(), classes=CLASSES)
    found = _arrays(made)
    for name in ("conv.weight", "norm.weight", "norm.bias"):
        for block in range(2):
            assert np.array_equal(found[f"blocks.{block}.{name}"], known[f"blocks.{block}.{name}"])
        assert not np.array_equal(found[f"blocks.2.{name}"], known[f"blocks.2.{name}"])
    assert not np.array_equal(found["blocks.0.norm.running_mean"], known["blocks.0.norm.running_mean"])
    with pytest.raises(ConfigError, match="names 6 blocks, and the network has 5"):
        _begin("stmn-a", stmn, frozen=[6]).fit(_clips(), classes=CLASSES)


def test_batch_norms_beside_the_blocks_are_frozen_with_them() -> None:
    network = recognizer("sssnet").build(3, (1, 3, 64, 64))  # type: ignore[attr-defined]
    freeze(network, 1)
    trained = {name for name, weight in network.named_parameters() if weight.requires_grad}
    assert not [name for name in trained if name.startswith(("blocks.0.", "norms.0."))]
    assert {"blocks.1.0.weight", "norms.1.weight", "head.weight"} <= trained


def test_step_frozen_blocks_and_epochs_are_chosen_by_people_of_the_training_part(stmn: Path) -> None:
    made = make_methods(
        ["stmn-a"],
        {
            "training": {**TRAINING, "inner_epochs": [1, 3], "inner_parts": 2},
            "init": {"weights": str(stmn), "learning_rates": [1e-9, 1e-2], "frozen": [0, 5], "epochs": "inner"},
        },
    )[0]
    seen: list[int] = []
    made.fit(_clips(), classes=CLASSES, on_epoch=lambda name, record: seen.append(record.epoch))
    told = made.dynamics_["flow"]["init"]
    assert [(one["learning_rate"], one["frozen"]) for one in told["candidates"]] == [
        (1e-9, 0),
        (1e-9, 5),
        (1e-2, 0),
        (1e-2, 5),
    ]
    assert {tuple(one["epochs"]) for one in told["candidates"]} == {(1, 3)}
    best = max(max(one["uf1"]) for one in told["candidates"])
    chosen = next(one for one in told["candidates"] if max(one["uf1"]) == best)
    assert told["chosen"]["learning_rate"] == chosen["learning_rate"]
    assert told["chosen"]["frozen"] == chosen["frozen"]
    assert told["chosen"]["epochs"] == chosen["epochs"][chosen["uf1"].index(best)]
    assert len(made.history_["flow"]) == told["chosen"]["epochs"]
    assert made.dynamics_["flow"]["inner"]["uf1"] == chosen["uf1"]
    assert len(seen) <= made.epochs == 3 * (2 * 4 + 1)


def test_several_steps_are_compared_at_the_number_of_epochs_that_was_given(stmn: Path) -> None:
    made = _begin("stmn-a", stmn, learning_rates=[1e-3, 1e-2], epochs=2).fit(_clips(), classes=CLASSES)
    assert [one["epochs"] for one in made.dynamics_["flow"]["init"]["candidates"]] == [[2], [2]]
    alone = _clips(people=1)
    with pytest.raises(Exception, match="these are all of one person"):
        _begin("stmn-a", stmn, learning_rates=[1e-3, 1e-2]).fit(alone, classes=CLASSES)


def test_without_weights_nothing_changes() -> None:
    plain = recognizer("stmn-a", _settings("stmn-a"))
    told = recognizer("stmn-a", _settings("stmn-a", init={"epochs": 5, "learning_rates": [1e-5]}))
    assert InitSettings() == plain.settings.init  # type: ignore[attr-defined]
    assert "init" not in plain.settings.to_dict()
    one, other = (_arrays(made.fit(_clips(), classes=CLASSES)) for made in (plain, told))
    assert all(np.array_equal(value, other[name]) for name, value in one.items())
    assert "init" not in plain.trained_


@pytest.mark.parametrize(
    ("groups", "says"),
    [
        ({"recipe": {"size": 48}}, "recipe.size is 48 here, and the model .* made with 32.*--set recipe.size=32"),
        ({"recipe": {"pairs": "adjacent"}}, "recipe.pairs is adjacent here.*--set recipe.pairs=onset-apex"),
        ({"network": {"lstm_width": 8}}, "network.lstm_width is 8 here.*--set network.lstm_width=4"),
        ({"flow_strain": True}, "flow_strain is true here.*--set flow_strain=false"),
        ({"flow_values": "relative"}, "flow_values is relative here.*--set flow_values=pixels"),
        ({"flow_gain": 3.0}, "flow_gain is 3.0 here.*--set flow_gain=1.0"),
    ],
)
def test_a_setting_that_contradicts_the_model_is_named(stmn: Path, groups: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        make_methods(["stmn-a"], {**groups, "init": {"weights": str(stmn)}})
    with pytest.raises(ConfigError, match=says):
        bare = recognizer("stmn-a", {**_settings("stmn-a"), "init": {"weights": str(stmn)}})
        bare.with_settings(bare.settings.replaced(groups)).fit(_clips(), classes=CLASSES)


def test_steps_alignment_and_modules_contradict_nothing(stmn: Path) -> None:
    groups = {"recipe": {"steps": 5, "alignment": "corpus"}}
    (made,) = make_methods(["stmn-a"], {**groups, "init": {"weights": str(stmn)}})
    assert (made.recipe.steps, made.recipe.alignment, made.recipe.size) == (5, "corpus", 32)


def test_methods_that_cannot_begin_from_it_keep_their_own_and_one_must(stmn: Path) -> None:
    made = make_methods(["stan-a", "dstan", "ststnet", "majority", "lbp-top"], {"init": {"weights": str(stmn)}})
    words = begun_words(made)
    assert words == [
        "dstan: flow begun from w-stmn-a; stan-a from scratch",
        "stan-a, ststnet, majority, lbp-top: not begun from it",
    ]
    assert [one.recipe.size for one in made[:4]] == [32, 32, (170, 140), 32]
    assert "init" not in made[3].settings.to_dict()
    for methods in (["stan-a"], ["ststnet", "lbp-top"], ["majority"]):
        with pytest.raises(ConfigError, match=r"a model of stmn-a, and .* cannot begin from it.*Name stmn-a"):
            make_methods(methods, {"init": {"weights": str(stmn)}})


def test_a_folder_that_is_no_model_and_one_that_does_not_say_are_refused(stmn: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nowhere: there is no such folder"):
        make_methods(["stmn-a"], {"init": {"weights": str(tmp_path / "nowhere")}})
    older = tmp_path / "older"
    shutil.copytree(stmn, older)
    document = json.loads((older / "model.json").read_text())
    del document["state"]["trained"]["corpora"]
    (older / "model.json").write_text(json.dumps(document))
    with pytest.raises(ModelError, match="does not say which corpora"):
        evaluate(_begin("stmn-a", older), _clips(), classes=CLASSES, workers=0)
    foreign = tmp_path / "foreign"
    shutil.copytree(stmn, foreign)
    (foreign / "model.safetensors").write_bytes(b"x")
    with pytest.raises(ModelError, match="not the file that"):
        _begin("stmn-a", foreign)
    many = _save(tmp_path, "stmn-a", recognition={"members": 2})
    with pytest.raises(ConfigError, match="it is 2 networks, and a network begins from one"):
        _begin("stmn-a", many)


def test_a_run_notices_other_weights_under_the_same_name(stmn: Path, tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    shutil.copytree(stmn, weights)
    how = {"classes": CLASSES, "protocol": "kfold-subject", "out": tmp_path / "run", "workers": 0}
    clips = _clips(people=5)
    evaluate(_begin("stmn-a", weights), clips, **how)
    assert load_run(tmp_path / "run").info["methods"]["stmn-a"]["weights"] == "begun from weights"
    evaluate(_begin("stmn-a", weights), clips, **how)
    torch.manual_seed(0)
    fresh = recognizer("stmn-a", _settings("stmn-a")).fit(_clips("drawn"), classes=CLASSES, seed=9)
    save_model(fresh, weights)
    with pytest.raises(RunError, match=r"begun with other contents of weights/model\.safetensors, which stmn-a starts"):
        evaluate(_begin("stmn-a", weights), clips, **how)


def test_arrays_of_another_size_than_the_model_learned_are_refused(stmn: Path, both: Path) -> None:
    larger = [
        PreparedClip.from_arrays(
            flow=np.repeat(clip.flow, 2, axis=2), label=clip.label, subject=clip.clip.subject, clip_id=f"{number}"
        )
        for number, clip in enumerate(_clips())
    ]
    for weights in (stmn, both):
        with pytest.raises(
            ConfigError, match=r"clips are 64 x 32 here.*learned clips of 32 x 32.*recipe\.size=\[64,32\]"
        ):
            _begin("stmn-a", weights).fit(larger, classes=CLASSES)


def test_several_members_begin_from_one_model(stmn: Path) -> None:
    (made,) = make_methods(
        ["stmn-a"],
        {"training": TRAINING, "recognition": {"members": 2}, "init": {"weights": str(stmn), "epochs": 1}},
    )
    made.fit(_clips(), classes=CLASSES)
    assert made.trained_["init"]["drawn"] == []
    assert len(made.history_) == 2


def test_settings_of_a_model_of_another_kind_are_not_taken(stmn: Path) -> None:
    assert settings_from(stmn, recognizer("lbp-top")) is None
    assert settings_from(stmn, recognizer("sssnet")) is None
    assert settings_from(stmn, recognizer("dstan-average"))["recipe"]["size"] == 32  # type: ignore[index]
