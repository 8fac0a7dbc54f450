"""One request on its way through the house: who asks, until when, and what its steps took.

HTTP ─▶ Ask ─▶ crew.py (a thread sets it as the current one) ─▶ tasks ─▶ batcher.py reads it ─▶ Server-Timing, log
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from pixwise.errors import PixwiseError

__all__ = ["Ask", "Busy", "Cancelled", "Expired", "asked_by", "current"]


class Busy(PixwiseError, RuntimeError):
    """The service has as much to do as it may take on.

    Attributes:
        retry_after_s: when it may be worth asking again.
        own: it is this caller's own share that is full, not the house.
    """

    def __init__(self, message: str, *, retry_after_s: float = 1.0, own: bool = False):
        super().__init__(message)
        self.retry_after_s, self.own = retry_after_s, own


class Expired(PixwiseError, TimeoutError):
    """The time that a request may take is over."""


class Cancelled(PixwiseError):
    """Whoever asked has gone."""


@dataclass(eq=False)
class Ask:
    """A request, or one of the jobs.

    Attributes:
        id: in logs and answers.
        caller: on whose share it goes: the name of a key, or the address.
        deadline: by `time.monotonic`; infinite for jobs.
        cancelled: whoever asked has gone.
        steps_ms: step → milliseconds so far.
        marks: step, and when it began and ended, by `time.time_ns`; for spans.
        problem: the kind of the problem that it ended in; empty where it was answered.
    """

    id: str = ""
    caller: str = ""
    deadline: float = float("inf")
    cancelled: threading.Event = field(default_factory=threading.Event, repr=False)
    steps_ms: dict[str, float] = field(default_factory=dict)
    marks: deque[tuple[str, int, int]] = field(default_factory=lambda: deque(maxlen=256), repr=False)
    problem: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def left(self) -> float:
        """Seconds until the deadline; at least 0."""
        return max(0.0, self.deadline - time.monotonic())

    def check(self) -> None:
        """Raise `Cancelled` or `Expired` where going on is of no use."""
        if self.cancelled.is_set():
            raise Cancelled(f"request {self.id}: whoever asked has gone; nothing was lost")
        if time.monotonic() >= self.deadline:
            raise Expired("answer must come before the deadline, got no time left; ask for less, or later")

    def spent(self, step: str, seconds: float) -> None:
        """Add to what a step took; from any thread."""
        with self._lock:
            self.steps_ms[step] = self.steps_ms.get(step, 0.0) + 1e3 * seconds

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step; what waits in a queue meanwhile is told as `queue`, not twice."""
        started, queued = time.perf_counter(), self.steps_ms.get("queue", 0.0)
        try:
            yield
        finally:
            waited = self.steps_ms.get("queue", 0.0) - queued
            took = time.perf_counter() - started
            self.spent(name, max(0.0, took - waited / 1e3))
            now = time.time_ns()
            self.marks.append((name, now - round(1e9 * took), now))


_CURRENT: ContextVar[Ask | None] = ContextVar("pixwise_ask", default=None)


def current() -> Ask:
    """The request that this thread works for; one without limits where there is none."""
    return _CURRENT.get() or Ask()


@contextmanager
def asked_by(ask: Ask) -> Iterator[None]:
    """Make it the current one."""
    token = _CURRENT.set(ask)
    try:
        yield
    finally:
        _CURRENT.reset(token)
