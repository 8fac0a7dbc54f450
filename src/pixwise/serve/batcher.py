"""The micro-batcher: runs of one model that several threads ask for at the same time become one.

    thread A ─ run(feeds) ─▶ ┐                      ┌▶ its rows
    thread B ─ run(feeds) ─▶ ├ lane: equal shapes ──┤▶ its rows       one of the waiting threads does it for all
    thread C ─ run(feeds) ─▶ ┘ joined, run once     └▶ its rows

It stands where a session stands, so that tasks know nothing of it: they decode, prepare and read the outputs in threads
of their own. Nobody waits when nobody else is on the way (`Traffic`); a batch that fails is halved until only the
culprit fails; who has gone or is too late is dropped before the model is asked.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pixwise.errors import ShapeError
from pixwise.serve.asking import Ask, Cancelled, current
from pixwise.session import Session, Tensor

__all__ = ["Batch", "BatchingSession", "Limits", "Traffic"]

Feeds = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Limits:
    """What a batch may be.

    Attributes:
        rows: pictures, tiles or crops in one run.
        pixels: of all rows together; one item may be above it alone.
        wait_s: how long the first waits for others that are on the way.
        runs: of one part at the same time; a model that takes all cores is not quicker twice.
    """

    rows: int = 8
    pixels: int = 8 * 1024 * 1024
    wait_s: float = 0.005
    runs: int = 1


@dataclass(frozen=True)
class Batch:
    """What was run, for whoever counts: items, rows, and milliseconds."""

    items: int
    rows: int
    ms: float


class Traffic:
    """How many threads are at work, and how many of them wait in a lane: the difference may still join a batch."""

    def __init__(self) -> None:
        self._busy = self._parked = 0
        self._lock = threading.Lock()

    def work(self, more: int) -> None:
        """A thread starts (1) or ends (-1) the work on a request."""
        with self._lock:
            self._busy += more

    def park(self, more: int) -> None:
        """A thread starts (1) or ends (-1) to wait for a model."""
        with self._lock:
            self._parked += more

    @property
    def coming(self) -> int:
        """Threads at work that do not wait for a model."""
        return self._busy - self._parked


@dataclass(eq=False)
class _Ticket:
    """One run that was asked for."""

    feeds: Feeds
    ask: Ask
    arrived: float
    done: bool = False
    raw: dict[str, np.ndarray] | None = None
    error: BaseException | None = None
    shapes: tuple = field(init=False)
    rows: int = field(init=False)
    pixels: int = field(init=False)

    def __post_init__(self) -> None:
        self.shapes = tuple((name, array.shape[1:], array.dtype.str) for name, array in self.feeds.items())
        self.rows = len(next(iter(self.feeds.values()))) if self.feeds else 0
        self.pixels = max((_pixels(array) for array in self.feeds.values()), default=0)

    def end(self, raw: dict[str, np.ndarray] | None = None, error: BaseException | None = None) -> None:
        self.raw, self.error, self.done = raw, error, True


def _pixels(array: np.ndarray) -> int:
    """Rows x height x width of a picture, channels first or last; the elements of anything else."""
    if array.ndim != 4:
        return array.size
    channels = min(array.shape[1], array.shape[3])
    return array.size // max(1, channels)


class BatchingSession:
    """A session whose runs are joined.

    Args:
        session: what runs.
        limits: of its batches.
        traffic: who is on the way.
        tell: is given each batch that was run.
    """

    def __init__(
        self,
        session: Session,
        limits: Limits,
        traffic: Traffic,
        tell: Callable[[Batch], None] = lambda batch: None,
    ):
        self.session, self.limits = session, limits
        self._traffic, self._tell = traffic, tell
        self._lanes: dict[str, _Lane] = {}
        self._lock = threading.Lock()

    @property
    def device(self) -> str:
        return self.session.device

    @property
    def bytes(self) -> int:
        return self.session.bytes

    @property
    def files(self) -> Mapping[str, Path]:
        return self.session.files

    def inputs(self, part: str = "model") -> tuple[Tensor, ...]:
        return self.session.inputs(part)

    def of(self, part: str) -> BatchingSession:
        return self

    def run(self, feeds: Feeds, part: str = "model") -> dict[str, np.ndarray]:
        with self._lock:
            lane = self._lanes.get(part)
            if lane is None:
                lane = self._lanes[part] = _Lane(self.session, part, self.limits, self._traffic, self._tell)
        return lane.run(feeds)

    def waiting(self) -> tuple[int, float]:
        """How many runs are waited for, and for how many seconds the first has waited."""
        lanes = list(self._lanes.values())
        return sum(lane.depth for lane in lanes), max((lane.oldest_s for lane in lanes), default=0.0)


class _Lane:
    """The runs of one part of a model."""

    def __init__(self, session: Session, part: str, limits: Limits, traffic: Traffic, tell: Callable[[Batch], None]):
        self._session, self._part, self._limits = session, part, limits
        self._traffic, self._tell = traffic, tell
        self._waiting: deque[_Ticket] = deque()
        self._started: dict[int, float] = {}  # runs that are going on: number → since when
        self._runs = 0
        self._changed = threading.Condition()

    @property
    def depth(self) -> int:
        return len(self._waiting)

    @property
    def oldest_s(self) -> float:
        with self._changed:
            since = [ticket.arrived for ticket in self._waiting] + list(self._started.values())
        return time.monotonic() - min(since) if since else 0.0

    def run(self, feeds: Feeds) -> dict[str, np.ndarray]:
        ticket = _Ticket(feeds, current(), time.monotonic())
        self._traffic.park(1)
        try:
            self._follow(ticket)
        finally:
            self._traffic.park(-1)
        if ticket.error is not None:
            raise ticket.error
        return ticket.raw

    def _follow(self, ticket: _Ticket) -> None:
        """Wait until somebody has run it, or lead a batch where nobody does."""
        with self._changed:
            self._waiting.append(ticket)
            self._changed.notify_all()
            while not ticket.done and self._runs >= self._limits.runs:
                self._changed.wait(min(ticket.ask.left(), 1.0))
                self._drop(ticket)
            if ticket.done:
                return
            self._runs += 1
        try:
            while not ticket.done:
                self._lead()
        finally:
            with self._changed:
                self._runs -= 1
                self._changed.notify_all()

    def _drop(self, ticket: _Ticket) -> None:
        """End a ticket of whom nobody waits for any more, while it waits; the lock is held."""
        if ticket in self._waiting:
            try:
                ticket.ask.check()
            except Exception as error:
                self._waiting.remove(ticket)
                ticket.end(error=error)

    def _lead(self) -> None:
        """Run the batch of whoever has waited longest."""
        with self._changed:
            group = self._gathered()
            number = id(group)
            self._started[number] = time.monotonic()
        try:
            self._run(group)
        finally:
            with self._changed:
                del self._started[number]
                self._changed.notify_all()

    def _gathered(self) -> list[_Ticket]:
        """Take a batch; while it has room and others are on the way, wait for them. The lock is held."""
        while True:
            for ticket in list(self._waiting):
                self._drop(ticket)
            group = self._alike()
            until = group[0].arrived + self._limits.wait_s if group else 0.0
            rest = until - time.monotonic()
            full = sum(ticket.rows for ticket in group) >= self._limits.rows
            if not group or full or rest <= 0 or self._traffic.coming <= 0:
                for ticket in group:
                    self._waiting.remove(ticket)
                return group
            self._changed.wait(rest)

    def _alike(self) -> list[_Ticket]:
        """Those that can run with the first, as many as the limits allow; a caller's second comes after all firsts."""
        if not self._waiting:
            return []
        first = self._waiting[0]
        rounds: dict[str, int] = {}
        turns = []
        for place, ticket in enumerate(self._waiting):
            if ticket.shapes == first.shapes:
                turns.append((rounds.setdefault(ticket.ask.caller, 0), place, ticket))
                rounds[ticket.ask.caller] += 1
        group, rows, pixels = [first], first.rows, first.pixels
        for _, _, ticket in sorted(turns, key=lambda turn: turn[:2]):
            fits = rows + ticket.rows <= self._limits.rows and pixels + ticket.pixels <= self._limits.pixels
            if ticket is not first and fits:
                group.append(ticket)
                rows, pixels = rows + ticket.rows, pixels + ticket.pixels
        return group

    def _run(self, group: Sequence[_Ticket]) -> None:
        """Run tickets as one; when that fails, by halves, so that only the culprit fails."""
        if not group:
            return
        started = time.monotonic()
        try:
            raws = self._joined(group)
        except Exception as error:
            if len(group) == 1:
                group[0].end(error=error)
                return
            for half in (group[: len(group) // 2], group[len(group) // 2 :]):
                self._run(half)
            return
        except BaseException:
            for ticket in group:
                ticket.end(error=Cancelled("the thread that ran this batch was stopped; ask again"))
            raise
        ended = time.monotonic()
        for ticket, raw in zip(group, raws, strict=True):
            ticket.ask.spent("queue", started - ticket.arrived)
            ticket.end(raw)
        self._tell(Batch(len(group), sum(ticket.rows for ticket in group), 1e3 * (ended - started)))

    def _joined(self, group: Sequence[_Ticket]) -> list[dict[str, np.ndarray]]:
        if len(group) == 1:
            return [self._session.run(group[0].feeds, self._part)]
        feeds = {name: np.concatenate([ticket.feeds[name] for ticket in group]) for name in group[0].feeds}
        raw = self._session.run(feeds, self._part)
        ends = np.cumsum([ticket.rows for ticket in group])
        for name, array in raw.items():
            if len(array) != ends[-1]:
                raise ShapeError(f"output {name!r} must have {ends[-1]} rows, got shape {array.shape}; set batch = 1")
        return [_rows(raw, end - ticket.rows, end) for ticket, end in zip(group, ends, strict=True)]


def _rows(raw: Mapping[str, Any], start: int, end: int) -> dict[str, np.ndarray]:
    """Copies, so that one who keeps his rows does not keep everybody's."""
    return {name: array[start:end].copy() for name, array in raw.items()}
