"""Where the user's copies lie, when no command says it: an environment variable, or else the user's own settings.

``DSTAN_CASME2_ROOT=/data/CASME2`` names one copy; ``config.toml`` names any number of them::

    [corpora]
    casme2 = "/data/CASME2"
    smic-hs = "/data/SMIC"
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dstan._registry import nearest_first
from dstan.config import read_toml
from dstan.corpora.corpus import Options
from dstan.corpora.registry import CORPORA
from dstan.errors import ConfigError, CorpusError, CorpusNotFoundError


def settings_file() -> Path:
    """Return ``$XDG_CONFIG_HOME/dstan/config.toml``, or else that below ``~/.config``."""
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / "dstan" / "config.toml"


def variable(corpus: str) -> str:
    """Return the environment variable that names a corpus's folder: ``DSTAN_SMIC_HS_ROOT``."""
    return f"DSTAN_{corpus.upper().replace('-', '_')}_ROOT"


def known_root(corpus: str) -> tuple[Path, str] | None:
    """Return where the user says that a corpus lies, and who says so; None where nothing does.

    Parameters
    ----------
    corpus
        A name of :data:`CORPORA`.

    Raises
    ------
    ConfigError
        If the settings file cannot be understood or names an unknown corpus.
    """
    named = os.environ.get(variable(corpus))
    if named:
        return Path(named).expanduser(), variable(corpus)
    file = settings_file()
    roots = _roots(file) if file.is_file() else {}
    return (Path(roots[corpus]).expanduser(), str(file)) if corpus in roots else None


def root_of(corpus: str) -> Path:
    """Return where the user says that a corpus lies.

    Raises
    ------
    CorpusNotFoundError
        If nothing says it.
    ConfigError
        As :func:`known_root`.
    """
    known = known_root(corpus)
    if known is None:
        raise CorpusNotFoundError(
            f"where is {corpus}?",
            hint=f'Give --root DIR, set {variable(corpus)}, or write {corpus} = "DIR" below [corpora] '
            f"in {settings_file()}",
        )
    return known[0]


@dataclass(frozen=True)
class Copy:
    """A copy that the user's settings name.

    Parameters
    ----------
    root
        Its folder.
    named_by
        The environment variable or the settings file.
    clips
        How many can be used, 0 if none.
    problem
        Why it cannot be read; "" where it can.
    """

    root: Path
    named_by: str
    clips: int
    problem: str = ""

    @property
    def text(self) -> str:
        """A line for a table."""
        return f"{self.root}: {self.problem or f'{self.clips} clips'}"


def find_copy(corpus: str) -> Copy | None:
    """Look at the copy of a corpus that the user's settings name; no frame is opened.

    Returns
    -------
    What is there; None where the settings name none.

    Raises
    ------
    ConfigError
        As :func:`known_root`.
    """
    known = known_root(corpus)
    if known is None:
        return None
    try:
        survey = CORPORA[corpus].survey(known[0], Options())
    except CorpusError as error:
        return Copy(*known, clips=0, problem=error.what)
    except OSError as error:
        return Copy(*known, clips=0, problem=error.strerror or str(error))
    return Copy(*known, clips=len(survey.clips))


def _roots(file: Path) -> dict[str, str]:
    document = read_toml(file)
    roots = document.get("corpora", {})
    if set(document) - {"corpora"} or not isinstance(roots, Mapping):
        raise ConfigError("knows one table, [corpora], with a folder for each name", where=file)
    for name, folder in roots.items():
        if name not in CORPORA:
            nearest = nearest_first(name, CORPORA)[0]
            raise ConfigError(f"no corpus is called {name!r}", where=file, hint=f"Did you mean {nearest}?")
        if not isinstance(folder, str) or not Path(folder).expanduser().is_absolute():
            raise ConfigError(f"{name} must be a folder's whole path in quotes", where=file)
    return dict(roots)
