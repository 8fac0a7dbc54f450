"""Answers as text for people: a heading and tables, which `screen.py` sets."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

import numpy as np

from pixwise.answers.result import singular
from pixwise.cli.screen import Column, Table, Text
from pixwise.results import ImageInfo, Result, columns, values

__all__ = ["INDENT", "answer_of", "clean", "heading", "line_of", "said_of"]

INDENT = 10  # of what belongs to a task, in `analyze`
_HIDDEN = frozenset(
    {"label_id", "quad", "landmarks", "mask", "rgb", "vector"}
)  # said by another column, or only of use to programs
_FEW = 4  # numbers of an array that are shown
_MOST_WHOLE = 32  # of an array of whole numbers, which are short
_WIDE = 48  # cells of a value; a longer one wraps, or pushes what it means aside in its own line only
_RIGHT = frozenset({"area", "score", "stability", "cosine", "similarity", "share", "threshold", "box"})


def heading(image: ImageInfo) -> Text:
    """`street.jpg  1920 x 1080`."""
    size = f"  {image.width} x {image.height}" if image.width else ""
    return Text((clean(image.source), "bold"), (size, "dim"))


def said_of(result: Result) -> Text:
    """`3 detections by dfine-s in 41 ms`."""
    spent = sum(result.timings_ms.values())
    said = _count(len(result), result.rows_key) if columns(type(result)) else result.values_key
    return Text(said, (f"  by {_model_of(result)} in {spent:.0f} ms", "dim"))


def _model_of(result: Result) -> str:
    """`clip-b32`, or `clip-b32 (int8)`."""
    shown = result.model.precision not in ("", "fp32") and result.model.precision not in result.model.id
    return f"{result.model.id} ({result.model.precision})" if shown else result.model.id


def line_of(name: str, text: str | Text, style: str = "") -> Table:
    """`codes     1 code  by opencv-codes in 12 ms`, wrapped under itself."""
    grid = Table([Column(width=INDENT - 2)])
    grid.add(Text((name, "bold cyan")), Text((text, style)) if isinstance(text, str) else text)
    return grid


def answer_of(result: Result, *, indent: int = 2, brief: bool = False) -> Iterator[Table]:
    """An answer's values and rows; nothing for an empty answer.

    Args:
        result: the answer.
        indent: blanks before it.
        brief: values two in a row, without what they mean.
    """
    if values(type(result)):
        yield _pairs(result, indent) if brief else _values(result, indent)
    if len(result):
        yield _rows(result, indent)


def _values(result: Result, indent: int) -> Table:
    told = {spec.name: _said(getattr(result, spec.name)) for spec in values(type(result))}
    widest = max(each.width for each in told.values())
    grid = Table([Column(whole=True), Column(width=min(widest, _WIDE))], indent)
    for spec in values(type(result)):
        grid.add(spec.name, told[spec.name], Text((spec.metadata["doc"], "dim")))
    return grid


def _pairs(result: Result, indent: int) -> Table:
    """The values, two in a row."""
    told = [(Text((spec.name, "dim")), _said(getattr(result, spec.name))) for spec in values(type(result))]
    grid = Table([Column(whole=True), Column(), Column(whole=True)], indent)
    for left, right in zip_longest(told[::2], told[1::2], fillvalue=("", "")):
        grid.add(*left, *right)
    return grid


def _said(thing: Any) -> Text:
    return Text(_brief(thing) or ("(empty)", "dim"))  # else what it means would stand where it is said


def _rows(result: Result, indent: int) -> Table:
    shown = [spec for spec in columns(type(result)) if spec.metadata["json"] not in _HIDDEN]
    names = [spec.metadata["json"] for spec in shown]
    titles = ["box x1 y1 x2 y2" if name == "box" else name for name in names]
    numbers = [name in _RIGHT for name in names]
    grid = Table(
        [Column(title, right=right, whole=right) for title, right in zip(titles, numbers, strict=True)], indent
    )
    for row in zip(
        *(_column(name, getattr(result, spec.name)) for name, spec in zip(names, shown, strict=True)), strict=True
    ):
        grid.add(*row)
    return grid


def _column(name: str, things: Any) -> list[str | Text]:
    """The cells of a column."""
    if name == "hex":
        return [Text(("██ ", thing), thing) for thing in things]
    if name == "share":
        return [f"{thing:.0%}" for thing in things]
    if name == "box":
        numbers = [[f"{number:.0f}" for number in box] for box in things]
        widths = [max(map(len, side)) for side in zip(*numbers, strict=True)]
        return [" ".join(map(str.rjust, box, widths)) for box in numbers]
    return [_brief(thing) for thing in things]


def _brief(thing: Any) -> str:
    if isinstance(thing, np.ndarray) and thing.dtype.kind in "iu" and thing.size <= _MOST_WHOLE:
        return " ".join(map(str, thing.reshape(-1)))
    if isinstance(thing, np.ndarray) and thing.size > _FEW:
        return " ".join(f"{number:.3f}" for number in thing.reshape(-1)[:_FEW]) + " …"
    if isinstance(thing, np.ndarray):
        return " ".join(f"{number:.4g}" for number in thing.reshape(-1))
    return f"{thing:.2f}" if isinstance(thing, float | np.floating) else clean(str(thing))


def _count(number: int, rows: str) -> str:
    return f"{number or 'no'} {singular(rows) if number == 1 else rows}"


def clean(text: str) -> str:
    """Without what would steer a terminal: a QR code may say anything."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
