"""What the engine owes to every layout: events, image formats, grey images, sizes, crops; on one made up for it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from openpyxl import load_workbook
from PIL import Image
from safetensors.numpy import load_file

from dstan.clips import Clip
from dstan.corpora import load_corpus
from dstan.errors import ConfigError
from dstan.preprocessing.landmarks import landmark_source, truth_path
from dstan.preprocessing.template import eye_centres
from dstan.synthesis import LAYOUTS, synthesize
from dstan.synthesis.coding import code_events
from dstan.synthesis.layouts import CodedEvent, Crop, Layout, PlannedVideo
from dstan.synthesis.layouts.workbook import write_workbook
from dstan.synthesis.plan import deal_emotions
from dstan.synthesis.timeline import MACRO, MICRO

FPS = 25.0


def plan(subjects: int | None, clips: int | None, seed: int) -> list[PlannedVideo]:
    """One long video of two events, one of a single event in colour of another size."""
    return [
        PlannedVideo(
            subject=1,
            folder="long/P01/a/color",
            name="a",
            emotions=("Happy", "negative"),
            first_frame=17581039,
            image="image{:06d}.bmp",
            before=(1.0, 1.0),
            between=(0.4, 0.4),
            after=(0.2, 0.2),
            kinds=(MICRO, MACRO),
            size=(200, 160),
        ),
        PlannedVideo(2, "long/P02/b/color", "b", ("Surprise+Positive",), 1, "b_{:03d}.png"),
    ]


def write_tables(out: Path, events: Sequence[CodedEvent], seed: int) -> list[Path]:
    rows = [(one.video.name, one.event, one.onset, one.apex, one.offset, one.kind, one.emotion) for one in events]
    return [write_workbook(out / "notes" / "codes.xlsx", {"rules": [("a", 1)], "codes": rows})]


TOY = Layout(
    corpus="toy",
    title="Toy",
    fps=FPS,
    size=(160, 120),
    subjects=2,
    clips=3,
    plan=plan,
    write_tables=write_tables,
    grey=True,
    crop=Crop(lambda video: f"cut/{video.name}", lambda video: f"reg_{video.image}", (70, 90)),
)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(LAYOUTS, "toy", TOY)
        return synthesize("toy", tmp_path_factory.mktemp("toy") / "twin", cropped=True, workers=0)


@pytest.fixture(scope="module")
def events() -> list[CodedEvent]:
    return code_events(TOY, plan(None, None, 0), 0)


def test_frames_are_numbered_and_formatted_as_planned(toy: Path, events: list[CodedEvent]) -> None:
    long = sorted(item.name for item in (toy / "long/P01/a/color").iterdir())
    assert long[0] == "image17581039.bmp"
    assert long[-1] == f"image{17581039 + len(long) - 1}.bmp"
    assert len(long) == events[0].frames == events[1].frames
    short = sorted(item.name for item in (toy / "long/P02/b/color").iterdir())
    assert short == [f"b_{number:03d}.png" for number in range(1, events[2].frames + 1)]
    formats = {Image.open(image).format for image in (toy / "long").rglob("*.*")}
    assert formats == {"BMP", "PNG"}


def test_grey_layouts_have_one_channel_and_videos_their_own_size(toy: Path) -> None:
    seen = Counter((image.parent.parent.name, *Image.open(image).size) for image in (toy / "long").rglob("*.*"))
    assert set(seen) == {("a", 200, 160), ("b", 160, 120)}
    assert {Image.open(image).mode for image in toy.rglob("*.*") if image.suffix in (".bmp", ".png")} == {"L"}


def test_a_size_overrules_the_layout_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LAYOUTS, "toy", TOY)
    root = synthesize("toy", tmp_path / "twin", size=(180, 130), workers=0)
    assert {Image.open(image).size for image in (root / "long").rglob("*.*")} == {(180, 130)}
    assert not (root / "cut").exists()


def test_events_keep_their_pauses_and_kinds(events: list[CodedEvent]) -> None:
    first, second, _ = events
    assert [one.event for one in events] == [0, 1, 0]
    assert first.onset == 17581039 + 25
    assert second.onset == first.offset + 1 + 10
    assert first.video.first_frame + first.frames - 1 == second.offset + 5
    assert [one.kind for one in events] == ["micro", "macro", "micro"]
    assert second.offset - second.onset > 0.5 * FPS >= first.offset - first.onset
    assert [one.emotion for one in events] == ["Happy", "negative", "Surprise+Positive"]


def test_the_truth_lies_by_folder_and_holds_every_event(toy: Path, events: list[CodedEvent]) -> None:
    clip = Clip("toy", "P01", "a-1", toy / "long/P01/a/color")
    assert truth_path(clip) == toy / "truth/clips/long/P01/a/color.safetensors"
    truth = load_file(truth_path(clip))
    coded = [[number - 17581039 for number in (one.onset, one.apex, one.offset)] for one in events[:2]]
    assert truth["phases"].tolist() == coded
    assert truth["apex_field"].shape == (2, 40, 50, 2)
    assert truth["landmarks"].shape == (events[0].frames, 468, 2)
    assert set(truth["action_units"]) == {number for one in events[:2] for number in one.expression.intensities}


def test_the_table_holds_what_the_layout_wrote(toy: Path, events: list[CodedEvent]) -> None:
    book = load_workbook(toy / "notes" / "codes.xlsx")
    assert book.sheetnames == ["rules", "codes"]
    assert [row[2] for row in book["codes"].values] == [one.onset for one in events]


def test_crops_are_the_frames_of_the_events(toy: Path, events: list[CodedEvent]) -> None:
    names = {item.name for item in (toy / "cut/a").iterdir()}
    numbers = [number for one in events[:2] for number in range(one.onset, one.offset + 1)]
    assert names == {f"reg_image{number:06d}.bmp" for number in numbers}
    assert {Image.open(item).size for item in (toy / "cut").rglob("*.*")} == {(70, 90)}
    assert {Image.open(item).mode for item in (toy / "cut").rglob("*.*")} == {"L"}


def test_crops_hold_the_face_where_crops_have_it(tmp_path: Path) -> None:
    root = synthesize("casme2", tmp_path / "twin", subjects=1, clips=1, seed=2, cropped=True, workers=0)
    (clip,) = load_corpus("casme2", root, task="", frames="cropped")
    assert clip.cropped
    assert clip.onset == 0
    assert clip.offset == len(clip.files) - 1
    frames = [cv2.imread(str(clip.path / name))[..., ::-1] for name in clip.files[:3]]
    assert frames[0].shape == (340, 280, 3)
    known = landmark_source("truth").landmarks(clip, frames).points
    eyes = np.stack([known[0][[33, 133]].mean(axis=0), known[0][[362, 263]].mean(axis=0)])
    np.testing.assert_allclose(eyes, eye_centres((340, 280)), atol=6)
    found = landmark_source("mediapipe").landmarks(clip, frames).points
    assert np.median(np.linalg.norm(known - found, axis=-1)) < 3


def test_crops_are_refused_where_the_corpus_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LAYOUTS, "toy", replace(TOY, crop=None))
    with pytest.raises(ConfigError, match="no cropped"):
        synthesize("toy", tmp_path / "twin", cropped=True, workers=0)
    assert not (tmp_path / "twin").exists()


def test_a_corpus_without_a_table_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LAYOUTS, "toy", replace(TOY, write_tables=None))
    root = synthesize("toy", tmp_path / "twin", workers=0, size=(160, 120))
    assert not list(root.rglob("*.xlsx"))
    assert (root / "truth" / "finished.json").is_file()


def test_a_deal_keeps_to_what_a_task_needs_or_says_that_it_cannot() -> None:
    counts = {"sad": 6, "happy": 6}
    dealt = deal_emotions(
        [3, 3, 6], counts, ["sad", "happy"], 0, only={2: ["sad"]}, accept=lambda hands: "sad" in hands[0]
    )
    assert dealt[1] == ["sad"] * 3
    assert "sad" in dealt[0]
    assert Counter(name for hand in dealt for name in hand) == counts
    with pytest.raises(ConfigError, match="cannot be dealt"):
        deal_emotions([3, 9], counts, ["sad", "happy"], 0, accept=lambda hands: False)
    with pytest.raises(ConfigError, match="cannot be dealt"):
        deal_emotions([3, 9], counts, ["sad", "happy"], 0, only={2: ["sad"]})


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_plans_the_corpus_s_own_numbers(layout: Layout) -> None:
    videos = layout.plan(None, None, 0)
    micro = [video for video in videos for event in range(len(video.emotions)) if video.kind(event) is MICRO]
    assert len(micro) == layout.clips
    people = {video.subject for video in videos}
    assert people == set(range(1, max(people) + 1))
    assert len({video.subject for video in micro}) == layout.subjects
    assert len({video.folder for video in videos}) == len(videos)
    assert all(len(video.kinds) in (0, len(video.emotions)) for video in videos)
    assert code_events(layout, videos[:20], 0) == code_events(layout, layout.plan(None, None, 0)[:20], 0)
