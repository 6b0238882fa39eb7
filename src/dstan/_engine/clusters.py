"""Clients of Dask: of processes started on this machine, or of a cluster that runs already."""

from __future__ import annotations

import importlib.util
import ipaddress
import json
import logging
import multiprocessing.spawn
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import SplitResult, urlsplit

from dstan._engine.dashboard import DASHBOARD, dashboard_elsewhere
from dstan._engine.interrupts import ended_in_peace, interrupts_for_this_process
from dstan._engine.one_thread import KEEP_MEMORY, ONE_THREAD
from dstan.errors import ConfigError

ANSWERS_WITHIN = 20.0
"""Seconds in which a scheduler has to answer, at first and after its connection was lost."""
_ENCRYPTED = ("tls", "wss")
_SCHEMES = (*_ENCRYPTED, "tcp", "ws", "ucx", "inproc")


@contextmanager
def remote_client(cluster: str) -> Iterator[Any]:
    """Join a running cluster.

    Parameters
    ----------
    cluster
        The scheduler's address, or the file that it wrote its address to; keys that lie beside that file are used.

    Raises
    ------
    ConfigError
        If nobody answers there, messages would travel unencrypted between hosts, or keys to encrypt them are missing.
    """
    import dask
    from distributed import Client
    from distributed.utils import LoopRunner, silence_logging_cmgr, sync

    address = address_of(cluster)
    with ExitStack() as stack:
        with dask.config.set(_keys_beside(cluster)):
            _check_keys(address)
            runner = LoopRunner()
            runner.start()
            stack.callback(runner.stop)  # a client whose scheduler is gone leaves it running
            try:
                sync(runner.loop, _ask, address)  # a client whose first words are not answered takes long to give up
                client = Client(address, set_as_default=False, timeout=ANSWERS_WITHIN, loop=runner.loop)
            except (OSError, ValueError, TypeError, RuntimeError) as error:
                hint = _hint(address, error)
                raise ConfigError(f"no Dask scheduler answers: {error}", where=address, hint=hint) from error
        stack.enter_context(silence_logging_cmgr(logging.CRITICAL))  # the round tells of a connection that is lost
        stack.enter_context(client)
        DASHBOARD.tell(client)
        with ended_in_peace(stack):
            yield client


async def _ask(address: str) -> None:
    """See that somebody answers there; raise what Dask raises where nobody does."""
    from distributed.comm import connect
    from distributed.security import Security

    (await connect(address, timeout=ANSWERS_WITHIN, **Security().get_connection_args("client"))).abort()


def address_of(cluster: str) -> str:
    """Return the address of a scheduler that is named by it, or by the file that holds it.

    Raises
    ------
    ConfigError
        If the file is none that a scheduler wrote, the address is not one of Dask's, or it is of another host and not
        encrypted: whoever reads or alters Dask's messages can run code.
    """
    address = cluster if "://" in cluster else _address_in(Path(cluster))
    parts = urlsplit(address)
    if parts.scheme not in _SCHEMES or not (_has_port(parts) or parts.scheme == "inproc"):
        hint = "It looks like tls://HOST:8786, or tcp://127.0.0.1:8786 on this machine; http:// is the dashboard's"
        raise ConfigError("this is not the address of a Dask scheduler", where=address, hint=hint)
    if parts.scheme in _ENCRYPTED or parts.scheme == "inproc" or _is_loopback(parts.hostname or ""):
        return address
    raise ConfigError(
        "messages to another host would not be encrypted, and whoever can alter them runs code there",
        where=address,
        hint="Use tls://: dstan cluster keys FOLDER makes what it needs (docs/scaling.md)",
    )


def _has_port(parts: SplitResult) -> bool:
    try:
        return bool(parts.port)
    except ValueError:  # no number, or none of a port
        return False


def _address_in(file: Path) -> str:
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["address"])
    except FileNotFoundError as error:
        hint = "Give --cluster the scheduler's address, as tls://HOST:8786, or the file that it wrote"
        raise ConfigError("there is no such file", where=file, hint=hint) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        hint = "A scheduler writes one with: dask scheduler --scheduler-file FILE"
        raise ConfigError("this is not a scheduler's file", where=file, hint=hint) from error


