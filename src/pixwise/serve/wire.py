"""The line to a client, where nobody may wait for ever: what uvicorn leaves open, closed.

    accept ─▶ head: whole in time, no longer than 64 KiB ─▶ body ─▶ answer: read in time
       └▶ full? the idlest goes whose request is not at work

uvicorn's protocols end nothing by themselves but idle connections, take heads of any length and queue pipelined
requests without end. A sweep looks at all lines a few times per second, so that no line needs a timer of its own.
"""

from __future__ import annotations

import asyncio
import heapq
import json
import logging
import struct
from collections import Counter
from dataclasses import dataclass
from socket import SO_LINGER, SOL_SOCKET
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from pixwise.serve.settings import Settings

try:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
except ImportError:  # the slower parser, which uvicorn always brings
    HttpToolsProtocol = None
try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None

__all__ = ["MOST_HEAD", "allowed_connections", "protocol_class", "uvicorn_options"]

_LOG = logging.getLogger("pixwise.serve")
MOST_HEAD = 64 * 1024  # bytes of a head that is not whole, of chunk extensions and of trailers
_MOST_PIPELINED = 16
_MOST_UNREAD = 256 * 2**20  # bytes of answers that clients do not read
_LINGER_S = 2.0
_SLOWEST_WINDOW = 64 * 1024  # bytes that a client must read of its answer in each `body_timeout_s`
_OTHER_FILES = 128  # descriptors for models, fetches and logs


def allowed_connections(settings: Settings) -> int:
    """How many connections the settings and the limit of open files allow; raises that limit as far as it goes."""
    if resource is None:
        return settings.max_connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.max_connections + _OTHER_FILES
    if hard == resource.RLIM_INFINITY:
        hard = max(soft, wanted)
    if soft != resource.RLIM_INFINITY and soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if soft != resource.RLIM_INFINITY and hard < wanted:
        _LOG.warning("max_connections must fit the limit of open files (%d), got %d; raise it with ulimit -n",
                     hard, settings.max_connections)  # fmt: skip
        return max(8, hard - _OTHER_FILES)
    return settings.max_connections


def protocol_class(settings: Settings, parser: str = "auto") -> type[asyncio.Protocol]:
    """The class that uvicorn's `http=` takes. Raises the process's limit of open files.

    Args:
        settings: timeouts and the number of connections.
        parser: `httptools`, `h11`, or the first of them that is installed.
    """
    base = _H11Line if parser == "h11" or HttpToolsProtocol is None else _HttpToolsLine
    return type(base.__name__.strip("_"), (base,), {"room": _Room(settings, allowed_connections(settings))})


def uvicorn_options(settings: Settings, parser: str = "auto") -> dict[str, Any]:
    """What uvicorn must be told so that nothing of it is open that we do not use."""
    return {
        "http": protocol_class(settings, parser),
        "ws": "none",
        "proxy_headers": bool(settings.trusted_proxies),
        "forwarded_allow_ips": list(settings.trusted_proxies),
        "server_header": False,
        "access_log": False,
    }


