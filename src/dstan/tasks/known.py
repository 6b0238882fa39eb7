"""The tasks that the field uses, with the counts that a complete copy of each corpus gives."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping
from importlib import resources
from itertools import combinations

from dstan.tasks.task import Source, Task

_EMOTION, _CODED, _CLASS = "Emotion", "Estimated Emotion", "Objective Classes"
_OTHERS = {"other": "others", "others": "others"}
_HAPPY_SAD = {"happy": "happiness", "sad": "sadness"}
_NEGATIVE = ("anger", "contempt", "disgust", "fear", "sadness")
_ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII")


def _same(*names: str) -> dict[str, str]:
    """Map each word to itself, and the synonyms of those among them."""
    synonyms = {word: name for word, name in {**_OTHERS, **_HAPPY_SAD}.items() if name in names}
    return {**{name: name for name in names}, **synonyms}


def _all(name: str, words: Iterable[str]) -> dict[str, str]:
    return dict.fromkeys(words, name)


def _counts(classes: Iterable[str], *counts: int) -> dict[str, int]:
    return dict(zip(classes, counts, strict=True))


def _exclusions(task: str, corpus: str) -> Mapping[tuple[str, str], str]:
    """Read the clips that a task leaves out by name."""
    text = resources.files(__package__).joinpath("exclusions.csv").read_text(encoding="utf-8")
    found: defaultdict[tuple[str, str], dict[tuple[str, str], str]] = defaultdict(dict)
    for row in csv.DictReader(io.StringIO(text), strict=True):
        found[row["task"], row["corpus"]][row["subject"], row["clip"]] = f"{row['reason']} ({row['source']})"
    return found[task, corpus]


def _smic_3() -> Task:
    classes = ("negative", "positive", "surprise")
    counts = {"smic-hs": (70, 51, 43), "smic-vis": (23, 28, 20), "smic-nir": (23, 28, 20)}
    sources = {
        name: Source(_EMOTION, _same(*classes), expected={"": _counts(classes, *three)})
        for name, three in counts.items()
    }
    return Task("smic-3", classes, {**sources, "smic-e": Source(_EMOTION, _same(*classes))})


def _casme_4() -> Task:
    classes = ("tense", "disgust", "repression", "surprise")
    source = Source(
        _EMOTION,
        {**_same(*classes), "tension": "tense"},
        ("happiness", "sadness", "fear", "contempt", "confused", "pain", "helpless"),
        {"": _counts(classes, 70, 44, 38, 20)},
    )
    return Task("casme-4", classes, {"casme": source})


def _casme2_5() -> Task:
    classes = ("happiness", "disgust", "repression", "surprise", "others")
    expected = {"20140508": _counts(classes, 32, 63, 27, 25, 99), "20190701": _counts(classes, 32, 63, 27, 28, 99)}
    return Task("casme2-5", classes, {"casme2": Source(_CODED, _same(*classes), ("sadness", "fear"), expected)})


def _casme2_7() -> Task:
    numbers = {word: name for n, name in enumerate(_ROMAN, start=1) for word in (str(n), name.casefold())}
    expected = {"": _counts(_ROMAN, 25, 15, 99, 26, 20, 1, 69)}
    origin = "CASME2-ObjectiveClasses.xlsx"
    return Task("casme2-7", _ROMAN, {"casme2": Source(_CLASS, numbers, expected=expected, origin=origin)})


def _samm_8() -> Task:
    classes = ("anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise", "others")
    expected = {"": _counts(classes, 57, 12, 9, 8, 26, 6, 15, 26)}
    return Task("samm-8", classes, {"samm": Source(_CODED, _same(*classes), expected=expected)})


def _samm_5() -> Task:
    classes = ("anger", "contempt", "happiness", "surprise", "others")
    source = Source(_CODED, _same(*classes), ("disgust", "fear", "sadness"), {"": _counts(classes, 57, 12, 26, 15, 26)})
    return Task("samm-5", classes, {"samm": source})


def _mmew_7() -> Task:
    classes = ("happiness", "surprise", "anger", "disgust", "fear", "sadness", "others")
    expected = {"": _counts(classes, 36, 89, 8, 72, 16, 13, 66)}
    return Task("mmew-7", classes, {"mmew": Source(_CODED, _same(*classes), expected=expected)})


def _mmew_6() -> Task:
    classes = ("happiness", "surprise", "anger", "disgust", "fear", "sadness")
    expected = {"": _counts(classes, 36, 89, 8, 72, 16, 13)}
    return Task("mmew-6", classes, {"mmew": Source(_CODED, _same(*classes), tuple(_OTHERS), expected)})


def _cas_me_3_7() -> Task:
    classes = ("disgust", "surprise", "others", "fear", "anger", "sadness", "happiness")
    expected = {"": _counts(classes, 250, 187, 161, 86, 64, 57, 55)}
    a = Source("emotion", _same(*classes), expected=expected)
    return Task("cas-me-3-a-7", classes, {"cas-me-3-a": a, "cas-me-3-c": Source("emotion", _same(*classes))})


def _cas_me_3_4() -> Task:
    classes = ("negative", "positive", "surprise", "others")
    words = {
        **_all("negative", (*_NEGATIVE, "sad")),
        **_all("positive", ("happiness", "happy")),
        **_same("surprise", "others"),
    }
    a = Source("emotion", words, expected={"": _counts(classes, 457, 55, 187, 161)})
    return Task("cas-me-3-a-4", classes, {"cas-me-3-a": a, "cas-me-3-c": Source("emotion", words)})


def _cas_me_2_4() -> Task:
    classes = ("negative", "positive", "surprise", "others")
    expected = {"": _counts(classes, 21, 8, 9, 19)}
    return Task("cas-me-2-4", classes, {"cas-me-2": Source(_EMOTION, _same(*classes), expected=expected)})


def _4dme_5() -> Task:
    """Take the clips that show one of the five; a clip may show several at once, and those are left out."""
    classes = ("positive", "negative", "surprise", "repression", "others")
    several = tuple("+".join(some) for number in (2, 3, 4, 5) for some in combinations(classes, number))
    origin = f"the columns {', '.join(name.capitalize() for name in classes)}: none of them is 1"
    return Task("4dme-5", classes, {"4dme": Source("Labels", _same(*classes), several, origin=origin)})


def _megc2019_3() -> Task:
    """Three classes of three corpora, 442 clips of 68 people, as the second challenge (MEGC 2019) put them together."""
    name, classes = "megc2019-3", ("negative", "positive", "surprise")
    rest = {"positive": ("happiness",), "surprise": ("surprise",)}
    casme2 = {word: label for label, words in {"negative": ("disgust", "repression"), **rest}.items() for word in words}
    samm = {word: label for label, words in {"negative": _NEGATIVE, **rest}.items() for word in words}
    sources = {
        "smic-hs": Source(_EMOTION, _same(*classes), expected={"": _counts(classes, 70, 51, 43)}),
        "casme2": Source(
            _CODED,
            casme2,
            ("others", "other", "sadness", "fear"),
            {"20140508": _counts(classes, 88, 32, 25)},
            _exclusions(name, "casme2"),
        ),
        "samm": Source(_CODED, samm, ("other", "others"), {"": _counts(classes, 92, 26, 15)}),
    }
    return Task(name, classes, sources, together=tuple(sources))


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        _smic_3(),
        _casme_4(),
        _casme2_5(),
        _casme2_7(),
        _samm_5(),
        _samm_8(),
        _cas_me_2_4(),
        _cas_me_3_7(),
        _cas_me_3_4(),
        _mmew_7(),
        _mmew_6(),
        _4dme_5(),
        _megc2019_3(),
        Task("as-labelled", (), {"folder": Source("label")}),
    )
}
"""The known tasks by name; ``as-labelled`` makes a class of every label of the user's own data."""


def tasks_of(corpus: str) -> list[str]:
    """Return the names of the known tasks that serve a corpus."""
    return [name for name, task in TASKS.items() if corpus in task.sources]
