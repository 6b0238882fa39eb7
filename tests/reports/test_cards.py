"""What the card of a model says: of real corpora, of mixtures, of models that say little."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dstan import _atomic
from dstan.clips import Clip, ClipSet, PreparedClip, Skipped
from dstan.recognizers import Recognizer, describe_model, load_model, recognizer, save_model
from dstan.reports.card import body_of, card_text, describe_data, write_card
from dstan.tasks import TASKS

COUNTS = {"happiness": 1, "disgust": 1, "repression": 1, "surprise": 1, "others": 8}


def _clips(corpus: str = "casme2", root: Path = Path("nowhere")) -> ClipSet:
    labels = [label for label, count in COUNTS.items() for _ in range(count)]
    clips = tuple(
        Clip(corpus, f"sub{n % 3:02d}", f"EP{n}", root / f"EP{n}", label=label, annotation={"Estimated Emotion": label})
        for n, label in enumerate(labels)
    )
    skipped = tuple(Skipped(corpus, "sub01", f"x{n}", "task", "fear is not part of the task") for n in range(2))
    return ClipSet(clips, classes=tuple(COUNTS), skipped=skipped, task="casme2-5", notes=("casme2: read from table",))


def _fitted(clips: ClipSet) -> Recognizer:
    frames = np.zeros((2, 32, 32), dtype=np.float32)
    return recognizer("majority").fit([PreparedClip(clip, appearance=frames) for clip in clips], classes=clips.classes)


def _card(folder: Path, clips: ClipSet, **about: Any) -> str:
    model = _fitted(clips)
    save_model(model, folder, {"data": describe_data(clips, TASKS["casme2-5"]), **about})
    return write_card(model, folder).read_text()


def _section(card: str, name: str) -> str:
    return " ".join(card.split(f"## {name}\n")[1].split("\n## ")[0].split())


def test_a_real_corpus_is_named_with_its_people_its_paper_and_its_terms(tmp_path: Path) -> None:
    card = _card(tmp_path, _clips())
    assert "# majority, trained on CASME II\n" in card
    assert "seen no real face" not in card
    data = _section(card, "Data")
    assert "| CASME II | 12 | 3 | 2 |" in data
    assert "People of CASME II, as the corpus numbers them: sub00, sub01, sub02." in data
    assert "- 2 clips: fear is not part of the task" in data
    assert "35 people with a mean age of 22.03 years" in _section(card, "Limits")
    assert "640 x 480 pixels, 200 frames a second" in _section(card, "Limits")
    assert "CASME II: for research, by a signed agreement" in _section(card, "Licence of the data")
    assert "PLoS ONE" in _section(card, "To cite")


def test_what_is_seen_often_and_rarely_stands_among_the_biases(tmp_path: Path) -> None:
    said = _section(_card(tmp_path, _clips()), "Known biases")
    assert "Often seen and likely to be said too often: others (8 of 12)" in said
    assert "rarely seen and likely to be missed: happiness (1 of 12), disgust (1 of 12)" in said


def test_the_law_is_on_every_card(tmp_path: Path) -> None:
    law = _section(_card(tmp_path, _clips()), "The law")
    assert "Regulation (EU) 2024/1689" in law
    assert "2 February 2025" in law
    assert "workplace and education institutions, except for medical or safety reasons" in law


def test_a_twin_beside_a_real_corpus_is_marked_and_has_no_licence(tmp_path: Path) -> None:
    (tmp_path / "twin" / "truth").mkdir(parents=True)
    (tmp_path / "twin" / "truth" / "twin.json").write_text("{}")
    real, drawn = _clips(), _clips("smic-hs", tmp_path / "twin")
    both = ClipSet(real.clips + drawn.clips, classes=real.classes)
    model = _fitted(both)
    assert "synthetic" not in model.trained_
    save_model(model, tmp_path / "model", {"data": describe_data(both, None)})
    card = write_card(model, tmp_path / "model").read_text()
    assert "# majority, trained on CASME II, SMIC-HS (synthetic twin)\n" in card
    assert "seen no real face" not in card
    assert "SMIC" not in _section(card, "Licence of the data")
    assert "CASME II" in _section(card, "Licence of the data")


def test_a_model_that_was_saved_without_its_data_says_what_its_fit_noted(tmp_path: Path) -> None:
    save_model(_fitted(_clips()), tmp_path)
    card = card_text(load_model(tmp_path), describe_model(tmp_path))
    assert "12 clips of 3 people (CASME II)" in card
    assert "| others | 8 |" in card
    assert "dstan evaluate majority --corpus casme2 --root casme2=DIR --config same.toml --out RUN" in card


def test_names_that_would_break_a_table_do_not(tmp_path: Path) -> None:
    clips = ClipSet(
        tuple(Clip("mine", "s", str(n), Path(), label=name) for n, name in enumerate(("a|b", "c\nd"))),
        classes=("a|b", "c\nd"),
    )
    save_model(_fitted(clips), tmp_path)
    card = card_text(load_model(tmp_path), describe_model(tmp_path))
    assert "| a\\|b | 1 |\n| c d | 1 |" in card


def test_the_lines_for_catalogues_are_left_out_for_people(tmp_path: Path) -> None:
    card = _card(tmp_path, _clips())
    assert card.startswith('---\nlibrary_name: "dstan"\n')
    assert body_of(card).startswith("# majority, trained on CASME II\n")


def test_no_line_is_left_to_fill_in_and_no_sentence_runs_out_of_the_page(tmp_path: Path) -> None:
    card = _card(tmp_path, _clips())
    assert not [line for line in card.splitlines() if "{" in line or "None" in line]
    code = card.split("```")[1]
    long = [line for line in card.splitlines() if len(line) > 100 and line[0] != "|" and line not in code]
    assert long == []


def test_killed_while_saving_a_model_is_never_left_beside_the_card_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _card(tmp_path, _clips())

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_atomic, "write_json", killed)
    with pytest.raises(KeyboardInterrupt):
        save_model(_fitted(_clips()), tmp_path)
    assert not (tmp_path / "card.md").exists()
