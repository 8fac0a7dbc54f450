"""Clients of an HTTP service, in processes of their own: closed loops that find its limit, and random arrivals.

A latency counts from when a request was due, not from when a client was free to send it: else a slow service would
slow its own clients down and look quick.
"""

from __future__ import annotations

import http.client
import itertools
import multiprocessing
import random
import select
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from queue import Empty, Queue

import numpy as np


@dataclass(frozen=True)
class Shot:
    """One request of a load.

    Attributes:
        path: with the query.
        body: a picture.
        good: an answer is expected; else a refusal.
    """

    path: str
    body: bytes
    good: bool = True


@dataclass(frozen=True)
class Load:
    """What clients do.

    Attributes:
        shots: what is asked, in turn.
        seconds: for how long.
        rate: requests per second of all clients together, at random times; 0 asks again as soon as answered.
        count: so many requests of all clients together, and no more; 0 is as many as there is time for.
    """

    shots: tuple[Shot, ...]
    seconds: float
    rate: float = 0.0
    count: int = 0


@dataclass
class Heard:
    """What clients heard: seconds of each good shot, and what was not as expected."""

    good_s: list[float] = field(default_factory=list)
    refused: int = 0
    wrong: list[str] = field(default_factory=list)
    took_s: float = 0.0

    def percentile_ms(self, percent: float) -> float:
        return 1e3 * float(np.percentile(self.good_s, percent)) if self.good_s else float("nan")

    @property
    def rate(self) -> float:
        return len(self.good_s) / self.took_s


class Clients:
    """Processes of clients that are started once and then take loads.

    Args:
        port: of the service on the loopback.
        clients: all together.
        processes: among which they are divided.
    """

    def __init__(self, port: int, clients: int = 32, processes: int = 2):
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Connection] = []
        self.pids: list[int] = []
        for number in range(processes):
            mine, theirs = context.Pipe()
            args = (theirs, port, clients // processes, number)
            process = context.Process(target=_serve, args=args, daemon=True)
            process.start()
            self.pids.append(process.pid)
            self._pipes.append(mine)
        for pipe in self._pipes:
            pipe.recv()

    def run(self, load: Load) -> Heard:
        """What all of them heard."""
        share = Load(load.shots, load.seconds, load.rate / len(self._pipes), load.count // len(self._pipes))
        for pipe in self._pipes:
            pipe.send(share)
        parts: list[Heard] = [pipe.recv() for pipe in self._pipes]
        return Heard(
            [second for part in parts for second in part.good_s],
            sum(part.refused for part in parts),
            [wrong for part in parts for wrong in part.wrong],
            max(part.took_s for part in parts),
        )

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.send(None)


def _serve(pipe: Connection, port: int, clients: int, seed: int) -> None:
    lines = [http.client.HTTPConnection("127.0.0.1", port, timeout=120) for _ in range(clients)]
    pipe.send("ready")
    while (load := pipe.recv()) is not None:
        pipe.send(_played(load, lines, seed))


def _played(load: Load, lines: Sequence[http.client.HTTPConnection], seed: int) -> Heard:
    heard, lock, started = Heard(), threading.Lock(), time.perf_counter()
    due = _Arrivals(load, started, seed) if load.rate else _Turns(load, started, seed)
    threads = [threading.Thread(target=_client, args=(line, due, heard, lock)) for line in lines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    heard.took_s = time.perf_counter() - started
    return heard


class _Turns:
    """Shots for clients that ask again as soon as they are answered: (due, shot) until the time is over."""

    def __init__(self, load: Load, started: float, seed: int):
        self._load, self._end, self._next = load, started + load.seconds, seed * 5
        self._left = load.count or 2**60
        self._lock = threading.Lock()

    def get(self) -> tuple[float, Shot] | None:
        with self._lock:
            self._next, self._left = self._next + 1, self._left - 1
            shot = self._load.shots[self._next % len(self._load.shots)]
            over = self._left < 0 or time.perf_counter() >= self._end
        return None if over else (time.perf_counter(), shot)


class _Arrivals:
    """Shots that are due at random times, whether or not a client is free."""

    def __init__(self, load: Load, started: float, seed: int):
        draw, at, self._queue = random.Random(seed), started, Queue()
        shots = draw.sample(load.shots, len(load.shots))  # each as often as it is there
        for shot in itertools.cycle(shots):
            if at >= started + load.seconds:
                break
            self._queue.put((at, shot))
            at += draw.expovariate(load.rate)

    def get(self) -> tuple[float, Shot] | None:
        try:
            due, shot = self._queue.get_nowait()
        except Empty:
            return None
        time.sleep(max(0.0, due - time.perf_counter()))
        return due, shot


def _client(line: http.client.HTTPConnection, due, heard: Heard, lock: threading.Lock) -> None:
    while (turn := due.get()) is not None:
        at, shot = turn
        try:
            status, said = _asked(line, shot)
        except (OSError, http.client.HTTPException) as error:
            status, said = 0, repr(error)
            line.close()
        spent = time.perf_counter() - at
        with lock:
            if shot.good and status == 200:
                heard.good_s.append(spent)
            elif not shot.good and 400 <= status < 500:
                heard.refused += 1
            else:
                heard.wrong.append(f"{status}: {said[:200]}")


def _asked(line: http.client.HTTPConnection, shot: Shot) -> tuple[int, str]:
    if line.sock is not None and select.select([line.sock], [], [], 0)[0]:
        line.close()  # it was idle for so long that the service closed it; the next request opens it anew
    line.request("POST", shot.path, shot.body, {"Content-Type": "image/jpeg"})
    answer = line.getresponse()
    return answer.status, answer.read().decode(errors="replace")
