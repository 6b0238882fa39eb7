"""What a network sees of a clip's flow: displacements in pixels, or values relative to the clip's own.

Some published maps are not in pixels: each was normalised to [0, 1] by itself, channel by channel or all channels
together. What is left of them then is their form, and ``relative`` is what does not depend on how that was done.
"""

from __future__ import annotations

import functools
import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dstan.clips import PreparedClip
from dstan.config import setting
from dstan.preprocessing.strain import strain_of_clip

log = logging.getLogger(__name__)

PIXELS, RELATIVE = "pixels", "relative"
EDGE, REST = 0.02, 0.1
"""How near the ends are to 0 and 1 of maps that were normalised to [0, 1], and how far from 0 most values are."""


def flow_values_setting() -> Any:
    """Declare the setting of a method that can take flow of either kind."""
    return setting(
        PIXELS,
        "Flow as it is given, in pixels; or relative: each of u, v and strain in each clip minus its median, over its "
        "range, which is the same for maps that were normalised to [0, 1] or to anything else.",
        choices=(PIXELS, RELATIVE),
        added=True,
    )


def motion_channels(clip: PreparedClip, values: str, *, strain: float | None = None) -> NDArray[np.float32]:
    """Return the channels u, v and, where asked for, strain of each field of a clip.

    Strain that the clip was given is taken as it is. Any other is computed from the flow as it is given, before
    anything is made relative: that presumes one common scale of u and v, so maps whose u and v were normalised apart
    need their own strain.

    Parameters
    ----------
    clip
        With flow.
    values
        "pixels" for the flow as it is, or "relative".
    strain
        A factor on the strain, without effect on relative values; None for no such channel.

    Returns
    -------
    (T, 2, H, W), or (T, 3, H, W) with strain.
    """
    flow = np.asarray(clip.flow)
    if values == PIXELS and looks_normalised(flow, clip.strain):
        _warn_of_normalised_flow()
    channels = flow
    if strain is not None:
        channels = np.concatenate([flow, np.float32(strain) * strain_of_clip(clip)[:, None]], axis=1)
    return relative(channels) if values == RELATIVE else channels


def relative(channels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return each channel of a clip minus its median, over its range.

    What was multiplied by any positive number and moved by another, channel by channel, gives the same values, and a
    channel that is negated gives negated ones.

    Parameters
    ----------
    channels
        (T, C, H, W); median and range of a channel are over all its T maps.

    Returns
    -------
    The same shape, in [-1, 1]; 0 where a channel is constant.
    """
    whole = channels.astype(np.float64)
    over: Any = {"axis": (0, 2, 3), "keepdims": True}
    extent = np.ptp(whole, **over)
    found = np.divide(whole - np.median(whole, **over), extent, out=np.zeros_like(whole), where=extent > 0)
    return found.astype(np.float32)


def looks_normalised(flow: NDArray[np.float32], strain: NDArray[np.float32] | None = None) -> bool:
    """Tell whether flow looks like images that were stretched to [0, 1] rather than displacements.

    Parameters
    ----------
    flow
        (T, 2, H, W).
    strain
        (T, H, W), where it came with the flow.
    """
    channels = [flow, *([] if strain is None else [strain])]
    least, greatest = min(float(one.min()) for one in channels), max(float(one.max()) for one in channels)
    return 0 <= least <= EDGE and 1 - EDGE <= greatest <= 1 and float(np.median(flow)) >= REST


@functools.cache
def _warn_of_normalised_flow() -> None:
    log.warning(
        "flow lies from 0 to 1, as maps do that were normalised, and is taken for pixels: if it is normalised, use "
        "--set flow_values=relative"
    )
