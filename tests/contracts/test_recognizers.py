"""What every recogniser promises; a new row of METHODS comes here by itself."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from specimens import CLASSES, draw, make, trial

from dstan._engine import single_thread
from dstan.checking import CHECKS, Check
from dstan.evaluation import evaluate
from dstan.recognizers import LEAVES, METHODS, PAPER_TRACK, Fidelity, load_model, recognizer, save_model

EVERY = sorted({**METHODS, **PAPER_TRACK})
every_method = pytest.mark.parametrize("name", EVERY)
every_check = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    with single_thread():
        yield


@every_method
@every_check
def test_a_method_keeps_what_every_recogniser_promises(check: Check, name: str) -> None:
    check(trial(name))


@pytest.mark.parametrize("name", sorted({**METHODS, **PAPER_TRACK, **LEAVES}))
def test_registry_and_recogniser_agree_on_the_name(name: str) -> None:
    made = make(name)
    assert made.name == name
    assert made.description
    assert made.fidelity in Fidelity
    assert set(made.streams) <= {"appearance", "flow"}
    assert made.recipe == made.settings.recipe
    assert recognizer(name, made.settings.to_dict()).settings == made.settings
    for part in made.components():
        assert part.name in LEAVES
        assert recognizer(part.name, part.settings.to_dict()).settings == part.settings


@every_method
def test_the_registry_loads_what_it_made(name: str, tmp_path: Path) -> None:
    save_model(trial(name).fitted, tmp_path / "model")
    assert trial(name).agree(load_model(tmp_path / "model"), trial(name).fitted)


def test_dstan_its_streams_and_its_sister_share_their_fits(tmp_path: Path) -> None:
    together = evaluate(
        [make(name) for name in ("dstan", "stan-a", "stmn-a", "majority")], draw("dstan"), workers=0, out=tmp_path
    )
    assert set(together) == {"dstan", "stan-a", "stmn-a", "majority"}
    for name in ("dstan", "stmn-a"):
        alone = evaluate(make(name), draw("dstan"), workers=0)
        assert alone.predictions.equals(together[name].predictions)
    later = evaluate([make("dstan-average")], draw("dstan"), workers=0, out=tmp_path)["dstan-average"].predictions
    streams = [together[name].predictions[[f"p_{label}" for label in sorted(CLASSES)]] for name in ("stan-a", "stmn-a")]
    assert np.allclose(later[streams[0].columns], (streams[0] + streams[1]) / 2, atol=1e-15)


def test_workers_do_not_change_a_bit(tmp_path: Path) -> None:
    for workers in (0, 2):
        evaluate(make("dstan"), draw("dstan"), workers=workers, out=tmp_path / str(workers))
    for name in ("dstan", "stan-a", "stmn-a"):
        table = f"{name}/predictions.csv"
        assert (tmp_path / "0" / table).read_bytes() == (tmp_path / "2" / table).read_bytes()
