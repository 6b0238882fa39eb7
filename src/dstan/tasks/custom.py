"""A user's own task, written as TOML."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dstan._registry import look_up, nearest_first
from dstan.config import read_toml
from dstan.errors import ConfigError
from dstan.tasks.known import TASKS
from dstan.tasks.task import Source, Task

_KEYS = ("name", "classes", "corpora")
_SOURCE_KEYS = ("column", "mapping", "dropped")


def find_task(name: str) -> Task:
    """Return a task by its name, or read it from the TOML file that is named.

    Parameters
    ----------
    name
        One of :data:`TASKS`, or a path that ends in ``.toml``.

    Raises
    ------
    UnknownNameError
        If there is no such task.
    ConfigError
        If the file cannot be understood.
    """
    return read_task(Path(name)) if name.casefold().endswith(".toml") else look_up("task", name, TASKS)


def read_task(path: Path) -> Task:
    """Read a task from TOML.

    Parameters
    ----------
    path
        A file such as::

            classes = ["negative", "positive"]      # in the order of every table

            [corpora.casme2]
            column = "Estimated Emotion"            # of the coding table
            dropped = ["others", "surprise"]        # words left out on purpose
            mapping = {disgust = "negative", repression = "negative", happiness = "positive"}

        The task is called ``name``, or else as the file. Words are compared without regard to case.

    Raises
    ------
    ConfigError
        If it is not TOML, a key is missing or unknown, or a word is mapped to a class that is not listed.
    """
    document = read_toml(path)
    _check_keys(path, document, _KEYS, ("classes", "corpora"))
    classes = _words(path, "classes", document["classes"])
    if len(classes) < 2:
        raise ConfigError("a task needs two classes or more", where=path)
    tables = document["corpora"]
    if not isinstance(tables, Mapping) or not tables:
        raise ConfigError("corpora must hold a table for each corpus", where=path, hint="Write [corpora.casme2]")
    name = str(document.get("name", path.stem))
    if name in TASKS:
        raise ConfigError(f"a task called {name} comes with dstan", where=path, hint="Give yours another name")
    sources = {corpus: _source(path, corpus, table, classes) for corpus, table in tables.items()}
    return Task(name, classes, sources, tuple(sources) if len(sources) > 1 else ())


def _source(path: Path, corpus: str, table: Any, classes: tuple[str, ...]) -> Source:
    where = f"{path}: corpora.{corpus}"
    if not isinstance(table, Mapping):
        raise ConfigError("must be a table", where=where, hint=f"Write [corpora.{corpus}]")
    _check_keys(where, table, _SOURCE_KEYS, ("column", "mapping"))
    mapping = table["mapping"]
    if not isinstance(mapping, Mapping) or not mapping:
        raise ConfigError("mapping must give each word its class", where=where)
    for word, label in mapping.items():
        if label not in classes:
            raise ConfigError(f"{word!r} is mapped to {label!r}, not one of {', '.join(classes)}", where=where)
    words: dict[str, str] = {}
    for word, label in mapping.items():
        if words.setdefault(_plain(word), str(label)) != label:
            raise ConfigError(f"{word!r} is mapped twice, to {words[_plain(word)]!r} and {label!r}", where=where)
    dropped = tuple(map(_plain, _words(where, "dropped", table.get("dropped", []))))
    both = sorted(set(words) & set(dropped))
    if both:
        raise ConfigError(f"{both[0]!r} is both mapped and dropped", where=where)
    return Source(str(table["column"]), words, dropped)


def _check_keys(where: object, table: Mapping[str, Any], known: tuple[str, ...], needed: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            raise ConfigError(f"unknown key {key!r}", where=where, hint=f"Did you mean {nearest_first(key, known)[0]}?")
    for key in needed:
        if key not in table:
            raise ConfigError(f"has no {key}", where=where, hint=f"It needs {' and '.join(needed)}")


def _words(where: object, key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(word, str) and word for word in value):
        raise ConfigError(f"{key} must be a list of words", where=where)
    if len(set(value)) < len(value):
        raise ConfigError(f"{key} names a word twice", where=where)
    return tuple(value)


def _plain(word: str) -> str:
    return " ".join(word.split()).casefold()
