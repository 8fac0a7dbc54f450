"""INPUT… of a command: files, globs, folders (all the way down), `-`, and URLs where they are allowed.

photo.jpg scans/ "*.png" -  ──▶  [Input, Input, …]   in the order given; what cannot be read carries its error
"""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from urllib.parse import urlsplit

import click

from pixwise.errors import PixwiseError, SourceError
from pixwise.reading.sources import PICTURE_SUFFIXES

__all__ = ["Input", "expand", "is_one", "spelt_out"]

DRAWN = ".pixwise"  # photo.pixwise.png is ours; folders and globs pass it over


@dataclass(frozen=True, slots=True)
class Input:
    """One picture to come, or one clip.

    Attributes:
        source: what `Picture.open` takes, and how the answer calls it.
        name: relative path that outputs are named after: `cat.jpg`, `sub/cat.jpg` below a folder.
        error: why it cannot be opened, known before anything is loaded.
        is_clip: it is a clip.
        frames: of a clip that is given as single pictures, their paths in order; `source` is the first.
    """

    source: str
    name: str
    error: PixwiseError | None = None
    is_clip: bool = False
    frames: tuple[str, ...] = ()


def expand(arguments: Sequence[str], *, allow_urls: bool = False) -> list[Input]:
    """Find the pictures that the arguments mean; an argument that means none gives one `Input` with its error."""
    if arguments.count("-") > 1:
        raise click.UsageError("'-' must be given at most once, got it twice; standard input can be read once")
    return [found for argument in arguments for found in _expand_one(argument, allow_urls)]


def spelt_out(arguments: Sequence[str]) -> list[str]:
    """The arguments with the matches of their globs in the place of these; one without matches stays."""
    told: list[str] = []
    for argument in arguments:
        matches = sorted(glob.glob(argument, recursive=True)) if _is_glob(argument) else []
        told += [match for match in matches if not _is_drawn(match)] or [argument]
    return told


def is_one(arguments: Sequence[str]) -> bool:
    """The arguments name one picture itself, not a folder, a glob or a list: its answer is one document."""
    return len(arguments) == 1 and not os.path.isdir(arguments[0]) and not _is_glob(arguments[0])


def _expand_one(argument: str, allow_urls: bool) -> Iterator[Input]:
    if argument == "-":
        yield _standard_input()
    elif argument[:5].lower() == "data:":
        yield Input(argument, "data")
    elif _is_url(argument):
        yield _url(argument, allow_urls)
    elif _is_glob(argument):
        yield from _glob(argument)
    elif os.path.isdir(argument):
        yield from _folder(argument)
    else:
        yield _file(argument)


def _standard_input() -> Input:
    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        wrong = SourceError(
            "-: expected a picture on standard input, got a terminal; pipe one: pixwise … - < photo.jpg"
        )
        return Input("-", "stdin", wrong)
    return Input("-", "stdin")


def _is_url(argument: str) -> bool:
    return argument.lower().startswith(("http://", "https://"))


def _url(argument: str, allow_urls: bool) -> Input:
    name = PurePath(urlsplit(argument).path).name or "url"
    if allow_urls:
        return Input(argument, name)
    return Input(argument, name, SourceError(f"{argument}: expected a file, got a URL; allow them with --allow-urls"))


def _is_glob(argument: str) -> bool:
    return glob.has_magic(argument) and not os.path.lexists(argument) and not _is_url(argument)


def _glob(pattern: str) -> Iterator[Input]:
    """Each match, as if the shell had written it out."""
    matches = sorted(match for match in glob.iglob(pattern, recursive=True) if not _is_drawn(match))
    if "**" in pattern:  # matches folders and what is in them
        matches = [match for match in matches if _is_picture(match)]
    for match in matches:
        yield from _folder(match) if os.path.isdir(match) else (_file(match),)
    if not matches:
        wrong = SourceError(f"{pattern}: expected files that match, got none; check the pattern")
        yield Input(pattern, pattern, wrong)


def _folder(folder: str) -> Iterator[Input]:
    """Pictures below a folder by their suffix, sorted; hidden files and folders are passed over."""
    refused: list[OSError] = []
    found = 0
    for here, folders, files in os.walk(folder, onerror=refused.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for file in sorted(files):
            if _is_picture(file) and not _is_drawn(file):
                found += 1
                path = os.path.join(here, file)
                yield Input(path, os.path.relpath(path, folder))
    for error in refused:
        wrong = SourceError(
            f"{error.filename}: expected a readable folder, got {error.strerror}; check its mode and owner"
        )
        yield Input(str(error.filename), str(error.filename), wrong)
    if not found and not refused:
        wrong = SourceError(
            f"{folder}: expected a folder with pictures, got none in it; pass files by name, or another"
        )
        yield Input(folder, folder, wrong)


def _file(path: str) -> Input:
    """A file; a missing or unreadable one is known now, before a model is loaded for it."""
    name = PurePath(path).name
    if os.path.islink(path) and not os.path.exists(path):
        wrong = SourceError(
            f"{path}: expected a picture, got a link to {os.readlink(path)!r}, which is not there; mend the link"
        )
        return Input(path, name, wrong)
    if not os.path.exists(path):
        near = _near(path)
        hint = f"did you mean {near!r}?" if near else "check the path"
        return Input(path, name, SourceError(f"{path}: expected a picture, got no such file; {hint}"))
    if not os.access(path, os.R_OK):
        wrong = SourceError(f"{path}: expected a readable file, got permission denied; check its mode and owner")
        return Input(path, name, wrong)
    return Input(path, name)


def _near(path: str) -> str:
    """A file beside the missing one whose name looks like it; empty when none does."""
    import difflib

    try:
        names = os.listdir(os.path.dirname(path) or ".")
    except OSError:
        return ""
    close = difflib.get_close_matches(os.path.basename(path), names[:10_000], n=1, cutoff=0.75)
    return os.path.join(os.path.dirname(path), close[0]) if close else ""


def _is_picture(path: str) -> bool:
    return Path(path).suffix.lower() in PICTURE_SUFFIXES and not os.path.basename(path).startswith(".")


def _is_drawn(path: str) -> bool:
    return Path(Path(path).stem).suffix == DRAWN
