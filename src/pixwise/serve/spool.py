"""Jobs as files, so that every worker finds them and a worker that dies loses none.

    ID/job.json           what was asked; the folder appears with all of it, in one step
    ID/pictures/7         the bytes of picture 7, until it is answered
    ID/trying/7           how often picture 7 was begun; gone when it ends, so what is left stopped its worker
    ID/answers/7.ok       its place in the answer, or 7.error
    ID/begun  ID/cancel   it was begun; it is to end
    ID/ended.json         how it ended, and when
    ID/lock               held by the worker that works on it; the system lets go of it when the worker dies

Nothing here knows of HTTP or of models.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from pixwise.errors import OutputError

__all__ = ["Head", "Spool", "State"]

_STALE_S = 3600.0  # a folder that was never finished: its request died


@dataclass(frozen=True)
class Head:
    """What was asked; it does not change.

    Attributes:
        id: of the job.
        caller: whose it is.
        created: seconds since 1970.
        tasks: as the request told them.
        pictures: each with `name`, and `url` where it is fetched.
        bytes: of all pictures.
    """

    id: str
    caller: str
    created: float
    tasks: Sequence[Mapping[str, Any]]
    pictures: Sequence[Mapping[str, str]]
    bytes: int = 0


@dataclass(frozen=True)
class State:
    """How far a job is.

    Attributes:
        status: `queued`, `running`, `done`, `cancelled` or `failed`.
        ended: seconds since 1970; 0 while it goes on.
        message: why it failed.
        done: places that were answered → `ok` or `error`.
    """

    status: str
    ended: float = 0.0
    message: str = ""
    done: Mapping[int, str] = field(default_factory=dict)


class Spool:
    """The jobs of a service, in a folder of their own."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._heads: dict[str, Head] = {}

    def accept(
        self,
        caller: str,
        tasks: Sequence[Mapping[str, Any]],
        pictures: Sequence[tuple[Mapping[str, str], bytes]],
        refused: Mapping[int, bytes],
    ) -> Head:
        """Keep a job; it is there whole, or not at all.

        Args:
            caller, tasks: as in `Head`.
            pictures: what is told of each, and its bytes; none for an address.
            refused: places that are answered already, with their answers.

        Raises:
            OutputError: the folder cannot be written.
        """
        made = f"{time.time_ns():016x}{secrets.token_hex(10)}"  # sorted by time, not to be guessed
        head = Head(made, caller, time.time(), tasks, [told for told, _ in pictures], sum(len(d) for _, d in pictures))
        place = self.folder / f".new-{made}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            for part in (".", "pictures", "answers", "trying"):
                (place / part).mkdir(mode=0o700)
            for number, (_, data) in enumerate(pictures):
                (place / "pictures" / str(number)).write_bytes(data)
            for number, answer in refused.items():
                (place / "answers" / f"{number}.error").write_bytes(answer)
            (place / "job.json").write_text(json.dumps(vars(head)), "utf-8")
            place.rename(self.folder / made)
        except OSError as error:
            shutil.rmtree(place, ignore_errors=True)
            raise OutputError(f"jobs must have a folder that can be written, got {error.strerror}; have the operator "
                              "look at jobs_folder") from error  # fmt: skip
        return head

    def heads(self) -> list[Head]:
        """All jobs, the oldest first."""
        try:
            names = sorted(name for name in os.listdir(self.folder) if not name.startswith("."))
        except OSError:
            return []
        self._heads = {name: head for name, head in self._heads.items() if name in set(names)}
        return [head for name in names if (head := self.head(name)) is not None]

    def head(self, job: str) -> Head | None:
        """What was asked in a job; None where there is none of this id."""
        if not (job.isalnum() and job.isascii()):  # an id of a request is never a path
            return None
        head, path = self._heads.get(job), self.folder / job / "job.json"
        try:
            head = head or Head(**json.loads(path.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        self._heads[job] = head
        return head if path.exists() else None

    def state(self, job: str) -> State:
        """How far it is."""
        place, done = self.folder / job, {}
        with suppress(OSError):
            for name in os.listdir(place / "answers"):
                number, _, kind = name.partition(".")
                if kind in ("ok", "error"):
                    done[int(number)] = kind
        with suppress(OSError, ValueError):
            ended = json.loads((place / "ended.json").read_text("utf-8"))
            return State(ended["status"], ended["at"], ended["message"], done)
        return State("running" if (place / "begun").exists() else "queued", done=done)

    def claim(self, job: str) -> FileLock | None:
        """Take a job on: a lock that is to be released; None where another worker has it, or it has gone."""
        lock = FileLock(self.folder / job / "lock", blocking=False, thread_local=False)
        try:
            lock.acquire()
        except (Timeout, OSError):
            return None
        return lock

    def begin(self, job: str) -> None:
        """Somebody works on it now."""
        (self.folder / job / "begun").touch()

    def picture(self, job: str, number: int) -> bytes:
        """The bytes of a picture."""
        return (self.folder / job / "pictures" / str(number)).read_bytes()

    def tried(self, job: str) -> dict[int, int]:
        """Pictures that were begun and never ended → how often."""
        place = self.folder / job / "trying"
        return {int(name): int((place / name).read_text() or 1) for name in os.listdir(place)}

    def trying(self, job: str, number: int, times: int) -> None:
        """A picture is begun."""
        (self.folder / job / "trying" / str(number)).write_text(str(times))

    def answer(self, job: str, number: int, kind: str, told: bytes) -> None:
        """Keep the answer of a picture, in one step, and let go of the picture."""
        place = self.folder / job
        part = place / "answers" / f".{number}"
        part.write_bytes(told)
        part.rename(place / "answers" / f"{number}.{kind}")
        (place / "pictures" / str(number)).unlink(missing_ok=True)

    def let_go(self, job: str, number: int) -> None:
        """A picture is no longer worked on; its worker lives."""
        (self.folder / job / "trying" / str(number)).unlink(missing_ok=True)

    def answers(self, job: str, first: int, count: int) -> Iterator[tuple[int, bytes]]:
        """Answers that are there, of `count` pictures from `first` on."""
        done = self.state(job).done
        for number in sorted(number for number in done if first <= number < first + count):
            with suppress(OSError):  # it may be removed meanwhile
                yield number, (self.folder / job / "answers" / f"{number}.{done[number]}").read_bytes()

    def cancel(self, job: str) -> None:
        """Have it ended, by whichever worker has it."""
        with suppress(OSError):
            (self.folder / job / "cancel").touch()

    def is_cancelled(self, job: str) -> bool:
        """Whether it is to end."""
        place = self.folder / job
        return (place / "cancel").exists() or not place.exists()

    def end(self, job: str, status: str, message: str = "") -> None:
        """It has ended; its pictures are let go of."""
        place = self.folder / job
        part = place / ".ended"
        part.write_text(json.dumps({"status": status, "at": time.time(), "message": message}), "utf-8")
        part.rename(place / "ended.json")
        shutil.rmtree(place / "pictures", ignore_errors=True)

    def remove(self, job: str) -> None:
        """Forget it, and its answers."""
        gone = self.folder / f".gone-{job}"
        with suppress(OSError):
            (self.folder / job).rename(gone)  # in one step: nobody sees half of it
            shutil.rmtree(gone, ignore_errors=True)

    def sweep(self, keep_s: float) -> None:
        """Forget what ended longer ago, and what was never whole."""
        for head in self.heads():
            ended = self.state(head.id).ended
            if ended and time.time() - ended > keep_s:
                self.remove(head.id)
        with suppress(OSError):
            for entry in self.folder.iterdir():
                if entry.name.startswith(".") and time.time() - entry.stat().st_mtime > _STALE_S:
                    shutil.rmtree(entry, ignore_errors=True)
