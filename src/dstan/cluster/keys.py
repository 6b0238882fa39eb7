"""Keys for the messages between hosts, in a folder that Dask reads as its configuration.

Whoever has ``key.pem`` may run code on every worker, for Dask's messages are pickled. So the folder is for its owner
alone (0700, files 0600), and nobody without it is let in: scheduler, workers and clients all show a certificate and
check the other's.
"""

from __future__ import annotations

import shutil
import stat
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dstan._engine.one_thread import KEEP_MEMORY, ONE_THREAD
from dstan.errors import ConfigError

CERTIFICATE, KEY, CONFIGURATION = "certificate.pem", "key.pem", "dask.yaml"
_WORDS = """\
# Written by dstan. With DASK_CONFIG={folder} a scheduler, workers and clients talk to each other by TLS,
# and to nobody who has not these keys. They must lie in the same folder on every host, readable by you alone.
"""


@dataclass(frozen=True)
class Keys:
    """A folder of keys.

    Parameters
    ----------
    folder
        Where they lie, an absolute path; the value of ``DASK_CONFIG``.
    until
        When the certificate ends.
    """

    folder: Path
    until: datetime


def make_keys(folder: Path, at: Path | None = None) -> Keys:
    """Make a certificate, its key and the configuration that points to them, valid for a year.

    The certificate is its own authority: nothing else is trusted, and no other is signed with it.

    Parameters
    ----------
    folder
        Is made; it may be there if it is empty.
    at
        Where the folder will lie on the hosts, if elsewhere; an absolute path.

    Raises
    ------
    ConfigError
        If there is something in the folder already, for keys are never overwritten; or ``at`` is not absolute.
    """
    folder = folder.absolute()
    if at is not None and not at.is_absolute():
        raise ConfigError(f"{at} is not an absolute path", hint="Say where the folder lies on every host, from / on")
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))  # 0700
    try:
        for name, text in _contents(at or folder).items():
            path = temporary / name
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")
        _take_the_place(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return read_keys(folder)


def _take_the_place(temporary: Path, folder: Path) -> None:
    try:
        temporary.rename(folder)
    except OSError as error:
        if not folder.exists():
            raise
        hint = "Keys are never overwritten: name a new folder, or delete that one if nothing uses it"
        raise ConfigError("there is something already", where=folder, hint=hint) from error


def _contents(at: Path) -> dict[str, str]:
    import yaml
    from distributed.security import Security

    made = Security.temporary()
    settings = yaml.safe_dump(dask_settings(at), sort_keys=False)
    return {
        CERTIFICATE: made.tls_ca_file,
        KEY: made.tls_client_key,
        CONFIGURATION: _WORDS.format(folder=at) + settings,
    }


def dask_settings(folder: Path) -> dict[str, Any]:
    """Return what Dask is told: TLS with the keys of a folder, and processes as dstan's own tasks expect them.

    Dask's own limit of memory is off, since dstan's processes keep what they have freed; SLURM or the container limits
    them.
    """
    pair = {"cert": str(folder / CERTIFICATE), "key": str(folder / KEY)}
    roles = {role: dict(pair) for role in ("scheduler", "worker", "client")}
    off = dict.fromkeys(("target", "spill", "pause", "terminate"), False)
    return {
        "distributed": {
            "comm": {"require-encryption": True, "tls": {"ca-file": pair["cert"], **roles}},
            "nanny": {"pre-spawn-environ": {**ONE_THREAD, **KEEP_MEMORY}},
            "worker": {"memory": off},
        }
    }


def read_keys(folder: Path) -> Keys:
    """Check a folder of keys.

    Raises
    ------
    ConfigError
        If it holds none, others than its owner can read the key or write there, or the certificate has ended.
    """
    folder = folder.absolute()
    for name in (CERTIFICATE, KEY, CONFIGURATION):
        if not (folder / name).is_file():
            hint = "Name a folder of keys, or one that is not there yet: dstan cluster keys FOLDER makes it"
            raise ConfigError(f"these are no keys: there is no {name}", where=folder, hint=hint)
    hint = f"chmod 700 {folder} && chmod 600 {folder}/*.pem; if they may have done so, make new keys"
    if (folder / KEY).stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError("others than you can read the key", where=folder / KEY, hint=hint)
    if folder.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigError("others than you can put files there", where=folder, hint=hint)
    until = _end(folder / CERTIFICATE)
    if until <= datetime.now(UTC):
        hint = f"Delete {folder} and make new keys: dstan cluster keys {folder}"
        raise ConfigError(f"the certificate has ended on {until:%Y-%m-%d}", where=folder, hint=hint)
    return Keys(folder, until)


def _end(certificate: Path) -> datetime:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
    except ValueError as error:
        raise ConfigError("this is no certificate", where=certificate, hint="Make new keys in a new folder") from error
