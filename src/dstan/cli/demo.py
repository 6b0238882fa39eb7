"""The first command of a newcomer: everything once, small, on synthetic faces."""

from __future__ import annotations

import itertools
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dstan._progress import Progress
from dstan.cli import evaluation, models, options, output
from dstan.cli.corpus import show_check
from dstan.cli.prediction import show_prediction
from dstan.errors import CorpusError

if TYPE_CHECKING:
    from dstan.clips import Clip, ClipSet
    from dstan.evaluation import Result
    from dstan.inference import Prediction
    from dstan.preprocessing.cache import Cache
    from dstan.recognizers import Recognizer

app = typer.Typer()
CORPUS = "casme2"
METHODS = ("dstan", "stan-a", "stmn-a", "majority")
SUBJECTS, CLIPS, WIDTH, HEIGHT = 8, 48, 320, 240
ASSIGNMENTS = ("recipe.size=64", "recipe.steps=6", "training.batch_size=8", "training.epochs=15")
STEPS = 7


@dataclass
class Story:
    """Tells what the demo does, step by step, with the command that does the same; silent under ``--json``."""

    quiet: bool
    told: int = 0

    @contextmanager
    def step(self, title: str, *command: object) -> Iterator[Progress]:
        """Announce a step, draw its progress, and say how long it took."""
        self.told += 1
        self.say(f"{self.told}/{STEPS}  {title}", "bold")
        self.say(f"     $ dstan {shlex.join(map(str, command))}", "cyan")
        started = time.perf_counter()
        with output.progress_bars() as progress:
            yield progress
        self.say(f"     done in {time.perf_counter() - started:.0f} s", "dim")

    def say(self, text: str = "", style: str = "") -> None:
        """Print a line."""
        if not self.quiet:
            output.say(text, style)


@app.command(rich_help_panel="Start here")
def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where everything goes.")] = Path("dstan-demo"),
    workers: options.Workers = None,
    as_json: options.Json = False,
) -> None:
    """Do everything once, small, on synthetic faces: corpus, scores, report, model, prediction.

    Takes a few minutes and no data. Interrupted, the same command goes on.

    Example: `dstan demo`
    """
    from dstan.preprocessing.cache import Cache

    started = time.perf_counter()
    story, cache = Story(quiet=as_json), Cache(out / "cache")
    clips = _corpus(story, out / "twin", workers)
    clips = _prepared(story, out, clips, cache, workers)
    results = _scores(story, out, clips, cache, workers)
    page = _report(story, out / "run")
    _model(story, out, clips, cache)
    prediction, truth = _prediction(story, out, workers)
    seconds = time.perf_counter() - started
    if as_json:
        places = {"folder": out, "run": out / "run", "report": page, "model": out / "model"}
        scores = {name: result.to_dict() for name, result in results.items()}
        output.document({**places, "seconds": seconds, "results": scores, "prediction": prediction, "truth": truth})
        return
    _epilogue(out, page, results, prediction, truth, seconds)


def _corpus(story: Story, twin: Path, workers: int | None) -> ClipSet:
    from dstan.corpora import check_corpus, load_corpus
    from dstan.synthesis import synthesize

    size = f"{WIDTH}x{HEIGHT}"
    command = ("synth", CORPUS, "--out", twin, "--subjects", SUBJECTS, "--clips", CLIPS, "--size", size)
    with story.step(f"Draw {SUBJECTS} people in {CLIPS} clips, laid out on disk like CASME II", *command) as progress:
        synthesize(
            CORPUS, twin, subjects=SUBJECTS, clips=CLIPS, size=(WIDTH, HEIGHT), workers=workers, progress=progress
        )
    with story.step("Check the copy: nothing missing, nothing damaged", "check", CORPUS, "--root", twin) as progress:
        report = check_corpus(CORPUS, twin, progress=progress)
    if not report.ok:
        show_check(CORPUS, report)
        raise CorpusError(
            "the demo's corpus is damaged", where=twin, hint="Delete this folder and run dstan demo again"
        )
    return load_corpus(CORPUS, twin)


