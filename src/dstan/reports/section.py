"""One method's section of a report: its answers, and how its networks learned them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from dstan import metrics
from dstan.evaluation import Result
from dstan.evaluation.standing import Standing
from dstan.recognizers.two_stage import SECOND
from dstan.reports import remarks, tables
from dstan.reports.choice_figures import inner_figure, search_figure
from dstan.reports.chosen import begun_words, chosen_words
from dstan.reports.drawing import Drawing
from dstan.reports.dynamics import Fit, fits_by_network
from dstan.reports.dynamics_figures import inside_figure, learning_figure
from dstan.reports.figures import confusion_figure, subjects_figure
from dstan.reports.search import read_search
from dstan.reports.sureness import abstention_rows, sureness_figure, sureness_words


class Section:
    """What the page shows of one method.

    Parameters
    ----------
    result
        What it scored.
    counts
        Clips of each class in the whole input.
    standing
        How its scores are to be taken.
    components
        The methods of this run whose fits it joins: how they learned stands in their own sections.
    settings
        All its settings.
    """

    def __init__(
        self,
        result: Result,
        counts: Mapping[str, int],
        standing: Standing,
        components: Sequence[str],
        settings: Mapping[str, Any],
    ) -> None:
        self.result = result
        self.counts = counts
        self.standing = standing
        self.components = components
        self.settings = settings
        self.search = read_search(result.folder)
        self._seeds = len(result.per_seed)

    @cached_property
    def fits(self) -> dict[str, list[Fit]]:
        """The fits of each of its own networks."""
        return {} if self.components else self._joined_fits

    @cached_property
    def _joined_fits(self) -> dict[str, list[Fit]]:
        """The fits of all networks that its answers rest on."""
        return fits_by_network(self.result.folds)

    @cached_property
    def figures(self) -> dict[str, Drawing]:
        """Its figures by kind."""
        return {kind: drawing for kind, drawing in self._figures() if drawing is not None}

    def _figures(self) -> Iterator[tuple[str, Drawing | None]]:
        method, result = self.result.method, self.result
        yield "confusion", confusion_figure(method, result.classes, result.confusion)
        yield "subjects", subjects_figure(method, tables.subject_rates(result.predictions), result.scores["accuracy"])
        yield "sureness", sureness_figure(result)
        if self.fits:
            yield "learning", learning_figure(method, self.fits)
            yield "inside", inside_figure(method, self.fits)
            yield "inner", inner_figure(method, self.fits)
        if self.search is not None:
            yield "search", search_figure(method, self.search)

    def content(self) -> dict[str, Any]:
        """Return everything that the template shows."""
        nothing = dict.fromkeys(("learning", "inside", "inner", "search"))
        return {
            **nothing,
            **self.figures,
            "result": self.result,
            "standing": self.standing,
            "per_class": self._per_class(),
            "sureness_words": sureness_words(self.result),
            "abstention": abstention_rows(self.result),
            "components": self.components,
            "restarts": self._restarts(),
            "fits": sum(map(len, self._joined_fits.values())),
            "has_norm": any(fit.gradient_norm for fits in self.fits.values() for fit in fits),
            "in_stages": SECOND in self.fits,
            "inside_words": remarks.inside_words([fit for fits in self.fits.values() for fit in fits]),
            "remarks": self._remarks(),
            "inner_words": self._each(remarks.inner_words),
            "chosen": self._chosen(),
            "tried": self.search,
        }

    def _per_class(self) -> list[dict[str, Any]]:
        confusion = self.result.confusion
        each = metrics.per_class(confusion)
        return [
            {
                "name": name,
                "was": int(confusion[index].sum()),
                "said": int(confusion[:, index].sum()),
                "recall": float(each["recall"][index]),
                "precision": float(each["precision"][index]),
                "f1": float(each["f1"][index]),
            }
            for index, name in enumerate(self.result.classes)
        ]

    def _chosen(self) -> list[str]:
        folds = self.result.folds
        begun = [] if self.components else begun_words(folds, self.settings)
        return [*chosen_words(folds, self.settings), *begun]

    def _restarts(self) -> list[dict[str, Any]]:
        return [
            {"fold": fit.fold, "seed": fit.seed, "network": network, **vars(fit.restart)}
            for network, fits in self._joined_fits.items()
            for fit in fits
            if fit.restart
        ]

    def _remarks(self) -> list[str]:
        majority = tables.majority_shares(self.result.predictions, self.result.classes, self.counts)
        found = [
            self._of(network, sentence)
            for network, fits in self.fits.items()
            for sentence in remarks.learning_remarks(fits, self._guessed(network, majority), self._seeds)
        ]
        return found + self._each(remarks.spatial_words)

    def _guessed(self, network: str, majority: Mapping[str, float]) -> Mapping[str, float]:
        """Return for each fold what always answering one class gets in training, where classes may be drawn alike."""
        first = "fine_tuning" if self.settings.get("network", {}).get("weights") else "first"
        group = first if SECOND in self.fits and network != SECOND else "training"
        balanced = self.settings.get(group, {}).get("balanced", False)
        return dict.fromkeys(majority, 1 / len(self.result.classes)) if balanced else majority

    def _each(self, words: Any) -> list[str]:
        """Return what a function of a network's fits says of each network."""
        said = {network: words(fits) for network, fits in self.fits.items()}
        return [self._of(network, sentence) for network, sentence in said.items() if sentence]

    def _of(self, network: str, sentence: str) -> str:
        return f"“{network}”: {sentence[0].lower()}{sentence[1:]}" if len(self.fits) > 1 else sentence

    def warnings(self) -> list[str]:
        """Return what a reader of the whole page should be warned of."""
        name, said = self.standing.shown, self.result.confusion.sum(0)
        never = [one for one, count in zip(self.result.classes, said, strict=True) if not count]
        answers = [f"{name} never answered {', '.join(never)}."] if never else []
        again = remarks.restart_warning(name, self.fits, self._seeds)
        return [*([again] if again else []), *answers]
