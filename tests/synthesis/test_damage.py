"""Damage on purpose: every defect that a layout can have is made, and the check of its corpus names it."""

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from openpyxl import load_workbook

from dstan.corpora import check_corpus, load_corpus
from dstan.errors import ConfigError, CorpusError, UnknownNameError
from dstan.preprocessing.landmarks import truth_path
from dstan.synthesis import LAYOUTS, synthesize
from dstan.synthesis.coding import code_events
from dstan.synthesis.damage import DAMAGES, choose_damages, write_damaged

SMALL = {"subjects": 2, "clips": 4, "size": (160, 120), "seed": 1, "workers": 0}
ALL = [(corpus, name) for corpus, layout in LAYOUTS.items() for name, one in DAMAGES.items() if one.applies(layout)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give an undamaged twin of a corpus, drawn once."""
    folder = tmp_path_factory.mktemp("whole")

    @cache
    def draw(corpus: str) -> Path:
        return synthesize(corpus, folder / corpus, **SMALL)

    return draw


def damaged(twin: Path, corpus: str, names: list[str], out: Path) -> tuple[Path, list[dict[str, str]]]:
    """Do damage to a copy of a twin as the engine does it when all is drawn."""
    shutil.copytree(twin, out)
    layout, seed = LAYOUTS[corpus], SMALL["seed"]
    events = code_events(layout, layout.plan(SMALL["subjects"], SMALL["clips"], seed), seed)
    return out, write_damaged(out, layout, events, seed, choose_damages(layout, names))[1]


def said(corpus: str, root: Path, deep: bool = False) -> str:
    """Return all that a check says, or the error that stops it."""
    try:
        findings = check_corpus(corpus, root, deep=deep).findings
    except CorpusError as error:
        return str(error)
    return "\n".join(f"{finding.where}: {finding.what}" for finding in findings)


@pytest.mark.parametrize(("corpus", "name"), ALL)
def test_the_check_names_the_damage(corpus: str, name: str, whole: Callable[[str], Path], tmp_path: Path) -> None:
    root, (done,) = damaged(whole(corpus), corpus, [name], tmp_path / "twin")
    assert re.search(DAMAGES[name].says, said(corpus, root, deep=name == "cut-image"))
    assert done["name"] == name
    assert (root / done["where"]).exists() != (name in ("lost-clip", "lost-frames"))


@pytest.mark.parametrize("corpus", LAYOUTS)
def test_an_undamaged_twin_has_nothing_of_it(corpus: str, whole: Callable[[str], Path]) -> None:
    assert check_corpus(corpus, whole(corpus), deep=True).ok
    told = said(corpus, whole(corpus))
    for name in ("lost-frames", "empty-image", "cut-image", "repeated-row", "escaping-path", "other-case"):
        assert not re.search(DAMAGES[name].says, told)


@pytest.mark.parametrize("corpus", LAYOUTS)
def test_damaged_images_cost_the_copy_no_other_clip(corpus: str, whole: Callable[[str], Path], tmp_path: Path) -> None:
    root, _ = damaged(whole(corpus), corpus, ["lost-frames", "not-an-image"], tmp_path / "twin")
    assert len(load_corpus(corpus, root, task="")) == len(load_corpus(corpus, whole(corpus), task=""))
    errors = [finding for finding in check_corpus(corpus, root).findings if finding.severity == "error"]
    assert len({finding.where for finding in errors}) == 1


@pytest.mark.parametrize("name", ["other-case", "doubled-root"])
def test_the_truth_moves_with_the_folders(name: str, tmp_path: Path) -> None:
    root = synthesize("casme2", tmp_path / "twin", **SMALL, damage=[name])
    clips = load_corpus("casme2", root, task="")
    assert len({truth_path(clip) for clip in clips}) == len(clips) == 4


def test_several_damages_hit_several_clips(tmp_path: Path) -> None:
    names = ["not-an-image", "empty-image", "offset-past-end", "apex-outside"]
    root = synthesize("casme2", tmp_path / "twin", **SMALL, damage=names)
    done = json.loads((root / "truth" / "finished.json").read_text())["damage"]
    assert [item["name"] for item in done] == [name for name in DAMAGES if name in names]
    assert len({item["where"].removesuffix(".jpg").split("/img")[0] for item in done}) == 4
    told = said("casme2", root)
    assert all(re.search(DAMAGES[name].says, told) for name in names)


def test_a_damaged_twin_is_left_alone_and_only_the_same_damage_goes_on(tmp_path: Path) -> None:
    root = synthesize("casme2", tmp_path / "twin", **SMALL, damage=["lost-clip", "doubled-root"])
    before = {file: file.stat().st_mtime_ns for file in root.rglob("*.*")}
    synthesize("casme2", root, **SMALL, damage=["doubled-root", "lost-clip", "lost-clip"])
    assert {file: file.stat().st_mtime_ns for file in root.rglob("*.*")} == before
    with pytest.raises(CorpusError, match="damage"):
        synthesize("casme2", root, **SMALL, damage=["lost-clip"])


def test_an_interruption_before_the_damage_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    settings = {**SMALL, "damage": ["unknown-emotion", "text-rows", "empty-image"]}
    straight = synthesize("casme2", tmp_path / "straight", **settings)
    monkeypatch.setattr("dstan.synthesis.corpus.write_damaged", stop)
    with pytest.raises(KeyboardInterrupt):
        synthesize("casme2", tmp_path / "twin", **settings)
    monkeypatch.undo()
    root = synthesize("casme2", tmp_path / "twin", **settings)
    files = [file.relative_to(root) for file in root.rglob("*.jpg")]
    assert all((straight / file).read_bytes() == (root / file).read_bytes() for file in files)
    tables = [load_workbook(next(folder.glob("*.xlsx"))).active.values for folder in (straight, root)]
    assert list(tables[0]) == list(tables[1])


def test_mistakes_are_told_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="lost-clip"):
        synthesize("casme2", tmp_path / "x", damage=["lost-clips"])
    assert not (tmp_path / "x").exists()


def test_damage_that_a_corpus_cannot_have_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = replace(LAYOUTS["casme2"], write_tables=None, spared=frozenset({"doubled-root"}))
    monkeypatch.setitem(LAYOUTS, "casme2", bare)
    with pytest.raises(ConfigError, match=r"cannot have the damage repeated-row.*lost-frames") as caught:
        synthesize("casme2", tmp_path / "x", damage=["repeated-row", "lost-frames"])
    assert "two-tables" not in str(caught.value)
    assert "doubled-root" not in str(caught.value)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_layouts_spare_damages_that_exist(layout) -> None:
    assert layout.spared <= set(DAMAGES)


def test_more_damage_than_clips_and_images_beyond_reason_are_refused(tmp_path: Path) -> None:
    names = ("lost-frames", "empty-image", "cut-image")
    with pytest.raises(ConfigError, match="3 damages need as many clips, and there are 2"):
        synthesize("casme2", tmp_path / "x", subjects=1, clips=2, damage=names)
    with pytest.raises(ConfigError, match="too large"):
        synthesize("casme2", tmp_path / "x", size=(99999, 99999))
    assert not (tmp_path / "x").exists()
