"""The command that opens the web page."""

from __future__ import annotations

import signal
import time
from types import FrameType
from typing import Annotated

import typer

from dstan.cli import options, output

app = typer.Typer()
PANEL = "Video"


@app.command(name="app", rich_help_panel=PANEL)
def web(
    model: options.Model = None,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Where to listen; others than this one let other machines in.")
    ] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=65535, help="The port [default: the first free from 7860].")
    ] = None,
    max_size: Annotated[float, typer.Option(metavar="MB", help="Largest video that is taken.")] = 500,
    max_length: Annotated[float, typer.Option(metavar="SECONDS", help="Longest video that is taken.")] = 600,
    browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in a browser.")] = True,
) -> None:
    """Open a page in the browser: a video in, its micro-expressions out. Nothing leaves this machine.

    Upload a video, record one, or take the example; then click the events on the timeline. Ctrl-C ends it.

    Example: `dstan app --port 7860 --no-open`
    """
    from dstan.app import Limits, open_page
    from dstan.inference import load_model
    from dstan.inference.shipped import SYNTHETIC_ONLY, has_seen_drawn_motion_only

    limits = Limits(max_size, max_length)
    loaded = load_model(model)
    name = "the one that comes along" if model is None else str(model)
    name = f"{loaded.recognizer.name}, {name}"
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        signal.signal(number, _stop)
    try:
        with open_page(loaded, name, host=host, port=port, limits=limits, browser=browser) as server:
            output.say(f"Model: {name}")
            if has_seen_drawn_motion_only(loaded.recognizer):
                output.warn(SYNTHETIC_ONLY)
            if server.local:
                output.say("Nothing leaves this machine. Ctrl-C ends the page and deletes its files.")
            else:
                output.warn(
                    f"--host {host}: everyone who reaches this machine can use the page, without a password and "
                    "unencrypted; browsers elsewhere let it use no camera"
                )
                output.say("Videos go to this machine and nowhere else. Ctrl-C ends the page and deletes its files.")
            output.say(f"The page is at {server.address}", "bold")
            while True:
                time.sleep(3600)
    except KeyboardInterrupt:
        output.say("\nThe page is closed; its files are deleted.")


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
