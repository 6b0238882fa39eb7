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
from dstan.descriptors.lcbp import block_energy, energy_weights, lcbp
from dstan.descriptors.mdmo import mdmo, mdmo_atoms
from dstan.descriptors.quantisation import learn_codebooks, word_histograms
from dstan.descriptors.slpp import fit_slpp
from dstan.descriptors.sparse_coding import code, learn_dictionary
from dstan.descriptors.sparse_mdmo import pool, sparse_mdmo, split
from dstan.descriptors.stclqp import stclqp_codes
from dstan.descriptors.stlbp_ip import stlbp_ip

__all__ = [
    "bi_woof",
    "block_energy",
    "code",
    "energy_weights",
    "fdm",
    "fit_slpp",
    "lbp_sip",
    "lbp_top",
    "lcbp",
    "learn_codebooks",
    "learn_dictionary",
    "mdmo",
    "mdmo_atoms",
    "pool",
    "sparse_mdmo",
    "split",
    "stclqp_codes",
    "stlbp_ip",
    "word_histograms",
]
