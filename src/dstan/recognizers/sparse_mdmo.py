"""Sparse MDMO as a recogniser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dstan.clips import PreparedClip
from dstan.config import Settings, setting
from dstan.descriptors.clip_graph import GRAPHS
from dstan.descriptors.sparse_coding import code, learn_dictionary
from dstan.descriptors.sparse_mdmo import ATOMS, mix, pool, sparse_mdmo, split
from dstan.recognizers import mdmo
from dstan.recognizers.contract import Fidelity
from dstan.recognizers.descriptor import DescriptorRecognizer, DescriptorSettings
from dstan.svm import SVMSettings


@dataclass(frozen=True)
class SparseMDMOOptions(Settings):
    """The arguments of :func:`~dstan.descriptors.sparse_mdmo.sparse_mdmo`."""

    align: bool = setting(True, "The motion of the head is taken out of each field of flow.")
    atoms: str = setting("polar_raw", "Regions by length and angle as published, or by u and v.", choices=ATOMS)
    graph: str = setting(
        "sparse", "Neighbours in a clip: by self-representation, by distance (GraphSC), none (BasicSC).", choices=GRAPHS
    )
    neighbours: int = setting(5, "The nearest of each field that are taken.", low=1, high=64)


@dataclass(frozen=True)
class DictionarySettings(Settings):
    """The arguments of :func:`~dstan.descriptors.sparse_coding.learn_dictionary`."""

    atoms: int = setting(256, "Atoms of the dictionary.", low=1, high=4096)
    weight: float = setting(1.0, "What a difference between the codes of neighbours costs.", low=0, high=1e3)
    sparsity: float = setting(0.3, "What codes cost.", low=1e-6, high=1e3)


@dataclass(frozen=True)
class SparseMDMOSettings(DescriptorSettings):
    """Everything that decides Sparse MDMO."""

    descriptor: SparseMDMOOptions = setting(SparseMDMOOptions(), "The samples of a clip and its graph.")
    dictionary: DictionarySettings = setting(DictionarySettings(), "How samples are coded.")
    pooling: tuple[float, ...] = setting(
        (0.0, 0.25, 0.5, 0.75, 1.0),
        "Candidates for the weight of an atom's largest code, that of its mean being the rest.",
        low=0,
        high=1,
    )


class SparseMDMO(DescriptorRecognizer):
    """Main directional motions of every field, sparse coded along the clip's graph, with a polynomial SVM.

    The objective, its graph and the pooling follow the paper. Ours are: self-representation with a small penalty, for
    the exact one has no solution; the symmetry of the graph, and ties going to the nearest in time; how the objective
    is minimised; and the weights of graph and sparsity, which the paper chose but does not print. Its dictionary saw
    the test clips; this one is learned from the training clips, and a clip is coded by it and its own graph alone.
    Both tracks have the published samples of lengths and angles, although angles outweigh lengths and jump at pi: with
    others it would be another method. ``descriptor.atoms = "cartesian"`` has u and v, divided by their root mean square
    over the training clips.

    Parameters
    ----------
    name
        The method's name in the registry.
    settings
        All its settings.
    """

    settings: SparseMDMOSettings
    reference: ClassVar[str] = "Y.-J. Liu et al., IEEE Transactions on Affective Computing 12(1), 2021"
    fidelity: ClassVar[Fidelity] = Fidelity.MINOR
    what: ClassVar[str] = "sparse codes of the motions in 36 facial regions"
    streams = ("flow",)

    def describe(self, clip: PreparedClip) -> NDArray[Any]:
        """Return (T, 72 + T): the samples of the T fields, then the Laplacian of the graph among them.

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
        return sparse_mdmo(clip.flow, mdmo.landmarks_of(clip), **vars(self.settings.descriptor))

    def learn(self, described: Sequence[NDArray[Any]], seed: int) -> Mapping[str, NDArray[Any]]:
        """Learn the dictionary (72, K) and the one number that samples are divided by.

        Parameters
        ----------
        described
            What :meth:`describe` returned for each training clip, all with as many fields.
        seed
            Of the dictionary at the beginning.
        """
        samples, laplacians = split(np.stack(described))
        scale = 1.0
        if self.settings.descriptor.atoms == "cartesian":
            scale = float(np.sqrt(np.mean(samples**2))) or 1.0
        learned = learn_dictionary(samples / scale, laplacians, seed=seed, **vars(self.settings.dictionary))
        return {"dictionary": learned.dictionary, "scale": np.array([scale])}

    def features(self, described: NDArray[Any], learned: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Return (2 K,): of each atom's absolute codes the largest, then of each the mean.

        Parameters
        ----------
        described
            What :meth:`describe` returned; any number of fields.
        learned
            What :meth:`learn` returned.
        """
        samples, laplacian = split(described)
        costs = self.settings.dictionary
        scaled = samples / learned["scale"]
        codes = code(scaled, laplacian, learned["dictionary"], weight=costs.weight, sparsity=costs.sparsity)
        return pool(codes)

    @property
    def variants(self) -> tuple[float, ...]:
        """Candidates for the weight v of the largest codes."""
        return self.settings.pooling

    def apply_variant(
        self, features: NDArray[np.float64], variant: float, fitted: Mapping[str, NDArray[Any]]
    ) -> NDArray[np.float64]:
        """Return (n, K): v of the largest codes and 1 - v of the means (equation 16).

        Parameters
        ----------
        features
            (n, 2 K), one row a clip.
        variant
            v.
        fitted
            Nothing.
        """
        return mix(features, variant)


COMMON = SparseMDMOSettings(
    recipe=mdmo.COMMON.recipe,
    svm=SVMSettings(kernel="poly", gamma=(0.001, 0.004, 0.02, 0.1), standardise=True),
)
PAPER = SparseMDMOSettings(
    recipe=mdmo.PAPER.recipe,
    svm=SVMSettings(kernel="poly", C=(1.0, 10.0, 100.0), gamma=(0.05, 0.1, 0.2, 0.5, 1.0), balanced=False),
)
