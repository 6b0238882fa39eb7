"""How a network is trained: one loop, plain to see, and what it is told and tells.

Everything that a fit needs is on its device once, as half-precision numbers. Order, augmentation and weights are
decided by a seed, so the same seed on the same kind of device gives the same weights.
"""

from dstan.training.augmentation import AugmentationSettings
from dstan.training.data import TrainingData
from dstan.training.dynamics import Dynamics, Restart
from dstan.training.inner import InnerChoice, choose_epochs
from dstan.training.loop import (
    EpochRecord,
    Fit,
    fit_network,
    settle_batch_norm,
    steady,
    train_epochs,
    uses_bfloat16,
)
from dstan.training.losses import MakeObjective, Objective, class_objective, focal_loss
from dstan.training.settings import TrainingSettings

__all__ = [
    "AugmentationSettings",
    "Dynamics",
    "EpochRecord",
    "Fit",
    "InnerChoice",
    "MakeObjective",
    "Objective",
    "Restart",
    "TrainingData",
    "TrainingSettings",
    "choose_epochs",
    "class_objective",
    "fit_network",
    "focal_loss",
    "settle_batch_norm",
    "steady",
    "train_epochs",
    "uses_bfloat16",
]
