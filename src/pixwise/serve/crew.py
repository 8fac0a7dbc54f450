"""The threads that do the work, and the queue in front of them.

    async handler ─ do(ask, work) ─▶ queue: callers take turns ─▶ thread: asked_by(ask): work() ─▶ future ─▶ handler

The queue has an end: beyond it `Busy` is raised at once, which is an answer, too. A request whose caller has gone, or
whose time is over, leaves the queue before anything is done for it.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pixwise.serve.asking import Ask, Busy, Cancelled, asked_by
from pixwise.serve.lanes import Traffic
from pixwise.serve.promises import Promise

__all__ = ["Crew", "PixelBudget"]

T = TypeVar("T")
_LATE = "answer must come before the deadline, got none in time; ask for less, or later"
_LOG = logging.getLogger("pixwise.serve")


@dataclass(eq=False)
class _Job:
    ask: Ask
    work: Callable[[], Any]
    promise: Promise
    arrived: float = field(default_factory=time.monotonic)


class Crew:
    """Threads, and a queue in which every caller has a line of his own.

    Args:
        threads: how many requests are worked on at the same time.
        places: how many may wait, of all callers together.
        own_places: how many may wait of one caller.
        traffic: is told how many threads are at work.
        own_threads: how many may be at work for one caller, so that others find one; 0 is all of them.
    """

    def __init__(self, threads: int, places: int, own_places: int, traffic: Traffic, own_threads: int = 0):
        self.places, self.own_places, self.own_threads = places, own_places, own_threads or threads
        self._traffic = traffic
        self._lines: OrderedDict[str, deque[_Job]] = OrderedDict()  # caller → his jobs; the first caller is next
        self._changed = threading.Condition()
        self._waiting = 0
        self._mean_s = 0.0  # that a request takes, the last ones counting most
        self._closed = False
        self._at_work: dict[int, tuple[Ask, float]] = {}
        self._threads = [
            threading.Thread(target=self._serve, name=f"pixwise-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def do(self, ask: Ask, work: Callable[[], T]) -> T:
        """Have a thread do it.

        Raises:
            Busy: too many wait already.
            Expired: it was not done before the deadline.
            Cancelled: whoever asked has gone.
        """
        job = self._put(_Job(ask, work, Promise()))
        try:
            return await job.promise.kept(ask, _LATE)
        except asyncio.CancelledError:
            ask.cancelled.set()
            raise
        finally:
            self._take_back(job)
            del job  # the traceback of an error holds this frame, and the job would hold the error

    def _put(self, job: _Job) -> _Job:
        with self._changed:
            if self._closed:
                raise Busy("service must be open, got one that is shutting down; ask again", retry_after_s=5.0)
            caller = job.ask.caller
            if len(self._lines.get(caller, ())) >= self.own_places or self._waiting >= self.places:
                self._drop_gone()
            if len(self._lines.get(caller, ())) >= self.own_places:
                raise Busy(
                    f"requests of one caller that wait must be at most {self.own_places}, got more; ask again later",
                    retry_after_s=self._soon(), own=True,
                )  # fmt: skip
            if self._waiting >= self.places:
                raise Busy(f"requests that wait must be at most {self.places}, got more; ask again later",
                           retry_after_s=self._soon())  # fmt: skip
            self._lines.setdefault(caller, deque()).append(job)
            self._waiting += 1
            self._changed.notify()
        return job

    def _drop_gone(self) -> None:
        """Those whose callers have gone keep nobody out; the lock is held."""
        gone = [job for line in self._lines.values() for job in line if job.ask.cancelled.is_set()]
        for job in gone:
            self._remove(job)
            job.promise.refuse(Cancelled(f"request {job.ask.id}: whoever asked has gone; nothing was lost"))

    def _soon(self) -> float:
        """Seconds until half of those who wait now will have been served; the lock is held."""
        return min(30.0, max(1.0, 0.5 * self._waiting * self._mean_s / len(self._threads)))

    def _take_back(self, job: _Job) -> None:
        with self._changed:
            self._remove(job)

    def _remove(self, job: _Job) -> None:
        line = self._lines.get(job.ask.caller)
        if line and job in line:
            line.remove(job)
            self._waiting -= 1
            if not line:
                del self._lines[job.ask.caller]

    def _serve(self) -> None:
        while (job := self._next()) is not None:
            self._do(job)
            del job  # a thread that waits for the next one holds no picture

    def _next(self) -> _Job | None:
        """The first job of the caller whose turn it is, who then goes to the end; None when there will be none."""
        with self._changed:
            while (caller := self._whose_turn()) is None:
                if self._closed and not self._lines:
                    self._changed.notify_all()  # those who wait for a caller's thread to be free
                    return None
                self._changed.wait()
            line = self._lines.pop(caller)
            job = line.popleft()
            self._waiting -= 1
            if line:
                self._lines[caller] = line
            self._at_work[threading.get_ident()] = (job.ask, time.monotonic())
            return job

    def _whose_turn(self) -> str | None:
        """The first caller in line who has not all the threads that one may have; the lock is held."""
        busy = Counter(ask.caller for ask, _ in self._at_work.values())
        return next((caller for caller in self._lines if busy[caller] < self.own_threads), None)

    def _do(self, job: _Job) -> None:
        started = time.monotonic()
        job.ask.spent("queue", started - job.arrived)
        self._traffic.work(1)
        try:
            self._answer(job)
        finally:
            self._traffic.work(-1)
            with self._changed:
                self._at_work.pop(threading.get_ident(), None)
                self._mean_s += 0.1 * (time.monotonic() - started - self._mean_s)
            del job

    def _answer(self, job: _Job) -> None:
        """Do it, and tell what came of it, whatever that is: whoever waits must hear of it."""
        try:
            job.ask.check()
            with asked_by(job.ask):
                answer = job.work()
        except Exception as error:
            job.promise.refuse(error)
        except BaseException as error:  # the thread must live on: what a picture did to it ends with the picture
            _LOG.exception("request %s stopped its thread", job.ask.id)
            job.promise.refuse(Cancelled(f"request {job.ask.id} was stopped by {type(error).__name__}"))
        else:
            job.promise.give(answer)
        finally:
            del job

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return self._waiting

    @property
    def working(self) -> int:
        """Requests that a thread is at work on."""
        return len(self._at_work)

    @property
    def alive(self) -> bool:
        """Whether all threads live."""
        return all(thread.is_alive() for thread in self._threads)

    def stuck_s(self) -> float:
        """For how long the slowest request is late that has a deadline; 0 when none is."""
        now = time.monotonic()
        with self._changed:
            late = [now - ask.deadline for ask, _ in self._at_work.values()]
        return max([0.0, *late])

    def close(self, timeout_s: float = 30.0) -> bool:
        """Take nothing more, finish what was taken; returns whether all of it was done in time."""
        until = time.monotonic() + timeout_s
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)


class PixelBudget:
    """How many pixels may be open at the same time: decoding takes up to 24 bytes of memory for each.

    Room is given first to callers who hold least, so that large pictures of one do not keep others waiting; and among
    equals in the order of asking, so that who wants much is not passed by for ever. One caller holds three quarters
    of it at most, or one picture. A thread must not ask for more while it holds some.

    Args:
        pixels: of all pictures that are worked on together; a larger one is worked on alone.
    """

    def __init__(self, pixels: int):
        self.pixels = pixels
        self._held: Counter[str] = Counter()
        self._line: list[tuple[str, int, object]] = []  # caller, pixels wanted, and whose it is
        self._changed = threading.Condition()

    def take(self, pixels: int, ask: Ask) -> int:
        """Wait for room; returns what must be given back.

        Raises:
            Expired, Cancelled: there was none in time.
        """
        mine = (ask.caller, min(pixels, self.pixels), object())
        with self._changed:
            self._line.append(mine)
            try:
                while self._next() is not mine:
                    self._changed.wait(min(ask.left(), 1.0))
                    ask.check()
                self._held[ask.caller] += mine[1]
            finally:
                self._line.remove(mine)
                self._changed.notify_all()
        return mine[1]

    def _next(self) -> tuple[str, int, object] | None:
        """Who may have room now; the lock is held."""
        most, firsts = self.pixels * 3 // 4, {}
        for each in self._line:
            firsts.setdefault(each[0], each)
        due = [each for each in firsts.values() if not self._held[each[0]] or self._held[each[0]] + each[1] <= most]
        first = min(due, key=lambda each: self._held[each[0]], default=None)
        return first if first and self._held.total() + first[1] <= self.pixels else None

    def give_back(self, pixels: int, ask: Ask) -> None:
        with self._changed:
            self._held[ask.caller] -= pixels
            if not self._held[ask.caller]:
                del self._held[ask.caller]
            self._changed.notify_all()
