"""What a model learned from: clips, people, and the emotions that make its classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from dstan.clips import Clip, ClipSet
from dstan.recognizers.origins import drawn_clips
from dstan.reports.card.drawn import how_it_learned
from dstan.reports.card.facts import Facts, title_of
from dstan.reports.card.markdown import bullets, paragraph, table
from dstan.tasks import Task, source_of

OWN = "folder"
"""The corpus of a user's own clips. Who is in them may be called by name there, so people are counted and not named."""
MOST_REASONS = 6


def describe_data(clips: ClipSet, task: Task | None) -> dict[str, Any]:
    """Return what ``model.json`` keeps of the clips that a model is trained on.

    Parameters
    ----------
    clips
        Those that are learned from, labelled, and what was left out.
    task
        Whose classes they have; None where they came with their labels.

    Returns
    -------
    ``task``, ``notes`` and ``corpora``: for each its ``clips``, ``subjects``, whether it is ``synthetic``, ``people``
    (the ids that the corpus gives them; not of a user's own clips), ``labels``, ``words`` (which emotions make a class,
    and how often each occurs) and ``skipped`` (how many clips for which reason).
    """
    names = dict.fromkeys(clip.corpus for clip in clips)
    return {
        "task": clips.task,
        "notes": list(clips.notes),
        "corpora": {name: _describe(name, clips, task) for name in names},
    }


def _describe(corpus: str, clips: ClipSet, task: Task | None) -> dict[str, Any]:
    own = [clip for clip in clips if clip.corpus == corpus]
    people = list(dict.fromkeys(clip.subject for clip in own))
    skipped = Counter(one.reason for one in clips.skipped if one.corpus == corpus)
    return {
        "clips": len(own),
        "subjects": len(people),
        "synthetic": all(drawn_clips(own)),
        **({} if corpus == OWN else {"people": people}),
        "labels": ClipSet(tuple(own), clips.classes).counts,
        "words": _words(own, task, corpus, clips.classes) if task else {},
        "skipped": dict(skipped.most_common()),
    }


def _words(clips: list[Clip], task: Task, corpus: str, classes: Iterable[str]) -> dict[str, dict[str, int]]:
    source = source_of(clips, task, corpus)
    found = Counter((str(clip.label), source.word(clip)) for clip in clips)
    return {name: {word: count for (label, word), count in found.most_common() if label == name} for name in classes}


def data(facts: Facts) -> str:
    """Return the section about the data.

    Parameters
    ----------
    facts
        Of the model.
    """
    earlier = _earlier(facts)
    parts = [_drawn(facts)] if facts.is_taught else [_clips(facts), _skipped(facts), *_notes(facts)]
    return "\n\n".join(part for part in (*parts, earlier) if part)


def _drawn(facts: Facts) -> str:
    return bullets(
        [
            f"Clips: {facts.trained['clips']:,}, drawn from action units while it learned; none was seen twice. No "
            "picture and no video of anybody was used.",
            f"Learned: {how_it_learned(facts)}.",
            "People: none.",
        ]
    )


def _clips(facts: Facts) -> str:
    corpora: Mapping[str, Any] = facts.data.get("corpora", {})
    if not corpora:
        names = ", ".join(map(facts.title, facts.own_corpora)) or "unknown corpora"
        return paragraph(
            f"{facts.trained['clips']} clips of {facts.trained['subjects']} people ({names}). Whoever saved this model "
            "noted no more."
        )
    rows = [
        (facts.title(name), one["clips"], one["subjects"], sum(one["skipped"].values()))
        for name, one in corpora.items()
    ]
    numbers = ("clips", "people", "left out")
    people = [_people(name, one) for name, one in corpora.items()]
    return "\n\n".join([table(("corpus", *numbers), rows, numbers=numbers), bullets(people)])


def _people(corpus: str, about: Mapping[str, Any]) -> str:
    if "people" not in about:
        return (
            f"People of {title_of(corpus)}: {about['subjects']}; what they are called there is not written down here."
        )
    ids = ", ".join(about["people"])
    return (
        f"People of {title_of(corpus)}, as the corpus numbers them: {ids}. Do not test this model on them, nor on "
        "clips of them in another corpus."
    )


def _skipped(facts: Facts) -> str:
    found = Counter[str]()
    for about in facts.data.get("corpora", {}).values():
        found.update(about["skipped"])
    shown = [
        f"{count} {'clip' if count == 1 else 'clips'}: {reason}" for reason, count in found.most_common(MOST_REASONS)
    ]
    if (more := len(found) - MOST_REASONS) > 0:
        shown.append(f"{sum(count for _, count in found.most_common()[MOST_REASONS:])} more, for {more} other reasons")
    return f"Left out:\n\n{bullets(shown)}" if shown else ""


def _notes(facts: Facts) -> list[str]:
    notes = facts.data.get("notes", ())
    return [f"How it was read:\n\n{bullets(notes)}"] if notes else []


def _earlier(facts: Facts) -> str:
    begun = facts.recognizer.weights
    names = ", ".join(map(title_of, facts.earlier_corpora))
    if not names or facts.is_taught:
        return ""
    return paragraph(f"Before these clips it had learned {names}: it is {begun or 'begun from another model'}.")


def classes(facts: Facts) -> str:
    """Return the section about the classes: which emotions make each, and how many clips show it.

    Parameters
    ----------
    facts
        Of the model.
    """
    corpora: Mapping[str, Any] = facts.data.get("corpora", {})
    counts = facts.trained.get("labels", {})
    names = facts.recognizer.classes_
    if facts.is_taught:
        return paragraph(f"{', '.join(names)}, as prototypes of action units (docs/synthesis.md).")
    if not corpora:
        return table(("class", "clips"), ((name, counts.get(name, 0)) for name in names), numbers=("clips",))
    rows = (
        (name, counts.get(name, 0), *(_made_of(one["words"].get(name, {})) for one in corpora.values()))
        for name in names
    )
    columns = ("class", "clips", *(f"emotions in {title_of(name)}" for name in corpora))
    wrote = "what was to be drawn" if facts.is_synthetic else "what coders wrote, not what was felt"
    about = paragraph(f"How often each emotion occurs stands beside it: {wrote}.")
    return "\n\n".join([table(columns, rows, numbers=("clips",)), about])


def _made_of(words: Mapping[str, int]) -> str:
    return ", ".join(f"{word} {count}" for word, count in words.items()) or "none"


def filmed(facts: Facts) -> list[str]:
    """Return who was filmed with what, a sentence for each corpus.

    Parameters
    ----------
    facts
        Of the model.
    """
    said = []
    for corpus in facts.declared.values():
        size = f"{corpus.size[0]} x {corpus.size[1]} pixels" if corpus.size else ""
        rate = f"{corpus.fps:g} frames a second" if corpus.fps else ""
        camera = ", ".join(part for part in (size, rate) if part)
        people = (
            f"{corpus.title}, as its paper says: {corpus.filmed}" if corpus.filmed else f"{corpus.title}: see its paper"
        )
        said.append(f"{people}{f'; {camera}' if camera else ''}.")
    return said


def licences(facts: Facts) -> list[str]:
    """Return the terms of each corpus, a sentence each.

    Parameters
    ----------
    facts
        Of the model.
    """
    return [f"{corpus.title}: {corpus.licence[0].lower()}{corpus.licence[1:]}." for corpus in facts.declared.values()]


def citations(facts: Facts) -> list[str]:
    """Return what to cite for the data.

    Parameters
    ----------
    facts
        Of the model.
    """
    return [f"{corpus.title}: {corpus.citation}." for corpus in facts.declared.values()]
