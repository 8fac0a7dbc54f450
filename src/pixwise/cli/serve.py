"""`pixwise serve`: the service."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import click

from pixwise.cli.options import CODE_ROWS, Verb, option
from pixwise.errors import SetupError

__all__ = ["command", "settings_reader"]

_MORE = "Every setting is also PIXWISE_<NAME> in the environment and a key of the TOML file; --show-config tells all."


def settings_reader(verb: str, config: str, given: Mapping[str, Any]) -> Callable[[], Any]:
    """What reads the settings, now and whenever they may have changed.

    Raises:
        SetupError: the extra is not installed.
    """
    try:
        from pixwise.serve.settings import load_settings
    except ImportError as error:
        raise SetupError(
            f"{verb} needs the extra 'serve', got no {error.name}; run: pip install 'pixwise[serve]'"
        ) from error
    said = {name: value for name, value in given.items() if value is not None and value is not False and value != ()}
    return partial(load_settings, config, **said)


def run(config: str, show_config: bool, **given: Any) -> int:
    """Serve, or tell the settings; returns the exit code."""
    read = settings_reader("serve", config, given)
    settings = read()
    if show_config:
        click.echo(json.dumps(settings.told(), indent=2))
        return 0
    from pixwise.serve.running import end_process, serve

    end_process(serve(settings, lambda line: click.echo(line, err=True), read))
    return 0


def _command() -> click.Command:
    section = "Service"
    return Verb(
        "serve",
        callback=lambda **options: run(**options),
        help=f"Answer every task over HTTP, and show a page.\n\n{_MORE}",
        more=lambda: {"Exit code": CODE_ROWS},
        params=[
            option(section, "--host", metavar="ADDRESS", help="Where to listen.  [default: 127.0.0.1]"),
            option(section, "--port", type=int, metavar="N", help="[default: 8000]"),
            option(section, "--workers", type=int, metavar="N", help="Processes.  [default: 1]"),
            option(section, "--built-in", is_flag=True, help="Take only models that need no download."),
            option(section, "--fetch", is_flag=True, help="Fetch models that are asked for and are not here."),
            option(section, "--preload", multiple=True, metavar="TASK[:MODEL]", help="Load before it is ready."),
            option(section, "--config", metavar="FILE", default="", help="Settings as TOML."),
            option(section, "--show-config", is_flag=True, help="Print the settings as JSON, secrets masked, and end."),
        ],
    )


command = _command()
