"""`pixwise ui`: the page for somebody at this machine: the service on a free port, and a browser that opens it."""

from __future__ import annotations

import threading
import webbrowser
from typing import Any

import click

from pixwise.cli.options import CODE_ROWS, Verb, option
from pixwise.cli.serve import settings_reader

__all__ = ["command"]


def run(config: str, port: int, browser: bool, **given: Any) -> int:
    """Serve the page until interrupted; returns the exit code."""
    read = settings_reader("ui", config, {**given, "port": port, "ui": True, "log": "none"})
    settings = read()
    from pixwise.serve.running import end_process, serve

    end_process(serve(settings, lambda line: _listening(line, browser)))
    return 0


def _listening(line: str, browser: bool) -> None:
    """The socket is open, so whoever comes now waits for the service and does not meet a closed door."""
    address = f"{line.removeprefix('Pixwise listens on ').partition(',')[0]}/ui/"
    click.echo(f"Pixwise shows its page on {address} until you press Ctrl+C", err=True)
    if browser:
        threading.Thread(target=_open, args=(address,), daemon=True).start()  # a browser in a terminal blocks


def _open(address: str) -> None:
    if not webbrowser.open(address):
        click.echo("There is no browser here; open the address in one", err=True)


def _command() -> click.Command:
    section = "Page"
    return Verb(
        "ui",
        callback=lambda **options: run(**options),
        help="Show the web page: the service on a free port of this machine, and a browser that opens it.\n\n"
        "For other machines and programs use pixwise serve, which shows the same page at /ui.",
        more=lambda: {"Exit code": CODE_ROWS},
        params=[
            option(section, "--port", type=int, metavar="N", default=0, help="[default: a free one]"),
            option(section, "--browser/--no-browser", default=True, help="Open it.  [default: yes]"),
            option(section, "--built-in", is_flag=True, help="Take only models that need no download."),
            option(section, "--fetch", is_flag=True, help="Fetch models that are asked for and are not here."),
            option(section, "--config", metavar="FILE", default="", help="Settings of the service as TOML."),
        ],
    )


command = _command()
