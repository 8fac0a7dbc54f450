"""The runs of one part of a model: who waits, who leads, what is joined, and how a batch that fails is taken apart.

There is no thread that could die or linger: who comes first leads, runs batches until his own rows are there, and
appoints the one who has waited longest. Only that one is woken.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from pixwise.errors import ShapeError
from pixwise.serve.asking import Ask, Cancelled, current
from pixwise.session import Session

__all__ = ["Batch", "Lane", "Limits", "Traffic"]

Feeds = Mapping[str, np.ndarray]
_LOG = logging.getLogger("pixwise.serve")
_LOOK_S = 1.0  # how often who waits looks whether anybody still waits for him
_PAUSE_S = 0.001  # how often a leader looks whether anybody is still on the way


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

    @contextmanager
    def aside(self) -> Iterator[None]:
        """While the block runs, this thread is not on the way to a model: it waits for something else, or is done."""
        self.park(1)
        try:
            yield
        finally:
            self.park(-1)

    @property
    def coming(self) -> int:
        """Threads at work that do not wait for a model."""
        return self._busy - self._parked


@dataclass(eq=False)
class _Ticket:
    """One run that was asked for; all but `woken` is read and written under the lock of its lane."""

    feeds: Feeds
    ask: Ask
    arrived: float
    done: bool = False
    leads: bool = False  # it was appointed to run the next batch
    raw: dict[str, np.ndarray] | None = None
    error: BaseException | None = None
    woken: threading.Event = field(default_factory=threading.Event)
    shapes: tuple = field(init=False)
    rows: int = field(init=False)
    pixels: int = field(init=False)

    def __post_init__(self) -> None:
        self.shapes = tuple((name, array.shape[1:], array.dtype.str) for name, array in self.feeds.items())
        self.rows = max((len(array) for array in self.feeds.values() if array.ndim), default=0)
        self.pixels = max((_pixels(array) for array in self.feeds.values()), default=0)

    @property
    def joins(self) -> bool:
        """Whether all it feeds has the batch as its first axis."""
        return all(array.ndim and len(array) == self.rows for array in self.feeds.values())

    def end(self, raw: dict[str, np.ndarray] | None = None, error: BaseException | None = None) -> None:
        """The first end counts: who left is told nothing more."""
        if not self.done:
            self.raw, self.error, self.done = raw, error, True
            self.woken.set()

    def outcome(self) -> dict[str, np.ndarray]:
        """The outputs, or the error raised; it is let go, for its traceback holds on to the feeds of a whole batch."""
        error, self.error = self.error, None
        if error is None:
            return self.raw
        try:
            raise error
        finally:
            del error


def _pixels(array: np.ndarray) -> int:
    """Rows x height x width of a picture, channels first or last; the elements of anything else."""
    if array.ndim != 4:
        return array.size
    channels = min(array.shape[1], array.shape[3])
    return array.size // max(1, channels)


class Lane:
    """The runs of one part of a model."""

    def __init__(self, session: Session, part: str, limits: Limits, traffic: Traffic, tell: Callable[[Batch], None]):
        self._session, self._part, self._limits = session, part, limits
        self._traffic, self._tell = traffic, tell
        self._waiting: list[_Ticket] = []  # in the order of their coming
        self._since: dict[int, float] = {}  # batches that are being run: number → arrival of their first
        self._leaders = 0
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)  # only leaders wait for it
        # A batch that is written into the model gains nothing from company, and `use_cache_branch` is one word for all.
        self._alone = any(tensor.shape[:1] == (1,) for tensor in session.inputs(part))

    @property
    def depth(self) -> int:
        return len(self._waiting)

    @property
    def oldest_s(self) -> float:
        with self._lock:
            since = [ticket.arrived for ticket in self._waiting] + list(self._since.values())
        return time.monotonic() - min(since) if since else 0.0

    def run(self, feeds: Feeds) -> dict[str, np.ndarray]:
        ticket = _Ticket(feeds, current(), time.monotonic())
        with self._traffic.aside():
            with self._lock:
                self._waiting.append(ticket)
                self._arrived.notify()
                self._appoint()
            try:
                while self._waits_to_lead(ticket):
                    self._lead(ticket)
            finally:
                self._leave(ticket)
        return ticket.outcome()

    def _appoint(self) -> None:
        """Have those who have waited longest lead, as many as may; the lock is held."""
        for ticket in self._waiting:
            if self._leaders >= self._limits.runs:
                return
            if not ticket.leads:
                ticket.leads = True
                self._leaders += 1
                ticket.woken.set()

    def _waits_to_lead(self, ticket: _Ticket) -> bool:
        """Wait until it is done (False), by whoever, or is to lead (True), or nobody waits for it any more (False)."""
        while not ticket.woken.wait(min(ticket.ask.left(), _LOOK_S)):
            with self._lock:
                if not ticket.woken.is_set():
                    self._end_if_useless(ticket)
        with self._lock:
            return ticket.leads and not ticket.done

    def _end_if_useless(self, ticket: _Ticket) -> None:
        """End a ticket of whom nobody waits for any more, also while it is being run; the lock is held."""
        try:
            ticket.ask.check()
        except Exception as error:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
            ticket.end(error=error)

    def _lead(self, ticket: _Ticket) -> None:
        """Run batches until one of them has taken this ticket, then hand over."""
        try:
            while self._is_waiting(ticket):
                group = self._gathered()
                try:
                    self._run(group, ticket)
                finally:
                    self._end_rest(group)
        finally:
            with self._lock:
                self._step_down(ticket)

    def _is_waiting(self, ticket: _Ticket) -> bool:
        with self._lock:
            return ticket in self._waiting

    def _step_down(self, ticket: _Ticket) -> None:
        """Lead no longer; the lock is held."""
        if ticket.leads:
            ticket.leads = False
            self._leaders -= 1
            if not ticket.done:
                ticket.woken.clear()
            self._appoint()

    def _leave(self, ticket: _Ticket) -> None:
        """Whatever ended the thread's work here: nobody may wait for a leader who has gone."""
        with self._lock:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
            self._step_down(ticket)

    def _gathered(self) -> list[_Ticket]:
        """Take a batch; while it has room and others are on the way, wait for them."""
        with self._lock:
            while True:
                for ticket in list(self._waiting):
                    self._end_if_useless(ticket)
                group = self._alike()
                rest = group[0].arrived + self._limits.wait_s - time.monotonic() if group else 0.0
                if rest <= 0 or self._is_full(group) or self._traffic.coming <= 0:
                    self._waiting = [ticket for ticket in self._waiting if ticket not in group]
                    return group
                self._arrived.wait(min(rest, _PAUSE_S))

    def _is_full(self, group: Sequence[_Ticket]) -> bool:
        rows, pixels = (sum(getattr(ticket, what) for ticket in group) for what in ("rows", "pixels"))
        more = group[0]  # one like it would have to find room
        too_many = rows + more.rows > self._limits.rows or pixels + more.pixels > self._limits.pixels
        return too_many or self._alone or not more.joins

    def _alike(self) -> list[_Ticket]:
        """Those that can run with the first, as many as the limits allow; a caller's second comes after all firsts."""
        if not self._waiting:
            return []
        first = self._waiting[0]
        if self._alone or not first.joins:
            return [first]
        rounds: dict[str, int] = {}
        turns = []
        for place, ticket in enumerate(self._waiting):
            if ticket.shapes == first.shapes and ticket.joins:
                turn = rounds.get(ticket.ask.caller, 0)
                rounds[ticket.ask.caller] = turn + 1
                turns.append((turn, place, ticket))
        group, rows, pixels = [first], first.rows, first.pixels
        for _, _, ticket in sorted(turns, key=lambda turn: turn[:2]):
            fits = rows + ticket.rows <= self._limits.rows and pixels + ticket.pixels <= self._limits.pixels
            if ticket is not first and fits:
                group.append(ticket)
                rows, pixels = rows + ticket.rows, pixels + ticket.pixels
        return group

    def _run(self, group: Sequence[_Ticket], leader: _Ticket | None) -> None:
        """Run tickets as one; when that fails, by halves, so that only the culprit fails.

        The leader, where he is among them, hands over before anybody is told: the next batch need not wait until all of
        them have written down their answers.
        """
        group = [ticket for ticket in group if not ticket.done]  # who left meanwhile is not run again
        if not group:
            return
        started = time.monotonic()
        with self._lock:
            self._since[id(group)] = group[0].arrived
        try:
            raws = self._joined(group)
        except KeyboardInterrupt:  # means this thread, not the batch
            raise
        except BaseException as error:  # the leader may run rows of others, and must not end of theirs
            if len(group) == 1:
                return self._end(group, [None], started, error)
        else:
            took = time.monotonic() - started
            self._end(group, raws, started, leader=leader)
            return self._told(Batch(len(group), sum(ticket.rows for ticket in group), 1e3 * took))
        finally:
            with self._lock:
                del self._since[id(group)]
        try:
            self._run(group[: len(group) // 2], None)
        finally:  # a thread that is stopped in the first half still owes the second its answers
            self._run(group[len(group) // 2 :], None)

    def _end(
        self,
        group: Sequence[_Ticket],
        raws: Sequence[dict[str, np.ndarray] | None],
        started: float,
        error: BaseException | None = None,
        leader: _Ticket | None = None,
    ) -> None:
        for ticket in group:
            ticket.ask.spent("queue", started - ticket.arrived)
        with self._lock:
            if leader in group:
                self._step_down(leader)
            for ticket, raw in zip(group, raws, strict=True):
                ticket.end(raw, error)

    def _end_rest(self, group: Sequence[_Ticket]) -> None:
        """Whatever went wrong: whom nobody else will answer is answered here."""
        with self._lock:
            for ticket in group:
                ticket.end(error=Cancelled("the thread that ran this batch was stopped; ask again"))

    def _told(self, batch: Batch) -> None:
        """Count it; what goes wrong there is nobody's answer."""
        try:
            self._tell(batch)
        except Exception:
            _LOG.exception("a batch could not be counted")

    def _joined(self, group: Sequence[_Ticket]) -> list[dict[str, np.ndarray]]:
        if len(group) == 1:
            return [self._session.run(group[0].feeds, self._part)]
        feeds = {name: np.concatenate([ticket.feeds[name] for ticket in group]) for name in group[0].feeds}
        raw = self._session.run(feeds, self._part)
        ends = np.cumsum([ticket.rows for ticket in group])
        for name, array in raw.items():
            if not array.ndim or len(array) != ends[-1]:
                self._alone = True  # it will not be otherwise the next time
                raise ShapeError(f"output {name!r} must have {ends[-1]} rows, got shape {array.shape}; set batch = 1")
        return [_rows(raw, end - ticket.rows, end) for ticket, end in zip(group, ends, strict=True)]


def _rows(raw: Mapping[str, np.ndarray], start: int, end: int) -> dict[str, np.ndarray]:
    return {name: array[start:end] for name, array in raw.items()}
