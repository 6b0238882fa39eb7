"""The options that several commands share, and what they turn into."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dstan.config import parse_assignment, read_toml
from dstan.errors import ConfigError

if TYPE_CHECKING:
    from dstan.recognizers import Recognizer

CorpusName = Annotated[str, typer.Argument(metavar="CORPUS", help="casme2, or folder for your own data.")]
CorpusOption = Annotated[
    str, typer.Option("--corpus", metavar="CORPUS", help="casme2, or folder for your own data.", show_default=False)
]
Root = Annotated[
    Path, typer.Option("--root", metavar="DIR", help="Where the corpus lies on this disk.", show_default=False)
]
Task = Annotated[
    str | None, typer.Option("--task", metavar="TASK", help="Which emotions make which classes; the corpus's own.")
]
Coding = Annotated[
    str | None,
    typer.Option("--coding", metavar="TEXT", help="Part of the name of the coding table, where there are several."),
]
Frames = Annotated[
    str | None, typer.Option("--frames", metavar="raw|cropped", help="Which frames [default: raw, where both are].")
]
Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE.toml", help="Settings over the method's own (dstan config).")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="One setting, as training.epochs=2; may be repeated."),
]
CacheRoot = Annotated[
    Path | None, typer.Option("--cache", metavar="DIR", help="Prepared clips [default: ~/.cache/dstan].")
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", metavar="N", min=0, help="Processes; 0 works in this one [default: one per core]."),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster", metavar="ADDRESS", envvar="DSTAN_CLUSTER", help="A running Dask cluster, tcp://host:8786."
    ),
]
Device = Annotated[str, typer.Option("--device", metavar="auto|cpu|cuda[:N]", help="Where networks run.")]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first clip that cannot be used.")]
Seed = Annotated[int, typer.Option("--seed", metavar="N", min=0, help="The seed of everything random.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


def settings(config: Path | None, assignments: Sequence[str] | None) -> dict[str, Any]:
    """Merge ``--config`` and every ``--set``, the later over the earlier, as nested dictionaries.

    Raises
    ------
    ConfigError
        If the file is not TOML, or an assignment is not NAME=VALUE.
    """
    merged: dict[str, Any] = {} if config is None else read_toml(config)
    for text in assignments or ():
        merged = _merge(merged, parse_assignment(text))
    return merged


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        merged[key] = _merge(below, value) if both else value  # type: ignore[arg-type]
    return merged


def recognizers(methods: Sequence[str], overrides: Mapping[str, Any]) -> list[Recognizer]:
    """Make each method once, in the order given, with the same settings over its own."""
    from dstan.recognizers import recognizer

    return [recognizer(name, overrides) for name in dict.fromkeys(methods)]


def device(name: str) -> str:
    """Resolve ``auto`` and check that a device can be used.

    Raises
    ------
    ConfigError
        If the name is not a device, or there is no such GPU.
    """
    if name == "cpu":
        return name
    if name != "auto" and not re.fullmatch(r"cuda(:\d+)?", name):
        raise ConfigError(f"no device is called {name!r}", hint="Choose auto, cpu, cuda or cuda:N")
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return "cuda" if count else "cpu"
    if int(name.partition(":")[2] or 0) >= count:
        raise ConfigError(f"there is no {name}: torch sees {count} CUDA devices", hint="Use --device cpu")
    return name
