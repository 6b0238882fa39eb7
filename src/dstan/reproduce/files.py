"""The files of a reproduction: each sheet as Markdown, CSV, LaTeX, PNG and SVG, and a page that shows them together."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from pathlib import Path

from dstan import _atomic
from dstan.reports.text import as_markdown, csv_text, markdown_table
from dstan.reproduce.sheet import Sheet
from dstan.reproduce.targets import TARGETS

INDEX = "README.md"
_NOTES = "on which clips"
_LATIN = "\N{LATIN SMALL LETTER LONG S}"
_ABOUT = (
    "The paper's figures as it prints them, ours as measured by `dstan reproduce`; below each stands what differs. "
    "The folders beside this page named after corpora are runs: `dstan report FOLDER` shows one in full."
)
_TEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\N{MINUS SIGN}": "$-$",
    "\N{PLUS-MINUS SIGN}": r"$\pm$",
    "\N{EM DASH}": "---",
    "\N{LEFT DOUBLE QUOTATION MARK}": "``",
    "\N{RIGHT DOUBLE QUOTATION MARK}": "''",
    "\N{HORIZONTAL ELLIPSIS}": r"\ldots{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}


def write_sheet(sheet: Sheet, out: Path) -> dict[str, Path]:
    """Write all files of a sheet.

    Parameters
    ----------
    sheet
        The table or figure.
    out
        The folder of the reproduction.

    Returns
    -------
    The files by kind: ``md``, ``csv``, ``tex``, ``png``, ``svg``.
    """
    stem = out / sheet.folder / sheet.name
    files = {}
    for kind, text in (("md", markdown(sheet)), ("csv", csv_text(sheet.records)), ("tex", latex(sheet))):
        files[kind] = stem.with_name(f"{sheet.name}.{kind}")
        _atomic.write_text(files[kind], text)
    files["png"], files["svg"] = sheet.drawing.write(stem)
    return files


def markdown(sheet: Sheet) -> str:
    """Return a sheet as a Markdown table with its title above and its caption below."""
    heads = [f"{group}: {name}" if group else name for group, name in sheet.columns]
    rows, words = list(sheet.rows), list(range(sheet.words))
    if sheet.notes:
        words.append(len(heads))
        heads.append(_NOTES)
        rows = [(*row, note) for row, note in zip(rows, sheet.notes, strict=True)]
    parts = [f"### {sheet.title}", markdown_table(heads, rows, words), *map(as_markdown, sheet.caption)]
    return "\n\n".join(parts) + "\n"


def latex(sheet: Sheet) -> str:
    """Return a sheet as LaTeX that needs the package booktabs and nothing else.

    Rows with notes are long: each data set then has a table of its own, so that it fits a page.
    """
    if not sheet.notes:
        return "% \\usepackage{booktabs}\n" + _tex_table(sheet, sheet.name)
    names = list(dict.fromkeys(row[0] for row in sheet.rows))
    tables = [_tex_table(_part(sheet, name), f"{sheet.name}-{number}") for number, name in enumerate(names, start=1)]
    return "\n".join(["% \\usepackage{booktabs}", *tables])


def _part(sheet: Sheet, name: str) -> Sheet:
    """Return the rows of one data set."""
    kept = [place for place, row in enumerate(sheet.rows) if row[0] == name]
    return replace(
        sheet, rows=tuple(sheet.rows[place] for place in kept), notes=tuple(sheet.notes[place] for place in kept)
    )


def _tex_table(sheet: Sheet, name: str) -> str:
    long = r"p{0.13\textwidth}p{0.08\textwidth}"  # the method's name and its fidelity, beside notes
    words = f"l{long}" if sheet.notes else "l" * sheet.words
    spec = words + "r" * (len(sheet.columns) - sheet.words) + r"p{0.2\textwidth}" * bool(sheet.notes)
    heads = [tex(name) for _, name in sheet.columns] + [_NOTES] * bool(sheet.notes)
    lines = [
        r"\begin{table*}",
        r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{tex(' '.join([sheet.title + '.', *sheet.caption]))}}}",
        rf"\label{{tab:{name}}}",
        rf"\begin{{tabular}}{{{spec}}}",
        r"\toprule",
        *_tex_groups(sheet),
        rf"{' & '.join(heads)} \\",
        r"\midrule",
        *_tex_rows(sheet),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table*}",
    ]
    return "\n".join(lines) + "\n"


def _tex_groups(sheet: Sheet) -> list[str]:
    """Return the line of headings over groups of columns, and the rules below it; none where there are no groups."""
    if not any(group for group, _ in sheet.columns):
        return []
    cells, rules, place = [], [], 1
    for group, columns in groupby(group for group, _ in sheet.columns):
        width = len(list(columns))
        if group:
            cells.append(rf"\multicolumn{{{width}}}{{c}}{{{tex(group)}}}")
            rules.append(rf"\cmidrule(lr){{{place}-{place + width - 1}}}")
        else:
            cells += [""] * width
        place += width
    return [rf"{' & '.join(cells + [''] * bool(sheet.notes))} \\", "".join(rules)]


def _tex_rows(sheet: Sheet) -> list[str]:
    """Return the rows, data sets set apart by a rule."""
    lines: list[str] = []
    notes = sheet.notes or ("",) * len(sheet.rows)
    for number, (row, note) in enumerate(zip(sheet.rows, notes, strict=True)):
        if sheet.words > 1 and number and row[0] != sheet.rows[number - 1][0]:
            lines.append(r"\midrule")
        lines.append(rf"{' & '.join(tex(cell) for cell in (*row, *([note] if sheet.notes else [])))} \\")
    return lines


def tex(text: str) -> str:
    """Return text with all that LaTeX reads as a command written so that it prints; "?" for a letter not Latin."""
    escaped = "".join(_TEX.get(letter, letter if letter <= _LATIN else "?") for letter in text)
    return f"{{}}{escaped}" if escaped.startswith("[") else escaped


def write_index(out: Path) -> Path:
    """Write the page that shows every table and figure in a folder, those of earlier commands too.

    Parameters
    ----------
    out
        The folder of the reproduction.
    """
    parts = ["# The paper's tables and figures, and ours\n", f"{_ABOUT}\n"]
    for target in TARGETS.values():
        for page in sorted(out.glob(f"*s/{target.name}*.md")):
            stem = page.relative_to(out).with_suffix("").as_posix()
            links = " · ".join(f"[{kind.upper()}]({stem}.{kind})" for kind in ("csv", "tex", "png", "svg"))
            parts.append(f"{page.read_text(encoding='utf-8')}\n![{target.number}]({stem}.png)\n\n{links}\n")
    _atomic.write_text(out / INDEX, "\n".join(parts))
    return out / INDEX
