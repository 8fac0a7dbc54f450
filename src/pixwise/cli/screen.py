"""Styled text in columns, for people: wrapped to a terminal, plain and whole in a pipe.

Text ─▶ Table ─▶ Screen(terminal).text(…) ─▶ lines with or without colours
"""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

__all__ = ["Screen", "Table", "Text", "width_of"]

_GAP = 2  # blanks between columns
_LEAST = 8  # a column is not made narrower while another is wider
_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def width_of(text: str) -> int:
    """Cells that a text takes on a terminal: two for wide signs (東, 😀), none for marks that join the one before."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def _cells(sign: str) -> int:
    if unicodedata.category(sign) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


class Text:
    """Text in spans, each of a style: words of `bold dim red green yellow cyan`, or a colour like #aabbcc.

    Args:
        pieces: texts, or (text, style).
    """

    def __init__(self, *pieces: str | tuple[str, str] | Text):
        self.spans: list[tuple[str, str]] = []
        for piece in pieces:
            self.spans += piece.spans if isinstance(piece, Text) else [(piece, "") if isinstance(piece, str) else piece]

    @property
    def plain(self) -> str:
        """Without styles."""
        return "".join(text for text, _ in self.spans)

    @property
    def width(self) -> int:
        """Cells of its widest line."""
        return max(map(width_of, self.plain.split("\n")))

    def lines(self, width: int | None = None) -> list[Text]:
        """Cut at line breaks, and where a width is given between words, or inside one that is longer than a line."""
        signs = [(sign, style) for text, style in self.spans for sign in text]
        paragraphs: list[list[tuple[str, str]]] = [[]]
        for sign in signs:
            if sign[0] == "\n":
                paragraphs.append([])
            else:
                paragraphs[-1].append(sign)
        cut = [line for each in paragraphs for line in (_wrapped(each, max(width, 2)) if width else [each])]
        return [Text(*((_joined(run), style) for style, run in groupby(line, lambda sign: sign[1]))) for line in cut]

    def coloured(self, depth: int) -> str:
        """With the codes of a terminal: `depth` colours, 0 for none of all that."""
        return "".join(_coloured(text, style, depth) for text, style in self.spans)


def _joined(run: Iterator[tuple[str, str]]) -> str:
    return "".join(sign for sign, _ in run)


def _wrapped(signs: list[tuple[str, str]], width: int) -> list[list[tuple[str, str]]]:
    """Signs in lines of at most `width` cells; blanks at which a line is cut go."""
    lines = []
    while sum(_cells(sign) for sign, _ in signs) > width:
        fitting, cells = 0, 0
        while cells + _cells(signs[fitting][0]) <= width:
            cells += _cells(signs[fitting][0])
            fitting += 1
        blanks = [place for place in range(fitting + 1) if signs[place][0] == " "]
        end = blanks[-1] if blanks and any(sign != " " for sign, _ in signs[: blanks[-1]]) else fitting
        lines.append(_stripped(signs[:end]))
        signs = signs[end:]
        while signs and signs[0][0] == " ":
            signs = signs[1:]
    return [*lines, signs]


def _stripped(signs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    while signs and signs[-1][0] == " ":
        signs = signs[:-1]
    return signs


def _coloured(text: str, style: str, depth: int) -> str:
    codes = [_hex_code(word, depth) if word.startswith("#") else _CODES[word] for word in style.split()]
    return f"\x1b[{';'.join(codes)}m{text}\x1b[0m" if codes and depth and text else text


def _hex_code(colour: str, depth: int) -> str:
    red, green, blue = bytes.fromhex(colour[1:])
    if depth > 256:
        return f"38;2;{red};{green};{blue}"
    steps = [round(part / 51) for part in (red, green, blue)]  # the 6 x 6 x 6 colours of a terminal with 256
    return f"38;5;{16 + 36 * steps[0] + 6 * steps[1] + steps[2]}"


@dataclass
class Column:
    """How a column is set.

    Attributes:
        title: above it; a table without titles has no head.
        width: in cells, where there is room; 0 is as wide as its cells.
        right: numbers stand at the right.
        whole: never wrapped.
    """

    title: str = ""
    width: int = 0
    right: bool = False
    whole: bool = False


@dataclass
class Table:
    """Cells in columns without lines, two blanks apart; cells wrap under themselves.

    Attributes:
        columns: as many as rows have cells; those that are not described are left-aligned and may wrap.
        indent: blanks before it.
        rows: of cells.
    """

    columns: list[Column] = field(default_factory=list)
    indent: int = 0
    rows: list[tuple[Text, ...]] = field(default_factory=list)

    def add(self, *cells: str | Text) -> None:
        """A row."""
        self.rows.append(tuple(cell if isinstance(cell, Text) else Text(cell) for cell in cells))
        self.columns += [Column() for _ in range(len(cells) - len(self.columns))]

    def lines(self, width: int | None) -> list[Text]:
        """The table in lines that fit a width, as far as columns may wrap."""
        titles = tuple(Text((column.title, "dim")) for column in self.columns)
        rows = [titles, *self.rows] if any(column.title for column in self.columns) else self.rows
        if not rows:
            return []
        widths = self._widths(rows, width)
        return [line for row in rows for line in self._row(row, widths, wraps=width is not None)]

    def _widths(self, rows: list[tuple[Text, ...]], width: int | None) -> list[int]:
        """What each column takes; too much is taken off the widest that may wrap."""
        found = [
            column.width or max((row[index].width for row in rows if index < len(row)), default=0)
            for index, column in enumerate(self.columns)
        ]
        if width is None:
            return found
        excess = sum(found) + _GAP * (len(found) - 1) + self.indent - width
        loose = [index for index, column in enumerate(self.columns) if not column.whole]
        while excess > 0 and loose:
            widest = max(loose, key=lambda index: found[index])
            if found[widest] <= _LEAST:
                break
            found[widest] -= 1
            excess -= 1
        return found

    def _row(self, cells: tuple[Text, ...], widths: list[int], wraps: bool) -> Iterator[Text]:
        columns = self.columns[: len(cells)]
        parts = [
            cell.lines(width if wraps and not column.whole else None)
            for cell, width, column in zip(cells, widths, columns, strict=False)
        ]
        for number in range(max(map(len, parts))):
            pieces: list[str | Text] = [" " * self.indent]
            owed = 0  # blanks come before the next cell, so that no line ends with them
            for lines, width, column in zip(parts, widths, columns, strict=False):
                line = lines[number] if number < len(lines) else Text("")
                space = max(width - line.width, 0)
                if line.plain:
                    pieces += [" " * (owed + space * column.right), line]
                    owed = 0
                owed += _GAP + (space if not (column.right and line.plain) else 0)
            yield Text(*pieces)


class Screen:
    """Turns texts and tables into lines.

    Args:
        terminal: colours, and wrapped to the terminal's width; else plain and as wide as need be.
    """

    def __init__(self, terminal: bool | None = None):
        terminal = sys.stdout.isatty() if terminal is None else terminal
        self._width = shutil.get_terminal_size().columns if terminal else None
        self._depth = _depth() if terminal else 0

    def text(self, *things: str | Text | Table) -> str:
        """The things, one under the other."""
        given = (Text(thing) if isinstance(thing, str) else thing for thing in things)
        return "".join(f"{line.coloured(self._depth)}\n" for thing in given for line in thing.lines(self._width))


def _depth() -> int:
    """How many colours the terminal has, as its environment says; 0 where none are wanted (https://no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") in ("dumb", "unknown"):
        return 0
    return 2**24 if os.environ.get("COLORTERM") in ("truecolor", "24bit") else 256
