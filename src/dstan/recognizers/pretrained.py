"""Methods of two stages that were published on pretrained VGGs: on a local file of weights, or from scratch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dstan.config import setting
from dstan.errors import ConfigError
from dstan.networks.network import Network
from dstan.networks.vgg import VGGNetwork, VGGSettings, file_digest, given_weights, read_vgg16
from dstan.recognizers.two_stage import TwoStageRecognizer, TwoStageSettings
from dstan.training import TrainingSettings


@dataclass(frozen=True)
class PretrainedSettings(TwoStageSettings):
    """What the settings of every method on VGGs hold."""

    network: VGGSettings = setting(VGGSettings(), "The network.")
    fine_tuning: TrainingSettings = setting(
        TrainingSettings(),
        "Training of the first stage where network.weights are given, in place of the group first: what is not fixed, "
        "and a last layer, on single steps.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.fine_tuning.augmentation.is_on:
            raise ConfigError(
                "fine-tuning learns from what fixed convolutions have seen, which cannot be augmented any more",
                hint="Leave fine_tuning.augmentation as it is",
            )


class PretrainedRecognizer(TwoStageRecognizer):
    """Base of the methods whose backbones are VGG-16s where ``network.weights`` names a file of weights.

    Without a file they are small and learn from scratch, which stands beside the name wherever a number does.
    """

    settings: PretrainedSettings

    @property
    def weights(self) -> str:
        """Where the VGGs begin: "from scratch" or "weights FILE"."""
        weights = self.settings.network.weights
        return f"weights {Path(weights).name}" if weights else "from scratch"

    @property
    def first_training(self) -> TrainingSettings:
        """How the first stage is trained: fine-tuned where weights are given."""
        return self.settings.fine_tuning if self.settings.network.weights else self.settings.first

    def given(self) -> dict[str, str]:
        """Return the digest of the file of weights, where one is named.

        Raises
        ------
        ConfigError
            If the file is not there, or not of a VGG-16.
        """
        return given_weights(self.settings.network.weights)

    def initialise(self, network: Network) -> None:
        """Put the weights of the file, where one is named, in place of drawn ones, and note its digest.

        Parameters
        ----------
        network
            Just built.

        Raises
        ------
        ConfigError
            If the file is not there, or not of a VGG-16.
        """
        if self.settings.network.weights:
            assert isinstance(network, VGGNetwork)
            path = Path(self.settings.network.weights)
            network.load(read_vgg16(path))
            self.trained_["weights"] = {"file": path.name, "sha256": file_digest(path)}
