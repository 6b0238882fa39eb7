"""Fits methods here and on the made-up device and prints both curves; run in a process of its own."""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "contracts"))

import torch
from second_device import NAME, Device, Layer, set_up
from specimens import CLASSES, draw, make, specimen
from torch import nn

CHANGES = {"mirror": True, "shift": 0.1, "rotation": 10.0, "zoom": 0.1, "amplitude": 0.1}
TRAINING = {"epochs": 2, "batch_size": 4, "gradient_clip": 1.0, "class_weights": True, "precision": "float32"}


class Following(Layer):
    """In place of the LSTM, made as it is."""

    def __init__(self, inputs: int, width: int, batch_first: bool) -> None:
        assert batch_first
        super().__init__(inputs, width)


def curves(name: str, device: str) -> dict[str, list[float]]:
    """Fit a method and return the losses of its stages; what can be augmented is, and classes are drawn equally."""
    first = {**TRAINING, "balanced": True, "augmentation": CHANGES}
    has_two = "first" in specimen(name).settings
    groups: dict[str, Any] = {"first": first, "training": TRAINING} if has_two else {"training": first}
    fitted = make(name, **groups).fit(draw(name), classes=CLASSES, seed=1, device=device)
    return {stage: [record["loss"] for record in records] for stage, records in fitted.history_.items()}


def main(names: list[str]) -> None:
    """Fit each method here and there."""
    torch.set_num_threads(1)
    nn.LSTM = Following  # type: ignore[assignment,misc]
    torch.inference_mode = torch.no_grad  # type: ignore[assignment,misc]  # the made-up device has none
    set_up()
    found = {}
    for name in names:
        here = curves(name, "cpu")
        with Device():
            found[name] = [here, curves(name, f"{NAME}:0")]
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
