"""Images of motion as they are stored in published data: each stretched over a fixed range by itself."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

LEAST = 1e-6
"""A flat image is divided by this."""


class ImageRange(nn.Module):
    """Stretch each channel of each image from its own minimum and maximum to 0 and ``top``.

    How strong a motion is, and where it is zero, is lost by that.

    Parameters
    ----------
    top
        What the maximum becomes: 255 for images of eight bits.
    """

    def __init__(self, top: float) -> None:
        super().__init__()
        self.top = top

    def measure(self, clips: Float[Tensor, "n t h w c"]) -> None:
        """Measure nothing: each image has a range of its own.

        Parameters
        ----------
        clips
            Those that are learned from.
        """

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Return the images over their whole range; flat ones become 0."""
        low, high = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
        return (images - low) * (self.top / (high - low).clamp_min(LEAST))
