"""Commands about trained models: train, info."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dstan._progress import Progress, silent
from dstan.cli import options, output, storage, tracking
from dstan.cli.preparation import show_skipped
from dstan.errors import CorpusError, ModelError

if TYPE_CHECKING:
    from dstan.clips import ClipSet
    from dstan.preprocessing.cache import Cache
    from dstan.recognizers import Recognizer
    from dstan.training import EpochRecord

app = typer.Typer()
PANEL = "Models"


@app.command(rich_help_panel=PANEL)
def train(
    method: Annotated[str, typer.Argument(metavar="METHOD", help="One of: dstan methods.")],
    out: Annotated[Path, typer.Option("--out", metavar="MODEL", help="The model's folder.", show_default=False)],
    corpora: options.Corpora = None,
    roots: options.Roots = None,
    task: options.Task = None,
    seed: options.Seed = 0,
    coding: options.Codings = None,
    frames: options.Frames = None,
    corrections: options.Corrections = True,
    config: options.Config = None,
    assignments: options.Set = None,
    init: options.Init = None,
    scores: Annotated[
        Path | None,
        typer.Option(
            "--scores",
            metavar="RUN",
            help="Write this run's scores into the card: a finished dstan evaluate of the same method, settings, task "
            "and clips.",
        ),
    ] = None,
    cache: options.CacheRoot = None,
    workers: options.Workers = None,
    cluster: options.Cluster = None,
    task_limit: options.TaskLimit = None,
    device: options.Device = "auto",
    track: options.Track = None,
    strict: options.Strict = False,
    as_json: options.Json = False,
) -> None:
    """Train one method on a whole corpus or several, for use on video of other people.

    Beside the model lies its card (card.md; `dstan info MODEL` shows it): data, classes, scores, limits, the law.

    Example: `dstan train dstan --corpus casme2 --root twin --out model`

    With the scores of a run on its card: `dstan train dstan --corpus casme2 --root twin --scores runs/casme2 --out
    model`

    Begun from a model that saw drawn motion: `dstan train stmn-a --init weights --task megc2019-3 --corpus casme2
    --root twin --out model`
    """
    from dstan.evaluation.same_recipe import find_scores
    from dstan.preprocessing.cache import prepare_clips
    from dstan.recognizers.origins import check_unseen

    (recognizer,) = options.recognizers([method], options.settings(config, assignments, init))
    recognizer.given()  # a file that is missing is said before hours of preparation
    check_target(out)
    engine = options.engine(workers, cluster, task_limit)
    where = options.device(device)
    tracker = tracking.begin(track)
    clips = options.load(corpora, roots, task, coding, frames, corrections)
    check_unseen(recognizer.begun_from(), {clip.corpus for clip in clips}, "the weights that it begins from")
    scored = find_scores(scores, recognizer, clips) if scores else None
    recipe = recognizer.recipe
    with storage.kept(cache, cluster) as store, output.progress_bars() as progress:
        clips = prepare_clips(
            clips,
            recipe,
            store,
            **engine,
            progress=progress,
            strict=strict,
        )
        if scored:
            scored.check_clips(clips)
        about = {"scores": scored.to_dict()} if scored else {}
        card = train_model(
            recognizer, clips, store, out, seed=seed, device=where, progress=progress, task=task, about=about
        )
    tracking.finish(tracker, out)
    content = {
        "model": out,
        "card": card,
        "method": method,
        "classes": clips.classes,
        "clips": len(clips),
        "scores": about.get("scores"),
        "skipped": clips.skipped,
    }
    if as_json:
        output.document(content)
        return
    show_skipped(clips.skipped)
    output.say(f"{method}, trained on {len(clips)} clips of {len(clips.subjects)} subjects, is in {out}")
    output.say(f"What it is, and what it is not for: {card}{'' if scored else ' (not evaluated: see --scores)'}")
    output.say(f"Next: dstan predict VIDEO --model {out}", "dim")


def check_target(folder: Path) -> None:
    """Refuse a folder that holds something other than a model.

    Raises
    ------
    ModelError
        If it is a file, or a folder with content that is no model.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not (folder / "model.json").is_file()):
        raise ModelError("there is something else here, which is left alone", where=folder, hint="Choose another --out")


