"""CNN-LSTM as a recogniser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from dstan.clips import PreparedClip
from dstan.config import setting
from dstan.errors import naming
from dstan.networks.cnn_lstm import CNNLSTMNetwork, CNNLSTMNetworkSettings
from dstan.preprocessing.apex import estimate_apex
from dstan.preprocessing.recipe import Recipe
from dstan.recognizers.contract import Fidelity, StreamName
from dstan.recognizers.network import Shape
from dstan.recognizers.two_stage import TwoStageRecognizer, TwoStageSettings
from dstan.training import AugmentationSettings, MakeObjective, TrainingSettings
from dstan.training.expression_states import ExpressionStateSettings, expression_states, state_of_steps


@dataclass(frozen=True)
class CNNLSTMSettings(TwoStageSettings):
    """All settings of CNN-LSTM."""

    network: CNNLSTMNetworkSettings = setting(CNNLSTMNetworkSettings(), "The network.")
    objective: ExpressionStateSettings = setting(ExpressionStateSettings(), "What the first stage minimises.")


class CNNLSTM(TwoStageRecognizer):
    """A CNN that learns classes and states of an expression from single frames, then an LSTM over them [1]_.

    A re-interpretation: the abstract names the two stages and the five states, and what could not be read is ours. The
    publication takes some frames around each state for the first stage and augments whole clips for the second. Here
    the first stage learns from the very steps that the second one follows, those of TIM: each has the state whose
    anchor is nearest, so a state has two of ten steps or so. And the second stage learns from features that are
    computed once, so augmentation is in the first stage only.

    Which state a step is depends on where the apex lies, and that is asked for in training alone. It is what the recipe
    found (``recipe.apex``: annotated, or estimated where there is no annotation, as in SMIC); for a clip made from
    arrays, of which nothing of the kind is known, it is estimated from the frames of the clip itself.

    Parameters
    ----------
    name
        The method's name.
    settings
        All its settings.

    References
    ----------
    .. [1] D. H. Kim, W. J. Baddar, Y. M. Ro, "Micro-expression recognition with expression-state constrained
       spatio-temporal feature representations", ACM Multimedia 2016, pp. 382-386.
    """

    settings: CNNLSTMSettings
    reference: ClassVar[str] = "D. H. Kim et al., ACM Multimedia 2016"
    fidelity: ClassVar[Fidelity] = Fidelity.REINTERPRETATION
    what: ClassVar[str] = "a CNN that knows the states of an expression, and an LSTM over the frames"
    streams: ClassVar[tuple[StreamName, ...]] = ("appearance",)

    @property
    def mirrored_signs(self) -> tuple[float, ...]:
        """That of grey values."""
        return (1.0,)

    @property
    def backbones(self) -> tuple[str, ...]:
        """The CNN alone."""
        return ("cnn",)

    def build(self, n_classes: int, shape: Shape) -> CNNLSTMNetwork:
        """Return the network, its weights drawn from torch's generator.

        Parameters
        ----------
        n_classes
            Classes told apart.
        shape
            Of a clip as :meth:`tensor` returns it.
        """
        return CNNLSTMNetwork(shape[2:], n_classes, self.settings.network)

    def tensor(self, clip: PreparedClip) -> Float32[Tensor, "t 1 h w"]:
        """Return the grey frames.

        Parameters
        ----------
        clip
            With appearance.
        """
        return torch.from_numpy(np.asarray(clip.appearance)[:, None])

    def first_objective(self, name: str, clips: Sequence[PreparedClip]) -> MakeObjective:
        """Return what makes the loss of the first stage: that of the classes, and of the states where they are learned.

        Parameters
        ----------
        name
            "cnn".
        clips
            All training clips, in the order of the data.
        """
        if not self.settings.objective.states:
            return super().first_objective(name, clips)
        states = [state_of_steps(apex_of(clip), len(np.asarray(clip.appearance))) for clip in clips]
        return expression_states(torch.cat(states), self.settings.objective)


def apex_of(clip: PreparedClip) -> float:
    """Return where the apex of a clip lies: 0 at its first frame, 1 at its last, halfway where it has only one.

    Parameters
    ----------
    clip
        Prepared by a recipe, which notes the apex; that of a clip made from arrays is estimated from its frames, which
        are taken to be aligned.
    """
    if "apex" in clip.done:
        frame, n = int(clip.done["apex"]["frame"]), int(clip.done["frames"])
    else:
        frames = np.asarray(clip.appearance)
        with naming(clip.clip):
            frame, n = estimate_apex(frames), len(frames)
    return frame / (n - 1) if n > 1 else 0.5


COMMON = CNNLSTMSettings(
    recipe=Recipe(size=64, steps=10),
    first=TrainingSettings(
        epochs=60,
        batch_size=64,
        schedule="cosine",
        weight_decay=5e-4,
        balanced=True,
        augmentation=AugmentationSettings(mirror=True, shift=0.0625, rotation=10.0, zoom=0.05),
    ),
    training=TrainingSettings(epochs=60, batch_size=32, gradient_clip=5.0, balanced=True),
)
