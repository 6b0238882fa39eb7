"""LCBP (re-interpretation) as a recogniser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dstan.clips import PreparedClip
from dstan.config import Settings, setting
from dstan.descriptors.blocks import Grid
from dstan.descriptors.lcbp import BINS, block_energy, energy_weights, lcbp
from dstan.preprocessing.recipe import Recipe
from dstan.recognizers.contract import Fidelity
from dstan.recognizers.descriptor import DescriptorRecognizer, DescriptorSettings
from dstan.svm import SVMSettings


@dataclass(frozen=True)
class LCBPOptions(Settings):
    """The arguments of :func:`~dstan.descriptors.lcbp.lcbp`."""

    grid: Grid = setting((8, 8), "Rows and columns of blocks.", low=1, high=64)
    step: int = setting(1, "Frames from the middle of a cube to its ends.", low=1, high=16)
    margin: float = setting(
        0.0, "Grey levels by which a direction of motion has to be cheaper than the average one.", low=0, high=255
    )


@dataclass(frozen=True)
class LCBPSettings(DescriptorSettings):
    """Everything that decides LCBP."""

    descriptor: LCBPOptions = setting(LCBPOptions(), "The codes.")


class LCBP(DescriptorRecognizer):
    """A re-interpretation of local cube binary patterns, with an SVM: its results are not those of the published LCBP.

    The paper's three code formulas are not public: only abstracts could be read. They name a direction, an amplitude
    and a spatial code, regions weighted by differential energy, and an SVM; the formulas here keep to that and are
    ours (:func:`~dstan.descriptors.lcbp.encode`), as are frames, blocks and kernel. So nothing but the weight of rare
    classes sets the published settings apart from the common ones. The weights of blocks are fitted on training clips.

    Parameters
    ----------
    name
        The method's name in the registry.
    settings
        All its settings.
    """

    settings: LCBPSettings
    reference: ClassVar[str] = "M. Yu, Z. Guo, Y. Yu, Y. Wang and S. Cen, IEEE Access 7, 2019"
    fidelity: ClassVar[Fidelity] = Fidelity.REINTERPRETATION
    what: ClassVar[str] = "codes of small cubes, blocks weighted by energy; re-interpreted, its formulas are not public"

    def describe(self, clip: PreparedClip) -> NDArray[Any]:
        """Return (B, 178): of each block 177 shares of codes, then its energy; a static clip's energies are 0.

        Parameters
        ----------
        clip
            With appearance, at least 2 steps + 1 frames.
        """
        assert clip.appearance is not None
        options = self.settings.descriptor
        codes = lcbp(clip.appearance, **vars(options)).reshape(-1, BINS)
        energy = block_energy(clip.appearance, grid=options.grid)
        return np.concatenate([codes, energy[:, None]], axis=1)

    def learn(self, described: Sequence[NDArray[Any]], seed: int) -> Mapping[str, NDArray[Any]]:
        """Fit the weights of the blocks.

        Parameters
        ----------
        described
            What :meth:`describe` returned for each training clip.
        seed
            Without effect: nothing is random.
        """
        return {"weights": energy_weights([one[:, BINS] for one in described])}

    def features(self, described: NDArray[Any], learned: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Return the (177 B,) weighted shares of codes.

        Parameters
        ----------
        described
            What :meth:`describe` returned.
        learned
            The ``weights``.
        """
        return np.asarray(described[:, :BINS] * learned["weights"][:, None]).ravel()


COMMON = LCBPSettings(recipe=Recipe(size=(170, 140), steps=10), svm=SVMSettings(kernel="chi2"))
PAPER = LCBPSettings(recipe=COMMON.recipe, svm=SVMSettings(kernel="chi2", balanced=False))
