"""A report ranks methods of the common track only, and says how near each is to its publication."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from pathlib import Path

from dstan.evaluation.statistics import Interval
from dstan.reports import write_report
from dstan.reports.claims import Facts, may_claim, may_not_claim, verdict
from dstan.reports.tables import ScoreRow


def row(method: str, uf1: float, track: str = "common", fidelity: str = "exact") -> ScoreRow:
    scores = {name: Interval(uf1, uf1 - 0.1, uf1 + 0.1) for name in ("uf1", "accuracy")}
    return ScoreRow(method, scores, fidelity=fidelity, track=track)


FACTS = Facts(
    rows=[],
    baseline=row("majority", 0.2),
    guess="always answering “others”",
    over_baseline=None,
    over_second=None,
    class_counts={"happiness": 40, "others": 60},
    subjects=26,
    clips=100,
    unusable=0,
    seeds=3,
    synthetic=False,
    paper_clips=None,
    departures=(),
    published=[row("lbp-top-paper", 0.5, "paper"), row("lcbp-paper", 0.6, "paper", "re-interpretation")],
)


def page(write_run: Callable[..., Path], folder: Path, **tracks: tuple[str, str]) -> str:
    """Return the text of a report in which some methods have another fidelity and track."""
    run = write_run(folder, ("dstan", "stan-a", "stmn-a", "majority"), epochs=3)
    document = json.loads((run / "run.json").read_text())
    for name, (fidelity, track) in tracks.items():
        document["methods"][name.replace("_", "-")] |= {"fidelity": fidelity, "track": track}
    (run / "run.json").write_text(json.dumps(document))
    text = re.sub(r"<style>.*?</style>|<svg.*?</svg>", " ", write_report(run).read_text(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", text)))


def test_a_method_with_published_settings_is_shown_and_not_ranked(write_run, tmp_path):
    text = page(write_run, tmp_path / "run", dstan=("exact", "paper"), stmn_a=("re-interpretation", "common"))
    assert "stmn-a (re-interpretation) is the best of 2 methods by UF1." in text
    assert "Not ranked, for their input and parameters are those published for each: dstan." in text
    assert "That a method with published settings is better or worse than another" in text
    table = text[text.index("The best UF1 first") :]
    places = [table.index(name) for name in ("stmn-a (re-", "stan-a", "majority (baseline)", "Not ranked", "dstan")]
    assert places == sorted(places)
    assert "exact, paper track" in text
    assert (
        re.search(r"(?<!interpretation\) )stmn-a(?! \(re-interpretation\))", table[: table.index("Not rank")]) is None
    )


def test_a_run_from_before_there_were_tracks_is_ranked_as_a_whole(write_run, tmp_path):
    text = page(write_run, tmp_path / "run")
    assert "dstan is the best of 3 methods by UF1." in text
    assert "common track" not in text
    assert "Not ranked" not in text


def test_of_published_settings_alone_none_is_called_the_best():
    (sentence,) = verdict(FACTS)
    assert "those published for each: lbp-top-paper, lcbp-paper (re-interpretation)." in sentence
    assert "Beside them the majority baseline: always answering “others”, which is right for 20.0% of 100" in sentence
    assert "best" not in sentence
    assert len(may_claim(FACTS)) == 1
    assert any("published settings is better or worse" in limit for limit in may_not_claim(FACTS))
