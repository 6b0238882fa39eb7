"""A fitted recogniser as one torch module, from prepared arrays to its answer: what becomes an ONNX graph."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64
from numpy.typing import NDArray
from torch import Tensor, nn

from dstan.errors import ConfigError, NotFittedError
from dstan.inference.onnx_inputs import Frames, FramesAndMotion, Given, Image, Input, Motion
from dstan.networks.network import Network, Output
from dstan.recognizers import DSTAN, Recognizer, StreamRecognizer
from dstan.recognizers.contract import STREAMS, StreamName
from dstan.recognizers.flow3d import Flow3DRecognizer
from dstan.recognizers.flow_image import FlowImageRecognizer
from dstan.recognizers.network import UNIT_NUMBERS, NetworkRecognizer
from dstan.recognizers.recognition import seen_with_mirror_image
from dstan.recognizers.strcn import STRCN
from dstan.recognizers.stream import STRAIN_GAIN
from dstan.svm import SVM

PROBABILITIES, LABEL, UNITS = "probabilities", "label", "units"
ATTENTION, MAP = "attention_", "map_"
"""Begin the names of the outputs of each stream; its name follows."""


class LSTM(nn.Module):
    """ONNX's own LSTM where a graph is exported, for the exporter would unroll torch's or make a loop of it.

    Parameters
    ----------
    lstm
        Of one layer and one direction, with the batch first.
    """

    def __init__(self, lstm: nn.LSTM) -> None:
        super().__init__()
        self.lstm, self.width = lstm, lstm.hidden_size
        self.inward = _gates(lstm.weight_ih_l0)[None]
        self.recurrent = _gates(lstm.weight_hh_l0)[None]
        self.bias = torch.cat([_gates(lstm.bias_ih_l0), _gates(lstm.bias_hh_l0)])[None]

    def forward(self, steps: Float32[Tensor, "b t f"]) -> tuple[Float32[Tensor, "b t w"]]:
        """Return the output of every step."""
        if not torch.onnx.is_in_onnx_export():
            return (self.lstm(steps)[0],)
        b, t, _ = steps.shape
        found = torch.onnx.ops.symbolic(
            "LSTM",
            (steps.transpose(0, 1), self.inward, self.recurrent, self.bias),
            {"hidden_size": self.width},
            dtype=steps.dtype,
            shape=(t, 1, b, self.width),
        )
        return (found[:, 0].transpose(0, 1),)


def _gates(values: Any) -> Float32[Tensor, "4*w ..."]:
    """Return input, output, forget and cell gate, which torch has as input, forget, cell and output."""
    i, f, c, o = values.detach().chunk(4)
    return torch.cat([i, o, f, c])


class Found(NamedTuple):
    """What one network finds in a batch of clips."""

    label: Int64[Tensor, " b"]
    probabilities: Float64[Tensor, "b k"]
    features: Float64[Tensor, "b f"]
    seen: Output
    units: Float64[Tensor, "b u"] | None


class Machine(nn.Module):
    """A linear SVM: votes of all pairs name the class, summed margins make the probabilities.

    Parameters
    ----------
    svm
        Fitted, and linear.
    """

    def __init__(self, svm: SVM) -> None:
        super().__init__()
        known = {name: _double(value) for name, value in svm.arrays.items()}
        self.mean, self.scale = known["mean"], known["scale"]
        self.weights, self.intercepts = known["weights"], known["intercepts"]
        self.present = known["present"].long()
        n = len(self.present)
        pairs = list(combinations(range(n), 2))
        self.first = _one_hot([i for i, _ in pairs], n)
        self.second = _one_hot([j for _, j in pairs], n)
        self.places = _one_hot(self.present.tolist(), int(known["n_classes"][0]))

    def forward(self, features: Float64[Tensor, "b f"]) -> tuple[Int64[Tensor, " b"], Float64[Tensor, "b k"]]:
        """Return the winner, of equals the first, and the probabilities."""
        margins = (features - self.mean) / self.scale @ self.weights.T + self.intercepts
        wins = (margins > 0).double()
        votes = wins @ self.first + (1 - wins) @ self.second
        sums = margins @ (self.first - self.second)
        return self.present[votes.argmax(1)], sums.softmax(1) @ self.places


class Part(nn.Module):
    """One network with what comes before and after it.

    Parameters
    ----------
    recognizer
        Fitted.
    """

    def __init__(self, recognizer: NetworkRecognizer) -> None:
        super().__init__()
        recognition = recognizer.settings.recognition
        self.input = input_of(recognizer)
        self.network = _exportable(recognizer.network)
        self.mirrored_signs = recognizer.mirrored_signs if recognition.mirror else None
        self.present = list(recognizer.present)
        self.places = _one_hot(self.present, len(recognizer.classes_))
        self.machine = Machine(recognizer.svm) if recognition.classifier == "svm" else None
        self.timed, self.mapped = tuple(recognizer.streams), tuple(recognizer.mapped)
        self.unit_numbers = tuple(map(int, recognizer.learned.get(UNIT_NUMBERS, ())))
        if self.unit_numbers:
            self.unit_weight = _double(recognizer.learned["units.weight"])
            self.unit_bias = _double(recognizer.learned["units.bias"])

    def forward(self, arrays: Mapping[StreamName, Tensor]) -> Found:
        """Return what the network finds."""
        seen = self._look(self.input(*(arrays[name] for name in self.input.given)))
        features = seen.features.double()
        units = torch.sigmoid(features @ self.unit_weight.T + self.unit_bias) if self.unit_numbers else None
        if self.machine is not None:
            label, probabilities = self.machine(features)
            return Found(label, probabilities, features, seen, units)
        probabilities = seen.logits[:, self.present].double().softmax(1) @ self.places
        return Found(probabilities.argmax(1), probabilities, features, seen, units)

    def _look(self, clips: Float32[Tensor, "b t c h w"]) -> Output:
        if self.mirrored_signs is not None:
            return seen_with_mirror_image(self.network, clips, self.mirrored_signs)
        found: Output = self.network(clips)
        return found


class Graph(nn.Module):
    """A whole recogniser.

    Parameters
    ----------
    recognizer
        Fitted, and of a method that can be expressed.

    Attributes
    ----------
    given
        The arrays that it takes.
    unit_numbers
        The action units whose scores it returns; none where they were not taught.
    computes_strain
        Whether the strain of the flow is among what it looks at.

    Raises
    ------
    ConfigError
        If the method cannot be expressed as a graph.
    """

    def __init__(self, recognizer: Recognizer) -> None:
        super().__init__()
        own = recognizer.parts if isinstance(recognizer, DSTAN) else (recognizer,)
        self.parts = tuple(Part(_network(one)) for one in own)
        self.networks = nn.ModuleList(self.parts)
        joined = isinstance(recognizer, DSTAN) and recognizer.settings.fusion.method == "svm"
        self.machine = Machine(recognizer.svm) if isinstance(recognizer, DSTAN) and joined else None
        merged = {name: given for part in self.parts for name, given in part.input.given.items()}
        self.given: dict[StreamName, Given] = {name: merged[name] for name in STREAMS if name in merged}
        self.unit_numbers: tuple[int, ...] = next((p.unit_numbers for p in self.parts if p.unit_numbers), ())
        self.computes_strain = any(isinstance(p.input, Motion) and p.input.strain is not None for p in self.parts)
        self.eval()

    def answers(self, arrays: Mapping[StreamName, Tensor]) -> dict[str, Tensor]:
        """Return everything that the recogniser finds in a batch of clips, by the names of the outputs.

        Parameters
        ----------
        arrays
            Those that it takes.
        """
        found = [part(arrays) for part in self.parts]
        label, probabilities = self._joined(found)
        answers = {PROBABILITIES: probabilities.float(), LABEL: label}
        for part, one in zip(self.parts, found, strict=True):
            if one.seen.temporal is not None:
                answers |= {ATTENTION + stream: one.seen.temporal for stream in part.timed}
            if one.seen.spatial is not None:
                answers |= {MAP + stream: one.seen.spatial for stream in part.mapped}
        told = [one.units for one in found if one.units is not None]
        if told:
            answers[UNITS] = torch.stack(told).mean(0).float()
        return answers

    def _joined(self, found: Sequence[Found]) -> tuple[Int64[Tensor, " b"], Float64[Tensor, "b k"]]:
        if self.machine is not None:
            label, probabilities = self.machine(torch.cat([one.features for one in found], dim=1))
            return label, probabilities
        if len(found) == 1:
            return found[0].label, found[0].probabilities
        mean = torch.stack([one.probabilities for one in found]).mean(0)
        return mean.argmax(1), mean

    def forward(self, appearance: Tensor | None = None, flow: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the answers without their names."""
        arrays: dict[StreamName, Tensor] = {}
        if appearance is not None:
            arrays["appearance"] = appearance
        if flow is not None:
            arrays["flow"] = flow
        return tuple(self.answers(arrays).values())


