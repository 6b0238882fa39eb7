"""What every corpus must do: each entry of the registry runs through this suite, on a small twin of its own."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

import pytest

from dstan.corpora import CORPORA, Options, Survey, check_corpus, load_corpus
from dstan.corpora.corrections import COLUMNS, corrections_of
from dstan.corpora.pages import index, page
from dstan.errors import CorpusNotFoundError
from dstan.synthesis import LAYOUTS, synthesize
from dstan.tasks import TASKS
from dstan.video import read_clip

DOCS = Path(__file__).parents[2] / "docs" / "corpora"
SIZE = (160, 120)
LICENSED = [name for name in CORPORA if name != "folder"]
every_corpus = pytest.mark.parametrize("name", CORPORA)
every_licensed_corpus = pytest.mark.parametrize("name", LICENSED)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder for the twins."""
    return tmp_path_factory.mktemp("twins")


@cache
def _twin(name: str, home: Path) -> Path:
    """Draw a small twin with everything the corpus has, crops too."""
    crop = LAYOUTS[name].crop is not None
    return synthesize(name, home / name / "copy", subjects=2, clips=6, size=SIZE, cropped=crop, workers=0)


def _survey(name: str, root: Path, **options: object) -> Survey:
    return CORPORA[name].survey(root, Options(**options))


@every_corpus
def test_the_declaration_is_complete(name: str) -> None:
    corpus = CORPORA[name]
    assert corpus.name == name
    assert name in TASKS[corpus.default_task].sources
    assert corpus.title
    assert corpus.licence
    assert corpus.layout
    if name in LICENSED:
        assert corpus.citation
        assert corpus.access
        assert corpus.quirks
        assert all(quirk.endswith(".") for quirk in corpus.quirks)


@every_corpus
def test_the_page_in_the_docs_is_the_declaration(name: str) -> None:
    assert (DOCS / f"{name}.md").read_text(encoding="utf-8") == page(CORPORA[name]), "run: make docs"
    assert (DOCS / "README.md").read_text(encoding="utf-8") == index(), "run: make docs"


@every_corpus
def test_corrections_say_what_and_why(name: str) -> None:
    for (subject, clip), rows in corrections_of(name).items():
        for row in rows:
            assert (row.corpus, row.subject, row.clip) == (name, subject, clip)
            assert row.old != row.new
            assert all(getattr(row, column).strip() for column in COLUMNS if column not in ("old", "new"))


def test_no_correction_is_of_another_corpus() -> None:
    files = {file.stem for file in (Path(__file__).parents[2] / "src/dstan/corpora/corrections").glob("*.csv")}
    assert files <= set(CORPORA)


@every_licensed_corpus
def test_it_has_a_twin_of_its_own_numbers(name: str) -> None:
    corpus, layout = CORPORA[name], LAYOUTS[name]
    assert layout.corpus == name
    assert corpus.fps in (layout.fps, None)
    assert corpus.size in (layout.size, None)
    assert corpus.clips in (layout.clips, None)
    assert corpus.subjects in (layout.subjects, None)


@every_licensed_corpus
def test_a_twin_passes_its_corpus_s_check(name: str, home: Path) -> None:
    report = check_corpus(name, _twin(name, home), deep=True)
    assert report.ok, [finding for finding in report.findings if finding.severity == "error"]
    assert report.counts["clips"] == 6
    assert report.counts["subjects"] == 2
    assert report.counts["frames"] > 6


@every_licensed_corpus
def test_clips_know_their_frames(name: str, home: Path) -> None:
    twin = _twin(name, home)
    clips = load_corpus(name, twin, task="")
    assert len({clip.key for clip in clips}) == len(clips) == 6
    for clip in clips:
        assert clip.corpus == name
        assert clip.path.is_relative_to(twin)
        assert all((clip.path / file).is_file() for file in clip.files)
        onset, offset = clip.onset or 0, len(clip.files) - 1 if clip.offset is None else clip.offset
        assert 0 <= onset <= (onset if clip.apex is None else clip.apex) <= offset < len(clip.files)
        assert clip.fps == CORPORA[name].fps
        assert all(isinstance(text, str) for text in clip.annotation.values())
    frame = next(iter(read_clip(clips[0])))
    assert frame.pixels.shape == SIZE[::-1]


@every_licensed_corpus
def test_every_task_gives_classes(name: str, home: Path) -> None:
    for task in TASKS.values():
        if name in task.sources and task.sources[name].column != "Objective Classes":
            clips = load_corpus(name, _twin(name, home), task=task.name)
            assert {clip.label for clip in clips} <= set(task.classes)
            assert len(clips) + len(clips.skipped) == 6
            assert all("known word" not in item.reason for item in clips.skipped)


@every_licensed_corpus
def test_root_parent_and_frames_folder_give_the_same_clips(name: str, home: Path) -> None:
    twin = _twin(name, home)
    whole = _survey(name, twin)
    tree = whole.clips[0].path
    while tree.parent != twin:
        tree = tree.parent
    for place in (twin.parent, tree):
        assert [clip.path for clip in _survey(name, place).clips] == [clip.path for clip in whole.clips], place


@every_licensed_corpus
def test_raw_frames_win_and_crops_can_be_asked_for(name: str, home: Path) -> None:
    crop, twin = LAYOUTS[name].crop, _twin(name, home)
    assert not any(clip.cropped for clip in _survey(name, twin).clips)
    if crop is None:
        with pytest.raises(CorpusNotFoundError, match="no cropped frames"):
            _survey(name, twin, frames="cropped")
        return
    cropped = load_corpus(name, twin, task="", frames="cropped")
    assert all(clip.cropped for clip in cropped)
    assert len(cropped) == 6
    assert next(iter(read_clip(cropped[0]))).pixels.shape == crop.size[::-1]


@every_licensed_corpus
def test_another_corpus_s_copy_is_not_taken_for_it(name: str, home: Path) -> None:
    for other in LICENSED:
        if CORPORA[other].people != CORPORA[name].people or (other != name and not CORPORA[name].people):
            with pytest.raises(CorpusNotFoundError):
                _survey(other, _twin(name, home))


@every_licensed_corpus
def test_a_copy_without_its_frames_or_its_table_says_where_it_looked(name: str, home: Path, tmp_path: Path) -> None:
    (tmp_path / "empty" / "sub").mkdir(parents=True)
    with pytest.raises(CorpusNotFoundError) as caught:
        _survey(name, tmp_path / "empty")
    assert str(tmp_path / "empty") in str(caught.value)
    if LAYOUTS[name].write_tables is not None:
        shutil.copytree(_twin(name, home), tmp_path / "copy", ignore=shutil.ignore_patterns("*.xls*", "truth"))
        with pytest.raises(CorpusNotFoundError, match="no coding table such as"):
            _survey(name, tmp_path / "copy")
