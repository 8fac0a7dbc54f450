"""Settings as people read them: what is in force and where it comes from, and the table of the guide.

python -m pixwise.serve.showing docs/serve.md      writes the table anew
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pixwise.docstrings import documented
from pixwise.serve.settings import Settings

__all__ = ["in_force", "table", "with_table"]

_MARKS = ("<!-- settings -->\n", "<!-- end of settings -->\n")


def in_force(settings: Settings) -> str:
    """All settings as TOML that can be a settings file, with the origin of each; secrets are masked."""
    lines = {name: f"{name} = {_toml(value)}" for name, value in settings.told().items()}
    width = min(48, max(map(len, lines.values())))
    return "".join(f"{line:<{width}}  # {settings.origin(name)}\n" for name, line in lines.items())


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return (
            "{ " + ", ".join(f"{_key(name)} = {_toml(each)}" for name, each in value.items()) + " }" if value else "{}"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)  # strings, numbers and booleans are written the same


def _key(name: str) -> str:
    plain = name.replace("-", "").replace("_", "")
    return name if plain.isascii() and plain.isalnum() else json.dumps(name, ensure_ascii=False)


def table() -> str:
    """Every setting with its default and what it is, as Markdown."""
    said, defaults = documented(Settings), Settings.model_construct().told()
    rows = [f"| `{name}` | `{_toml(defaults[name])}` | {said[name]} |\n" for name in Settings.model_fields]
    return "| setting | default | |\n|---|---|---|\n" + "".join(rows)


def with_table(page: str) -> str:
    """A page with the table between its two marks."""
    before, rest = page.split(_MARKS[0])
    return before + _MARKS[0] + table() + _MARKS[1] + rest.split(_MARKS[1])[1]


if __name__ == "__main__":
    guide = Path(sys.argv[1])
    guide.write_text(with_table(guide.read_text("utf-8")), "utf-8")
