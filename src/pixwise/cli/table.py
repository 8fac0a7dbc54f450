"""Answers as text for people: a heading and tables; as wide as the terminal, or as wide as needed in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import numpy as np
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pixwise.result import singular
from pixwise.results import ImageInfo, Result, columns, values

__all__ = ["INDENT", "Screen", "answer_of", "clean", "heading", "line_of", "said_of", "table_of"]

INDENT = 10  # of what belongs to a task, in `analyze`
_PIPE_WIDTH = 20_000  # nothing is cut or wrapped
_HIDDEN = frozenset(
    {"label_id", "quad", "landmarks", "rgb", "vector"}
)  # said by another column, or only of use to programs
_FEW = 4  # numbers of an array that are shown
_RIGHT = frozenset({"score", "similarity", "share", "box"})


class Screen:
    """Turns renderables into text.

    Args:
        terminal: colours, and wrapped to the terminal's width; else plain and as wide as need be.
    """

    def __init__(self, terminal: bool | None = None):
        self._terminal = sys.stdout.isatty() if terminal is None else terminal
        plain = {} if self._terminal else {"width": _PIPE_WIDTH, "color_system": None, "force_terminal": False}
        self._console = Console(highlight=False, emoji=False, markup=False, **plain)

    def text(self, *things: Any) -> str:
        """The renderables, one under the other."""
        with self._console.capture() as printed:
            for thing in things:
                self._console.print(thing)
        lines = printed.get().splitlines()
        return "".join(f"{line if self._terminal else line.rstrip()}\n" for line in lines)


def heading(image: ImageInfo) -> Text:
    """`street.jpg  1920 x 1080`."""
    size = f"  {image.width} x {image.height}" if image.width else ""
    return Text.assemble((clean(image.source), "bold"), (size, "dim"))


def said_of(result: Result) -> Text:
    """`3 detections by dfine-s in 41 ms`."""
    spent = sum(result.timings_ms.values())
    said = _count(len(result), result.rows_key) if columns(type(result)) else result.values_key
    return Text.assemble(said, (f"  by {_model_of(result)} in {spent:.0f} ms", "dim"))


def _model_of(result: Result) -> str:
    """`clip-b32`, or `clip-b32 (int8)`."""
    shown = result.model.precision not in ("", "fp32") and result.model.precision not in result.model.id
    return f"{result.model.id} ({result.model.precision})" if shown else result.model.id


def line_of(name: str, text: str | Text, style: str = "") -> Padding:
    """`codes     1 code  by opencv-codes in 12 ms`, wrapped under itself."""
    grid = table_of()
    grid.add_column(width=INDENT - 2)
    grid.add_column(overflow="fold")
    grid.add_row(Text(name, "bold cyan"), Text(text, style) if isinstance(text, str) else text)
    return Padding(grid, 0)


def answer_of(result: Result, *, indent: int = 2, brief: bool = False) -> Iterator[Any]:
    """An answer's values and rows; nothing for an empty answer.

    Args:
        result: the answer.
        indent: blanks before it.
        brief: values two in a row, without what they mean.
    """
    if values(type(result)):
        yield Padding(_pairs(result) if brief else _values(result), (0, 0, 0, indent))
    if len(result):
        yield Padding(_rows(result), (0, 0, 0, indent))


def _values(result: Result) -> Table:
    grid = table_of()
    for spec in values(type(result)):
        grid.add_row(Text(spec.name), Text(_brief(getattr(result, spec.name))), Text(spec.metadata["doc"], "dim"))
    return grid


def _pairs(result: Result) -> Table:
    """The values, two in a row."""
    told = [(Text(spec.name, "dim"), Text(_brief(getattr(result, spec.name)))) for spec in values(type(result))]
    grid = table_of()
    for left, right in zip_longest(told[::2], told[1::2], fillvalue=(Text(), Text())):
        grid.add_row(*left, *right)
    return grid


def _rows(result: Result) -> Table:
    grid = table_of()
    grid.show_header = True
    shown = [spec for spec in columns(type(result)) if spec.metadata["json"] not in _HIDDEN]
    for spec in shown:
        name = spec.metadata["json"]
        title = "box x1 y1 x2 y2" if name == "box" else name
        grid.add_column(title, justify="right" if name in _RIGHT else "left", overflow="fold", no_wrap=name in _RIGHT)
    cells = [_column(spec.metadata["json"], getattr(result, spec.name)) for spec in shown]
    for row in zip(*cells, strict=True):
        grid.add_row(*row)
    return grid


def _column(name: str, things: Any) -> list[Text]:
    """The cells of a column."""
    if name == "hex":
        return [Text.assemble(("██ ", thing), thing) for thing in things]
    if name == "share":
        return [Text(f"{thing:.0%}") for thing in things]
    if name == "box":
        numbers = [[f"{number:.0f}" for number in box] for box in things]
        widths = [max(map(len, side)) for side in zip(*numbers, strict=True)]
        return [Text(" ".join(map(str.rjust, box, widths))) for box in numbers]
    return [Text(_brief(thing)) for thing in things]


def table_of(*titles: str) -> Table:
    """A table without lines, columns two blanks apart."""
    grid = Table(
        box=None, show_header=bool(titles), show_edge=False, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim"
    )
    for title in titles:
        grid.add_column(title, overflow="fold")
    return grid


def _brief(thing: Any) -> str:
    if isinstance(thing, np.ndarray) and thing.size > _FEW:
        return " ".join(f"{number:.3f}" for number in thing.reshape(-1)[:_FEW]) + " …"
    return f"{thing:.2f}" if isinstance(thing, float | np.floating) else clean(str(thing))


def _count(number: int, rows: str) -> str:
    return f"{number or 'no'} {singular(rows) if number == 1 else rows}"


def clean(text: str) -> str:
    """Without what would steer a terminal: a QR code may say anything."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
