"""Bytes that arrive become a file: to a part file, hashed while written, verified, renamed. No network, no cards.

    take_in(parcel, source) ─▶ lock ─▶ already here? ─▶ part file + source(start).chunks ─▶ verify ─▶ fsync ─▶ rename

The part file outlives a killed process; the next one hashes it and asks the source for the rest. Of two processes one
works and the other finds its file. Whatever goes wrong, nothing at the target's name is ever half a file.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pixwise.errors import FetchError, ModelFileError, PixwiseError
from pixwise.fetching.shelf import hash_of, remember
from pixwise.registry import CardFile

__all__ = ["TRIES", "Again", "Delivery", "Parcel", "Progress", "Source", "Unreachable", "locked", "take_in", "writing"]

Progress = Callable[[CardFile, int, int], None]
"""Told while bytes arrive: the file, how many are here, how many there will be (0 when unknown)."""

TRIES = 5  # in a row without a new byte
_CHUNK = 1 << 20
_PART = ".pixwise.incomplete"


@dataclass(frozen=True)
class Parcel:
    """What should arrive: which file, where it belongs, what it must be (0 and empty are unknown), and from whom."""

    file: CardFile
    target: Path
    lock: Path
    bytes: int
    sha256: str
    sender: str

    @property
    def part(self) -> Path:
        return self.target.with_name(self.target.name + _PART)


@dataclass(frozen=True)
class Delivery:
    """What a source sends: where in the file it begins, how long the whole file is (0 when unknown), and the bytes."""

    start: int
    total: int
    chunks: Iterator[bytes]


Source = Callable[[int], AbstractContextManager[Delivery]]
"""Asked for the bytes from a position on; may send from the beginning all the same."""


class Unreachable(Exception):
    """Nobody to speak to, which asking again does not change; `store.py` says which model it is about."""

    def __init__(self, host: str, got: str, advice: str):
        super().__init__(f"{host}: {got}")
        self.host, self.got, self.advice = host, got, advice


class Again(Exception):
    """Something that may pass: try again after the `wait` that the sender asked for, else a growing `pause`."""

    def __init__(self, message: str, wait: float = 0.0, pause: float = 0.0):
        super().__init__(message)
        self.wait, self.pause = wait, pause


def take_in(
    parcel: Parcel, source: Source, *, progress: Progress | None = None, force: bool = False
) -> tuple[str, int]:
    """Bring a file to its place, unless it is there.

    Args:
        parcel: what should arrive.
        source: where the bytes come from.
        progress: told while they arrive.
        force: take it in even if the file is there.

    Returns:
        SHA-256 and size of what lies at the target now.

    Raises:
        FetchError: the source failed for good, or the disk did.
        ModelFileError: what came is not what was expected; it is thrown away.
    """
    with writing(parcel.target.parent, parcel.part):
        parcel.target.parent.mkdir(parents=True, exist_ok=True)
        asked = time.time()
        with locked(parcel.lock):
            # With force, what another process brought while we waited for the lock is new enough.
            if parcel.sha256 and _is_there(parcel, newer_than=asked if force else 0.0):
                return parcel.sha256, parcel.target.stat().st_size
            return _try_often(parcel, source, progress)


@contextmanager
def locked(lock: Path) -> Iterator[None]:
    """Only one process, and one thread of it, works at what this file locks; the file stays, as locks do."""
    from huggingface_hub.utils import WeakFileLock

    lock.parent.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(lock):
        yield


def _is_there(parcel: Parcel, newer_than: float) -> bool:
    if not parcel.target.exists() or parcel.target.stat().st_ctime < newer_than:
        return False
    return hash_of(parcel.target) == parcel.sha256


def _try_often(parcel: Parcel, source: Source, progress: Progress | None) -> tuple[str, int]:
    failures, most = 0, _size(parcel.part)
    while True:
        try:
            return _write(parcel, source, progress)
        except Again as again:
            came = _size(parcel.part)
            failures, most = (1, came) if came > most else (failures + 1, most)
            if failures >= TRIES:
                raise FetchError(
                    f"{parcel.file.path} from {parcel.sender}: {again}; check the network and run it again, "
                    f"the {came} bytes that came are kept"
                ) from again
            time.sleep(again.wait or again.pause * 2**failures)


def _write(parcel: Parcel, source: Source, progress: Progress | None) -> tuple[str, int]:
    """Append what is missing to the part file; whole and verified, it gets its name."""
    with open(parcel.part, "a+b") as file:
        digest, size = _hash_so_far(file)
        resumed = size > 0
        if not (parcel.sha256 and 0 < parcel.bytes == size):
            # Without a hash nobody could tell whether the rest fits to what lies there.
            with source(size if parcel.sha256 else 0) as delivery:
                digest, size = _append(parcel, delivery, file, digest, size, progress)
        file.flush()
        os.fsync(file.fileno())
    if parcel.sha256 and digest.hexdigest() != parcel.sha256:
        parcel.part.unlink()
        if resumed:  # the first half may be from another time: once more from the beginning
            raise Again("expected the rest of a file, got one that does not fit")
        raise ModelFileError(
            f"{parcel.file.path} from {parcel.sender}: expected SHA-256 {parcel.sha256[:16]}…, "
            f"got {digest.hexdigest()[:16]}…; what came was thrown away: try again, or report the card"
        )
    os.replace(parcel.part, parcel.target)
    _sync_folder(parcel.target.parent)
    remember(parcel.target, digest.hexdigest())
    return digest.hexdigest(), size


def _hash_so_far(file: BinaryIO) -> tuple[Any, int]:
    digest, size = hashlib.sha256(), 0
    file.seek(0)
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
    return digest, size


def _append(
    parcel: Parcel, delivery: Delivery, file: BinaryIO, digest: Any, size: int, progress: Progress | None
) -> tuple[Any, int]:
    if delivery.start != size or not size:
        file.truncate(0)
        digest, size = hashlib.sha256(), 0
        if delivery.start:
            raise Again(f"expected the bytes from {size} on, got those from {delivery.start} on")
    total = parcel.bytes or delivery.total
    _check_room(parcel, total - size)
    for chunk in delivery.chunks:
        file.write(chunk)
        digest.update(chunk)
        size += len(chunk)
        if total and size > total:
            file.truncate(0)
            raise ModelFileError(
                f"{parcel.file.path} from {parcel.sender}: expected {total} bytes, got more; report the card"
            )
        if progress:
            progress(parcel.file, size, total)
    if size < total:
        raise Again(f"expected {total} bytes, got {size} before the connection closed")
    return digest, size


def _check_room(parcel: Parcel, needed: int) -> None:
    free = shutil.disk_usage(parcel.part.parent).free
    if needed > free:
        raise FetchError(
            f"{parcel.target.parent}: {parcel.file.path} must have {needed} bytes of disk, got {free}; "
            "make room, or set HF_HOME and PIXWISE_HOME to a larger disk"
        )


@contextmanager
def writing(folder: Path, part: Path | None = None) -> Iterator[None]:
    """Say in our words what the disk refuses, and drop the part file that may have filled it."""
    try:
        yield
    except PixwiseError:
        raise
    except OSError as error:
        if part is not None:
            with suppress(OSError):
                part.unlink(missing_ok=True)
        raise FetchError(
            f"{folder}: folder of models must be writable, got {error.strerror or error}; "
            "make room or mend its permissions, or set HF_HOME and PIXWISE_HOME to another folder"
        ) from error


def _sync_folder(folder: Path) -> None:
    """Make the rename last through a power cut, where folders can be synced."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
