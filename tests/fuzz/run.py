"""Fuzz the readers, guided by coverage: ``python tests/fuzz/run.py [HARNESS...] --inputs 100000``.

Each harness runs in a process of its own. What breaks a reader is written to ``regressions/HARNESS/`` and the rest of
the inputs follow, so one run finds more than one thing. The mutations are atheris's (libFuzzer).
"""

from __future__ import annotations

import argparse
import hashlib
import random
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

HERE = Path(__file__).parent
MEMORY = 3072
"""Megabytes that a process may take before that counts as a crash."""
LONGEST = 4096
"""Bytes of an input, where the seeds are not longer."""


def fuzz(name: str, inputs: int, seed: int) -> None:
    """Run one harness in this process; it ends inside."""
    import atheris

    import dstan.descriptors  # noqa: F401  # before anything is instrumented: numba could not compile it then

    with atheris.instrument_imports(include=["dstan", "tomllib", "PIL"]):
        sys.path.insert(0, str(HERE))
        from mutations import edited
        from readers import HARNESSES

        one = HARNESSES[name]
        seeds = list(one.seeds())
        for content in seeds:
            one.read(content)
    kept = HERE / "regressions" / name
    known: set[str] = set()
    done = 0

    def read(content: bytes) -> None:
        nonlocal done
        done += 1
        if done % 1000 == 0:
            (corpus / ".done").write_text(str(done))
        try:
            one.read(content)
        except Exception as error:  # noqa: BLE001  # that is what is looked for
            place = traceback.extract_tb(error.__traceback__)[-1]
            sign = f"{type(error).__name__} {place.filename}:{place.lineno}"
            if sign not in known:
                known.add(sign)
                kept.mkdir(parents=True, exist_ok=True)
                (kept / hashlib.sha256(content).hexdigest()[:16]).write_bytes(content)
                print(f"CRASH {name}: {sign}: {error!s:.200}", flush=True)
                traceback.print_exc()

    def mutate(content: bytes, longest: int, number: int) -> bytes:
        chance = random.Random(number)
        if chance.random() < 0.5:
            return bytes(atheris.Mutate(content, longest))
        return edited(content, chance)[:longest]

    corpus = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
    for number, content in enumerate(seeds):
        (corpus / str(number)).write_bytes(content)
    longest = max(LONGEST, *(2 * len(content) for content in seeds))
    options = [f"-runs={inputs}", f"-max_len={longest}", f"-rss_limit_mb={MEMORY}", "-timeout=60", f"-seed={seed}"]
    atheris.Setup(
        [sys.argv[0], *options, f"-artifact_prefix={kept.parent}/{name}-", "-close_fd_mask=0", str(corpus)],
        read,
        custom_mutator=mutate,
    )
    atheris.Fuzz()


def main() -> None:
    """Run the harnesses that are named, or all, one after another, and say how many inputs each had."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("harness", nargs="*")
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--here", action="store_true", help="run the one harness in this process")
    asked = parser.parse_args()
    if asked.here:
        fuzz(asked.harness[0], asked.inputs, asked.seed)
        return
    sys.path.insert(0, str(HERE))
    from readers import HARNESSES

    for name in asked.harness or HARNESSES:
        begun = time.monotonic()
        command = [sys.executable, __file__, name, "--inputs", str(asked.inputs), "--seed", str(asked.seed), "--here"]
        ended = subprocess.run(command, capture_output=True, text=True, errors="replace")
        said = ended.stdout + ended.stderr
        crashes = [line for line in said.splitlines() if line.startswith(("CRASH", "==", "SUMMARY"))]
        runs = next((line for line in reversed(said.splitlines()) if line.startswith("Done ")), said[-2000:])
        print(f"{name}: {runs}; {len(crashes)} found; {time.monotonic() - begun:.0f} s; exit {ended.returncode}")
        print("\n".join(crashes), flush=True)


if __name__ == "__main__":
    main()
