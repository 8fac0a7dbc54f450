"""`pixwise serve`: the service."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import click

from pixwise.cli.options import DEVICES, Verb, option
from pixwise.errors import SetupError

__all__ = ["command", "settings_reader"]

_MORE = (
    "Stops at SIGTERM or Ctrl-C when everything that it took is answered. Every setting is also PIXWISE_<NAME> in the "
    "environment and a line of the file of --config. An option wins over the environment, which wins over the file."
)
_CODES = [
    ("0", "It was told to stop, and everything that it took is answered."),
    ("1", "Something was cut off after grace_s, or it failed."),
    ("2", "It could not start: a setting, the address, the extra 'serve', a GPU."),
]


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


def run(config: str, show_config: bool, new_key: str, probe: bool, **given: Any) -> int:
    """Serve; or tell the settings, make a key, ask a running service. Returns the exit code."""
    read = settings_reader("serve", config, given)
    if new_key:
        return _make_key(new_key)
    settings = read()
    if show_config:
        from pixwise.serve.showing import in_force

        click.echo(in_force(settings), nl=False)
        return 0
    if probe:
        from pixwise.serve.probe import probe as ask

        ask(settings)
        return 0
    from pixwise.serve.running import end_process, serve

    end_process(serve(settings, lambda line: click.echo(line, err=True), read))
    return 0


def _make_key(name: str) -> int:
    """Show a key once, on stderr; what the settings keep of it goes to stdout, as TOML."""
    from pixwise.serve.keys import new_key

    key, kept = new_key(name)
    click.echo(f"Key of {name}, shown this once; give it to nobody else:\n{key}\nInto the settings file:", err=True)
    scopes = json.dumps(list(kept.scopes))
    hashed = kept.sha256.get_secret_value()
    click.echo(f'[[keys]]\nname = "{name}"\nsha256 = "{hashed}"\nscopes = {scopes}')
    return 0


def _command() -> click.Command:
    where, models, process = "Where", "Models", "Process"
    return Verb(
        "serve",
        callback=lambda **options: run(**options),
        help=f"Answer every task over HTTP, and show a page.\n\n{_MORE}",
        more=lambda: {"Exit code": _CODES},
        params=[
            option(where, "--host", metavar="ADDRESS", help="Where to listen.  [default: 127.0.0.1]"),
            option(where, "--port", type=int, metavar="N", help="0 takes a free one.  [default: 8000]"),
            option(models, "--built-in", is_flag=True, help="Take only models that need no download."),
            option(models, "--fetch", is_flag=True, help="Fetch models that are asked for and are not here."),
            option(models, "--preload", multiple=True, metavar="TASK[:MODEL]", help="Load before it is ready."),
            option(models, "--device", type=click.Choice(DEVICES), help="[default: auto]"),
            option(models, "--require-gpu", is_flag=True, help="Do not start without a GPU."),
            option(process, "--workers", type=int, metavar="N", help="Processes, each with its models.  [default: 1]"),
            option(process, "--log", type=click.Choice(("json", "text", "none")), help="[default: json]"),
            option("Settings", "--config", metavar="FILE", default="", help="TOML; also PIXWISE_CONFIG."),
            option("Settings", "--show-config", is_flag=True, help="Print all settings, secrets masked, and end."),
            option("Settings", "--probe", is_flag=True, help="Ask a running service whether it is ready, and end."),
            option("Settings", "--new-key", metavar="NAME", default="", help="Make an API key, print it, and end."),
        ],
    )


command = _command()
