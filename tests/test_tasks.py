"""Tasks: words to classes, what is dropped and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from dstan.clips import Clip, ClipSet
from dstan.errors import ConfigError, UnknownNameError
from dstan.tasks import TASKS, Source, Task, apply_task


def clips(*words: str, corpus: str = "casme2", column: str = "Estimated Emotion") -> ClipSet:
    return ClipSet(
        tuple(
            Clip(corpus, "sub01", f"clip{index}", Path(), annotation={column: word, "Row": f"table row {index + 2}"})
            for index, word in enumerate(words)
        )
    )


def test_words_become_classes_whatever_their_case_and_space():
    labelled = apply_task(clips("disgust", " Happiness ", "OTHERS", "other", "repression", "surprise"), "casme2-5")
    assert [clip.label for clip in labelled] == ["disgust", "happiness", "others", "others", "repression", "surprise"]
    assert labelled.classes == ("happiness", "disgust", "repression", "surprise", "others")
    assert labelled.counts == {"happiness": 1, "disgust": 1, "repression": 1, "surprise": 1, "others": 2}
    assert labelled.task == "casme2-5"
    assert not labelled.skipped


def test_what_has_no_class_is_skipped_with_the_reason():
    labelled = apply_task(clips("sadness", "fear", "hapiness", "", "disgust"), "casme2-5")
    assert [clip.clip_id for clip in labelled] == ["clip4"]
    assert [(item.stage, item.reason) for item in labelled.skipped] == [
        ("task", "sadness is not part of the task"),
        ("task", "fear is not part of the task"),
        ("task", "Estimated Emotion 'hapiness' is not a known word (the nearest is 'happiness') (table row 4)"),
        ("task", "has no Estimated Emotion (table row 5)"),
    ]


def test_labels_as_they_are_become_sorted_classes():
    labelled = apply_task(clips("smirk", "frown", "smirk ", "", corpus="folder", column="label"), "as-labelled")
    assert labelled.classes == ("frown", "smirk")
    assert [clip.label for clip in labelled] == ["smirk", "frown", "smirk"]
    assert labelled.skipped[0].reason == "has no label (table row 5)"


def test_a_task_of_two_corpora_reads_each_in_its_own_way():
    task = Task(
        "two",
        ("negative", "positive"),
        {
            "casme2": Source("Estimated Emotion", {"disgust": "negative", "happiness": "positive"}),
            "folder": Source("label", {"bad": "negative", "good": "positive"}),
        },
    )
    both = ClipSet((*clips("disgust"), *clips("good", corpus="folder", column="label")))
    assert [clip.label for clip in apply_task(both, task)] == ["negative", "positive"]


def test_unknown_tasks_and_tasks_of_another_corpus_are_errors():
    with pytest.raises(UnknownNameError, match="casme2-5"):
        apply_task(clips("disgust"), "casme2-6")
    with pytest.raises(ConfigError, match="Tasks of casme2: casme2-5"):
        apply_task(clips("disgust"), "as-labelled")


def test_the_published_counts():
    expected = TASKS["casme2-5"].sources["casme2"].expected
    assert sum(expected["20140508"].values()) == 246
    assert sum(expected["20190701"].values()) == 249


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_every_task_agrees_with_itself(task):
    for source in task.sources.values():
        assert set(source.mapping.values()) <= set(task.classes)
        assert not set(source.mapping) & set(source.dropped)
        assert all(tuple(counts) == task.classes for counts in source.expected.values())
        assert all(word == word.casefold() for word in (*source.mapping, *source.dropped))
