"""Descriptors: the time of each beside that of the plainest correct way, and how far the two differ."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dstan._engine import single_thread
from dstan.bench import plain_descriptors as plain
from dstan.bench.figures import median_seconds
from dstan.bench.tables import Cell, Table, Tables
from dstan.descriptors.bi_woof import bi_woof
from dstan.descriptors.fdm import fdm
from dstan.descriptors.lbp_sip import lbp_sip
from dstan.descriptors.lbp_top import lbp_top
from dstan.descriptors.lcbp import lcbp
from dstan.descriptors.mdmo import mdmo
from dstan.descriptors.quantisation import learn_codebooks, word_histograms
from dstan.descriptors.sparse_coding import code
from dstan.descriptors.sparse_mdmo import pool, sparse_mdmo, split
from dstan.descriptors.stclqp import stclqp_codes
from dstan.descriptors.stlbp_ip import stlbp_ip
from dstan.preprocessing.template import eye_centres, eye_distance
from dstan.synthesis.mesh import mesh_points

SHAPES = ((10, 170, 140), (64, 224, 224))
REPETITIONS, PLAIN_REPETITIONS = 5, 3
SKIMAGE, NUMPY = "scikit-image, slice by slice", "NumPy in loops"

Compute: TypeAlias = Callable[[], NDArray[Any]]


@dataclass(frozen=True)
class Work:
    """One descriptor of one clip.

    Parameters
    ----------
    name
        Of the descriptor.
    compute
        Returns its features.
    plainly
        Returns the same in the plainest way; None where there is no plainer one.
    way
        What that is made of.
    """

    name: str
    compute: Compute
    plainly: Compute | None = None
    way: str = ""


def bench_descriptors() -> Tables:
    """Time each descriptor on a small clip and on a large one, in one thread, after compilation.

    Raises
    ------
    MissingDependencyError
        If scikit-image is not installed.
    """
    plain.local_binary_pattern()  # said before minutes of work
    with single_thread():
        return Tables("descriptors", tuple(table for shape in SHAPES for table in _tables(shape)))


def _tables(shape: tuple[int, int, int]) -> Iterator[Table]:
    size, every = "x".join(map(str, shape)), list(works(shape))
    clock = f"a clip of {size.replace('x', ' x ')}, flow known; processor time in ms, median of {REPETITIONS}"
    beside = [work for work in every if work.plainly is not None]
    alone = [work for work in every if work.plainly is None]
    yield Table.of(
        size,
        f"{clock}, of the plain way of {PLAIN_REPETITIONS}; the largest difference between their features",
        [_beside(work) for work in beside],
    )
    yield Table.of(f"{size}-alone", clock, [_alone(work) for work in alone])


def _alone(work: Work) -> dict[str, Cell]:
    own = 1000 * median_seconds(work.compute, REPETITIONS, time.process_time)
    return {"descriptor": work.name, "values": float(work.compute().size), "ms": own}


def _beside(work: Work) -> dict[str, Cell]:
    assert work.plainly is not None
    own = _alone(work)
    theirs = 1000 * median_seconds(work.plainly, PLAIN_REPETITIONS, time.process_time)
    return {
        **own,
        "plain ms": theirs,
        "times as fast": theirs / float(own["ms"]),
        "difference": float(abs(work.compute() - work.plainly()).max()),
        "plain way": work.way,
    }


def works(shape: tuple[int, int, int]) -> Iterator[Work]:
    """Yield every descriptor with its plain way, on drawn noise.

    Parameters
    ----------
    shape
        Frames, height and width; as many fields of flow as frames.

    Yields
    ------
    Those with a plain way, then those without.
    """
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, shape, dtype=np.uint8)
    flow, face = _flow(rng, shape), _face((shape[1], shape[2]))
    field, ones = np.moveaxis(flow[-1], 0, -1), (1, 1, 1)  # scikit-image knows one radius an image
    yield Work("LBP-TOP, radii 1", lambda: lbp_top(frames, radii=ones), lambda: plain.lbp_top(frames), SKIMAGE)
    yield Work("LBP-SIP, radii 1", lambda: lbp_sip(frames, radii=ones), lambda: plain.lbp_sip(frames), SKIMAGE)
    yield Work("STLBP-IP", lambda: stlbp_ip(frames), lambda: plain.stlbp_ip(frames), SKIMAGE)
    yield Work("LCBP", lambda: lcbp(frames), lambda: plain.lcbp(frames), NUMPY)
    yield Work("MDMO", lambda: mdmo(flow, face), lambda: plain.mdmo(flow, face), NUMPY)
    yield Work("FDM", lambda: fdm(flow), lambda: plain.fdm(flow), NUMPY)
    yield Work("Bi-WOOF", lambda: bi_woof(field), lambda: plain.bi_woof(field), NUMPY)
    yield Work("STCLQP, codebooks known", _stclqp(frames))
    yield Work("Sparse MDMO, dictionary known", _sparse_mdmo(rng, flow, face))


def _stclqp(frames: NDArray[Any]) -> Compute:
    codebooks = learn_codebooks([stclqp_codes(frames[:10, :64, :64])])
    height, width = frames.shape[1:]
    return lambda: word_histograms(stclqp_codes(frames), codebooks, shape=(height, width))


def _sparse_mdmo(rng: np.random.Generator, flow: NDArray[Any], face: NDArray[Any]) -> Compute:
    dictionary = rng.standard_normal((72, 256))
    dictionary /= np.linalg.norm(dictionary, axis=0)

    def compute() -> NDArray[np.float64]:
        samples, laplacian = split(sparse_mdmo(flow, face))
        return pool(code(samples, laplacian, dictionary))

    return compute


def _flow(rng: np.random.Generator, shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Draw (T, 2, H, W) flow of half a pixel that changes from place to place, with some noise."""
    frames, height, width = shape
    coarse = rng.normal(0, 0.5, (frames, 2, 6, 5)).repeat(-(-height // 6), axis=2).repeat(-(-width // 5), axis=3)
    noise = rng.normal(0, 0.1, (frames, 2, height, width))
    return (coarse[:, :, :height, :width] + noise).astype(np.float32)


def _face(shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return the (468, 2) points of the average drawn face where alignment puts it."""
    middle: NDArray[np.float64] = eye_centres(shape).mean(axis=0)
    return middle + mesh_points() * 1.04 * eye_distance(shape)
