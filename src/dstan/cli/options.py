"""The options that several commands share, and what they turn into."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dstan.cli import output
from dstan.config import parse_assignment, read_toml
from dstan.errors import ConfigError

if TYPE_CHECKING:
    from dstan.clips import ClipSet
    from dstan.recognizers import Recognizer

CorpusName = Annotated[str, typer.Argument(metavar="CORPUS", help="One of: dstan corpora.")]
Corpora = Annotated[
    list[str] | None,
    typer.Option("--corpus", metavar="CORPUS", help="One of: dstan corpora; may be repeated.", show_default=False),
]
Root = Annotated[
    Path | None,
    typer.Option("--root", metavar="DIR", help="Where the corpus lies [default: as your settings say]."),
]
Roots = Annotated[
    list[str] | None,
    typer.Option(
        "--root",
        metavar="[CORPUS=]DIR",
        help="Where a corpus lies; may be repeated [default: as your settings say].",
        show_default=False,
    ),
]
Task = Annotated[
    str | None,
    typer.Option(
        "--task", metavar="TASK", help="Which emotions make which classes: dstan tasks, or a TOML file of your own."
    ),
]
Coding = Annotated[
    str | None,
    typer.Option("--coding", metavar="TEXT", help="Part of the name of the coding table, where there are several."),
]
Codings = Annotated[
    list[str] | None,
    typer.Option(
        "--coding",
        metavar="[CORPUS=]TEXT",
        help="Part of the name of the coding table, where there are several.",
        show_default=False,
    ),
]
Corrections = Annotated[
    bool,
    typer.Option("--corrections/--no-corrections", help="Correct the known errors of coding tables."),
]
Frames = Annotated[
    str | None, typer.Option("--frames", metavar="raw|cropped", help="Which frames [default: raw, where both are].")
]
Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE.toml", help="Settings over the method's own (dstan config).")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="One setting, as training.epochs=2; may be repeated."),
]
CacheRoot = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        metavar="DIR|none",
        envvar="DSTAN_CACHE",
        help="Prepared faces are kept here, for later commands [default: ~/.cache/dstan]; none: gone after this one.",
        show_default=False,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", metavar="N", min=0, help="Processes; 0 works in this one [default: one per core]."),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="ADDRESS",
        envvar="DSTAN_CLUSTER",
        help="A running Dask cluster, as tls://HOST:8786, or the file that its scheduler wrote: docs/scaling.md.",
    ),
]
TaskLimit = Annotated[
    float | None,
    typer.Option(
        "--task-limit",
        metavar="MINUTES",
        min=0.01,
        help="What takes longer is stopped, tried once more and then named; not with --workers 0 [default: 60 for a "
        "clip, none for a fold].",
        show_default=False,
    ),
]
Device = Annotated[str, typer.Option("--device", metavar="auto|cpu|cuda[:N]", help="Where networks run.")]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first clip that cannot be used.")]
Seeds = Annotated[int, typer.Option(metavar="N", min=1, help="Repeat with the seeds 0 to N-1.")]
Test = Annotated[
    list[str] | None,
    typer.Option("--test", metavar="CORPUS", help="For hde: test on this one only; may be repeated."),
]
MethodTrack = Annotated[
    str,
    typer.Option(
        "--method-track",
        metavar="common|paper|both",
        help="The compared methods on equal terms, with the input and parameters published for each, or both.",
    ),
]
Track = Annotated[
    str | None,
    typer.Option(
        "--track",
        metavar="mlflow",
        help="Log what was found to MLflow: a file in this folder, or the server that MLFLOW_TRACKING_URI names.",
        show_default=False,
    ),
]
Init = Annotated[
    Path | None,
    typer.Option(
        "--init",
        metavar="WEIGHTS",
        help="Begin from this fitted model (dstan pretrain) and fine-tune; --set init.NAME=VALUE says how.",
    ),
]
Model = Annotated[
    Path | None,
    typer.Option(
        "--model",
        metavar="MODEL",
        help="A folder that dstan train or pretrain wrote [default: the model that comes along, which has seen "
        "synthetic data only].",
        show_default=False,
    ),
]
MinConfidence = Annotated[
    float | None,
    typer.Option(
        "--min-confidence",
        metavar="P",
        min=0,
        max=1,
        help="Name no class, but say undecided, where even the likeliest has a lower probability, 0 to 1. How far "
        "probabilities can be trusted: docs/evaluation.md.",
        show_default=False,
    ),
]
WithFaces = Annotated[
    bool,
    typer.Option(
        "--with-faces",
        help="Let the report show frames of the corpus: faces of people. Without, it shows how they move.",
    ),
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", min=0, help="The seed of everything random.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


def load(
    corpora: Sequence[str] | None,
    roots: Sequence[str] | None,
    task: str | None,
    codings: Sequence[str] | None,
    frames: str | None,
    corrections: bool,
) -> ClipSet:
    """Load what ``--corpus``, ``--root``, ``--task`` and ``--coding`` name, as one set, and print what is to be noted.

    Raises
    ------
    ConfigError
        If a root or a coding table could belong to several corpora, or belongs to none that is named.
    DstanError
        As :func:`dstan.corpora.load_corpora`.
    """
    from dstan.corpora import load_corpora
    from dstan.tasks import find_task

    own, shared = _by_corpus(roots)
    names = list(corpora or ()) or list(find_task(task).together if task else ()) or list(own)
    places = {name: Path(root) for name, root in _assign("--root", names, own, shared).items()}
    coding = _assign("--coding", names, *_by_corpus(codings))
    clips = load_corpora({name: places.get(name) for name in names}, task, coding, frames, corrections)
    for text in clips.notes:
        output.note(text)
    return clips


def _by_corpus(texts: Sequence[str] | None) -> tuple[dict[str, str], list[str]]:
    """Split CORPUS=VALUE from values that name no corpus."""
    from dstan.corpora import CORPORA

    own: dict[str, str] = {}
    shared: list[str] = []
    for text in texts or ():
        name, equals, value = text.partition("=")
        if equals and name in CORPORA:
            own[name] = value
        else:
            shared.append(text)
    return own, shared


def _assign(option: str, names: Sequence[str], own: dict[str, str], shared: Sequence[str]) -> dict[str, str]:
    for name in own:
        if name not in names:
            raise ConfigError(f"{option} {name}={own[name]}: {name} is not evaluated", hint=f"Add --corpus {name}")
    if shared and names and (len(shared) > 1 or len(names) > 1 or own):
        raise ConfigError(f"{option} {shared[0]}: of which corpus?", hint=f"Write {option} {names[0]}={shared[0]}")
    return own if not shared else dict.fromkeys(names, shared[0])


def settings(config: Path | None, assignments: Sequence[str] | None, init: Path | None = None) -> dict[str, Any]:
    """Merge ``--config``, every ``--set`` and ``--init``, the later over the earlier, as nested dictionaries.

    Raises
    ------
    ConfigError
        If the file is not TOML, or an assignment is not NAME=VALUE.
    """
    merged: dict[str, Any] = {} if config is None else read_toml(config)
    for text in assignments or ():
        merged = _merge(merged, parse_assignment(text))
    return merged if init is None else _merge(merged, {"init": {"weights": str(init)}})


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(value, Mapping) and isinstance(below, Mapping)
        merged[key] = _merge(below, value) if both else value  # type: ignore[arg-type]
    return merged


def recognizers(methods: Sequence[str], overrides: Mapping[str, Any], track: str = "common") -> list[Recognizer]:
    """Make each method once on its track; a setting counts for those that have it, and which these are is said.

    So is which of them begin from a model.

    Raises
    ------
    UnknownNameError
        If there is no such method or track.
    ConfigError
        If a setting is unknown to all of them, or out of range, or none has a paper track.
    """
    from dstan.evaluation.methods import begun_words, make_methods, on_track, settings_of_some
    from dstan.recognizers import recognizer

    make_methods(methods, {})  # a name that is not known is said first
    made = make_methods(on_track(methods, track), overrides)
    for group, names in settings_of_some(made, overrides).items():
        output.note(f"settings of [{group}] count for {', '.join(names)}; the other methods have none")
    for words in begun_words(made):
        output.note(words)
    changed = [one.name for one in made if one.track == "paper" and one.settings != recognizer(one.name).settings]
    if changed:
        output.note(f"{', '.join(changed)}: what is set here takes the place of what was published")
    return made


def engine(workers: int | None, cluster: str | None, task_limit: float | None) -> dict[str, Any]:
    """Return where tasks run, as the functions behind the commands take it, the limit in seconds.

    Parameters
    ----------
    workers, cluster
        What was typed.
    task_limit
        That of ``--task-limit``, in minutes.

    Raises
    ------
    ConfigError
        If one of them would have no effect, or no cluster can be there: before a corpus is read.
    """
    if cluster is not None and workers is not None:
        raise ConfigError(
            f"--workers {workers} are processes of this machine, --cluster {cluster} others",
            hint="Leave one of them out, and unset DSTAN_CLUSTER if the cluster comes from there",
        )
    if cluster is not None:
        from dstan._engine.clusters import address_of

        address_of(cluster)
    if task_limit is not None and workers == 0:
        raise ConfigError(
            "--task-limit has no effect with --workers 0: a process cannot stop its own task",
            hint="Leave one of them out, or take --workers 1",
        )
    return {
        "workers": workers,
        "cluster": cluster,
        "task_limit": None if task_limit is None else 60 * task_limit,
    }


def device(name: str, cluster: str | None = None) -> str:
    """Resolve ``auto`` and check that a device can be used.

    Parameters
    ----------
    name
        "auto", "cpu", "cuda" or "cuda:N".
    cluster
        Where the work is sent, if anywhere: its workers may have a GPU where this machine has none. ``auto`` then is
        the CPU.

    Raises
    ------
    ConfigError
        If the name is not a device, or there is no such GPU.
    """
    if name == "cpu":
        return name
    if name != "auto" and not re.fullmatch(r"cuda(:\d+)?", name):
        raise ConfigError(f"no device is called {name!r}", hint="Choose auto, cpu, cuda or cuda:N")
    if cluster is not None:
        return "cpu" if name == "auto" else name
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return "cuda" if count else "cpu"
    if int(name.partition(":")[2] or 0) >= count:
        raise ConfigError(f"there is no {name}: torch sees {count} CUDA devices", hint="Use --device cpu")
    return name
