"""The code of a method that is not dstan's: a run must not go on with folds that older code has fitted."""

from __future__ import annotations

import ast
import inspect
import sys
from typing import TYPE_CHECKING

from dstan.config import digest_of

if TYPE_CHECKING:
    from dstan.recognizers import Recognizer


def code_of(recognizer: Recognizer) -> str:
    """Return 16 hexadecimal digits that change with the code of a user's own method.

    Comments and line breaks do not count. Of a script that is run, only its classes and functions do, so that its
    last lines may change. What the code imports from elsewhere is not looked at.

    Parameters
    ----------
    recognizer
        Any.

    Returns
    -------
    The digits; "" for methods of dstan, and where the code is in no file (typed into a console or a notebook).
    """
    home = type(recognizer).__module__
    if home.partition(".")[0] == __name__.partition(".")[0]:
        return ""
    try:
        body = ast.parse(inspect.getsource(sys.modules[home])).body
    except (OSError, TypeError, KeyError, SyntaxError):
        return ""
    if home == "__main__":
        body = [part for part in body if isinstance(part, ast.ClassDef | ast.FunctionDef)]
    return digest_of([ast.dump(part) for part in body])
