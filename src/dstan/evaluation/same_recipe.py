"""The scores of a run for the card of a model: only where the model is trained as the run's folds were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from dstan._foreign import read_json
from dstan.clips import ClipSet, Key
from dstan.errors import RunError
from dstan.evaluation.continuing import TUNED, differences
from dstan.evaluation.inputs import INPUTS
from dstan.evaluation.protocols import ZERO_SHOT
from dstan.evaluation.results import METRICS, Result, load_run, read_info
from dstan.evaluation.standing import Standing
from dstan.recognizers import Recognizer
from dstan.recognizers.origins import drawn_clips

_SAME = ("label", "onset", "apex", "offset", "fps", "cropped")
"""What must agree of a clip, besides the names of its frames."""
_ELSE = "or leave --scores out: the card then says that the model is not evaluated"


@dataclass(frozen=True, eq=False)
class ScoredRecipe:
    """A finished run of a method with the settings, the task and the corpora that a model is to be trained with.

    Parameters
    ----------
    folder
        The run's.
    info
        Its ``run.json``.
    result
        What the method scored.
    """

    folder: Path
    info: Mapping[str, Any]
    result: Result

    def check_clips(self, clips: ClipSet) -> None:
        """See that a model is trained on the clips that the run evaluated: the same labels, frames and annotation.

        Where they lie may differ.

        Parameters
        ----------
        clips
            Those that could be prepared.

        Raises
        ------
        RunError
            Naming the first clip that differs.
        """
        there, here = _clips(self.folder), {clip.key: _known(vars(clip)) for clip in clips}
        for key in {**there, **here}:
            name = "/".join(key)
            if key not in there or key not in here:
                _refuse(
                    self.folder, f"the clip {name}", *("used" if key in one else "left out" for one in (there, here))
                )
            for what, old, new in differences("", there[key], here[key]):
                _refuse(self.folder, f"{what.strip('.')} of the clip {name}", _shown(old), _shown(new))

    def to_dict(self) -> dict[str, Any]:
        """Return what ``model.json`` keeps: the figures of ``metrics.json``, and of which run they are."""
        about = {name: self.info[name] for name in ("created", "dstan", "protocol", "seeds", "device", "synthetic")}
        some = {name: self.info[name] for name in ("test_corpora",) if name in self.info}
        standing = Standing.read(self.info, self.result.method).to_dict()
        return {"run": {"name": self.folder.resolve().name, **about, **some, **standing}, **self.result.to_dict()}


def find_scores(run: Path, recognizer: Recognizer, clips: ClipSet) -> ScoredRecipe:
    """Return a run's scores of a method, after a look at whether a model is to be trained in the same way.

    Nothing need be prepared for it; :meth:`ScoredRecipe.check_clips` looks at what was.

    Parameters
    ----------
    run
        What ``dstan evaluate`` wrote.
    recognizer
        What is to be trained, unfitted.
    clips
        What it is to be trained on, as they were loaded.

    Raises
    ------
    RunError
        If it is not a run or is not finished, has no such method, or differs: the message names the first difference.
    """
    info = read_info(run)
    about = _about(run, info, recognizer.name)
    _check_kind(run, info, about)
    _check_settings(run, recognizer, about)
    _check_data(run, info, clips)
    if not (run / recognizer.name / METRICS).is_file():
        _unfinished(run, recognizer.name, "its scores are missing")
    result = load_run(run).results[recognizer.name]
    _check_folds(run, info, result)
    return ScoredRecipe(run, info, result)


def _about(run: Path, info: Mapping[str, Any], method: str) -> Mapping[str, Any]:
    """Return what the run says of a method, also of a stream that another method brought along."""
    known = {**info.get("components", {}), **info.get("methods", {})}
    if method not in known:
        raise RunError(
            f"it has no scores of {method}, only of {', '.join(known) or 'nothing'}",
            where=run,
            hint=f"Add it to the run: dstan evaluate {method} ... --out {run}, {_ELSE}",
        )
    return dict(known[method])


def _check_kind(run: Path, info: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """Refuse runs whose folds are not models of one recipe that learned from everybody else."""
    if info["protocol"] == ZERO_SHOT:
        _refuse(run, "the protocol", "zero-shot, a model applied as it is", "a training")
    if any(name in about for name in TUNED):
        _refuse(run, "how settings come about", "chosen anew in every fold (dstan tune)", "given")
    if few := info.get("train_subjects"):
        _refuse(run, "--train-subjects", str(few), "all of them")


def _check_settings(run: Path, recognizer: Recognizer, about: Mapping[str, Any]) -> None:
    there, here = _without_path(about["settings"]), _without_path(recognizer.settings.to_dict())
    for path, old, new in differences("settings", there, here):
        name = path.removeprefix("settings.")
        _refuse(run, name, *(_shown(_declared(recognizer, name) if one is None else one) for one in (old, new)))
    files = about.get("files", {}), recognizer.given()
    if sorted(files[0].values()) != sorted(files[1].values()):
        _refuse(run, "the weights that it begins from", *(_files(one) for one in files))


def _declared(recognizer: Recognizer, name: str) -> object:
    """Return a setting as it is declared, which is what it is where a run does not name it."""
    try:
        return type(recognizer.settings)().value(name)
    except AttributeError:
        return None


def _without_path(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings without where the weights lie: what is in them is told by their digest."""
    init = {name: value for name, value in settings.get("init", {}).items() if name != "weights"}
    begins = bool(settings.get("init", {}).get("weights"))
    return {**{name: value for name, value in settings.items() if name != "init"}, **({"init": init} if begins else {})}


