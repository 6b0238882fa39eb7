"""What the paper prints, checked by arithmetic."""

import pytest

from dstan.reports.published import (
    COMPARED,
    DATA_SETS,
    PAPER_NAMES,
    PEOPLE,
    figure_words,
    paper_scores,
    published_on,
)

PRINTED = [
    (method, task)
    for task, data_set in DATA_SETS.items()
    for method in paper_scores(task, data_set.corpus)
    if method in (*COMPARED, "dstan")
]
FRACTIONS = [(key, row) for key, row in published_on().items() if row.clips is not None]


def test_table_4_has_fourteen_compared_methods():
    assert len(COMPARED) == 14
    assert "dstan" not in COMPARED
    assert (COMPARED[0], COMPARED[-1]) == ("lbp-top", "merta")


def test_every_printed_figure_of_table_4_says_what_it_rests_on():
    assert set(published_on()) == set(PRINTED)
    assert all(row.note for row in published_on().values())


@pytest.mark.parametrize(("key", "row"), FRACTIONS, ids=[" ".join(key) for key, _ in FRACTIONS])
def test_a_fraction_gives_the_accuracy_that_is_printed(key, row):
    method, task = key
    assert round(100 * row.right / row.clips, 2) == row.percent
    assert f"{row.right} of " in row.note
    assert str(row.clips) in row.note
    printed = paper_scores(task, DATA_SETS[task].corpus)[method]["accuracy"]
    assert printed == pytest.approx(row.percent / 100, abs=0.0051)
    assert (round(row.percent / 100, 2) == round(printed, 2)) != ("printed as" in row.note)


def test_only_dstan_and_a_few_others_are_on_as_many_clips_as_the_paper_counts():
    casme = {method for (method, task), row in published_on().items() if task == "casme-4" and row.clips == 172}
    assert casme == {"dstan"}


def test_figures_and_people_are_told_for_each_data_set():
    assert set(PEOPLE) == set(DATA_SETS)
    for task in DATA_SETS:
        assert set(paper_scores(task, DATA_SETS[task].corpus)) <= set(PAPER_NAMES)
        assert all(figure_words(figure, task) for figure in ("figure5", "figure6", "figure7"))
