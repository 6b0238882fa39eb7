"""One stream as a recogniser: STAN on the frames or STMN on the flow, with or without attention."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float32
from numpy.typing import NDArray
from torch import Tensor

from dstan._random import child_seed
from dstan.arrays import check_array
from dstan.clips import PreparedClip
from dstan.errors import NotFittedError, ShapeError
from dstan.fusion import FusionSettings
from dstan.networks.streams import SMALLEST_INPUT, Stream, StreamOutput, StreamSettings
from dstan.preprocessing.strain import strain_magnitude
from dstan.recognizers.contract import Fidelity, Inference, MethodSettings, OnEpoch, Recognizer, StreamName
from dstan.recognizers.settings import DSTANSettings
from dstan.training import TrainingData, choose_epochs, fit_network
from dstan.training.data import LARGEST
from dstan.training.memory import memory_of_a_fit

PAPER = "Y. Wang et al., Journal of Healthcare Engineering, 2021"
STRAIN_GAIN = np.float32(10.0)
"""Pixels: brings strain, which has no unit, to the size of the flow that it is taken from."""


class StreamRecognizer(Recognizer):
    """STAN or STMN alone, with the modules that its settings switch on.

    Clips are predicted one by one in float32, so a clip's numbers do not depend on its neighbours.

    Parameters
    ----------
    name
        The method's name.
    stream
        What it looks at: "appearance" makes it STAN, "flow" STMN.
    settings
        All its settings; those that do not concern the stream are put back to their defaults, so that a stream of
        DSTAN and the same stream alone are one and the same fit.
    """

    settings: DSTANSettings
    reference: ClassVar[str] = PAPER + ", sections 2.2 to 2.5"
    fidelity: ClassVar[Fidelity] = Fidelity.STRUCTURE

    def __init__(self, name: str, stream: StreamName, settings: DSTANSettings) -> None:
        self.stream: StreamName = stream
        super().__init__(name, _concerning(stream, settings))

    def _forget(self) -> None:
        super()._forget()
        self.network: Stream | None = None
        self.present: tuple[int, ...] = ()

    @property
    def description(self) -> str:
        """What it looks at, and with which modules."""
        network = self.settings.network
        modules = {
            "LHFN": network.lhfn and self.stream == "appearance",
            "spatial and channel attention": network.spatial_attention,
            "temporal attention": network.temporal_attention,
        }
        present = ", ".join(name for name, is_on in modules.items() if is_on)
        base = "STAN on the frames" if self.stream == "appearance" else "STMN on their optical flow"
        return f"{base}: {present}" if present else base

    @property
    def streams(self) -> tuple[StreamName, ...]:
        """The one stream that it looks at."""
        return (self.stream,)

    @property
    def epochs(self) -> int:
        """The epochs of its training, at most: where their number is chosen, those of the inner networks, too."""
        training = self.settings.training
        if isinstance(training.epochs, int):
            return training.epochs
        return (training.inner_parts + 1) * max(training.inner_epochs)

    def with_settings(self, settings: MethodSettings) -> Self:
        """Return the same stream, unfitted, with other settings as far as they concern it.

        Parameters
        ----------
        settings
            All of them.
        """
        assert isinstance(settings, DSTANSettings)
        return super().with_settings(_concerning(self.stream, settings))

    def memory(self, clip: PreparedClip, n: int, device: str) -> int:
        """Estimate the bytes of a device's memory that :meth:`fit` takes.

        Parameters
        ----------
        clip
            One clip, as prepared as the others.
        n
            How many are learned from.
        device
            "cuda", "cuda:1" ...
        """
        network, (t, c, h, w) = self._build(2, 0).in_fast_layout(), self._tensor(clip).shape
        return memory_of_a_fit(network, (t, c, h, w), n, self.settings.training, device)

    def see(self, clips: Sequence[PreparedClip]) -> list[StreamOutput]:
        """Pass each clip through the network by itself, in float32.

        Parameters
        ----------
        clips
            Any number of clips.

        Raises
        ------
        NotFittedError
            Before :meth:`fit`.
        """
        if self.network is None:
            raise NotFittedError("this recogniser is not fitted", where=self.name, hint="Call fit first")
        with torch.inference_mode():
            return [self.network(self._tensor(clip)[None]) for clip in clips]

    def features(self, seen: Sequence[StreamOutput]) -> NDArray[np.float64]:
        """Return the (n, f) time-averaged LSTM features (equation 1): p or q of equation 9.

        Parameters
        ----------
        seen
            What :meth:`see` returned.
        """
        width = self.settings.network.lstm_width
        return np.array([output.features[0].numpy() for output in seen], dtype=np.float64).reshape(-1, width)

    def interpret(self, seen: Sequence[StreamOutput]) -> Inference:
        """Turn what the network returned into winners, probabilities and attention.

        Parameters
        ----------
        seen
            What :meth:`see` returned.
        """
        probabilities = np.zeros((len(seen), len(self.classes_)))
        for row, output in zip(probabilities, seen, strict=True):
            present = list(self.present)
            row[present] = torch.softmax(output.logits[0, present].double(), dim=0).numpy()
        weights = [output.temporal[0].numpy() for output in seen if output.temporal is not None]
        has_weights = self.settings.network.temporal_attention
        return Inference(probabilities.argmax(1), probabilities, {self.stream: weights if has_weights else None})

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
        seed, training = child_seed(seed, self.stream), self.settings.training
        build = functools.partial(self._build, len(classes))
        data = TrainingData.stack(map(self._learnable, clips), torch.from_numpy(labels), self._mirrored_signs)
        report = None if on_epoch is None else functools.partial(on_epoch, self.stream)
        epochs, inner = training.epochs, None
        if isinstance(epochs, str):
            people = [clip.clip.person for clip in clips]
            inner = choose_epochs(
                build, data, people, len(classes), training, seed=seed, device=device, on_epoch=report
            )
            epochs = inner.chosen
        network = build(child_seed(seed, "weights"))
        fit = fit_network(network, data, training, epochs=epochs, seed=seed, device=device, on_epoch=report)
        self.network = network
        self.present = tuple(int(label) for label in np.unique(labels))
        self.history_ = {self.stream: [vars(record) for record in fit.history]}
        self.dynamics_ = {self.stream: {**fit.dynamics.to_dict(), "inner": inner and inner.to_dict()}}

    def _infer(self, clips: Sequence[PreparedClip]) -> Inference:
        return self.interpret(self.see(clips))

    def _state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        if self.network is None:
            raise NotFittedError("this recogniser is not fitted", where=self.name)
        arrays = {name: value.contiguous().numpy() for name, value in self.network.state_dict().items()}
        return arrays, {"present": list(self.present)}

    def _restore(
        self, arrays: Mapping[str, NDArray[Any]], document: Mapping[str, Any], classes: tuple[str, ...]
    ) -> None:
        network = self._build(len(classes), 0)
        expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
        given = {name: tuple(value.shape) for name, value in arrays.items()}
        if expected != given:
            different = sorted(name for name in expected | given if expected.get(name) != given.get(name))
            raise ValueError(f"the arrays do not fit the network: {', '.join(different[:3])}")
        network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in arrays.items()})
        self.network = network.in_fast_layout().eval()
        self.present = tuple(document["present"])
        if not set(self.present) <= set(range(len(classes))):
            raise ValueError(f"the classes present are {self.present}, but there are only {len(classes)}")

    def _build(self, n_classes: int, seed: int) -> Stream:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return Stream(len(self._mirrored_signs), n_classes, self.settings.network)

    @property
    def _mirrored_signs(self) -> tuple[float, ...]:
        """For each channel, what mirroring multiplies it by: motion to the right becomes motion to the left."""
        if self.stream == "appearance":
            return (1.0,)
        return (-1.0, 1.0, 1.0) if self.settings.flow_strain else (-1.0, 1.0)

    def _tensor(self, clip: PreparedClip) -> Float32[Tensor, "t c h w"]:
        """Return what the network sees: frames standardised by their own clip, or flow times its gain."""
        array = getattr(clip, self.stream)
        if self.stream == "appearance":
            return torch.from_numpy(((array - array.mean()) / (array.std() + 1e-6))[:, None])
        if self.settings.flow_strain:
            strain = [strain_magnitude(field.transpose(1, 2, 0)) for field in array]
            array = np.concatenate([array, STRAIN_GAIN * np.stack(strain)[:, None]], axis=1)
        return torch.from_numpy(array * np.float32(self.settings.gain))

    def _learnable(self, clip: PreparedClip) -> Float32[Tensor, "t c h w"]:
        """Return what the network sees, after a look at whether half precision holds it."""
        tensor = self._tensor(clip)
        peak = float(tensor.abs().amax())
        if not peak <= LARGEST:
            raise ShapeError(
                f"its {self.stream} times its factor reaches {peak:,.0f}, and training holds at most {LARGEST:,.0f}",
                where=clip.clip,
                hint="Look at how the clip was prepared, or lower the factor: --set flow_gain=1",
            )
        return tensor

    def _check(self, clips: Sequence[PreparedClip]) -> None:
        super()._check(clips)
        for clip in clips:
            array = getattr(clip, self.stream)
            check_array(f"{self.stream} of {clip.clip}", array, ndim=array.ndim, smallest=SMALLEST_INPUT)


def stream_name(stream: StreamName, network: StreamSettings) -> str:
    """Return the paper's name of a stream with some modules: "stan", "stan-lhfn", "stan-a", "stmn-sa" ...

    Parameters
    ----------
    stream
        "appearance" or "flow".
    network
        Which modules are switched on; LHFN does not count in the flow stream, which has none.
    """
    base = "stan" if stream == "appearance" else "stmn"
    parts = {"lhfn": network.lhfn, "sa": network.spatial_attention, "ta": network.temporal_attention}
    if stream == "flow":
        del parts["lhfn"]
    if all(parts.values()):
        return f"{base}-a"
    return "-".join([base, *(part for part, is_on in parts.items() if is_on)])


def _concerning(stream: StreamName, settings: DSTANSettings) -> DSTANSettings:
    """Return the settings with what does not concern the stream at its default."""
    alone = replace(settings, fusion=FusionSettings())
    if stream == "appearance":
        return replace(alone, flow_gain=None, flow_strain=False)
    return replace(alone, network=replace(settings.network, lhfn=False))
