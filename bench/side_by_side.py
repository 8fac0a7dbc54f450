"""Run two or more ways to the same answer, interleaved, each in a process of its own that sleeps while another works.

Machines are noisy and libraries spin their threads after work; so every way has its own process, they take turns in
every round, each measures itself, and medians are compared. Ratios of one run are worth more than times of two.
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any


class Way:
    """One way to the answer.

    Args:
        name: for the table.
        make: importable function; called with `args` in the process of the way, gives `run(job) -> answer`.
        args: what `make` needs; must pickle.
    """

    def __init__(self, name: str, make: Callable[..., Callable[[Any], Any]], *args: Any):
        self.name = name
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, make, args), daemon=True)
        self._process.start()
        self.pid = self._process.pid
        self._take()  # loaded

    def run(self, job: Any) -> tuple[float, Any]:
        """Seconds that one job took inside the process, and its answer."""
        self._pipe.send(job)
        return self._take()

    def close(self) -> None:
        """End the process."""
        self._pipe.send(None)
        self._process.join(10)

    def _take(self) -> Any:
        answer = self._pipe.recv()
        if isinstance(answer, BaseException):
            raise RuntimeError(f"{self.name} failed") from answer
        return answer


def _serve(pipe: Connection, make: Callable[..., Callable[[Any], Any]], args: tuple) -> None:
    try:
        run = make(*args)
        pipe.send("loaded")
        while (job := pipe.recv()) is not None:
            started = time.perf_counter()
            answer = run(job)
            pipe.send((time.perf_counter() - started, answer))
    except BaseException as error:  # told to the parent, whatever it is
        pipe.send(error)
        raise


def medians(ways: list[Way], job: Any, rounds: int, warm: int = 2) -> tuple[dict[str, float], dict[str, Any]]:
    """Median seconds of each way over interleaved rounds, and each way's last answer."""
    times: dict[str, list[float]] = {way.name: [] for way in ways}
    answers: dict[str, Any] = {}
    for turn in range(warm + rounds):
        for way in ways:
            seconds, answers[way.name] = way.run(job)
            if turn >= warm:
                times[way.name].append(seconds)
    return {name: statistics.median(values) for name, values in times.items()}, answers
