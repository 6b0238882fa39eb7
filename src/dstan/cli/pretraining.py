"""The command that teaches networks drawn motion: pretrain."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dstan.cli import options, output, tracking
from dstan.cli.models import check_target, warn_of_restarts
from dstan.errors import ConfigError

if TYPE_CHECKING:
    from dstan.training import EpochRecord

app = typer.Typer()
PANEL = "Models"
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="One setting, as teacher.epochs=30 or recipe.size=56; may be repeated."
    ),
]


@app.command(rich_help_panel=PANEL)
def pretrain(
    method: Annotated[str, typer.Argument(metavar="METHOD", help="dstan, stmn-a, stan-a, ststnet, sssnet ...")],
    out: Annotated[Path, typer.Option("--out", metavar="WEIGHTS", help="The folder to write.", show_default=False)],
    task: options.Task = None,
    seed: options.Seed = 0,
    config: options.Config = None,
    assignments: Set = None,
    device: options.Device = "auto",
    track: options.Track = None,
    as_json: options.Json = False,
) -> None:
    """Teach a method facial motion that is drawn from action units: no corpus, no licence, no picture of anyone.

    What is written is a model. `dstan evaluate --zero-shot WEIGHTS` judges it as it is; `--init WEIGHTS` of evaluate
    and train begins from it, inside each fold. Settings of the teacher are in the group teacher (docs/pretraining.md);
    the others are the method's. Crops are 64 x 64 and flow is one field from onset to apex unless told otherwise.

    Example: `dstan pretrain stmn-a --task megc2019-3 --out taught`

    Longer, for whole sequences: `dstan pretrain stmn-a --task casme2-5 --set teacher.epochs=30 --set
    recipe.pairs=onset --out taught`
    """
    from dstan.recognizers import save_model
    from dstan.recognizers.pretraining import pupil, teach
    from dstan.reports.card import write_card
    from dstan.tasks import find_task

    if task is None:
        raise ConfigError(
            "a teacher needs classes to tell apart", hint="Add --task megc2019-3, or another: dstan tasks"
        )
    recognizer, settings = pupil(method, options.settings(config, assignments))
    check_target(out)
    where, chosen = options.device(device), find_task(task)
    tracker = tracking.begin(track)
    epochs = settings.epochs * len(recognizer.components() or (recognizer,))
    counter = itertools.count(1)
    with output.progress_bars() as progress:

        def on_epoch(stream: str, record: EpochRecord) -> None:  # numpydoc ignore=GL08
            done = next(counter)
            progress("teach", done, max(done, epochs), f"{stream}, loss {record.loss:.3f}")

        try:
            taught = teach(recognizer, chosen, settings, seed=seed, device=where, on_epoch=on_epoch)
        except KeyboardInterrupt as error:
            output.warn("stopped; nothing was written, and the same command begins anew")
            raise typer.Exit(130) from error
    warn_of_restarts(taught)
    save_model(taught, out)
    card = write_card(taught, out)
    tracking.finish(tracker, out)
    if as_json:
        output.document({"weights": out, "method": method, "trained": taught.trained_, "card": card})
        return
    found = taught.trained_["checked"]
    output.say(f"{method}, taught {taught.trained_['clips']:,} drawn clips, is in {out}")
    output.say(
        f"Of {settings.checked} other drawn clips: UF1 {found['uf1']:.3f}, UAR {found['uar']:.3f}, "
        f"action units {found['units_f1']:.3f} (F1). That says how well it learned the drawing, not real faces."
    )
    output.say(f"What it is and how it was made: {card}")
    data = f"--task {task} --corpus CORPUS --root DIR"
    output.say(f"Next: dstan evaluate --zero-shot {out} {data} --out runs/zero-shot", "dim")
    output.say(f"  or: dstan evaluate {method} --init {out} {data} --out runs/begun", "dim")
