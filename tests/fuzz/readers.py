"""One harness a reader: a function of bytes that lets nothing but a DstanError through, and the seeds it begins with.

``HARNESSES`` is used twice: by ``test_readers_survive.py`` with a few inputs and all kept regressions, and by
``run.py`` with as many as one likes, guided by coverage.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import shutil
import struct
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dstan.clips import Clip, PreparedClip
from dstan.errors import DstanError

Seeds = Callable[[], Sequence[bytes]]


@dataclass(frozen=True)
class Harness:
    """What reads bytes, and a few that it reads well.

    Parameters
    ----------
    read
        Raises nothing: a DstanError is what a damaged input may end in.
    plain
        The same, but raises that.
    seeds
        Makes whole, small inputs.
    """

    read: Callable[[bytes], None]
    plain: Callable[[bytes], None]
    seeds: Seeds


HARNESSES: dict[str, Harness] = {}


@functools.cache
def scratch() -> Path:
    """Return a folder in memory, where there is one."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="dstan-fuzz-", dir=memory if memory.is_dir() else None))


def harness(seeds: Seeds) -> Callable[[Callable[[bytes], None]], Callable[[bytes], None]]:
    """Register a reader under its own name, with - for _."""

    def register(read: Callable[[bytes], None]) -> Callable[[bytes], None]:
        @functools.wraps(read)
        def reading(content: bytes) -> None:
            with suppress(DstanError):
                read(content)

        HARNESSES[read.__name__.replace("_", "-")] = Harness(reading, read, seeds)
        return reading

    return register


def written(name: str, content: bytes) -> Path:
    """Write a file into the folder in memory."""
    path = scratch() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


# ---------------------------------------------------------------------------------------------------------- tables


def _workbook() -> bytes:
    from openpyxl import Workbook

    book, stream = Workbook(), io.BytesIO()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units", "Estimated Emotion"])
    sheet.append([1, "EP02_01f", 46, 59, 86, "4+L10", "happiness"])
    book.save(stream)
    return stream.getvalue()


def _sheet() -> bytes:
    with zipfile.ZipFile(io.BytesIO(_workbook())) as archive:
        return archive.read("xl/worksheets/sheet1.xml")


TABLE = (
    b"Subject,Filename,OnsetFrame,ApexFrame,OffsetFrame,Action Units,Estimated Emotion\n"
    b"1,EP02_01f,46,59,86,4+L10,happiness\n2,EP09_06f,1,/,40,AU1,others\n"
)


@harness(lambda: [_workbook()])
def table_workbook(content: bytes) -> None:
    """Read a spreadsheet of any kind, in this process."""
    from dstan.corpora.workbook import sheets_of

    with suppress(ValueError):
        sheets_of(content)


@harness(lambda: [_sheet()])
def table_sheet(content: bytes) -> None:
    """Read a whole .xlsx whose one sheet is given as XML."""
    from dstan.corpora.workbook import sheets_of

    if claims_much(content):
        return  # it takes memory by the gigabyte, which is why it is read in a process of its own
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(_workbook_once())) as old, zipfile.ZipFile(stream, "w") as new:
        for name in old.namelist():
            new.writestr(name, content if name == "xl/worksheets/sheet1.xml" else old.read(name))
    with suppress(ValueError):
        sheets_of(stream.getvalue())


_workbook_once = functools.cache(_workbook)


def claims_much(sheet: bytes) -> bool:
    """Tell whether a sheet names cells so far out that a dense table of them takes much memory."""
    import re

    cells = [(column, int(row)) for column, row in re.findall(rb"""r\s*=\s*["']([A-Za-z]*)(\d+)""", sheet)]
    wide = max((len(column) for column, _ in cells), default=0)
    return max((row for _, row in cells), default=0) * 26**wide > 5_000_000


@harness(lambda: [TABLE, TABLE.replace(b",", b";"), b"\xef\xbb\xbf" + TABLE.replace(b",", b"\t")])
def table_csv(content: bytes) -> None:
    """Read a coding table as CSV."""
    from dstan.corpora.tables import read_table, whole_number

    table = read_table(written("table.csv", content), ("Subject", "Filename", "OnsetFrame"), ("ApexFrame",))
    for row in table.rows:
        whole_number(row.cells["OnsetFrame"])


OWN = (
    b"path,subject,label,onset,apex,offset,fps\na,anna,joy,0,1,2,25\na,anna,joy,1,,,\n../b,ben,fear,,,,\n"
    b"/etc,cleo,,0,0,0,1e9\nvideo.mp4,anna,joy,,,,\n"
)


@harness(lambda: [OWN])
def own_corpus(content: bytes) -> None:
    """Load a corpus of one's own from its CSV file: what it names is looked up."""
    from dstan.corpora import load_corpus

    folder = scratch() / "own"
    if not folder.is_dir():
        from PIL import Image

        (folder / "a").mkdir(parents=True)
        for number in range(3):
            Image.fromarray(np.zeros((4, 4), np.uint8)).save(folder / "a" / f"{number}.png")
        (folder / "video.mp4").write_bytes(b"none")
    written("own/clips.csv", content)
    load_corpus("folder", folder)


