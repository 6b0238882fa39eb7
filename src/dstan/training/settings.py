"""What a training is told."""

from __future__ import annotations

from dataclasses import dataclass

from dstan.config import Settings, setting
from dstan.errors import ConfigError
from dstan.training.augmentation import AugmentationSettings

INNER = "inner"
"""In place of a number of epochs: choose it inside the fold."""


@dataclass(frozen=True)
class TrainingSettings(Settings):
    """Adam on the cross entropy (section 3.2), for a number of epochs that no test subject has a say in."""

    epochs: int | str = setting(
        60,
        'Passes over the training clips; "inner" chooses among inner_epochs by people held out of the training part.',
        low=1,
        high=100_000,
        choices=(INNER,),
    )
    inner_epochs: tuple[int, ...] = setting(
        (10, 20, 30, 45, 60, 90), 'What epochs = "inner" chooses among.', low=1, high=100_000
    )
    inner_parts: int = setting(
        5, 'Parts into which epochs = "inner" divides the training people; each is held out once.', low=2, high=1000
    )
    batch_size: int = setting(32, "Most clips in a batch; the batches of an epoch are of nearly equal size.", low=1)
    learning_rate: float = setting(1e-3, "Adam's step.", low=1e-9, high=10.0)
    weight_decay: float = setting(0.0, "L2 penalty on the weights.", low=0.0, high=10.0)
    precision: str = setting(
        "auto",
        "Arithmetic of the convolutions in training; auto is bfloat16 where the processor multiplies it faster.",
        choices=("auto", "float32", "bfloat16"),
    )
    augmentation: AugmentationSettings = setting(
        AugmentationSettings(), "Each clip is changed a little whenever it is learned from; the paper tells of none."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.inner_epochs:
            raise ConfigError("inner_epochs must name at least one number of epochs")
