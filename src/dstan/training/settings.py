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
    """Adam on the cross entropy (section 3.2) where not told otherwise; no test subject has a say in the epochs."""

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
    optimizer: str = setting(
        "adam",
        "Who takes the steps; sgd is stochastic gradient descent with Nesterov's momentum.",
        choices=("adam", "sgd"),
    )
    learning_rate: float = setting(1e-3, "The optimizer's step.", low=1e-9, high=10.0)
    momentum: float = setting(0.9, "Of sgd.", low=0.0, high=0.999)
    schedule: str = setting(
        "constant",
        "How the step falls: cosine to a hundredth over the epochs; steps to a tenth after two thirds of them. An "
        "inner choice of epochs follows the schedule of its last candidate.",
        choices=("constant", "cosine", "steps"),
    )
    weight_decay: float = setting(0.0, "L2 penalty on the weights.", low=0.0, high=10.0)
    gradient_clip: float = setting(0.0, "Longest gradient over all weights; 0 for any.", low=0.0)
    loss: str = setting(
        "cross-entropy",
        "What is minimised; focal counts clips less the better they are known.",
        choices=("cross-entropy", "focal"),
    )
    focal_gamma: float = setting(2.0, "Gamma of the focal loss; 0 makes it the cross entropy.", low=0.0, high=20.0)
    class_weights: bool = setting(False, "Clips count inversely to how common their class is.")
    balanced: bool = setting(False, "Clips are drawn so that every class comes equally often, with replacement.")
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