COLUMNS = [*(f"x_{k}" for k in range(68)), *(f"y_{k}" for k in range(68))]


def _landmarks() -> Sequence[bytes]:
    face = [*(str(k % 17) for k in range(68)), *(str(k // 17) for k in range(68))]
    head = ",".join(["frame", "success", *COLUMNS])
    lines = "\n".join(",".join([str(frame), "1", *face]) for frame in (1, 2))
    return [f"{head}\n{lines}\n".encode(), "\n".join([" ".join(face)] * 2).encode(), ";".join(face).encode()]


@harness(_landmarks)
def landmarks(content: bytes) -> None:
    """Read a file of landmarks."""
    from dstan.preprocessing.landmark_files import read_landmarks

    list(read_landmarks(written("points.csv", content)))


# -------------------------------------------------------------------------------------------------------- settings

TASK = (
    b'name = "mine"\nclasses = ["negative", "positive"]\n[corpora.casme2]\ncolumn = "Estimated Emotion"\n'
    b'dropped = ["others"]\nmapping = {disgust = "negative", happiness = "positive"}\n'
)


@harness(lambda: [TASK])
def task_toml(content: bytes) -> None:
    """Read a task."""
    from dstan.tasks import read_task

    read_task(written("task.toml", content))


SETTINGS = b'[training]\nepochs = 2\nlearning_rate = 1e-3\n[recipe]\nsize = [64, 48]\nflow = "farneback"\n'


@harness(lambda: [SETTINGS, b"training.epochs = 3\n", b"[network]\nlstm_width = 16\n"])
def settings_toml(content: bytes) -> None:
    """Read settings and make a method of them; the first line also as --set."""
    from dstan.config import parse_assignment, read_toml
    from dstan.recognizers import recognizer

    recognizer("dstan", read_toml(written("settings.toml", content)))
    with suppress(DstanError):
        recognizer("dstan", parse_assignment(content.decode().partition("\n")[0]))


# ---------------------------------------------------------------------------------------------------------- models

SMALL = {"recipe": {"size": 32, "steps": 3}, "training": {"epochs": 1}}
NETWORK = {**SMALL, "network": {"lstm_width": 2, "widths": [2, 2]}}


def some_clips() -> list[PreparedClip]:
    """Make clips that every small method takes."""
    rng = np.random.default_rng(0)
    return [
        PreparedClip.from_arrays(
            appearance=rng.random((6, 32, 32), np.float32) * 255,
            flow=rng.standard_normal((6, 2, 32, 32), np.float32),
            label=label,
            subject=f"s{number % 3}",
            clip_id=str(number),
        )
        for number, label in enumerate(("joy", "anger") * 3)
    ]


@functools.cache
def models() -> dict[str, tuple[bytes, bytes]]:
    """Fit a few small models; their two files."""
    from dstan.recognizers import recognizer, save_model

    made = {}
    folder = scratch() / "models"
    for name, settings in (("majority", {}), ("lbp-top", {"svm": {"C": [1.0]}}), ("stan-a", {})):
        own = {} if name == "majority" else {"recipe": SMALL["recipe"], **settings}
        if name == "stan-a":
            own |= {"training": {"epochs": 1}, "network": {"lstm_width": 2}}
        save_model(recognizer(name, own).fit(some_clips()), folder / name)
        made[name] = tuple((folder / name / file).read_bytes() for file in ("model.json", "model.safetensors"))
    return made


def load(document: bytes, arrays: bytes) -> None:
    """Load a model and ask it about a clip."""
    from dstan.recognizers import load_model

    written("model/model.json", document)
    written("model/model.safetensors", arrays)
    loaded = load_model(scratch() / "model")
    if loaded.name in ("majority", "lbp-top"):
        loaded.predict_details(some_clips()[:1])


@harness(lambda: [document for document, _ in models().values()])
def model_json(content: bytes) -> None:
    """Load a model whose document is given; the arrays are those that its method's own model has."""
    own = next((arrays for name, (_, arrays) in models().items() if f'"{name}"'.encode() in content), b"")
    load(content, own or models()["majority"][1])


@harness(lambda: [arrays for _, arrays in models().values()])
def model_arrays(content: bytes) -> None:
    """Load a model whose arrays are given, with a document that names their digest."""
    own = "stan-a" if b"lstm" in content else "lbp-top" if b"svm" in content else "majority"
    document = json.loads(models()[own][0])
    document["digests"]["model.safetensors"] = hashlib.sha256(content).hexdigest()
    load(json.dumps(document).encode(), content)


def _prepared() -> Sequence[bytes]:
    path = scratch() / "prepared.safetensors"
    some_clips()[0].save(path)
    return [path.read_bytes()]


@harness(_prepared)
def prepared_clip(content: bytes) -> None:
    """Read a prepared clip, as a cache or a run holds them."""
    clip = Clip("c", "s", "1", Path())
    PreparedClip.load(written("clip.safetensors", content), clip)


# ------------------------------------------------------------------------------------------------------------ runs

PARTS = (
    "run.json", "majority/predictions.csv", "skipped.csv", "inputs.json", "majority/folds/s0-seed0/fold.json",
    "majority/search.json", "looks.json", "majority/metrics.json",
)  # fmt: skip
SEARCH = {
    "settings": ["svm.C"], "candidates": [{"svm.C": [1.0]}, {"svm.C": [2.0]}], "parts": 2, "score": "uf1",
    "choices": [{"fold": "s0", "seed": 0, "scores": [0.5, None], "chosen": 0}],
}  # fmt: skip
LOOKS = [
    {
        "name": "c",
        "emotion": "joy",
        "lines": ["a"],
        "warnings": [],
        "full": True,
        "pictures": {"crop": "data:image/png,"},
    }
]


@functools.cache
def run_files() -> dict[str, bytes]:
    """Evaluate the simplest method once; the files of its run."""
    import dstan
    from dstan.recognizers import recognizer

    folder = scratch() / "made"
    dstan.evaluate(recognizer("majority"), some_clips(), out=folder, workers=0)
    (folder / "majority" / "search.json").write_text(json.dumps(SEARCH))
    (folder / "looks.json").write_text(json.dumps(LOOKS))
    shutil.copytree(folder, scratch() / "run")
    return {part: (folder / part).read_bytes() for part in PARTS}


@harness(lambda: [bytes([number]) + run_files()[part] for number, part in enumerate(PARTS)])
def run_folder(content: bytes) -> None:
    """Read a run of which one file is given: the first byte says which."""
    from dstan.evaluation.inputs import read_clips
    from dstan.reports.looks import read_looks
    from dstan.reports.search import read_search

    files = run_files()
    part = PARTS[content[0] % len(PARTS)] if content else PARTS[0]
    run = scratch() / "run"
    own: dict[str, Callable[[Path], object]] = {
        "inputs.json": read_clips,
        "looks.json": read_looks,
        "majority/search.json": lambda run: read_search(run / "majority"),
    }
    (run / part).write_bytes(content[1:])
    try:
        own.get(part, load_and_score)(run)
    finally:
        (run / part).write_bytes(files[part])


def load_and_score(run: Path) -> None:
    """Read a run and compute what a report shows of it."""
    from dstan.evaluation.results import load_run

    loaded = load_run(run)
    for result in loaded.results.values():
        _ = result.confusion, result.scores, result.per_seed, result.calibration, result.per_corpus
    _ = loaded.costs


# -------------------------------------------------------------------------------------------------------- pictures


def _pictures() -> Sequence[bytes]:
    from PIL import Image

    pixels = (np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3) * 7) % 251
    made = []
    for form in ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "PPM"):
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, form)
        made.append(stream.getvalue())
    deep = io.BytesIO()
    Image.fromarray(pixels[..., 0].astype(np.uint16) * 200).save(deep, "PNG")
    return [*made, deep.getvalue()]


