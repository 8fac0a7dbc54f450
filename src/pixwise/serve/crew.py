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
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pixwise.serve.asking import Ask, Busy, Cancelled, Expired, asked_by
from pixwise.serve.batcher import Traffic

__all__ = ["Crew", "PixelBudget"]

T = TypeVar("T")
_LOG = logging.getLogger("pixwise.serve")


@dataclass(eq=False)
class _Job:
    ask: Ask
    work: Callable[[], Any]
    future: Future = field(default_factory=Future)
    arrived: float = field(default_factory=time.monotonic)


class Crew:
    """Threads, and a queue in which every caller has a line of his own.

    Args:
        threads: how many requests are worked on at the same time.
        places: how many may wait, of all callers together.
        own_places: how many may wait of one caller.
        traffic: is told how many threads are at work.
    """

    def __init__(self, threads: int, places: int, own_places: int, traffic: Traffic):
        self.places, self.own_places = places, own_places
        self._traffic = traffic
        self._lines: OrderedDict[str, deque[_Job]] = OrderedDict()  # caller → his jobs; the first caller is next
        self._changed = threading.Condition()
        self._waiting = 0
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
        job = self._put(_Job(ask, work))
        try:
            # not wait_for(None): a deadline that is infinite is none
            left = ask.left()
            return await asyncio.wait_for(asyncio.wrap_future(job.future), None if left == float("inf") else left)
        except TimeoutError as error:
            self._take_back(job)
            if isinstance(error, Expired):
                raise
            raise Expired("answer must come before the deadline, got none in time; ask for less, or later") from error
        except asyncio.CancelledError:
            ask.cancelled.set()
            self._take_back(job)
            raise

    def _put(self, job: _Job) -> _Job:
        with self._changed:
            line = self._lines.get(job.ask.caller, ())
            if self._closed:
                raise Busy("service must be open, got one that is shutting down; ask again", retry_after_s=5.0)
            if len(line) >= self.own_places:
                raise Busy(
                    f"requests of one caller that wait must be at most {self.own_places}, got more; ask again later",
                    own=True,
                )
            if self._waiting >= self.places:
                raise Busy(f"requests that wait must be at most {self.places}, got more; ask again later")
            self._lines.setdefault(job.ask.caller, deque()).append(job)
            self._waiting += 1
            self._changed.notify()
        return job

    def _take_back(self, job: _Job) -> None:
        with self._changed:
            line = self._lines.get(job.ask.caller)
            if line and job in line:
                line.remove(job)
                self._waiting -= 1
                if not line:
                    del self._lines[job.ask.caller]

    def _serve(self) -> None:
        while (job := self._next()) is not None:
            self._do(job)

    def _next(self) -> _Job | None:
        """The first job of the caller whose turn it is, who then goes to the end; None when there will be none."""
        with self._changed:
            while not self._lines:
                if self._closed:
                    return None
                self._changed.wait()
            caller, line = self._lines.popitem(last=False)
            job = line.popleft()
            self._waiting -= 1
            if line:
                self._lines[caller] = line
            self._at_work[threading.get_ident()] = (job.ask, time.monotonic())
            return job

    def _do(self, job: _Job) -> None:
        self._traffic.work(1)
        job.ask.spent("queue", time.monotonic() - job.arrived)
        try:
            if job.future.set_running_or_notify_cancel():
                job.ask.check()
                with asked_by(job.ask):
                    job.future.set_result(job.work())
        except Exception as error:
            job.future.set_exception(error)
        except BaseException as error:  # the thread must live on: what a picture did to it ends with the picture
            _LOG.exception("request %s stopped its thread", job.ask.id)
            job.future.set_exception(Cancelled(f"request {job.ask.id} was stopped by {type(error).__name__}"))
        finally:
            self._traffic.work(-1)
            with self._changed:
                self._at_work.pop(threading.get_ident(), None)
                self._changed.notify_all()

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
    """How many pixels may be open at the same time: decoding takes up to 16 bytes of memory for each.

    Args:
        pixels: of all pictures that are worked on together; a larger one is worked on alone.
    """

    def __init__(self, pixels: int):
        self.pixels = pixels
        self._used = 0
        self._changed = threading.Condition()

    def take(self, pixels: int, ask: Ask) -> int:
        """Wait for room; returns what must be given back."""
        wanted = min(pixels, self.pixels)
        with self._changed:
            while self._used + wanted > self.pixels:
                self._changed.wait(min(ask.left(), 1.0))
                ask.check()
            self._used += wanted
        return wanted

    def give_back(self, pixels: int) -> None:
        with self._changed:
            self._used -= pixels
            self._changed.notify_all()
