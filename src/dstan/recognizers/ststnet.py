"""STSTNet as a recogniser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dstan.config import setting
from dstan.networks.ststnet import STSTNet, STSTNetSettings
from dstan.preprocessing.recipe import Recipe
from dstan.recognizers.contract import Fidelity
from dstan.recognizers.flow_image import FlowImageRecognizer, FlowImageSettings
from dstan.recognizers.network import Shape
from dstan.training import AugmentationSettings, TrainingSettings


@dataclass(frozen=True)
class STSTNetRecognizerSettings(FlowImageSettings):
    """All settings of STSTNet."""

    network: STSTNetSettings = setting(STSTNetSettings(), "The network.")


class STSTNetRecognizer(FlowImageRecognizer):
    """Three shallow streams over flow from onset to apex and its strain [1]_.

    Network and training are those of the authors' code; how their images of flow were cropped and stretched is not
    part of it. In the paper track flow is TV-L1 between single frames, each image is stretched by itself to 0 to 255,
    and training is the published one: 500 passes with a very small step. In the common track the same net learns
    faster, from images of one scale that are mirrored and shifted a little.

    Parameters
    ----------
    name
        The method's name.
    settings
        All its settings.

    References
    ----------
    .. [1] S.-T. Liong, Y. S. Gan, J. See, H.-Q. Khor, Y.-C. Huang, "Shallow triple stream three-dimensional CNN
       (STSTNet) for micro-expression recognition", FG 2019.
    """

    settings: STSTNetRecognizerSettings
    reference: ClassVar[str] = "S.-T. Liong et al., FG 2019"
    fidelity: ClassVar[Fidelity] = Fidelity.MINOR
    what: ClassVar[str] = "three shallow streams over flow from onset to apex and its strain"

    @property
    def size(self) -> int:
        """Side of the image, in pixels."""
        return self.settings.network.size

    def build(self, n_classes: int, shape: Shape) -> STSTNet:
        """Return the network, its weights drawn from torch's generator.

        Parameters
        ----------
        n_classes
            Classes told apart.
        shape
            Of a clip as :meth:`tensor` returns it.
        """
        return STSTNet(n_classes, self.settings.network)


COMMON = STSTNetRecognizerSettings(
    recipe=Recipe(size=(170, 140), pairs="onset-apex"),
    training=TrainingSettings(epochs=60, augmentation=AugmentationSettings(mirror=True, shift=0.04)),
)
PAPER = STSTNetRecognizerSettings(
    recipe=Recipe(size=(170, 140), pairs="onset-apex", flow="tvl1", temporal_average=0.0),
    network=STSTNetSettings(per_image=True),
    training=TrainingSettings(epochs=500, batch_size=256, learning_rate=5e-5),
)
