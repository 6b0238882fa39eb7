"""The numbers behind the page."""

import numpy as np
import pandas as pd
import pytest

from dstan.evaluation import load_run
from dstan.evaluation.statistics import difference, resampled
from dstan.reports.published import DATA_SETS, paper_scores
from dstan.reports.tables import majority_predictions, majority_shares, recalls, subject_rates
from dstan.tasks import TASKS


@pytest.fixture(scope="module")
def run(write_run, tmp_path_factory):
    return load_run(write_run(tmp_path_factory.mktemp("tables") / "run", ("dstan", "stan-a"), seeds=2, epochs=2))


def table(rows: list[tuple[str, str, str]]) -> pd.DataFrame:
    columns = {"corpus": "c", "seed": 0, "clip_id": [str(n) for n in range(len(rows))]}
    subjects, truths, said = zip(*rows, strict=True)
    return pd.DataFrame({**columns, "subject": subjects, "fold": subjects, "y_true": truths, "y_pred": said})


def test_the_first_draw_is_the_run_itself(run):
    result = run.results["dstan"]
    assert np.array_equal(resampled(result.predictions, result.classes)[0].sum(0), result.confusion)


def test_a_difference_is_paired(run):
    one = resampled(run.results["dstan"].predictions, run.results["dstan"].classes)
    other = resampled(run.results["stan-a"].predictions, run.results["stan-a"].classes)
    nothing = difference("uf1", one, one)
    assert (nothing.value, nothing.low, nothing.high) == (0, 0, 0)
    gain = difference("accuracy", one, other)
    scores = run.results["dstan"].scores["accuracy"] - run.results["stan-a"].scores["accuracy"]
    assert gain.value == pytest.approx(scores)
    assert gain.low < gain.value < gain.high
    back = difference("accuracy", other, one)
    assert (back.low, back.high) == pytest.approx((-gain.high, -gain.low))


def test_recall_ignores_draws_without_the_class():
    rows = [("s1", "a", "a"), ("s1", "a", "a"), ("s2", "b", "b"), ("s2", "b", "a"), ("s3", "a", "b")]
    a, b, c = recalls(resampled(table(rows), ("a", "b", "c")))
    assert a.value == pytest.approx(2 / 3)
    assert (b.value, b.low, b.high) == (0.5, 0.5, 0.5)  # every draw that holds s2 gives one half
    assert (c.value, c.low, c.high) == (0, 0, 0)


def test_the_majority_is_that_of_the_other_folds():
    rows = [("s1", "a", "a"), ("s1", "a", "a"), ("s1", "a", "a"), ("s2", "b", "a"), ("s3", "b", "a")]
    guessed = majority_predictions(table(rows), ("a", "b"), {"a": 3, "b": 2})
    assert guessed["y_pred"].tolist() == ["b", "b", "b", "a", "a"]


def test_the_majority_counts_clips_that_were_learned_from_only():
    rows = [("s1", "a", "a"), ("s1", "a", "a"), ("s1", "a", "a")]
    guessed = majority_predictions(table(rows), ("a", "b"), {"a": 7, "b": 5})
    assert guessed["y_pred"].tolist() == ["b", "b", "b"]


def test_subjects_keep_the_order_of_the_table_and_count_all_seeds(run):
    rates = subject_rates(run.results["dstan"].predictions)
    assert [rate.subject for rate in rates[:2]] == ["sub01", "sub02"]
    assert sum(rate.total for rate in rates) == 2 * 246
    assert sum(rate.right for rate in rates) == np.trace(run.results["dstan"].confusion)


def test_the_share_of_the_majority_is_that_of_the_other_folds():
    rows = [("s1", "a", "a"), ("s1", "a", "a"), ("s1", "a", "a"), ("s2", "b", "a"), ("s3", "b", "a")]
    shares = majority_shares(table(rows), ("a", "b"), {"a": 3, "b": 2})
    assert shares == {"s1": 1.0, "s2": 0.75, "s3": 0.75}


PAPER = pytest.mark.parametrize(
    ("task", "corpus", "right"), [("smic-3", "smic-hs", 127), ("casme-4", "casme", 134), ("casme2-5", "casme2", 185)]
)


@PAPER
def test_the_papers_accuracy_is_a_count_of_its_clips(task, corpus, right):
    assert paper_scores(task, corpus)["dstan"]["accuracy"] == round(right / DATA_SETS[task].clips, 3)


@PAPER
def test_the_papers_f1_is_the_harmonic_mean_of_its_precision_and_recall(task, corpus, right):
    for method in ("dstan", "dstan-average"):
        found = paper_scores(task, corpus)[method]
        mean = 2 * found["precision"] * found["recall"] / (found["precision"] + found["recall"])
        assert found["f1_le_ngo"] == pytest.approx(mean, abs=0.011)


@pytest.mark.parametrize("task", DATA_SETS)
def test_the_papers_data_sets_are_known_tasks_of_that_corpus_with_as_many_clips(task):
    source = TASKS[task].sources[DATA_SETS[task].corpus]
    counts = [sum(edition.values()) for edition in source.expected.values()]
    assert DATA_SETS[task].clips in counts


def test_the_paper_is_silent_on_other_tasks_and_corpora():
    assert paper_scores("as-labelled", "folder") == {}
    assert "merta" in paper_scores("casme2-5", "casme2")
    assert "merta" not in paper_scores("smic-3", "smic-hs")
    for corpus in ("smic-vis", "smic-nir", "smic-e", "smic-hs, casme2"):
        assert paper_scores("smic-3", corpus) == {}
