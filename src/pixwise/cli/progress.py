"""One line on stderr that tells how far a long command is; only where stderr is a terminal."""

from __future__ import annotations

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


class Line:
    """A line on stderr that is drawn over itself; nothing where stderr is no terminal."""

    def __init__(self) -> None:
        self._live = sys.stderr is not None and sys.stderr.isatty()
        self._drawn, self._visible = 0.0, False

    def draw(self, text: str) -> None:
        """Show the text in the line's place, not too often."""
        now = time.monotonic()
        if self._live and now - self._drawn >= _PAUSE_S:
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
        self._line = Line()

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
        self._name, self._lines, self._bar, self._rows = name, lines, None, {}
        if sys.stderr is not None and sys.stderr.isatty():
            from rich import progress
            from rich.console import Console

            self._bar = progress.Progress(
                progress.TextColumn("{task.description}"),
                progress.BarColumn(),
                progress.DownloadColumn(),
                progress.TransferSpeedColumn(),
                progress.TimeRemainingColumn(),
                console=Console(stderr=True),
            )

    def __enter__(self) -> Arrivals:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, file: CardFile, here: int, total: int) -> None:
        if self._bar is not None:
            if file.path not in self._rows:
                self._rows[file.path] = self._bar.add_task(f"{self._name} {file.path}", total=total or None)
            self._bar.update(self._rows[file.path], completed=here, total=total or None)
        elif self._lines and here == total:
            from pixwise.cli.model_rows import megabytes

            click.echo(f"{self._name} {file.path} {megabytes(total)}", err=True)