@dataclass(eq=False)
class _Room:
    """All lines of a process.

    Attributes:
        settings: timeouts.
        most: connections.
    """

    settings: Settings
    most: int
    timer: asyncio.TimerHandle | None = None

    @property
    def period_s(self) -> float:
        return min(0.5, max(0.02, min(self.settings.head_timeout_s, self.settings.body_timeout_s) / 8))

    def watch(self, line: _Line) -> None:
        """See to it that somebody looks at a line."""
        if self.timer is None:
            self.timer = line.loop.call_later(self.period_s, self._sweep, line)

    def _sweep(self, line: _Line) -> None:
        self.timer = None
        lines, now = list(line.connections), line.loop.time()
        for each in lines:
            each.look(now)
        self._drop_unread(lines)
        if lines:
            self.watch(line)

    def _drop_unread(self, lines: list[_Line]) -> None:
        """Answers that nobody reads are kept in memory, but not without end: the largest goes."""
        unread = {line: line.unread for line in lines if line.unread}
        while sum(unread.values()) > _MOST_UNREAD:
            largest = max(unread, key=unread.__getitem__)
            del unread[largest]
            largest.drop()

    def make_place(self, newcomer: _Line) -> bool:
        """Close the idlest lines of the client that holds most of those that wait; False where all are at work."""
        waiting = [line for line in newcomer.connections if line.is_idle and line is not newcomer]
        if not waiting:
            return False
        (crowd, many), = Counter(line.address for line in waiting).most_common(1)  # fmt: skip
        theirs = [line for line in waiting if line.address == crowd]
        # a twentieth at once: one by one would cost a look at all lines for each connection of a flood
        for line in heapq.nsmallest(1 + many // 20, theirs, key=lambda line: (line.state == "body", line.since)):
            line.drop()
        return True


class _Exit:
    """A transport that closes without cutting off the answer.

    Closing a socket while the client still sends makes the system discard what the client has not read yet: a refusal
    of a body that is too large would never be seen. So its end is told, and the rest of the body read and thrown away.
    """

    def __init__(self, transport: asyncio.Transport, line: _Line):
        self._transport, self._line = transport, line
        self.lingering = False

    def close(self) -> None:
        if self.lingering or self._transport.is_closing():
            return
        if not (self._line.owes and self._transport.can_write_eof()):
            return self._transport.close()
        self.lingering = True
        self._line.hang_up()
        self._line.since = self._line.loop.time()
        self._transport.write_eof()
        self._transport.resume_reading()

    def is_closing(self) -> bool:
        return self.lingering or self._transport.is_closing()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class _Line:
    """What is watched of a connection, whichever parser reads it; stands before uvicorn's protocol."""

    room: _Room
    since = 0.0  # when the wait for the client began
    begun = False  # a head has begun
    _window = (0, 0.0)  # unread bytes of the answer, and when that was

    @property
    def address(self) -> str:
        return self.client[0] if self.client else ""

    @property
    def state(self) -> str:
        """What is waited for: `end` of a client that was refused, `head`, `body`, or our own `answer`."""
        if getattr(self.transport, "lingering", False):
            return "end"
        if self.cycle is None or self.cycle.response_complete:
            return "head"
        return "body" if self.cycle.more_body else "answer"

    @property
    def is_idle(self) -> bool:
        """The client is waited for, or does not read."""
        return self.state != "answer" or self.unread > 0

    @property
    def owes(self) -> bool:
        """The client has begun something that it has not ended."""
        return self.begun or (self.cycle is not None and self.cycle.more_body)

    @property
    def unread(self) -> int:
        return 0 if self.transport is None else self.transport.get_write_buffer_size()

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(_Exit(transport, self))
        self.since = self.loop.time()
        self.room.watch(self)
        if len(self.connections) > self.room.most and not self.room.make_place(self):
            self.refuse(503, f"connections must be at most {self.room.most}, got more; ask again later")

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        head = self.state == "head"
        if not (head and self.begun):  # a head is timed as a whole, a body by its pieces
            self.since = self.loop.time()
        self.begun = head
        super().data_received(data)
        if self.state != "head":
            self.begun = False

    def on_response_complete(self) -> None:
        self.since = self.loop.time()
        self.begun = self.owes  # the rest of a body that nobody wants has as long as a head
        super().on_response_complete()

    def look(self, now: float) -> None:
        """Close what is waited for in vain."""
        settings, waited = self.room.settings, now - self.since
        if self._is_unread(now) or (self.state == "end" and waited > _LINGER_S):
            self.drop()
        elif self.state == "head" and waited > settings.head_timeout_s and not self.unread:
            if self.begun:
                self.refuse(408, f"head must come whole within {settings.head_timeout_s:g} s, got a part of it")
            else:
                self.drop()

    def end_of_rest(self) -> None:
        """A body whose request was answered before it was whole has come to its end."""
        if self.state == "head":
            self.begun = False
            if self.cycle is not None:
                self.cycle.more_body = False

    def _is_unread(self, now: float) -> bool:
        """Whether the client has read next to nothing of its answer for a while."""
        before, at = self._window
        size = self.unread
        if not size or not before or size > before:
            self._window = (size, now)
            return False
        if now - at <= self.room.settings.body_timeout_s:
            return False
        self._window = (size, now)
        return before - size < _SLOWEST_WINDOW

    def refuse(self, status: int, detail: str) -> None:
        """Answer without asking anybody, and close."""
        if self.transport.is_closing():
            return
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            return self.drop()  # in the middle of an answer nothing else can be said
        title = {408: "Request Timeout", 431: "Request Header Fields Too Large", 503: "Service Unavailable"}[status]
        body = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": detail}).encode()
        head = f"HTTP/1.1 {status} {title}\r\ncontent-type: application/problem+json\r\ncontent-length: {len(body)}\r\n"
        again = "retry-after: 1\r\n" if status == 503 else ""
        self.transport.write(f"{head}{again}connection: close\r\n\r\n".encode() + body)
        self.transport.close()

    def hang_up(self) -> None:
        """Tell the application that nobody hears it any more."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def drop(self) -> None:
        """Close at once."""
        self.connections.discard(self)
        if self.unread:  # what the system has taken over would be kept until it is read
            self.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class _H11Line(_Line, H11Protocol):
    """h11 has limits of heads, and pauses before a pipelined request, but keeps what has come of those after it."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]:
            self.end_of_rest()
        if len(self.conn.trailing_data[0]) > _MOST_PIPELINED * MOST_HEAD:
            self.drop()


if HttpToolsProtocol is None:
    _HttpToolsLine = _H11Line
else:

    class _HttpToolsLine(_Line, HttpToolsProtocol):
        """httptools has no limits: what is no body is counted here."""

        _raw = _body = 0  # bytes since the head began; the piece with which it began is not counted

        def data_received(self, data: bytes) -> None:
            self._raw += len(data)
            super().data_received(data)
            if self._raw - self._body > MOST_HEAD + 8 * self._body:  # a chunk of one byte has six
                self.refuse(431, f"head must be at most {MOST_HEAD} bytes, got more")

        def on_message_begin(self) -> None:
            if len(self.pipeline) >= _MOST_PIPELINED:
                raise ValueError(f"requests that are not answered must be at most {_MOST_PIPELINED}, got more")
            self._raw = self._body = 0
            super().on_message_begin()

        def on_header(self, name: bytes, value: bytes) -> None:
            if self.scope.get("path") is None:  # trailers, which come after, are no headers
                super().on_header(name, value)

        def on_body(self, body: bytes) -> None:
            self._body += len(body)
            super().on_body(body)

        def on_message_complete(self) -> None:
            super().on_message_complete()
            self.end_of_rest()

        def _unsupported_upgrade_warning(self) -> None:
            """Whoever asks for another protocol is answered in this one, and may not fill the log."""
