"""MERTA, re-interpreted, as a recogniser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from dstan.clips import PreparedClip
from dstan.config import setting
from dstan.errors import ShapeError
from dstan.networks.merta import SEEN, MERTANetwork, MERTANetworkSettings
from dstan.preprocessing.recipe import Recipe
from dstan.preprocessing.strain import strain_of_clip
from dstan.recognizers.contract import Fidelity, StreamName
from dstan.recognizers.network import Shape
from dstan.recognizers.pretrained import PretrainedRecognizer, PretrainedSettings
from dstan.training import AugmentationSettings, TrainingSettings


@dataclass(frozen=True)
class MERTASettings(PretrainedSettings):
    """All settings of MERTA."""

    network: MERTANetworkSettings = setting(MERTANetworkSettings(), "The network.")


class MERTA(PretrainedRecognizer):
    """Three backbones with an attention each, and an LSTM: after MERTA [1]_.

    A re-interpretation: the abstract names three VGGNets, still and moving information, three kinds of attention that
    are learned together, an LSTM and CASME II. That the backbones look at frames, flow and strain, which attention
    each has, and how all is trained, are ours. First each backbone learns to classify single steps, then the
    attentions and the LSTM learn from what the fixed backbones see; so only the first stage is augmented.

    VGGNets are commonly begun with weights of ImageNet. With a local file of them (``network.weights``) the backbones
    are VGG-16 without its last pooling. Their conv1 to conv3 stay as given, and what these return is computed once, so
    that nothing is augmented; conv4 and conv5 are fine-tuned. Without such a file small backbones learn from scratch.

    Parameters
    ----------
    name
        The method's name.
    settings
        All its settings.

    References
    ----------
    .. [1] B. Yang, J. Cheng, Y. Yang, B. Zhang, J. Li, "MERTA: micro-expression recognition with ternary attentions",
       Multimedia Tools and Applications 80, 2021.
    """

    settings: MERTASettings
    reference: ClassVar[str] = "B. Yang et al., Multimedia Tools and Applications 80, 2021"
    fidelity: ClassVar[Fidelity] = Fidelity.REINTERPRETATION
    what: ClassVar[str] = "three CNNs with an attention each on frames, flow and strain, and an LSTM"
    streams: ClassVar[tuple[StreamName, ...]] = ("appearance", "flow")

    @property
    def mapped(self) -> tuple[StreamName, ...]:
        """Its static attention is of the frames."""
        return ("appearance",)

    @property
    def mirrored_signs(self) -> tuple[float, ...]:
        """Of grey, u, v, the length of (u, v), and strain."""
        return (1.0, -1.0, 1.0, 1.0, 1.0)

    @property
    def backbones(self) -> tuple[str, ...]:
        """One for the frames, one for the flow and one for its strain."""
        return tuple(SEEN)

    def build(self, n_classes: int, shape: Shape) -> MERTANetwork:
        """Return the network, its weights drawn from torch's generator.

        Parameters
        ----------
        n_classes
            Classes told apart.
        shape
            Of a clip as :meth:`tensor` returns it.
        """
        return MERTANetwork(n_classes, shape[2:], self.settings.network)

    def tensor(self, clip: PreparedClip) -> Float32[Tensor, "t 5 h w"]:
        """Return grey, u, v, the length of (u, v), and strain of each step.

        Parameters
        ----------
        clip
            With as many frames as fields of flow.

        Raises
        ------
        ShapeError
            If it has another number of frames than of fields, or of another size.
        """
        grey, flow = np.asarray(clip.appearance), np.asarray(clip.flow)
        if grey.shape != (len(flow), *flow.shape[2:]):
            raise ShapeError(
                f"a step is a frame and a field of flow, but its frames are {grey.shape} and its flow {flow.shape}",
                where=clip.clip,
                hint="Prepare it with one for each frame: --set recipe.pairs=adjacent",
            )
        length = np.hypot(flow[:, 0], flow[:, 1])
        return torch.from_numpy(np.stack([grey, flow[:, 0], flow[:, 1], length, strain_of_clip(clip)], axis=1))


COMMON = MERTASettings(
    recipe=Recipe(size=112, steps=9),
    first=TrainingSettings(
        epochs=10,
        weight_decay=1e-4,
        class_weights=True,
        augmentation=AugmentationSettings(mirror=True, shift=0.05, rotation=5.0),
    ),
    fine_tuning=TrainingSettings(epochs=10, learning_rate=1e-4, weight_decay=1e-4, class_weights=True),
    training=TrainingSettings(epochs=40, batch_size=8, learning_rate=1e-4, weight_decay=1e-4, class_weights=True),
)
