"""Coding tables: headers that stand elsewhere, cells of mixed type, files that are no tables."""

from __future__ import annotations

import datetime

import openpyxl
import pytest
from corpus_copies import write_table

from dstan.corpora.tables import read_table, whole_number
from dstan.errors import AnnotationError, CorpusNotFoundError


def test_cells_are_text_and_row_numbers_are_the_spreadsheet_s(tmp_path):
    day = datetime.datetime(2014, 5, 8)
    rows = [(1, "EP02", 4.5, " x "), (None, None, None, None), (2, True, "/", day)]
    path = write_table(tmp_path / "t.xlsx", rows, ("Subject", "Filename", "Apex Frame", "notes"))
    table = read_table(path, ["subject", "filename"], ["ApexFrame"])
    assert table.columns == ("subject", "filename", "ApexFrame", "notes")
    assert [row.number for row in table.rows] == [2, 4]
    assert table.rows[0].cells == {"subject": "1", "filename": "EP02", "ApexFrame": "4.5", "notes": "x"}
    assert table.rows[1].cells["notes"].startswith("2014-05-08")
    assert table.where(table.rows[1]) == "t.xlsx row 4"


def test_the_header_may_stand_below_text_and_on_another_sheet(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["Read me", "Subject"])
    sheet = book.create_sheet("MICRO_ONLY")
    for _ in range(12):
        sheet.append(["about this table"])
    sheet.append([])
    sheet.append(["Subject", "Filename", "Onset Frame"])
    sheet.append(["006", "006_1_2", 5562])
    book.save(tmp_path / "samm.xlsx")
    (row,) = read_table(tmp_path / "samm.xlsx", ["Subject", "Filename", "OnsetFrame"]).rows
    assert (row.number, row.cells) == (15, {"Subject": "006", "Filename": "006_1_2", "OnsetFrame": "5562"})


def test_a_column_that_occurs_twice_is_an_error(tmp_path):
    path = write_table(tmp_path / "t.xlsx", [(1, 2, 3)], ("Subject", "Onset Frame", "OnsetFrame"))
    with pytest.raises(AnnotationError, match="OnsetFrame occurs more than once"):
        read_table(path, ["Subject", "OnsetFrame"])


def test_csv_cells_may_hold_line_breaks(tmp_path):
    (tmp_path / "t.csv").write_text('a,b\n"one\ntwo",3\n', encoding="utf-8")
    assert read_table(tmp_path / "t.csv", ["a", "b"]).rows[0].cells == {"a": "one\ntwo", "b": "3"}


@pytest.mark.parametrize("content", [b"", b"not a spreadsheet", b"PK\x03\x04cut short"])
def test_a_file_that_is_no_spreadsheet(tmp_path, content):
    (tmp_path / "t.xlsx").write_bytes(content)
    with pytest.raises(AnnotationError, match="cannot be read as a spreadsheet"):
        read_table(tmp_path / "t.xlsx", ["a"])


def test_no_file_and_an_empty_sheet(tmp_path):
    with pytest.raises(CorpusNotFoundError):
        read_table(tmp_path / "t.xlsx", ["a"])
    openpyxl.Workbook().save(tmp_path / "t.xlsx")
    with pytest.raises(AnnotationError, match="empty"):
        read_table(tmp_path / "t.xlsx", ["a"])


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12),
        ("12.0", 12),
        (" 7 ", 7),
        ("", None),
        ("/", None),
        ("\\\\", None),
        ("4.5", None),
        ("nan", None),
        ("inf", None),
    ],
)
def test_whole_numbers(text, number):
    assert whole_number(text) == number
