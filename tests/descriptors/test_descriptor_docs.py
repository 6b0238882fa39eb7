"""What the docs show of descriptors runs, and gives the shapes that stand beside it."""

from __future__ import annotations

import ast
import doctest
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dstan import descriptors

PAGE = Path(__file__).parents[2] / "docs" / "descriptors.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_the_page_gives_the_shapes_that_it_says(example: str) -> None:
    clips = [np.random.default_rng(seed).uniform(0, 255, (10, 170, 140)) for seed in range(2)]
    names: dict[str, Any] = {"training_clips": clips}
    checked = 0
    for statement in ast.parse(example).body:
        source = ast.get_source_segment(example, statement)
        if not isinstance(statement, ast.Expr):
            exec(source, names)
            continue
        said = re.findall(r"\(\d+,\)", example.splitlines()[(statement.end_lineno or 0) - 1].partition("#")[2])
        found = eval(source, names)
        assert ast.literal_eval(said[0]) == getattr(found, "shape", found)
        checked += 1
    assert checked >= 2


def test_the_example_of_the_package_is_true() -> None:
    found = doctest.testmod(descriptors)
    assert (found.attempted, found.failed) == (3, 0)


def test_every_descriptor_of_the_paper_is_offered() -> None:
    assert {"lbp_top", "lbp_sip", "stlbp_ip", "stclqp_codes", "lcbp", "mdmo", "sparse_mdmo", "fdm", "bi_woof"} <= set(
        descriptors.__all__
    )
