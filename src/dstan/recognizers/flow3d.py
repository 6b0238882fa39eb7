"""3D-FCNN as a recogniser."""

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
from dstan.networks.flow3d import LEAST_STEPS, Flow3D, Flow3DSettings
from dstan.preprocessing.recipe import Recipe
from dstan.recognizers.contract import Fidelity, StreamName
from dstan.recognizers.network import NetworkRecognizer, NetworkSettings, Shape
from dstan.training import AugmentationSettings, TrainingSettings

HINT = "Prepare the clips with --set recipe.steps=16 --set recipe.pairs=adjacent"


@dataclass(frozen=True)
class Flow3DRecognizerSettings(NetworkSettings):
    """All settings of 3D-FCNN."""

    network: Flow3DSettings = setting(Flow3DSettings(), "The network.")


class Flow3DRecognizer(NetworkRecognizer):
    """Three streams of 3-D convolutions over grey frames, horizontal flow and vertical flow [1]_.

    Sizes of layers, number of frames and training are not known, so this is a re-interpretation. By default each
    stream averages its maps over time and positions; ``network.gap=false`` lets its fully connected layer see all of
    them, which makes a network of 6.5 million parameters out of one of 0.2. Frames are not jittered in time while the
    network learns: clips are resampled once, in preprocessing, and kept.

    Parameters
    ----------
    name
        The method's name.
    settings
        All its settings.

    References
    ----------
    .. [1] J. Li, Y. Wang, J. See, W. Liu, "Micro-expression recognition based on 3D flow convolutional neural
       network", Pattern Analysis and Applications 22(4), 2019.
    """

    settings: Flow3DRecognizerSettings
    reference: ClassVar[str] = "J. Li et al., Pattern Analysis and Applications 22(4), 2019"
    fidelity: ClassVar[Fidelity] = Fidelity.REINTERPRETATION
    what: ClassVar[str] = "three streams of 3-D convolutions over frames and flow"
    streams: ClassVar[tuple[StreamName, ...]] = ("appearance", "flow")

    @property
    def mirrored_signs(self) -> tuple[float, ...]:
        """Those of grey, u and v."""
        return (1.0, -1.0, 1.0)

    def build(self, n_classes: int, shape: Shape) -> Flow3D:
        """Return the network, its weights drawn from torch's generator.

        Parameters
        ----------
        n_classes
            Classes told apart.
        shape
            Of a clip as :meth:`tensor` returns it.
        """
        return Flow3D(n_classes, shape, self.settings.network)

    def tensor(self, clip: PreparedClip) -> Float32[Tensor, "t 3 h w"]:
        """Return grey, u and v of each step.

        Parameters
        ----------
        clip
            With as many frames as fields of flow, at least four of each.

        Raises
        ------
        ShapeError
            If there are fewer, or not as many of one as of the other, or their sizes differ.
        """
        grey, flow = np.asarray(clip.appearance)[:, None], np.asarray(clip.flow)
        if len(flow) < LEAST_STEPS:
            raise ShapeError(
                f"{self.name} needs at least {LEAST_STEPS} fields of flow, and this clip has {len(flow)}",
                where=clip.clip,
                hint=HINT,
            )
        if len(grey) != len(flow) or grey.shape[2:] != flow.shape[2:]:
            raise ShapeError(
                f"{self.name} needs as many frames as fields of flow, of one size, and this clip has {len(grey)} of "
                f"{grey.shape[2]} x {grey.shape[3]} and {len(flow)} of {flow.shape[2]} x {flow.shape[3]}",
                where=clip.clip,
                hint=HINT,
            )
        return torch.from_numpy(np.concatenate([grey, flow], axis=1))


COMMON = Flow3DRecognizerSettings(
    recipe=Recipe(size=64, steps=16),
    training=TrainingSettings(
        epochs=60,
        batch_size=16,
        schedule="steps",
        weight_decay=5e-4,
        augmentation=AugmentationSettings(mirror=True, shift=4 / 64),
    ),
)
