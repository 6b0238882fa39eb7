"""DSTAN: both streams, joined by an SVM or by the average (section 2.6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from dstan.clips import PreparedClip
from dstan.errors import DstanError
from dstan.fusion import average
from dstan.networks.network import Output
from dstan.recognizers.contract import STREAMS, Fidelity, Inference, OnEpoch, Recognizer, StreamName, below
from dstan.recognizers.settings import DSTANSettings
from dstan.recognizers.stream import PAPER, StreamRecognizer, stream_name
from dstan.svm import SVM


class DSTAN(Recognizer):
    """The dual-stream spatiotemporal attention network.

    Its ablations (Table 2) and DSTAN-Average (Table 3) are this class with other settings.

    Parameters
    ----------
    settings
        All its settings; the paper's where not given.
    name
        The method's name.
    """

    settings: DSTANSettings
    reference: ClassVar[str] = PAPER
    fidelity: ClassVar[Fidelity] = Fidelity.STRUCTURE

    def __init__(self, settings: DSTANSettings | None = None, name: str = "dstan") -> None:
        super().__init__(name, settings or DSTANSettings())

    def _forget(self) -> None:
        super()._forget()
        self.parts = self.components()
        fusion = self.settings.fusion
        self.svm = SVM.linear(fusion.C, standardise=fusion.standardise)

    @property
    def description(self) -> str:
        """Which streams, and how they are joined."""
        names = " and ".join(part.name.upper() for part in self.components())
        how = "features joined by a linear SVM" if self.settings.fusion.method == "svm" else "probabilities averaged"
        return f"{names}, {how}"

    @property
    def parameters(self) -> int:
        """Trained numbers of both networks; 0 before :meth:`fit`."""
        return sum(part.parameters for part in self.parts)

    @property
    def streams(self) -> tuple[StreamName, ...]:
        """Frames and flow."""
        return STREAMS

    @property
    def weights(self) -> str:
        """Where its streams begin from a model: "begun from MODEL", or which of them does."""
        begun = {part.stream: part.weights for part in self.parts if part.weights}
        if not begun:
            return ""
        words = next(iter(begun.values()))
        return words if len(begun) == len(self.parts) else f"{' and '.join(begun)} {words}"

    def components(self) -> tuple[StreamRecognizer, ...]:
        """Return its two streams, unfitted."""
        network = self.settings.network
        return tuple(StreamRecognizer(stream_name(stream, network), stream, self.settings) for stream in STREAMS)

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
        if fitted is None:
            for part in self.parts:
                part.fit(clips, classes=classes, seed=seed, device=device, on_epoch=on_epoch)
        else:
            self.parts = self._take(fitted, classes)
        if self.settings.fusion.method == "svm":
            self.svm.fit(self._joined([part.see(clips) for part in self.parts]), labels, len(classes))
        self.history_ = {name: curve for part in self.parts for name, curve in part.history_.items()}
        self.dynamics_ = {name: found for part in self.parts for name, found in part.dynamics_.items()}

    def _take(self, fitted: Sequence[Recognizer], classes: tuple[str, ...]) -> tuple[StreamRecognizer, ...]:
        """Return the fitted components in place of our own, after a look at what they are."""
        if len(fitted) != len(self.parts):
            raise DstanError(f"{len(fitted)} fitted components were given, not {len(self.parts)}", where=self.name)
        for own, given in zip(self.parts, fitted, strict=True):
            if (given.name, given.settings, given.classes_) != (own.name, own.settings, classes):
                raise DstanError(
                    f"{given.name} cannot stand in for {own.name}: its name, settings or classes differ",
                    where=self.name,
                    hint="Fit what components() returns, on the same classes",
                )
        return tuple(part for part in fitted if isinstance(part, StreamRecognizer))

    def _infer(self, clips: Sequence[PreparedClip]) -> Inference:
        seen = [part.see(clips) for part in self.parts]
        found = [part.interpret(outputs) for part, outputs in zip(self.parts, seen, strict=True)]
        attention = {stream: weights for one in found for stream, weights in one.attention.items()}
        maps = {stream: weights for one in found for stream, weights in one.maps.items()}
        if self.settings.fusion.method == "average":
            probabilities = average([one.probabilities for one in found])
            return Inference(probabilities.argmax(1), probabilities, attention, _mean_units(found), maps)
        features = self._joined(seen)
        return Inference(*self.svm.infer(features), attention, _mean_units(found), maps)

    def _check(self, clips: Sequence[PreparedClip]) -> None:
        for part in self.parts:
            part._check(clips)

    def _joined(self, seen: Sequence[Sequence[Output]]) -> NDArray[np.float64]:
        """Return the features of all streams side by side: f(p, q) of equation 9."""
        return np.concatenate([part.features(outputs) for part, outputs in zip(self.parts, seen, strict=True)], axis=1)

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        arrays = {f"svm.{name}": value for name, value in self.svm.arrays.items()}
        documents = {}
        for part in self.parts:
            own, documents[part.stream] = part.state()
            arrays |= {f"{part.stream}.{name}": value for name, value in own.items()}
        return arrays, {"streams": documents}

    def _restore(
        self, arrays: Mapping[str, NDArray[Any]], document: Mapping[str, Any], classes: tuple[str, ...]
    ) -> None:
        for part in self.parts:
            part.restore(below(arrays, part.stream), document["streams"][part.stream])
        if own := below(arrays, "svm"):  # none where probabilities are averaged
            self.svm.restore(own, len(classes))


def _mean_units(found: Sequence[Inference]) -> dict[int, NDArray[np.float64]] | None:
    """Return the score of each action unit, averaged over the streams that were taught them."""
    told = [one.units for one in found if one.units is not None]
    return {unit: np.mean([units[unit] for units in told], axis=0) for unit in told[0]} if told else None