def _hint(address: str, error: Exception) -> str:
    if "encryption required" in str(error):
        return "The keys that are set (DASK_CONFIG) let nothing go unencrypted: its address begins with tls://"
    if urlsplit(address).scheme in _ENCRYPTED:
        return "See that it runs there, and that both sides have the same keys (DASK_CONFIG): docs/scaling.md"
    return "Start one with: dask scheduler --host 127.0.0.1. Between hosts it needs keys: docs/scaling.md"


def _check_keys(address: str) -> None:
    """See that there is what TLS needs, and that it can be read."""
    from distributed.security import Security

    if urlsplit(address).scheme not in _ENCRYPTED:
        return
    hint = "Set DASK_CONFIG to the folder that dstan cluster keys made for this cluster: docs/scaling.md"
    keys = Security()
    try:
        found = keys.get_connection_args("client")["ssl_context"]
    except OSError as error:  # what ssl raises of broken keys is one, too
        what = f"its keys cannot be read from {keys.tls_client_cert}: {error.strerror or error}"
        raise ConfigError(what, where=address, hint=hint) from error
    if found is None:
        raise ConfigError("messages by TLS need keys, and there are none", where=address, hint=hint)


def _keys_beside(cluster: str) -> dict[str, Any]:
    """Return what Dask is told of keys by the configuration beside a scheduler's file, if there is one."""
    import dask

    if "://" in cluster:
        return {}
    beside = dask.config.collect_yaml([str(Path(cluster).with_name("dask.yaml"))])
    found = [{"distributed": {"comm": dask.config.get("distributed.comm", {}, config=one)}} for one in beside]
    return dict(dask.config.merge(dask.config.config, *found))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def local_client(workers: int) -> Iterator[Any]:
    """Start processes with one thread each that listen on loopback only, and stop them afterwards.

    They have keys of their own that are gone with them: who else is logged in on this machine can reach loopback, and
    whoever may speak to them runs code.

    Parameters
    ----------
    workers
        How many, at least 1.
    """
    import dask
    from distributed import Client, LocalCluster
    from distributed.security import Security

    keys = Security.temporary()
    with ExitStack() as stack:
        stack.enter_context(_main_module_left_alone())
        environment = {"distributed.nanny.pre-spawn-environ": ONE_THREAD | KEEP_MEMORY}
        with dask.config.set(environment), interrupts_for_this_process(), dashboard_elsewhere():
            cluster = stack.enter_context(
                LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    processes=True,
                    host="127.0.0.1",
                    security=keys,
                    dashboard_address=f"127.0.0.1:{DASHBOARD.port}",
                    scheduler_kwargs={"dashboard": importlib.util.find_spec("bokeh") is not None},
                    memory_limit=0,  # the allocator keeps its memory, which a limit would take for a leak
                    silence_logs=logging.CRITICAL,  # a busy machine's late heartbeat would print a traceback
                )
            )
        client = stack.enter_context(Client(cluster, set_as_default=False))
        DASHBOARD.port = client.scheduler_info()["services"].get("dashboard", 0)
        DASHBOARD.tell(client)
        with ended_in_peace(stack):
            yield client


@contextmanager
def _main_module_left_alone() -> Iterator[None]:
    """Keep spawned processes from running the caller's script again, so that it needs no ``__main__`` guard.

    Several threads may be inside at once, and leave in any order.
    """
    _LEFT_ALONE.enter()
    try:
        yield
    finally:
        _LEFT_ALONE.leave()


class _LeftAlone:
    """Who has processes started without the main module, counted; the last one out puts things right."""

    def __init__(self) -> None:
        self._lock, self._holders, self._undo = threading.Lock(), 0, ExitStack()

    def enter(self) -> None:
        with self._lock:
            if self._holders == 0:
                original = multiprocessing.spawn.get_preparation_data

                def without_main(name: str) -> dict[str, Any]:
                    return {key: value for key, value in original(name).items() if not key.startswith("init_main")}

                patch = mock.patch.object(multiprocessing.spawn, "get_preparation_data", without_main)
                self._undo.enter_context(patch)
            self._holders += 1

    def leave(self) -> None:
        with self._lock:
            self._holders -= 1
            if self._holders == 0:
                self._undo.close()


_LEFT_ALONE = _LeftAlone()
