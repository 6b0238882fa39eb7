"""FDM as a recogniser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dstan.clips import PreparedClip
from dstan.config import Settings, setting
from dstan.descriptors.blocks import Grid
from dstan.descriptors.fdm import WEIGHTS, fdm
from dstan.preprocessing.recipe import Recipe
from dstan.recognizers.contract import Fidelity, StreamName
from dstan.recognizers.descriptor import DescriptorRecognizer, DescriptorSettings
from dstan.svm import SVMSettings


@dataclass(frozen=True)
class FDMOptions(Settings):
    """Arguments of :func:`dstan.descriptors.fdm.fdm`."""

    grid: Grid = setting((8, 8), "Rows and columns of blocks.", low=1, high=64)
    tau: int = setting(10, "Fields of flow in a batch; fields that do not fill one are left out.", low=1, high=512)
    align: bool = setting(True, "The shift that leaves most pixels of a field still is subtracted.")
    dead_zone: float = setting(1e-3, "Pixels: where motion is smaller on average, there is no direction.", low=0)
    weight: str = setting("none", "Length of a direction: 1, or log(1 + mean magnitude).", choices=WEIGHTS)
    quant: int = setting(0, "Directions are rounded to so many, such as 8 or 16; 0: not at all.", low=0, high=360)
    one_hot: bool = setting(False, "A place for each rounded direction in place of x and y.")


@dataclass(frozen=True)
class FDMSettings(DescriptorSettings):
    """All settings of FDM."""

    descriptor: FDMOptions = setting(FDMOptions(), "The facial dynamics map.")


class FDM(DescriptorRecognizer):
    """The facial dynamics map and an SVM with a radial kernel [1]_.

    The structure is known (shifts undone field by field, cuboids, a principal direction in each, the kernel); what
    is maximised in a cuboid, how the shift is found, the flow algorithm and the number of frames are not, and are
    this library's. Cuboids are of ``tau`` whole fields: clips need as many fields of flow as those learned from.
    In the common track the 10 fields of 10 steps make 3 batches of 3 fields; the last field is left out. In the paper
    track the 31 fields between 32 frames make 3 batches of 10.

    Parameters
    ----------
    name
        The method's name.
    settings
        All its settings.

    References
    ----------
    .. [1] F. Xu, J. Zhang, J. Z. Wang, "Microexpression identification and categorization using a facial dynamics
       map", IEEE Transactions on Affective Computing 8(2), 2017.
    """

    settings: FDMSettings
    reference: ClassVar[str] = "F. Xu, J. Zhang and J. Z. Wang, IEEE TAC 8(2), 2017"
    fidelity: ClassVar[Fidelity] = Fidelity.STRUCTURE
    what: ClassVar[str] = "principal direction of motion in each cuboid"
    streams: ClassVar[tuple[StreamName, ...]] = ("flow",)

    def describe(self, clip: PreparedClip) -> NDArray[Any]:
        """Return the (D,) map of a clip.

        Parameters
        ----------
        clip
            With flow between neighbouring frames.
        """
        return fdm(np.asarray(clip.flow), **vars(self.settings.descriptor))


COMMON = FDMSettings(
    recipe=Recipe(size=(170, 140), steps=10),
    descriptor=FDMOptions(tau=3),
    svm=SVMSettings(kernel="rbf", standardise=True, balanced=True),
)
PAPER = FDMSettings(
    recipe=Recipe(size=(170, 140), steps=31, temporal_average=0.0),
    descriptor=FDMOptions(tau=10),
    svm=SVMSettings(kernel="rbf", standardise=False, balanced=False),
)
