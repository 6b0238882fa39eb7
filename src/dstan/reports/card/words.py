"""What the card of every model says of its use: what for, how far, whom it may fail, and under which law."""

from __future__ import annotations

from dstan.reports.card.data import citations, filmed, licences
from dstan.reports.card.facts import Facts
from dstan.reports.card.markdown import bullets, paragraph

RARE, COMMON = 0.5, 1.5
"""How far below or above an equal share a class is called rare or common."""


def intended_use(facts: Facts) -> str:
    """Return the section about what it is for.

    Parameters
    ----------
    facts
        Of the model.
    """
    if facts.is_synthetic:
        first = (
            "For trying the software, for judging what such a model is worth, and for beginning from. It is not for "
            "conclusions about people."
        )
    else:
        first = (
            "For research on facial micro-expressions: to compare methods, and to look at clips of people who agreed "
            "to it, by someone who knows the scores above."
        )
    return "\n\n".join(
        [
            paragraph(first),
            "It is not for",
            bullets(
                [
                    "decisions about a person: hiring, marks, policing, borders, insurance, credit, diagnosis;",
                    "telling lies from truth, or what somebody feels: it names what a face shows, and people show the "
                    "same for many reasons;",
                    "people who were not asked.",
                ]
            ),
        ]
    )


def limits(facts: Facts) -> str:
    """Return the section about limits.

    Parameters
    ----------
    facts
        Of the model.
    """
    k = len(facts.recognizer.classes_)
    said = [
        f"It names one of its {k} classes whatever it is shown: a face at rest, speech, a blink, an expression of "
        "seconds. It has not learned to say that there is nothing. `--min-confidence P` lets it abstain.",
        "A clip is to hold one expression, seen from the front, from onset to offset.",
    ]
    return bullets([*said, *(_limits_of_drawing(facts) if facts.is_synthetic else _limits_of_corpora(facts))])


def _limits_of_drawing(facts: Facts) -> list[str]:
    if not facts.is_taught:
        return [
            "Its clips are a synthetic twin: drawn faces that move by action units. Skin, light, hair, glasses, speech "
            "and the motion of heads are simpler there than in any film.",
        ]
    return [
        "A class is what its prototypes say. People show other combinations, and the same one for other reasons.",
        "The people on whose skin flow is imagined to be estimated, and whose frames are seen, are drawn, too.",
        "An action unit that is rarely drawn is rarely told: look at its F1 before believing one.",
    ]


def _limits_of_corpora(facts: Facts) -> list[str]:
    said = filmed(facts)
    if facts.has_own_clips:
        said.append("Clips of your own: whom they show, and how they were filmed, only you know. Write it here.")
    return [
        *said,
        "Another camera, light, distance, angle or frame rate is new to it. The expressions were elicited in a "
        "laboratory; what it does elsewhere has not been measured.",
    ]


def biases(facts: Facts) -> str:
    """Return the section about known biases.

    Parameters
    ----------
    facts
        Of the model.
    """
    said = _imbalance(facts)
    if facts.is_synthetic:
        said += [
            "Which action units make an expression here comes from what coders of CASME, CASME II and SAMM reported, "
            "and inherits whom and what these saw.",
            "Drawn faces differ in proportions and tone by chance, and stand for no group of people.",
        ]
    else:
        said += [
            "How well it does by age, sex, skin tone or ethnicity has not been measured: scores are over all people "
            "together. Whoever is rare among those filmed may be served worse.",
            "A label is what a few coders agreed on, who knew the film that was shown, and often what the person said "
            "afterwards. Their habits are learned, too.",
        ]
    if facts.recognizer.recipe.landmarks == "mediapipe" and facts.recognizer.recipe.alignment != "none":
        said.append(
            "Faces are found and aligned by MediaPipe's face mesh, whose own errors (glasses, beards, dark or turned "
            "faces) come first."
        )
    return bullets(said)


def _imbalance(facts: Facts) -> list[str]:
    counts = facts.trained.get("labels", {})
    total, names = sum(counts.values()), facts.recognizer.classes_
    if not total:
        return []
    shares = {name: counts.get(name, 0) / total * len(names) for name in names}
    shown = {name: f"{name} ({counts.get(name, 0)} of {total})" for name in names}
    common = [shown[name] for name in names if shares[name] > COMMON]
    rare = [shown[name] for name in names if shares[name] < RARE]
    parts = [
        f"often seen and likely to be said too often: {', '.join(common)}" if common else "",
        f"rarely seen and likely to be missed: {', '.join(rare)}" if rare else "",
    ]
    said = "; ".join(part for part in parts if part)
    return [f"{said[0].upper()}{said[1:]}."] if said else []


def law(facts: Facts) -> str:
    """Return the section about the law.

    Parameters
    ----------
    facts
        Of the model; it is the same for all.
    """
    return "\n\n".join(
        [
            paragraph(
                "In the European Union, Regulation (EU) 2024/1689 (the AI Act) rules over systems that infer emotions "
                "from faces, this one among them once it is put to use:"
            ),
            bullets(
                [
                    "**At work and in schools it is forbidden.** Article 5(1)(f): since 2 February 2025 no AI system "
                    "may be placed on the market, put into service or used to infer emotions of a person in the areas "
                    "of workplace and education institutions, except for medical or safety reasons.",
                    "Elsewhere emotion recognition counts as high-risk (Annex III, point 1(c)), and whoever deploys it "
                    "has to tell the people exposed to it (Article 50(3)).",
                    "Systems made and used for scientific research alone are outside of it (Article 2(6)).",
                ]
            ),
            paragraph(
                "A film of a face is personal data (Regulation (EU) 2016/679). Other places have other laws. This is "
                "no legal advice."
            ),
        ]
    )


def licence(facts: Facts) -> str:
    """Return the section about the terms of the data.

    Parameters
    ----------
    facts
        Of the model.
    """
    if facts.is_synthetic:
        return paragraph("Everything that it learned from is drawn by dstan (MIT): no corpus' agreement binds it.")
    said = licences(facts)
    if facts.has_own_clips:
        said.append("Clips of your own: as the people in them have agreed to.")
    return "\n\n".join(
        [
            bullets(said),
            paragraph(
                "A model holds what it learned from its clips. Read those agreements before passing it on; dstan's own "
                "licence (MIT) is for the software and says nothing of the data."
            ),
        ]
    )


def citation(facts: Facts) -> str:
    """Return the section about what to cite.

    Parameters
    ----------
    facts
        Of the model.
    """
    method = facts.recognizer.reference
    said = [f"The method: {method.rstrip('.')}."] if method else []
    return bullets([*said, *citations(facts), "The software: dstan, CITATION.cff in its repository."])
