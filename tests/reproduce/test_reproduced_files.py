"""The files of a reproduction, and the page over them."""

import csv
import re
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from reproduce_fakes import write_run

from dstan.reproduce.files import latex, markdown, tex
from dstan.reproduce.pages import sheets_for, write_all
from dstan.reproduce.runs import read_measured
from dstan.reproduce.sheet import Sheet
from dstan.reproduce.targets import TARGETS

CELLS = re.compile(r"(?<!\\)&")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of two corpora, one of them drawn."""
    out = tmp_path_factory.mktemp("out")
    write_run(out, "casme", synthetic=True)
    write_run(out, "casme2")
    return out


def sheets(out: Path, name: str) -> list[Sheet]:
    found = [one for corpus in ("casme", "casme2") if (one := read_measured(out, corpus)) is not None]
    return sheets_for(TARGETS[name], found)


@pytest.mark.parametrize("name", [name for name in TARGETS if name != "table2"])
def test_latex_is_a_whole_table(out, name):
    for sheet in sheets(out, name):
        text = latex(sheet)
        tables = re.findall(r"\\begin\{table\*\}.*?\\end\{table\*\}", text, re.DOTALL)
        assert len(tables) == (2 if name == "table4" else 1)
        for table in tables:
            _check_table(table)
        assert all(letter.isascii() for letter in text)


def _check_table(table: str) -> None:
    assert all(table.count(word) == 1 for word in (r"\toprule", r"\bottomrule", r"\caption{", r"\label{"))
    assert "SYNTHETIC" in table or "CASME II" in table
    (spec,) = re.findall(r"\\begin\{tabular\}\{(.*)\}", table)
    width = len(re.sub(r"p\{.*?\}\}?", "p", spec))
    body = table[table.index(r"\toprule") : table.index(r"\bottomrule")]
    rows = [line for line in body.splitlines() if line.endswith(r"\\")]
    for row in rows:
        wide = sum(int(number) - 1 for number in re.findall(r"\\multicolumn\{(\d+)\}", row))
        assert len(CELLS.split(row)) + wide == width
    assert len(rows) > 2
    depth = 0
    for letter in re.sub(r"\\[{}]", "", table):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        assert depth >= 0
    assert depth == 0
    assert not re.search(r"(?<!\\)[%#_]", table)


def test_latex_prints_what_it_would_read_as_a_command():
    assert tex("50% of a_b & {c} $5 #1") == r"50\% of a\_b \& \{c\} \$5 \#1"
    assert tex("\\input~^") == r"\textbackslash{}input\textasciitilde{}\textasciicircum{}"
    assert tex("\N{MINUS SIGN}0.1 ± 2 “x” —") == r"$-$0.1 $\pm$ 2 ``x'' ---"
    assert tex("[0, 1]") == "{}[0, 1]"  # after a line break a bracket would be its argument


def test_latex_never_passes_on_what_it_cannot_print():
    assert tex("Zoë \N{SNOWMAN}") == "Zoë ?"


def test_markdown_keeps_a_bar_in_its_cell(out):
    (sheet,) = sheets(out, "table1")
    odd = replace(sheet, rows=(("a|b", *sheet.rows[0][1:]),))
    lines = [line for line in markdown(odd).splitlines() if line.startswith("|")]
    assert len({len(re.split(r"(?<!\\)\|", line)) for line in lines}) == 1


def test_everything_is_written_and_shown_on_one_page(out):
    both = [*sheets(out, "table1"), *sheets(out, "figure7")]
    files, index = write_all(both, out)
    assert [sheet.name for sheet in both] == ["table1", "figure7-casme", "figure7-casme2"]
    for kinds in files:
        assert set(kinds) == {"md", "csv", "tex", "png", "svg"}
        assert all(path.stat().st_size for path in kinds.values())
        assert Image.open(kinds["png"]).width > 500
    with files[0]["csv"].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * 4 * 2
    assert {row["faces"] for row in rows if row["data_set"] == "CASME twin"} == {"SYNTHETIC"}
    assert all(row["difference"] == "" for row in rows if row["method"] == "majority")
    page = index.read_text()
    for sheet in both:
        assert sheet.title in page
        for link in re.findall(rf"\(((?:tables|figures)/{sheet.name}\.\w+)\)", page):
            assert (out / link).is_file()
        assert f"({sheet.folder}/{sheet.name}.png)" in page


def test_the_page_keeps_what_an_earlier_command_wrote(out):
    write_all(sheets(out, "table3"), out)
    _, index = write_all(sheets(out, "figure6"), out)
    text = index.read_text()
    assert text.index("Table 3:") < text.index("Figure 6:")


def test_the_same_runs_give_the_same_bytes(out):
    first = {path: path.read_bytes() for kinds in write_all(sheets(out, "table1"), out)[0] for path in kinds.values()}
    again = {path: path.read_bytes() for kinds in write_all(sheets(out, "table1"), out)[0] for path in kinds.values()}
    assert first == again
