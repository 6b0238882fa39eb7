"""A corpus is data on disk: a coding table and frames in the layout of those who published it.

Each is one file with a declaration and a ``survey`` function, and one row of :data:`CORPORA`.
"""

from dstan.corpora.check import Report, check_corpus
from dstan.corpora.corpus import Corpus, Finding, Options, Survey
from dstan.corpora.loading import load_corpora, load_corpus
from dstan.corpora.registry import CORPORA

__all__ = [
    "CORPORA",
    "Corpus",
    "Finding",
    "Options",
    "Report",
    "Survey",
    "check_corpus",
    "load_corpora",
    "load_corpus",
]
