"""SMIC: 164 clips of 16 people at high speed (HS), 71 of 8 of them also in visual (VIS) and near infrared light (NIR).

There is no coding table: the folders say who shows what, and a folder's first and last frame are onset and offset.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dstan.clips import Clip
from dstan.corpora import places
from dstan.corpora.corpus import Corpus, Options, Survey
from dstan.corpora.frames import locate, ranges
from dstan.corpora.trees import Shape, Tree, choose_tree
from dstan.errors import ClipError, ConfigError

PEOPLE = "smic"
"""SMIC and SMIC-E film the same people."""
FILMED = (
    "20 people of three ethnicities, in a laboratory in Finland, watching emotional films and told to hide what they "
    "felt; 16 of them showed micro-expressions"
)
LICENCE = "For research, by an agreement with the University of Oulu that a group's leader signs"
ACCESS = "https://www.oulu.fi/cmvs/node/41319"
EMOTIONS = {"ne": "negative", "po": "positive", "sur": "surprise"}
"""The class of a clip by the word in its name, s3_ne_01."""
_NAME = re.compile(r"s(\d+)_([a-z]+)_.+", re.IGNORECASE)
_SUBJECT = re.compile(r"s0*(\d{1,3})", re.IGNORECASE)


def unpadded(name: str) -> str:
    """Write a person's or a clip's name without leading zeros of the person: s3 for s03, s3_ne_01 for s03_ne_01."""
    return re.sub(r"^s0*(?=\d)", "s", name.strip(), flags=re.IGNORECASE)


def tell_name(survey: Survey, where: object, subject: str, clip_id: str, emotion: str) -> None:
    """Tell if a clip's name speaks of another person or another class than its folder or its row."""
    match = _NAME.fullmatch(clip_id)
    if match is None:
        return
    word = EMOTIONS.get(match[2].casefold())
    if word is not None and word != emotion.casefold():
        survey.tell("warning", where, f"is {emotion}, though its name says {word}", f"It counts as {emotion}")
    if f"s{match[1]}" != subject:
        survey.tell("warning", where, f"is of {subject}, though its name says s{match[1]}", f"It counts as {subject}")


@dataclass(frozen=True)
class _Found:
    """A clip's folder and what the folders above it say."""

    subject: str
    clip_id: str
    emotion: str
    path: Path


@dataclass(frozen=True)
class _Reader:
    """Reads what one of the cameras filmed."""

    corpus: str
    title: str
    camera: str
    fps: float

    @property
    def shape(self) -> Shape:
        """How its frames lie below the camera's folder."""
        return Shape(
            levels=(
                _SUBJECT,
                re.compile("micro", re.IGNORECASE),
                re.compile("|".join(EMOTIONS.values()), re.IGNORECASE),
                re.compile(".+"),
            ),
            frame=re.compile(r"(?:reg_)?(?:image)?(\d+)\.(?:bmp|jpe?g|png)", re.IGNORECASE),
            example=f"SMIC_all_raw/{self.camera}/s3/micro/negative/s3_ne_01/image257900.bmp",
            tree=re.compile(rf"(?:smic[-_ ](?:all[-_ ])?)?(?:(?:raw|cropped)[-_ ])?{self.camera}", re.IGNORECASE),
        )

    def survey(self, root: Path, options: Options) -> Survey:
        """Read a copy; see :class:`~dstan.corpora.corpus.Corpus`."""
        if options.coding is not None:
            raise ConfigError(
                f"{self.title} has no coding table: its folders are its annotation", hint="Leave out --coding"
            )
        survey = Survey(self.corpus, places.existing_folder(root))
        tree = choose_tree(survey, self.shape, options.frames, self.title)
        found: defaultdict[tuple[str, str], list[_Found]] = defaultdict(list)
        for item in _find(survey, tree):
            found[item.subject, item.clip_id].append(item)
        for (subject, clip_id), same in found.items():
            try:
                survey.clips.append(self._clip(survey, tree, same))
            except ClipError as error:
                survey.skip(subject, clip_id, error)
        return survey

    def _clip(self, survey: Survey, tree: Tree, same: Sequence[_Found]) -> Clip:
        found = same[0]
        if len(same) > 1:
            folders = ", ".join(str(item.path.relative_to(tree.path)) for item in same)
            raise ClipError(f"{len(same)} folders have its name: {folders}", hint="Remove the wrong ones")
        files = tree.shape.images(found.path)
        span = locate(files, min(files), None, max(files))
        annotation = {"Emotion": found.emotion}
        if span.lost:
            annotation["Lost frames"] = ranges(span.lost)
            survey.tell("warning", found.path, f"frames {ranges(span.lost)} are lost", "The others are used")
        tell_name(survey, found.path, found.subject, found.clip_id, found.emotion)
        return Clip(
            corpus=self.corpus,
            subject=found.subject,
            clip_id=found.clip_id,
            path=found.path,
            files=tuple(files.values()),
            onset=span.onset,
            offset=span.offset,
            fps=self.fps,
            cropped=tree.cropped,
            annotation=annotation,
        )


