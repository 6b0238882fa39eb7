"""Several corpora as one set, and where copies are when no command says it."""

from __future__ import annotations

from pathlib import Path

import pytest
from corpus_copies import CASME2_ROWS, casme2, draw_frames

from dstan.corpora import CORPORA, find_copy, load_corpora, load_corpus
from dstan.corpora.whereabouts import root_of, settings_file, variable
from dstan.errors import ConfigError, CorpusError, CorpusNotFoundError, UnknownNameError


@pytest.fixture
def nothing_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a home without settings; return the settings file that would be read."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in CORPORA:
        monkeypatch.delenv(variable(name), raising=False)
    return tmp_path / "config" / "dstan" / "config.toml"


def own(root: Path, label: str = "joy") -> Path:
    """Write the smallest corpus of one's own: two people."""
    for name in ("c0", "c1"):
        draw_frames(root / name, range(3))
    (root / "clips.csv").write_text(f"path,subject,label,fps\nc0,sub01,{label},100\nc1,sub02,anger,100\n")
    return root


def mapping(path: Path) -> str:
    """Write a task that serves both."""
    path.write_text(
        'classes = ["good", "bad"]\n'
        '[corpora.casme2]\ncolumn = "Estimated Emotion"\ndropped = ["others"]\n'
        'mapping = {happiness = "good", disgust = "bad", sadness = "bad"}\n'
        '[corpora.folder]\ncolumn = "label"\nmapping = {joy = "good", anger = "bad"}\n'
    )
    return str(path)


def test_several_corpora_become_one_set_whose_people_are_apart(tmp_path):
    roots = {"casme2": casme2(tmp_path / "a"), "folder": own(tmp_path / "b")}
    clips = load_corpora(roots, mapping(tmp_path / "two.toml"))
    assert [(*clip.person, clip.label) for clip in clips] == [
        ("casme2", "sub01", "good"),
        ("casme2", "sub04", "bad"),
        ("casme2", "sub17", "bad"),
        ("folder", "sub01", "good"),
        ("folder", "sub02", "bad"),
    ]
    assert (clips.task, clips.classes) == ("two", ("good", "bad"))
    assert len({clip.person for clip in clips if clip.subject == "sub01"}) == 2
    assert [(item.corpus, item.reason) for item in clips.skipped] == [("casme2", "others is not part of the task")]


def test_a_task_of_several_corpora_names_them_itself(tmp_path, monkeypatch, nothing_named):
    monkeypatch.setenv("DSTAN_CASME2_ROOT", str(casme2(tmp_path / "a")))
    task = mapping(tmp_path / "two.toml")
    with pytest.raises(CorpusNotFoundError, match=r"where is folder\?.*DSTAN_FOLDER_ROOT"):
        load_corpora({}, task)
    monkeypatch.setenv("DSTAN_FOLDER_ROOT", str(own(tmp_path / "b")))
    assert {clip.corpus for clip in load_corpora({}, task)} == {"casme2", "folder"}
    with pytest.raises(ConfigError, match="no corpus is named"):
        load_corpora({})
    with pytest.raises(ConfigError, match="no corpus is named"):
        load_corpora({}, "casme2-5")


def test_a_task_must_serve_every_corpus(tmp_path):
    roots = {"casme2": casme2(tmp_path / "a"), "folder": own(tmp_path / "b")}
    with pytest.raises(ConfigError, match="a task must serve all of casme2, folder; no known task does"):
        load_corpora(roots)
    with pytest.raises(ConfigError, match=r"casme2-5 does not serve the corpus folder.*Tasks of folder: as-labelled"):
        load_corpora(roots, "casme2-5")
    with pytest.raises(UnknownNameError, match="casme2-5"):
        load_corpus("casme2", roots["casme2"], "casme2-55")
    with pytest.raises(UnknownNameError, match="folder"):
        load_corpus("folde", tmp_path)


def test_a_corpus_that_gives_nothing_to_the_task_is_an_error(tmp_path):
    roots = {"casme2": casme2(tmp_path / "a", CASME2_ROWS[1:2]), "folder": own(tmp_path / "b")}
    with pytest.raises(CorpusError, match=r"no clip can be used; the first of 1: others is not part of the task"):
        load_corpora(roots, mapping(tmp_path / "two.toml"))


def test_counts_that_differ_from_a_complete_copy_are_noted(tmp_path):
    clips = load_corpus("casme2", casme2(tmp_path))
    assert clips.notes == (
        "casme2: read from CASME2-coding-20140508.xlsx, raw frames",
        "casme2: casme2-5 expects other counts of a complete copy: 1 happiness of 32, 1 disgust of 63, "
        "0 repression of 27, 0 surprise of 25, 1 others of 99",
    )
    assert len(load_corpus("casme2", tmp_path, task="").notes) == 1
    assert load_corpus("folder", own(tmp_path / "own")).notes == ("folder: read from clips.csv, raw frames",)


def test_the_environment_goes_before_the_settings_file(tmp_path, monkeypatch, nothing_named):
    with pytest.raises(CorpusNotFoundError, match=r"where is casme2\?.*--root DIR, set DSTAN_CASME2_ROOT") as caught:
        load_corpus("casme2")
    assert str(settings_file()) in str(caught.value)
    assert find_copy("casme2") is None
    nothing_named.parent.mkdir(parents=True)
    nothing_named.write_text(f'[corpora]\ncasme2 = "{casme2(tmp_path / "file")}"\nsmic-hs = "~/SMIC"\n')
    assert root_of("casme2") == tmp_path / "file"
    assert root_of("smic-hs") == Path.home() / "SMIC"
    assert len(load_corpus("casme2")) == 3
    copy = find_copy("casme2")
    assert (copy.clips, copy.named_by, copy.problem) == (4, str(nothing_named), "")
    monkeypatch.setenv("DSTAN_CASME2_ROOT", str(tmp_path / "nowhere"))
    assert root_of("casme2") == tmp_path / "nowhere"
    copy = find_copy("casme2")
    assert (copy.clips, copy.named_by) == (0, "DSTAN_CASME2_ROOT")
    assert copy.text == f"{tmp_path / 'nowhere'}: there is no such folder"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[corpora\n", "not valid TOML"),
        ("[corpus]\n", r"knows one table, \[corpora\]"),
        ("corpora = 3\n", r"knows one table, \[corpora\]"),
        ('[corpora]\ncasmeII = "/data"\n', "no corpus is called 'casmeII'"),
        ('[corpora]\ncasme2 = "data/CASME2"\n', "casme2 must be a folder's whole path in quotes"),
        ("[corpora]\ncasme2 = 3\n", "casme2 must be a folder's whole path in quotes"),
    ],
)
def test_mistakes_in_the_settings_file_are_named(nothing_named, text, message):
    nothing_named.parent.mkdir(parents=True)
    nothing_named.write_text(text)
    with pytest.raises((ConfigError, UnknownNameError), match=message):
        root_of("casme2")


def test_every_corpus_has_a_variable_of_its_own():
    names = {variable(name) for name in CORPORA}
    assert len(names) == len(CORPORA)
    assert variable("cas-me-3-a") == "DSTAN_CAS_ME_3_A_ROOT"
