"""`pixwise version`: versions of Pixwise and of what it stands on."""

from __future__ import annotations

import json
import platform
from importlib import metadata

import click

from pixwise import __version__
from pixwise.cli.options import Verb, option

__all__ = ["REQUIRED", "command", "versions"]

REQUIRED = (
    "numpy", "pillow", "onnxruntime", "opencv-python-headless", "rapidocr", "huggingface_hub",
    "click", "tokenizers",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Package → version; empty where it is not installed."""
    return {
        "pixwise": __version__,
        "python": platform.python_version(),
        **{name: version_of(name) for name in REQUIRED},
    }


def version_of(package: str) -> str:
    """Installed version of a package; empty when there is none."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _print(json_: bool) -> int:
    found = versions()
    if json_:
        click.echo(json.dumps(found, indent=2))
    else:
        click.echo("\n".join(f"{name:24}{version or 'not installed'}" for name, version in found.items()))
    return 0


command = Verb(
    "version",
    callback=_print,
    help="Print versions of Pixwise, Python and the packages it stands on.",
    params=[option("Output", "--json", "json_", is_flag=True, help="One JSON document.")],
)
