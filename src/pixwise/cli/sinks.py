"""The forms in which answers are written: table, one JSON document, a JSON list, JSON lines, CSV.

Each is told of answers one by one (`add`, `fail`) and writes at once, so that what was done is written when a run is
cut off; `close` ends the document, so that a list that was cut off is a list.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import Field
from typing import Any, Protocol

import numpy as np

from pixwise.masks import Mask
from pixwise.results import Quality, Result, columns, values

__all__ = [
    "AltSink",
    "CsvSink",
    "JsonListSink",
    "JsonSink",
    "LinesSink",
    "Sink",
    "TableSink",
    "csv_header",
    "csv_rows",
    "error_document",
    "pretty",
]

Answer = Any  # Result | Analysis: has to_dict()
Write = Callable[[str], None]
_STEERING = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}


class Sink(Protocol):
    """What is told of answers."""

    def add(self, answer: Answer, drawn: str) -> None:
        """One answer, and where its drawn picture is; empty when none was drawn."""
        ...

    def fail(self, source: str, error: Exception) -> None:
        """One input that has no answer."""
        ...

    def close(self) -> None:
        """Nothing comes any more."""
        ...


class TableSink:
    """For people.

    Args:
        write: where the text goes.
        render: the text of one answer.
    """

    def __init__(self, write: Write, render: Callable[[Answer, str], str]):
        self._write, self._render, self._between = write, render, ""

    def add(self, answer: Answer, drawn: str) -> None:
        self._write(self._between + self._render(answer, drawn))
        self._between = "\n"

    def fail(self, source: str, error: Exception) -> None:
        pass  # stderr has it

    def close(self) -> None:
        pass


class JsonSink:
    """One document."""

    def __init__(self, write: Write):
        self._write = write

    def add(self, answer: Answer, drawn: str) -> None:
        self._write(pretty(answer.to_dict()) + "\n")

    def fail(self, source: str, error: Exception) -> None:
        self._write(pretty(error_document(source, error)) + "\n")

    def close(self) -> None:
        pass


class JsonListSink:
    """A list, a document per line, in the order of the inputs."""

    def __init__(self, write: Write):
        self._write, self._before = write, "[\n"

    def add(self, answer: Answer, drawn: str) -> None:
        self._put(answer.to_dict())

    def fail(self, source: str, error: Exception) -> None:
        self._put(error_document(source, error))

    def _put(self, document: dict[str, Any]) -> None:
        self._write(self._before + _json(document))
        self._before = ",\n"

    def close(self) -> None:
        self._write(self._before.strip(",\n") + "\n]\n")


class LinesSink:
    """A document per line, none around them."""

    def __init__(self, write: Write):
        self._write = write

    def add(self, answer: Answer, drawn: str) -> None:
        self._write(_json(answer.to_dict()) + "\n")

    def fail(self, source: str, error: Exception) -> None:
        self._write(_json(error_document(source, error)) + "\n")

    def close(self) -> None:
        pass


class AltSink:
    """A line of alternative text per picture; an empty one where there is no answer, so that lines can be counted."""

    def __init__(self, write: Write):
        self._write = write

    def add(self, answer: Answer, drawn: str) -> None:
        self._write(answer.alt_text + "\n")

    def fail(self, source: str, error: Exception) -> None:
        self._write("\n")

    def close(self) -> None:
        pass


class CsvSink:
    """A line per row of every answer, values of the picture in each; a line per picture where there are no rows.

    The colours of `quality` are cells of one line.

    Args:
        write: where the text goes.
        kind: of answer.
        terminal: text is shown without what would steer a terminal; a file or a pipe gets it as it is.
    """

    def __init__(self, write: Write, kind: type[Result], *, terminal: bool = False):
        self._write, self._terminal = write, terminal
        write(_csv([csv_header(kind)]))

    def add(self, answer: Answer, drawn: str) -> None:
        rows = csv_rows(answer)
        if self._terminal:
            from pixwise.cli.table import clean

            rows = [[clean(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
        self._write(_csv(rows))

    def fail(self, source: str, error: Exception) -> None:
        pass  # stderr has it

    def close(self) -> None:
        pass


def error_document(source: str, error: Exception) -> dict[str, Any]:
    """What stands in the place of an answer that could not be given."""
    return {
        "schema": "pixwise/error/1",
        "image": {"source": source},
        "error": {"type": type(error).__name__, "message": str(error)},
    }


def csv_header(kind: type[Result]) -> list[str]:
    """Names of the columns for a kind of answer."""
    told = [spec.name for spec in values(kind)]
    if kind is Quality:  # a line per picture: its values are what is asked for
        return ["source", *told, *(spec.metadata["json"] for spec in columns(kind))]
    rows = (name for spec in columns(kind) for name in _names(spec.metadata["json"], spec.metadata["shape"]))
    return ["source", *told, *rows]


def csv_rows(answer: Result) -> list[list[Any]]:
    """The lines of an answer, as `csv_header` names them."""
    kind, specs = type(answer), columns(type(answer))
    told = [answer.image.source, *(_value(spec, getattr(answer, spec.name)) for spec in values(kind))]
    if kind is Quality or not specs:
        return [[*told, *(_joined(getattr(answer, spec.name)) for spec in specs)]]
    return [
        [*told, *(number for spec, cell in zip(specs, row, strict=True) for number in _cells(spec, cell))]
        for row in answer
    ]


def _value(spec: Field, stored: Any) -> Any:
    """A value in one cell; the numbers of an array with blanks between, in full precision."""
    return " ".join(map(str, np.ravel(stored))) if spec.metadata["shape"] else _flat(stored)[0]


def _cells(spec: Field, cell: Any) -> list[Any]:
    """The cells for a column of one row: a number each, but one for a vector of any length."""
    return [_value(spec, cell)] if isinstance(next(iter(spec.metadata["shape"]), 0), str) else _flat(cell)


def _joined(column: Iterable[Any]) -> str:
    """`255 0 0;0 0 9`: a whole column in one cell; a semicolon of a text is `\\;`, a backslash two."""
    return ";".join(" ".join(map(str, _flat(_marked(cell)))) for cell in column)


def _marked(cell: Any) -> Any:
    return cell.replace("\\", r"\\").replace(";", r"\;") if isinstance(cell, str) else cell


def _names(name: str, shape: tuple[int | str, ...]) -> Iterable[str]:
    """`score`; `x1 y1 x2 y2` of a box; `quad_x1 quad_y1 …` of points; `vector` of a vector of any length."""
    if isinstance(next(iter(shape), 0), str):
        return (name,)
    if shape == (4,):
        return ("x1", "y1", "x2", "y2")
    if len(shape) == 2:
        return (f"{name}_{axis}{index + 1}" for index in range(shape[0]) for axis in "xy")
    return (name,) if not shape else (f"{name}_{index + 1}" for index in range(shape[0]))


def _flat(cell: Any) -> list[Any]:
    """The numbers or the text of a cell; NaN is empty, a mask is the JSON of its run lengths."""
    if isinstance(cell, Mask):
        return [_json(cell.to_rle())]
    if isinstance(cell, str):
        return [cell]
    numbers = np.asarray(cell).reshape(-1).tolist()
    return [
        ("" if number != number else round(number, 4)) if isinstance(number, float) else number for number in numbers
    ]


def pretty(thing: Any, before: str = "") -> str:
    """Indented JSON, but a box, the points of a quad or any other list without objects is one line."""
    inner = before + "  "
    if isinstance(thing, dict) and thing:
        rows = [f"{_json(key)}: {pretty(value, inner)}" for key, value in thing.items()]
    elif isinstance(thing, list | tuple) and any(isinstance(each, dict) for each in thing):
        rows = [pretty(each, inner) for each in thing]
    else:
        return _json(thing)
    first, last = "{}" if isinstance(thing, dict) else "[]"
    return first + ",".join(f"\n{inner}{row}" for row in rows) + f"\n{before}{last}"


def _json(document: Any) -> str:
    """One line; what would steer a terminal is escaped: ESC by `dumps`, 7f to 9f here."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False).translate(_STEERING)


def _csv(rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
