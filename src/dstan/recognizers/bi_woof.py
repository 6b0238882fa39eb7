"""Bi-WOOF as a recogniser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.typing import NDArray

from dstan.clips import PreparedClip
from dstan.config import Settings, setting
from dstan.descriptors.bi_woof import bi_woof
from dstan.descriptors.blocks import Grid
from dstan.preprocessing.recipe import Recipe
from dstan.recognizers.contract import Fidelity, StreamName
from dstan.recognizers.descriptor import DescriptorRecognizer, DescriptorSettings
from dstan.recognizers.flow_image import one_field
from dstan.svm import SVMSettings


@dataclass(frozen=True)
class BiWOOFOptions(Settings):
    """Arguments of :func:`dstan.descriptors.bi_woof.bi_woof`."""

    grid: Grid = setting((5, 5), "Rows and columns of blocks.", low=1, high=64)
    global_weight: bool = setting(True, "Blocks are weighted by their optical strain.")
    diff: str = setting("central", "Differences in the strain.", choices=("central", "backward"))


@dataclass(frozen=True)
class BiWOOFSettings(DescriptorSettings):
    """All settings of Bi-WOOF."""

    descriptor: BiWOOFOptions = setting(BiWOOFOptions(), "The bi-weighted oriented optical flow.")


class BiWOOF(DescriptorRecognizer):
    """Bi-weighted oriented optical flow from onset to apex and a linear SVM [1]_.

    The authors' code is public, so all that decides a feature is known. The grid is 5 x 5, as in that code: the
    paper's grids of 6 x 6 and 8 x 8 were chosen on the clips that its results are about. Where no apex is annotated, it
    is the recipe's; see :func:`dstan.preprocessing.apex.find_apex`. In the paper track flow is TV-L1 between single
    frames and strain is of backward differences.

    Parameters
    ----------
    name
        The method's name.
    settings
        All its settings.

    References
    ----------
    .. [1] S.-T. Liong, J. See, K. Wong, R. C.-W. Phan, "Less is more: micro-expression recognition from video using
       apex frame", Signal Processing: Image Communication 62, 2018.
    """

    settings: BiWOOFSettings
    reference: ClassVar[str] = "S.-T. Liong et al., Signal Processing: Image Communication 62, 2018"
    fidelity: ClassVar[Fidelity] = Fidelity.EXACT
    what: ClassVar[str] = "directions of flow from onset to apex, weighted by strain"
    streams: ClassVar[tuple[StreamName, ...]] = ("flow",)

    def describe(self, clip: PreparedClip) -> NDArray[Any]:
        """Return the (D,) feature of a clip.

        Parameters
        ----------
        clip
            With one field of flow, from onset to apex.

        Raises
        ------
        ShapeError
            If it has more fields.
        """
        (field,) = one_field(clip, f"{self.name} takes one field of flow")
        strain = None if clip.strain is None else clip.strain[0]
        return bi_woof(field.transpose(1, 2, 0), strain=strain, **vars(self.settings.descriptor))


COMMON = BiWOOFSettings(
    recipe=Recipe(size=(170, 140), steps=10, pairs="onset-apex"),
    svm=SVMSettings(kernel="linear", standardise=False, balanced=True),
)
PAPER = BiWOOFSettings(
    recipe=Recipe(size=(170, 140), steps=10, pairs="onset-apex", flow="tvl1", temporal_average=0.0),
    descriptor=BiWOOFOptions(diff="backward"),
    svm=SVMSettings(kernel="linear", C=(10000.0,), standardise=False, balanced=False),
)
