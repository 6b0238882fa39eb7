"""Every reader with a few broken inputs, and with every input that broke one before."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import damaged, edited
from readers import HARNESSES

REGRESSIONS = Path(__file__).parent / "regressions"
KEPT = [(path.parent.name, path) for path in sorted(REGRESSIONS.glob("*/*"))]
SLOW = {"video": 12, "image": 12}


@pytest.mark.parametrize("name", HARNESSES)
def test_whole_inputs_are_read(name: str) -> None:
    for seed in HARNESSES[name].seeds():
        HARNESSES[name].plain(seed)


@pytest.mark.parametrize("name", HARNESSES)
def test_broken_inputs_raise_nothing_but_errors_of_ours(name: str) -> None:
    one = HARNESSES[name]
    seeds = list(one.seeds())

    @settings(
        max_examples=SLOW.get(name, 20), database=None, deadline=None, suppress_health_check=list(HealthCheck),
        derandomize=True,
    )  # fmt: skip
    @given(st.sampled_from(seeds), st.integers(0, 2**32), st.binary(max_size=40))
    def survives(seed: bytes, number: int, noise: bytes) -> None:
        one.read(damaged(seed, random.Random(number)))
        one.read(edited(seed, random.Random(number)))
        one.read(noise)

    survives()


@pytest.mark.parametrize(("name", "path"), KEPT, ids=lambda value: getattr(value, "name", value))
def test_what_broke_a_reader_once_breaks_it_no_more(name: str, path: Path) -> None:
    HARNESSES[name].read(path.read_bytes())
