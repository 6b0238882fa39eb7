"""A recipe: what turns the frames of a clip into arrays, the same for every clip and fitted to none."""

from __future__ import annotations

from dataclasses import dataclass

from dstan.config import Settings, digest_of, setting
from dstan.errors import ConfigError

FITTED = ("rigid_first_frame", "rigid_residual")
"""The alignments that find the face and fit it to the template."""
READ = ("file", "truth")
"""The sources of landmarks that read them, in pixels of the frames as they are on disk."""


@dataclass(frozen=True)
class Recipe(Settings):
    """Settings of preprocessing (section 2.1 of the paper, and what it leaves open)."""

    size: int | tuple[int, int] = setting(
        224, "Side of the square crop, or [height, width], in pixels.", low=32, high=1024
    )
    steps: int = setting(
        9, "Frames of the appearance stream and, but for onset-apex, fields of the flow stream.", low=1, high=512
    )
    alignment: str = setting(
        "rigid_first_frame",
        "One similarity per clip from the first frames; rigid_residual: the head's motion since then is undone too; "
        "corpus: the corpus's own crops; none: the whole frame.",
        choices=(*FITTED, "corpus", "none"),
    )
    landmarks: str = setting(
        "mediapipe",
        "Who finds the face; file reads your own landmarks, cascade finds only a box (coarse), truth reads what "
        "synthesis wrote.",
        choices=("mediapipe", "file", "cascade", "truth"),
    )
    landmark_folder: str = setting(
        "", "Folder of your own files of landmarks; where empty, each lies beside its folder of images or its video."
    )
    face_points: bool = setting(
        False,
        "Landmarks are found also where alignment does not need them: descriptors of regions of the face do.",
    )
    magnification: float = setting(
        0.0, "Eulerian magnification of the aligned frames: how many times motion is added; 0 for none.", low=0, high=50
    )
    magnification_band: str = setting(
        "hz",
        "What is magnified: .8 to 8 Hz at any frame rate, or what the fixed filter of the papers passes.",
        choices=("hz", "paper"),
    )
    flow: str = setting("farneback", "Optical flow algorithm.", choices=("farneback", "tvl1", "dis", "rlof"))
    texture: bool = setting(
        False, "Flow is estimated on the texture of the frames, without their shadows and large smooth shapes."
    )
    temporal_average: float = setting(
        0.03,
        "Flow is taken between averages of neighbouring frames: seconds at which a neighbour's weight has fallen to 0; "
        "0 for single frames.",
        low=0,
        high=1,
    )
    pairs: str = setting(
        "adjacent",
        "Flow between neighbouring frames, from the first to each, or one field from the first to the apex.",
        choices=("adjacent", "onset", "onset-apex"),
    )
    apex: str = setting(
        "annotated",
        "Which frame is the apex: the annotated one, estimated where there is none; always estimated from motion; or "
        "the middle between onset and offset.",
        choices=("annotated", "estimated", "midpoint"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.face_points and self.landmarks == "cascade":
            raise ConfigError(
                "landmarks=cascade finds a box and no points of the face, which face_points=true asks for",
                hint="Use --set recipe.landmarks=mediapipe, or a method that needs no points",
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the crop in pixels."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    def aligned_digest(self) -> str:
        """Digest of what decides the aligned frames; recipes that agree here share that stage of the cache."""
        source = {"landmarks": self.landmarks, "folder": self.landmark_folder}
        return digest_of({"shape": self.shape, "alignment": self.alignment, **source})
