"""One stream as a recogniser: STAN on the frames or STMN on the flow, with or without attention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float32
from numpy.typing import NDArray
from torch import Tensor

from dstan._random import child_seed
from dstan.clips import PreparedClip
from dstan.errors import ShapeError
from dstan.fusion import FusionSettings
from dstan.networks.streams import SMALLEST_INPUT, Stream, StreamSettings
from dstan.recognizers.contract import Fidelity, MethodSettings, OnEpoch, Recognizer, StreamName
from dstan.recognizers.flow_values import PIXELS, motion_channels
from dstan.recognizers.network import Shape
from dstan.recognizers.one_stage import OneStageRecognizer
from dstan.recognizers.settings import GREY, DSTANSettings

PAPER = "Y. Wang et al., Journal of Healthcare Engineering, 2021"
STRAIN_GAIN = 10.0
"""Pixels: brings strain, which has no unit, to the size of the flow that it is taken from."""
DIFFERENCE_GAIN = np.float32(10.0)
"""Brings differences of frames, in deviations of a clip's grey values, to about 1."""


class StreamRecognizer(OneStageRecognizer):
    """STAN or STMN alone, with the modules that its settings switch on.

    It takes clips of any length and size, also of others than it has learned from.

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
    smallest: ClassVar[int] = SMALLEST_INPUT
    own_switches: ClassVar[tuple[str, ...]] = ("lhfn", "spatial_attention", "temporal_attention")

    def __init__(self, name: str, stream: StreamName, settings: DSTANSettings) -> None:
        self.stream: StreamName = stream
        super().__init__(name, _concerning(stream, settings))

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
    def stage(self) -> str:
        """Its curves are kept under the stream's name."""
        return self.stream

    def with_settings(self, settings: MethodSettings) -> Self:
        """Return the same stream, unfitted, with other settings as far as they concern it.

        Parameters
        ----------
        settings
            All of them.
        """
        assert isinstance(settings, DSTANSettings)
        return super().with_settings(_concerning(self.stream, settings))

    def build(self, n_classes: int, shape: Shape) -> Stream:
        """Return the network, its weights drawn from torch's generator.

        Parameters
        ----------
        n_classes
            Classes told apart.
        shape
            Of a clip as :meth:`tensor` returns it; the network takes others, too.
        """
        return Stream(len(self.mirrored_signs), n_classes, self.settings.network)

    def tensor(self, clip: PreparedClip) -> Float32[Tensor, "t c h w"]:
        """Return what the network sees: frames or their differences, standardised by their own clip, or flow.

        Parameters
        ----------
        clip
            With its stream.

        Raises
        ------
        ShapeError
            If differences are asked for, and there is one frame alone.
        """
        if self.stream == "appearance":
            return torch.from_numpy(_standardised(clip, self.settings.frames)[:, None])
        gain = STRAIN_GAIN if self.settings.flow_strain else None
        motion = motion_channels(clip, self.settings.flow_values, strain=gain)
        return torch.from_numpy(motion * np.float32(self.settings.gain))

    @property
    def mirrored_signs(self) -> tuple[float, ...]:
        """For each channel, what mirroring multiplies it by: motion to the right becomes motion to the left."""
        if self.stream == "appearance":
            return (1.0,)
        return (-1.0, 1.0, 1.0) if self.settings.flow_strain else (-1.0, 1.0)

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
        own = child_seed(seed, self.stream)
        super()._fit(clips, labels, classes, seed=own, device=device, on_epoch=on_epoch, fitted=fitted)

    def _known(self, clip: PreparedClip) -> Float32[Tensor, "t c h w"]:
        return self.tensor(clip)


def _standardised(clip: PreparedClip, frames: str) -> NDArray[np.float32]:
    array = np.asarray(clip.appearance)
    spread = array.std() + 1e-6
    if frames == GREY:
        return np.asarray((array - array.mean()) / spread)
    if len(array) < 2:
        raise ShapeError(
            "it has one frame, and differences are taken from the first",
            where=clip.clip,
            hint="Prepare the clips with --set recipe.steps=9, or use --set frames=grey",
        )
    return np.asarray(DIFFERENCE_GAIN * (array - array[0]) / spread)


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
        return replace(alone, flow_gain=None, flow_strain=False, flow_values=PIXELS)
    return replace(alone, network=replace(settings.network, lhfn=False), frames=GREY)
