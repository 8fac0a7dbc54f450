"""One line on stderr that tells how far a long command is; only where stderr is a terminal."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from pixwise.registry import CardFile

__all__ = ["Arrivals", "Progress", "waiting"]

T = TypeVar("T")
_PAUSE_S = 0.1  # between two drawings
_BAR = 40  # signs, where there is room


class Line:
    """A line on stderr that is drawn over itself; nothing where stderr is no terminal."""

    def __init__(self) -> None:
        self.live = sys.stderr is not None and sys.stderr.isatty()
        self._drawn, self._visible = 0.0, False

    def draw(self, text: str) -> None:
        """Show the text in the line's place, not too often."""
        now = time.monotonic()
        if self.live and now - self._drawn >= _PAUSE_S:
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()
            self._drawn, self._visible = now, True

    def clear(self) -> None:
        """Take the line away."""
        if self._visible:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._visible = False


@contextmanager
def waiting(text: str) -> Iterator[None]:
    """Show a line while something is done that takes seconds; an empty one shows nothing."""
    line = Line()
    if text:
        line.draw(text)
    try:
        yield
    finally:
        line.clear()


class Progress:
    """`12/340 pictures, 3.5 per second, 1 min 34 s left`.

    Args:
        total: how many there are.
        what: what they are.
    """

    def __init__(self, total: int, what: str = "pictures"):
        self._total, self._what = total, what
        self._line, self._began = Line(), time.monotonic()

    def tell(self, done: int) -> None:
        """So many items are done, of work that counts for itself; the line is gone when all are."""
        if done < self._total:
            self._line.draw(self.text(done, time.monotonic() - self._began))
        else:
            self.clear()

    def over(self, items: Iterable[T]) -> Iterator[T]:
        """Give the items on, counting; the line is gone while the caller works on an item's output."""
        began = time.monotonic()
        for done, item in enumerate(items, start=1):
            self.clear()
            yield item
            if done < self._total:
                self._line.draw(self.text(done, time.monotonic() - began))
        self.clear()

    def clear(self) -> None:
        """Take the line away."""
        self._line.clear()

    def text(self, done: int, seconds: float) -> str:
        """What is drawn after `done` items in so many seconds."""
        rate = done / max(seconds, 1e-9)
        left = duration((self._total - done) / rate)
        return f"{done}/{self._total} {self._what}, {rate:.1f} per second, {left} left"


def duration(seconds: float) -> str:
    """`8 s`, `3 min 20 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class Arrivals:
    """Tells on stderr what arrives: a bar on a terminal, else a line per complete file; what `store.ensure` takes.

    Args:
        name: of what arrives.
        lines: tell complete files where there is no terminal.
    """

    def __init__(self, name: str, *, lines: bool = True):
        self._name, self._lines, self._line = name, lines, Line()
        self._path, self._began, self._first = "", 0.0, 0

    def __enter__(self) -> Arrivals:
        return self

    def __exit__(self, *exception: object) -> None:
        self._line.clear()

    def __call__(self, file: CardFile, here: int, total: int) -> None:
        if file.path != self._path:
            self._path, self._began, self._first = file.path, time.monotonic(), here
        if self._line.live:
            self._line.draw(self.text(here, total, time.monotonic() - self._began))
        if total and here == total and (self._lines or self._line.live):
            from pixwise.cli.model_rows import megabytes

            self._line.clear()
            click.echo(f"{self._name} {file.path} {megabytes(total)}", err=True)

    def text(self, here: int, total: int, seconds: float) -> str:
        """What is drawn: `dfine-s onnx/model.onnx ━━━━━━━━━───────────  18.4/41.5 MB  6.1 MB/s  4 s left`."""
        rate = (here - self._first) / seconds if seconds > _PAUSE_S else 0
        done = [f"{here / 1e6:.1f}/{total / 1e6:.1f} MB" if total else f"{here / 1e6:.1f} MB"]
        if rate:
            done += [f"{rate / 1e6:.1f} MB/s"] + ([f"{duration((total - here) / rate)} left"] if total else [])
        facts, name = "  ".join(done), f"{self._name} {self._path}"
        room = columns_of_terminal() - len(facts) - 5
        name = name if len(name) <= room else "…" + name[1 - max(room, 2) :]
        bar = min(_BAR, room - len(name))
        filled = round(bar * here / total) if total else 0
        text = f"{name} {'━' * filled}{'─' * (bar - filled)}  {facts}" if total and bar > 4 else f"{name}  {facts}"
        return text[: columns_of_terminal() - 1]  # a longer one would leave its first half on the screen


def columns_of_terminal() -> int:
    """Width of the terminal that stderr is; 80 where it does not tell."""
    try:
        return int(os.environ.get("COLUMNS") or os.get_terminal_size(2).columns)
    except (OSError, ValueError):
        return 80
