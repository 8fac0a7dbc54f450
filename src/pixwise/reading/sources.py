"""The bytes of a picture, from wherever it lies, within a limit on their number.

path · bytes · open file · "-" · data URI · URL (when allowed)  ──▶  (name, bytes)
"""

from __future__ import annotations

import base64
import errno
import os
import stat
import sys
import urllib.parse
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO, Any

from pixwise.errors import LimitError, OptionError, SourceError

__all__ = ["PICTURE_SUFFIXES", "Limits", "limit_names", "read"]

_CHUNK = 2**20
PICTURE_SUFFIXES = frozenset(  # of files in a folder, those that are taken for pictures
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".gif"),
        *(".bmp", ".dib", ".tif", ".tiff", ".heic", ".heif"),
    )
)


@dataclass(frozen=True)
class Limits:
    """What a picture may cost; checked before decoding.

    Attributes:
        max_bytes: length of the file.
        max_pixels: width x height of one frame. Decoding takes up to 16 bytes of memory for each.
        max_side: the longer side.
        max_frames: frames of an animation, pages of a TIFF.
    """

    max_bytes: int = 256 * 2**20
    max_pixels: int = 250_000_000
    max_side: int = 65_535
    max_frames: int = 100_000

    def __post_init__(self) -> None:
        for name in limit_names():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise OptionError(f"{name} must be a whole number above 0, got {value!r}; leave it out for the default")

    def check(self, name: str, actual: int, source: str) -> None:
        """Raise `LimitError` when `actual` is above the limit `name`."""
        limit = getattr(self, name)
        if actual > limit:
            what = name.removeprefix("max_")
            raise LimitError(
                f"{source}: {what} must be at most {limit:,}, got {actual:,}; if you trust the picture pass "
                f"limits=Limits({name}={actual}) (command line: --{name.replace('_', '-')} {actual})"
            )


def limit_names() -> tuple[str, ...]:
    """Names of the limits, for the command line."""
    return tuple(field.name for field in fields(Limits))


