"""How well models of this recipe do, by a run that was told to ``dstan train --scores``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dstan.reports.card.facts import Facts, title_of
from dstan.reports.card.markdown import paragraph, table

SHOWN = {
    "accuracy": "accuracy",
    "uf1": "UF1",
    "uar": "UAR",
    "f1_le_ngo": "F1 (Le Ngo)",
}
"""The scores of the card and their names."""
_SPLITS = {
    "loso": "every person was left out once",
    "kfold-subject": "a fifth of the people was left out at a time",
    "cde": "every person of the corpora together was left out once",
    "hde": "a whole corpus was left out at a time",
}


def scores(facts: Facts) -> str:
    """Return the section about scores.

    Parameters
    ----------
    facts
        Of the model.
    """
    found = facts.scores
    if found is None:
        return _never_on_real_faces(facts) if facts.is_taught else _not_evaluated(facts)
    parts = [_run(found), _table(found), _by_class(found), _by_corpus(found), _calibration(found["calibration"])]
    return "\n\n".join(part for part in parts if part)


def _not_evaluated(facts: Facts) -> str:
    where = "".join(f" --corpus {name} --root {name}=DIR" for name in facts.own_corpora)
    task = f" --task {facts.task}" if facts.task else ""
    name = facts.recognizer.name
    return "\n\n".join(
        [
            paragraph(
                "**Not evaluated.** How well it does on people whom it has not seen is unknown. These commands tell, "
                "with the settings of this model (`dstan info MODEL --settings > same.toml`), and write it here:"
            ),
            f"```\ndstan evaluate {name}{task}{where} --config same.toml --out RUN\n"
            f"dstan train {name}{task}{where} --config same.toml --scores RUN --out MODEL\n```",
        ]
    )


def _never_on_real_faces(facts: Facts) -> str:
    task = f" --task {facts.task}" if facts.task else ""
    name = facts.recognizer.name
    return "\n\n".join(
        [
            paragraph(
                "**Not evaluated on real faces.** How well it does on people is unknown until it is tried on a corpus "
                "that you hold, as it is or fine-tuned in every fold:"
            ),
            f"```\ndstan evaluate --zero-shot MODEL{task} --corpus CORPUS --root DIR --out RUN\n"
            f"dstan evaluate {name} --init MODEL{task} --corpus CORPUS --root DIR --out RUN\n```",
        ]
    )


def _run(found: Mapping[str, Any]) -> str:
    run, seeds = found["run"], len(found["per_seed"])
    drawn = " **The faces of these clips are drawn, so this says nothing about real ones.**" if run["synthetic"] else ""
    fits = "one fit each" if seeds == 1 else f"the mean of {seeds} fits each, with the seeds 0 to {seeds - 1}"
    standing = ", ".join(part for part in (run["fidelity"], f"{run['track']} track", run["weights"]) if part)
    return paragraph(
        f"From the run `{run['name']}` ({run['created'][:10]}, dstan {run['dstan']}, on {run['device']}): "
        f"{found['clips']} clips of {found['subjects']} people; {_SPLITS.get(run['protocol'], run['protocol'])} "
        f"({run['protocol']}), {fits}. The method: {standing}.{drawn} **These are scores of models that were trained "
        "by the same recipe without the people whom they were tested on.** This very model was trained on all of them, "
        "and has not been tested itself."
    )


def _table(found: Mapping[str, Any]) -> str:
    rows = [(name, f"{found[key]:.3f}", _ends(found["intervals"][key])) for key, name in SHOWN.items()]
    counts = np.array(found["confusion"]).sum(1)
    largest = counts.max() / counts.sum()
    name = found["classes"][int(counts.argmax())]
    return "\n\n".join(
        [
            table(("score", "value", "95 % over people"), rows, numbers=("value", "95 % over people")),
            paragraph(
                f"Always saying “{name}”, the most frequent class, has an accuracy of {largest:.3f}."
                f"{'' if found['accuracy'] > largest else ' **This recipe does no better than that.**'}"
            ),
        ]
    )


def _by_class(found: Mapping[str, Any]) -> str:
    confusion = np.array(found["confusion"], dtype=float)
    right, true, said = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    seeds = len(found["per_seed"])
    rows = [
        (name, f"{true[k] / seeds:.0f}", _share(right[k], true[k], "no clip"), _share(right[k], said[k], "not said"))
        for k, name in enumerate(found["classes"])
    ]
    columns = ("class", "clips", "found (recall)", "right when said (precision)")
    return table(columns, rows, numbers=columns[1:])


def _by_corpus(found: Mapping[str, Any]) -> str:
    rows = [
        (title_of(name), one["clips"], *(f"{one[key]:.3f}, {_ends(one['intervals'][key])}" for key in ("uf1", "uar")))
        for name, one in found.get("per_corpus", {}).items()
    ]
    return table(("corpus", "clips", "UF1", "UAR"), rows, numbers=("clips", "UF1", "UAR")) if rows else ""


def _calibration(found: Mapping[str, Any]) -> str:
    chance = found["ece_by_chance"]
    high = found["ece"] > chance["high"]
    over = found["overconfidence"]
    tendency = "too sure" if over > 0 else "too modest"
    said = (
        "That is more than chance explains: do not take its probabilities at their word."
        if high
        else "That is no more than chance explains."
    )
    rows = [
        (f"{one['threshold']:.1f}", f"{one['coverage']:.2f}", _or_none(one["accuracy"]), _or_none(one["uf1"]))
        for one in found["abstention"]
    ]
    columns = ("at least", "clips answered", "accuracy", "UF1")
    return "\n\n".join(
        [
            "### How sure it is",
            paragraph(
                f"Expected calibration error {found['ece']:.3f}; a perfectly calibrated method would have "
                f"{chance['mean']:.3f} on as many clips ({_ends((chance['low'], chance['high']))}). {said} On average "
                f"its confidence is {abs(over):.3f} {'above' if over > 0 else 'below'} its accuracy ({tendency}). What "
                "is left where it answers only from a probability on (`dstan predict --min-confidence P`):"
            ),
            table(columns, rows, numbers=columns),
        ]
    )


def _ends(ends: tuple[float, float]) -> str:
    return f"{ends[0]:.2f} to {ends[1]:.2f}"


def _share(part: float, whole: float, otherwise: str) -> str:
    return f"{part / whole:.2f}" if whole else otherwise


def _or_none(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}"
