"""One line on stderr that tells how far a long command is; only where stderr is a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from pixwise.registry import CardFile

__all__ = ["Fetching", "Progress"]

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


class Fetching:
    """`fetching model.onnx  12.3 of 41.0 MB`, drawn over itself while a model arrives; what `store.ensure` takes."""

    def __init__(self) -> None:
        self._line = Line()

    def __call__(self, file: CardFile, here: int, total: int) -> None:
        of = f" of {total / 1e6:.1f}" if total else ""
        self._line.draw(f"fetching {file.path}  {here / 1e6:.1f}{of} MB")

    def clear(self) -> None:
        """Take the line away."""
        self._line.clear()
