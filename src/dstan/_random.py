"""Child seeds that do not depend on the order in which work is done."""

from __future__ import annotations

import hashlib


def child_seed(seed: int, *what_for: object) -> int:
    """Derive a seed from a seed and what it is for.

    Parameters
    ----------
    seed
        The parent seed, zero or more.
    what_for
        Anything with a stable ``str``: a fold's name, a clip's id, "weights".

    Returns
    -------
    An integer in [0, 2**63), the same in every process and on every machine.
    """
    text = "\x1f".join([str(seed), *map(str, what_for)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
