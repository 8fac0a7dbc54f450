"""Where output goes: standard output, one file, or a folder; files appear whole or not at all.

-o results.json       data of all inputs (also .jsonl, .csv, .txt for the table)
-o drawn.png          the drawn picture of the one input (also .jpg, .webp …)
-o folder/            a drawn picture per input; with --json a document per input
-o folder/            of verbs that make pictures: one per input, of its name
--draw                drawn pictures beside the data file, in the folder, or in the current directory
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

import click

from pixwise.cli.inputs import DRAWN, Input
from pixwise.errors import OutputError
from pixwise.whole_file import encoded, said

__all__ = [
    "DATA_FORMATS",
    "PICTURE_FORMATS",
    "Plan",
    "StandardOutput",
    "check_writable",
    "plan_output",
    "plan_pictures",
]

DATA_FORMATS = {".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".txt": "table"}
PICTURE_FORMATS = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".avif": "AVIF",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}


@dataclass(frozen=True)
class Plan:
    """What is written where; decided and checked before anything runs.

    Attributes:
        format: `table`, `json`, `jsonl`, `csv` or `alt`.
        data: the file for the data; None is standard output.
        documents: one JSON file per input instead; empty when there is one stream of data.
        drawn: one drawn picture per input; empty for none.
    """

    format: str
    data: Path | None = None
    documents: tuple[Path, ...] = ()
    drawn: tuple[Path, ...] = ()


def plan_output(inputs: Sequence[Input], out: str, format: str, draw: bool | None, *, csv: bool = True) -> Plan:
    """Decide where everything goes.

    Args:
        inputs: all of them.
        out: what `-o` said; empty or `-` for standard output.
        format: what --json, --jsonl, --csv or --alt said; empty for none.
        draw: what --draw or --no-draw said; None for neither.
        csv: the answers can be written as CSV.

    Raises:
        click.UsageError: the options contradict each other, or an input would be overwritten.
        OutputError: a folder cannot be written to.
    """
    why = "analyze gives several kinds of answers: ask one task for CSV"
    if format == "csv" and not csv:
        raise click.UsageError(f"form must be --json or --jsonl here, got --csv; {why}")
    made = _plan(inputs, out, "" if format == "alt" else format, draw)
    if format == "alt":
        if made.format != "table":
            raise click.UsageError(f"-o must end in .txt with --alt, got {out!r}; leave one of the two out")
        made = replace(made, format=format)
    if made.format == "csv" and not csv:
        raise click.UsageError(f"-o must end in .json, .jsonl or .txt here, got {out!r}; {why}")
    data = [*([made.data] if made.data else []), *made.documents]
    _check_no_input([*data, *made.drawn], inputs)
    for folder in {target.parent for target in data}:
        check_writable(folder)
    for folder in {target.parent for target in made.drawn}:
        check_writable(folder, ", or --no-draw")
    return made


def plan_pictures(
    inputs: Sequence[Input],
    out: str,
    suffix: str,
    *,
    endings: Collection[str] = tuple(PICTURE_FORMATS),
    pipe: bool = False,
) -> Plan:
    """Decide where the files go that a verb makes of pictures, one per input; its table goes to standard output.

    Args:
        inputs: all of them.
        out: what `-o` said: a file for one input, a folder, or empty for the current one.
        suffix: of the files in a folder: `.png`.
        endings: that a file may have.
        pipe: `-` puts the picture of one input on standard output.

    Raises:
        click.UsageError: `-o` is no such file and no folder, or an input would be overwritten.
        OutputError: a folder cannot be written to.
    """
    ending, is_folder = PurePath(out).suffix.lower(), out.endswith(os.sep) or os.path.isdir(out)
    if (ending in endings and not is_folder) or (pipe and out == "-"):
        if len(inputs) != 1:
            raise click.UsageError(f"-o must be a folder for {len(inputs)} pictures, got {out!r}; take the suffix away")
        if out == "-":
            return Plan("table", drawn=(Path(out),))
        targets: tuple[Path, ...] = (Path(out),)
    elif out == "-" or (ending and not is_folder):
        known = " ".join(endings)
        raise click.UsageError(f"-o must end in one of {known} or be a folder, got {out!r}; a new folder ends in /")
    else:
        targets = _names(inputs, Path(out), suffix if out else DRAWN + suffix)
    _check_no_input(targets, inputs)
    for folder in {target.parent for target in targets}:
        check_writable(folder)
    return Plan("table", drawn=targets)


def _plan(inputs: Sequence[Input], out: str, format: str, draw: bool | None) -> Plan:
    suffix, is_folder = PurePath(out).suffix.lower(), out.endswith(os.sep) or os.path.isdir(out)
    if out in ("", "-"):
        return Plan(format or "table", drawn=_names(inputs, Path()) if draw else ())
    if not is_folder and suffix in DATA_FORMATS:
        if format and format != DATA_FORMATS[suffix]:
            raise click.UsageError(f"-o must end in .{format} with --{format}, got {out!r}; leave one of the two out")
        return Plan(DATA_FORMATS[suffix], Path(out), drawn=_names(inputs, Path(out).parent) if draw else ())
    if not is_folder and suffix in PICTURE_FORMATS:
        if len(inputs) != 1:
            raise click.UsageError(f"-o must be a folder for {len(inputs)} pictures, got {out!r}; take the suffix away")
        if draw is False:
            raise click.UsageError(f"-o {out} is a drawn picture, got --no-draw too; leave one of the two out")
        return Plan(format or "table", drawn=(Path(out),))
    if suffix and not is_folder:
        data, pictures = " ".join(DATA_FORMATS), " ".join(PICTURE_FORMATS)
        raise click.UsageError(
            f"-o must end in one of {data} {pictures} or be a folder, got {out!r}; a new folder ends in /"
        )
    return _plan_folder(inputs, Path(out), format, draw)


def _plan_folder(inputs: Sequence[Input], folder: Path, format: str, draw: bool | None) -> Plan:
    if format in ("jsonl", "csv"):
        raise click.UsageError(
            f"-o must be a file with --{format}, got folder {str(folder)!r}; try {folder}/all.{format}"
        )
    if format == "json":
        documents = _names(inputs, folder, ".json")
        return Plan("json", documents=documents, drawn=_names(inputs, folder) if draw else ())
    return Plan("table", drawn=() if draw is False else _names(inputs, folder))


def _names(inputs: Sequence[Input], folder: Path, suffix: str = "") -> tuple[Path, ...]:
    """A path for each input, named after it, all different; folders below a folder are kept."""
    used: set[Path] = set()
    return tuple(_name(given, folder, suffix, used) for given in inputs)


def _name(given: Input, folder: Path, suffix: str, used: set[Path]) -> Path:
    name = PurePath(given.name)
    # a JPEG is a photograph: as PNG it would be ten times as large and slow to write
    ending = suffix or DRAWN + (".jpg" if name.suffix.lower() in (".jpg", ".jpeg", ".heic", ".heif") else ".png")
    path, number = folder / name.parent / (name.stem + ending), 2
    while path in used:
        path, number = folder / name.parent / f"{name.stem}-{number}{ending}", number + 1
    used.add(path)
    return path


def _check_no_input(targets: Sequence[Path], inputs: Sequence[Input]) -> None:
    sources = (source for given in inputs if given.error is None for source in given.frames or (given.source,))
    known = set(map(_identity, sources)) - {None}
    for target in targets:
        if known and _identity(target) in known:
            raise click.UsageError(f"-o must not overwrite an input, got {str(target)!r}; choose another name")


def _identity(path: str | Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino


def check_writable(folder: Path, instead: str = "") -> None:
    """The folder, or the nearest one above it that is there, takes new files; `instead` is advised where not."""
    there = next((place for place in (folder, *folder.absolute().parents) if os.path.lexists(place)), folder)
    if not there.is_dir():
        raise OutputError(
            f"{folder}: expected a folder to write to, got a file {str(there)!r} in its place; choose another -o"
        )
    if not os.access(there, os.W_OK | os.X_OK):
        raise OutputError(
            f"{folder}: expected a folder to write to, got one that is read-only; choose another with -o{instead}"
        )


class StandardOutput:
    """Standard output in the same form; every write goes out at once."""

    def write(self, text: str | bytes) -> None:
        """Print as UTF-8."""
        with said(None):
            sys.stdout.flush()
            sys.stdout.write(encoded(text).decode())
            sys.stdout.flush()

    def write_bytes(self, data: bytes) -> None:
        """Write as it is: a picture."""
        with said(None):
            sys.stdout.flush()
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()

    def __enter__(self) -> StandardOutput:
        return self

    def __exit__(self, *_: object) -> None:
        pass
