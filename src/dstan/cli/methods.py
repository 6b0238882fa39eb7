"""Commands about methods: methods, config."""

from __future__ import annotations

from typing import Annotated

import typer

from dstan.cli import options, output

app = typer.Typer()
PANEL = "Methods"


@app.command(rich_help_panel=PANEL)
def methods(as_json: options.Json = False) -> None:
    """List the methods that can be evaluated and trained.

    Example: `dstan methods`
    """
    from dstan.recognizers import METHODS, recognizer

    made = [recognizer(name) for name in METHODS]
    keys = ("name", "description", "reference")
    rows = [{key: getattr(item, key) for key in keys} for item in made]
    if as_json:
        output.document([{**row, "streams": item.streams} for row, item in zip(rows, made, strict=True)])
        return
    output.table(("method", "what it is", "reference"), [tuple(row.values()) for row in rows])


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
