"""What is known of a model, as the sections of its card ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dstan.corpora import CORPORA
from dstan.corpora.corpus import Corpus
from dstan.recognizers import Recognizer
from dstan.recognizers.origins import DRAWN, is_synthetic


@dataclass(frozen=True)
class Facts:
    """A fitted model and what its folder says of it.

    Parameters
    ----------
    recognizer
        The model.
    document
        Its ``model.json``; one of an older dstan says less.
    """

    recognizer: Recognizer
    document: Mapping[str, Any]

    @property
    def trained(self) -> Mapping[str, Any]:
        """What its fit noted."""
        return self.recognizer.trained_

    @property
    def is_taught(self) -> bool:
        """Whether it learned drawn motion and no frames of anybody."""
        return "teacher" in self.trained

    @property
    def is_synthetic(self) -> bool:
        """Whether nothing that it has seen was a real face."""
        return is_synthetic(self.trained)

    @property
    def data(self) -> Mapping[str, Any]:
        """What :func:`dstan.reports.card.data.describe_data` noted; empty where it was saved without."""
        return dict(self.document.get("about", {}).get("data", {}))

    @property
    def scores(self) -> Mapping[str, Any] | None:
        """The scores of a run by the same recipe; None where it has none."""
        scores = self.document.get("about", {}).get("scores")
        return dict(scores) if scores else None

    @property
    def task(self) -> str:
        """The task's name; "" where nobody noted it."""
        return str(self.data.get("task") or self.trained.get("task", ""))

    @property
    def own_corpora(self) -> tuple[str, ...]:
        """The corpora whose clips it was trained on; none of a model that was taught."""
        if self.is_taught:
            return ()
        return tuple(self.data.get("corpora", {})) or tuple(self.trained.get("corpora", ()))

    @property
    def earlier_corpora(self) -> tuple[str, ...]:
        """What the weights had learned from that it began with."""
        return tuple(name for name in self.trained.get("corpora", ()) if name not in self.own_corpora)

    def is_drawn(self, corpus: str) -> bool:
        """Tell whether the clips of a corpus that it was trained on are those of a synthetic twin."""
        about = self.data.get("corpora", {}).get(corpus, {})
        return bool(about.get("synthetic", self.is_synthetic))

    def title(self, corpus: str) -> str:
        """Return what the field calls a corpus that it was trained on, and whether it was a twin."""
        return f"{title_of(corpus)}{' (synthetic twin)' if self.is_drawn(corpus) else ''}"

    @property
    def has_own_clips(self) -> bool:
        """Whether it was trained on clips that no declared corpus holds."""
        own = (name for name in self.own_corpora if not self.is_drawn(name))
        return any(name not in CORPORA or not CORPORA[name].citation for name in own)

    @property
    def declared(self) -> dict[str, Corpus]:
        """The declarations of all real corpora that it has learned from; the user's own clips have none."""
        own = [name for name in self.own_corpora if not self.is_drawn(name)]
        names = [*own, *(() if self.is_synthetic else self.earlier_corpora)]
        return {name: CORPORA[name] for name in names if name in CORPORA and CORPORA[name].citation}


def title_of(corpus: str) -> str:
    """Return what the field calls a corpus; a user's own clips have no name there.

    Parameters
    ----------
    corpus
        Its name.
    """
    if corpus == DRAWN:
        return "drawn motion"
    if corpus not in CORPORA:
        return corpus
    return CORPORA[corpus].title if CORPORA[corpus].citation else "own clips"