def _find(survey: Survey, tree: Tree) -> Iterator[_Found]:
    """Yield the clips of micro-expressions, person by person, and tell what else lies there."""
    others = 0
    for person in sorted(places.folders(tree.path), key=_number):
        if not _SUBJECT.fullmatch(person.name):
            survey.tell("note", person, "its name is no subject's", "It is not used")
            continue
        for kind in places.folders(person):
            if kind.name.casefold() == "micro":
                yield from _find_micro(survey, unpadded(person.name), kind)
            elif kind.name.casefold() == "non_micro":
                others += len(places.folders(kind))
            else:
                survey.tell("note", kind, "the folder is neither micro nor non_micro", "It is not used")
    if others:
        survey.tell("note", tree.path, f"{others} clips without a micro-expression (non_micro) are not used")


def _find_micro(survey: Survey, subject: str, micro: Path) -> Iterator[_Found]:
    for emotion in places.folders(micro):
        clips = places.folders(emotion)
        if not clips:
            survey.tell("note", emotion, "there are no folders of clips in it")
        for clip in clips:
            yield _Found(subject, unpadded(clip.name), emotion.name, clip)


def _number(person: Path) -> tuple[int, str]:
    match = _SUBJECT.fullmatch(person.name)
    return int(match[1]) if match else 0, person.name


def _declare(camera: str, fps: float, clips: int, subjects: int, quirk: str) -> Corpus:
    name, title = f"smic-{camera.lower()}", f"SMIC-{camera}"
    return Corpus(
        name=name,
        title=title,
        citation="X. Li et al., A spontaneous micro-expression database: Inducement, collection and baseline, IEEE "
        "International Conference on Automatic Face and Gesture Recognition (FG), 2013, doi:10.1109/FG.2013.6553717",
        licence=LICENCE,
        access=ACCESS,
        default_task="smic-3",
        survey=_Reader(name, title, camera, fps).survey,
        clips=clips,
        subjects=subjects,
        fps=fps,
        size=(640, 480),
        layout=f"""\
SMIC/
  SMIC_all_raw/{camera}/s3/micro/negative/s3_ne_01/image257900.bmp ...
  SMIC_all_raw/{camera}/s3/non_micro/...                  not used
  SMIC_all_cropped/{camera}/s3/micro/negative/s3_ne_01/reg_image257900.bmp ...""",
        quirks=(
            "There is no coding table: the folder negative, positive or surprise is the class.",
            "A clip is cut at its onset and offset; nobody coded an apex.",
            "The clips of non_micro show no micro-expression and are left out.",
            quirk,
            "Some clips of the cropped frames lack frames: they are used without them, with a warning.",
            "People and clips may be written with a zero (s03) or without (s3); both are s3.",
        ),
        people=PEOPLE,
        filmed=FILMED,
    )


_LATER = "The subjects are 11-15 and 18-20, whom the high-speed camera (HS) filmed at the same time."
SMIC_HS = _declare("HS", 100.0, 164, 16, "The subjects are 1-6, 8, 9, 11-15 and 18-20.")
SMIC_VIS = _declare("VIS", 25.0, 71, 8, _LATER)
SMIC_NIR = _declare("NIR", 25.0, 71, 8, _LATER)
