"""Colours, and the way from a matplotlib figure to an SVG that follows the page between light and dark."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from dstan import _atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Role: (on light paper, on dark paper). Series: Okabe and Ito's palette, told apart by every common kind of colour
# vision, brightened or deepened until each stands out from its paper; shapes repeat what colour says.
COLOURS: dict[str, tuple[str, str]] = {
    "paper": ("#fffffe", "#15191f"),
    "ink": ("#1b1f24", "#e8ebef"),
    "muted": ("#5a6471", "#a3adba"),
    "rule": ("#d5dae0", "#343c47"),
    "baseline": ("#7a828c", "#98a2ae"),
    "series1": ("#0072b2", "#56b4e9"),
    "series2": ("#c25e00", "#f0a04b"),
    "series3": ("#00805d", "#2fc79b"),
    "series4": ("#a9478a", "#df9cc4"),
    "series5": ("#8a7400", "#e8dc5a"),
    "series6": ("#4b4fa8", "#a5a8f0"),
}
SERIES = tuple(role for role in COLOURS if role.startswith("series"))
MARKERS = ("o", "s", "^", "D", "v", "P")
_CSS_PX_PER_POINT = 4 / 3
_SURPLUS_DIGITS = re.compile(r"(\.\d\d)\d+")  # a hundredth of a point is finer than any screen
_PNG_DPI = 160
_ONE_AT_A_TIME = threading.RLock()  # matplotlib's settings are those of the whole process

_RC = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a subject called "$1" is not a formula
    "font.size": 9.5,
    "font.family": "sans-serif",
    "font.sans-serif": ["Liberation Sans", "Arial", "Helvetica", "DejaVu Sans"],
    "axes.edgecolor": COLOURS["muted"][0],
    "axes.labelcolor": COLOURS["muted"][0],
    "axes.titlecolor": COLOURS["ink"][0],
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "figure.facecolor": COLOURS["paper"][0],
    "grid.color": COLOURS["rule"][0],
    "grid.linewidth": 0.8,
    "text.color": COLOURS["ink"][0],
    "xtick.color": COLOURS["muted"][0],
    "xtick.labelcolor": COLOURS["ink"][0],
    "ytick.color": COLOURS["muted"][0],
    "ytick.labelcolor": COLOURS["ink"][0],
    "legend.frameon": False,
}


@dataclass(frozen=True)
class Drawing:
    """A finished figure.

    Parameters
    ----------
    name
        Letters, digits and hyphens, unique on a page.
    svg
        A whole SVG document on white paper, text kept as text.
    alt
        What it shows, in words, for who cannot see it.
    figure
        The figure itself, to be drawn again in another format.
    """

    name: str
    svg: str
    alt: str
    figure: Figure = field(repr=False, compare=False)

    def write(self, stem: Path) -> tuple[Path, Path]:
        """Write ``STEM.png`` and ``STEM.svg``, which show the same; return both paths."""
        import matplotlib

        png, svg = stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.svg")
        with _atomic.replacing(png) as temporary, matplotlib.rc_context(_RC):
            self.figure.savefig(temporary, format="png", dpi=_PNG_DPI, metadata={"Software": None, "Title": self.alt})
        _atomic.write_text(svg, self.svg)
        return png, svg

    def inline(self) -> str:
        """Return the figure as an HTML element whose colours are the page's variables ``--ink``, ``--series1`` ..."""
        root = ElementTree.fromstring(self.svg)
        width = float(root.attrib["viewBox"].split()[2])
        for parent in list(root.iter()):
            for child in [child for child in parent if _bare(child.tag) in ("metadata", "title", "style")]:
                parent.remove(child)
        for element in root.iter():
            element.tag = _bare(element.tag)
            element.attrib = {_bare(key): self._adapted(_bare(key), value) for key, value in element.attrib.items()}
        root.attrib = {"viewBox": root.attrib["viewBox"], "role": "img", "aria-label": self.alt}
        root.attrib["style"] = f"max-width: {width * _CSS_PX_PER_POINT:.0f}px"
        return ElementTree.tostring(root, encoding="unicode", short_empty_elements=True)

    def _adapted(self, key: str, value: str) -> str:
        if key == "id":
            return f"{self.name}-{value}"
        if key == "href":
            return value.replace("#", f"#{self.name}-", 1)
        if key == "clip-path":
            return value.replace("url(#", f"url(#{self.name}-", 1)
        if key == "d":
            return _SURPLUS_DIGITS.sub(r"\1", value)
        if key == "style":
            for role, (light, _) in COLOURS.items():
                value = value.replace(light, f"var(--{role})")
        return value


def _bare(name: str) -> str:
    return name.rpartition("}")[2]


def label(text: str, limit: int = 20) -> str:
    """Return a name from a corpus fit for a figure: printable, and shortened in its middle to ``limit`` characters."""
    clean = _printable(text)
    head, tail = limit // 2, limit - limit // 2 - 1
    return clean if len(clean) <= limit else f"{clean[:head]}…{clean[-tail:]}"


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def colour(role: str) -> str:
    """Return a role's colour on light paper, the one that figures are drawn in."""
    return COLOURS[role][0]


@contextmanager
def style() -> Iterator[None]:
    """Hold matplotlib's settings for the report while figures are made; nothing outside the block changes."""
    import matplotlib

    with _ONE_AT_A_TIME, matplotlib.rc_context(_RC):
        yield


def finish(figure: Figure, name: str, alt: str) -> Drawing:
    """Turn a figure into an SVG that is the same, byte for byte, for the same content."""
    import matplotlib

    stream, alt = io.StringIO(), _printable(alt)
    with matplotlib.rc_context({**_RC, "svg.hashsalt": name}):
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None, "Title": alt})
    return Drawing(name, stream.getvalue(), alt, figure)
