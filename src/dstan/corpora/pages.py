"""The page about each corpus in the docs, made from its declaration: ``python -m dstan.corpora.pages docs/corpora``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from dstan import _atomic
from dstan.corpora.corpus import Corpus
from dstan.corpora.corrections import Correction, corrections_of
from dstan.corpora.registry import CORPORA
from dstan.corpora.whereabouts import variable
from dstan.tasks import TASKS, Task, tasks_of

_MADE = "<!-- Made by make docs from the corpus's declaration: change that, not this page. -->"


def page(corpus: Corpus) -> str:
    """Return a corpus's page as Markdown."""
    sections = [
        f"{_MADE}\n# {corpus.title} (`{corpus.name}`)",
        _numbers(corpus),
        f"**Filmed**, as its paper says: {corpus.filmed}." if corpus.filmed else "",
        f"**To cite.** {corpus.citation}." if corpus.citation else "",
        _access(corpus),
        f"## On disk\n```\n{corpus.layout}\n```",
        _commands(corpus),
        f"## Tasks\n{_tasks(corpus)}",
        _list("## What is odd about it, and how it is read", corpus.quirks),
        _corrections([one for several in corrections_of(corpus.name).values() for one in several]),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def index() -> str:
    """Return the page that lists all corpora."""
    rows = [
        (f"[{corpus.title}]({corpus.name}.md)", f"`{corpus.name}`", corpus.clips, corpus.subjects, corpus.fps)
        for corpus in CORPORA.values()
    ]
    return f"{_MADE}\n# Corpora\n\n" + _table(("corpus", "name", "clips", "people", "fps"), rows) + "\n"


def write_pages(folder: Path) -> list[Path]:
    """Write a page for each corpus and their index.

    Parameters
    ----------
    folder
        Where to.

    Returns
    -------
    The files.
    """
    texts = {"README.md": index(), **{f"{corpus.name}.md": page(corpus) for corpus in CORPORA.values()}}
    for name, text in texts.items():
        _atomic.write_text(folder / name, text)
    return [folder / name for name in texts]


def _numbers(corpus: Corpus) -> str:
    size = f"{corpus.size[0]} x {corpus.size[1]} pixels" if corpus.size else ""
    parts = ((corpus.clips, "clips"), (corpus.subjects, "people"), (corpus.fps, "frames per second"))
    return ", ".join([*(f"{number:g} {unit}" for number, unit in parts if number), *filter(None, [size])])


def _access(corpus: Corpus) -> str:
    apply = f" Apply at {corpus.access}" if corpus.access.startswith("http") else f" {corpus.access}"
    return f"**Licence.** {corpus.licence}.{apply if corpus.access else ''}"


def _commands(corpus: Corpus) -> str:
    lines = {
        f"dstan check {corpus.name} --root DIR": f"or set {variable(corpus.name)} once",
        f"dstan evaluate dstan majority --corpus {corpus.name} --root DIR": "scores on people left out",
    }
    if corpus.citation:
        lines[f"dstan synth {corpus.name} --out twin"] = "a synthetic twin in this layout"
    width = max(map(len, lines))
    return "\n".join(["```", *(f"{command:<{width}}  # {meaning}" for command, meaning in lines.items()), "```"])


def _tasks(corpus: Corpus) -> str:
    rows = [row for name in tasks_of(corpus.name) for row in _task_rows(corpus, TASKS[name])]
    return _table(("task", "reads", "coding table", "clips", "classes"), rows)


def _task_rows(corpus: Corpus, task: Task) -> Iterable[tuple[object, ...]]:
    name = f"`{task.name}`" + (" (the default)" if task.name == corpus.default_task else "")
    for edition, clips, classes in task.expects(corpus.name):
        yield name, task.sources[corpus.name].column, edition, clips, classes


def _corrections(corrections: Sequence[Correction]) -> str:
    if not corrections:
        return ""
    rows = [
        (f"{one.subject}/{one.clip}", one.field, *map(_value, (one.old, one.new)), one.reason, one.source)
        for one in corrections
    ]
    return (
        "## Corrections of the coding table\nApplied where the table says the old value; `--no-corrections` leaves "
        "everything as it is.\n\n" + _table(("clip", "column", "table", "read as", "why", "who says so"), rows)
    )


def _value(text: str) -> str:
    return f"`{text}`" if text else "nothing"


def _list(title: str, sentences: Sequence[str]) -> str:
    return "\n".join([title, *(f"- {sentence}" for sentence in sentences)]) if sentences else ""


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join("" if cell is None else _cell(cell) for cell in line) + " |" for line in lines)


def _cell(value: object) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
