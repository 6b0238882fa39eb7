"""Commands about trained models: train, info."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dstan._progress import Progress, silent
from dstan.cli import options, output
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
    cache: options.CacheRoot = None,
    workers: options.Workers = None,
    cluster: options.Cluster = None,
    device: options.Device = "auto",
    strict: options.Strict = False,
    as_json: options.Json = False,
) -> None:
    """Train one method on a whole corpus or several, for use on video of other people.

    Example: `dstan train dstan --corpus casme2 --root twin --out model`

    Begun from a model that saw drawn motion: `dstan train stmn-a --init weights --task megc2019-3 --corpus casme2
    --root twin --out model`
    """
    from dstan.preprocessing.cache import Cache, prepare_clips
    from dstan.recognizers.origins import check_unseen

    (recognizer,) = options.recognizers([method], options.settings(config, assignments, init))
    recognizer.given()  # a file that is missing is said before hours of preparation
    check_target(out)
    where = options.device(device)
    clips = options.load(corpora, roots, task, coding, frames, corrections)
    check_unseen(recognizer.begun_from(), {clip.corpus for clip in clips}, "the weights that it begins from")
    store, recipe = Cache(cache), recognizer.recipe
    with output.progress_bars() as progress:
        clips = prepare_clips(clips, recipe, store, workers=workers, cluster=cluster, progress=progress, strict=strict)
        train_model(recognizer, clips, store, out, seed=seed, device=where, progress=progress)
    content = {"model": out, "method": method, "classes": clips.classes, "clips": len(clips), "skipped": clips.skipped}
    if as_json:
        output.document(content)
        return
    show_skipped(clips.skipped)
    output.say(f"{method}, trained on {len(clips)} clips of {len(clips.subjects)} subjects, is in {out}")
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
) -> None:
    """Fit a recogniser on all clips and write its model folder."""
    from dstan._engine import keep_memory
    from dstan.preprocessing.cache import load_prepared
    from dstan.recognizers import save_model

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
    save_model(recognizer, out)


def warn_of_restarts(recognizer: Recognizer) -> None:
    """Tell which trainings of a fit diverged and were begun again."""
    for stream, found in recognizer.dynamics_.items():
        if (again := found["restart"]) is not None:
            output.warn(f"{stream}: {again['reason']}; begun again with a learning rate of {again['retried_with']:g}")


@app.command(rich_help_panel=PANEL)
def info(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A folder that dstan train or pretrain wrote.")],
    as_json: options.Json = False,
) -> None:
    """Say what a model is: its method, classes, settings and how it was trained.

    Example: `dstan info model`
    """
    from dstan.evaluation.standing import Standing
    from dstan.recognizers import describe_model, load_model

    recognizer, written = load_model(model), describe_model(model)
    content = {
        "model": model,
        "method": recognizer.name,
        "description": recognizer.description,
        "reference": recognizer.reference,
        "fidelity": recognizer.fidelity,
        "weights": recognizer.weights,
        "parameters": recognizer.parameters,
        "classes": recognizer.classes_,
        "trained": recognizer.trained_,
        "choice": recognizer.choice_,
        "created": written["created"],
        "made_by": written["made_by"],
        "settings": recognizer.settings.to_dict(),
    }
    if as_json:
        output.document(content)
        return
    made_by = ", ".join(f"{name} {version}" for name, version in written["made_by"].items())
    trained = recognizer.trained_
    output.say(f"{Standing.of(recognizer).shown}: {recognizer.description}", "bold")
    output.say(f"{recognizer.reference}; fidelity: {recognizer.fidelity}".removeprefix("; "))
    for line in _learned_from(recognizer):
        output.say(line)
    if recognizer.parameters:
        output.say(f"{recognizer.parameters:,} parameters")
    output.say(f"seed {trained['seed']} on {trained['device']}, {written['created']}, by {made_by}")
    if recognizer.choice_.get("uf1") is not None:
        chosen = {key: value for key, value in recognizer.choice_.items() if key in ("C", "gamma", "variant")}
        values = ", ".join(f"{key} {value:g}" for key, value in chosen.items() if value)
        tried = recognizer.choice_["candidates"]
        output.say(f"chosen of {tried} candidates by people held out of the training clips: {values}")
    output.say()
    output.say(recognizer.settings.to_toml().rstrip())


def _learned_from(recognizer: Recognizer) -> list[str]:
    """Say what a model learned from."""
    trained = recognizer.trained_
    if "teacher" not in trained:
        labels = ", ".join(f"{trained['labels'].get(label, 0)} {label}" for label in recognizer.classes_)
        return [f"trained on {trained['clips']} clips of {trained['subjects']} subjects: {labels}"]
    found, checked = trained["checked"], trained["teacher"]["checked"]
    return [
        f"taught {trained['clips']:,} clips of drawn motion for the task {trained['task']}; it has seen no real face",
        f"classes: {', '.join(recognizer.classes_)}",
        f"of {checked:,} other drawn clips: UF1 {found['uf1']:.3f}, UAR {found['uar']:.3f}, action units "
        f"{found['units_f1']:.3f} (F1), which says nothing about real faces",
        "settings of training, init, fusion and recognition did not count for that; card.md has the teacher's",
    ]