@harness(_pictures)
def image(content: bytes) -> None:
    """Decode an image as a frame, grey and in colour, and look at it as ``dstan check`` does."""
    from dstan.corpora.frames import image_size
    from dstan.video import read_frames

    path = written("pictures/img1.png", content)
    for read in (
        lambda: list(read_frames(path.parent)),
        lambda: list(read_frames(path.parent, colour=True)),
        lambda: image_size(path, deep=True),
    ):
        with suppress(DstanError):
            read()


def _videos() -> Sequence[bytes]:
    from dstan.video import write_video

    frames = [np.full((16, 16, 3), 40 * index, np.uint8) for index in range(4)]
    made = []
    for name, codec in (("a.mp4", "libx264"), ("a.mkv", "ffv1"), ("a.avi", "mjpeg")):
        path = scratch() / name
        write_video(path, frames, 25, codec=codec)
        made.append(path.read_bytes())
    return made


@harness(_videos)
def video(content: bytes) -> None:
    """Read the packets of a video, then decode it, then enter it in the middle."""
    from dstan.video import read_frames, video_info

    path = written("video.mp4", content)
    for read in (
        lambda: video_info(path),
        lambda: [next(read_frames(path)) for _ in range(1)],
        lambda: list(read_frames(path, start=2, stop=3, colour=True)),
    ):
        with suppress(DstanError, StopIteration):
            read()


def _boxes() -> Sequence[bytes]:
    table = struct.pack(">I4sIIII", 24, b"stts", 0, 1, 4, 512) + struct.pack(">I4sIII", 20, b"stsz", 0, 1, 4)
    inside = table
    for kind in (b"stbl", b"minf", b"mdia", b"trak", b"moov"):
        inside = struct.pack(">I4s", 8 + len(inside), kind) + inside
    return [struct.pack(">I4s", 8, b"ftyp") + inside]


@harness(_boxes)
def video_boxes(content: bytes) -> None:
    """Read what the sample tables of an MP4 file claim."""
    from dstan.video.boxes import claimed_samples

    claimed_samples(written("boxes.mp4", content))
