"""STLBP-IP as a recogniser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dstan.clips import PreparedClip
from dstan.config import Settings, setting
from dstan.descriptors.blocks import Grid
from dstan.descriptors.patterns import SAMPLINGS
from dstan.descriptors.stlbp_ip import MAPPINGS, PADS, stlbp_ip
from dstan.preprocessing.recipe import Recipe
from dstan.recognizers.contract import Fidelity
from dstan.recognizers.descriptor import DescriptorRecognizer, DescriptorSettings
from dstan.svm import SVMSettings


@dataclass(frozen=True)
class STLBPIPOptions(Settings):
    """The arguments of :func:`~dstan.descriptors.stlbp_ip.stlbp_ip`."""

    grid: Grid = setting((8, 9), "Rows and columns of blocks.", low=1, high=64)
    radius: int = setting(2, "Radius of the patterns over time, in frames and in pixels.", low=1, high=16)
    line_mapping: str = setting("u2", "Bins of the patterns along a projection: 59 or 256.", choices=MAPPINGS)
    sampling: str = setting("bilinear", "How neighbours between positions are read.", choices=SAMPLINGS)
    pad: str = setting(
        "none",
        "Whether a projection goes on beyond its block with its last value; without it blocks need 9 pixels a side.",
        choices=PADS,
    )
    dead_zone: float = setting(
        0.0, "Grey levels by which a neighbour may be below the centre and count as equal.", low=0, high=255
    )


@dataclass(frozen=True)
class STLBPIPSettings(DescriptorSettings):
    """Everything that decides STLBP-IP."""

    descriptor: STLBPIPOptions = setting(STLBPIPOptions(), "The patterns.")


class STLBPIP(DescriptorRecognizer):
    """Spatiotemporal local binary patterns with integral projection, and an SVM with the chi-square kernel.

    The projections, both kinds of patterns and the blocks are known from papers that compare with it, one by an author
    of the method. The number of frames of the original is not, nor how its samples between pixels were read. The
    common track has 10 frames, so radius 2; the published settings are those of that comparison: 32 frames, radius 3.

    Parameters
    ----------
    name
        The method's name in the registry.
    settings
        All its settings.
    """

    settings: STLBPIPSettings
    reference: ClassVar[str] = "X. Huang, S.-J. Wang, G. Zhao and M. Pietikäinen, ICCV Workshops 2015"
    fidelity: ClassVar[Fidelity] = Fidelity.MINOR
    what: ClassVar[str] = "binary patterns of projected differences, by blocks"

    def describe(self, clip: PreparedClip) -> NDArray[Any]:
        """Return the (D,) patterns of a clip.

        Parameters
        ----------
        clip
            With appearance, at least 2 radius + 2 frames.
        """
        assert clip.appearance is not None
        features: NDArray[np.float64] = stlbp_ip(clip.appearance, **vars(self.settings.descriptor))
        return features


COMMON = STLBPIPSettings(recipe=Recipe(size=(170, 140), steps=10), svm=SVMSettings(kernel="chi2"))
PAPER = STLBPIPSettings(
    recipe=Recipe(size=(170, 140), steps=32),
    descriptor=STLBPIPOptions(radius=3),
    svm=SVMSettings(kernel="chi2", balanced=False),
)
