"""A card as Markdown, one section after the other, behind the few lines that catalogues of models read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dstan import _atomic
from dstan.recognizers import Recognizer, describe_model
from dstan.recognizers.model_files import CARD
from dstan.recognizers.settings import DIFFERENCES, GREY
from dstan.reports.card import data, drawn, scores, words
from dstan.reports.card.facts import Facts
from dstan.reports.card.markdown import paragraph, table

Section = Callable[[Facts], str]


def write_card(recognizer: Recognizer, folder: Path) -> Path:
    """Write the card of a model that was saved, and of one that was taught the curves of learning beside it.

    Parameters
    ----------
    recognizer
        The fitted model.
    folder
        Where :func:`dstan.recognizers.save_model` wrote it.

    Returns
    -------
    The card, a Markdown file.

    Raises
    ------
    ModelError
        If no model is there.
    """
    text = card_text(recognizer, describe_model(folder))
    if "teacher" in recognizer.trained_:
        drawn.draw_curves(recognizer, folder)
    _atomic.write_text(folder / CARD, text)
    return folder / CARD


def card_text(recognizer: Recognizer, document: Mapping[str, Any]) -> str:
    """Return the card: lines for catalogues between two rules, then Markdown.

    Parameters
    ----------
    recognizer
        The fitted model.
    document
        Its ``model.json``: :func:`dstan.recognizers.describe_model`.
    """
    facts = Facts(recognizer, document)
    title = f"# {recognizer.name}, {'taught drawn motion' if facts.is_taught else f'trained on {_data_of(facts)}'}"
    sections = (f"## {name}\n{make(facts)}" for name, make in _sections(facts))
    return "\n\n".join([_front(facts), title, _lead(facts), *sections]) + "\n"


def body_of(card: str) -> str:
    """Return a card without the lines for catalogues.

    Parameters
    ----------
    card
        What :func:`card_text` returned.
    """
    return card.split("\n---\n", 1)[1].lstrip()


def _sections(facts: Facts) -> Iterator[tuple[str, Section]]:
    yield "What it is", _identity
    yield "Data", data.data
    yield "Classes", data.classes
    yield "Scores", scores.scores
    if facts.is_taught:
        yield "How well it learned the drawing", drawn.learned_drawing
    yield "Intended use", words.intended_use
    yield "Limits", words.limits
    yield "Known biases", words.biases
    yield "The law", words.law
    yield "Licence of the data", words.licence
    yield "To cite", words.citation
    if facts.is_taught:
        yield "What was drawn", drawn.what_was_drawn


def _data_of(facts: Facts) -> str:
    """Return what it was trained on, in a few words."""
    return ", ".join(map(facts.title, facts.own_corpora)) or "unknown clips"


def _front(facts: Facts) -> str:
    """Return what catalogues read, as YAML; every value is written as JSON, which is YAML, too."""
    tags = ["facial-micro-expressions", "micro-expression-recognition", *(["synthetic-data"] * facts.is_synthetic)]
    lines: dict[str, Any] = {"library_name": "dstan", "pipeline_tag": "video-classification", "tags": tags}
    if facts.scores:
        lines["model-index"] = [_indexed(facts, facts.scores)]
    return "\n".join(
        ["---", *(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in lines.items()), "---"]
    )


def _indexed(facts: Facts, found: Mapping[str, Any]) -> dict[str, Any]:
    metrics = [
        {"type": "f1" if key in ("uf1", "f1_le_ngo") else key, "name": name, "value": round(found[key], 4)}
        for key, name in scores.SHOWN.items()
    ]
    results = {
        "task": {"type": "video-classification", "name": facts.task},
        "dataset": {"type": "+".join(facts.own_corpora), "name": _data_of(facts)},
        "metrics": metrics,
    }
    return {"name": facts.recognizer.name, "results": [results]}


def _lead(facts: Facts) -> str:
    if not facts.is_synthetic:
        return paragraph(
            f"It names the class of a facial micro-expression: {_listed(facts.recognizer.classes_)}. It is for "
            "research, and is often wrong: read the scores, the limits and the law before any face is shown to it."
        )
    saw = (
        f"It learned from {facts.trained['clips']:,} clips whose motion was drawn from action units."
        if facts.is_taught
        else f"Its {facts.trained['clips']:,} clips are drawn: {_data_of(facts)}."
    )
    return paragraph(
        f"**It has seen no real face.** {saw} It is for trying the software, for judging what such a model is worth, "
        "and for beginning from. It is not for conclusions about people."
    )


def _listed(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else "".join(names)


def _identity(facts: Facts) -> str:
    model, trained, made = facts.recognizer, facts.trained, facts.document
    makers = ", ".join(f"{name} {version}" for name, version in made["made_by"].items())
    rows = {
        "method": f"{model.name}: {model.description}",
        "from": model.reference,
        "fidelity": str(getattr(model, "fidelity", "")),
        "weights": model.weights,
        "task": facts.task,
        "classes": ", ".join(model.classes_),
        "it is given": _seen(model),
        "parameters": f"{model.parameters:,}" if model.parameters else "",
        "chosen inside": _choice(model),
        "seed": f"{trained['seed']}, on {trained['device']}",
        "settings": f"digest {model.settings.digest()}, recipe {model.recipe.digest()}; `dstan info MODEL --settings`",
        "made": f"{made['created'][:10]}, by {makers}",
    }
    return table(("property", "value"), ((name, value) for name, value in rows.items() if value))


def _seen(model: Recognizer) -> str:
    """Return what a model is to be given."""
    recipe = model.recipe
    parts = [f"crops of {recipe.shape[0]} x {recipe.shape[1]}"]
    if "appearance" in model.streams:
        kind = "as differences from the first" if getattr(model.settings, "frames", GREY) == DIFFERENCES else "grey"
        parts.append(f"{recipe.steps} frames, {kind}")
    if "flow" in model.streams:
        parts.append(f"flow as {recipe.flow} finds it, pairs {recipe.pairs}")
    return "; ".join(parts)


def _choice(model: Recognizer) -> str:
    """Return what people held out of the training clips chose."""
    choice = model.choice_
    if choice.get("uf1") is None:
        return ""
    values = ", ".join(f"{key} {choice[key]:g}" for key in ("C", "gamma", "variant") if choice.get(key))
    return f"of {choice['candidates']} candidates by people held out of the training clips: {values}"
