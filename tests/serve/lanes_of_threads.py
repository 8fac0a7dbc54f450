"""Threads that ask one lane, and a fake model that can be held."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from pixwise.serve.asking import Ask, asked_by
from pixwise.serve.lanes import Lane, Limits, Traffic
from pixwise.session import FakeSession


def doubled(feeds):
    return {"y": 2 * feeds["x"]}


class Held(FakeSession):
    """A model whose runs wait for `gate` once it is closed, and then answer."""

    def __init__(self, answer: Callable = doubled, **others: Any):
        super().__init__(self._answer, **others)
        self.gate, self._of = threading.Event(), answer
        self.gate.set()
        self.now = self.most = 0
        self._lock = threading.Lock()

    def _answer(self, feeds):
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            assert self.gate.wait(20)
            return self._of(feeds)
        finally:
            with self._lock:
                self.now -= 1

    @property
    def sizes(self) -> list[int]:
        """Rows of each run so far."""
        return [len(feeds["x"]) for feeds in self.fed]


def rows(*values: float, width: int = 1) -> dict[str, np.ndarray]:
    """Feeds, a row per value."""
    return {"x": np.array(values, np.float32)[:, None].repeat(width, axis=1)}


def lane_of(session: FakeSession, traffic: Traffic | None = None, **limits: Any) -> Lane:
    return Lane(session, "model", Limits(**limits), traffic or Traffic(), lambda batch: None)


class Asking:
    """Threads that each ask a lane once."""

    def __init__(self, lane: Lane):
        self.lane, self.threads, self.outcomes = lane, [], {}

    def ask(self, *feeds: dict[str, np.ndarray], ask: Ask | None = None) -> Asking:
        """A thread for each feeds, one after the other; returns when all of them wait or are being run."""
        for each in feeds:
            before, number = self.lane.depth, len(self.threads)
            thread = threading.Thread(target=self._run, args=(number, each, ask or Ask()), daemon=True)
            self.threads.append(thread)
            thread.start()
            until(lambda before=before, number=number: self.lane.depth > before or number in self.outcomes
                  or (not before and self.lane.oldest_s > 0))  # fmt: skip
        return self

    def _run(self, number: int, feeds: dict[str, np.ndarray], ask: Ask) -> None:
        try:
            with asked_by(ask):
                self.outcomes[number] = self.lane.run(feeds)["y"].ravel().tolist()
        except BaseException as error:
            self.outcomes[number] = error

    def all(self) -> list[Any]:
        """What came of each, in the order of asking."""
        for thread in self.threads:
            thread.join(20)
        return [self.outcomes.get(number, "nothing") for number in range(len(self.threads))]


def until(true: Callable[[], Any], seconds: float = 30.0) -> None:
    """Wait for something that another thread does."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.0005)


def held_back(session: Held, lane: Lane, *feeds: dict[str, np.ndarray], asks: Sequence[Ask] = ()) -> Asking:
    """The first thread runs alone behind the gate, the others wait; then the gate is opened."""
    session.gate.clear()
    asking = Asking(lane).ask(rows(0))
    until(lambda: session.now == 1)
    for number, each in enumerate(feeds):
        asking.ask(each, ask=asks[number] if asks else None)
    return asking
