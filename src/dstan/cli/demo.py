"""The first command of a newcomer: everything once, small, on synthetic faces."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dstan._progress import Progress
from dstan.cli import evaluation, models, options, output
from dstan.cli.corpus import show_check
from dstan.errors import CorpusError

if TYPE_CHECKING:
    from dstan.clips import Clip, ClipSet
    from dstan.evaluation import Result
    from dstan.inference import Prediction
    from dstan.preprocessing.cache import Cache

app = typer.Typer()
CORPUS = "casme2"
METHODS = ("dstan", "stan-a", "stmn-a", "majority")
SUBJECTS, CLIPS, WIDTH, HEIGHT = 8, 48, 320, 240
SIZE, EPOCHS = 64, 20
SETTINGS: dict[str, Any] = {"recipe": {"size": SIZE}, "training": {"epochs": EPOCHS}}
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
    results = _scores(story, out, clips, cache, workers)
    page = _report(story, out / "run")
    _model(story, out, clips, cache, workers)
    video, truth = _unseen_video(out, workers)
    prediction = _prediction(story, out / "model", video)
    seconds = time.perf_counter() - started
    if as_json:
        places = {"folder": out, "run": out / "run", "report": page, "model": out / "model", "video": video}
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


def _scores(story: Story, out: Path, clips: ClipSet, cache: Cache, workers: int | None) -> dict[str, Result]:
    from dstan.evaluation import evaluate
    from dstan.preprocessing.cache import prepare_clips

    common = _common(out)
    made = options.recognizers(list(METHODS), SETTINGS)
    with story.step("Find, align and crop the faces, compute optical flow", "prepare", CORPUS, *common) as progress:
        clips = prepare_clips(clips, made[0].recipe, cache, workers=workers, progress=progress)
    command = ("evaluate", *METHODS, "--corpus", CORPUS, *common, "--set", f"training.epochs={EPOCHS}")
    title = "Leave each person out once: train on the others, test on that one"
    with story.step(title, *command, "--out", out / "run") as progress:
        return evaluate(
            made,
            clips,
            out=out / "run",
            workers=workers,
            cache=cache,
            progress=progress,
            corpus_info=evaluation.corpus_info(CORPUS, out / "twin", clips),
        )


def _common(out: Path) -> tuple[object, ...]:
    return ("--root", out / "twin", "--cache", out / "cache", "--set", f"recipe.size={SIZE}")


def _report(story: Story, run: Path) -> Path:
    from dstan.reports import write_report

    with story.step("Write the report", "report", run):
        return write_report(run)


def _model(story: Story, out: Path, clips: ClipSet, cache: Cache, workers: int | None) -> None:
    from dstan.preprocessing.cache import prepare_clips

    model = out / "model"
    command = ("train", "dstan", "--corpus", CORPUS, *_common(out), "--set", f"training.epochs={EPOCHS}")
    with story.step("Train one model on everybody", *command, "--out", model) as progress:
        models.check_target(model)
        if (model / "model.json").is_file():
            return
        (recognizer,) = options.recognizers(["dstan"], SETTINGS)
        clips = prepare_clips(clips, recognizer.recipe, cache, workers=workers, progress=progress)
        models.train_model(recognizer, clips, cache, model, progress=progress)


def _unseen_video(out: Path, workers: int | None) -> tuple[Path, str | None]:
    """Draw a person who is not in the corpus and write one clip as an ordinary video file."""
    from dstan.corpora import load_corpus
    from dstan.synthesis import synthesize
    from dstan.video import read_clip, write_video

    other = synthesize(CORPUS, out / "unseen", subjects=1, clips=5, size=(WIDTH, HEIGHT), seed=1, workers=workers)
    clip: Clip = load_corpus(CORPUS, other)[0]
    video = out / "unseen.mp4"
    if not video.exists():
        write_video(video, (frame.pixels for frame in read_clip(clip, colour=True)), clip.fps or 200.0)
    return video, clip.label


def _prediction(story: Story, model: Path, video: Path) -> Prediction:
    from dstan.inference import load_model

    with story.step("Ask the model about a person it never saw", "predict", video, "--model", model):
        return load_model(model).predict_video(video)


def _epilogue(
    out: Path, page: Path, results: dict[str, Result], prediction: Prediction, truth: str | None, seconds: float
) -> None:
    output.say()
    evaluation.show_results(results)
    output.say()
    models.show_prediction(prediction)
    output.say(f"  drawn as: {truth}")
    output.say()
    output.say(
        f"All of it took {seconds / 60:.1f} minutes. Synthetic faces, {CLIPS} clips and {EPOCHS} epochs show that "
        "everything works; the scores say nothing about real people."
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
