import random

import pytest

from dstan.errors import CorpusError, UnknownNameError
from dstan.splits import kfold_by_subject, leave_one_corpus_out, leave_one_subject_out, with_fewer_people

PEOPLE = [("casme2", "sub02"), ("casme2", "sub01"), ("casme2", "sub02"), ("casme2", "sub03"), ("casme2", "sub02")]


def test_one_fold_a_person() -> None:
    folds = leave_one_subject_out(PEOPLE)
    assert [fold.name for fold in folds] == ["sub01", "sub02", "sub03"]
    assert folds[1].test == (0, 2, 4)
    assert folds[1].train == (1, 3)


def test_same_subject_number_of_two_corpora_are_two_people() -> None:
    folds = leave_one_subject_out([("casme2", "1"), ("samm", "1"), ("samm", "1")])
    assert [(fold.name, fold.test) for fold in folds] == [("casme2/1", (0,)), ("samm/1", (1, 2))]


def test_folds_do_not_depend_on_the_order_of_clips() -> None:
    shuffled = PEOPLE.copy()
    random.Random(1).shuffle(shuffled)
    for one, two in zip(leave_one_subject_out(PEOPLE), leave_one_subject_out(shuffled), strict=True):
        assert one.name == two.name
        assert {PEOPLE[i] for i in one.test} == {shuffled[i] for i in two.test}


@pytest.mark.parametrize("n", [2, 3, 5])
def test_kfold_keeps_people_whole_and_parts_even(n: int) -> None:
    people = [("c", f"s{i}") for i in range(10) for _ in range(i + 1)]
    folds = kfold_by_subject(people, n, seed=3)
    assert sorted(i for fold in folds for i in fold.test) == list(range(len(people)))
    for fold in folds:
        assert not {people[i] for i in fold.train} & {people[i] for i in fold.test}
        assert sorted(fold.train + fold.test) == list(range(len(people)))
    sizes = [len(fold.test) for fold in folds]
    assert max(sizes) - min(sizes) <= 2
    assert folds == kfold_by_subject(people, n, seed=3)


def test_kfold_seed_deals_equal_people_differently() -> None:
    people = [("c", f"s{i}") for i in range(12)]
    assert kfold_by_subject(people, 3, seed=0) != kfold_by_subject(people, 3, seed=1)


def test_too_few_people() -> None:
    with pytest.raises(CorpusError, match="1 subjects cannot be split into 2 folds"):
        leave_one_subject_out([("c", "s"), ("c", "s")])
    with pytest.raises(CorpusError, match="3 subjects cannot be split into 4 folds"):
        kfold_by_subject(PEOPLE, 4)
    with pytest.raises(CorpusError, match="at least 2 folds"):
        kfold_by_subject(PEOPLE, 1)


def test_one_fold_a_corpus_and_the_same_subject_number_on_both_sides() -> None:
    people = [("samm", "1"), ("casme2", "1"), ("samm", "2"), ("smic-hs", "1")]
    folds = leave_one_corpus_out(people)
    assert [(fold.name, fold.test, fold.train) for fold in folds] == [
        ("test casme2", (1,), (0, 2, 3)),
        ("test samm", (0, 2), (1, 3)),
        ("test smic-hs", (3,), (0, 1, 2)),
    ]
    assert leave_one_corpus_out(people, ["smic-hs", "samm", "samm"]) == folds[1:]


def test_a_corpus_to_hold_out_must_be_there_and_leave_another() -> None:
    with pytest.raises(UnknownNameError, match=r"no corpus is called 'sam'\. Did you mean 'samm'"):
        leave_one_corpus_out([("samm", "1"), ("casme2", "1")], ["sam"])
    with pytest.raises(CorpusError, match="all clips are of samm"):
        leave_one_corpus_out([("samm", "1"), ("samm", "2")])


def test_fewer_training_people_are_whole_people_drawn_by_seed_and_fold_and_nested() -> None:
    people = [(corpus, str(number)) for corpus in ("a", "b") for number in range(6) for _ in range(2)]
    fold, *others = leave_one_subject_out(people)
    drawn = {n: with_fewer_people(fold, people, n, 0) for n in (2, 3, 5, 11, 40)}
    learned = {n: {people[i] for i in one.train} for n, one in drawn.items()}
    assert [len(some) for some in learned.values()] == [2, 3, 5, 11, 11]
    assert learned[2] < learned[3] < learned[5]
    assert all(one.test == fold.test and len(one.train) == 2 * len(learned[n]) for n, one in drawn.items())
    assert drawn[40] == fold
    seeds = {tuple(sorted({people[i] for i in with_fewer_people(fold, people, 3, seed).train})) for seed in range(8)}
    assert len(seeds) > 4
    assert len({frozenset(people[i] for i in with_fewer_people(one, people, 3, 0).train) for one in others}) > 4
    order = list(range(len(people)))[::-1]
    turned = [people[i] for i in order]
    (same,) = [one for one in leave_one_subject_out(turned) if one.name == fold.name]
    assert {turned[i] for i in with_fewer_people(same, turned, 3, 0).train} == learned[3]
