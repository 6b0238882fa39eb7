"""Trees of frames: recognised by the names of their folders and images, wherever they lie."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from dstan.corpora import places
from dstan.corpora.corpus import Survey
from dstan.corpora.frames import numbered_images
from dstan.errors import CorpusError, CorpusNotFoundError, FrameError


@dataclass(frozen=True)
class Shape:
    """How the frames of a corpus lie below one folder, its tree.

    Parameters
    ----------
    levels
        What folders are called, level by level, from the tree's children to the folder of a clip's frames.
    frame
        What an image is called; the first group is its number.
    example
        Where a frame is, below the corpus's root, for messages.
    tree
        What the tree itself is called, where its children do not tell it from another.
    second
        What a tree is called that is taken only where there is no other, as the corpus comes with more than one.
    parts
        What a tree, or a folder above it, is called that holds a part of the corpus; the first group names the part.
        Trees of different parts are read as one.
    """

    levels: tuple[re.Pattern[str], ...]
    frame: re.Pattern[str]
    example: str
    tree: re.Pattern[str] | None = None
    second: re.Pattern[str] | None = None
    parts: re.Pattern[str] | None = None

    def images(self, folder: Path) -> dict[int, str]:
        """Return the images of a clip's folder by their numbers.

        Raises
        ------
        FrameError
            If there is none, or as :func:`~dstan.corpora.frames.numbered_images`.
        """
        files = numbered_images(folder, self.frame)
        if not files:
            example = Path(self.example).name
            raise FrameError(f"no frames: looked for images like {example} in {folder}", hint="Unpack the corpus again")
        return files


@dataclass(frozen=True)
class Tree:
    """A folder of subjects' folders (or whatever the corpus puts first).

    Parameters
    ----------
    path
        The folder.
    shape
        What lies below it.
    cropped
        Whether its frames are the corpus's own crops.
    more
        Further folders, where the tree lies in several.
    empty
        Whether no image is in it, so that its folders alone tell what it is.
    """

    path: Path
    shape: Shape = field(repr=False)
    cropped: bool
    more: tuple[Path, ...] = ()
    empty: bool = False

    @property
    def paths(self) -> tuple[Path, ...]:
        """All its folders."""
        return self.path, *self.more

    def leaves(self) -> Iterator[Path]:
        """Yield every folder of frames, in the order of their names."""
        for path in self.paths:
            yield from _below(path, self.shape.levels)

    def named(self, parts: tuple[str, ...]) -> Path:
        """Return the folder of a clip under the very names that a table gives; it need not be there."""
        named = [path.joinpath(*parts) for path in self.paths]
        return next((folder for folder in named if folder.is_dir()), named[0])

    def folder(self, parts: tuple[str, ...], alike: Callable[[str], str] = str.casefold) -> Path:
        """Return the folder of a clip, or the only one whose name is alike.

        Parameters
        ----------
        parts
            Names of folders below the tree, as a table gives them.
        alike
            Maps names that mean the same to the same text.
        """
        found = [_resolve(path, parts, alike) for path in self.paths]
        return next((folder for folder in found if folder.is_dir()), found[0])


def choose_tree(survey: Survey, shape: Shape, frames: str | None, title: str) -> Tree:
    """Find the one tree that is meant; the raw frames win where there are both.

    Parameters
    ----------
    survey
        Its root is searched; it is told what is noteworthy.
    shape
        What to look for.
    frames
        ``raw`` or ``cropped``, None for no preference.
    title
        The corpus's name in messages.

    Raises
    ------
    CorpusNotFoundError
        If there is none.
    CorpusError
        If there are several.
    """
    found = [tree for folder, _, _ in places.walk(survey.root) if (tree := _recognise(folder, shape))]
    found = [tree for tree in found if not tree.empty] or found
    wanted = frames or ("cropped" if all(tree.cropped for tree in found) else "raw")
    chosen = [tree for tree in found if tree.cropped == (wanted == "cropped")]
    if not chosen:
        raise CorpusNotFoundError(
            f"no {frames or ''} frames of {title} are here".replace("  ", " "),
            where=survey.root,
            hint=f"There are others: leave out --frames {frames}"
            if found
            else f"Name the folder that holds {shape.example}",
        )
    if shape.second:
        chosen = [tree for tree in chosen if not shape.second.fullmatch(tree.path.name)] or chosen
    if shape.parts:
        chosen = _join(chosen, shape.parts)
    if len(chosen) > 1:
        raise CorpusError(
            f"{len(chosen)} folders hold {wanted} frames: {', '.join(str(tree.path) for tree in chosen)}",
            where=survey.root,
            hint="Name the one that is meant",
        )
    tree = chosen[0]
    survey.cropped = tree.cropped
    for folder in (tree.path, *tree.path.parents):
        if folder.is_relative_to(survey.root) and folder.name == folder.parent.name:
            survey.tell("note", folder, "the folder lies in a folder of the same name, as the archive unpacks")
    for other in found:
        if other.path not in tree.paths:
            survey.tell("note", other.path, f"these {'cropped' if other.cropped else 'raw'} frames are not used")
    return tree


def _join(trees: list[Tree], parts: re.Pattern[str]) -> list[Tree]:
    """Make one tree of several that hold different parts each."""
    known = [
        next((match[1].casefold() for name in reversed(tree.path.parts) if (match := parts.fullmatch(name))), None)
        for tree in trees
    ]
    if None in known or len(set(known)) < len(trees):
        return trees
    return [replace(trees[0], more=tuple(tree.path for tree in trees[1:]))]


def _recognise(folder: Path, shape: Shape) -> Tree | None:
    """Recognise a tree by the first frame in it, or by its folders where nothing at all is in them."""
    if shape.tree and not shape.tree.fullmatch(folder.name):
        return None
    children = places.folders(folder, shape.levels[0])
    if not children:
        return None
    empty = next(_below(folder, shape.levels), None) is not None or not any(map(places.some_names, children))
    for leaf in _below(folder, shape.levels):
        names = places.some_names(leaf)
        frame = next((name for name in names if shape.frame.fullmatch(name)), None)
        if frame is not None:
            cropped = frame.casefold().startswith("reg_") or _says_cropped(folder)
            return Tree(folder, shape, cropped)
        empty = empty and not names
    return Tree(folder, shape, _says_cropped(folder), empty=True) if empty else None


def _says_cropped(folder: Path) -> bool:
    return "crop" in folder.name.casefold()


def _resolve(path: Path, parts: tuple[str, ...], alike: Callable[[str], str]) -> Path:
    for part in parts:
        if not (path / part).is_dir():
            like = [folder for folder in places.folders(path) if alike(folder.name) == alike(part)]
            part = like[0].name if len(like) == 1 else part
        path = path / part
    return path


def _below(folder: Path, levels: tuple[re.Pattern[str], ...]) -> Iterator[Path]:
    for child in places.folders(folder, levels[0]):
        if len(levels) == 1:
            yield child
        else:
            yield from _below(child, levels[1:])
