"""Every error that dstan raises on purpose.

Each error says what is wrong, where (clip, file, setting) and what to do next, and also inherits the builtin that
fits, so that ``except ValueError`` works as one would expect::

    DstanError
    ├── ConfigError (ValueError)               a setting is unknown or out of range
    ├── UnknownNameError (LookupError)         no such method, corpus, task ...
    ├── ShapeError (ValueError)                an array has the wrong shape, type or range
    ├── NotFittedError (RuntimeError)          predict before fit
    ├── ContractError (AssertionError)         a recogniser breaks what every recogniser promises
    ├── MissingDependencyError (ImportError)   an optional library cannot be imported
    ├── CorpusError (ValueError)               a corpus cannot be read as a whole
    │   ├── CorpusNotFoundError (FileNotFoundError)   its folder or its coding table is not there
    │   └── AnnotationError                    its coding table cannot be understood
    ├── ClipError (ValueError)                 one clip cannot be used: it is skipped, named and counted
    │   ├── FrameError (OSError)               a frame is missing, truncated or not an image
    │   ├── AnnotationRangeError               onset, apex and offset do not fit the frames
    │   └── FaceError (LookupError)            no face
    ├── ModelError (ValueError)                a model folder cannot be used
    ├── RunError (ValueError)                  a run folder cannot be used or continued
    ├── StorageError (OSError)                 something cannot be written: disk full, read-only or not yours
    ├── TrackingError (ConnectionError)        a tracking server does not answer or refuses
    └── TaskFailedError (RuntimeError)         work sent to a worker failed there
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class DstanError(Exception):
    """Root of the errors that dstan raises on purpose.

    Parameters
    ----------
    what
        What is wrong, a phrase without a full stop.
    where
        The clip, file or setting concerned.
    hint
        What to do or to type next.
    """

    def __init__(self, what: str, *, where: object = None, hint: str | None = None) -> None:
        self.what = what
        self.where = None if where is None else str(where)
        self.hint = hint
        super().__init__(what, self.where, hint)

    def __str__(self) -> str:
        where = f"{self.where}: " if self.where else ""
        hint = f". {self.hint}" if self.hint else ""
        return f"{where}{self.what}{hint}"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.what, self.where, self.hint)


def _rebuild(kind: type[DstanError], what: str, where: str | None, hint: str | None) -> DstanError:
    return kind(what, where=where, hint=hint)


@contextmanager
def naming(where: object) -> Iterator[None]:
    """Say of which clip or file an error is that does not know it itself.

    Parameters
    ----------
    where
        The clip or the file.
    """
    try:
        yield
    except DstanError as error:
        error.where = error.where or str(where)
        raise


class ConfigError(DstanError, ValueError):
    """A setting is unknown, of the wrong type or out of range."""


class UnknownNameError(DstanError, LookupError):
    """No such method, corpus, task or other registered name."""


class ShapeError(DstanError, ValueError):
    """An array has the wrong shape, type or range."""


class NotFittedError(DstanError, RuntimeError):
    """A recogniser was asked to predict before it was fitted."""


class ContractError(DstanError, AssertionError):
    """A recogniser breaks what every recogniser promises."""


class MissingDependencyError(DstanError, ImportError):
    """A library that this step needs cannot be imported."""


class CorpusError(DstanError, ValueError):
    """A corpus cannot be read as a whole."""


class CorpusNotFoundError(CorpusError, FileNotFoundError):
    """A corpus's folder or coding table is not where it was looked for."""


class AnnotationError(CorpusError):
    """A coding table cannot be understood."""


class ClipError(DstanError, ValueError):
    """One clip cannot be used; it is skipped, named and counted."""


class FrameError(ClipError, OSError):
    """A frame is missing, truncated or not an image."""


class AnnotationRangeError(ClipError):
    """Onset, apex and offset do not fit each other or the frames."""


class FaceError(ClipError, LookupError):
    """No face was found where one is needed."""


class ModelError(DstanError, ValueError):
    """A model folder is damaged, incomplete or of another version."""


class RunError(DstanError, ValueError):
    """A run folder is damaged, or belongs to other settings."""


class StorageError(DstanError, OSError):
    """Something cannot be written: the disk is full, read-only or not yours."""

    def __init__(self, what: str, *, where: object = None, hint: str | None = None) -> None:
        super().__init__(what, where=where, hint=hint)
        self.errno, self.strerror, self.filename = None, what, self.where


class TrackingError(DstanError, ConnectionError):
    """A tracking server does not answer, or refuses what it is sent."""


class TaskFailedError(DstanError, RuntimeError):
    """A piece of work failed on the worker that it was sent to."""
