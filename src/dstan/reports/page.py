"""The report of a run: one HTML page that needs nothing else, and the figures as files beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from dstan import _atomic
from dstan.evaluation import Result, Run, load_run
from dstan.evaluation.protocols import ZERO_SHOT
from dstan.evaluation.standing import MEANINGS, RANKING, WEIGHTS, Standing, published_name
from dstan.evaluation.statistics import difference, resampled
from dstan.recognizers import PAPER_TRACK, recognizer
from dstan.reports import tables
from dstan.reports.appendix import PROTOCOLS, about_input, by_sentence, flat, left_out, settings
from dstan.reports.claims import Facts, fusion_words, may_claim, may_not_claim, verdict
from dstan.reports.costs import COLUMNS, cost_rows, cost_words
from dstan.reports.drawing import COLOURS, Drawing
from dstan.reports.figures import emotions_figure, scores_figure
from dstan.reports.looks import has_faces, read_looks, wheel_address
from dstan.reports.published import DATA_SETS, OTHERS, REFERENCE, paper_scores
from dstan.reports.section import Section
from dstan.reports.sureness import COLUMNS as SURENESS
from dstan.reports.sureness import sureness_rows
from dstan.reports.tables import SCORES, ScoreRow

BASELINE = "majority"
_NARROW = 6.5  # inches; a wider figure scrolls on a small screen instead of shrinking
_PAPER_SCORES = {"accuracy": "Accuracy", "f1_le_ngo": "F1 (Le Ngo)", "precision": "Precision", "recall": "Recall"}


def write_report(run_folder: Path) -> Path:
    """Write ``report.html`` into a run's folder, and each method's figures into its ``figures/``.

    Parameters
    ----------
    run_folder
        What :func:`dstan.evaluate` wrote.

    Returns
    -------
    The page: self-contained, without scripts, for light, dark and paper.

    Raises
    ------
    RunError
        If the folder is not a run, is damaged, or no method is finished.
    """
    run_folder = Path(run_folder)
    report = Report(load_run(run_folder), read_looks(run_folder))
    for method, drawings in report.figures.items():
        for kind, drawing in drawings.items():
            _atomic.write_text(run_folder / method / "figures" / f"{kind}.svg", drawing.svg)
    page = run_folder / "report.html"
    _atomic.write_text(page, report.html())
    return page


class Report:
    """What the page shows, computed from a run.

    Parameters
    ----------
    run
        The run in memory.
    looks
        What :func:`~dstan.reports.looks.save_looks` kept of a few clips.
    """

    def __init__(self, run: Run, looks: Sequence[Mapping[str, Any]] = ()) -> None:
        self.run = run
        self.looks = looks
        self.info = run.info
        self.paper = paper_scores(self.info["task"], self.info.get("corpus", ""))
        self.standings = {name: Standing.read(self.info, name) for name in (*run.results, BASELINE)}
        measured = [result for name, result in run.results.items() if name != BASELINE]
        self.measured = sorted(measured, key=lambda one: (not self.standings[one.method].is_ranked, -one.scores["uf1"]))
        any_result = next(iter(run.results.values()))
        self.classes = any_result.classes
        self.counts = {name: int((_first_seed(any_result)["y_true"] == name).sum()) for name in self.classes}
        self.clips = sum(self.counts.values())
        self.people = len(any_result.predictions[["corpus", "subject"]].drop_duplicates())
        self.baseline = run.results.get(BASELINE) or _majority(any_result, self.info["input"]["counts"])
        self.rows = [self._row(result) for result in self.measured]
        self.published = [row for row in self.rows if not row.standing.is_ranked] if len(self.rows) > 1 else []
        self.ranked = self.rows[: len(self.rows) - len(self.published)]
        self.unusable = [clip for clip in run.skipped if clip.stage != "task"]

    def _row(self, result: Result) -> ScoreRow:
        paper = self.paper.get(published_name(result.method))
        return tables.score_row(result, self.standings[result.method], paper)

    @cached_property
    def baseline_row(self) -> ScoreRow:
        """The majority baseline: as it was run, or else computed from the other methods' folds."""
        return tables.score_row(self.baseline, self.standings[BASELINE], baseline=True)

    @cached_property
    def draws(self) -> dict[str, Any]:
        """Each method's pooled counts on the same draws of people."""
        results = [*self.measured, self.baseline]
        return {result.method: resampled(result.predictions, self.classes) for result in results}

    @cached_property
    def facts(self) -> Facts:
        """What the words at the top are drawn from."""
        ahead = second = None
        if self.ranked:
            best = self.draws[self.ranked[0].method]
            ahead = difference("accuracy", best, self.draws[BASELINE])
            if len(self.ranked) > 1:
                second = difference("uf1", best, self.draws[self.ranked[1].method])
        return Facts(
            rows=self.ranked,
            published=self.published,
            baseline=self.baseline_row,
            guess=self._guess(),
            over_baseline=ahead,
            over_second=second,
            class_counts=self.counts,
            subjects=self.people,
            clips=self.clips,
            unusable=len(self.unusable),
            seeds=len(self.info["seeds"]),
            synthetic=bool(self.info.get("synthetic")),
            paper_clips=DATA_SETS[self.info["task"]].clips if self.paper else None,
            departures=_departures(self.info["methods"]),
            zero_shot=self.info["protocol"] == ZERO_SHOT,
            learned_before=_learned_before(self.info),
        )

    def _guess(self) -> str:
        answers = self.baseline.predictions["y_pred"].unique()
        return (
            f"always answering “{answers[0]}”"
            if len(answers) == 1
            else "answering the commonest class of the other people"
        )

    @cached_property
    def sections(self) -> list[Section]:
        """Each method's own part of the page, the best first."""
        counts = self.info["input"]["counts"]
        return [
            Section(result, counts, self.standings[name], self._components(name), self._settings_of(name))
            for name, result in ((result.method, result) for result in self.measured)
        ]

    @property
    def figures(self) -> dict[str, dict[str, Drawing]]:
        """Each method's own figures by kind, the best method first."""
        return {section.result.method: section.figures for section in self.sections}

    def _components(self, method: str) -> list[str]:
        """Return the methods of this run whose fits a method joins; how they learned is shown there."""
        return [name for name in self._about(method)["components"] if name in self.run.results]

    def _settings_of(self, method: str) -> Mapping[str, Any]:
        return dict(self._about(method)["settings"])

    def _about(self, method: str) -> Mapping[str, Any]:
        return dict({**self.info["components"], **self.info["methods"]}[method])

    def html(self) -> str:
        """Return the page."""
        from jinja2 import Environment, PackageLoader, StrictUndefined
        from markupsafe import Markup

        environment = Environment(
            loader=PackageLoader("dstan.reports"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters["drawn"] = lambda drawing: Markup(drawing.inline())
        environment.filters["width"] = _width
        environment.filters["as_printed"] = _as_printed
        return environment.get_template("page.html.j2").render(self.content())

    def content(self) -> dict[str, Any]:
        """Return everything that the template shows."""
        facts, task = self.facts, self.info["task"]
        return {
            "title": f"Micro-expression recognition on {self.info.get('corpus') or 'your clips'}",
            "facts": self._facts_line(),
            "colours": COLOURS,
            "synthetic": facts.synthetic,
            "guess": facts.guess,
            "verdict": verdict(facts),
            "may": may_claim(facts),
            "may_not": may_not_claim(facts),
            "classes": self.classes,
            "clips": self.clips,
            "seeds": facts.seeds,
            "score_names": SCORES,
            "rows": [*self.rows, self.baseline_row],
            "ranked": [*self.ranked, self.baseline_row],
            "published": self.published,
            "changed": _changed(self.info["methods"]),
            "ranking": RANKING,
            "fidelity": MEANINGS if any(row.fidelity for row in self.rows) else {},
            "weights": WEIGHTS if any(row.weights for row in self.rows) else "",
            "baseline": self.baseline_row,
            "scores_figure": scores_figure([*self._drawn_rows(), self.baseline_row]),
            "per_seed": self._per_seed(),
            "by_corpus": tables.by_corpus([*self.measured, self.baseline], self.standings),
            "paper": self._paper(task) if self.paper else None,
            "emotions": self._emotions() if self.measured else None,
            "fusion": fusion_words(self.draws),
            "sureness": self._sureness(),
            "methods": [section.content() for section in self.sections],
            "zero_shot": self.info["protocol"] == ZERO_SHOT,
            "chosen_inside": self._chosen_inside(),
            "costs": self._costs(),
            "about_input": about_input(self.info),
            "looks": self.looks,
            "has_faces": has_faces(self.looks),
            "wheel": wheel_address() if self.looks else "",
            "skipped": left_out(self.run.skipped, self.baseline.predictions["corpus"].unique()),
            "warnings": self._warnings(),
            "clip_warnings": by_sentence(self.info["warnings"]),
            "run_rows": self._run_rows(),
            "settings": self._settings(),
            "protocol": self._protocol_words(),
        }

    def _settings(self) -> dict[str, Any]:
        about = {**self.info["methods"], **self.info["components"]}
        shown = {name: Standing.read(self.info, name).shown for name in about}
        searched = {shown[name]: found for name, found in self._searched().items()}
        return settings({shown[name]: one for name, one in about.items()}, searched)

    def _searched(self) -> dict[str, tuple[str, ...]]:
        """Return the settings of each method that were searched for inside the folds."""
        return {section.result.method: section.search.settings for section in self.sections if section.search}

    def _chosen_inside(self) -> bool:
        """Return whether epochs or settings were chosen inside the folds."""
        fits = (fit for section in self.sections for some in section.fits.values() for fit in some)
        return bool(self._searched()) or any(fit.inner for fit in fits)

    @property
    def _few(self) -> int:
        """How many people of each training part were learned from; 0 for all."""
        return int(self.info.get("train_subjects", 0))

    def _protocol_words(self) -> str:
        words = PROTOCOLS[self.info["protocol"]]
        few = (
            f" Of each training part {self._few} people were learned from, drawn by seed and fold and the same for "
            "every method; the baseline counts all of them."
        )
        return words + few * bool(self._few)

    def _facts_line(self) -> str:
        seeds = len(self.info["seeds"])
        parts = [f"Task {self.info['task']}"] if self.info["task"] else []
        parts += [
            PROTOCOLS[self.info["protocol"]].partition(":")[0].lower(),
            f"{self.clips} clips of {self.people} people",
        ]
        parts += [f"tested on {', '.join(self.info['test_corpora'])}"] if "test_corpora" in self.info else []
        parts += [f"learned from {self._few} people a fold"] if self._few else []
        parts += [f"{seeds} seed{'s' * (seeds != 1)}", f"dstan {self.info['dstan']}", self.info["created"][:10]]
        return " · ".join(parts)

    def _costs(self) -> dict[str, Any] | None:
        names = {row.method: row.name for row in self.rows}
        rows = cost_rows(self.run.costs, names, list(names))
        return {"columns": COLUMNS, "rows": rows, "words": cost_words(self.info)} if rows else None

    def _sureness(self) -> dict[str, Any] | None:
        names = {name: one.shown for name, one in self.standings.items()}
        rows = sureness_rows(self.measured, names)
        return {"columns": SURENESS, "rows": rows} if rows else None

    def _drawn_rows(self) -> list[ScoreRow]:
        """Return the rows for the figure: drawn faces and the paper's real ones do not belong on one axis."""
        return [replace(row, paper={}) for row in self.rows] if self.facts.synthetic else self.rows

    def _per_seed(self) -> list[tuple[str, int, Mapping[str, float]]]:
        if len(self.info["seeds"]) == 1:
            return []
        return [
            (self.standings[result.method].shown, int(one["seed"]), one)
            for result in self.measured
            for one in result.per_seed
        ]

    def _paper(self, task: str) -> dict[str, Any]:
        shown = [row for row in self.rows if row.paper]
        name, clips, _ = DATA_SETS[task]
        run = {published_name(method) for method in self.run.results}
        return {
            "data_set": name,
            "clips": clips,
            "columns": {key: name for key, name in _PAPER_SCORES.items() if any(key in row.paper for row in shown)},
            "others": {method: found for method, found in self.paper.items() if method not in run},
            "reference": REFERENCE,
        }

    def _emotions(self) -> Drawing:
        rates = {row.name: tables.recalls(self.draws[row.method]) for row in self.rows}
        return emotions_figure(self.classes, rates, [self.counts[name] for name in self.classes])

    def _warnings(self) -> list[str]:
        found = [warning for section in self.sections for warning in section.warnings()]
        for corpus, part in self.baseline.per_corpus.items():
            none = [name for name in self.classes if not (part.predictions["y_true"] == name).any()]
            if none:
                found.append(f"{corpus} has no clip of {', '.join(none)}, which counts as 0 in its UF1 and UAR.")
        missing = [name for name in self.info["methods"] if name not in self.run.results]
        if missing:
            found.append(
                f"Not finished, so not on this page: {', '.join(missing)}. The same command goes on with them."
            )
        return found

    def _run_rows(self) -> list[tuple[str, str]]:
        left_out = {"methods", "components", "classes", "seeds", "warnings", "notes", "apex"}
        shown = {key: value for key, value in self.info.items() if key not in left_out}
        lists = {"classes": self.info["classes"], "seeds": self.info["seeds"]}
        return [*flat({**shown, **lists}).items()]


def _width(drawing: Drawing) -> Any:
    """Return the attribute of a figure's element."""
    from markupsafe import Markup

    return Markup(' class="wide"' if drawing.figure.get_figwidth() > _NARROW else "")


def _as_printed(value: float | None) -> str:
    """Return a figure of the paper with the two or three digits that it has there."""
    if value is None:
        return "—"
    return f"{value:.2f}" if round(value, 2) == value else f"{value:.3f}"


def _first_seed(result: Result) -> Any:
    return result.predictions[result.predictions["seed"] == result.predictions["seed"].min()]


def _changed(methods: Mapping[str, Any]) -> str:
    """Name the methods of the paper track that ran with other settings than those published for them."""
    here = {name: about["settings"] for name, about in methods.items() if name in PAPER_TRACK}
    there = {name: json.loads(json.dumps(recognizer(name).settings.to_dict())) for name in here}
    return ", ".join(name for name in here if here[name] != there[name])


def _majority(result: Result, counts: Mapping[str, int]) -> Result:
    predictions = tables.majority_predictions(result.predictions, result.classes, counts)
    return Result(BASELINE, result.classes, predictions, (), result.folder)


def _learned_before(info: Mapping[str, Any]) -> dict[str, list[str]]:
    about = {name: one.get("weights_from", []) for name, one in info["methods"].items()}
    return {Standing.read(info, name).shown: corpora for name, corpora in about.items() if corpora}


def _departures(methods: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Say where the settings of the paper's own methods leave what it tells of them."""
    own = [about for method, about in methods.items() if published_name(method) not in OTHERS]
    found = []
    for name, ours in {"size": 224, "steps": 9}.items():
        used = {str(about["settings"].get("recipe", {}).get(name, ours)) for about in own}
        if used - {str(ours)}:
            unit = "a size of {} pixels" if name == "size" else "{} frames a clip"
            found.append(f"it uses {unit.format(ours)}, here {unit.format(' or '.join(sorted(used)))}")
    return found
