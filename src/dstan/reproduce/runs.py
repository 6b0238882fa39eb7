"""The runs behind tables and figures: one a corpus, which all of them share, and one for each other preprocessing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dstan.clips import ClipSet, PreparedClip
from dstan.errors import RunError
from dstan.evaluation import Result, Run, evaluate, load_run
from dstan.evaluation.methods import make_methods
from dstan.recognizers import PAPER_TRACK, Recognizer, recognizer
from dstan.reports.published import DATA_SETS, NAMES, paper_scores
from dstan.reproduce.targets import TASKS

OWN = "dstan"
"""The method whose preprocessing the shared run has."""


@dataclass(frozen=True)
class Measured:
    """What was measured on one corpus of the paper.

    Parameters
    ----------
    corpus, task
        Its name and what is told apart on it.
    results
        The result of each method that is finished.
    about
        For each method what ``run.json`` says of its run.
    unusable
        Clips of the task that the shared run had to leave out.
    """

    corpus: str
    task: str
    results: Mapping[str, Result]
    about: Mapping[str, Mapping[str, Any]]
    unusable: int

    @property
    def info(self) -> Mapping[str, Any]:
        """What ``run.json`` says of the shared run."""
        return next(iter(self.about.values()))

    @property
    def synthetic(self) -> bool:
        """Whether the faces are drawn."""
        return bool(self.info.get("synthetic"))

    @property
    def name(self) -> str:
        """The corpus as the paper calls it; "twin" tells that it is a drawn one."""
        return DATA_SETS[self.task].name + " twin" * self.synthetic

    @property
    def paper(self) -> dict[str, dict[str, float]]:
        """What the paper prints, by method and score."""
        return paper_scores(self.task, self.corpus)


def run_corpus(
    corpus: str,
    clips: ClipSet | Sequence[PreparedClip],
    methods: Sequence[str],
    out: Path,
    overrides: Mapping[str, Any] | None = None,
    **options: Any,
) -> None:
    """Evaluate methods on a corpus; what is finished is not done again.

    Methods that see what DSTAN sees share the run ``OUT/CORPUS``; one with a recipe of its own has
    ``OUT/CORPUS-METHOD``.

    Parameters
    ----------
    corpus
        One of :data:`TASKS`.
    clips
        Its clips, labelled for its task.
    methods
        Names of :data:`dstan.recognizers.METHODS` or :data:`dstan.recognizers.PAPER_TRACK`.
    out
        The folder of the reproduction.
    overrides
        Nested settings over every method's own, as :func:`make` takes them.
    options
        Those of :func:`dstan.evaluation.evaluate`.

    Raises
    ------
    DstanError
        As :func:`dstan.evaluation.evaluate`.
    """
    own, *made = make(methods, overrides or {})
    for one in made:
        one.given()  # a file that is missing is said before any method is run
    shared = own.recipe.digest()
    together = [one for one in made if one.recipe.digest() == shared]
    if together:
        evaluate(together, clips, out=out / corpus, **options)
    for one in made:
        if one not in together:
            evaluate([one], clips, out=out / f"{corpus}-{one.name}", **options)


def make(methods: Sequence[str], overrides: Mapping[str, Any]) -> list[Recognizer]:
    """Make DSTAN and then some methods, each with those groups of the settings that it has.

    A size of the crop and a number of frames count for methods that have DSTAN's; one that has its own keeps it.

    Raises
    ------
    ConfigError
        If a setting is unknown to all of them or out of range.
    """
    made = {one.name: one for one in make_methods([OWN, *methods], overrides)}
    return [made[OWN], *(_with_own_input(made[name]) for name in methods)]


def _with_own_input(made: Recognizer) -> Recognizer:
    own, recipe = recognizer(made.name).recipe, recognizer(OWN).recipe
    if (own.size, own.steps) == (recipe.size, recipe.steps):
        return made
    kept = replace(made.recipe, size=own.size, steps=own.steps)
    return made.with_settings(replace(made.settings, recipe=kept))


def read_measured(out: Path, corpus: str) -> Measured | None:
    """Read what was measured on a corpus, in this command or an earlier one.

    Parameters
    ----------
    out
        The folder of the reproduction.
    corpus
        One of :data:`TASKS`.

    Returns
    -------
    None where nothing is finished.

    Raises
    ------
    RunError
        If a run is damaged, or is of another corpus or task.
    """
    results: dict[str, Result] = {}
    about: dict[str, Mapping[str, Any]] = {}
    unusable: list[int] = []
    for folder, method in _finished(out, corpus).items():
        run = _load(folder, corpus)
        own = {name: one for name, one in run.results.items() if method in (None, name)}
        results |= own
        about |= dict.fromkeys(own, run.info)
        unusable.append(sum(clip.stage != "task" for clip in run.skipped))
    return Measured(corpus, TASKS[corpus], results, about, unusable[0]) if results else None


def _load(folder: Path, corpus: str) -> Run:
    run = load_run(folder)
    task = run.info["task"]
    if task and (run.info["corpus"], task) != (corpus, TASKS[corpus]):  # clips from memory are of no task
        raise RunError(
            f"this run is of {run.info['corpus']}, task {task}, and not of {corpus}, task {TASKS[corpus]}",
            where=folder,
            hint="Choose a folder of its own for the reproduction with --out",
        )
    return run


def is_measured(out: Path, corpus: str) -> bool:
    """Return whether any method is finished on a corpus, without reading its predictions."""
    return bool(_finished(out, corpus))


def _finished(out: Path, corpus: str) -> dict[Path, str | None]:
    """Return the runs on a corpus that have a finished method, and which method is read; None for all of them."""
    own = {out / f"{corpus}-{name}": name for name in (*NAMES, *PAPER_TRACK)}
    every = {out / corpus: None, **own}
    return {folder: name for folder, name in every.items() if any(folder.glob(f"{name or '*'}/metrics.json"))}
