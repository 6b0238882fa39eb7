"""`dstan bench descriptors`: what descriptors are timed beside gives the same features."""

import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from dstan.bench.descriptors import works
from dstan.bench.tables import Table, Tables
from dstan.cli import app

SHAPE = (10, 96, 90)
WORKS = {work.name: work for work in works(SHAPE)}
PLAINER = [name for name, work in WORKS.items() if work.plainly is not None]


@pytest.mark.parametrize("name", [name for name in PLAINER if name != "FDM"])
def test_the_plain_way_gives_the_same_features(name: str) -> None:
    work = WORKS[name]
    assert work.plainly is not None
    np.testing.assert_allclose(work.compute(), work.plainly(), rtol=0, atol=1e-6)


def test_the_plain_way_of_fdm_finds_directions_that_are_as_good_but_for_its_360_starts() -> None:
    work = WORKS["FDM"]
    assert work.plainly is not None
    np.testing.assert_allclose(work.compute(), work.plainly(), rtol=0, atol=0.05)


def test_what_has_no_plain_way_states_its_own_time_on_all_that_a_recogniser_does_with_a_clip() -> None:
    alone = {name: work.compute().shape for name, work in WORKS.items() if work.plainly is None}
    assert alone == {"STCLQP, codebooks known": (11_520,), "Sparse MDMO, dictionary known": (512,)}


def test_without_scikit_image_it_says_so_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.feature", None)
    done = CliRunner().invoke(app, ["bench", "descriptors"])
    assert done.exit_code == 1
    assert "scikit-image, which cannot be imported" in done.stderr
    assert "pip install scikit-image" in done.stderr


def test_its_tables_are_printed_with_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    from dstan.bench import BENCHES

    table = Table.of("10x170x140", "a clip", [{"descriptor": "LBP-TOP", "ms": 1.7, "plain way": "slices"}])
    monkeypatch.setitem(BENCHES, "descriptors", lambda: Tables("descriptors", (table,)))
    done = CliRunner().invoke(app, ["bench", "descriptors"])
    assert done.exit_code == 0
    assert "10x170x140: a clip" in done.stdout
    assert "1.70" in done.stdout
    assert "cores, Python" in done.stdout
