"""A corpus is data on disk: a coding table and frames in the layout of those who published it.

Each is one file with a declaration and a ``survey`` function, and one row of :data:`CORPORA`.
"""

from dstan.corpora.check import Report, check_corpus
from dstan.corpora.corpus import Corpus, Finding, Options, Survey
from dstan.corpora.loading import load_corpora, load_corpus
from dstan.corpora.registry import CORPORA
from dstan.corpora.whereabouts import Copy, find_copy

__all__ = [
    "CORPORA",
    "Copy",
    "Corpus",
    "Finding",
    "Options",
    "Report",
    "Survey",
    "check_corpus",
    "find_copy",
    "load_corpora",
    "load_corpus",
]
