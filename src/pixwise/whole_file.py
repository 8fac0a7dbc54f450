"""Files that appear whole or not at all: written beside their place, renamed at the end."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from pixwise.errors import OutputError

__all__ = ["FULL", "WholeFile", "encoded", "said"]

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # the disk, or what we may have of it


class WholeFile:
    """A file that is written beside its place and renamed at the end, so that it is there whole or not at all.

    As a context manager it keeps the file after a clean end, and takes it away after an error.
    """

    def __init__(self, path: Path):
        self.path = path
        real = Path(os.path.realpath(path))
        self._target = real
        self._part = real.with_name(f".{real.name[:200]}.{os.getpid()}.part")
        if real.exists() and not real.is_file():
            self._part = real  # a device or a pipe: nothing to rename
        with said(path):
            real.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._part.open("wb")

    def write(self, text: str | bytes) -> None:
        """Append; text becomes UTF-8."""
        with said(self.path):
            self._file.write(encoded(text))

    def __enter__(self) -> WholeFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            with said(self.path):
                self._file.close()
                if kind is None and self._part != self._target:
                    os.replace(self._part, self._target)
        finally:
            if self._part != self._target:
                self._part.unlink(missing_ok=True)


def encoded(text: str | bytes) -> bytes:
    """UTF-8; a file name that is none keeps its odd bytes as escapes, which JSON reads too."""
    return text if isinstance(text, bytes) else text.encode("utf-8", "backslashreplace")


@contextlib.contextmanager
def said(path: Path | None) -> Iterator[None]:
    """Errors of writing as one clear line; a reader that has gone (`| head`) is no error of ours."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        where = "standard output" if path is None else str(path)
        advice = "free some room" if error.errno in FULL else "choose another place"
        raise OutputError(f"{where}: expected to be written, got {error.strerror or error}; {advice}") from error
