"""The twins of SMIC: folders without a table, at three cameras."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image
from safetensors.numpy import load_file

from dstan.corpora import check_corpus, load_corpus
from dstan.preprocessing.landmarks import truth_path
from dstan.synthesis import LAYOUTS, synthesize
from dstan.synthesis.layouts import smic

SIZE = (160, 120)


@pytest.mark.parametrize(
    ("corpus", "people", "counts"),
    [
        ("smic-hs", 16, {"negative": 70, "positive": 51, "surprise": 43}),
        ("smic-vis", 8, {"negative": 23, "positive": 28, "surprise": 20}),
        ("smic-nir", 8, {"negative": 23, "positive": 28, "surprise": 20}),
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_full_plan_has_the_corpus_s_numbers(corpus: str, people: int, counts: dict[str, int], seed: int) -> None:
    layout = LAYOUTS[corpus]
    planned = layout.plan(None, None, seed)
    assert len(planned) == len({video.folder for video in planned}) == layout.clips == sum(counts.values())
    assert {video.subject for video in planned} == set(range(1, people + 1))
    assert Counter(video.emotions[0] for video in planned) == counts


def test_the_full_plan_has_each_subject_s_clips_and_the_gaps_in_their_numbers() -> None:
    planned = LAYOUTS["smic-hs"].plan(None, None, 0)
    assert list(dict.fromkeys(video.folder.split("/")[2] for video in planned)) == [
        f"s{number}" for number in (1, 2, 3, 4, 5, 6, 8, 9, 11, 12, 13, 14, 15, 18, 19, 20)
    ]
    assert Counter(video.emotions[0] for video in planned if "/s3/" in video.folder) == {
        "negative": 22,
        "positive": 11,
        "surprise": 6,
    }
    assert planned[-1].folder == "SMIC_all_raw/HS/s20/micro/surprise/s20_sur_05"


def test_fewer_people_have_all_their_clips() -> None:
    planned = LAYOUTS["smic-hs"].plan(2, None, 0)
    assert Counter(video.folder.split("/")[2] for video in planned) == {"s1": 6, "s2": 6}


@pytest.mark.parametrize(("subjects", "clips"), [(3, 8), (1, 4), (None, 30), (16, 16)])
def test_a_small_plan_keeps_every_class(subjects: int | None, clips: int) -> None:
    planned = LAYOUTS["smic-hs"].plan(subjects, clips, 0)
    assert len(planned) == clips
    assert len({video.folder for video in planned}) == clips
    assert {video.emotions[0] for video in planned} == set(smic.SHORT)


def test_frame_numbers_go_on_through_a_recording() -> None:
    planned = LAYOUTS["smic-hs"].plan(None, None, 0)
    own = [video.first_frame for video in planned if "/s20/" in video.folder]
    assert own == sorted(own)
    assert min(later - earlier for earlier, later in pairwise(own)) >= 1000
    assert len({len(str(video.first_frame)) for video in planned}) > 2


@pytest.fixture(scope="module", params=["smic-hs", "smic-vis", "smic-nir"])
def twin(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    out = tmp_path_factory.mktemp("smic") / "twin"
    cropped = request.param == "smic-hs"
    return request.param, synthesize(request.param, out, subjects=2, clips=5, size=SIZE, workers=0, cropped=cropped)


def test_the_twin_loads_and_checks(twin: tuple[str, Path]) -> None:
    corpus, root = twin
    assert check_corpus(corpus, root, deep=True).ok
    clips = load_corpus(corpus, root)
    assert len(clips) == 5
    assert set(clips.counts) == set(smic.SHORT)
    assert all(clip.files[0].endswith(".bmp") and clip.fps == LAYOUTS[corpus].fps for clip in clips)
    with Image.open(clips[0].path / clips[0].files[0]) as image:
        assert (image.size, image.mode) == (SIZE, "L" if corpus == "smic-nir" else "RGB")


def test_the_whole_folder_is_the_micro_expression(twin: tuple[str, Path]) -> None:
    corpus, root = twin
    for clip in load_corpus(corpus, root):
        ((onset, _, offset),) = load_file(truth_path(clip))["phases"].tolist()
        assert (clip.onset, clip.apex, clip.offset) == (onset, None, offset) == (0, None, len(clip.files) - 1)


def test_the_cropped_faces_load_too(twin: tuple[str, Path]) -> None:
    corpus, root = twin
    if corpus == "smic-hs":
        clips = load_corpus(corpus, root, frames="cropped")
        assert [clip.key for clip in clips] == [clip.key for clip in load_corpus(corpus, root)]
        assert all(clip.cropped and clip.files[0].startswith("reg_image") for clip in clips)
        assert Image.open(clips[0].path / clips[0].files[0]).size == smic.FACE
