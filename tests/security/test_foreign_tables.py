"""Coding tables, lists of clips and settings that were made to do harm."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from dstan.clips import Clip
from dstan.config import parse_assignment, read_toml
from dstan.corpora import load_corpus, tables, workbook
from dstan.corpora.tables import read_sheets
from dstan.errors import AnnotationError, ConfigError, CorpusError, FaceError, FrameError
from dstan.preprocessing import landmark_files
from dstan.preprocessing.landmark_files import landmark_file, read_landmarks


def xlsx(path: Path, sheet: bytes) -> Path:
    """Write a workbook whose one sheet is given as XML."""
    from openpyxl import Workbook

    stream = io.BytesIO()
    Workbook().save(stream)
    with zipfile.ZipFile(stream) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, sheet if name == "xl/worksheets/sheet1.xml" else old.read(name))
    return path


def cells(*names: str) -> bytes:
    rows = b"".join(
        b'<row r="%s"><c r="%s" t="inlineStr"><is><t>x</t></is></c></row>'
        % ("".join(filter(str.isdigit, name)).encode(), name.encode())
        for name in names
    )
    space = b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    return b"<worksheet %s><sheetData>%s</sheetData></worksheet>" % (space, rows)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such limit")
def test_a_workbook_that_claims_more_than_memory_is_refused_and_this_process_lives(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "bomb.xlsx", cells("A1", "XFD1048576"))
    assert path.stat().st_size < 10_000
    with pytest.raises(AnnotationError, match="memory"):
        read_sheets(path)
    assert read_sheets(xlsx(tmp_path / "good.xlsx", cells("A1", "C3")))[0][2][2] == "x"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such limit")
def test_a_workbook_is_read_where_a_host_holds_its_users_to_less_memory(tmp_path: Path) -> None:
    path = xlsx(tmp_path / "good.xlsx", cells("A1"))
    held = "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30)); sys.argv[1:] = {!r}; "
    code = held.format([str(path), ""]) + f"runpy.run_path({workbook.__file__!r}, run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == '{"sheets": [[["x"]]]}', done.stderr


def test_a_reader_that_hangs_or_dies_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = xlsx(tmp_path / "good.xlsx", cells("A1"))
    monkeypatch.setattr(tables, "_PATIENCE", 0.001)
    with pytest.raises(AnnotationError, match=r"takes more than 0\.001 seconds"):
        read_sheets(path)
    monkeypatch.setattr(tables, "_PATIENCE", 60)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], -11, b"", b"segfault"))
    with pytest.raises(AnnotationError, match=r"its reader failed \(segfault\)"):
        read_sheets(path)


def test_modules_beside_a_table_are_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("json", "python_calamine", "io", "datetime", "resource"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'touched')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    assert read_sheets(xlsx(tmp_path / "good.xlsx", cells("A1")))
    assert not (tmp_path / "touched").exists()


def test_a_table_of_gigabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    for name in ("line.csv", "book.xlsx"):
        with (tmp_path / name).open("wb") as file:
            file.truncate(2**30)
        with pytest.raises(AnnotationError, match=rf"{name}: the table has 1,024 MB, and at most 128 MB are read"):
            read_sheets(tmp_path / name)


def test_a_million_columns_and_a_long_cell_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text("," * 1_000_000)
    with pytest.raises(AnnotationError, match=r"row 1 has 1,000,001 columns, and at most 16,384 are read"):
        read_sheets(path)
    path.write_text("a,b\n" + "x" * 200_000)
    with pytest.raises(AnnotationError, match="field larger than field limit"):
        read_sheets(path)
    assert workbook.MOST_CELLS > 8 * 1_000_000  # a list of a million clips is read


def test_landmarks_of_gigabytes_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    with path.open("wb") as file:
        file.truncate(landmark_files.MOST_BYTES + 1)
    with pytest.raises(FrameError, match="at most 512 MB are read"):
        list(read_landmarks(path))


@pytest.mark.parametrize("subject", ["../outside", "/etc", "..", "a\0b"])
def test_landmarks_of_a_subject_lie_in_the_folder_of_landmarks(tmp_path: Path, subject: str) -> None:
    (tmp_path / "points").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "clip.csv").write_text("1")
    with pytest.raises(FaceError, match="there is no file of landmarks"):
        landmark_file(Clip("c", subject, "1", tmp_path / "clip"), tmp_path / "points")


@pytest.mark.parametrize("written", ["../secret", "a/../../secret", "a\0b", "x" * 5000, "..\\secret"])
def test_a_path_of_a_list_of_clips_does_not_leave_its_folder(tmp_path: Path, written: str) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "1.png").write_bytes(b"")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "clips.csv").write_text(f'path,subject,label\n"{written}",anna,joy\n')
    try:
        clips = load_corpus("folder", tmp_path / "mine")
    except CorpusError as error:
        assert "secret" not in str(error) or "refused" in str(error) or "no frames" in str(error)  # noqa: PT017
    else:
        assert len(clips) == 0
        assert len(clips.skipped) == 1


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 100_000, "a = " + "9" * 10_000, "a = \udcff", "\0", "a.b.c = {" * 5000]
)
def test_toml_that_breaks_its_parser_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ConfigError, match="not valid TOML"):
        read_toml(path)
    assert parse_assignment(f"a={'[' * 100_000}")["a"].startswith("[")


def test_settings_of_gigabytes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    with path.open("wb") as file:
        file.truncate(2**32)
    with pytest.raises(ConfigError, match="4,096 MB, and at most 4 MB are read"):
        read_toml(path)
