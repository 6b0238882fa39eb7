from __future__ import annotations

import inspect
import pickle
import re
from pathlib import Path

import pytest

from dstan import errors
from dstan._atomic import replacing, write_json
from dstan._random import child_seed
from dstan._registry import look_up

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == "dstan.errors"]


def test_every_error_stands_in_the_drawn_tree_with_its_builtin() -> None:
    drawn = dict(re.findall(r"(?:^    |── )(\w+Error)(?: \((\w+)\))?", errors.__doc__ or "", re.M))
    assert set(drawn) == {kind.__name__ for kind in KINDS}
    for kind in KINDS:
        assert issubclass(kind, errors.DstanError)
        builtin = drawn[kind.__name__]
        assert not builtin or builtin in {base.__name__ for base in kind.__mro__}


@pytest.mark.parametrize("kind", KINDS)
def test_errors_say_what_where_and_what_next_and_travel_between_processes(kind: type[errors.DstanError]) -> None:
    error = kind("no frames", where="s1/a", hint="Unpack the archive again")
    assert str(error) == "s1/a: no frames. Unpack the archive again"
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert (type(copy), str(copy)) == (kind, str(error))


def test_an_unknown_name_lists_the_choices_nearest_first() -> None:
    with pytest.raises(errors.UnknownNameError, match=r"Did you mean 'stmn-a'\? Known: stmn-a, "):
        look_up("method", "stmm-a", {"majority": 1, "dstan": 2, "stmn-a": 3})
    assert look_up("method", "dstan", {"dstan": 2}) == 2


def test_child_seeds_are_stable_and_apart() -> None:
    assert child_seed(0, "fold", "sub01") == child_seed(0, "fold", "sub01")
    seeds = {child_seed(s, f) for s in range(20) for f in range(20)}
    assert len(seeds) == 400
    assert child_seed(0, "ab", "c") != child_seed(0, "a", "bc")
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "x.json"
    write_json(path, {"a": 1})
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half", encoding="utf-8")
        raise RuntimeError
    assert path.read_text(encoding="utf-8") == '{\n  "a": 1\n}\n'
    assert list(path.parent.iterdir()) == [path]
