"""Commands about methods: methods, config."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from dstan.cli import options, output

if TYPE_CHECKING:
    from dstan.recognizers import Recognizer

app = typer.Typer()
PANEL = "Methods"


@app.command(rich_help_panel=PANEL)
def methods(as_json: options.Json = False) -> None:
    """List the methods that can be evaluated and trained, how near each is to its publication, and its tracks.

    A method whose publication starts from pretrained weights says which it has here.

    Example: `dstan methods`
    """
    from dstan.evaluation.standing import MEANINGS, WEIGHTS, Standing
    from dstan.recognizers import METHODS, PAPER_TRACK, recognizer
    from dstan.recognizers.contract import PAPER_ENDING

    made = [recognizer(name) for name in METHODS]
    tracks = {name: ["common", *["paper"] * (name + PAPER_ENDING in PAPER_TRACK)] for name in METHODS}
    if as_json:
        output.document([_about(one, tracks[one.name]) for one in made])
        return
    rows = [
        (
            Standing.of(one).shown.replace(" (", "\n(").replace(", ", ",\n "),
            one.description,
            one.fidelity,
            "both" if len(tracks[one.name]) > 1 else "common",
        )
        for one in made
    ]
    output.table(("method", "what it is", "fidelity", "tracks"), rows)
    _show_references(made)
    for word, meaning in MEANINGS.items():
        output.say(f"{word}: {meaning}.", "dim")
    if any(one.weights for one in made):
        output.say(WEIGHTS, "dim")
    if PAPER_TRACK:
        output.say(
            f"both tracks: NAME is of the common one; NAME{PAPER_ENDING} has the input and the parameters that were "
            "published for it. Only methods of the common track are ranked against each other.",
            "dim",
        )


def _about(made: Recognizer, tracks: list[str]) -> dict[str, object]:
    keys = ("name", "description", "reference", "fidelity", "weights", "streams")
    return {**{key: getattr(made, key) for key in keys}, "tracks": tracks}


def _show_references(made: Sequence[Recognizer]) -> None:
    """Print each publication once, with the methods that are from it."""
    by_source: dict[str, list[str]] = {}
    for one in made:
        if one.reference:
            by_source.setdefault(one.reference, []).append(one.name)
    for source, names in by_source.items():
        output.say(f"{', '.join(names)}: {source}")
    output.say()


@app.command(rich_help_panel=PANEL)
def config(
    method: Annotated[str, typer.Argument(metavar="METHOD", help="One of: dstan methods.")],
    config: options.Config = None,
    assignments: options.Set = None,
    as_json: options.Json = False,
) -> None:
    """Print all settings of a method as commented TOML, for --config.

    Example: `dstan config dstan > dstan.toml`
    """
    (made,) = options.recognizers([method], options.settings(config, assignments))
    if as_json:
        output.document(made.settings.to_dict())
        return
    output.say(made.settings.to_toml().rstrip())
