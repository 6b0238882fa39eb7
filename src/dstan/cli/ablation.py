"""The command that changes one silent choice of the paper at a time: ablate."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dstan.cli import options, output, storage, tracking

if TYPE_CHECKING:
    from dstan.clips import ClipSet
    from dstan.reproduce.ablation_results import Findings
    from dstan.reproduce.ablations import Variant

app = typer.Typer()


@app.command(rich_help_panel="Evaluation")
def ablate(
    corpora: options.Corpora = None,
    roots: options.Roots = None,
    task: options.Task = None,
    protocol: Annotated[
        str, typer.Option(metavar="PROTOCOL", help="Who is held out together, as for dstan evaluate.")
    ] = "loso",
    seeds: options.Seeds = 3,
    only: Annotated[
        str,
        typer.Option(
            metavar="NAME,...",
            help="Some of: pairs, strain, width, lstm, standardise, mirror, shift, amplitude, epochs.",
        ),
    ] = "",
    motion_only: Annotated[
        bool,
        typer.Option("--motion-only", help="Measure what concerns all networks on the motion stream alone: quicker."),
    ] = False,
    subjects: Annotated[
        int | None, typer.Option(metavar="N", min=2, help="Only the first N people, for a quicker look.")
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="The folder of all the runs and of the page.")
    ] = Path("runs/ablations"),
    page: Annotated[
        Path | None,
        typer.Option("--page", metavar="FILE.md", help="Write the page here, too; its plot goes to images/ beside it."),
    ] = None,
    coding: options.Codings = None,
    frames: options.Frames = None,
    corrections: options.Corrections = True,
    config: options.Config = None,
    assignments: options.Set = None,
    cache: options.CacheRoot = None,
    workers: options.Workers = None,
    cluster: options.Cluster = None,
    task_limit: options.TaskLimit = None,
    device: options.Device = "auto",
    track: options.Track = None,
    strict: options.Strict = False,
    as_json: options.Json = False,
) -> None:
    """Change one silent choice of the paper at a time and see what it does to people never seen.

    The base is run first, then the quick changes, then the slow ones; the page is written anew after each. Stopped at
    any moment, the same command goes on.

    Example: `dstan ablate --corpus casme2 --root twin --protocol kfold-subject --config configs/quick.toml`

    Two questions only: `dstan ablate --only pairs,strain --corpus casme2 --root twin --out runs/flow`
    """
    from dstan.recognizers import DSTANSettings
    from dstan.reproduce.ablation_page import Setup, write_pages
    from dstan.reproduce.ablation_results import find
    from dstan.reproduce.ablation_words import sentences
    from dstan.reproduce.ablations import ablate as run_ablation
    from dstan.reproduce.ablations import plan

    settings = DSTANSettings().replaced(options.settings(config, assignments))
    names = [name.strip() for name in only.split(",") if name.strip()]
    plan(settings, names, motion_only=motion_only)  # what is wrong with the question is said before the corpus is read
    engine = options.engine(workers, cluster, task_limit)
    where = options.device(device, cluster)
    tracker = tracking.begin(track)
    every = options.load(corpora, roots, task, coding, frames, corrections)
    clips = _first_people(every, subjects)
    asked = [("protocol", protocol), ("seeds", seeds), ("task", task), ("only", only), ("subjects", subjects)]
    asked += [("frames", frames), ("config", config), *(("set", text) for text in assignments or ())]
    flags = {"--motion-only": motion_only, "--no-corrections": not corrections}
    setup = Setup(_command(corpora, roots, coding, flags, asked), len({clip.person for clip in every}))
    files: dict[str, Path] = {}
    with storage.kept(cache, cluster) as store, output.progress_bars() as progress:
        ablation = run_ablation(
            clips,
            settings,
            out,
            only=names,
            motion_only=motion_only,
            seeds=seeds,
            progress=progress,
            on_run=lambda done: files.update(write_pages(done, setup, out, page)),
            protocol=protocol,
            **engine,
            cache=store,
            device=where,
            strict=strict,
        )
    findings = find(ablation)
    tracking.finish(tracker, out)
    if as_json:
        rows = [one.to_dict() for one in findings.comparisons]
        about = {"synthetic": ablation.info["synthetic"], "words": sentences(findings, ablation.missing)}
        output.document({"out": out, "files": files, **about, "base": findings.base, "comparisons": rows})
        return
    if ablation.info["synthetic"]:
        output.say("SYNTHETIC: these faces are drawn by a computer.", "bold yellow")
    _show(findings, ablation.missing)
    output.say(f"The page is in {files['page']}")


def _command(
    corpora: Sequence[str] | None,
    roots: Sequence[str] | None,
    coding: Sequence[str] | None,
    flags: Mapping[str, bool],
    asked: Sequence[tuple[str, object]],
) -> str:
    """Write down what decides the numbers: all options but those that say where and how fast."""
    given = [("corpus", name) for name in corpora or ()] + [("root", root) for root in roots or ()]
    given += [("coding", text) for text in coding or ()]
    every = [(name, str(value)) for name, value in (*given, *asked) if value not in (None, "")]
    words = [word for name, value in every for word in (f"--{name}", value)]
    return shlex.join(["dstan", "ablate", *words, *(flag for flag, given in flags.items() if given)])


def _first_people(clips: ClipSet, number: int | None) -> ClipSet:
    people = list(dict.fromkeys(clip.person for clip in clips))
    kept = set(people[:number])
    return replace(clips, clips=tuple(clip for clip in clips if clip.person in kept))


def _show(findings: Findings, missing: Sequence[Variant]) -> None:
    from dstan.reproduce.ablation_words import ends, sentences

    rows = [
        (
            one.variant.name,
            one.scores.method,
            f"{one.scores.uf1.value:.3f}",
            f"{one.scores.accuracy.value:.3f}",
            ends(one.together),
            one.verdict,
        )
        for one in findings.comparisons
    ]
    right = ("UF1", "accuracy", "difference in UF1")
    output.table(("change", "method", "UF1", "accuracy", "difference in UF1", ""), rows, numbers=right)
    base = ", ".join(f"{one.method} {one.uf1.value:.3f}" for one in findings.base.values())
    output.say(f"UF1 of the base: {base}.")
    for sentence in sentences(findings, missing):
        output.say(sentence)
    output.say(f"In brackets: intervals over subjects that hold for all {len(rows)} rows at once in 95 %.", "dim")
