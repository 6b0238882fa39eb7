"""Files of the page: whose they are, and when they go."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from dstan.app.desks import Desks, StoppedError
from dstan.app.progress import Finished, Step, follow


@pytest.fixture
def desks(tmp_path: Path) -> Desks:
    return Desks(tmp_path)


def uploaded(desks: Desks, name: str) -> Path:
    """Put a file where Gradio puts uploads."""
    path = desks.root / f"hash-{name}" / name
    path.parent.mkdir()
    path.write_bytes(b"video")
    return path


def everything(desks: Desks) -> list[Path]:
    return [path for path in desks.root.rglob("*") if path.is_file()]


def test_a_new_job_takes_the_place_of_the_one_before_and_its_files_go(desks: Desks) -> None:
    first = desks.begin("anna")
    (first.folder / "preview.mp4").write_bytes(b"x")
    second = desks.begin("anna")
    assert not first.folder.exists()
    assert second.folder.is_dir()
    assert desks.job("anna") is second


def test_what_one_page_does_leaves_the_others_alone(desks: Desks) -> None:
    anna, ben = desks.begin("anna"), desks.begin("ben")
    desks.close("anna")
    assert not anna.folder.exists()
    assert ben.folder.is_dir()
    assert desks.job("anna") is None


def test_folders_of_jobs_cannot_be_guessed_nor_read_by_others(desks: Desks) -> None:
    folders = {desks.begin(f"user {number}").folder for number in range(20)}
    assert len(folders) == 20
    assert all(len(folder.name) == 32 and folder.stat().st_mode & 0o077 == 0 for folder in folders)


def test_an_upload_goes_when_another_takes_its_place_and_when_the_page_is_closed(desks: Desks) -> None:
    first, second = uploaded(desks, "a.mp4"), uploaded(desks, "b.mp4")
    desks.hold("anna", first)
    desks.hold("anna", second)
    assert everything(desks) == [second]
    desks.close("anna")
    assert everything(desks) == []
    assert not first.parent.exists()


def test_an_upload_that_two_pages_hold_stays_until_both_let_go(desks: Desks) -> None:
    shared = uploaded(desks, "same.mp4")
    desks.hold("anna", shared)
    desks.hold("ben", shared)
    desks.close("anna")
    assert shared.exists()
    desks.close("ben")
    assert not shared.exists()


def test_a_folder_in_use_goes_when_the_work_in_it_has_ended(desks: Desks) -> None:
    job = desks.begin("anna")
    with job.work():
        desks.close("anna")
        assert job.folder.is_dir()
        with pytest.raises(StoppedError):
            job.check()
    assert not job.folder.exists()
    with pytest.raises(StoppedError), job.work():
        pass


def test_closing_all_leaves_nothing(desks: Desks) -> None:
    for name in ("anna", "ben"):
        (desks.begin(name).folder / "events.json").write_text("{}")
        desks.hold(name, uploaded(desks, f"{name}.mp4"))
    desks.close_all()
    assert everything(desks) == []


def test_work_is_followed_step_by_step_to_its_result(desks: Desks) -> None:
    seen = threading.Event()

    def work(report) -> str:
        report("spot", 3, 10)
        assert seen.wait(30)
        return "done"

    told = []
    for step in follow(desks.begin("anna"), work):
        told.append(step)
        seen.set()
    assert isinstance(told[0], Step)
    assert (told[0].stage, told[0].done, told[0].total) == ("spot", 3, 10)
    assert told[-1] == Finished("done")


def test_work_ends_at_its_next_report_once_the_job_was_discarded(desks: Desks) -> None:
    job, discarded = desks.begin("anna"), threading.Event()

    def work(report) -> None:
        report("spot", 1, 10)
        assert discarded.wait(30)
        report("spot", 2, 10)
        raise AssertionError("it went on")

    for step in follow(job, work):
        if isinstance(step, Step) and not discarded.is_set():
            desks.stop("anna")
            discarded.set()
    assert isinstance(step, Finished)
    assert isinstance(step.error, StoppedError)
    assert not job.folder.exists()


def test_nobody_following_any_more_discards_the_job(desks: Desks) -> None:
    job = desks.begin("anna")

    def work(report) -> None:
        while True:
            report("spot", 1, 10)

    following = follow(job, work)
    next(following)
    following.close()
    assert job.stopped
    assert not job.folder.exists()
