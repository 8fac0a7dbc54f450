"""Where collections are kept, and which version of each is in force.

    FOLDER/ID/versions/VERSION/collection.json + weights.npz     never changed once it is there
    FOLDER/ID/best.json                                          which version answers, and how all did in the bake-off

A version is written beside its place and renamed into it; then `best.json` is replaced in one step; then old versions
go. Whenever a process is killed, `best.json` names a version that is whole.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from pixwise.collections.collection import Collection, write_through
from pixwise.errors import ModelFileError, OptionError, OutputError, UnknownModelError, nearest
from pixwise.fetching.notes import home

__all__ = ["KEPT", "Shelf"]

KEPT = 10  # versions of a collection
_BEST, _PART, _LOCK = "best.json", ".part", ".lock"
_PATIENCE_S = 600  # nobody takes longer to write two small files


class Shelf:
    """The collections of a folder.

    Args:
        folder: None is `collections` in PIXWISE_HOME.
    """

    def __init__(self, folder: Path | str | None = None):
        self.folder = Path(folder) if folder is not None else home() / "collections"

    def ids(self) -> list[str]:
        """Collections that can answer, sorted."""
        return sorted(unquote(path.parent.name) for path in self.folder.glob(f"*/{_BEST}"))

    def best(self, id: str | int) -> Collection:
        """The version that answers.

        Raises:
            UnknownModelError: no such collection.
            ModelFileError: its files are damaged.
        """
        told = self.standing(id)
        return Collection.load(self._versions(id) / str(told["version"]))

    def standing(self, id: str | int) -> dict[str, Any]:
        """Which version answers, and the metrics of all on the newest test set: `{"version", "bake_off"}`."""
        path = self.place(id) / _BEST
        try:
            told = json.loads(path.read_text("utf-8"))
        except FileNotFoundError as error:
            known = self.ids()
            hint = nearest(str(id), known) if known else "there are none yet: pixwise collections train"
            raise UnknownModelError(f"collection must be in {self.folder}, got {str(id)!r}; {hint}") from error
        except (OSError, ValueError) as error:
            raise ModelFileError(f"{path}: expected JSON that names a version, got {error}; train it anew") from error
        if not isinstance(told, dict) or not isinstance(told.get("version"), str) or "/" in told["version"]:
            raise ModelFileError(f"{path}: expected JSON that names a version, got {str(told)[:60]}; train it anew")
        return told

    def versions(self, id: str | int) -> list[Collection]:
        """All kept versions that are whole, oldest first."""
        found = []
        for folder in sorted(self._versions(id).glob("*")):
            if folder.suffix != _PART:
                try:
                    found.append(Collection.load(folder))
                except ModelFileError:  # it takes no part; the others do
                    continue
        return found

    def add(self, collection: Collection) -> None:
        """Keep a version; it answers when `choose` says so."""
        versions = self._versions(collection.id)
        with _writing(versions):
            versions.mkdir(parents=True, exist_ok=True)
            beside = Path(tempfile.mkdtemp(dir=versions, prefix=f"{collection.version}-", suffix=_PART))
            try:
                collection.save(beside)
                os.replace(beside, versions / collection.version)
            except BaseException:
                shutil.rmtree(beside, ignore_errors=True)
                raise

    @contextmanager
    def alone(self, id: str | int) -> Iterator[None]:
        """Only one process, and one thread of it, measures and chooses among the versions of a collection at a time."""
        from pixwise.fetching.intake import locked

        with ExitStack() as stack:
            with _writing(self.place(id)):
                stack.enter_context(locked(self.place(id) / _LOCK))
            yield

    def choose(self, id: str | int, version: str, bake_off: Mapping[str, Mapping[str, float]]) -> None:
        """Put a version in force; the others of the bake-off are kept, what is in none of it goes.

        Args:
            id: of the collection.
            version: one that was added.
            bake_off: version → metrics, of all that are to be kept.

        Raises:
            OutputError: the version is gone: another process trained the same collection at the same time.
        """
        place = self.place(id)
        if not (self._versions(id) / version).is_dir():
            raise OutputError(f"{place}: expected version {version}, got none: another training took it; train again")
        with _writing(place):
            beside = place / (_BEST + _PART)
            told = {"version": version, "bake_off": bake_off}
            write_through(beside, json.dumps(told, indent=1).encode())
            os.replace(beside, place / _BEST)
            for folder in self._versions(id).iterdir():
                if folder.name not in bake_off and not _being_written(folder):
                    shutil.rmtree(folder, ignore_errors=True)

    def remove(self, id: str | int) -> None:
        """Forget a collection with all its versions.

        Raises:
            UnknownModelError: no such collection.
        """
        self.standing(id)
        place = self.place(id)
        with _writing(place):
            (place / _BEST).unlink()  # from here on it is gone, whatever happens to the rest
            shutil.rmtree(place)

    def place(self, id: str | int) -> Path:
        """The folder of a collection.

        Raises:
            OptionError: an id that no folder can be named after.
        """
        name = quote(str(id), safe=" ")
        name = "%2E" + name[1:] if name.startswith(".") else name
        if not name.strip() or len(name) > 200 or name != name.strip():
            raise OptionError(f"id of a collection must be 1 to 200 letters, got {str(id)[:60]!r}; choose another")
        return self.folder / name

    def _versions(self, id: str | int) -> Path:
        return self.place(id) / "versions"


def _being_written(folder: Path) -> bool:
    """A version that another process may be about to finish; what a killed one left is older."""
    return folder.suffix == _PART and folder.exists() and time.time() - folder.stat().st_mtime < _PATIENCE_S


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{folder}: expected to be written, got {error.strerror or error}; mend its rights"
        ) from error
