"""The folder of an export: written beside its place, put there whole, described by its `card.toml`."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from pixwise.errors import OutputError, PixwiseError
from pixwise.recipe import Recipe

__all__ = ["CARD", "card_text", "file_facts", "fresh_folder"]

CARD = "card.toml"


@contextmanager
def fresh_folder(out: Path, force: bool) -> Iterator[Path]:
    """A new folder beside `out`, which takes its place when all went well and leaves no trace when not.

    Raises:
        OutputError: something is there and `force` is not set, or the disk refuses.
    """
    check_place(out, force)
    part = out.with_name(f".{out.name}.{secrets.token_hex(4)}.part")
    try:
        part.mkdir(parents=True)
    except OSError as error:
        raise OutputError(f"{out}: must be a place to write to, got {error.strerror}; choose another -o") from error
    try:
        yield part
        _put(part, out)
    except PixwiseError:
        raise
    except OSError as error:
        said = error.strerror or error
        raise OutputError(f"{out}: must be writable, got {said}; make room or choose another -o") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def check_place(out: Path, force: bool) -> None:
    """Refuse a place that is taken, before anything is loaded."""
    if out.name in ("", ".."):
        raise OutputError(f"{out}: output must have a name, which becomes that of the model, got none; name a folder")
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out}: output must be a folder, got a file; choose another -o")
    if out.is_dir() and any(out.iterdir()) and not force:
        raise OutputError(f"{out}: output must be a new folder, got one with files; choose another -o, or --force")
    if out.is_dir() and force and any(out.iterdir()) and not (out / CARD).exists():
        raise OutputError(f"{out}: --force replaces only a folder with a {CARD}, got one without; choose another -o")


def _put(part: Path, out: Path) -> None:
    """Rename; what was there goes after the new folder is in its place."""
    old = out.with_name(part.name + ".old")
    if out.exists():
        os.replace(out, old)
    try:
        os.replace(part, out)
    except BaseException:  # Ctrl-C too
        if old.exists():
            os.replace(old, out)
        raise
    shutil.rmtree(old, ignore_errors=True)


def file_facts(folder: Path, parts: Mapping[str, str]) -> list[dict[str, Any]]:
    """Every file of a folder with its part, bytes and SHA-256; `parts` is path → name."""
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    facts = []
    for name in sorted(found, key=lambda name: (list(parts).index(name) if name in parts else len(parts), name)):
        with open(folder / name, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        part = {"part": parts[name]} if name in parts else {}
        facts.append({**part, "path": name, "bytes": (folder / name).stat().st_size, "sha256": digest})
    return facts


def card_text(facts: Mapping[str, Any], recipe: Recipe, options: Mapping[str, Any], files: list[Mapping]) -> str:
    """A `card.toml`. Keys without a value are left out.

    Args:
        facts: keys of the card itself.
        recipe: its `input` table; what is as usual is left out.
        options: its `options` table.
        files: as `file_facts` gives them.
    """
    usual = Recipe(size_hw=(1, 1))
    seen = {spec.name: getattr(recipe, spec.name) for spec in fields(Recipe)}
    changed = {name: value for name, value in seen.items() if value != getattr(usual, name)}
    blocks = [
        _lines(facts),
        "[input]\n" + _lines(changed),
        *(["[options]\n" + _lines(options)] if options else []),
        *("[[files]]\n" + _lines(each) for each in files),
    ]
    return "\n".join(blocks)


def _lines(table: Mapping[str, Any]) -> str:
    """TOML of strings, numbers and lists of those: JSON's form of them is TOML's."""
    told = {key: value for key, value in table.items() if value not in ("", None, (), [])}
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in told.items())
