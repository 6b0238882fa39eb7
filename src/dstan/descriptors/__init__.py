"""Descriptors: arrays of frames or flow in, features out; each can be used without the rest of the package.

Frames are (T, H, W) grey in [0, 255]; flow is (T, 2, H, W), or one field (H, W, 2), in pixels, x to the right and y
down; features are flat, blocks row by row.

Examples
--------
>>> import numpy as np
>>> from dstan.descriptors import lbp_top
>>> lbp_top(np.random.default_rng(0).uniform(0, 255, (10, 170, 140))).shape
(1200,)
"""

from dstan.descriptors.bi_woof import bi_woof
from dstan.descriptors.fdm import fdm
from dstan.descriptors.lbp_sip import lbp_sip
from dstan.descriptors.lbp_top import lbp_top
from dstan.descriptors.lcbp import lcbp
from dstan.descriptors.mdmo import mdmo
from dstan.descriptors.stlbp_ip import stlbp_ip

__all__ = ["bi_woof", "fdm", "lbp_sip", "lbp_top", "lcbp", "mdmo", "stlbp_ip"]
