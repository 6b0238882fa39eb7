"""STCLQP as a recogniser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dstan.clips import PreparedClip
from dstan.config import Settings, setting
from dstan.descriptors.blocks import Grid, edges
from dstan.descriptors.quantisation import COMPONENTS, learn_codebooks, word_histograms
from dstan.descriptors.slpp import ENERGY, fit_slpp
from dstan.descriptors.stclqp import stclqp_codes
from dstan.preprocessing.recipe import Recipe
from dstan.recognizers.contract import Fidelity
from dstan.recognizers.descriptor import DescriptorRecognizer, DescriptorSettings
from dstan.svm import SVMSettings


@dataclass(frozen=True)
class STCLQPOptions(Settings):
    """What neighbourhoods are described, how words are learned, and how features are reduced."""

    grid: Grid = setting((8, 8), "Rows and columns of blocks.", low=1, high=64)
    points: int = setting(16, "Samples around a centre on each plane.", low=2, high=16)
    radius: int = setting(2, "Radius of their circle, in pixels and frames.", low=1, high=32)
    words: int = setting(20, "Words in each of the nine codebooks.", low=1, high=256)
    samples: int = setting(
        50_000, "Neighbourhoods of the training clips that a codebook is learned from, at most.", low=1, high=10**7
    )
    reduction: str = setting("slpp", "Supervised projection, or none, for a chi2 SVM.", choices=("slpp", "none"))
    dimensions: tuple[int, ...] = setting(
        (10, 20, 40, 80),
        "Candidates for what the projection keeps of each component; fewer where there are few training clips.",
        low=1,
        high=1000,
    )
    energy: float = setting(ENERGY, "Share of variance that is kept before the projection.", low=0.01, high=1)


@dataclass(frozen=True)
class STCLQPSettings(DescriptorSettings):
    """Everything that decides STCLQP."""

    descriptor: STCLQPOptions = setting(STCLQPOptions(), "The words and the projection.")


class STCLQP(DescriptorRecognizer):
    """Signs, magnitudes and orientations on three planes as learned words, a supervised projection, a linear SVM.

    The structure, and most parameters, are known from a later paper of the same authors; formulas of the orientation,
    how codebooks were made discriminative, and the projection's dimension are not. Here a codebook is one for each
    component and plane, learned without labels, and the dimension is chosen together with C. The input that was
    published is not known either, so both tracks use 10 frames; they differ in the SVM.

    Parameters
    ----------
    name
        The method's name in the registry.
    settings
        All its settings.
    """

    settings: STCLQPSettings
    reference: ClassVar[str] = "X. Huang et al., Neurocomputing 175, 2016"
    fidelity: ClassVar[Fidelity] = Fidelity.STRUCTURE
    what: ClassVar[str] = "learned words of sign, magnitude and orientation, by blocks"

    def describe(self, clip: PreparedClip) -> NDArray[Any]:
        """Return the (3, 8, T', H', W') bytes of a clip.

        Parameters
        ----------
        clip
            With appearance, at least 2 R + 1 frames.
        """
        assert clip.appearance is not None
        options = self.settings.descriptor
        for length, parts in zip(clip.appearance.shape[1:], options.grid, strict=True):
            edges(length, parts)
        return stclqp_codes(clip.appearance, radius=options.radius, points=options.points)

    def learn(self, described: Sequence[NDArray[Any]], seed: int) -> Mapping[str, NDArray[Any]]:
        """Return the codebooks of each component.

        Parameters
        ----------
        described
            The bytes of each training clip.
        seed
            Decides which neighbourhoods are drawn and where clustering starts.
        """
        options = self.settings.descriptor
        return learn_codebooks(described, words=options.words, samples=options.samples, seed=seed)

    def features(self, described: NDArray[Any], learned: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Return the histograms of words, one component after the other.

        Parameters
        ----------
        described
            The bytes of a clip.
        learned
            The codebooks.
        """
        options = self.settings.descriptor
        height, width = (length + 2 * options.radius for length in described.shape[-2:])
        return word_histograms(described, learned, shape=(height, width), grid=options.grid)

    @property
    def variants(self) -> tuple[float, ...]:
        """Candidates for the dimension of each component."""
        options = self.settings.descriptor
        return tuple(map(float, options.dimensions)) if options.reduction == "slpp" else super().variants

    def fit_variant(
        self, features: NDArray[np.float64], labels: NDArray[np.int64], variant: float
    ) -> Mapping[str, NDArray[Any]]:
        """Return the mean of the features and the projection of each component.

        Parameters
        ----------
        features
            (n, D), one row a training clip.
        labels
            (n,) classes counted from 0.
        variant
            The dimension, at most.
        """
        options = self.settings.descriptor
        if options.reduction == "none":
            return {}
        parts = zip(COMPONENTS, np.split(features, len(COMPONENTS), axis=1), strict=True)
        fitted = {name: fit_slpp(part, labels, int(variant), energy=options.energy) for name, part in parts}
        return {"mean": features.mean(axis=0), **fitted}

    def apply_variant(
        self, features: NDArray[np.float64], variant: float, fitted: Mapping[str, NDArray[Any]]
    ) -> NDArray[np.float64]:
        """Return the projected components side by side.

        Parameters
        ----------
        features
            (n, D), one row a clip.
        variant
            The dimension.
        fitted
            What :meth:`fit_variant` returned.
        """
        if self.settings.descriptor.reduction == "none":
            return features
        parts = zip(COMPONENTS, np.split(features - fitted["mean"], len(COMPONENTS), axis=1), strict=True)
        return np.concatenate([part @ fitted[name] for name, part in parts], axis=1)


COMMON = STCLQPSettings(recipe=Recipe(size=(170, 140), steps=10))
PAPER = STCLQPSettings(
    recipe=COMMON.recipe, svm=SVMSettings(C=tuple(2.0**power for power in range(-10, 11)), balanced=False)
)
