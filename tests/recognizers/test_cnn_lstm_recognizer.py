"""CNN-LSTM as a recogniser: its two stages, the apex, and the published defaults."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from dstan.clips import PreparedClip
from dstan.networks.network import Output
from dstan.preprocessing.apex import estimate_apex
from dstan.recognizers.cnn_lstm import CNNLSTM, COMMON, CNNLSTMSettings, apex_of
from dstan.recognizers.contract import Fidelity
from dstan.training import TrainingData, TrainingSettings
from dstan.training.expression_states import ExpressionStates

LABELS = ("above", "below")
STEPS = 4
TINY = COMMON.replaced(
    {
        "network": {"channels": [4, 4, 8], "width": 16, "lstm_width": 8, "dropout": 0.2},
        "first": {"epochs": 8, "batch_size": 16, "augmentation": {"mirror": False, "rotation": 0.0, "zoom": 0.0}},
        "training": {"epochs": 60, "learning_rate": 1e-2},
    }
)


def clip(number: int, apex: int | None = None, steps: int = STEPS) -> PreparedClip:
    """Return a clip in which a bright spot comes and goes, in the upper or the lower half."""
    label = LABELS[number % 2]
    frames = np.random.default_rng(number).uniform(90, 110, (steps, 32, 32)).astype(np.float32)
    rows = slice(4, 12) if label == "above" else slice(20, 28)
    frames[:, rows, 8:24] += 60 * np.sin(np.linspace(0.3, 2.8, steps))[:, None, None].astype(np.float32)
    made = PreparedClip.from_arrays(appearance=frames, label=label, subject=f"s{number % 3}", clip_id=f"c{number}")
    done = {} if apex is None else {"apex": {"policy": "annotated", "frame": apex}, "frames": 21}
    return replace(made, done=done)


def clips(n: int = 8) -> list[PreparedClip]:
    return [clip(number, 3 + number) for number in range(n)]


def made(settings: CNNLSTMSettings = TINY, **changes: object) -> CNNLSTM:
    return CNNLSTM("cnn-lstm", settings.replaced(changes))


def weights(method: CNNLSTM, start: str) -> torch.Tensor:
    assert method.network is not None
    state = method.network.state_dict()
    return torch.cat([value.flatten().double() for name, value in state.items() if name.startswith(start)])


def test_eight_clips_are_learned_by_heart_in_less_than_two_hundred_steps() -> None:
    method = made().fit(clips(), seed=1)
    taken = sum(len(history) * batches for history, batches in zip(method.history_.values(), (2, 1), strict=True))
    assert taken < 200
    assert method.predict(clips()) == [one.label for one in clips()]
    new = [clip(number) for number in range(20, 26)]
    assert method.predict(new) == [one.label for one in new]


def test_the_second_stage_leaves_the_cnn_as_it_is() -> None:
    short, long = (made(first={"epochs": 2}, training={"epochs": epochs}).fit(clips(), seed=1) for epochs in (1, 5))
    for part in ("backbones", "scaling"):
        assert torch.equal(weights(short, part), weights(long, part))
    assert not torch.equal(weights(short, "lstm"), weights(long, "lstm"))


def test_the_first_stage_learns_more_than_it_was_drawn_with() -> None:
    one, two = (made(first={"epochs": epochs}, training={"epochs": 1}).fit(clips(), seed=1) for epochs in (1, 2))
    assert not torch.equal(weights(one, "backbones.cnn.tail.0.conv"), weights(two, "backbones.cnn.tail.0.conv"))


def test_the_states_change_what_is_learned_and_can_be_left_out() -> None:
    short = {"first": {"epochs": 2}, "training": {"epochs": 1}}
    with_states, shifted, without = (
        made(**short).fit(clips(), seed=1),
        made(**short).fit([clip(number, 17) for number in range(8)], seed=1),
        made(**short, objective={"states": False}).fit(clips(), seed=1),
    )
    assert not torch.equal(weights(with_states, "backbones"), weights(shifted, "backbones"))
    assert not torch.equal(weights(with_states, "backbones"), weights(without, "backbones"))
    first, plain = (method.history_["cnn steps"][0]["loss"] for method in (with_states, without))
    assert first > plain + 1  # the cross entropy of five states begins near 1.6


def test_without_states_nobody_asks_for_the_apex(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(frames: object) -> int:
        raise AssertionError

    monkeypatch.setattr("dstan.recognizers.cnn_lstm.estimate_apex", refuse)
    short = {"first": {"epochs": 1}, "training": {"epochs": 1}}
    unknown = [clip(number) for number in range(4)]
    made(**short, objective={"states": False}).fit(unknown)
    fitted = made(**short).fit(clips(4))
    assert len(fitted.predict(unknown)) == 4
    with pytest.raises(AssertionError):
        made(**short).fit(unknown)


def test_a_step_has_the_state_of_its_own_clip() -> None:
    given = [clip(0, 0, steps=5), clip(1, 10, steps=5), clip(2, 20, steps=5)]
    method = made()
    tensors = [method.tensor(one) for one in given]
    steps = TrainingData.stack(tensors, torch.tensor([0, 1, 0]), (1.0,)).steps()
    objective = method.first_objective("cnn", given)(steps, TrainingSettings())
    assert isinstance(objective, ExpressionStates)
    assert objective.states.tolist() == [2, 2, 3, 3, 4, 0, 1, 2, 3, 4, 0, 0, 1, 1, 2]
    certain = torch.full((15, 5), -50.0)
    certain[range(15), objective.states] = 50.0
    output = Output(torch.zeros(15, 2), torch.zeros(15, 3), states=certain)
    assert float(objective.terms(output, steps.labels, steps.places).state) == pytest.approx(0, abs=1e-6)


def test_the_apex_is_the_recipe_s_and_estimated_where_there_was_none() -> None:
    assert apex_of(clip(0, 0)) == 0
    assert apex_of(clip(0, 5)) == 0.25
    assert apex_of(clip(0, 20)) == 1
    frames = np.zeros((9, 32, 32), np.float32) + 100
    for step, brightness in enumerate(np.sin(np.linspace(0, np.pi, 9))):
        frames[step, 18 : 22 + round(4 * brightness), 8:24] += 80
    from_arrays = PreparedClip.from_arrays(appearance=frames)
    assert 0 < apex_of(from_arrays) == estimate_apex(frames) / 8 < 1
    assert apex_of(PreparedClip.from_arrays(appearance=frames[:1])) == 0.5


def test_epochs_can_be_chosen_by_inner_people_in_either_stage() -> None:
    inner = {"epochs": "inner", "inner_epochs": [1, 2], "inner_parts": 2}
    for first, second in ((inner, {"epochs": 1}), ({"epochs": 1}, inner)):
        method = made(first=first, training=second).fit(clips(), seed=1)
        assert [record is not None for record in (method.dynamics_[name]["inner"] for name in method.history_)] == [
            first is inner,
            second is inner,
        ]


def test_the_settings_are_those_of_the_specification() -> None:
    assert COMMON.recipe.shape == (64, 64)
    assert COMMON.recipe.steps == 10
    first, second = COMMON.first, COMMON.training
    assert (first.epochs, first.batch_size, first.learning_rate, first.weight_decay) == (60, 64, 1e-3, 5e-4)
    assert (first.schedule, first.optimizer, first.loss) == ("cosine", "adam", "cross-entropy")
    augmentation = first.augmentation
    assert (augmentation.mirror, augmentation.rotation, augmentation.zoom) == (True, 10, 0.05)
    assert augmentation.shift * 64 == 4
    assert (second.epochs, second.batch_size, second.learning_rate, second.gradient_clip) == (60, 32, 1e-3, 5)
    assert not second.augmentation.is_on
    assert first.balanced
    assert second.balanced
    assert CNNLSTM.fidelity is Fidelity.REINTERPRETATION
