"""Commands about clusters of several hosts: cluster keys, cluster slurm."""

from __future__ import annotations

import shlex
import signal
import time
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from dstan.cli import options, output

if TYPE_CHECKING:
    from dstan.cluster import SlurmCluster

app = typer.Typer()
PANEL = "Clusters"
LOOK_AGAIN, ASK_SLURM = 1.0, 15.0
"""Seconds between two looks at who has joined, and at which jobs have ended."""

group = typer.Typer(no_args_is_help=True)
app.add_typer(
    group,
    name="cluster",
    rich_help_panel=PANEL,
    help="Several hosts together: the keys of their messages, and workers through SLURM.\n\n"
    "Example: `dstan cluster slurm --config slurm.toml --dry-run`",
)


@group.command()
def keys(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder, for you alone.")],
    at: Annotated[
        Path | None, typer.Option("--at", metavar="PATH", help="Where it will lie on the hosts, if elsewhere.")
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Make the keys that scheduler, workers and clients on several hosts need to talk to each other by TLS.

    The folder must then lie under the same path on every host. Whoever has it can run code on every worker.

    Example: `dstan cluster keys ~/dstan-keys`
    """
    from dstan.cluster import make_keys

    made = make_keys(folder, at)
    if as_json:
        output.document({"folder": made.folder, "until": made.until.isoformat()})
        return
    there = at or made.folder
    where = f"DASK_CONFIG={shlex.quote(str(there))}"
    output.say(f"Keys until {made.until:%Y-%m-%d}: {made.folder}", "bold")
    output.say(f"It must lie at {there} on every host, for you alone. Then on one host:")
    output.say(f"  {where} dask scheduler --dashboard-address 127.0.0.1:8787")
    output.say("on each host that is to work, with as many processes as it has cores:")
    output.say(f"  {where} dask worker tls://HOST:8786 --nthreads 1 --nworkers 8 --dashboard-address 127.0.0.1:0")
    output.say("and where you work:")
    output.say(f"  {where} dstan evaluate ... --cluster tls://HOST:8786")


@group.command()
def slurm(
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE.toml", help="What is asked of SLURM: --print-config.")
    ] = None,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="One setting, as jobs=20; may be repeated.")
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="FOLDER", help="Keys, logs and the file for --cluster; every node sees it.")
    ] = Path("dstan-cluster"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the script of a job, and submit nothing.")] = False,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print all settings as commented TOML, for --config.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Start a cluster whose workers are SLURM jobs, and keep it until Ctrl-C.

    The scheduler is in this process. A job that ends is replaced by another.

    Example: `dstan cluster slurm --config slurm.toml --set jobs=20`

    What can be set: `dstan cluster slurm --print-config > slurm.toml`
    """
    from dstan.cluster import SlurmSettings, job_script, slurm_cluster

    settings = SlurmSettings.from_dict(options.settings(config, assignments))
    if print_config:
        output.document(settings.to_dict()) if as_json else output.say(settings.to_toml().rstrip())
    elif dry_run:
        script = job_script(settings, out)
        output.document({"jobs": settings.jobs, "script": script}) if as_json else output.say(script.rstrip())
    else:
        for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
            signal.signal(number, _stop)
        try:
            with slurm_cluster(settings, out) as cluster:
                _show(cluster, as_json)
                _keep(cluster, settings.jobs * settings.processes)
        except KeyboardInterrupt:
            output.note("the jobs are cancelled; the cluster is gone")


def _show(cluster: SlurmCluster, as_json: bool) -> None:
    if as_json:
        output.document({"address": cluster.address, "dashboard": cluster.dashboard, "file": cluster.file})
        return
    output.say(f"Scheduler: {cluster.address}", "bold")
    if cluster.dashboard:
        output.say(f"Dashboard: {cluster.dashboard}")
    output.say(f"Next, in another terminal: dstan evaluate ... --cluster {shlex.quote(str(cluster.file))}")
    output.say("Ctrl-C ends the cluster and cancels its jobs.", "dim")


def _keep(cluster: SlurmCluster, wanted: int) -> None:
    """Tell how many have joined whenever that changes, and replace jobs that end; forever."""
    told, asked = None, time.monotonic()
    while True:
        count = cluster.workers()
        if count != told:
            output.note(f"{count} of {wanted} worker processes have joined")
            told = count
        if time.monotonic() - asked > ASK_SLURM:
            for number in cluster.replace_ended():
                output.note(f"job {number} has ended; another takes its place")
            asked = time.monotonic()
        time.sleep(LOOK_AGAIN)


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
