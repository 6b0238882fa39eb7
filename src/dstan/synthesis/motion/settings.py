"""From which ranges drawn motion comes, and what it is contaminated with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

from dstan._registry import look_up
from dstan.config import Settings, setting
from dstan.errors import ConfigError


@dataclass(frozen=True)
class MotionSettings(Settings):
    """Every value is the widest that is drawn, or a standard deviation where it says so; 0 (1 for factors) is none."""

    amplitude: float = setting(
        1.6, "Median of an action unit's longest displacement, pixels of the 224 x 224 crop.", low=0.01
    )
    amplitude_spread: float = setting(0.5, "Standard deviation of its logarithm.", low=0, high=2)
    asymmetry: float = setting(0.2, "Standard deviation of the logarithm of left over right.", low=0, high=2)
    ambiguity: float = setting(0.04, "Share of clips that show another class than their label's.", low=0, high=0.5)
    odd_units: float = setting(0.03, "Chance of each action unit that is no part of the expression.", low=0, high=0.5)
    apex_error: float = setting(
        0.25, "Twice the standard deviation of the apex's error, as a share of its time.", low=0, high=1
    )

    field_shift: float = setting(0.07, "Shift of an action unit's centres from person to person, face units.", low=0)
    field_width: float = setting(1.3, "Factor on the widths of an action unit, or its inverse.", low=1, high=4)
    field_turn: float = setting(20.0, "Turn of an action unit's direction, degrees.", low=0, high=180)
    field_strength: float = setting(1.6, "Factor on an action unit beside the others, or its inverse.", low=1, high=10)

    wrong_anatomy: int = setting(
        0,
        "To see what depends on the action units being right: where not 0, the seed of fields that are wrong, the same "
        "in every clip (centres, widths, directions and strengths; see dstan.synthesis.motion.pushes).",
        low=0,
    )

    crop_shift: float = setting(0.10, "Shift of the face in the crop, face units.", low=0, high=1)
    crop_scale: float = setting(1.12, "Factor on the size of the face in the crop, or its inverse.", low=1, high=2)
    crop_turn: float = setting(6.0, "Turn of the face in the crop, degrees.", low=0, high=90)

    head_shift: float = setting(
        0.3, "Deviation of the head's drift in a median clip, pixels of the 224 x 224 crop.", low=0
    )
    head_turn: float = setting(0.1, "Of its turn in the image plane, degrees.", low=0)
    head_scale: float = setting(0.001, "Of the logarithm of its size.", low=0)
    head_out: float = setting(0.3, "Of its turns out of the plane, pixels at the tip of the nose.", low=0)

    blinks: float = setting(0.15, "Share of clips in which the lids move.", low=0, high=1)
    glances: float = setting(0.25, "Share of clips in which the gaze shifts.", low=0, high=1)
    mouth: float = setting(0.12, "Share of clips in which the lips part or press for no reason.", low=0, high=1)
    light: float = setting(0.004, "Standard deviation of a change of light, as a share of it.", low=0, high=1)

    window: tuple[int, int] = setting(
        (11, 19),
        "Side of the square that the estimator averages over, pixels of the crop; it is odd, and 1 for no estimator.",
        low=1,
        high=99,
    )
    gain: tuple[float, float] = setting((0.8, 1.15), "Length of the estimate over that of the truth.", low=0, high=4)
    noise: float = setting(0.3, "Median noise of what flow is taken between, grey levels of the crop.", low=0)
    noise_spread: float = setting(0.8, "Standard deviation of its logarithm.", low=0, high=3)

    folds: float = setting(
        0.6, "How much darker skin gets where it is pushed together, per unit of divergence.", low=0, high=10
    )

    hair: float = setting(0.5, "Share of clips with outliers at the hairline or hair over the forehead.", low=0, high=1)
    glasses: float = setting(0.2, "Share of clips with glasses, which hide the eyes' surroundings.", low=0, high=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("window", "gain"):
            low, high = getattr(self, name)
            if low > high:
                raise ConfigError(
                    f"{name} goes from {low} to {high}, and the first of a range is the lesser",
                    hint=f"Write {name}=[{high},{low}]",
                )

    def without(self, contamination: str) -> Self:
        """Return the same without one contamination.

        Parameters
        ----------
        contamination
            One of :data:`CONTAMINATIONS`.

        Raises
        ------
        UnknownNameError
            If there is no such contamination.
        """
        return replace(self, **look_up("contamination", contamination, CONTAMINATIONS))


CONTAMINATIONS: dict[str, dict[str, Any]] = {
    "anatomy": {"field_shift": 0.0, "field_width": 1.0, "field_turn": 0.0, "field_strength": 1.0},
    "crop": {"crop_shift": 0.0, "crop_scale": 1.0, "crop_turn": 0.0},
    "head": {"head_shift": 0.0, "head_turn": 0.0, "head_scale": 0.0, "head_out": 0.0},
    "eyes": {"blinks": 0.0, "glances": 0.0},
    "mouth": {"mouth": 0.0},
    "light": {"light": 0.0},
    "folds": {"folds": 0.0},
    "estimator": {"window": (1, 1), "gain": (1.0, 1.0)},
    "noise": {"noise": 0.0},
    "occlusion": {"hair": 0.0, "glasses": 0.0},
    "labels": {"ambiguity": 0.0, "odd_units": 0.0, "apex_error": 0.0},
}
"""What can be left out, and which settings that makes nothing of."""
