"""Damage to the folders of images, done to the whole images of one event."""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath

from dstan.synthesis.layouts import CodedEvent

FEW = 3
"""Images that are lost, or that an extra folder holds."""


def lose_frames(root: Path, event: CodedEvent) -> Path:
    """Remove images inside of the event."""
    inner = _images(root, event)[1:-1]
    for image in inner[:FEW]:
        image.unlink(missing_ok=True)
    return inner[0]


def empty_image(root: Path, event: CodedEvent) -> Path:
    """Leave an image of 0 bytes."""
    image = _middle(root, event)
    image.write_bytes(b"")
    return image


def cut_image(root: Path, event: CodedEvent) -> Path:
    """Leave half of an image."""
    image = _middle(root, event)
    data = image.read_bytes()
    image.write_bytes(data[: len(data) // 2])
    return image


def not_an_image(root: Path, event: CodedEvent) -> Path:
    """Put text in an image's place."""
    image = _middle(root, event)
    image.write_text("404 Not Found\n", encoding="utf-8")
    return image


def extra_folder(root: Path, event: CodedEvent) -> Path:
    """Lay a folder with a few images beside the video's own: its name with the last letter twice, EP02_01ff."""
    named, below = _split(event)
    extra = named.with_name(named.name + named.name[-1])
    (root / extra / below).mkdir(parents=True, exist_ok=True)
    for image in sorted((root / named / below).glob("*"))[:FEW]:
        shutil.copyfile(image, root / extra / below / image.name)
    return root / extra


def lose_clip(root: Path, event: CodedEvent) -> Path:
    """Remove the video's folder."""
    folder = root / event.video.folder
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def other_case(root: Path, event: CodedEvent) -> Path:
    """Exchange small and capital letters in the name of the video's folder."""
    named, _ = _split(event)
    other = named.with_name(named.name.swapcase())
    _move(root, named, other)
    return root / other


def double_root(root: Path, event: CodedEvent) -> Path:
    """Put the folder of all frames into one of the same name."""
    name = PurePosixPath(event.video.folder).parts[0]
    doubled, aside = PurePosixPath(name, name), PurePosixPath(f"{name}.aside")
    if not (root / doubled).exists():
        _move(root, PurePosixPath(name), aside)
        _move(root, aside, doubled)
    return root / doubled


def _images(root: Path, event: CodedEvent) -> list[Path]:
    """Return the event's images from onset to offset."""
    video = event.video
    numbers = range(int(event.onset or 0), int(event.offset or 0) + 1)
    return [root / video.folder / video.image.format(number) for number in numbers]


def _middle(root: Path, event: CodedEvent) -> Path:
    images = _images(root, event)
    return images[len(images) // 2]


def _split(event: CodedEvent) -> tuple[PurePosixPath, PurePosixPath]:
    """Split the video's folder behind the part that the table names, or at its end."""
    parts = PurePosixPath(event.video.folder).parts
    end = parts.index(event.video.name) + 1 if event.video.name in parts else len(parts)
    return PurePosixPath(*parts[:end]), PurePosixPath(*parts[end:])


def _move(root: Path, old: PurePosixPath, new: PurePosixPath) -> None:
    """Move a folder, and the truth of what is in it along with it."""
    for above in (root, root / "truth" / "clips"):
        for suffix in ("", ".safetensors"):
            source, target = above / f"{old}{suffix}", above / f"{new}{suffix}"
            if source.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                source.rename(target)