def _check_data(run: Path, info: Mapping[str, Any], clips: ClipSet) -> None:
    here = {
        "corpus": ", ".join(sorted({clip.corpus for clip in clips})),
        "task": clips.task,
        "classes": list(clips.classes),
        "synthetic": any(drawn_clips(clips)),
    }
    for name, value in here.items():
        if info.get(name) != value:
            _refuse(run, name, _shown(info.get(name)), _shown(value))
    there, notes = info.get("notes", []), list(clips.notes)
    if there != notes:
        only = [one for one in there if one not in notes], [one for one in notes if one not in there]
        _refuse(
            run,
            "how the corpus was read (--frames, --coding, --corrections, the copy)",
            *("; ".join(one) or "nothing more" for one in only),
        )


def _check_folds(run: Path, info: Mapping[str, Any], result: Result) -> None:
    """See that every clip to be tested was predicted with every seed, by folds that are there."""
    rows = result.predictions
    folds = {(str(fold["fold"]), int(fold["seed"])) for fold in result.folds}
    for fold, seed in set(zip(rows["fold"], rows["seed"], strict=True)) - folds:
        _unfinished(run, result.method, f"fold {fold} with seed {seed} is missing")
    tested = info.get("test_corpora")
    expected = {key for key in _clips(run) if not tested or key[0] in tested}
    for seed in info["seeds"]:
        own = rows[rows["seed"] == seed]
        missing = expected.difference(zip(own["corpus"], own["subject"], own["clip_id"], strict=True))
        if missing:
            _unfinished(run, result.method, f"{'/'.join(min(missing))} was not predicted with seed {seed}")


def _clips(run: Path) -> dict[Key, dict[str, Any]]:
    """Return what is known of each clip that a run evaluated or learned from."""
    try:
        listed = read_json(run / INPUTS)["clips"]
        return {(one["corpus"], one["subject"], one["clip_id"]): _known(one) for one in listed}
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise RunError(
            f"{INPUTS}, which lists its clips, cannot be read: {error}", where=run, hint="Evaluate into another folder"
        ) from error


def _refuse(run: Path, what: str, there: str, here: str) -> NoReturn:
    raise RunError(
        f"its scores are not of this model: {what} is {there} in the run, and {here} here",
        where=run,
        hint=f"Train as the run did, evaluate as you train, {_ELSE}",
    )


def _unfinished(run: Path, method: str, why: str) -> NoReturn:
    raise RunError(
        f"the run is not finished: {why} ({method})",
        where=run,
        hint=f"Run the same dstan evaluate again, finished folds are kept, {_ELSE}",
    )


def _known(clip: Mapping[str, Any]) -> dict[str, Any]:
    """Return what makes a clip the same wherever it lies."""
    return {**{name: clip[name] for name in _SAME}, "frames": list(clip["files"])}


def _shown(value: object) -> str:
    if value is None or value == "":
        return "not set"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) if len(value) <= 12 else f"{value[0]} to {value[-1]} ({len(value)})"
    return str(value)


def _files(files: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({digest[:12]})" for name, digest in files.items()) or "none"
