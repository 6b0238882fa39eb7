"""Recognition: what is made of trained networks beyond one look through one of them.

All of it is off by default, as in every paper's own recipe. docs/training.md says what each does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float32
from torch import Tensor

from dstan._random import child_seed
from dstan.config import Settings, setting
from dstan.networks.network import Network, Output


@dataclass(frozen=True)
class RecognitionSettings(Settings):
    """How a clip is recognised by what was trained."""

    mirror: bool = setting(
        False, "Each clip and its mirror image pass through the network, and what it finds in the two is averaged."
    )
    members: int = setting(
        1, "So many networks are trained from different seeds; they answer together.", low=1, high=100
    )
    classifier: str = setting(
        "softmax",
        "Who answers: the network's last layer, or a linear SVM on the features that this layer sees. It is what a "
        "stream of DSTAN answers when it is asked by itself; features of both streams are joined by fusion.method.",
        choices=("softmax", "svm"),
    )
    C: float = setting(1.0, "Penalty of that SVM.", low=1e-9, high=1e9)


def seen_with_mirror_image(
    network: Network, clip: Float32[Tensor, "1 t c h w"], mirrored_signs: Sequence[float]
) -> Output:
    """Return what a network finds in a clip and in its mirror image.

    Logits and features are the means of both; weights in time and space are those of the clip itself.

    Parameters
    ----------
    network
        Ready to predict.
    clip
        As the network sees it.
    mirrored_signs
        For each channel, what mirroring multiplies it by: -1 for motion to the right, 1 for anything else.
    """
    own: Output = network(clip)
    other: Output = network(clip.flip(-1) * torch.tensor(mirrored_signs)[:, None, None])
    return own._replace(logits=(own.logits + other.logits) / 2, features=(own.features + other.features) / 2)


def member_seed(seed: int, number: int) -> int:
    """Return the seed of a member: the first is the very network that would be trained alone.

    Parameters
    ----------
    seed
        Of all of them.
    number
        Of the member, from 1.
    """
    return seed if number == 1 else child_seed(seed, "member", str(number))


def member_name(name: str, number: int) -> str:
    """Return under which name the training of a member is kept: "flow", "flow 2", "flow 3" ...

    Parameters
    ----------
    name
        Of the training (a stream, a stage).
    number
        Of the member, from 1.
    """
    return name if number == 1 else f"{name} {number}"


def common_name(name: str) -> str:
    """Return the name that the trainings of all members share: the inverse of :func:`member_name`.

    Parameters
    ----------
    name
        Of one member's training.
    """
    return re.sub(r" \d+$", "", name)
