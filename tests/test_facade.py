from __future__ import annotations

import subprocess
import sys

import pytest

import dstan

BLOCKED = "import sys; sys.modules.update(dict.fromkeys(('cv2', 'mediapipe')))\n"


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_all_is_sorted_and_equals_what_can_be_imported() -> None:
    assert dstan.__all__ == sorted(dstan.__all__)
    public = {name for name in dir(dstan) if not name.startswith("_") and name in dstan._HOMES}
    assert public | {"__version__"} == set(dstan.__all__)
    for name in dstan.__all__:
        assert getattr(dstan, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'evalute'"):
        dstan.evalute  # noqa: B018


def test_importing_the_facade_imports_nothing_heavy() -> None:
    heavy = "{'torch', 'numpy', 'pandas', 'sklearn', 'cv2', 'mediapipe', 'dask', 'matplotlib', 'av'}"
    assert python(f"import dstan, sys; print({heavy} & set(sys.modules))").strip() == "set()"


def test_learning_and_evaluation_need_neither_mediapipe_nor_opencv() -> None:
    code = BLOCKED + "import dstan.evaluation; from dstan.recognizers import METHODS, recognizer\n"
    assert python(code + "print(all(recognizer(name).recipe for name in METHODS))").strip() == "True"


def test_the_facade_is_complete_without_mediapipe_and_opencv() -> None:
    assert (
        python(BLOCKED + "import dstan; print(all(getattr(dstan, name) for name in dstan.__all__))").strip() == "True"
    )
