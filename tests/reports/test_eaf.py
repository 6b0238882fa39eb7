"""The ELAN file: every reference leads somewhere, nothing overlaps on a tier, and ELAN's order of elements is kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest

from dstan.inference.shipped import SYNTHETIC_ONLY
from dstan.inference.spotting import Spotting
from dstan.reports.events import write_eaf
from spotted import event, prediction, rejected, spotting

ORDER = ["HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE", "CONSTRAINT"]
"""The elements below the root that are used here, in the order that the schema of EAF 3.0 prescribes."""


def written(found: Spotting, out: Path) -> Element:
    """Write and parse."""
    write_eaf(out, found)
    return ElementTree.parse(out).getroot()


def spans(root: Element, tier: str) -> list[tuple[int, int, str]]:
    """Return begin, end and text of a tier's annotations, those without times of their own by their parents'."""
    slots = {slot.attrib["TIME_SLOT_ID"]: int(slot.attrib["TIME_VALUE"]) for slot in root.iter("TIME_SLOT")}
    by_name = {one.attrib["ANNOTATION_ID"]: one for one in annotations(root)}
    found = []
    for one in annotations(root.find(f"TIER[@TIER_ID='{tier}']")):
        timed = one if one.tag == "ALIGNABLE_ANNOTATION" else by_name[one.attrib["ANNOTATION_REF"]]
        times = (slots[timed.attrib[f"TIME_SLOT_REF{end}"]] for end in (1, 2))
        found.append((*times, one.findtext("ANNOTATION_VALUE")))
    return found


def annotations(where: Element | None) -> Iterator[Element]:
    """Yield the annotations below an element."""
    assert where is not None
    for holder in where.iter("ANNOTATION"):
        (one,) = holder
        yield one


def check(root: Element) -> None:
    """Check what the schema and ELAN demand of a whole document."""
    tags = [child.tag for child in root]
    assert tags == sorted(tags, key=ORDER.index)
    assert root.tag == "ANNOTATION_DOCUMENT"
    assert {"AUTHOR", "DATE", "FORMAT", "VERSION"} <= set(root.attrib)
    assert (root.attrib["FORMAT"], root.find("HEADER").attrib["TIME_UNITS"]) == ("3.0", "milliseconds")
    assert datetime.fromisoformat(root.attrib["DATE"]).tzinfo is not None
    slots = [slot.attrib["TIME_SLOT_ID"] for slot in root.iter("TIME_SLOT")]
    values = [int(slot.attrib["TIME_VALUE"]) for slot in root.iter("TIME_SLOT")]
    assert values == sorted(values)
    assert min(values) >= 0
    every = list(annotations(root))
    names = [one.attrib["ANNOTATION_ID"] for one in every]
    assert len({*slots, *names}) == len(slots) + len(names)  # xsd:ID is unique in the whole document
    last = root.find("HEADER/PROPERTY[@NAME='lastUsedAnnotationId']")
    assert int(last.text) == len(every) == max(int(name.removeprefix("a")) for name in names)
    for one in every:
        known = names if one.tag == "REF_ANNOTATION" else slots
        references = [value for key, value in one.attrib.items() if key != "ANNOTATION_ID"]
        assert references
        assert set(references) <= set(known)
    kinds = {kind.attrib["LINGUISTIC_TYPE_ID"]: kind for kind in root.iter("LINGUISTIC_TYPE")}
    stereotypes = {one.attrib["STEREOTYPE"] for one in root.iter("CONSTRAINT")}
    tiers = {tier.attrib["TIER_ID"]: tier for tier in root.iter("TIER")}
    assert len(tiers) == len(list(root.iter("TIER")))
    for name, tier in tiers.items():
        kind = kinds[tier.attrib["LINGUISTIC_TYPE_REF"]]
        assert ("CONSTRAINTS" in kind.attrib) == ("PARENT_REF" in tier.attrib)
        assert {kind.attrib.get("CONSTRAINTS", "Included_In")} <= stereotypes
        assert tier.attrib.get("PARENT_REF", name) in tiers
        timed = kind.attrib["TIME_ALIGNABLE"] == "true"
        assert all((one.tag == "ALIGNABLE_ANNOTATION") == timed for one in annotations(tier))
        times = spans(root, name)
        assert all(begin < end for begin, end, _ in times)
        assert all(before[1] <= after[0] for before, after in pairwise(times))


def test_events_with_all_that_is_said_of_them_lie_on_tiers(tmp_path: Path) -> None:
    root = written(spotting(tmp_path / "face.mp4"), tmp_path / "face.eaf")
    check(root)
    assert spans(root, "micro-expressions") == [
        (2000, 2333, "surprise"),
        (4000, 4333, "undecided"),
        (16000, 16333, "positive"),
    ]
    assert spans(root, "apex")[0] == (2167, 2200, "frame 65")
    assert spans(root, "confidence")[1] == (4000, 4333, "0.74")
    assert [text for *_, text in spans(root, "probability")] == ["0.80", "0.61"]
    assert [text for *_, text in spans(root, "action units")] == ["AU4 0.93, AU7 0.61"] * 2
    assert spans(root, "regions")[2] == (16000, 16333, "left brow 1.9, mouth 0.8")
    assert spans(root, "face followed") == [(0, 8300, "face"), (13333, 19967, "face")]
    assert spans(root, "warnings") == [(0, 20000, SYNTHETIC_ONLY)]


def test_rejected_motion_that_overlaps_lies_on_a_tier_of_its_own(tmp_path: Path) -> None:
    root = written(spotting(tmp_path / "face.mp4"), tmp_path / "face.eaf")
    assert [text for *_, text in spans(root, "rejected motion")] == ["blink", "blink"]
    assert spans(root, "rejected motion 2") == [(5133, 6133, "mouth")]


def test_the_video_is_found_absolutely_and_from_where_the_file_lies(tmp_path: Path) -> None:
    video = tmp_path / "films" / "Änne & bob.MOV"
    root = written(spotting(video), tmp_path / "out" / "a.eaf")
    (media,) = root.iter("MEDIA_DESCRIPTOR")
    assert media.attrib == {
        "MEDIA_URL": f"file://{video.as_posix()}",
        "MIME_TYPE": "video/quicktime",
        "RELATIVE_MEDIA_URL": "../films/Änne & bob.MOV",
    }
    beside = written(spotting(video), video.with_suffix(".eaf"))
    assert next(beside.iter("MEDIA_DESCRIPTOR")).attrib["RELATIVE_MEDIA_URL"] == "./Änne & bob.MOV"


def test_a_folder_of_images_has_no_media(tmp_path: Path) -> None:
    root = written(spotting(tmp_path), tmp_path / "a.eaf")
    check(root)
    assert not list(root.iter("MEDIA_DESCRIPTOR"))


@pytest.mark.parametrize("fps", [0.5, 240.0, 3000.0])
def test_at_any_frame_rate_the_apex_lies_within_its_event(tmp_path: Path, fps: float) -> None:
    events = tuple(event(20 * n, fps=fps, length=n % 3, prediction=prediction(tmp_path, "surprise")) for n in range(9))
    out = tuple(rejected(20 * n + 5, "head", fps=fps, length=n % 2) for n in range(9))
    found = spotting(tmp_path / "a.mp4", events=events, rejected=out, fps=fps, stretches=())
    root = written(found, tmp_path / "a.eaf")
    check(root)
    for (begin, end, _), (first, last, _) in zip(spans(root, "apex"), spans(root, "micro-expressions"), strict=True):
        assert first <= begin < end <= last


def test_without_events_and_without_a_model_it_is_still_a_document(tmp_path: Path) -> None:
    nothing = spotting(tmp_path / "a.mp4", events=(), rejected=(), stretches=(), warnings=())
    root = written(nothing, tmp_path / "a.eaf")
    assert next(tier.attrib["TIER_ID"] for tier in root.iter("TIER")) == "micro-expressions"
    assert not list(annotations(root))
    unnamed = written(spotting(tmp_path / "a.mp4", events=(event(60),)), tmp_path / "b.eaf")
    check(unnamed)
    assert [text for *_, text in spans(unnamed, "micro-expressions")] == ["micro-expression"]
    assert spans(unnamed, "probability") == []


def test_letters_that_xml_cannot_hold_are_left_out(tmp_path: Path) -> None:
    root = written(spotting(tmp_path / "a.mp4", warnings=("a\x00b\x1b & <c>",)), tmp_path / "a.eaf")
    assert spans(root, "warnings")[0][2].startswith("ab & <c>")
