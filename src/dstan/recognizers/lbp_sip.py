"""LBP-SIP as a recogniser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.typing import NDArray

from dstan.clips import PreparedClip
from dstan.config import Settings, setting
from dstan.descriptors.blocks import Grid
from dstan.descriptors.lbp_sip import lbp_sip
from dstan.descriptors.patterns import Radii
from dstan.preprocessing.recipe import Recipe
from dstan.recognizers.contract import Fidelity
from dstan.recognizers.descriptor import DescriptorRecognizer, DescriptorSettings
from dstan.svm import SVMSettings


@dataclass(frozen=True)
class LBPSIPOptions(Settings):
    """The arguments of :func:`~dstan.descriptors.lbp_sip.lbp_sip`."""

    grid: Grid = setting((5, 5), "Rows and columns of blocks.", low=1, high=64)
    time_blocks: int = setting(1, "Blocks that follow each other in time.", low=1, high=64)
    radii: Radii = setting((1, 1, 2), "R_X and R_Y in pixels, R_T in frames.", low=1, high=32)


@dataclass(frozen=True)
class LBPSIPSettings(DescriptorSettings):
    """Everything that decides LBP-SIP."""

    descriptor: LBPSIPOptions = setting(LBPSIPOptions(), "The patterns.")


class LBPSIP(DescriptorRecognizer):
    """Local binary patterns with six intersection points, by blocks, and a linear SVM.

    That the four spatial and the two temporal neighbours have a histogram each follows from the published length of 20.
    The published settings are the blocks of CASME II (``--set descriptor.grid=[8,8]`` for SMIC), the radii of a survey
    that ran the method, and C = 10000; blocks and C could not be checked in the paper itself. Its pyramid of
    resolutions and its Wiener filter are left out.

    Parameters
    ----------
    name
        The method's name in the registry.
    settings
        All its settings.
    """

    settings: LBPSIPSettings
    reference: ClassVar[str] = "Y. Wang, J. See, R. C.-W. Phan and Y.-H. Oh, ACCV 2014"
    fidelity: ClassVar[Fidelity] = Fidelity.MINOR
    what: ClassVar[str] = "binary patterns of six neighbours in space and time, by blocks"

    def describe(self, clip: PreparedClip) -> NDArray[Any]:
        """Return the (D,) patterns of a clip.

        Parameters
        ----------
        clip
            With appearance, at least 2 R_T + 1 frames.
        """
        assert clip.appearance is not None
        return lbp_sip(clip.appearance, **vars(self.settings.descriptor))


COMMON = LBPSIPSettings(recipe=Recipe(size=(170, 140), steps=10))
PAPER = LBPSIPSettings(recipe=COMMON.recipe, svm=SVMSettings(C=(10000.0,), balanced=False))
