"""How a method's scores are to be taken: how near to its publication, on which weights, and whether to be ranked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from dstan.recognizers.contract import PAPER_ENDING, Fidelity

if TYPE_CHECKING:
    from dstan.recognizers import Recognizer

COMMON, PAPER = "common", "paper"
AS_IT_IS = "zero-shot"
"""Stands beside the name of a model that was applied as it is."""
MEANINGS = {
    Fidelity.EXACT: "all that decides a feature is published, and done here",
    Fidelity.MINOR: "the formulas are published; a few parameters are ours",
    Fidelity.STRUCTURE: "built by what is published; many details are ours",
    Fidelity.REINTERPRETATION: "the idea is published; the formulas are ours, and tables say so beside the name",
}
"""What each word for fidelity says."""
WEIGHTS = (
    "“From scratch” beside a name: the publication starts from weights that were trained on other pictures, and ours "
    "learned from the training clips alone. “Weights FILE”: it started from those in that file. “Begun from MODEL”: in "
    "every fold it started from that model's weights. “Zero-shot”: a model was applied as it is, and nobody here was "
    "learned from."
)
"""What stands below every table that names weights."""
RANKING = (
    "Only methods of the common track are ranked against each other: same people, folds and way of choosing. One of "
    "the paper track has the input and the parameters that were published for it."
)
"""What stands below every table that has both tracks."""


@dataclass(frozen=True)
class Standing:
    """How the scores of a method are to be taken.

    Parameters
    ----------
    method
        Its name.
    fidelity
        One of :class:`~dstan.recognizers.contract.Fidelity`; "" where a run does not say.
    track
        "common" or "paper".
    weights
        Where the publication starts from pretrained weights, those here: "from scratch" or "weights FILE"; "begun from
        MODEL" of one that started from a model's, "zero-shot" of a model applied as it is; else "".
    """

    method: str
    fidelity: str = ""
    track: str = COMMON
    weights: str = ""

    @classmethod
    def of(cls, recognizer: Recognizer, *, is_zero_shot: bool = False) -> Self:
        """Ask a recogniser; one of a user's own need not say how near it is to a publication."""
        fidelity = str(getattr(recognizer, "fidelity", ""))
        weights = AS_IT_IS if is_zero_shot else recognizer.weights
        return cls(recognizer.name, fidelity, recognizer.track, weights)

    @classmethod
    def read(cls, info: Mapping[str, Any], method: str) -> Self:
        """Read it from what ``run.json`` says; older runs say less, and had neither tracks nor pretrained weights."""
        about = {**info.get("components", {}), **info["methods"]}.get(method, {})
        return cls(method, about.get("fidelity", ""), about.get("track", COMMON), about.get("weights", ""))

    @property
    def is_ranked(self) -> bool:
        """Whether its scores may be ranked against those of others."""
        return self.track == COMMON

    @property
    def shown(self) -> str:
        """The name as every table shows it."""
        return shown_name(self.method, self.fidelity, self.weights)

    @property
    def words(self) -> str:
        """What stands below or beside the name: ``exact, common track``."""
        return ", ".join(part for part in (self.fidelity, f"{self.track} track") if part)

    def to_dict(self) -> dict[str, str]:
        """Return what ``run.json`` and JSON output say."""
        return {"fidelity": self.fidelity, "track": self.track, "weights": self.weights}


def shown_name(name: str, fidelity: str, weights: str = "") -> str:
    """Return a name that says where a method is another one than was published under it, or has other weights.

    Parameters
    ----------
    name
        Of the method, as the table calls it.
    fidelity
        One of :class:`~dstan.recognizers.contract.Fidelity`, or "".
    weights
        Where the publication starts from pretrained weights, those here; else "".

    Returns
    -------
    Such as ``merta (re-interpretation, from scratch)``.
    """
    said = [*([str(fidelity)] if fidelity == Fidelity.REINTERPRETATION else []), *([weights] if weights else [])]
    return f"{name} ({', '.join(said)})" if said else name


def published_name(method: str) -> str:
    """Return the name of a method without the ending of its paper track."""
    return method.removesuffix(PAPER_ENDING)
