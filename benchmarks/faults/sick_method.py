"""A method of one's own that does what a variable says in one fold, that of the person named: hang, or eat memory.

Run as a script it evaluates the method, as people do: ``sick_method.py TWIN CACHE OUT``.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import dstan
from dstan._random import child_seed
from dstan.preprocessing.cache import Cache
from dstan.recognizers import recognizer
from dstan.recognizers.bi_woof import BiWOOF

LIMIT = 15.0
"""Seconds that a task may take."""


class Sick(BiWOOF):
    """Bi-WOOF, until the variable ``SICK`` says otherwise; ``ONCE`` names a file that remembers that it was sick."""

    def _fit(self, clips: Any, *arguments: Any, **options: Any) -> None:
        if os.environ.get("SICKNESS") and options["seed"] == child_seed(0, "fold", os.environ["WITHOUT"]):
            _be_sick(os.environ["SICKNESS"], os.environ.get("ONCE"))
        super()._fit(clips, *arguments, **options)


def _be_sick(how: str, once: str | None) -> None:
    if once is not None:
        if Path(once).exists():
            return
        Path(once).touch()
    if how == "hang":
        while True:
            time.sleep(1)
    if how == "hang with the GIL":
        ctypes.PyDLL(None).sleep(100000)
    if how == "limit":
        resource.setrlimit(resource.RLIMIT_AS, (2**33, 2**33))
        np.ones(2**31)
    eaten = []
    while how == "eat":
        eaten.append(np.ones(2**23))  # 64 MiB, touched


if __name__ == "__main__":
    twin, cache, out = map(Path, sys.argv[1:])
    clips = dstan.load_corpus("casme2", twin, task="casme2-5")
    small = recognizer("bi-woof", {"recipe": {"size": 32, "landmarks": "truth"}, "svm": {"C": [1.0]}})
    dstan.evaluate(
        Sick("bi-woof", small.settings), clips, cache=Cache(cache), out=out, workers=2, seeds=4, task_limit=LIMIT
    )
