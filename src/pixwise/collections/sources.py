"""Training data from folders of pictures, and from files of vectors.

    FOLDER/yes/*.jpg, FOLDER/no/*.jpg ─▶ Looker ─▶ Rows
    FILE.csv .jsonl .parquet: label, photo_id, vectors ─▶ Rows

In a file the vectors stand in a column per embedding, named after it; a single one may also be called `embedding` or
`vector`, as `pixwise embed --csv` writes it, or be spread over all other columns, a number in each.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pixwise.collections.focus import Focus
from pixwise.collections.looking import Looker, Seen
from pixwise.collections.rows import Rows, Sample, brief, declared, rows_of
from pixwise.errors import DataError, OptionError, SetupError, SourceError
from pixwise.reading.sources import PICTURE_SUFFIXES

__all__ = ["Labelled", "labelled_pictures", "look_at", "sample_of_file", "sample_of_folder"]

Table = dict[str, Sequence[Any]]
_IDS = ("photo_id", "label")


class Labelled(NamedTuple):
    """A picture in a folder named after its class."""

    path: Path
    label: str


def sample_of_folder(folder: Path | str, looker: Looker, *, over: Callable[[list[Labelled]], Any] = list) -> Sample:
    """Embed the pictures of `folder/yes` and `folder/no`, and of what is below.

    Args:
        folder: of one collection.
        looker: looks at the pictures.
        over: told the pictures before they are looked at; gives them back, one by one: for progress.

    Raises:
        SourceError: no such folder.
        DataError: `yes` or `no` is missing, no picture could be embedded, or one picture is in both.
    """
    folder = Path(folder)
    pictures = labelled_pictures(folder, ("yes", "no"))
    seen, notes = look_at(over(pictures), looker)
    if not seen:
        raise DataError(f"{folder}: expected pictures that can be embedded, got none; {'; '.join(notes[:2])}")
    labels = [given.label for given, _ in seen]
    names = [given.path.relative_to(folder).as_posix() for given, _ in seen]
    spaces = seen[0][1].spaces
    cuts = np.cumsum([space.dimension for space in spaces])[:-1]
    parts = [np.split(what.vector, cuts) for _, what in seen]
    rows = rows_of(list(zip(*parts, strict=True)), labels, names)
    return Sample(rows, looker.focus, spaces, looker.models, str(folder), notes)


def labelled_pictures(folder: Path, labels: Sequence[str] = ()) -> list[Labelled]:
    """The pictures of a folder's sub-folders, each labelled with the sub-folder's name, sorted.

    Args:
        folder: where the sub-folders are.
        labels: which must be there; empty takes all.

    Raises:
        SourceError: no such folder.
        DataError: a sub-folder is missing, or there is none.
    """
    if not folder.is_dir():
        raise SourceError(f"{folder}: expected a folder of pictures, got no such folder; check the path")
    found = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    for label in labels:
        if label not in found:
            told = ", ".join(found[:5]) or "none"
            raise DataError(f"{folder}: expected folders {' and '.join(labels)}, got {told}; put the pictures there")
    return [Labelled(path, label) for label in (labels or found) for path in _pictures(folder / label)]


def _pictures(folder: Path) -> Iterator[Path]:
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in PICTURE_SUFFIXES:
                yield Path(here, name)


def look_at(pictures: Any, looker: Looker) -> tuple[list[tuple[Labelled, Seen]], tuple[str, ...]]:
    """Embed labelled pictures; a file that is there twice counts once.

    Returns:
        What was seen, and a line for each picture that was left out.

    Raises:
        DataError: one file has two labels.
    """
    waiting: list[Labelled] = []
    seen: list[tuple[Labelled, Seen]] = []
    notes: list[str] = []
    first: dict[str, Labelled] = {}  # hash of a file → where it was first

    def paths() -> Iterator[Path]:
        for given in pictures:
            waiting.append(given)
            yield given.path

    for number, what in enumerate(looker.stream(paths())):
        given = waiting[number]
        if isinstance(what, Exception):
            text = " ".join(str(what).split()) or type(what).__name__
            notes.append(text if str(given.path) in text else f"{given.path}: {text}")
            continue
        other = first.setdefault(what.image.sha256, given)
        if other.label != given.label:
            raise DataError(
                f"{given.path}: expected one label for one picture, got it in {other.label} ({other.path}) too; "
                "delete one of the two"
            )
        if other is given:
            seen.append((given, what))
        else:
            notes.append(f"{given.path}: left out, it is the same file as {other.path}")
    return seen, tuple(notes)


def sample_of_file(path: Path | str, focus: Focus) -> Sample:
    """Training data of a CSV, JSONL or Parquet file.

    Args:
        path: the file; its ending says what it is. It has `label`, and `photo_id` where photos have one.
        focus: the embeddings whose vectors it holds.

    Raises:
        SourceError: it cannot be read.
        DataError: a column is missing, or the rows are no training data.
        SetupError: pyarrow is missing, for Parquet.
    """
    path = Path(path)
    readers = {".csv": _read_csv, ".jsonl": _read_jsonl, ".ndjson": _read_jsonl, ".parquet": _read_parquet}
    if path.suffix.lower() not in readers:
        raise OptionError(f"{path}: data must be a file ending in {', '.join(readers)}, got {path.suffix or 'none'}")
    try:
        rows = _rows_of_table(readers[path.suffix.lower()](path), focus.embeddings)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    except OSError as error:
        raise SourceError(f"{path}: expected a readable file, got {error.strerror or error}; check the path") from error
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError are such
        raise DataError(f"{path}: expected {path.suffix[1:].upper()}, got {error}; mend the file") from error
    return declared(rows, focus, str(path))


def _rows_of_table(table: Table, embeddings: Sequence[str]) -> Rows:
    if "label" not in table:
        raise DataError(f"columns must contain label, got {', '.join(list(table)[:8]) or 'none'}; add one of 0 and 1")
    labels = table["label"]
    ids = table.get("photo_id") or [f"row {number}" for number in range(1, len(labels) + 1)]
    return rows_of(_vectors_of(table, embeddings), labels, ids)


def _vectors_of(table: Table, embeddings: Sequence[str]) -> list[Sequence[Any]]:
    """The vectors of each embedding, from the column of its name, `embedding`, or all others."""
    if all(name in table for name in embeddings):
        return [list(map(_opened, table[name])) for name in embeddings]
    if len(embeddings) > 1:
        missing = ", ".join(name for name in embeddings if name not in table)
        raise DataError(f"columns must contain one of vectors per embedding, got none named {missing}; name them so")
    for name in ("embedding", "vector"):
        if name in table:
            return [list(map(_opened, table[name]))]
    numbers = [table[name] for name in table if name not in _IDS]
    if not numbers:
        raise DataError("columns must contain vectors, got only labels; call their column embedding")
    return [[list(map(_number, row)) for row in zip(*numbers, strict=True)]]


def _opened(cell: Any) -> Any:
    """A vector from a cell of text: JSON, or numbers with blanks between."""
    if not isinstance(cell, str):
        return cell
    try:
        return json.loads(cell) if cell.lstrip().startswith("[") else list(map(float, cell.replace(";", " ").split()))
    except ValueError:
        return cell  # the check of the rows says what is wrong, and where


def _number(cell: Any) -> Any:
    try:
        return float(cell)
    except (TypeError, ValueError):
        raise DataError(f"columns but label and photo_id must be numbers, got {cell!r}; drop the others") from None


def _read_csv(path: Path) -> Table:
    with open(path, encoding="utf-8-sig", newline="") as file:
        try:
            head, *lines = [line for line in csv.reader(file) if line] or [[]]
        except csv.Error as error:
            raise ValueError(error) from error
    if len(head) == 1 and ";" in head[0]:  # as spreadsheets of some countries write it
        raise DataError(f"columns must have commas between them, got {brief(head[0])}; save it with commas")
    for number, line in enumerate(lines, start=2):
        if len(line) != len(head):
            raise ValueError(f"{len(line)} cells in row {number}, {len(head)} titles")
    return {name.strip(): [line[place] for line in lines] for place, name in enumerate(head)}


def _read_jsonl(path: Path) -> Table:
    with open(path, encoding="utf-8-sig") as file:
        entries = [json.loads(line) for line in file if line.strip()]
    if not all(isinstance(entry, dict) for entry in entries):
        raise ValueError("a line that is no object")
    names = list(dict.fromkeys(name for entry in entries for name in entry))
    for number, entry in enumerate(entries, start=1):
        if len(entry) < len(names):
            raise ValueError(f"line {number} without {', '.join(name for name in names if name not in entry)}")
    return {name: [entry[name] for entry in entries] for name in names}


def _read_parquet(path: Path) -> Table:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise SetupError("Parquet needs pyarrow, got no such package; run: pip install 'pixwise[learn]'") from error
    try:
        table = parquet.read_table(path)
    except pyarrow.ArrowException as error:
        raise ValueError(str(error).split("\n")[0]) from error
    return {name: table[name].to_pylist() for name in table.column_names}
