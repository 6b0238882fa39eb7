"""SSSNet as a recogniser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dstan.config import setting
from dstan.networks.sssnet import SSSNet, SSSNetSettings
from dstan.preprocessing.recipe import Recipe
from dstan.recognizers.contract import Fidelity
from dstan.recognizers.flow_image import FlowImageRecognizer, FlowImageSettings
from dstan.recognizers.network import Shape
from dstan.training import AugmentationSettings, TrainingSettings


@dataclass(frozen=True)
class SSSNetRecognizerSettings(FlowImageSettings):
    """All settings of SSSNet."""

    network: SSSNetSettings = setting(SSSNetSettings(), "The network.")


class SSSNetRecognizer(FlowImageRecognizer):
    """A shallow net of a single stream over flow from onset to apex and its strain [1]_ [2]_.

    Network and training are those of the authors' code. They take flow by Classic+NL, which is not here: in the paper
    track it is TV-L1 between single frames, and each image is stretched by itself to 0 to 1, as theirs are. Their
    strain sums the squares of all four derivatives; here it is the magnitude of the strain tensor. The paper track
    trains as the second paper does, for action units there and for classes here. In the common track the same net
    learns in fewer passes, from images of one scale that are mirrored and shifted a little.

    Parameters
    ----------
    name
        The method's name.
    settings
        All its settings.

    References
    ----------
    .. [1] T. Varanka, W. Peng, G. Zhao, "Micro-expression recognition with noisy labels", IS&T Electronic Imaging,
       2021.
    .. [2] T. Varanka, Y. Li, W. Peng, G. Zhao, "Data leakage and evaluation issues in micro-expression analysis",
       IEEE Transactions on Affective Computing, 2023.
    """

    settings: SSSNetRecognizerSettings
    reference: ClassVar[str] = "T. Varanka et al., IEEE Transactions on Affective Computing, 2023"
    fidelity: ClassVar[Fidelity] = Fidelity.MINOR
    what: ClassVar[str] = "a shallow stream over flow from onset to apex and its strain"

    @property
    def size(self) -> int:
        """Side of the image, in pixels."""
        return self.settings.network.size

    def build(self, n_classes: int, shape: Shape) -> SSSNet:
        """Return the network, its weights drawn from torch's generator.

        Parameters
        ----------
        n_classes
            Classes told apart.
        shape
            Of a clip as :meth:`tensor` returns it.
        """
        return SSSNet(n_classes, self.settings.network)


COMMON = SSSNetRecognizerSettings(
    recipe=Recipe(size=(170, 140), pairs="onset-apex"),
    training=TrainingSettings(epochs=60, weight_decay=1e-3, augmentation=AugmentationSettings(mirror=True, shift=0.04)),
)
PAPER = SSSNetRecognizerSettings(
    recipe=Recipe(size=(170, 140), pairs="onset-apex", flow="tvl1", temporal_average=0.0),
    network=SSSNetSettings(per_image=True),
    training=TrainingSettings(epochs=200, batch_size=32, learning_rate=1e-4, weight_decay=1e-3),
)