def _prepared(story: Story, out: Path, clips: ClipSet, cache: Cache, workers: int | None) -> ClipSet:
    from dstan.preprocessing.cache import prepare_clips

    title = "Find, align and crop the faces, compute optical flow"
    with story.step(title, "prepare", CORPUS, *_common(out)) as progress:
        return prepare_clips(clips, _recognizers("dstan")[0].recipe, cache, workers=workers, progress=progress)


def _scores(story: Story, out: Path, clips: ClipSet, cache: Cache, workers: int | None) -> dict[str, Result]:
    from dstan.evaluation import evaluate
    from dstan.reports.looks import save_looks

    title = "Leave each person out once: train on the others, test on that one"
    command = ("evaluate", *METHODS, "--corpus", CORPUS, *_common(out), "--out", out / "run", "--with-faces")
    with story.step(title, *command) as progress:
        made = _recognizers(*METHODS)
        results = evaluate(made, clips, out=out / "run", workers=workers, cache=cache, progress=progress)
        save_looks(out / "run", clips, made[0].recipe, cache, with_faces=True)
    return results


def _recognizers(*methods: str) -> list[Recognizer]:
    return options.recognizers(methods, options.settings(None, ASSIGNMENTS))


def _common(out: Path) -> tuple[object, ...]:
    settings = itertools.chain.from_iterable(("--set", assignment) for assignment in ASSIGNMENTS)
    return ("--root", out / "twin", "--cache", out / "cache", *settings)


def _report(story: Story, run: Path) -> Path:
    from dstan.reports import write_report

    with story.step("Write the report", "report", run):
        return write_report(run)


def _model(story: Story, out: Path, clips: ClipSet, cache: Cache) -> None:
    model = out / "model"
    command = ("train", "dstan", "--corpus", CORPUS, *_common(out), "--out", model)
    with story.step("Train one model on everybody", *command) as progress:
        models.check_target(model)
        if not (model / "model.json").is_file():
            models.train_model(_recognizers("dstan")[0], clips, cache, model, progress=progress)


def _prediction(story: Story, out: Path, workers: int | None) -> tuple[Prediction, str | None]:
    """Ask about a new person; return the answer, and the class that the video was drawn as."""
    from dstan.inference import load_model

    video, model = out / "unseen.mp4", out / "model"
    with story.step("Film a person whom the model never saw, and ask it", "predict", video, "--model", model):
        clip = _unseen_clip(out, workers)
        if not video.exists():
            _film(clip, video)
        return load_model(model).predict_video(video), clip.label


def _unseen_clip(out: Path, workers: int | None) -> Clip:
    from dstan.corpora import load_corpus
    from dstan.synthesis import synthesize

    other = synthesize(CORPUS, out / "unseen", subjects=1, clips=5, size=(WIDTH, HEIGHT), seed=1, workers=workers)
    return load_corpus(CORPUS, other)[0]


def _film(clip: Clip, video: Path) -> None:
    from dstan.video import read_clip, write_video

    write_video(video, (frame.pixels for frame in read_clip(clip, colour=True)), clip.fps or 200.0)


def _epilogue(
    out: Path, page: Path, results: dict[str, Result], prediction: Prediction, truth: str | None, seconds: float
) -> None:
    output.say()
    evaluation.show_results(results, _recognizers(*METHODS))
    output.say()
    show_prediction(prediction)
    output.say(f"  drawn as: {truth}")
    output.say()
    output.say(
        f"All of it took {seconds / 60:.1f} minutes. Synthetic faces, {CLIPS} clips and a short training show "
        "that everything works; the scores say nothing about real people."
    )
    output.say()
    for what, where in (
        ("the report, open it in a browser", page),
        ("predictions and scores, clip by clip", out / "run"),
        ("the model", out / "model"),
        ("the corpus", out / "twin"),
    ):
        output.say(f"  {what:<38}{where}")
    output.say()
    output.say("What to type next", "bold")
    for command, meaning in (
        (f"dstan predict YOUR-VIDEO --model {out / 'model'}", "a face of your own"),
        ("dstan corpora", "real corpora: what is supported, how to get it"),
        ("dstan evaluate dstan majority --corpus casme2 --root DIR", "honest scores on your copy"),
        ("dstan evaluate dstan majority --corpus folder --root DIR", "or on your own data: DIR/clips.csv"),
        ("dstan config dstan", "every setting, explained"),
    ):
        output.say(f"  {command:<62}{meaning}")
