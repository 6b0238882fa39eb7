"""ELRCN-TE as a recogniser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float32
from numpy.typing import NDArray
from torch import Tensor

from dstan.clips import PreparedClip
from dstan.config import setting
from dstan.errors import ShapeError
from dstan.networks.elrcn import ELRCN, STREAMS, ELRCNNetworkSettings
from dstan.networks.vgg import through_eight_bits
from dstan.preprocessing.recipe import Recipe
from dstan.preprocessing.strain import strain_of_clip
from dstan.recognizers.contract import Fidelity, StreamName
from dstan.recognizers.network import Shape
from dstan.recognizers.pretrained import PretrainedRecognizer, PretrainedSettings
from dstan.training import TrainingSettings

EPOCHS = (5, 10, 20)
"""What an inner choice of epochs of the first stage is among."""


@dataclass(frozen=True)
class ELRCNSettings(PretrainedSettings):
    """All settings of ELRCN-TE."""

    network: ELRCNNetworkSettings = setting(ELRCNNetworkSettings(), "The network.")
    diff: str = setting("central", "Differences in the strain, where none is given.", choices=("central", "backward"))
    quantize: bool = setting(
        False,
        "Flow, strain and frames are what is left of them in pictures of eight bits, as in the authors' data: motion "
        "below 1/32 pixel is lost.",
    )


class ELRCNTE(PretrainedRecognizer):
    """Features of flow and strain side by side, step by step, and an LSTM: ELRCN with temporal enrichment [1]_.

    Layers are those of the authors' code; three things there are not taken over. Their first stage stops as soon as
    the training loss rises once; here the number of epochs is fixed, or chosen by inner people. They reorder the
    memory of a picture as if channels came first, which scrambles its pixels; here a picture stays as it is. And 134
    million weights of an LSTM with 3000 units for 220 clips are left to the paper track.

    The publication starts from VGG-Face. Where ``network.weights`` names a file, the convolutions are its own and
    stay fixed, and fc6 and fc7 are fine-tuned; what the convolutions see is computed once. Without it, small VGGs
    learn from scratch, and the results are not comparable with the published ones.

    Parameters
    ----------
    name
        The method's name.
    settings
        All its settings.

    References
    ----------
    .. [1] H.-Q. Khor, J. See, R. C.-W. Phan, W. Lin, "Enriched long-term recurrent convolutional network for facial
       micro-expression recognition", FG 2018.
    """

    settings: ELRCNSettings
    reference: ClassVar[str] = "H.-Q. Khor et al., FG 2018"
    fidelity: ClassVar[Fidelity] = Fidelity.MINOR
    what: ClassVar[str] = "VGG features of flow and strain side by side, and an LSTM over the steps"

    @property
    def streams(self) -> tuple[StreamName, ...]:
        """The flow, and with three streams the frames, too."""
        return ("appearance", "flow") if "grey" in self.settings.network.seen else ("flow",)

    @property
    def mirrored_signs(self) -> tuple[float, ...]:
        """Those of u, v, their length, strain and, with three streams, grey."""
        return (-1.0, 1.0, 1.0, 1.0, 1.0)[: sum(len(STREAMS[kind]) for kind in self.settings.network.seen)]

    @property
    def backbones(self) -> tuple[str, ...]:
        """One a stream."""
        return self.settings.network.seen

    def build(self, n_classes: int, shape: Shape) -> ELRCN:
        """Return the network, its weights drawn from torch's generator.

        Parameters
        ----------
        n_classes
            Classes told apart.
        shape
            Of a clip as :meth:`tensor` returns it.
        """
        return ELRCN(n_classes, shape[2:], self.settings.network)

    def tensor(self, clip: PreparedClip) -> Float32[Tensor, "t c h w"]:
        """Return u, v, their length, strain and, with three streams, the frame in which each field of flow begins.

        Parameters
        ----------
        clip
            With flow, and with three streams as many frames as fields.

        Raises
        ------
        ShapeError
            If it has another number of frames than of fields, or of another size.
        """
        flow = np.asarray(clip.flow)
        strain = strain_of_clip(clip, diff=self.settings.diff)
        channels = [*flow.transpose(1, 0, 2, 3), np.hypot(flow[:, 0], flow[:, 1]), strain]
        if "grey" in self.settings.network.seen:
            channels.append(_frames(clip, flow.shape))
        tensor = torch.from_numpy(np.stack(channels, axis=1))
        return self._quantized(tensor) if self.settings.quantize else tensor

    def _quantized(self, tensor: Float32[Tensor, "t c h w"]) -> Float32[Tensor, "t c h w"]:
        parts = [through_eight_bits(tensor[:, list(STREAMS[kind])], kind) for kind in self.settings.network.seen]
        return torch.cat(parts, dim=1)


def _frames(clip: PreparedClip, flow: tuple[int, ...]) -> NDArray[np.float32]:
    frames = np.asarray(clip.appearance)
    if frames.shape != (flow[0], *flow[2:]):
        raise ShapeError(
            f"three streams need a frame for each field of flow, but its frames are {frames.shape} and its flow {flow}",
            where=clip.clip,
            hint="Use --set network.streams=2, or clips with adjacent pairs",
        )
    return frames


COMMON = ELRCNSettings(
    recipe=Recipe(size=112, steps=9),
    first=TrainingSettings(epochs=10, inner_epochs=EPOCHS),
    fine_tuning=TrainingSettings(epochs=10, inner_epochs=EPOCHS, learning_rate=1e-5),
    training=TrainingSettings(epochs=50),
)
PAPER = ELRCNSettings(
    recipe=Recipe(size=224, steps=9, flow="tvl1", temporal_average=0.0),
    network=ELRCNNetworkSettings(lstm_width=3000, sigmoid=True),
    first=TrainingSettings(epochs=10, inner_epochs=EPOCHS),
    fine_tuning=TrainingSettings(epochs=10, inner_epochs=EPOCHS, batch_size=1, learning_rate=1e-5),
    training=TrainingSettings(epochs=100, batch_size=1, learning_rate=1e-5),
    diff="backward",
    quantize=True,
)
