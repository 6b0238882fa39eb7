"""The contact sheet: one row a clip, to see at a glance what preparation made of a corpus."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dstan import _atomic
from dstan._progress import Progress, silent
from dstan.clips import Clip
from dstan.errors import ConfigError
from dstan.reports.drawing import COLOURS, label
from dstan.reports.flow_colours import colour_wheel
from dstan.reports.looks import Look, look_at

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

    from dstan.preprocessing.cache import Cache
    from dstan.preprocessing.recipe import Recipe

ROWS = 40
"""Rows of one file; more clips go into more files."""
SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
_HEIGHT, _GAP, _MARGIN, _TEXT, _HEAD = 168, 14, 28, 214, 132
_COLUMNS = {"first": "first frame", "crop": "aligned", "apex": "apex", "flow": "flow to the apex"}
_WARNING = "#8a4b00"


def check_sheet(out: Path) -> None:
    """See that a contact sheet can be written under a name.

    Raises
    ------
    ConfigError
        If it is neither PNG nor JPEG, or its folder is not there.
    """
    if out.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"{out.name} is neither .png nor .jpg", hint="For example --contact-sheet sheet.png")
    if not out.absolute().parent.is_dir():
        raise ConfigError(f"there is no folder {out.absolute().parent}", hint="Make it first")


def write_contact_sheet(
    clips: Sequence[Clip], recipe: Recipe, cache: Cache, out: Path, *, title: str = "", progress: Progress = silent
) -> list[Path]:
    """Draw prepared clips, forty to a file.

    Parameters
    ----------
    clips
        Clips that can be used, in the order of the rows.
    recipe
        What was done to them.
    cache
        Where they were prepared to.
    out
        The first file, ``.png`` or ``.jpg``; the following are called ``NAME-2.png`` and so on.
    title
        What stands at the top.
    progress
        Called as rows are drawn, stage "draw".

    Returns
    -------
    The files.

    Raises
    ------
    ConfigError
        If ``out`` is neither PNG nor JPEG.
    ClipError
        If a clip cannot be used.
    """
    check_sheet(out)
    files = []
    pages = [clips[start : start + ROWS] for start in range(0, len(clips), ROWS)]
    for number, page in enumerate(pages, start=1):
        looks = []
        for clip in page:
            looks.append(look_at(clip, recipe, cache, _HEIGHT))
            progress("draw", (number - 1) * ROWS + len(looks), len(clips), str(clip))
        where = f"page {number} of {len(pages)}" if len(pages) > 1 else ""
        picture = draw_sheet(looks, title, "  ·  ".join(filter(None, (_recipe_words(recipe), where))))
        file = out if number == 1 else out.with_stem(f"{out.stem}-{number}")
        with _atomic.replacing(file) as temporary:
            picture.save(temporary, format=SUFFIXES[out.suffix.lower()], optimize=True, quality=88)
        files.append(file)
    return files


def draw_sheet(looks: Sequence[Look], title: str, words: str) -> Image.Image:
    """Draw one page.

    Parameters
    ----------
    looks
        Its rows.
    title, words
        What stands at the top, large and small.
    """
    from PIL import Image, ImageDraw

    lefts, left = {}, _MARGIN + _TEXT + 2 * _GAP
    for part in _COLUMNS:
        lefts[part] = left
        left += _GAP + max(getattr(look, part).shape[1] for look in looks)
    width = left - _GAP + _MARGIN
    sheet = Image.new("RGB", (width, _HEAD + len(looks) * (_HEIGHT + _GAP) + _MARGIN), COLOURS["paper"][0])
    pen = ImageDraw.Draw(sheet)
    _draw_head(sheet, pen, title, words, lefts)
    for row, look in enumerate(looks):
        top = _HEAD + row * (_HEIGHT + _GAP)
        _draw_words(pen, look, top)
        for part, left in lefts.items():
            sheet.paste(Image.fromarray(getattr(look, part)), (left, top))
        _draw_scale(pen, look, lefts["flow"] + look.flow.shape[1], top + _HEIGHT)
    return sheet


def _draw_head(sheet: Image.Image, pen: ImageDraw.ImageDraw, title: str, words: str, lefts: dict[str, int]) -> None:
    from PIL import Image

    pen.text((_MARGIN, 24), title, font=_font(25), fill=COLOURS["ink"][0])
    pen.text((_MARGIN, 60), words, font=_font(14), fill=COLOURS["muted"][0])
    for part, left in lefts.items():
        pen.text((left, _HEAD - 10), _COLUMNS[part], font=_font(14), fill=COLOURS["muted"][0], anchor="ls")
    wheel = Image.fromarray(colour_wheel(3 * 76)).resize((76, 76), Image.Resampling.LANCZOS)
    place = (sheet.width - _MARGIN - 76, 16)
    sheet.paste(wheel, place, wheel)
    for line, text in enumerate(("colour: direction", "depth: length", "white: still")):
        pen.text((place[0] - 12, 36 + 18 * line), text, font=_font(13), fill=COLOURS["muted"][0], anchor="rm")


def _draw_words(pen: ImageDraw.ImageDraw, look: Look, top: int) -> None:
    place = top + 2
    said = [(look.name, 15, COLOURS["ink"][0]), (look.emotion, 15, COLOURS["series1"][0])]
    said += [(line, 13, COLOURS["muted"][0]) for line in look.lines]
    said += [(warning, 12, _WARNING) for warning in look.warnings]
    for text, size, colour in said:
        for line in _wrapped(pen, text, size):
            if place + size > top + _HEIGHT:
                return
            pen.text((_MARGIN, place), line, font=_font(size), fill=colour)
            place += size + 5


def _draw_scale(pen: ImageDraw.ImageDraw, look: Look, right: int, bottom: int) -> None:
    """Say in the flow's corner what length the full colour stands for."""
    text, font = f"full colour {look.full:.1f} px", _font(12)
    box = pen.textbbox((right - 7, bottom - 6), text, font=font, anchor="rs")
    pen.rounded_rectangle((box[0] - 5, box[1] - 4, right - 2, bottom - 2), radius=4, fill=COLOURS["paper"][0])
    pen.text((right - 7, bottom - 6), text, font=font, fill=COLOURS["ink"][0], anchor="rs")


def _wrapped(pen: ImageDraw.ImageDraw, text: str, size: int) -> Iterable[str]:
    """Break a text into lines that fit the column of words."""
    line = ""
    for whole in text.split():
        word = next(
            short
            for limit in range(len(whole), 0, -1)
            if pen.textlength(short := label(whole, limit), font=_font(size)) <= _TEXT
        )
        longer = f"{line} {word}".strip()
        if line and pen.textlength(longer, font=_font(size)) > _TEXT:
            yield line
            longer = word
        line = longer
    if line:
        yield line


def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _recipe_words(recipe: Recipe) -> str:
    height, width = recipe.shape
    parts = [f"{height} x {width}", recipe.alignment, f"{recipe.flow} flow, {recipe.pairs}"]
    parts += [f"magnified by {recipe.magnification:g}"] if recipe.magnification else []
    return "  ·  ".join(parts)
