"""What is installed is what was tested: every version is fixed."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_pin_is_one_version() -> None:
    pins = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    assert len(pins) > 50
    assert [pin for pin in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+", pin)] == []
    names = [re.sub(r"[-_.]+", "-", pin.split("==")[0]).casefold() for pin in pins]
    assert len(names) == len(set(names))