def read(source: Any, limits: Limits, *, allow_urls: bool = False) -> tuple[str, bytes]:
    """Read the bytes of a source.

    Args:
        source: path, bytes, open binary file, `-` (standard input), data URI, or http(s) URL.
        limits: `max_bytes` counts here.
        allow_urls: let http(s) URLs be fetched, guarded against private addresses.

    Returns:
        How messages and results call the source, and its bytes.

    Raises:
        SourceError: missing, unreadable, or an address that is refused.
        LimitError: more bytes than allowed.
        OptionError: nothing that could be a source, or a file opened as text.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        length = source.nbytes if isinstance(source, memoryview) else len(source)
        limits.check("max_bytes", length, "<bytes>")
        return "<bytes>", bytes(source)
    if isinstance(source, str):
        return _read_text(source, limits, allow_urls)
    if isinstance(source, os.PathLike):
        return _read_path(os.fsdecode(source), limits)
    if hasattr(source, "read"):
        name = str(getattr(source, "name", "<file>"))
        return name, _read_file(source, name, limits)
    raise OptionError(
        "picture must be a path, bytes, an open file, a data URI, a URL, a Pillow image or a uint8 array, "
        f"got {type(source).__name__}; {_advice(source)}"
    )


def _advice(source: Any) -> str:
    if isinstance(source, list | tuple):
        return "pass its pictures one by one"
    if isinstance(source, Iterable) and not hasattr(source, "__array__"):
        return "for many pictures wrap it in list()"
    return "convert it to one of these"


def _read_text(source: str, limits: Limits, allow_urls: bool) -> tuple[str, bytes]:
    if source[:5].lower() == "data:":
        return "<data URI>", _read_data_uri(source, limits)
    if source == "-":
        return "-", _read_file(sys.stdin.buffer, "-", limits)
    scheme = source.partition("://")[0].lower() if "://" in source else ""
    if scheme in ("http", "https"):
        return source, _read_url(source, limits, allow_urls)
    if scheme.isalnum() and not os.path.exists(source):
        raise SourceError(f"{_short(source)}: scheme must be http, https or data, got {scheme!r}; pass a local path")
    return _read_path(source, limits)


def _read_url(url: str, limits: Limits, allow_urls: bool) -> bytes:
    if not allow_urls:
        raise SourceError(
            f"{_short(url)}: expected a local picture, got an http(s) address while URLs are off; "
            "pass allow_urls=True (command line: --allow-urls)"
        )
    from pixwise.reading.urls import fetch

    return fetch(url, max_bytes=limits.max_bytes)


def _read_path(path: str, limits: Limits) -> tuple[str, bytes]:
    if not path:
        raise SourceError("picture must be a path, got an empty string; check the variable it came from")
    if os.path.isdir(path):
        raise SourceError(
            f"{path}: expected one picture, got a folder; pass its files (the command line takes folders)"
        )
    try:
        with Path(path).open("rb") as file:
            status = os.fstat(file.fileno())
            if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):  # /dev/zero has no end
                raise SourceError(f"{_short(path)}: expected a regular file or a pipe, got a device; check the path")
            limits.check("max_bytes", status.st_size, path)
            return path, _read_file(file, path, limits)
    except (LimitError, SourceError):
        raise
    except OSError as error:
        raise _unreadable(path, error) from error
    except ValueError as error:  # a NUL byte
        raise SourceError(f"{_short(path)!r}: expected a path, got {error}; check the path") from error


def _unreadable(path: str, error: OSError) -> SourceError:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return SourceError(f"{_short(path)}: expected a picture, got no such file; check the path")
    if error.errno in (errno.EACCES, errno.EPERM):
        return SourceError(f"{_short(path)}: expected a readable file, got permission denied; check its mode and owner")
    reason = "a name that is too long" if error.errno == errno.ENAMETOOLONG else error.strerror or str(error)
    return SourceError(f"{_short(path)}: expected a readable file, got {reason}; check the path")


def _read_file(file: IO[bytes], name: str, limits: Limits) -> bytes:
    """All of an open file from where it stands; in pieces, because raw files and pipes give less than asked."""
    pieces, length = [], 0
    while True:
        try:
            piece = file.read(_CHUNK)
        except UnicodeDecodeError as error:
            raise _opened_as_text(name) from error
        except (OSError, ValueError) as error:  # ValueError: closed, or not opened for reading
            raise SourceError(f"{name}: expected an open readable file, got {error}; open it anew") from error
        if isinstance(piece, str):
            raise _opened_as_text(name)
        if not isinstance(piece, bytes | bytearray | memoryview):
            raise SourceError(
                f"{name}: expected bytes from read(), got {type(piece).__name__}; open it in blocking binary mode"
            )
        if not piece:
            return pieces[0] if len(pieces) == 1 and isinstance(pieces[0], bytes) else b"".join(pieces)
        pieces.append(piece)
        length += len(piece)
        limits.check("max_bytes", length, name)


def _opened_as_text(name: str) -> OptionError:
    return OptionError(f"{name}: file must be opened in binary mode, got text; use open(path, 'rb')")


def _read_data_uri(uri: str, limits: Limits) -> bytes:
    head, comma, body = uri.partition(",")
    if not comma:
        raise SourceError(
            "data URI must be data:image/…;base64,…, got one without a comma; check that it was copied whole"
        )
    is_base64 = head.lower().endswith(";base64")
    limits.check("max_bytes", len(body) // 4 * 3 - 2 if is_base64 else len(body) // 3, "<data URI>")  # at least so many
    data = urllib.parse.unquote_to_bytes(body)
    if not is_base64:
        limits.check("max_bytes", len(data), "<data URI>")
        return data
    try:
        return base64.b64decode(b"".join(data.split()), validate=True)  # line breaks are common, other junk is damage
    except ValueError as error:
        raise SourceError(
            f"data URI must be data:image/…;base64,…, got {error}; check that it was copied whole"
        ) from error


def _short(text: str) -> str:
    return text if len(text) <= 200 else text[:200] + "…"
