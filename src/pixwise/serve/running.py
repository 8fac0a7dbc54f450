"""From settings to a process that listens, and to its end.

SIGTERM ─▶ not ready; still takes requests for `drain_s`, and every answer closes its connection
        ─▶ the system sets up no more connections; those that wait are taken; the listener is closed
        ─▶ what was taken is answered, `grace_s` at most; a connection goes when nothing has come on it for a moment
        ─▶ exit code 0; 1 where something was cut off
A second signal ends all of it at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn

from pixwise.serve import listening
from pixwise.serve.app import create_app
from pixwise.serve.logs import set_up
from pixwise.serve.service import Service
from pixwise.serve.settings import Settings, unknown_names
from pixwise.serve.tracing import tracer_of_environment
from pixwise.serve.wire import uvicorn_options

__all__ = ["Listener", "end_process", "run", "serve"]

_LOG = logging.getLogger("pixwise.serve")
_QUIET_S = 0.3  # a connection on which nothing comes for so long has nothing on its way
_SETTLE_S = 0.3  # for handshakes that have begun when the system was told to begin no more
_TAKEN_S = 2.0  # at most, for connections that wait to be accepted


def serve(settings: Settings, tell: Callable[[str], None] = lambda line: None,
          again: Callable[[], Settings] | None = None) -> int:  # fmt: skip
    """Listen until told to stop; for the main thread of a process of its own.

    Args:
        settings: what the operator set.
        tell: is given the line that says where it listens.
        again: reads the settings anew, for SIGHUP; None keeps these.

    Returns:
        The exit code: 0, or 1 where a request was cut off.

    Raises:
        SetupError: the address cannot be had, or this machine lacks what was asked for.
    """
    set_up(settings.log)
    for name, meant in unknown_names().items():
        _LOG.warning("%s is no setting, so it says nothing; did you mean %s?", name, meant)
    listener = listening.listen(settings.host, settings.port)
    line = f"Pixwise listens on {listening.url_of(listener)}"
    if settings.workers > 1:
        from pixwise.serve.workers import Supervisor

        tell(f"{line}, {settings.workers} workers")
        return Supervisor(settings, listener, again).run()
    service = Service(settings)
    tell(line)
    return run(service, listener, turn_away=True)


def run(service: Service, listener: socket.socket, **more: Any) -> int:
    """Serve on a socket until a signal comes; returns the exit code. `more` as of `Listener`."""
    server = Listener(service, **more)
    service.tracer = tracer_of_environment()
    server.run([listener])
    if service.tracer:
        service.tracer.close()
    return 1 if server.cut_off else 0


def end_process(code: int) -> None:
    """End this process, also where a thread is still at work that nobody waits for: a load, a run that hangs."""
    if threading.active_count() > 1:
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


class Listener(uvicorn.Server):
    """uvicorn's server, with an end that loses nothing.

    Args:
        service: what answers.
        turn_away: the listening socket is this process's alone, so the system may be told to refuse others.
        patient: listen when the service is ready, not before; where others listen meanwhile.
        pulse: is called ten times a second; what it returns that is true ends the service.

    Attributes:
        cut_off: requests that were not answered when the time was over.
    """

    def __init__(
        self,
        service: Service,
        *,
        turn_away: bool = False,
        patient: bool = False,
        pulse: Callable[[], bool] = lambda: False,
    ):
        settings = service.settings
        super().__init__(
            uvicorn.Config(
                create_app(service=service, patient=patient), **uvicorn_options(settings), lifespan="on",
                log_config=None, backlog=2048,
                timeout_keep_alive=max(1, round(settings.head_timeout_s)),
            )
        )  # fmt: skip
        self.service, self.cut_off = service, 0
        self._turn_away, self._pulse = turn_away, pulse

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT stop it gently, a second one at once; SIGHUP is for several workers."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        if hasattr(signal, "SIGHUP"):
            before[signal.SIGHUP] = signal.signal(signal.SIGHUP, _no_workers)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: Any) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        if self._pulse():
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """The end, as the head of this file tells it."""
        self.service.leave()
        _LOG.info("stopping: answers what was taken, for at most %g s", self._settings.drain_s + self._settings.grace_s)
        await self._wait(self._settings.drain_s)
        await self._take_last(sockets or [])
        for server in self.servers:
            server.close()
        for each in sockets or []:
            each.close()
        await self._wait(self._settings.grace_s, until=self._is_done)
        self._cut_off()
        if not self.force_exit:
            await self.lifespan.shutdown()
        _LOG.info("stopped")

    @property
    def _settings(self) -> Settings:
        return self.service.settings

    async def _wait(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        end, counter = time.monotonic() + seconds, 0
        while not (self.force_exit or until()) and time.monotonic() < end:
            await asyncio.sleep(min(0.05, seconds))
            counter += 1
            await self.on_tick(counter)

    async def _take_last(self, sockets: list[socket.socket]) -> None:
        """Accept what the system has set up already."""
        if self._turn_away:
            for each in sockets:
                listening.turn_away(each)
        await self._wait(_SETTLE_S)
        await self._wait(_TAKEN_S, until=lambda: not any(map(listening.queued, sockets)))
        await asyncio.sleep(0)  # for the accepted to become connections

    def _is_done(self) -> bool:
        """Close the connections that nothing comes on; whether none is left."""
        now = asyncio.get_running_loop().time()
        for line in list(self.server_state.connections):
            if _is_quiet(line, now):
                line.transport.close()
        return not (self.server_state.connections or self.server_state.tasks)

    def _cut_off(self) -> None:
        """End what was not answered in time."""
        self.cut_off = len(self.server_state.tasks)
        if self.cut_off:
            _LOG.error("requests must end within grace_s, got %d that did not; they are cut off", self.cut_off)
        for task in list(self.server_state.tasks):
            task.cancel()
        for line in list(self.server_state.connections):
            line.transport.close()


def _no_workers(*_: Any) -> None:
    _LOG.warning("SIGHUP needs --workers, which it restarts one by one, got one process; stop it and start it again")


def _is_quiet(line: Any, now: float) -> bool:
    """Whether a connection can be closed without cutting off a request: none is at work, none has begun to come, and
    the system has no byte of one."""
    if line.state != "head" or line.begun or line.unread or now - line.since < _QUIET_S:
        return False
    return not listening.is_readable(line.transport.get_extra_info("socket").fileno())
