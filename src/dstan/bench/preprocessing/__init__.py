"""Preprocessing against truth: landmarks, alignment, flow and apex on drawn people, the same ones each time."""

from __future__ import annotations

from collections.abc import Mapping

from dstan.bench.preprocessing.alignment import bench_alignment
from dstan.bench.preprocessing.apex import apex_tables
from dstan.bench.preprocessing.flow import flow_tables
from dstan.bench.preprocessing.flow_error import flow_error_tables
from dstan.bench.tables import Cell, Plot, Table, Tables

_WHAT = {
    "landmarks": "drawn faces that hold still, 640 x 480, noise of 1.5 grey levels; pixels of a crop of 224 x 224",
    "alignment": "drawn faces whose head moves, 640 x 480; pixels of a crop of 224 x 224, share of an expression kept",
}
_PLOTS = {"alignment": Plot("shift, px", "left, px", "mode", scale="linear")}


def bench_preprocessing() -> Tables:
    """Measure every step of preparation against truth."""
    aligned = tuple(
        Table.of(name, _WHAT.get(name, name), [_with_units(row) for row in rows], _PLOTS.get(name))
        for name, rows in bench_alignment().items()
    )
    return Tables("preprocessing", aligned + flow_tables() + flow_error_tables() + apex_tables())


def _with_units(row: Mapping[str, Cell]) -> dict[str, Cell]:
    """Name pixels and degrees in the headings."""
    units = {"turn": "degrees", **dict.fromkeys(("shift", "left", "left at worst", "error", "jitter"), "px")}
    return {f"{name}, {units[name]}" if name in units else name: value for name, value in row.items()}
