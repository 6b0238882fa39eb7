"""A descriptor and an SVM as a recogniser: what all handcrafted methods have in common.

Each clip is described by itself; what is fitted on the descriptions (a codebook, weights, a dictionary), then a variant
of the features, the SVM's penalty and its width are all fitted or chosen on the training clips.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dstan._random import child_seed
from dstan.clips import PreparedClip
from dstan.config import setting
from dstan.errors import ShapeError, naming
from dstan.recognizers.choice import Choice, Variants, choose
from dstan.recognizers.contract import Fidelity, Inference, MethodSettings, OnEpoch, Recognizer, StreamName, below
from dstan.svm import SVM, SVMSettings


@dataclass(frozen=True)
class DescriptorSettings(MethodSettings):
    """What the settings of every handcrafted method hold, besides the group ``descriptor`` of its own."""

    svm: SVMSettings = setting(SVMSettings(), "The classifier.")


class DescriptorRecognizer(Recognizer):
    """Base of the handcrafted methods.

    Parameters
    ----------
    name
        The method's name in the registry.
    settings
        All its settings.
    """

    settings: DescriptorSettings
    fidelity: ClassVar[Fidelity]
    what: ClassVar[str]
    streams: ClassVar[tuple[StreamName, ...]] = ("appearance",)

    def _forget(self) -> None:
        super()._forget()
        self.learned: Mapping[str, NDArray[Any]] = {}
        self.fitted: Mapping[str, NDArray[Any]] = {}
        self.svm: SVM | None = None
        self.variant, self.length = 0.0, 0

    @property
    def description(self) -> str:
        """What it looks at."""
        return f"{self.what}, published settings" if self.track == "paper" else self.what

    @abstractmethod
    def describe(self, clip: PreparedClip) -> NDArray[Any]:
        """Describe one clip by itself; nothing fitted has a part in it.

        Parameters
        ----------
        clip
            With the streams that are needed.
        """

    def learn(self, described: Sequence[NDArray[Any]], seed: int) -> Mapping[str, NDArray[Any]]:
        """Fit what needs no labels.

        Parameters
        ----------
        described
            What :meth:`describe` returned for each training clip.
        seed
            Decides everything random.
        """
        return {}

    def features(self, described: NDArray[Any], learned: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """Return the (D,) features of one clip.

        Parameters
        ----------
        described
            What :meth:`describe` returned.
        learned
            What :meth:`learn` returned.
        """
        return described.astype(np.float64)

    @property
    def variants(self) -> tuple[float, ...]:
        """Candidates for a parameter of the features that is chosen together with C."""
        return (0.0,)

    def fit_variant(
        self, features: NDArray[np.float64], labels: NDArray[np.int64], variant: float
    ) -> Mapping[str, NDArray[Any]]:
        """Fit what needs labels, or depends on the variant.

        Parameters
        ----------
        features
            (n, D), one row a training clip.
        labels
            (n,) classes counted from 0.
        variant
            One of :attr:`variants`.
        """
        return {}

    def apply_variant(
        self, features: NDArray[np.float64], variant: float, fitted: Mapping[str, NDArray[Any]]
    ) -> NDArray[np.float64]:
        """Return the (n, E) features that the SVM sees; a row depends on no other.

        Parameters
        ----------
        features
            (n, D), one row a clip.
        variant
            One of :attr:`variants`.
        fitted
            What :meth:`fit_variant` returned.
        """
        return features

    def _fit(
        self,
        clips: Sequence[PreparedClip],
        labels: NDArray[np.int64],
        classes: tuple[str, ...],
        *,
        seed: int,
        device: str,
        on_epoch: OnEpoch | None,
        fitted: Sequence[Recognizer] | None,
    ) -> None:
        described = [self._described(clip) for clip in clips]
        learned = self.learn(described, child_seed(seed, "learn"))
        rows = [self._row(clip, one, learned) for clip, one in zip(clips, described, strict=True)]
        features = np.array(rows)
        people = [clip.clip.person for clip in clips]
        variants = Variants(self.variants, self.fit_variant, self.apply_variant)
        chosen = choose(features, labels, people, len(classes), variants, self.settings.svm)
        self.learned, self.length = learned, features.shape[1]
        self.fitted = self.fit_variant(features, labels, chosen.variant)
        self._take(chosen)
        assert self.svm is not None
        self.svm.fit(self.apply_variant(features, chosen.variant, self.fitted), labels, len(classes))
        self.choice_ = chosen.to_dict()

    def _take(self, chosen: Choice) -> None:
        self.variant, self.svm = chosen.variant, SVM(chosen.C, chosen.gamma, self.settings.svm)

    def _infer(self, clips: Sequence[PreparedClip]) -> Inference:
        assert self.svm is not None
        features = np.concatenate([self._seen(clip) for clip in clips])
        attention: dict[str, Sequence[NDArray[np.float32]] | None] = dict.fromkeys(self.streams)
        return Inference(*self.svm.infer(features), attention)

    def _seen(self, clip: PreparedClip) -> NDArray[np.float64]:
        """Return (1, E): what the SVM sees of a clip."""
        row = self._row(clip, self._described(clip), self.learned, self.length)
        return self.apply_variant(row[None], self.variant, self.fitted)

    def _described(self, clip: PreparedClip) -> NDArray[Any]:
        with naming(clip.clip):
            return self.describe(clip)

    def _row(
        self,
        clip: PreparedClip,
        described: NDArray[Any],
        learned: Mapping[str, NDArray[Any]],
        length: int | None = None,
    ) -> NDArray[np.float64]:
        """Return a clip's features in single precision's numbers, after a look at them."""
        with naming(clip.clip):
            row = self.features(described, learned).astype(np.float32).astype(np.float64)
        if not np.isfinite(row).all():
            raise ShapeError(f"its {self.name} feature is not finite", where=clip.clip, hint="Look at its frames")
        if length is not None and len(row) != length:
            raise ShapeError(
                f"its {self.name} feature has {len(row)} values, and {length} were learned",
                where=clip.clip,
                hint="Prepare it as the training clips were: as many frames or fields of flow",
            )
        return row

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        assert self.svm is not None
        groups = {"learned": self.learned, "fitted": self.fitted, "svm": self.svm.arrays}
        arrays = {f"{group}.{name}": value for group, own in groups.items() for name, value in own.items()}
        return arrays, {"length": self.length}

    def _restore(
        self, arrays: Mapping[str, NDArray[Any]], document: Mapping[str, Any], classes: tuple[str, ...]
    ) -> None:
        self.learned, self.fitted = below(arrays, "learned"), below(arrays, "fitted")
        self.length = int(document["length"])
        self._take(Choice(**document["choice"]))
        assert self.svm is not None
        self.svm.restore(below(arrays, "svm"), len(classes))
