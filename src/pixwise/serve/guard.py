"""What stands before the routes: an id for each request, an end to its body, a line in the log.

socket ─▶ Doorman: id, deadline, body counted while it comes ─▶ routes ─▶ X-Request-ID, Server-Timing
"""

from __future__ import annotations

import time
import uuid

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pixwise.serve.asking import Ask
from pixwise.serve.logs import Visit, request_id, server_timing, tell
from pixwise.serve.problems import Problem, problem_response
from pixwise.serve.service import Service

__all__ = ["Doorman", "ask_of"]


class Doorman:
    """Lets requests in, each with its `Ask` in `scope["state"]`."""

    def __init__(self, app: ASGIApp, service: Service):
        self.app, self.service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        ask = Ask(
            id=request_id(headers.get("x-request-id", ""), uuid.uuid4().hex),
            caller=(scope.get("client") or ("",))[0],
            deadline=time.monotonic() + self.service.settings.deadline_s,
        )
        scope.setdefault("state", {})["ask"] = ask
        visit = Visit(ask, scope["method"], time.perf_counter())
        watched = _Watched(self.service, visit, send)
        try:
            self._check_length(headers)
            await self.app(scope, _counted(receive, self.service.settings.max_body_bytes, visit), watched.send)
        except Problem as problem:
            if visit.status:
                raise
            ask.problem = problem.kind or str(problem.status)
            await problem_response(problem, ask.id)(scope, receive, watched.send)
        finally:
            visit.route = getattr(scope.get("route"), "path", "") or "none"
            self.service.meters.request(visit)
            tell(visit)

    def _check_length(self, headers: dict[str, str]) -> None:
        length, most = headers.get("content-length", "0"), self.service.settings.max_body_bytes
        if length.isdecimal() and int(length) > most:
            raise _too_large(most, f"{int(length):,} announced")


class _Watched:
    """The answer on its way out: its headers, and what the log will say of it."""

    def __init__(self, service: Service, visit: Visit, send: Send):
        self.visit, self._service, self._send = visit, service, send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.visit.status = message["status"]
            message["headers"] = [*message.get("headers", []), *self._headers()]
        elif message["type"] == "http.response.body":
            self.visit.bytes_out += len(message.get("body", b""))
        await self._send(message)

    def _headers(self) -> list[tuple[bytes, bytes]]:
        return [
            (b"x-request-id", self.visit.ask.id.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"server-timing", server_timing(self.visit).encode()),
            *([(b"connection", b"close")] if self._service.leaving else []),
        ]


def _too_large(most: int, got: str) -> Problem:
    return Problem(413, f"body must be at most {most:,} bytes, got {got}; send a smaller picture", "too-large",
                   headers={"Connection": "close"})  # fmt: skip


def _counted(receive: Receive, most: int, visit: Visit) -> Receive:
    """The body, until it is longer than it may be."""

    async def counted() -> Message:
        message = await receive()
        visit.bytes_in += len(message.get("body", b""))
        if visit.bytes_in > most:
            raise _too_large(most, "more")
        return message

    return counted


def ask_of(request: Request) -> Ask:
    """Who asks."""
    return request.scope["state"]["ask"]
