"""Full copies give the counts that the field publishes: whole twins with empty images, for no loader opens one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dstan.corpora import load_corpora, load_corpus
from dstan.synthesis import LAYOUTS
from dstan.synthesis.coding import code_events

Copy = Callable[[str], Path]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """Give a function that writes the full copy of a corpus, once."""
    home = tmp_path_factory.mktemp("full")

    def write(name: str) -> Path:
        root, layout = home / name, LAYOUTS[name]
        if root.exists():
            return root
        events = code_events(layout, layout.plan(None, None, 0), 0)
        for event in events:
            folder = root / event.video.folder
            if not folder.exists():
                folder.mkdir(parents=True)
                for index in range(event.frames):
                    (folder / event.video.image_name(index)).touch()
        if layout.write_tables is not None:
            layout.write_tables(root, events, 0)
        return root

    return write


@pytest.mark.parametrize(
    ("corpus", "task", "people", "expected"),
    [
        ("casme", "casme-4", 19, {"tense": 70, "disgust": 44, "repression": 38, "surprise": 20}),
        ("casme2", "casme2-5", 26,
         {"happiness": 32, "disgust": 63, "repression": 27, "surprise": 25, "others": 99}),
        ("casme2", "casme2-7", 26, {"I": 25, "II": 15, "III": 99, "IV": 26, "V": 20, "VI": 1, "VII": 69}),
        ("smic-hs", "smic-3", 16, {"negative": 70, "positive": 51, "surprise": 43}),
        ("smic-vis", "smic-3", 8, {"negative": 23, "positive": 28, "surprise": 20}),
        ("smic-nir", "smic-3", 8, {"negative": 23, "positive": 28, "surprise": 20}),
        ("samm", "samm-5", 26, {"anger": 57, "contempt": 12, "happiness": 26, "surprise": 15, "others": 26}),
        ("samm", "samm-8", 29,
         {"anger": 57, "contempt": 12, "disgust": 9, "fear": 8, "happiness": 26, "sadness": 6, "surprise": 15,
          "others": 26}),
        ("cas-me-2", "cas-me-2-4", 14, {"negative": 21, "positive": 8, "surprise": 9, "others": 19}),
        ("mmew", "mmew-7", 30,
         {"happiness": 36, "surprise": 89, "anger": 8, "disgust": 72, "fear": 16, "sadness": 13, "others": 66}),
        ("cas-me-3-a", "cas-me-3-a-7", 94,
         {"disgust": 250, "surprise": 187, "others": 161, "fear": 86, "anger": 64, "sadness": 57, "happiness": 55}),
        ("cas-me-3-a", "cas-me-3-a-4", 94, {"negative": 457, "positive": 55, "surprise": 187, "others": 161}),
    ],
)  # fmt: skip
def test_a_full_copy_gives_the_published_counts(
    copy: Copy, corpus: str, task: str, people: int, expected: dict[str, int]
) -> None:
    clips = load_corpus(corpus, copy(corpus), task=task)
    assert clips.counts == expected
    assert not any("expects other counts" in note for note in clips.notes)
    if task != "samm-5":
        assert len(clips.subjects) == people


def test_a_full_samm_has_159_rows_of_29_people(copy: Copy) -> None:
    clips = load_corpus("samm", copy("samm"), task="")
    assert (len(clips), len(clips.subjects)) == (159, 29)
    assert [clip.clip_id for clip in clips if clip.apex is None] == ["028_4_1", "032_3_1"]
    assert clips.notes[1].startswith("samm: 2 cells of the coding table corrected")
    raw = load_corpus("samm", copy("samm"), task="", corrections=False)
    assert raw.notes == ("samm: read from SAMM_Micro_FACS_Codes_v2.xlsx, raw frames",)
    assert [clip.clip_id for clip in raw if clip.apex is None] == ["028_4_1", "032_3_1"]


def test_the_composite_of_megc2019_has_442_clips_of_68_people(copy: Copy) -> None:
    clips = load_corpora({name: copy(name) for name in ("smic-hs", "casme2", "samm")}, "megc2019-3")
    assert clips.counts == {"negative": 250, "positive": 109, "surprise": 83}
    assert len(clips) == 442
    assert len({clip.person for clip in clips}) == 68
    by_corpus = {
        name: {clip.subject for clip in clips if clip.corpus == name} for name in ("smic-hs", "casme2", "samm")
    }
    assert {name: len(people) for name, people in by_corpus.items()} == {"smic-hs": 16, "casme2": 24, "samm": 28}
    named = [item for item in clips.skipped if item.reason.startswith("left out by name")]
    assert [(item.subject, item.clip_id) for item in named] == [("sub04", "EP12_01f"), ("sub05", "EP09_05f")]
    assert len(clips.skipped) == 255 - 145 + 159 - 133
