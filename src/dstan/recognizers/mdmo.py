"""MDMO as a recogniser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dstan.clips import PreparedClip
from dstan.config import Settings, setting
from dstan.descriptors.mdmo import mdmo
from dstan.descriptors.regions import REGIONS
from dstan.errors import FaceError
from dstan.preprocessing.recipe import Recipe
from dstan.recognizers.contract import Fidelity
from dstan.recognizers.descriptor import DescriptorRecognizer, DescriptorSettings
from dstan.svm import SVMSettings


@dataclass(frozen=True)
class MDMOOptions(Settings):
    """The arguments of :func:`~dstan.descriptors.mdmo.mdmo`."""

    align: bool = setting(True, "The motion of the head is taken out of each field of flow.")
    angle: str = setting("polar", "Angles as published, or their sines and cosines.", choices=("polar", "sincos"))


@dataclass(frozen=True)
class MDMOSettings(DescriptorSettings):
    """Everything that decides MDMO."""

    descriptor: MDMOOptions = setting(MDMOOptions(), "The 36 regions' main motions.")
    alpha: tuple[float, ...] = setting(
        (0.9,),
        "Candidates for the weight of lengths, that of angles being 1 - alpha; without effect where svm.standardise "
        "weighs all alike.",
        low=0,
        high=1,
    )


class MDMO(DescriptorRecognizer):
    """Main directional mean optical flow of 36 facial regions, with a polynomial SVM.

    Regions, bins, means and alignment follow the paper; where its text leaves a choice (the root of the nose, points
    above the brows that scale with the face, how the head's motion is applied), it is ours. It chose alpha and the
    kernel by the test clips' accuracy; here alpha is fixed at the .9 of Sparse MDMO, or chosen on training clips among
    the candidates given, and so are C and gamma.

    Parameters
    ----------
    name
        The method's name in the registry.
    settings
        All its settings.
    """

    settings: MDMOSettings
    reference: ClassVar[str] = "Y.-J. Liu et al., IEEE Transactions on Affective Computing 7(4), 2016"
    fidelity: ClassVar[Fidelity] = Fidelity.MINOR
    what: ClassVar[str] = "mean flow of the main direction in 36 facial regions"
    streams = ("flow",)

    def describe(self, clip: PreparedClip) -> NDArray[Any]:
        """Return (72,) lengths and angles, or (108,) lengths, sines and cosines.

        Parameters
        ----------
        clip
            With flow from its first frame, and landmarks.

        Raises
        ------
        FaceError
            If it has no landmarks.
        """
        assert clip.flow is not None
        return mdmo(clip.flow, landmarks_of(clip), **vars(self.settings.descriptor))

    @property
    def variants(self) -> tuple[float, ...]:
        """Candidates for alpha."""
        return self.settings.alpha

    def apply_variant(
        self, features: NDArray[np.float64], variant: float, fitted: Mapping[str, NDArray[Any]]
    ) -> NDArray[np.float64]:
        """Return the features with lengths weighted by alpha and the rest by 1 - alpha (equation 15).

        Parameters
        ----------
        features
            (n, D), one row a clip.
        variant
            Alpha.
        fitted
            Nothing.
        """
        weights = np.full(features.shape[1], 1 - variant)
        weights[: len(REGIONS)] = variant
        return np.asarray(features * weights)


def landmarks_of(clip: PreparedClip) -> NDArray[np.float32]:
    """Return the (468, 2) landmarks of a prepared clip.

    Parameters
    ----------
    clip
        Prepared with ``face_points``.

    Raises
    ------
    FaceError
        If it has none.
    """
    if clip.landmarks is None:
        raise FaceError(
            "it has no landmarks, and the facial regions lie between them",
            where=clip.clip,
            hint="Prepare it with --set recipe.face_points=true, or give them: "
            "PreparedClip.from_arrays(flow=..., landmarks=...)",
        )
    return clip.landmarks


COMMON = MDMOSettings(
    recipe=Recipe(size=(170, 140), steps=10, pairs="onset", face_points=True),
    svm=SVMSettings(kernel="poly", gamma=(0.05, 0.1, 0.2, 0.5, 1.0), standardise=True),
)
PAPER = MDMOSettings(
    recipe=Recipe(
        size=(170, 140), steps=20, pairs="onset", face_points=True, flow="rlof", texture=True, temporal_average=0.0
    ),
    svm=SVMSettings(kernel="poly", C=(1.0, 10.0, 100.0), gamma=(0.05, 0.1, 0.2, 0.5, 1.0), balanced=False),
)
