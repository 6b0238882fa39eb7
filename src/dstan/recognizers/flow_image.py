"""The image that shallow nets look at: flow from onset to apex and its strain, small and square."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor
from torch.nn import functional

from dstan.clips import PreparedClip
from dstan.errors import ShapeError
from dstan.preprocessing.strain import strain_magnitude

MIRRORED_SIGNS = (-1.0, 1.0, 1.0)
"""Of u, v and strain."""


def flow_image(clip: PreparedClip, size: int) -> Float32[Tensor, "1 3 size size"]:
    """Return horizontal flow, vertical flow and strain as one image.

    Strain is taken at the size that the clip was prepared in; then each becomes its average over areas. Displacements
    stay in pixels of the prepared clip.

    Parameters
    ----------
    clip
        With one field of flow, from onset to apex.
    size
        Side of the image, in pixels.

    Raises
    ------
    ShapeError
        If the clip has more fields.
    """
    flow = np.asarray(clip.flow)
    if len(flow) != 1:
        raise ShapeError(
            f"one field of flow is needed, from onset to apex, and this clip has {len(flow)}",
            where=clip.clip,
            hint="Prepare the clips with --set recipe.pairs=onset-apex",
        )
    strain = strain_magnitude(flow[0].transpose(1, 2, 0))
    image = torch.from_numpy(np.concatenate([flow, strain[None, None]], axis=1))
    return functional.interpolate(image, (size, size), mode="area")
