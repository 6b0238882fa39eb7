"""The choices on which the paper is silent, each changed alone: what to change, and the runs that measure it.

See ``docs/ablations.md`` for what came of it, :mod:`dstan.reproduce.ablation_results` for the arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from dstan._progress import Progress, silent
from dstan._registry import look_up
from dstan.clips import ClipSet, PreparedClip
from dstan.config import nested
from dstan.errors import ConfigError, RunError
from dstan.evaluation import Result, evaluate
from dstan.evaluation.results import read_info
from dstan.recognizers import DSTAN, METHODS, DSTANSettings, Recognizer

FLOW = ("stmn-a",)
JOINED = ("dstan",)
ALL = ("stan-a", "stmn-a", "dstan")
BASE = "base"
"""The folder of the run that every other one is compared with."""

Values = Callable[[Any], Mapping[str, Any]]
"""Takes the setting's value in the base; returns the other values to try, by the word that names each."""


def _among(*values: Any) -> Values:
    return lambda before: {f"{value}": value for value in values if value != before}


def _switched(before: Any) -> Mapping[str, Any]:
    return {"off": False} if before else {"on": True}


def _half_and_double(before: Any) -> Mapping[str, Any]:
    if isinstance(before, str):
        raise ConfigError(
            f"half and double of {before!r} cannot be taken",
            where="training.epochs",
            hint="Give a number, as --set training.epochs=30, or leave this choice out with --only",
        )
    many = isinstance(before, tuple)
    half = tuple(max(1, value // 2) for value in before) if many else max(1, before // 2)
    double = tuple(2 * value for value in before) if many else 2 * before
    return {word: value for word, value in (("half", half), ("double", double)) if value != before}


@dataclass(frozen=True)
class Choice:
    """One question that the paper leaves open.

    Parameters
    ----------
    name
        Short, for ``--only`` and for folders.
    question
        What is asked.
    setting
        The one setting that answers it, as ``training.epochs``.
    values
        Which other values are tried.
    methods
        On which methods: those that the choice concerns.
    """

    name: str
    question: str
    setting: str
    values: Values
    methods: tuple[str, ...]


CHOICES: tuple[Choice, ...] = (
    Choice("pairs", "Which frames does the flow compare?", "recipe.pairs", _among("adjacent", "onset"), FLOW),
    Choice("strain", "Does the flow bring its strain along?", "flow_strain", _switched, FLOW),
    Choice("width", "How wide are the convolutions?", "network.channels", _half_and_double, ALL),
    Choice("lstm", "How wide is the LSTM?", "network.lstm_width", _among(64, 128, 256), ALL),
    Choice("standardise", "Are features standardised before the SVM?", "fusion.standardise", _switched, JOINED),
    Choice("mirror", "Are training clips mirrored at random?", "training.augmentation.mirror", _switched, ALL),
    Choice("shift", "Are training clips shifted at random?", "training.augmentation.shift", _among(0.0, 0.05), ALL),
    Choice(
        "amplitude",
        "Are values made larger or smaller at random?",
        "training.augmentation.amplitude",
        _among(0.0, 0.2),
        ALL,
    ),
    Choice("epochs", "How long is trained?", "training.epochs", _half_and_double, ALL),
)
"""Every choice, in the order of the page."""


@dataclass(frozen=True)
class Variant:
    """One other answer to a question.

    Parameters
    ----------
    choice
        The question.
    name
        Of its run's folder, as ``pairs-onset``.
    before, after
        The setting's value in the base and here.
    settings
        The base's with that one changed.
    """

    choice: Choice
    name: str
    before: Any
    after: Any
    settings: DSTANSettings

    @property
    def word(self) -> str:
        """What tells it from the choice's other values, as ``onset`` or ``half``."""
        return self.name.removeprefix(f"{self.choice.name}-")

    @property
    def shares_fits(self) -> bool:
        """Whether its streams are those of the base, so that it costs an SVM a fold."""
        return self.choice.setting.startswith("fusion.")

    @property
    def cost(self) -> float:
        """Roughly how long its run takes, in fits of one stream of the base."""
        streams = 1 if self.choice.methods == FLOW else 2
        return streams * {"half": 0.5, "double": 2.0}.get(self.word, 1.0)

    def methods(self) -> list[Recognizer]:
        """Make the methods of its own run."""
        return [METHODS[name](self.settings) for name in self.choice.methods]


@dataclass(frozen=True)
class Ablation:
    """What is finished of an ablation.

    Parameters
    ----------
    info
        What ``run.json`` says of the base's run.
    settings
        Of the base.
    base
        The base's results by method.
    found
        The results of each variant by method.
    variants
        All that there are to be, in the order of the page.
    """

    info: Mapping[str, Any]
    settings: DSTANSettings
    base: Mapping[str, Result]
    found: tuple[tuple[Variant, Mapping[str, Result]], ...] = ()
    variants: tuple[Variant, ...] = ()

    @property
    def missing(self) -> tuple[Variant, ...]:
        """The variants that are not measured yet."""
        done = {variant.name for variant, _ in self.found}
        return tuple(variant for variant in self.variants if variant.name not in done)

    @property
    def seconds(self) -> float:
        """The seconds that fits and predictions took, summed over all folds."""
        everything = [*self.base.values(), *(one for _, results in self.found for one in results.values())]
        return sum(sum(fold["seconds"].values()) for result in everything for fold in result.folds)


def plan(settings: DSTANSettings, only: Sequence[str] = (), *, motion_only: bool = False) -> tuple[Variant, ...]:
    """List the variants of a base, in the order of the page.

    Parameters
    ----------
    settings
        The base's.
    only
        Names of choices; all of :data:`CHOICES` where empty.
    motion_only
        Whether a choice that concerns all networks is measured on the motion stream alone.

    Raises
    ------
    UnknownNameError
        If there is no such choice.
    ConfigError
        If a value of the base has no alternative.
    """
    known = {choice.name: choice for choice in CHOICES}
    wanted = {look_up("choice", name, known).name for name in only} or set(known)
    asked = [choice for choice in CHOICES if choice.name in wanted]
    if motion_only:
        asked = [replace(choice, methods=FLOW) if choice.methods == ALL else choice for choice in asked]
    return tuple(
        Variant(choice, f"{choice.name}-{word}", before, value, settings.replaced(nested(choice.setting, value)))
        for choice in asked
        for before in [value_of(settings, choice.setting)]
        for word, value in choice.values(before).items()
    )


def value_of(settings: DSTANSettings, name: str) -> Any:
    """Return the value of a setting that is named as ``training.epochs``."""
    value: Any = settings
    for part in name.split("."):
        value = getattr(value, part)
    return value


def ablate(
    clips: ClipSet | Sequence[PreparedClip],
    settings: DSTANSettings,
    out: Path,
    *,
    only: Sequence[str] = (),
    motion_only: bool = False,
    seeds: int = 3,
    progress: Progress = silent,
    on_run: Callable[[Ablation], None] = lambda _: None,
    **options: Any,
) -> Ablation:
    """Evaluate the base, and then every variant, the quick ones first; each in a run of its own below ``out``.

    All runs have the same folds and seeds. What is finished is kept, so the same call goes on where it was stopped.

    Parameters
    ----------
    clips
        A corpus, or prepared clips.
    settings
        The base.
    out
        The folder of all the runs.
    only, motion_only
        As for :func:`plan`.
    seeds
        How many times everything is fitted.
    progress
        Called as folds finish, with the run's name as the stage.
    on_run
        Called after each run with all that is finished.
    **options
        As for :func:`dstan.evaluation.evaluate`: ``protocol``, ``workers``, ``cluster``, ``cache``, ``device``,
        ``strict``.

    Raises
    ------
    UnknownNameError
        If there is no such choice.
    ConfigError
        If a value of the base has no alternative.
    RunError
        If the base's run failed, or after all others, some variant's.
    """
    variants = plan(settings, only, motion_only=motion_only)
    run = partial(_run, clips, out, progress, {**options, "seeds": seeds})
    shared = [variant for variant in variants if variant.shares_fits]
    own = [name for name in ALL if any(name in variant.choice.methods for variant in variants)]
    joined = [DSTAN(variant.settings, f"dstan-{variant.name}") for variant in shared]
    results = run(BASE, [*(METHODS[name](settings) for name in own), *joined])
    base = {name: results[name] for name in own}
    found = tuple((variant, {"dstan": results[one.name]}) for variant, one in zip(shared, joined, strict=True))
    ablation = Ablation(read_info(out / BASE), settings, base, found, variants)
    on_run(ablation)
    failed: dict[str, RunError] = {}
    for variant in sorted((one for one in variants if not one.shares_fits), key=lambda one: one.cost):
        try:
            results = run(variant.name, variant.methods())
        except RunError as error:
            failed[variant.name] = error
            continue
        ablation = replace(ablation, found=(*ablation.found, (variant, results)))
        on_run(ablation)
    if failed:
        name, first = next(iter(failed.items()))
        raise RunError(
            f"{len(failed)} of {len(variants) + 1} runs failed ({', '.join(failed)}); {name} with: {first.what}",
            where=first.where,
            hint=first.hint,
        ) from first
    return ablation


def _run(
    clips: ClipSet | Sequence[PreparedClip],
    out: Path,
    progress: Progress,
    options: Mapping[str, Any],
    name: str,
    methods: Sequence[Recognizer],
) -> dict[str, Result]:
    def named(stage: str, done: int, total: int, note: str = "") -> None:
        progress(name if stage == "evaluate" else stage, done, total, note)

    return evaluate(methods, clips, out=out / name, progress=named, **options)
