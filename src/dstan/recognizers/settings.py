"""The settings of DSTAN and of everything that is compared with it on the same terms."""

from __future__ import annotations

from dataclasses import dataclass

from dstan.config import setting
from dstan.fusion import FusionSettings
from dstan.networks.streams import StreamSettings
from dstan.recognizers.flow_values import RELATIVE, flow_values_setting
from dstan.recognizers.initial import OneStageSettings
from dstan.training import TrainingSettings

GREY, DIFFERENCES = "grey", "differences"


@dataclass(frozen=True)
class DSTANSettings(OneStageSettings):
    """Everything that decides how DSTAN, its streams and its ablations are prepared, trained and joined."""

    network: StreamSettings = setting(StreamSettings(), "The networks (sections 2.2 to 2.5).")
    training: TrainingSettings = setting(TrainingSettings(), "Training (section 3.2).")
    fusion: FusionSettings = setting(FusionSettings(), "Joining the streams (section 2.6).")
    frames: str = setting(
        GREY,
        "What the appearance stream sees: the frames, or their differences from the first, which show what moved and "
        "not who it is.",
        choices=(GREY, DIFFERENCES),
        added=True,
    )
    flow_gain: float | None = setting(
        None,
        "Factor on the flow before the network; not set: 1 for pairs from the onset and for relative values, 4 for "
        "adjacent pairs.",
        low=0.0,
    )

    flow_strain: bool = setting(
        False, "The magnitude of the flow's strain, times 10 pixels, is a third channel of the motion stream."
    )
    flow_values: str = flow_values_setting()

    @property
    def gain(self) -> float:
        """The factor on the flow that is in force."""
        if self.flow_gain is not None:
            return self.flow_gain
        return 4.0 if self.recipe.pairs == "adjacent" and self.flow_values != RELATIVE else 1.0
