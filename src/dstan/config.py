"""Frozen settings: values checked at construction, TOML in, JSON and commented TOML out, a digest for caches.

A settings class is a frozen dataclass that inherits :class:`Settings`; its fields are made by :func:`setting`, which
keeps the sentence that ``dstan config`` prints and the range that construction checks.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import math
import operator
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from dstan._foreign import MOST_SETTINGS, read_text
from dstan._registry import nearest_first
from dstan.errors import ConfigError, naming


def setting(
    default: Any,
    doc: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: Iterable[str] = (),
    added: bool = False,
) -> Any:
    """Declare one field of a settings class.

    Parameters
    ----------
    default
        Its default: a number, string, boolean, tuple, or another frozen settings object.
    doc
        One sentence, with the unit, shown by ``dstan config``.
    low, high
        Inclusive range of a number, or of every number of a tuple.
    choices
        The strings allowed.
    added
        Whether dictionaries and digests leave it out where it is as declared here, so that those of results that were
        there before it stay what they were.
    """
    metadata = {"doc": doc, "low": low, "high": high, "choices": tuple(choices), "added": added}
    if isinstance(default, Settings):
        return dataclasses.field(default_factory=lambda: default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Settings:
    """Base of all settings.

    Raises
    ------
    ConfigError
        At construction, if a value has the wrong type, is out of range or is not one of the choices.
    """

    def __post_init__(self) -> None:
        hints = _hints(type(self))
        for field in dataclasses.fields(self):
            value = _coerce(getattr(self, field.name), hints[field.name], field.name)
            object.__setattr__(self, field.name, value)
            _check(field, value)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, where: str = "") -> Self:
        """Build from nested mappings; a missing key keeps its default, an unknown one is an error.

        Raises
        ------
        ConfigError
            If a key is unknown (the message names the nearest one) or a value does not fit.
        """
        return cls().replaced(values, where=where)

    def replaced(self, values: Mapping[str, Any], *, where: str = "") -> Self:
        """Return a copy with some values replaced, given as nested mappings.

        Raises
        ------
        ConfigError
            If a key is unknown (the message names the nearest one) or a value does not fit.
        """
        names = [field.name for field in dataclasses.fields(self)]
        changes: dict[str, Any] = {}
        for key, value in values.items():
            path = f"{where}{key}"
            if key not in names:
                raise ConfigError(
                    f"there is no setting {path!r}",
                    hint=f"Did you mean {where}{nearest_first(key, names)[0]!s}? Here there are: {', '.join(names)}",
                )
            current = getattr(self, key)
            if isinstance(current, Settings):
                if not isinstance(value, Mapping):
                    raise ConfigError(f"{path} is a group of settings, not a value", hint=f"Set {path}.NAME instead")
                value = current.replaced(value, where=f"{path}.")
            changes[key] = value
        with naming(where.rstrip(".")):
            return dataclasses.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Return nested dictionaries of plain values; tuples become lists."""
        fields = [field for field in dataclasses.fields(self) if not _is_left_out(field, getattr(self, field.name))]
        return {field.name: _plain(getattr(self, field.name)) for field in fields}

    def value(self, name: str) -> Any:
        """Return one value by its name with dots, as plain as in :meth:`to_dict`."""
        return _plain(functools.reduce(getattr, name.split("."), self))

    def to_toml(self) -> str:
        """Return commented TOML that :meth:`from_dict` reads back."""
        return _toml(self, "")

    def digest(self) -> str:
        """Return 16 hexadecimal digits that change with any value."""
        return digest_of(self.to_dict())


def digest_of(document: Any) -> str:
    """Return 16 hexadecimal digits of a JSON-like document."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    ConfigError
        If it is not there or is not TOML.
    """
    try:
        return tomllib.loads(read_text(path, MOST_SETTINGS))
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=path) from error
    except RecursionError as error:
        raise ConfigError("not valid TOML: it is nested too deeply", where=path) from error
    except ValueError as error:
        raise ConfigError(f"not valid TOML: {error}", where=path) from error


def parse_assignment(text: str) -> dict[str, Any]:
    """Turn ``training.epochs=2`` into nested dictionaries; the value is TOML, or else a plain string.

    Raises
    ------
    ConfigError
        If there is no ``=`` or no name before it.
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ConfigError(f"{text!r} is not NAME=VALUE", hint="For example --set training.epochs=2")
    try:
        parsed: Any = tomllib.loads(f"value = {value.strip()}")["value"]
    except (ValueError, RecursionError):
        parsed = value.strip()
    return nested(name.strip(), parsed)


def nested(name: str, value: Any) -> dict[str, Any]:
    """Return a value under a name with dots as nested dictionaries: the inverse of :func:`below`."""
    for part in reversed(name.split(".")):
        value = {part: value}
    return typing.cast(dict[str, Any], value)


def below(document: Mapping[str, Any], name: str) -> Any:
    """Return what stands in nested mappings under a name with dots, as ``training.epochs``."""
    return functools.reduce(operator.getitem, name.split("."), document)


def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _coerce(value: Any, hint: Any, name: str) -> Any:
    """Return ``value`` as the annotated type, or raise ConfigError."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        for argument in arguments:
            try:
                return _coerce(value, argument, name)
            except ConfigError:
                continue
    elif origin is tuple and isinstance(value, (list, tuple)):
        if arguments[-1] is Ellipsis:
            return tuple(_coerce(item, arguments[0], name) for item in value)
        if len(value) == len(arguments):
            return tuple(_coerce(item, kind, name) for item, kind in zip(value, arguments, strict=True))
    elif hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    elif isinstance(hint, type) and isinstance(value, hint) and not (hint is int and isinstance(value, bool)):
        return value
    wanted = getattr(hint, "__name__", str(hint)) if origin is None else str(hint)
    raise ConfigError(f"{name} must be {wanted}, not {value!r}")


def _check(field: dataclasses.Field[Any], value: Any) -> None:
    low, high, choices = (field.metadata.get(key) for key in ("low", "high", "choices"))
    low, high = (-math.inf if low is None else low), (math.inf if high is None else high)
    for item in value if isinstance(value, tuple) else (value,):
        if choices and isinstance(item, str) and item not in choices:
            nearest = nearest_first(item, choices)
            raise ConfigError(f"{field.name} cannot be {item!r}", hint=f"Choose one of: {', '.join(nearest)}")
        if isinstance(item, (int, float)) and not low <= item <= high:
            span = f"at least {low}" if high == math.inf else f"{low} to {high}"
            raise ConfigError(f"{field.name} must be {span}, not {item}")


def _is_left_out(field: dataclasses.Field[Any], value: Any) -> bool:
    declared = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
    return bool(field.metadata.get("added")) and value == declared


def _plain(value: Any) -> Any:
    if isinstance(value, Settings):
        return value.to_dict()
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _toml(settings: Settings, prefix: str) -> str:
    lines: list[str] = []
    groups: list[str] = []
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        doc = field.metadata.get("doc", "")
        choices = field.metadata.get("choices")
        if isinstance(value, Settings):
            groups.append(f"\n# {doc}\n[{prefix}{field.name}]\n{_toml(value, f'{prefix}{field.name}.')}")
        elif value is None:
            lines.append(f"# {doc}\n# {field.name} = (not set)")
        else:
            among = f" One of: {', '.join(choices)}." if choices and isinstance(value, str) else ""
            lines.append(f"# {doc}{among}\n{field.name} = {json.dumps(_plain(value))}")
    return "\n".join(lines) + ("\n" if lines else "") + "".join(groups)
