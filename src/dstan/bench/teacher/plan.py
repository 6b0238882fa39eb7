"""What is measured of drawn motion: how large, from which weights, in which runs, and as which rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dstan.bench.tables import Cell
from dstan.synthesis.motion import CONTAMINATIONS

METHOD = "stmn-a"
"""What learns in every part; other methods are in the zero-shot part only."""


@dataclass(frozen=True)
class Size:
    """How large the measurement is: every number that decides how long it takes."""

    task: str = "megc2019-3"
    protocol: str = "kfold-subject"
    seeds: int = 3
    epochs: int = 30
    people: tuple[int | None, ...] = (3, 5, 10, None)
    """To learn from; None is all of a training part."""
    people_of_wrong: tuple[int | None, ...] = (5,)
    teachers: int = 3
    """Of other seeds, and of other wrong anatomies."""
    curve_teachers: int = 1
    """Of the first of these, with which fits begin; those of wrong anatomy are all taken."""
    teacher: Mapping[str, Any] = field(default_factory=lambda: {"clips": 2000, "epochs": 12})
    small_teachers: int = 2
    small: Mapping[str, Any] = field(default_factory=lambda: {"clips": 1000, "epochs": 8})
    """Of those that lack a contamination."""
    totals: tuple[int, ...] = (1, 2, 4, 16)
    """Epochs of teachers of ``small["clips"]`` each, beside those of ``small`` and of ``teacher``."""
    appearance: Mapping[str, Any] = field(default_factory=lambda: {"clips": 1000, "epochs": 6})
    """Of the one teacher of each method that sees frames; a frame costs more than a field."""
    appearance_recipe: Mapping[str, Any] = field(default_factory=lambda: {"steps": 5})
    recognition_corpora: tuple[str, ...] = ("casme2",)
    members: int = 3
    init_corpora: tuple[str, ...] = ("casme2",)
    init_rates: tuple[float, ...] = (1e-4, 3e-4, 1e-3)
    init_frozen: tuple[int, ...] = (0, 3)
    init_epochs: tuple[int, ...] = (10, 30)
    inner_rates: tuple[float, ...] = (1e-4, 1e-3)


@dataclass(frozen=True)
class Weights:
    """A method taught by one teacher.

    Parameters
    ----------
    name
        Of its folder.
    method
        Who is taught.
    seed
        Of the teacher.
    overrides
        As :func:`dstan.recognizers.pretraining.pupil` takes them.
    """

    name: str
    method: str
    seed: int
    overrides: Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """One evaluation on one corpus.

    Parameters
    ----------
    corpus
        On whom.
    name
        Of its folder; says all of the following.
    weights
        What it begins from, or applies as it is; None is from scratch.
    zero_shot
        Whether nothing is learned from the corpus.
    people
        To learn from; None is all of a training part.
    overrides
        Settings over those of every run.
    """

    corpus: str
    name: str
    weights: Weights | None = None
    zero_shot: bool = False
    people: int | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.corpus}, {self.name}"

    @property
    def method(self) -> str:
        """Whose run it is."""
        return self.weights.method if self.weights else METHOD


Line = tuple[Run, ...]
"""Runs that differ in their teacher only; their scores are averaged."""


@dataclass(frozen=True)
class Row:
    """One row of a part.

    Parameters
    ----------
    labels
        What tells it from the others.
    runs
        Whose scores it shows.
    against
        What its paired differences are taken from, by name.
    """

    labels: Mapping[str, Cell]
    runs: Line
    against: Mapping[str, Line] = field(default_factory=dict)


def drawn(size: Size) -> list[Weights]:
    """Return the teachers that everything begins from."""
    return [Weights(f"drawn-{n}", METHOD, n, {"teacher": size.teacher}) for n in range(size.teachers)]


def wrong(size: Size) -> list[Weights]:
    """Return teachers whose anatomy is wrong, each otherwise."""
    return [
        Weights(f"wrong-{n + 1}", METHOD, n, {"teacher": {**size.teacher, "motion": {"wrong_anatomy": n + 1}}})
        for n in range(size.teachers)
    ]


def small(size: Size, name: str, **changed: Any) -> list[Weights]:
    """Return the smaller teachers with some settings of theirs changed."""
    return [
        Weights(f"small-{name}-{n}", METHOD, n, {"teacher": {**size.small, **changed}})
        for n in range(size.small_teachers)
    ]


def scratch(corpus: str, people: int | None = None) -> Line:
    """Return the runs that begin from nothing."""
    return (Run(corpus, f"scratch{_named(people)}", people=people),)


def begun(corpus: str, weights: Sequence[Weights], people: int | None = None, name: str = "", **overrides: Any) -> Line:
    """Return the runs that begin from weights."""
    return tuple(
        Run(corpus, f"from-{one.name}{_named(people)}{name}", one, people=people, overrides=overrides)
        for one in weights
    )


def as_they_are(corpus: str, weights: Sequence[Weights], name: str = "", **overrides: Any) -> Line:
    """Return the runs that apply weights as they are."""
    return tuple(
        Run(corpus, f"zero-shot-{one.name}{name}", one, zero_shot=True, overrides=overrides) for one in weights
    )


def _named(people: int | None) -> str:
    return "" if people is None else f"-{people}-people"


def curve(size: Size, corpora: Sequence[str]) -> list[Row]:
    """From scratch against begun from drawn motion, over the number of people to learn from."""
    rows = []
    for corpus in corpora:
        for people in size.people:
            labels: dict[str, Cell] = {"corpus": corpus, "people": "all" if people is None else str(people)}
            ours, base = begun(corpus, drawn(size)[: size.curve_teachers], people), scratch(corpus, people)
            rows += [Row({**labels, "begun from": "scratch"}, base)]
            rows += [Row({**labels, "begun from": "drawn motion"}, ours, {"scratch": base})]
            if people in size.people_of_wrong:
                other = begun(corpus, wrong(size), people)
                rows += [Row({**labels, "begun from": "wrong anatomy"}, other, {"scratch": base, "drawn": ours})]
        labels = {"corpus": corpus, "people": "none", "begun from": "zero-shot"}
        rows.append(Row(labels, as_they_are(corpus, drawn(size)), {"scratch": scratch(corpus)}))
    return rows


def zero_shot(size: Size, corpora: Sequence[str]) -> list[Row]:
    """Models that saw nothing but drawn motion, applied as they are."""
    seen = {"recipe": size.appearance_recipe, "teacher": size.appearance}
    models = {
        "stmn-a": drawn(size),
        "stmn-a, wrong anatomy": wrong(size),
        "stmn-a, relative flow and strain": [
            Weights("relative", METHOD, 0, {"teacher": size.teacher, "flow_values": "relative", "flow_strain": True})
        ],
        "ststnet": [Weights(f"ststnet-{n}", "ststnet", n, {"teacher": size.teacher}) for n in range(size.teachers)],
        "stan-a": [Weights("stan-a", "stan-a", 0, seen)],
        "stan-a, grey frames": [Weights("stan-a-grey", "stan-a", 0, {**seen, "frames": "grey"})],
        "dstan": [Weights("dstan", "dstan", 0, seen)],
    }
    return [
        Row(
            {"corpus": corpus, "model": name, "teachers": float(len(weights))},
            as_they_are(corpus, weights),
            {} if name == METHOD else {METHOD: as_they_are(corpus, drawn(size))},
        )
        for corpus in corpora
        for name, weights in models.items()
    ]


def contaminations(size: Size, corpora: Sequence[str]) -> list[Row]:
    """Teachers that lack one contamination each, applied as they are."""
    rows = []
    for corpus in corpora:
        full = as_they_are(corpus, small(size, "full"))
        rows.append(Row({"corpus": corpus, "without": "nothing"}, full))
        for name, values in CONTAMINATIONS.items():
            line = as_they_are(corpus, small(size, f"no-{name}", motion=values))
            rows.append(Row({"corpus": corpus, "without": name}, line, {"full": full}))
    return rows


def clips(size: Size, corpora: Sequence[str]) -> list[Row]:
    """Teachers of more and more drawn clips, none seen twice, applied as they are."""
    each = size.small["clips"]
    largest = drawn(size)[: size.small_teachers]
    sizes = {each * epochs: small(size, f"{epochs}-epochs", epochs=epochs) for epochs in size.totals}
    sizes |= {each * size.small["epochs"]: small(size, "full"), size.teacher["clips"] * size.teacher["epochs"]: largest}
    return [
        Row({"corpus": corpus, "drawn clips": float(total)}, as_they_are(corpus, sizes[total]))
        for corpus in corpora
        for total in sorted(sizes)
    ]


def recognition(size: Size, corpora: Sequence[str]) -> list[Row]:
    """What each option of recognition adds to networks that began from drawn motion, and mirroring as they are."""
    options: dict[str, dict[str, Any]] = {
        "mirror": {"mirror": True},
        "members": {"members": size.members},
        "svm": {"classifier": "svm"},
    }
    options["all three"] = {name: value for one in options.values() for name, value in one.items()}
    rows = []
    for corpus in [name for name in corpora if name in size.recognition_corpora]:
        labels: dict[str, Cell] = {"corpus": corpus, "model": "begun from drawn motion"}
        base = begun(corpus, drawn(size)[:1])
        rows.append(Row({**labels, "with": "nothing"}, base))
        for name, values in options.items():
            line = begun(corpus, drawn(size)[:1], name=f"-{name.replace(' ', '-')}", recognition=values)
            rows.append(Row({**labels, "with": name}, line, {"nothing": base}))
        labels, base = {"corpus": corpus, "model": "zero-shot"}, as_they_are(corpus, drawn(size))
        mirrored = as_they_are(corpus, drawn(size), "-mirror", recognition=options["mirror"])
        rows.append(Row({**labels, "with": "nothing"}, base))
        rows.append(Row({**labels, "with": "mirror"}, mirrored, {"nothing": base}))
    return rows


def sureness(size: Size, corpora: Sequence[str]) -> list[Row]:
    """Whether what is said with probability P is right so often."""
    return [
        Row({"corpus": corpus, "model": name}, line)
        for corpus in corpora
        for name, line in {
            "from scratch": scratch(corpus),
            "begun from drawn motion": begun(corpus, drawn(size)[: size.curve_teachers]),
            "zero-shot": as_they_are(corpus, drawn(size)),
        }.items()
    ]


def init(size: Size, corpora: Sequence[str]) -> list[Row]:
    """How to go on from drawn motion."""
    rows = []
    for corpus in [name for name in corpora if name in size.init_corpora]:
        ours, base = drawn(size)[:1], scratch(corpus)
        for rate in size.init_rates:
            for frozen in size.init_frozen:
                for epochs in size.init_epochs:
                    labels = {"learning rate": f"{rate:g}", "frozen blocks": str(frozen), "epochs": str(epochs)}
                    values = {"learning_rates": [rate], "frozen": [frozen], "epochs": epochs}
                    line = begun(corpus, ours, name=f"-{rate:g}-{frozen}-{epochs}", init=values)
                    rows.append(Row({"corpus": corpus, **labels}, line, {"scratch": base}))
        inner = {"learning_rates": list(size.inner_rates), "epochs": "inner"}
        line = begun(corpus, ours, name="-inner", init=inner, training={"inner_epochs": list(size.init_epochs)})
        labels = {"learning rate": "inner", "frozen blocks": "0", "epochs": "inner"}
        rows.append(Row({"corpus": corpus, **labels}, line, {"scratch": base}))
    return rows


PARTS: Mapping[str, Callable[[Size, Sequence[str]], list[Row]]] = {
    "curve": curve,
    "zero-shot": zero_shot,
    "contaminations": contaminations,
    "clips": clips,
    "recognition": recognition,
    "calibration": sureness,
    "init": init,
}
"""Every part by its name, with what is measured for it."""
