"""Inputs broken on purpose: byte by byte, or in the middle of JSON that stays JSON."""

from __future__ import annotations

import json
import random
from typing import Any

ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1, 2, 7, 2**31, 2**63, 10**18, 10**400, -0.5, 0.5, 1e308, float("inf"), float("nan"), "", "x",
    "../x", "/etc/passwd", "C:\\x", "\0", "majority", "a" * 300, [], {}, [[]], [0], ["x"], {"x": 1}, [0] * 50,
)  # fmt: skip
PIECES = (b"\0", b"\xff", b"[", b"{", b'"', b",", b"-", b"1e999", b"null", b"../", b"\n", b"[" * 2000)


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Change, repeat, remove or insert a few pieces of an input."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(changed) + 1)
        piece = chance.choice((1, 1, 2, 4, 8, 64))
        kind = chance.randrange(5)
        if kind == 0:
            changed[at : at + piece] = chance.randbytes(piece)
        elif kind == 1:
            del changed[at : at + piece]
        elif kind == 2:
            changed[at:at] = changed[max(at - piece, 0) : at] * chance.randint(1, 4)
        elif kind == 3:
            changed[at : at + 1] = chance.choice(PIECES)
        else:
            del changed[at:]
    return bytes(changed)


def edited(content: bytes, chance: random.Random) -> bytes:
    """Change a few values of a JSON document, also of one behind a byte or before the arrays of safetensors.

    What is no such document is :func:`damaged`.
    """
    head, text, tail = _parts(content)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return damaged(content, chance)
    for _ in range(chance.randint(1, 3)):
        document = _edit(document, chance)
    text = json.dumps(document).encode()
    return (len(text).to_bytes(8, "little") if len(head) == 8 else head) + text + tail


def _parts(content: bytes) -> tuple[bytes, bytes, bytes]:
    """Return what is before the JSON of an input, that, and what is behind it."""
    begin = content.find(b"{", 0, 9)
    if begin == 8:
        end = 8 + int.from_bytes(content[:8], "little")
        return content[:8], content[8:end], content[end:]
    if content[:1] and content[:1] not in (b"{", b"["):
        return content[:1], content[1:], b""
    return b"", content, b""


def _edit(value: Any, chance: random.Random) -> Any:
    """Return a document with one node replaced, removed, renamed or repeated."""
    if chance.random() < 0.15 or not isinstance(value, dict | list) or not value:
        return _other(value, chance)
    if isinstance(value, list):
        at = chance.randrange(len(value))
        deed = chance.random()
        if deed < 0.1:
            return value[:at] + value[at + 1 :]
        if deed < 0.2:
            return [*value, value[at]]
        return [*value[:at], _edit(value[at], chance), *value[at + 1 :]]
    key = chance.choice(list(value))
    deed, rest = chance.random(), {name: one for name, one in value.items() if name != key}
    if deed < 0.1:
        return rest
    if deed < 0.2:
        return {**rest, str(chance.choice(ODD))[:300]: value[key]}
    return {**value, key: _edit(value[key], chance)}


def _other(value: Any, chance: random.Random) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool) and chance.random() < 0.5:
        return chance.choice((value + 1, value - 1, -value, value * 1000, float(str(value))))
    return chance.choice(ODD)