def input_of(recognizer: NetworkRecognizer) -> Input:
    """Return the counterpart of a recogniser's ``tensor()``.

    Parameters
    ----------
    recognizer
        Fitted.

    Raises
    ------
    ConfigError
        If there is none.
    """
    side = recognizer.smallest
    t, _, h, w = recognizer.shape or (1, 1, side, side)
    if isinstance(recognizer, StreamRecognizer):
        own = recognizer.settings
        if recognizer.stream == "appearance":
            return Frames(Given((1 if own.frames == "grey" else 2, side, side)), own.frames)
        return Motion(Given((1, side, side)), own.flow_values, STRAIN_GAIN if own.flow_strain else None, own.gain)
    if isinstance(recognizer, FlowImageRecognizer):
        given = Given((1, side, side), (1, None, None))
        return Image(given, recognizer.settings.flow_values, recognizer.size)
    if isinstance(recognizer, STRCN) and recognizer.sees_flow:
        return Motion(Given((1, h, w), (1, h, w)), recognizer.settings.flow_values)
    if isinstance(recognizer, Flow3DRecognizer):
        return FramesAndMotion(Given((t, h, w), (t, h, w)), Given((t, h, w), (t, h, w)))
    raise cannot_be_exported(recognizer)


def cannot_be_exported(recognizer: Recognizer) -> ConfigError:
    """Return the error of a method that has no graph.

    Parameters
    ----------
    recognizer
        Any.
    """
    what = "STRCN-A looks at single pixels" if isinstance(recognizer, STRCN) else f"{recognizer.name} has no graph"
    return ConfigError(
        f"{what}, so it cannot be exported to ONNX",
        where=recognizer.name,
        hint="These can: dstan, its variants and its streams (dstan-average, stan-a, stmn-a ...), ststnet, sssnet, "
        "strcn on flow, 3d-fcnn",
    )


def _network(recognizer: Recognizer) -> NetworkRecognizer:
    if not isinstance(recognizer, NetworkRecognizer):
        raise cannot_be_exported(recognizer)
    return recognizer


def _exportable(network: Network | None) -> Network:
    """Return a copy of a network whose parts can all be exported."""
    if network is None:
        raise NotFittedError("this recogniser is not fitted", hint="Call fit or load_model first")
    own = copy.deepcopy(network)
    for module in list(own.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.LSTM):
                setattr(module, name, LSTM(child))
    return own


def _double(values: NDArray[Any]) -> Float64[Tensor, "..."]:
    return torch.from_numpy(np.asarray(values, dtype=np.float64).copy())


def _one_hot(columns: Sequence[int], n: int) -> Float64[Tensor, "m n"]:
    return torch.eye(n, dtype=torch.float64)[list(columns)]
