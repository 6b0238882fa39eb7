"""Preprocessing against truth: landmarks, alignment, flow and apex on drawn people, the same ones each time."""

from __future__ import annotations

from dstan.bench.preprocessing.alignment import bench_alignment
from dstan.bench.preprocessing.apex import apex_tables
from dstan.bench.preprocessing.flow import flow_tables
from dstan.bench.tables import Plot, Table, Tables

_WHAT = {
    "landmarks": "drawn faces that hold still, 640 x 480, noise of 1.5 grey levels; pixels of a crop of 224 x 224",
    "alignment": "drawn faces whose head moves, 640 x 480; pixels of a crop of 224 x 224, share of an expression kept",
}
_PLOTS = {"landmarks": Plot("source", "error")}


def bench_preprocessing() -> Tables:
    """Measure every step of preparation against truth."""
    aligned = tuple(
        Table.of(name, _WHAT.get(name, name), rows, _PLOTS.get(name)) for name, rows in bench_alignment().items()
    )
    return Tables("preprocessing", aligned + flow_tables() + apex_tables())
