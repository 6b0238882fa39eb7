"""The corpora by name."""

from __future__ import annotations

from dstan.corpora.casme2 import CASME2
from dstan.corpora.corpus import Corpus
from dstan.corpora.folder import FOLDER

CORPORA: dict[str, Corpus] = {corpus.name: corpus for corpus in (CASME2, FOLDER)}
"""Every corpus that dstan reads."""
