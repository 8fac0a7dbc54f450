"""Several workers: processes that accept from one listening socket, watched over by a parent that does nothing else.

    parent: listens, never accepts ─┬─▶ worker.py, with the settings on its stdin
                                    ├─▶ worker.py      one that dies or stands still is replaced
                                    └─▶ worker.py      SIGHUP: one by one, each new one loaded before an old one goes

The socket is the parent's, so connections that nobody has accepted yet outlive any worker.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from pixwise.cores import available_threads
from pixwise.errors import PixwiseError, SetupError
from pixwise.serve import listening
from pixwise.serve.board import Board, State
from pixwise.serve.settings import Settings

__all__ = ["Supervisor"]

_LOG = logging.getLogger("pixwise.serve")
_TICK_S = 0.1
_LONG_S = 10.0  # who lived for so long did not die of its start
_LONGEST_WAIT_S = 30.0
_HOPELESS = (2, 3)  # exit codes of a worker that cannot start as it is set up
_MARGIN_S = 10.0  # for the end of a worker, beyond what it grants its requests


@dataclass(eq=False)
class _Worker:
    process: subprocess.Popen
    slot: int
    started: float
    beats: int = 0
    still: int = 0  # ticks since its event loop was seen to turn
    going: bool = False  # it was told to stop


class Supervisor:
    """The parent.

    Args:
        settings: what the operator set.
        listener: the socket that all accept from.
        again: reads the settings anew, at SIGHUP; None keeps these.
    """

    def __init__(self, settings: Settings, listener: socket.socket, again: Callable[[], Settings] | None = None):
        self.settings, self._listener, self._again = settings, listener, again
        self._board = Board(2 * settings.workers + 1)  # a spare one for each that may still be going
        self._workers: list[_Worker] = []
        self._quick_deaths = 0
        self._missing: list[float] = []  # when to start those that are missing
        self._to_replace: deque[_Worker] = deque()
        self._newcomer: _Worker | None = None
        self._signals: deque[int] = deque()
        self._meters = _temporary()
        self._turned_away = False
        self._end: tuple[float, int] | None = None  # since when it stops, and the exit code so far

    def run(self) -> int:
        """Watch until told to stop; returns the exit code."""
        wanted = [signal.SIGTERM, signal.SIGINT, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
        before = {number: signal.signal(number, lambda each, _: self._signals.append(each)) for number in wanted}
        try:
            for _ in range(self.settings.workers):
                self._start(State.STARTING)
            while self._end is None or self._workers:
                self._tick()
                time.sleep(_TICK_S)
        finally:
            for worker in self._workers:
                worker.process.kill()
            for number, handler in before.items():
                signal.signal(number, handler)
            shutil.rmtree(self._meters, ignore_errors=True)
        return self._end[1]

    def _tick(self) -> None:
        while self._signals:
            self._heed(self._signals.popleft())
        for worker in list(self._workers):
            code = worker.process.poll()
            if code is not None:
                self._ended(worker, code)
            else:
                self._check(worker)
        if self._end is None:
            self._replace()
            while self._missing and self._missing[0] <= time.monotonic():
                self._missing.pop(0)
                self._start(State.DEAD)
        else:
            self._stopping()

    def _start(self, state: State) -> _Worker:
        """Start a worker. STARTING: it listens at once; DEAD, SPARE: others answer, it listens when it is loaded."""
        slot = self._board.find(State.DEAD if state == State.DEAD else State.EMPTY)
        self._board.write(slot, state)
        numbers = self._listener.fileno(), self._board.number
        process = subprocess.Popen(
            [sys.executable, "-m", "pixwise.serve.worker", *map(str, numbers), str(self._board.slots), str(slot)],
            stdin=subprocess.PIPE,
            pass_fds=numbers,
            process_group=0,  # Ctrl-C is the parent's to hear
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": self._meters},
        )
        # left open: its end tells the worker that the parent is gone
        with contextlib.suppress(BrokenPipeError):  # it died at once, which the next tick sees
            process.stdin.write(self._handed().encode() + b"\n")
            process.stdin.flush()
        worker = _Worker(process, slot, time.monotonic())
        self._workers.append(worker)
        return worker

    def _handed(self) -> str:
        """The settings for a worker: of all cores, its share."""
        share = self.settings.threads or max(1, available_threads() // self.settings.workers)
        return self.settings.model_copy(update={"threads": share}).handed_over()

    def _heed(self, number: int) -> None:
        if number == getattr(signal, "SIGHUP", None):
            if self._end is None:
                self._renew()
            return
        self._stop(0)

    def _renew(self) -> None:
        """Replace all workers one by one, with the settings as they are now."""
        try:
            settings = self._again() if self._again else self.settings
        except PixwiseError as error:
            _LOG.error("SIGHUP: settings stay as they were: %s", error)
            return
        kept = {name: getattr(self.settings, name) for name in ("host", "port", "workers")}
        self.settings = settings.model_copy(update=kept)
        _LOG.info("SIGHUP: workers are replaced one by one")
        self._to_replace = deque(worker for worker in self._workers if not worker.going)

    def _replace(self) -> None:
        """The next step of replacing workers."""
        newcomer = self._newcomer
        fares = self._board.state(newcomer.slot) if newcomer else State.EMPTY
        if fares == State.UNREADY:
            self._dismiss(newcomer)
            self._give_up("is not ready")
        elif fares == State.READY:
            self._newcomer = None
            if self._to_replace:  # else it died meanwhile, and its place is taken
                self._dismiss(self._to_replace.popleft())
        while self._to_replace and self._to_replace[0] not in self._workers:  # it died meanwhile and was replaced
            self._to_replace.popleft()
        if self._to_replace and not self._newcomer and not any(worker.going for worker in self._workers):
            self._newcomer = self._start(State.SPARE)

    def _give_up(self, why: str) -> None:
        _LOG.error("SIGHUP: a worker could not be replaced, the new one %s; the old ones stay", why)
        self._newcomer = None
        self._to_replace.clear()

    def _dismiss(self, worker: _Worker) -> None:
        """Have a worker finish and end; nobody is missing for that."""
        worker.going = True
        self._board.write(worker.slot, State.EMPTY)
        worker.process.send_signal(signal.SIGTERM)

    def _ended(self, worker: _Worker, code: int) -> None:
        self._workers.remove(worker)
        self._forget_meters(worker.process.pid)
        worker.process.stdin.close()
        if self._end is not None:
            self._end = (self._end[0], self._end[1] or (1 if code else 0))
            return
        if worker.going:
            return
        lived = time.monotonic() - worker.started
        if worker is self._newcomer:
            self._board.write(worker.slot, State.EMPTY)
            self._give_up(f"ended with {code}")
        elif code in _HOPELESS and self._board.state(worker.slot) == State.STARTING:
            _LOG.error("a worker could not start (exit code %d); the service ends", code)
            self._stop(code)
        else:
            self._lost(worker, code, lived)

    def _lost(self, worker: _Worker, code: int, lived: float) -> None:
        """A worker died: another one comes, later where they die at once."""
        self._board.write(worker.slot, State.DEAD)
        self._quick_deaths = self._quick_deaths + 1 if lived < _LONG_S else 0
        wait = min(_LONGEST_WAIT_S, 0.5 * 2**self._quick_deaths) if self._quick_deaths > 1 else 0.0
        pid = worker.process.pid
        _LOG.error("worker %d ended with %d after %.1f s; another one starts in %.1f s", pid, code, lived, wait)
        self._missing = sorted([*self._missing, time.monotonic() + wait])

    def _check(self, worker: _Worker) -> None:
        """Kill a worker whose event loop stands still; counted in our own ticks, so that a pause of all is none."""
        beats = self._board.beats(worker.slot)
        worker.still = 0 if beats != worker.beats or not beats else worker.still + 1
        worker.beats = beats
        if worker.still * _TICK_S > 2 * self.settings.stuck_s:
            _LOG.error("worker %d stands still for %g s; it is killed", worker.process.pid, 2 * self.settings.stuck_s)
            worker.still = 0
            worker.process.kill()

    def _stop(self, code: int) -> None:
        """Tell all workers to finish; the second time, to end at once."""
        if self._end is None:
            _LOG.info("stopping: the workers answer what was taken")
        self._end = self._end or (time.monotonic(), code)
        for worker in self._workers:
            worker.process.send_signal(signal.SIGTERM)

    def _stopping(self) -> None:
        spent = time.monotonic() - self._end[0]
        if spent >= self.settings.drain_s and not self._turned_away:
            self._turned_away = True
            listening.turn_away(self._listener)
        if spent > self.settings.drain_s + self.settings.grace_s + _MARGIN_S:
            for worker in self._workers:
                worker.process.kill()

    def _forget_meters(self, pid: int) -> None:
        """What a worker showed of its present is past; what it counted stays."""
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(pid, self._meters)


def _temporary() -> str:
    try:
        return tempfile.mkdtemp(prefix="pixwise-meters-")
    except OSError as error:
        raise SetupError(f"several workers need a temporary folder, got none that can be written ({error}); "
                         "set TMPDIR, or mount a tmpfs at /tmp") from error  # fmt: skip
