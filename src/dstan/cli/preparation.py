"""The command that prepares: prepare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dstan._progress import Progress
from dstan.cli import options, output, storage
from dstan.errors import ConfigError

if TYPE_CHECKING:
    from dstan.clips import ClipSet, Skipped
    from dstan.preprocessing.cache import Cache
    from dstan.preprocessing.recipe import Recipe

app = typer.Typer()
WARNINGS = 5
"""How many warnings about single clips are printed."""


@app.command(rich_help_panel="Data")
def prepare(
    corpus: options.CorpusName,
    root: options.Root = None,
    methods: Annotated[
        list[str] | None, typer.Option("--for", metavar="METHOD", help="For whom; may be repeated [default: dstan].")
    ] = None,
    task: options.Task = None,
    coding: options.Coding = None,
    frames: options.Frames = None,
    corrections: options.Corrections = True,
    config: options.Config = None,
    assignments: options.Set = None,
    cache: options.CacheRoot = None,
    workers: options.Workers = None,
    cluster: options.Cluster = None,
    task_limit: options.TaskLimit = None,
    strict: options.Strict = False,
    sheet: Annotated[
        Path | None,
        typer.Option(
            "--contact-sheet",
            metavar="FILE.png",
            help="Draw each clip with its landmarks, crop, apex and flow; forty to a file, more in FILE-2.png and on.",
        ),
    ] = None,
    clean: Annotated[
        bool,
        typer.Option(
            "--clean",
            help="Then remove from the cache what it holds of this corpus's frames under other recipes, or from before "
            "frames or annotations changed; other corpora are left alone.",
        ),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Detect, align, interpolate and compute flow for every clip, once: later commands read the cache.

    Example: `dstan prepare casme2 --root twin --set recipe.size=64`

    To see what became of the clips: `dstan prepare casme2 --root twin --contact-sheet sheet.png`
    """
    from dstan.corpora import load_corpus
    from dstan.preprocessing.cache import check_any, prepare_clips, read_done
    from dstan.reports.contact_sheet import check_sheet

    made = options.recognizers(methods or ["dstan"], options.settings(config, assignments))
    recipes = {recognizer.recipe.digest(): recognizer.recipe for recognizer in made}
    engine = options.engine(workers, cluster, task_limit)
    if sheet is not None:
        check_sheet(sheet)
    elif cache == storage.NONE:
        raise ConfigError(
            "--cache none keeps nothing, and dstan prepare does nothing but fill the cache",
            hint="Name a folder, or draw what comes out with --contact-sheet",
        )
    clips = load_corpus(corpus, root, task=task, coding=coding, frames=frames, corrections=corrections)
    for text in clips.notes:
        output.note(text)
    with storage.kept(cache, cluster) as store:
        with output.progress_bars() as progress:
            by_recipe = [
                prepare_clips(
                    clips,
                    recipe,
                    store,
                    **engine,
                    progress=progress,
                    strict=strict,
                )
                for recipe in recipes.values()
            ]
            failed = [item for some in by_recipe for item in some.skipped if item.stage == "prepare"]
            clips = clips.without(dict.fromkeys(failed))
            check_any(clips)
            sheets = _draw(clips, next(iter(recipes.values())), store, sheet, progress) if sheet else []
        done = {str(clip): [read_done(store.path(clip, recipe)) for recipe in recipes.values()] for clip in clips}
        said = {
            clip: list(dict.fromkeys(text for one in ways for text in one["warnings"])) for clip, ways in done.items()
        }
        freed = None
        if clean:
            whole = load_corpus(corpus, root, task="", coding=coding, frames=frames, corrections=corrections)
            freed = store.clean([*whole, *clips], recipes.values())
    if as_json:
        output.document(
            {
                "corpus": corpus,
                "prepared": len(clips),
                "recipes": recipes,
                "cache": store.root,
                "skipped": clips.skipped,
                "contact_sheet": sheets,
                "freed": freed,
                "clips": {
                    clip: {"head_motion": [one.get("head_motion") for one in ways], "warnings": said[clip]}
                    for clip, ways in done.items()
                },
            }
        )
        return
    output.say(f"{len(clips)} clips of {len(clips.subjects)} subjects are prepared in {store.root}")
    if sheets:
        output.say(f"To look at: {', '.join(map(str, sheets))}")
    if freed is not None:
        output.say(f"Removed {freed.entries} entries that this command does not use: {freed.bytes / 1e6:,.1f} MB freed")
    show_skipped(clips.skipped)
    _show_warnings(said)


def _show_warnings(said: Mapping[str, Sequence[str]]) -> None:
    """Warn of what was noticed in single clips: the first few of them."""
    lines = [f"{clip}: {warning}" for clip, warnings in said.items() for warning in warnings]
    for text in lines[:WARNINGS]:
        output.warn(text)
    if len(lines) > WARNINGS:
        output.warn(f"and {len(lines) - WARNINGS} more, all of them with --json and in the report of an evaluation")


def _draw(clips: ClipSet, recipe: Recipe, store: Cache, out: Path, progress: Progress) -> list[Path]:
    from dstan.reports.contact_sheet import write_contact_sheet

    corpora = ", ".join(dict.fromkeys(clip.corpus for clip in clips))
    return write_contact_sheet(
        clips, recipe, store, out, title=f"{corpora}: {len(clips)} prepared clips", progress=progress
    )


def show_skipped(skipped: Iterable[Skipped]) -> None:
    """Warn of every clip that was left out for another reason than the task."""
    for item in skipped:
        if item.stage != "task":
            output.warn(f"{item.corpus}/{item.subject}/{item.clip_id} was left out ({item.stage}): {item.reason}")