def train_model(
    recognizer: Recognizer,
    clips: ClipSet,
    cache: Cache,
    out: Path,
    *,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress = silent,
    task: str | None = None,
    about: Mapping[str, Any] | None = None,
) -> Path:
    """Fit a recogniser on all clips, write its model folder, and return its card."""
    from dstan._engine import keep_memory
    from dstan.preprocessing.cache import load_prepared
    from dstan.recognizers import save_model
    from dstan.reports.card import describe_data, write_card
    from dstan.tasks import find_task

    if not len(clips):
        raise CorpusError("there is not one clip to train on", where=out)
    keep_memory()
    prepared = load_prepared(clips, recognizer.recipe, cache)
    counter, expected = itertools.count(1), recognizer.epochs

    def on_epoch(stream: str, record: EpochRecord) -> None:  # numpydoc ignore=GL08
        done = next(counter)  # more than expected where a training was begun again
        progress("train", done, max(done, expected), f"{stream}, loss {record.loss:.3f}")

    recognizer.fit(prepared, classes=clips.classes, seed=seed, device=device, on_epoch=on_epoch)
    warn_of_restarts(recognizer)
    name = task or clips.task
    data = describe_data(clips, find_task(name) if name else None)
    save_model(recognizer, out, {"data": data, **(about or {})})
    return write_card(recognizer, out)


def warn_of_restarts(recognizer: Recognizer) -> None:
    """Tell which trainings of a fit diverged and were begun again."""
    for stream, found in recognizer.dynamics_.items():
        if (again := found["restart"]) is not None:
            output.warn(f"{stream}: {again['reason']}; begun again with a learning rate of {again['retried_with']:g}")


@app.command(rich_help_panel=PANEL)
def info(
    model: Annotated[
        Path | None,
        typer.Argument(
            metavar="[MODEL]",
            help="A folder that dstan train or pretrain wrote [default: the model that comes along].",
            show_default=False,
        ),
    ] = None,
    settings: Annotated[
        bool, typer.Option("--settings", help="Print its settings instead, as TOML that --config reads.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Show the card of a model: what it is, its data, classes and scores, what it is not for, and the law.

    In a terminal it is set in type; elsewhere it is the Markdown of card.md.

    Example: `dstan info model`

    Its settings, to use them again: `dstan info model --settings > same.toml`
    """
    from dstan.inference.shipped import SHIPPED
    from dstan.recognizers import describe_model, load_model
    from dstan.recognizers.model_files import CARD
    from dstan.reports.card import body_of, card_text

    folder = model or SHIPPED
    recognizer, written = load_model(folder), describe_model(folder)
    if as_json:
        output.document(_about(folder, recognizer, written))
        return
    if settings:
        output.say(recognizer.settings.to_toml().rstrip())
        return
    if not (folder / CARD).is_file():
        output.note(f"no {CARD} was written beside the model; this is what its model.json knows")
    text = card_text(recognizer, written)
    output.markdown(body_of(text), otherwise=text)


def _about(folder: Path, recognizer: Recognizer, written: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of a model, for machines."""
    from dstan.recognizers.model_files import CARD

    card, about = folder / CARD, written.get("about", {})
    return {
        "model": folder,
        "card": card if card.is_file() else None,
        "method": recognizer.name,
        "description": recognizer.description,
        "reference": recognizer.reference,
        "fidelity": recognizer.fidelity,
        "weights": recognizer.weights,
        "parameters": recognizer.parameters,
        "classes": recognizer.classes_,
        "trained": recognizer.trained_,
        "data": about.get("data"),
        "scores": about.get("scores"),
        "choice": recognizer.choice_,
        "created": written["created"],
        "made_by": written["made_by"],
        "settings": recognizer.settings.to_dict(),
    }
