"""bfloat16 learns what float32 learns."""

import math

import pytest
import torch
from torch.nn import functional

from dstan.metrics import confusion_matrix, scores
from dstan.networks.streams import Stream, StreamSettings
from dstan.training import TrainingData, TrainingSettings, fit_network

SETTINGS = StreamSettings(lhfn=False)


def _clips(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw three classes: a faint bump of motion, its place the class, in noise."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 3
    inputs = 0.5 * torch.randn(n, 3, 2, 32, 32, generator=generator)
    for clip, label in zip(inputs, labels.tolist(), strict=True):
        clip[:, :, 8 * label : 8 * label + 10, 10:22] += 0.16
    return inputs, labels


def _network(seed: int) -> Stream:
    torch.manual_seed(seed)
    return Stream(2, 3, SETTINGS).in_fast_layout()


def _step(half: bool) -> tuple[float, torch.Tensor]:
    """Return loss and gradient of one step at the paper's batch size and length."""
    network = _network(0).train()
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(32) % 3
    inputs = 0.3 * torch.randn(32, 9, 2, 64, 64, generator=generator)
    for clip, label in zip(inputs, labels.tolist(), strict=True):
        clip[:, :, 8 * label : 8 * label + 10, 10:30] += 0.5
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
        logits = network(inputs).logits
    loss = functional.cross_entropy(logits, labels)
    loss.backward()
    return loss.item(), torch.cat([weight.grad.flatten() for weight in network.parameters()])


def test_one_step_from_the_same_weights_agrees() -> None:
    (loss, gradient), (other_loss, other_gradient) = _step(half=False), _step(half=True)
    assert other_loss == pytest.approx(loss, rel=0.01)
    assert functional.cosine_similarity(gradient, other_gradient, dim=0) >= 0.99


def test_the_same_weights_predict_the_same() -> None:
    network = _network(1)
    inputs, labels = _clips(48, 0)
    data = TrainingData.stack(inputs, labels, (-1.0, 1.0))
    fit_network(network, data, TrainingSettings(batch_size=16, precision="float32"), epochs=4, seed=0)
    test, _ = _clips(200, 1)
    with torch.inference_mode():
        exact = network(test).logits.argmax(1)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rough = network(test).logits.argmax(1)
    assert (exact == rough).float().mean() >= 0.98


@pytest.mark.slow
def test_over_three_seeds_uf1_differs_by_less_than_the_seeds_do() -> None:
    inputs, labels = _clips(36, 0)
    test, truth = _clips(150, 1)
    found: dict[str, list[float]] = {"float32": [], "bfloat16": []}
    for precision, uf1 in found.items():
        for seed in range(3):
            network = _network(seed)
            data = TrainingData.stack(inputs, labels, (-1.0, 1.0))
            fit_network(network, data, TrainingSettings(batch_size=12, precision=precision), epochs=4, seed=seed)
            with torch.inference_mode():
                said = network(test).logits.argmax(1)
            names = ("0", "1", "2")
            matrix = confusion_matrix([str(i) for i in truth.tolist()], [str(i) for i in said.tolist()], names)
            uf1.append(scores(matrix)["uf1"])
    means = {precision: sum(uf1) / 3 for precision, uf1 in found.items()}
    spread = math.sqrt(sum((one - means["float32"]) ** 2 for one in found["float32"]) / 2)
    assert spread > 0
    assert abs(means["float32"] - means["bfloat16"]) <= spread
