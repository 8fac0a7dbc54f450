"""The steps of one request as a small graph: each is made once, and several threads make them where some are free.

    steps ─▶ Helpers.do: this thread and its helpers take the next one, each asks `Once` for what it stands on
             Once(key, make): the first who asks makes it, the others wait for him; the graph is who asks for what

Nobody waits for a step that nobody has begun, so that no number of requests can stand in one another's way: a request
whose helpers are all elsewhere is done by its own thread.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from pixwise.serve.asking import Ask, asked_by
from pixwise.serve.batcher import Traffic

__all__ = ["Helpers", "Once"]

T = TypeVar("T")


class Once:
    """What was made for one request, by key; safe for several threads.

    Args:
        traffic: is told who waits: a batch must not wait for him.
    """

    def __init__(self, traffic: Traffic):
        self._traffic = traffic
        self._made: dict[Hashable, Future] = {}
        self._lock = threading.Lock()

    def __call__(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, or the error that it raises, the first time it is asked for."""
        with self._lock:
            mine = key not in self._made
            future = self._made.setdefault(key, Future())
        if mine:
            try:
                future.set_result(make())
            except BaseException as error:  # whoever waits for it must not wait for ever
                future.set_exception(error)
        return future.result() if future.done() else self._awaited(future)

    def _awaited(self, future: Future) -> Any:
        self._traffic.park(1)
        try:
            return future.result()
        finally:
            self._traffic.park(-1)


class Helpers:
    """Threads that help the threads of the crew with the steps of a request.

    Args:
        threads: of all requests together.
        each: how many help with one request; more of them would take others' share.
        traffic: is told how many are at work.
    """

    def __init__(self, threads: int, each: int, traffic: Traffic):
        self._each, self._traffic = each, traffic
        self._threads = ThreadPoolExecutor(max(1, threads), "pixwise-helper")  # they end with whoever holds this

    def do(self, ask: Ask, steps: Sequence[Callable[[], None]]) -> None:
        """Take all steps, the first ones first; what they raise must be caught in them."""
        left = deque(steps)
        count = min(self._each, len(steps) - 1)
        helping = [self._threads.submit(self._help, ask, left) for _ in range(count)]
        _take(left)
        self._traffic.park(1)
        try:
            for future in helping:
                if not future.cancel():
                    future.result()
        finally:
            self._traffic.park(-1)

    def _help(self, ask: Ask, left: deque[Callable[[], None]]) -> None:
        self._traffic.work(1)
        try:
            with asked_by(ask):
                _take(left)
        finally:
            self._traffic.work(-1)


def _take(left: deque[Callable[[], None]]) -> None:
    """Take steps until none is left."""
    while True:
        try:
            step = left.popleft()
        except IndexError:  # another thread took the last one
            return
        step()
