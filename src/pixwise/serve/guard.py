"""What stands before the routes: an id for each request, an end to its body, a line in the log.

socket ─▶ Doorman: id, deadline, body counted while it comes ─▶ routes ─▶ X-Request-ID, Server-Timing
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
import uuid
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pixwise.serve.asking import Ask
from pixwise.serve.problems import Problem, problem_response
from pixwise.serve.service import Service

__all__ = ["Doorman", "ask_of"]

_LOG = logging.getLogger("pixwise.serve")


class Doorman:
    """Lets requests in, each with its `Ask` in `scope["state"]`."""

    def __init__(self, app: ASGIApp, service: Service):
        self.app, self.service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        ask = Ask(
            id=_id_of(headers.get("x-request-id", "")),
            caller=(scope.get("client") or ("",))[0],
            deadline=time.monotonic() + self.service.settings.deadline_s,
        )
        scope.setdefault("state", {})["ask"] = ask
        visit = _Visit(self.service, scope, ask, send)
        try:
            self._check_length(headers)
            await self.app(scope, _counted(receive, self.service.settings.max_body_bytes), visit.send)
        except Problem as problem:
            if visit.status:
                raise
            await problem_response(problem, ask.id)(scope, receive, visit.send)
        finally:
            visit.end()

    def _check_length(self, headers: dict[str, str]) -> None:
        length, most = headers.get("content-length", "0"), self.service.settings.max_body_bytes
        if length.isdecimal() and int(length) > most:
            raise _too_large(most, f"{int(length):,} announced")


class _Visit:
    """What is told of a request when it ends."""

    def __init__(self, service: Service, scope: Scope, ask: Ask, send: Send):
        self.service, self.scope, self.ask, self._send = service, scope, ask, send
        self.started, self.status, self.bytes = time.perf_counter(), 0, 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", []), *self._headers()]
        elif message["type"] == "http.response.body":
            self.bytes += len(message.get("body", b""))
        await self._send(message)

    def _headers(self) -> list[tuple[bytes, bytes]]:
        steps = ", ".join(f"{_token(step)};dur={ms:.1f}" for step, ms in self.ask.steps_ms.items())
        timing = [(b"server-timing", steps.encode())] if steps else []
        return [(b"x-request-id", self.ask.id.encode()), (b"x-content-type-options", b"nosniff"), *timing]

    def end(self) -> None:
        seconds = time.perf_counter() - self.started
        route = getattr(self.scope.get("route"), "path", "") or "none"
        self.service.meters.request(route, self.status, seconds)
        if self.service.settings.log == "json":
            line: dict[str, Any] = {
                "id": self.ask.id,
                "pid": os.getpid(),
                "method": self.scope["method"],
                "path": route,
                "status": self.status,
                "bytes": self.bytes,
                "ms": round(1e3 * seconds, 1),
                "steps_ms": {step: round(ms, 1) for step, ms in self.ask.steps_ms.items()},
            }
            _LOG.info(json.dumps(line))


def _token(step: str) -> str:
    return re.sub(r"[^\w-]", "-", step)


def _id_of(given: str) -> str:
    """The id that the caller gave, where it is harmless in a log."""
    return given if re.fullmatch(r"[\w.:-]{1,128}", given) else uuid.uuid4().hex


def _too_large(most: int, got: str) -> Problem:
    return Problem(413, f"body must be at most {most:,} bytes, got {got}; send a smaller picture", "too-large",
                   headers={"Connection": "close"})  # fmt: skip


def _counted(receive: Receive, most: int) -> Receive:
    """The body, until it is longer than it may be."""
    got = 0

    async def counted() -> Message:
        nonlocal got
        message = await receive()
        got += len(message.get("body", b""))
        if got > most:
            raise _too_large(most, "more")
        return message

    return counted


def ask_of(request: Request) -> Ask:
    """Who asks."""
    return request.scope["state"]["ask"]
