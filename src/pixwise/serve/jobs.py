"""Long work: jobs that are done picture by picture behind everybody who waits for an answer.

    POST ─▶ spool (files) ◀─ every worker: claims a job ─▶ picture by picture through the crew ─▶ answers (files)

A job goes on in another worker, or at the next start, when its worker stops; a picture that stopped two workers is
given up, and the others are answered. Requests that wait go first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock

from pixwise.cores import available_threads
from pixwise.errors import PixwiseError
from pixwise.fetching.notes import home
from pixwise.serve.analysing import Asked, Plan, answer_json, planned, problem_json, readied
from pixwise.serve.asking import Ask, Busy
from pixwise.serve.problems import Problem, problem_of
from pixwise.serve.service import Service, Source
from pixwise.serve.spool import Head, Spool

__all__ = ["Jobs"]

_LOG = logging.getLogger("pixwise.serve")
_JOBS, _PICTURES = 3, 4  # at once, at most: of a worker, and of a job
_LOOK_S = 1.0  # between two looks for jobs that other workers accepted, or left
_PAUSE_S = 0.02  # while requests wait
_LONGEST_PAUSE_S = 2.0  # a job goes on, slowly, however many they are
_CRASHES = 2  # of its worker, after which a picture is given up


class Jobs:
    """The jobs that this worker takes, and works on."""

    def __init__(self, service: Service):
        settings = service.settings
        self.service = service
        self.spool = Spool(Path(settings.jobs_folder or home() / "jobs" / str(settings.port)))
        self._work: dict[str, tuple[Head, asyncio.Task]] = {}
        self._asks: dict[str, Ask] = {}
        self._flying = 0  # pictures that the crew has of us
        self._wake = asyncio.Event()
        self._closing = False
        self._looking: asyncio.Task | None = None

    def accept(self, caller: str, tasks: Sequence[Asked], sources: Sequence[Source | PixwiseError],
               names: Sequence[str]) -> Head:  # fmt: skip
        """Keep a job until somebody works on it; in a thread, since it writes files.

        Raises:
            Busy: there are too many, of this caller or of all.
            OutputError: the folder of jobs cannot be written.
        """
        self._make_room(caller, sum(len(source.data) for source in sources if isinstance(source, Source)))
        told = [{"task": each.task, "model": each.model, "options": each.options} for each in tasks]
        pictures, refused = [], {}
        for number, (source, name) in enumerate(zip(sources, names, strict=True)):
            if isinstance(source, Source):
                pictures.append(({"name": name, "url": source.url}, source.data))
            else:
                pictures.append(({"name": name}, b""))
                refused[number] = problem_json(source, name)
        return self.spool.accept(caller, told, pictures, refused)

    def _make_room(self, caller: str, more: int) -> None:
        settings, open_, closed = self.service.settings, [], []
        for head in self.spool.heads():
            (closed if self.spool.state(head.id).ended else open_).append(head)
        own = max(1, settings.jobs // 2)
        if sum(head.caller == caller for head in open_) >= own:
            raise Busy(
                f"open jobs of one caller must be at most {own}, got more; wait for one, or cancel it",
                retry_after_s=10.0,
                own=True,
            )
        waiting = sum(head.bytes for head in open_)
        if len(open_) >= settings.jobs or waiting + more > settings.jobs_bytes:
            most = f"{settings.jobs} of {settings.jobs_bytes:,} bytes"
            raise Busy(f"open jobs must be at most {most}, got more; ask again later", retry_after_s=30.0)
        for head in closed[: max(0, len(open_) + len(closed) + 1 - settings.jobs)]:
            self.spool.remove(head.id)

    def start(self) -> None:
        """Look for jobs from now on; in the event loop."""
        self._looking = asyncio.create_task(self._look())

    def wake(self) -> None:
        """There is a job."""
        self._wake.set()

    def cancel(self, job: str) -> None:
        """End a job here, or have the worker that has it end it; one that has ended stays as it is."""
        if self.spool.state(job).ended:
            return
        self.spool.cancel(job)
        if job in self._asks:
            self._asks[job].cancelled.set()
        elif lock := self.spool.claim(job):  # nobody has it
            with lock:
                if not self.spool.state(job).ended:
                    self.spool.end(job, "cancelled")

    async def close(self, timeout_s: float) -> None:
        """Finish the pictures that were begun; the rest of a job is done by another worker, or at the next start."""
        self._closing = True
        self._wake.set()
        if self._looking:
            self._looking.cancel()
        work = [task for _, task in self._work.values()]
        if work:
            await asyncio.wait(work, timeout=max(0.1, timeout_s))
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        left = [head.id for head in self.spool.heads() if not self.spool.state(head.id).ended]
        if left:
            _LOG.info("jobs go on in another worker, or when the service starts again: %s", ", ".join(left))

    @property
    def _ending(self) -> bool:
        """No picture is begun any more."""
        return self._closing or self.service.leaving

    async def _look(self) -> None:
        while not self._ending:
            self._wake.clear()
            try:
                await asyncio.to_thread(self.spool.sweep, self.service.settings.job_ttl_s)
                waiting = await asyncio.to_thread(self._waiting)
            except OSError as error:  # of the disk; it may pass
                _LOG.error("jobs cannot be read: %s", error)
                waiting = []
            while waiting and len(self._work) < _JOBS:
                busy = Counter(head.caller for head, _ in self._work.values())
                head = min(waiting, key=lambda head: (busy[head.caller], head.created))
                waiting.remove(head)
                if lock := self.spool.claim(head.id):
                    self._work[head.id] = (head, asyncio.create_task(self._do(head, lock)))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), _LOOK_S)

    def _waiting(self) -> list[Head]:
        return [head for head in self.spool.heads()
                if head.id not in self._work and not self.spool.state(head.id).ended]  # fmt: skip

    async def _do(self, head: Head, lock: FileLock) -> None:
        """Work on a job until it ends, or this worker does."""
        ask = self._asks[head.id] = Ask(id=head.id, caller=f"{head.caller} (jobs)")
        watching = asyncio.create_task(self._watch(head, ask))
        try:
            if self.spool.state(head.id).ended:  # between the look and the claim
                return
            self.spool.begin(head.id)
            await self._answer(head, ask)
            if self.spool.is_cancelled(head.id):
                self.spool.end(head.id, "cancelled")
            elif len(self.spool.state(head.id).done) == len(head.pictures):
                self.spool.end(head.id, "done")
        except Exception as error:
            if self.spool.head(head.id) is None:  # it was deleted meanwhile
                return
            _LOG.error("job %s failed", head.id, exc_info=not isinstance(error, PixwiseError | Problem))
            with contextlib.suppress(OSError):
                self.spool.end(head.id, "failed", problem_of(error).detail)
        finally:
            watching.cancel()
            lock.release()
            del self._asks[head.id], self._work[head.id]
            self._wake.set()

    async def _watch(self, head: Head, ask: Ask) -> None:
        """Another worker may be told to cancel what this one works on."""
        while not self.spool.is_cancelled(head.id):
            await asyncio.sleep(_LOOK_S / 4)
        ask.cancelled.set()

    async def _answer(self, head: Head, ask: Ask) -> None:
        asked = [Asked(**told) for told in head.tasks]
        plans = await readied(self.service, planned(self.service, asked, self.service.settings), ask)
        done, tried = self.spool.state(head.id).done, self.spool.tried(head.id)
        fresh = iter([number for number in range(len(head.pictures)) if number not in done and number not in tried])
        async with asyncio.TaskGroup() as group:  # the lock is let go of when all of them have ended, not the first
            for _ in range(min(_PICTURES, available_threads(0))):
                group.create_task(self._one_after_another(head, ask, plans, fresh, tried))
        suspects = iter(sorted(number for number in tried if number not in done))  # alone: only the culprit stops it
        await self._one_after_another(head, ask, plans, suspects, tried)

    async def _one_after_another(self, head: Head, ask: Ask, plans: Sequence[Plan], numbers: Iterator[int],
                                 tried: Mapping[int, int]) -> None:  # fmt: skip
        for number in numbers:
            await self._give_way()
            if self._ending or ask.cancelled.is_set():
                return
            times, name = tried.get(number, 0) + 1, head.pictures[number]["name"]
            if times > _CRASHES:
                problem = Problem(500, f"picture must be answered, got {_CRASHES} workers that it stopped", "fault")
                self.spool.answer(head.id, number, "error", problem_json(problem, name))
                continue
            self.spool.trying(head.id, number, times)
            try:
                answer = await self._picture(head, ask, plans, number)
                if answer and not ask.cancelled.is_set():
                    self.spool.answer(head.id, number, *answer)
            finally:
                self.spool.let_go(head.id, number)

    async def _picture(self, head: Head, ask: Ask, plans: Sequence[Plan],
                       number: int) -> tuple[str, bytes] | None:  # fmt: skip
        """`ok` or `error`, and the answer; None where the next worker is to do it."""
        told = head.pictures[number]
        work: Any = partial(self._work_on, head.id, number, told, ask, plans)
        while True:
            self._flying += 1
            try:
                return "ok", await self.service.crew.do(ask, work)
            except Busy:
                if self._ending:
                    return None
            except Exception as error:
                return "error", problem_json(error, told["name"])
            finally:
                self._flying -= 1
            await asyncio.sleep(_PAUSE_S)

    def _work_on(self, job: str, number: int, told: Mapping[str, str], ask: Ask, plans: Sequence[Plan]) -> bytes:
        source = Source(b"" if told.get("url") else self.spool.picture(job, number), told.get("url", ""), told["name"])
        return answer_json(self.service, ask, source, plans, told["name"])

    async def _give_way(self) -> None:
        """Let requests go first: those that wait, and those that have half of the cores."""
        crew, many = self.service.crew, max(1, available_threads(0) // 2)
        for _ in range(round(_LONGEST_PAUSE_S / _PAUSE_S)):
            if self._ending or not (crew.waiting or crew.working - self._flying >= many):
                return
            await asyncio.sleep(_PAUSE_S)
