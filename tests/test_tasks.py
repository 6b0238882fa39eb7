"""Tasks: words to classes, what is dropped and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from dstan.clips import Clip, ClipSet
from dstan.errors import ConfigError, UnknownNameError
from dstan.tasks import TASKS, Source, Task, apply_task, differences, find_task, read_task


def clips(*words: str, corpus: str = "casme2", column: str = "Estimated Emotion") -> ClipSet:
    return ClipSet(
        tuple(
            Clip(corpus, "sub01", f"clip{index}", Path(), annotation={column: word, "Row": f"table row {index + 2}"})
            for index, word in enumerate(words)
        )
    )


def test_words_become_classes_whatever_their_case_and_space():
    labelled = apply_task(
        clips("disgust", " Happiness ", "OTHERS", "other", "repression", "surprise"), TASKS["casme2-5"]
    )
    assert [clip.label for clip in labelled] == ["disgust", "happiness", "others", "others", "repression", "surprise"]
    assert labelled.classes == ("happiness", "disgust", "repression", "surprise", "others")
    assert labelled.counts == {"happiness": 1, "disgust": 1, "repression": 1, "surprise": 1, "others": 2}
    assert labelled.task == "casme2-5"
    assert not labelled.skipped


def test_what_has_no_class_is_skipped_with_the_reason():
    labelled = apply_task(clips("sadness", "fear", "hapiness", "", "disgust"), TASKS["casme2-5"])
    assert [clip.clip_id for clip in labelled] == ["clip4"]
    assert [(item.stage, item.reason) for item in labelled.skipped] == [
        ("task", "sadness is not part of the task"),
        ("task", "fear is not part of the task"),
        ("task", "Estimated Emotion 'hapiness' is not a known word (the nearest is 'happiness') (table row 4)"),
        ("task", "has no Estimated Emotion (table row 5)"),
    ]


def test_labels_as_they_are_become_sorted_classes():
    labelled = apply_task(clips("smirk", "frown", "smirk ", "", corpus="folder", column="label"), TASKS["as-labelled"])
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
        apply_task(clips("disgust"), find_task("casme2-6"))
    with pytest.raises(ConfigError, match="task as-labelled does not serve the corpus casme2, only folder"):
        apply_task(clips("disgust"), TASKS["as-labelled"])


@pytest.mark.parametrize(
    ("task", "corpus", "edition", "total"),
    [
        ("smic-3", "smic-hs", "", 164),
        ("casme-4", "casme", "", 172),
        ("casme2-5", "casme2", "20140508", 246),
        ("casme2-5", "casme2", "20190701", 249),
        ("casme2-7", "casme2", "20140508", 255),
        ("samm-5", "samm", "", 136),
        ("samm-8", "samm", "", 159),
        ("mmew-7", "mmew", "", 300),
        ("mmew-6", "mmew", "", 234),
        ("cas-me-3-a-7", "cas-me-3-a", "", 860),
        ("cas-me-3-a-4", "cas-me-3-a", "", 860),
        ("cas-me-2-4", "cas-me-2", "", 57),
        ("megc2019-3", "smic-hs", "", 164),
        ("megc2019-3", "casme2", "20140508", 145),
        ("megc2019-3", "samm", "", 133),
    ],
)
def test_the_published_counts(task, corpus, edition, total):
    assert sum(TASKS[task].sources[corpus].counts_of(edition).values()) == total


def test_the_composite_of_2019_has_its_counts():
    task = TASKS["megc2019-3"]
    counts = [task.sources[name].counts_of("20140508") for name in task.together]
    assert {label: sum(count[label] for count in counts) for label in task.classes} == {
        "negative": 250, "positive": 109, "surprise": 83,
    }  # fmt: skip


def test_the_composite_leaves_two_clips_out_by_name():
    named = ("sub04", "EP12_01f"), ("sub05", "EP09_05f"), ("sub05", "EP12_01f")
    some = ClipSet(tuple(Clip("casme2", *key, Path(), annotation={"Estimated Emotion": "disgust"}) for key in named))
    labelled = apply_task(some, TASKS["megc2019-3"])
    assert [clip.key[1:] for clip in labelled] == [("sub05", "EP12_01f")]
    assert [item.reason for item in labelled.skipped] == [
        "left out by name: it has no apex frame, which the challenge required (MEGC 2019 list of 442 clips)",
        "left out by name: its apex is its onset, so that nothing moves between the two (MEGC 2019 list of 442 clips)",
    ]


def test_clips_that_show_several_emotions_are_left_out_where_one_is_wanted():
    labelled = apply_task(
        clips("positive", "positive+surprise", "Others", corpus="4dme", column="Labels"), TASKS["4dme-5"]
    )
    assert [clip.label for clip in labelled] == ["positive", "others"]
    assert labelled.skipped[0].reason == "positive+surprise is not part of the task"


def test_differences_name_what_differs():
    assert differences({"a": 3, "b": 2}, {"a": 3, "b": 5, "c": 1}) == "2 b of 5, 0 c of 1"
    assert differences({"a": 3}, {"a": 3}) == differences({"a": 3}, {}) == ""


MAPPING = """
classes = ["negative", "positive"]

