"""Files that a fit reads besides clips are looked at before anything is prepared, and stay the same in a run."""

from pathlib import Path

import pytest
from evaluation_fakes import CLASSES, make_clips

from dstan.errors import ConfigError, RunError
from dstan.evaluation import evaluate, tune
from dstan.recognizers import Majority, recognizer


class Given(Majority):
    """The majority, which reads a file of this content."""

    digest = "1"

    def given(self) -> dict[str, str]:
        return {"vgg16.pth": self.digest}


@pytest.mark.parametrize("name", ["elrcn-te", "elrcn-te-paper", "merta"])
def test_weights_that_are_missing_are_said_before_the_first_clip_is_looked_at(name: str, tmp_path: Path) -> None:
    method = recognizer(name, {"network": {"weights": str(tmp_path / "none.pth")}})
    for run in (evaluate, lambda one, clips: tune(one, {"training.epochs": [1, 2]}, clips)):
        with pytest.raises(ConfigError, match=r"none\.pth"):
            run(method, None)


def test_a_run_tells_the_digest_and_does_not_go_on_with_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def go_on() -> None:
        evaluate(Given(), make_clips(), classes=CLASSES, out=tmp_path / "run", workers=0)

    go_on()
    assert '"files": {' in (tmp_path / "run" / "run.json").read_text(encoding="utf-8")
    go_on()
    monkeypatch.setattr(Given, "digest", "2")
    with pytest.raises(RunError, match=r"other contents of vgg16\.pth"):
        go_on()
