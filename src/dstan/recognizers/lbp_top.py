"""LBP-TOP as a recogniser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.typing import NDArray

from dstan.clips import PreparedClip
from dstan.config import Settings, setting
from dstan.descriptors.blocks import Grid
from dstan.descriptors.lbp_top import MAPPINGS, lbp_top
from dstan.descriptors.patterns import SAMPLINGS, Radii
from dstan.preprocessing.recipe import Recipe
from dstan.recognizers.contract import Fidelity
from dstan.recognizers.descriptor import DescriptorRecognizer, DescriptorSettings
from dstan.svm import SVMSettings


@dataclass(frozen=True)
class LBPTOPOptions(Settings):
    """The arguments of :func:`~dstan.descriptors.lbp_top.lbp_top`."""

    grid: Grid = setting((5, 5), "Rows and columns of blocks.", low=1, high=64)
    time_blocks: int = setting(1, "Blocks that follow each other in time.", low=1, high=64)
    points: int = setting(4, "Neighbours of a centre on each plane.", low=2, high=16)
    radii: Radii = setting((1, 1, 2), "R_X and R_Y in pixels, R_T in frames.", low=1, high=32)
    sampling: str = setting("nearest", "How neighbours between pixels are read.", choices=SAMPLINGS)
    mapping: str = setting("basic", "Bins: one for each code, or u2.", choices=MAPPINGS)


@dataclass(frozen=True)
class LBPTOPSettings(DescriptorSettings):
    """Everything that decides LBP-TOP."""

    descriptor: LBPTOPOptions = setting(LBPTOPOptions(), "The patterns.")


class LBPTOP(DescriptorRecognizer):
    """Local binary patterns on three orthogonal planes, by blocks, and a linear SVM.

    The descriptor is known to the last bit. The published settings are those of the MEGC 2019 baseline, which says 10
    frames, 5 x 5 blocks, four neighbours and the radii (1, 1, 4); the size of its crops and its C are not published.
    The common settings have R_T = 2, since 4 leaves two of ten frames.

    Parameters
    ----------
    name
        The method's name in the registry.
    settings
        All its settings.
    """

    settings: LBPTOPSettings
    reference: ClassVar[str] = "G. Zhao and M. Pietikäinen, IEEE TPAMI 29(6), 2007"
    fidelity: ClassVar[Fidelity] = Fidelity.EXACT
    what: ClassVar[str] = "binary patterns on three planes, by blocks"

    def describe(self, clip: PreparedClip) -> NDArray[Any]:
        """Return the (D,) patterns of a clip.

        Parameters
        ----------
        clip
            With appearance, at least 2 R_T + 1 frames.
        """
        assert clip.appearance is not None
        return lbp_top(clip.appearance, **vars(self.settings.descriptor))


COMMON = LBPTOPSettings(recipe=Recipe(size=(170, 140), steps=10))
PAPER = LBPTOPSettings(
    recipe=COMMON.recipe,
    descriptor=LBPTOPOptions(radii=(1, 1, 4)),
    svm=SVMSettings(C=tuple(2.0**power for power in range(-10, 11)), balanced=False),
)