[corpora.casme2]
column = "Estimated Emotion"
dropped = ["Others"]
mapping = {Disgust = "negative", happiness = "positive"}
"""


def test_a_users_own_task_is_read_from_toml(tmp_path):
    (tmp_path / "valence.toml").write_text(MAPPING)
    task = find_task(str(tmp_path / "valence.toml"))
    assert (task.name, task.classes, task.together) == ("valence", ("negative", "positive"), ())
    labelled = apply_task(clips("disgust", "HAPPINESS", "others", "fear"), task)
    assert [clip.label for clip in labelled] == ["negative", "positive"]
    assert [item.reason for item in labelled.skipped] == [
        "others is not part of the task",
        "Estimated Emotion 'fear' is not a known word (the nearest is 'others') (table row 5)",
    ]


def test_a_users_own_task_may_serve_several_corpora(tmp_path):
    text = MAPPING + '[corpora.samm]\ncolumn = "Estimated Emotion"\nmapping = {anger = "negative"}\n'
    (tmp_path / "both.toml").write_text('name = "two"\n' + text)
    task = read_task(tmp_path / "both.toml")
    assert (task.name, task.together) == ("two", ("casme2", "samm"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('["negative", "positive"]', '["negative"]', "two classes or more"),
        ('["negative", "positive"]', '["negative", "negative"]', "names a word twice"),
        ('["negative", "positive"]', "3", "classes must be a list of words"),
        ("classes", "clases", "unknown key 'clases'. Did you mean classes"),
        ("column =", "colum =", r"corpora.casme2: unknown key 'colum'. Did you mean column"),
        ('column = "Estimated Emotion"', "", "has no column. It needs column and mapping"),
        ('"positive"}', '"postive"}', "'happiness' is mapped to 'postive', not one of negative, positive"),
        ('["Others"]', '["happiness"]', "'happiness' is both mapped and dropped"),
        ("[corpora.casme2]", "[corpora]", "must be a table. Write .corpora.column"),
        ("classes", "classes = [", "not valid TOML"),
        ("classes", 'name = "casme2-5"\nclasses', "a task called casme2-5 comes with dstan"),
        ('{Disgust = "negative"', '{Disgust = "negative", disgust = "positive"', "'disgust' is mapped twice"),
    ],
)
def test_mistakes_in_a_users_own_task_are_named(tmp_path, old, new, message):
    (tmp_path / "mine.toml").write_text(MAPPING.replace(old, new, 1))
    with pytest.raises(ConfigError, match=message) as caught:
        read_task(tmp_path / "mine.toml")
    assert "mine.toml" in str(caught.value)


def test_the_column_of_a_task_may_be_spelt_otherwise_but_must_be_there(tmp_path):
    (tmp_path / "valence.toml").write_text(MAPPING.replace("Estimated Emotion", "estimated_emotion"))
    assert len(apply_task(clips("disgust"), find_task(str(tmp_path / "valence.toml")))) == 1
    (tmp_path / "valence.toml").write_text(MAPPING.replace("Estimated Emotion", "Mood"))
    with pytest.raises(ConfigError, match="column 'Mood' of casme2, which is not there, only 'Estimated Emotion'"):
        apply_task(clips("disgust"), find_task(str(tmp_path / "valence.toml")))


def test_a_task_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        find_task(str(tmp_path / "nowhere.toml"))


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_every_task_agrees_with_itself(task):
    for source in task.sources.values():
        assert set(source.mapping.values()) <= set(task.classes)
        assert not set(source.mapping) & set(source.dropped)
        assert all(tuple(counts) == task.classes for counts in source.expected.values())
        assert all(word == word.casefold() for word in (*source.mapping, *source.dropped))
