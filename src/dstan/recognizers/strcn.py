"""STRCN as a recogniser: over one field of flow (STRCN-G), or over a matrix of moving pixels (STRCN-A)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float32
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from dstan._random import child_seed
from dstan.clips import PreparedClip
from dstan.config import Settings, setting
from dstan.errors import ConfigError, ShapeError
from dstan.networks.network import Network
from dstan.networks.strcn import SMALLEST_INPUT, STRCNNetwork, STRCNNetworkSettings
from dstan.preprocessing.recipe import Recipe
from dstan.recognizers.contract import Fidelity, StreamName
from dstan.recognizers.flow_image import one_field
from dstan.recognizers.flow_values import PIXELS, flow_values_setting, motion_channels
from dstan.recognizers.initial import OneStageSettings
from dstan.recognizers.network import Shape
from dstan.recognizers.one_stage import OneStageRecognizer
from dstan.recognizers.strcn_appearance import KERNELS, REMOVALS, columns_of, moving_pixels, resized, variants
from dstan.training import AugmentationSettings, TrainingSettings

PREDICTED = "bicubic"
"""The kernel of the matrices that are predicted."""


@dataclass(frozen=True)
class STRCNInputSettings(Settings):
    """What STRCN looks at."""

    kind: str = setting(
        "flow",
        "STRCN-G sees one field of flow, from onset to apex; STRCN-A the grey values of moving pixels through time.",
        choices=("flow", "appearance"),
    )
    grid: tuple[int, int] = setting((64, 48), "Of STRCN-A: frames are averaged to this height and width.", low=32)
    removals: tuple[float, ...] = setting(
        REMOVALS, "Of STRCN-A: shares of frames that training variants leave out.", low=0.0, high=0.95
    )
    kernels: tuple[str, ...] = setting(
        tuple(KERNELS), "Of STRCN-A: each resizes each variant along time; three have two names.", choices=KERNELS
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.removals or not self.kernels:
            raise ConfigError("removals and kernels must each name one at least", hint="For example removals=[0.0]")


@dataclass(frozen=True)
class STRCNSettings(OneStageSettings):
    """Everything that decides STRCN."""

    flow_values: str = flow_values_setting()
    input: STRCNInputSettings = setting(STRCNInputSettings(), "What it looks at.")
    network: STRCNNetworkSettings = setting(STRCNNetworkSettings(), "The network.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.input.kind == "flow":
            return
        changes = self.training.augmentation
        if self.recognition.mirror or changes.mirror or changes.shift > 0 or changes.is_affine:
            raise ConfigError(
                "a matrix of pixels and time cannot be mirrored, shifted, turned or zoomed as a face can",
                hint="Leave training.augmentation and recognition.mirror off; input.removals and input.kernels make "
                "the variants",
            )
        if self.flow_values != PIXELS:
            raise ConfigError("STRCN-A sees no flow that could be relative", hint="Leave flow_values out")


class STRCN(OneStageRecognizer):
    """Spatiotemporal recurrent convolutional network on the focal loss [1]_.

    Layers and sizes are those of the authors' code. STRCN-G, the default and the one that comparisons quote, sees flow
    from onset to apex. STRCN-A sees the pixels that move most as a matrix of pixels and time, 96 variants of each clip;
    which pixels, is learned from the training clips alone. It wants frames::

        --set input.kind=appearance --set recipe.size=[128,96] --set recipe.steps=30

    and 96 times the time and memory that as many clips would take, some 20 MB a clip; with
    ``--set input.removals=[0.0] --set input.kernels=[bicubic]`` it learns from one matrix a clip.

    Choices: flow is Farneback's at 224 x 184 with 128 maps, and in the paper track TV-L1 at 300 x 245 with 512, where
    the authors had Classic+NL. Weights are drawn as usual, without a rate of its own for the first convolution. The
    alpha of the focal loss is the inverse frequency of a class. The authors trained on clips magnified by 5 to 12 and
    tested at 8: here all are magnified by 8, and flow is made stronger and weaker by chance instead. Their rate falls
    by a fifth an epoch; here it follows a cosine. Their code searches the apex in a part of the clip and forgets where
    that part begins, gives all training clips of a subject the label of the last, draws its folds over clips, and
    counts classes of the test part only; here the apex is the recipe's, a clip keeps its label, folds are subjects,
    and classes are the task's.

    Parameters
    ----------
    name
        The method's name.
    settings
        All its settings.

    References
    ----------
    .. [1] Z. Xia, X. Hong, X. Gao, X. Feng, G. Zhao, "Spatiotemporal recurrent convolutional networks for recognizing
       spontaneous micro-expressions", IEEE Transactions on Multimedia 22(3), 2020, pp. 626-640.
    """

    settings: STRCNSettings
    reference: ClassVar[str] = "Z. Xia et al., IEEE Transactions on Multimedia 22(3), 2020"
    fidelity: ClassVar[Fidelity] = Fidelity.MINOR
    what: ClassVar[str] = "unrolled recurrent convolutions over flow from onset to apex"
    smallest: ClassVar[int] = SMALLEST_INPUT

    @property
    def sees_flow(self) -> bool:
        """Whether it is STRCN-G."""
        return self.settings.input.kind == "flow"

    @property
    def description(self) -> str:
        """What it looks at."""
        if self.sees_flow:
            return super().description
        return "unrolled recurrent convolutions over moving pixels and time"

    @property
    def streams(self) -> tuple[StreamName, ...]:
        """What it needs of a prepared clip."""
        return ("flow",) if self.sees_flow else ("appearance",)

    @property
    def mirrored_signs(self) -> tuple[float, ...]:
        """-1 for motion to the right, 1 for anything else."""
        return (-1.0, 1.0) if self.sees_flow else (1.0,)

    def build(self, n_classes: int, shape: Shape) -> Network:
        """Return the network.

        Parameters
        ----------
        n_classes
            Classes told apart.
        shape
            (1, 2, H, W) of flow or (1, 1, P, 150) of P pixels.
        """
        return STRCNNetwork(n_classes, shape, self.settings.network)

    def learn(self, clips: Sequence[PreparedClip]) -> Mapping[str, NDArray[Any]]:
        """Find the pixels that move, for STRCN-A.

        Parameters
        ----------
        clips
            The training clips.

        Raises
        ------
        ShapeError
            If fewer than 64 pixels remain.
        """
        if self.sees_flow:
            return {}
        mask = moving_pixels(self._frames(clip) for clip in clips)
        if mask.sum() < SMALLEST_INPUT:
            raise ShapeError(
                f"only {mask.sum()} pixels move in a patch of their own, and {SMALLEST_INPUT} are needed",
                where=self.name,
                hint="Look at how the clips were prepared, or use a larger input.grid",
            )
        return {"mask": mask.astype(np.uint8)}

    def tensor(self, clip: PreparedClip) -> Float32[Tensor, "1 c h w"]:
        """Return flow in pixels or relative values, or the grey values of the masked pixels through time.

        Parameters
        ----------
        clip
            With one field of flow, from onset to apex; or with frames.

        Raises
        ------
        ShapeError
            If it has more fields.
        """
        if not self.sees_flow:
            return _matrix(resized(self._columns(clip), PREDICTED))
        one_field(clip, f"{self.name} takes one field of flow")
        return torch.from_numpy(motion_channels(clip, self.settings.flow_values))

    def views(self, clip: PreparedClip) -> Sequence[Float32[Tensor, "1 c h w"]]:
        """Return the field of flow, or the variants of the matrix.

        Parameters
        ----------
        clip
            A training clip.
        """
        if self.sees_flow:
            return (self.tensor(clip),)
        own, seed = self.settings.input, child_seed(0, "variants", clip.clip)
        return [_matrix(one) for one in variants(self._columns(clip), own.removals, own.kernels, seed)]

    def memory(self, clip: PreparedClip, n: int, device: str) -> int:
        """Estimate the bytes of a device's memory that :meth:`fit` takes.

        Parameters
        ----------
        clip
            One clip, as prepared as the others; a quarter of its pixels stands for those that move.
        n
            How many are learned from.
        device
            "cuda", "cuda:1" ...
        """
        typical = self.with_settings(self.settings)
        typical.learned = {"mask": self._quarter()}
        return super(STRCN, typical).memory(clip, n, device)

    def _quarter(self) -> NDArray[np.uint8]:
        """Return a mask as large as one that is learned can be, but for pixels that move alike."""
        mask = np.zeros(self.settings.input.grid, dtype=np.uint8)
        mask[: -(-len(mask) // 4)] = 1
        return mask

    def _columns(self, clip: PreparedClip) -> NDArray[np.float32]:
        """Return the masked pixels of each frame."""
        return columns_of(self._frames(clip), self.learned["mask"].astype(bool))

    def _frames(self, clip: PreparedClip) -> NDArray[np.float32]:
        """Return the frames, averaged to the grid."""
        frames = torch.from_numpy(np.asarray(clip.appearance))
        averaged = functional.interpolate(frames[None], self.settings.input.grid, mode="area")[0]
        found: NDArray[np.float32] = averaged.numpy()
        return found


def _matrix(columns: NDArray[np.float32]) -> Float32[Tensor, "1 1 p t"]:
    return torch.from_numpy(columns)[None, None]


_TRAINING = TrainingSettings(
    epochs=60,
    batch_size=16,
    optimizer="sgd",
    learning_rate=1e-2,
    momentum=0.9,
    schedule="cosine",
    weight_decay=5e-4,
    loss="focal",
    focal_gamma=2.0,
    class_weights=True,
)
COMMON = STRCNSettings(recipe=Recipe(size=(224, 184), pairs="onset-apex"), training=_TRAINING)
PAPER = STRCNSettings(
    recipe=Recipe(
        size=(300, 245),
        pairs="onset-apex",
        flow="tvl1",
        temporal_average=0.0,
        magnification=8.0,
        magnification_band="paper",
    ),
    network=STRCNNetworkSettings(maps=512),
    training=replace(
        _TRAINING,
        epochs=120,  # 5 rounds of 3 epochs over 8 variants of each clip
        batch_size=10,
        learning_rate=1e-3,
        augmentation=AugmentationSettings(amplitude=0.4),  # of 9 times the motion: alpha 5 to 12 makes it 6 to 13
    ),
)
