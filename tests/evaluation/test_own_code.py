"""Whether a user's own code is still what it was when a run was begun."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from dstan.evaluation.own_code import code_of
from dstan.recognizers import Majority, Recognizer

CODE = """
from dstan.recognizers import Majority
class Mine(Majority):
    def share(self):
        return 1
CHOSEN = 3
"""


def _made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, name: str = "of_a_user") -> Recognizer:
    file = tmp_path / f"{len(list(tmp_path.iterdir()))}.py"
    file.write_text(code, encoding="utf-8")
    specification = importlib.util.spec_from_file_location(name, file)
    assert specification is not None
    assert specification.loader is not None
    module: ModuleType = importlib.util.module_from_spec(specification)
    monkeypatch.setitem(sys.modules, name, module)
    specification.loader.exec_module(module)
    made: Recognizer = module.Mine()
    return made


def test_code_of_a_user_s_own_is_known_by_what_it_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = [
        code_of(_made(tmp_path, monkeypatch, code))
        for code in (CODE, "# a remark" + CODE, CODE.replace("return 1", "return 2"), CODE.replace("3", "4"))
    ]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3
    assert all(digests)


def test_of_a_script_only_classes_and_functions_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codes = (CODE, CODE.replace("3", "4"), CODE.replace("return 1", "return 2"))
    plain, other_lines, other_class = (code_of(_made(tmp_path, monkeypatch, code, "__main__")) for code in codes)
    assert plain == other_lines != other_class


def test_methods_of_dstan_and_code_in_no_file_have_no_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    assert code_of(Majority()) == ""
    typed = type("Typed", (Majority,), {"__module__": "typed"})
    monkeypatch.setitem(sys.modules, "typed", ModuleType("typed"))
    assert code_of(typed()) == ""
