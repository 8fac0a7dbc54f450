"""What stands before the routes: who asks, whether he may, an end to his body and to his time, a line in the log.

socket ─▶ wire.py ─▶ Doorman: head · Host · site · key · rate · length ─▶ routes, the body counted ─▶ headers of safety
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import time
import uuid
from collections.abc import Mapping

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pixwise.serve.arriving import Arrival, ByteBudget, check_length
from pixwise.serve.asking import Ask, Expired
from pixwise.serve.keys import Keyring
from pixwise.serve.logs import Visit, request_id, server_timing
from pixwise.serve.origins import Origins
from pixwise.serve.problems import Problem, problem_of, problem_response
from pixwise.serve.rates import Rates
from pixwise.serve.service import Service

__all__ = ["Doorman", "ask_of"]

_MOST_HEADERS, _MOST_HEAD = 100, 32 * 1024
_ONCE = ("authorization", "content-length", "content-type", "host", "origin", "x-api-key")
_LARGE_REST = 64 * 1024  # bytes of a body: less is read on, so that the connection can be used again
_LATE_S = 5.0  # after its deadline a request that has not ended by itself is ended
_HTML = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)


class Doorman:
    """Lets requests in, each with its `Ask` in `scope["state"]`."""

    def __init__(self, app: ASGIApp, service: Service):
        self.app, self.service = app, service
        settings = service.settings
        self.origins, self.keyring, self.rates = Origins(settings), Keyring(settings), Rates()
        self.bodies = ByteBudget(max(settings.open_bytes, 2 * settings.max_body_bytes))
        self._routes: tuple[tuple[re.Pattern[str], str], ...] = ()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        settings = self.service.settings
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}
        ask = Ask(
            id=request_id(headers.get("x-request-id", ""), uuid.uuid4().hex),
            caller=_caller_of(scope),
            deadline=time.monotonic() + settings.deadline_s,
        )
        scope.setdefault("state", {})["ask"] = ask
        visit = Visit(ask, scope["method"], time.perf_counter())
        watched = _Watched(self.service, visit, send, headers, self.origins.told(headers))
        try:
            await self._let_in(scope, receive, headers, watched)
        except ClientDisconnect:
            pass
        except Exception as error:
            if visit.status:
                raise
            problem = problem_of(error)
            ask.problem = problem.kind or str(problem.status)
            await problem_response(problem, ask.id)(scope, receive, watched.send)
        finally:
            visit.route = getattr(scope.get("route"), "path", "") or self._meant(scope)
            visit.parent = {name: headers[name] for name in ("traceparent", "tracestate") if name in headers}
            self.service.tell(visit)

    async def _let_in(self, scope: Scope, receive: Receive, headers: Mapping[str, str], watched: _Watched) -> None:
        settings, visit = self.service.settings, watched.visit
        _check_head(scope)
        self.origins.check(scope["method"], scope["http_version"], headers)
        preflight = self.origins.preflight(scope["method"], headers)
        if preflight is not None:
            return await Response(status_code=204, headers=preflight)(scope, receive, watched.send)
        key = self.keyring.admit(scope["method"], _path_of(scope), headers)
        if key is not None:
            visit.ask.caller = key.name
        if scope["path"] not in ("/livez", "/readyz") and not scope["path"].startswith("/ui/"):  # thirty small files
            self.rates.take(visit.ask.caller, key.rate if key and key.rate else settings.rate)
        check_length(headers.get("content-length", "0"), settings.max_body_bytes)
        arrival = Arrival(receive, settings, visit, self.bodies)
        try:
            async with asyncio.timeout(settings.deadline_s + _LATE_S):
                await self.app(scope, arrival.receive, watched.send)
        except TimeoutError as error:
            if isinstance(error, Expired):
                raise
            raise Expired("answer must come before the deadline, got none in time; ask for less, or later") from error
        finally:
            arrival.end()

    def _meant(self, scope: Scope) -> str:
        """The route that a request would have reached that was turned away before; `none` where there is none."""
        if not self._routes and "app" in scope:
            self._routes = tuple((compile_path(path)[0], path) for path in scope["app"].openapi()["paths"])
        return next((path for pattern, path in self._routes if pattern.match(_path_of(scope))), "none")


def _path_of(scope: Scope) -> str:
    """Without what a gateway put before it."""
    return scope["path"].removeprefix(scope.get("root_path", ""))


def _caller_of(scope: Scope) -> str:
    """The address that asks; of IPv6 the network, of which everybody has more addresses than can be counted."""
    address = (scope.get("client") or ("",))[0]
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if ip.version == 6 and ip.ipv4_mapped:
        return str(ip.ipv4_mapped)
    return str(ip) if ip.version == 4 else f"{ipaddress.ip_network((int(ip) >> 64 << 64, 64)).network_address}/64"


def _check_head(scope: Scope) -> None:
    """Refuse a head of too many or too long lines, or one that says a thing twice."""
    names = [name for name, _ in scope["headers"]]
    size = sum(len(name) + len(value) for name, value in scope["headers"]) + len(scope.get("raw_path") or b"") \
        + len(scope["query_string"])  # fmt: skip
    if len(names) > _MOST_HEADERS or size > _MOST_HEAD:
        raise Problem(431, f"head must be at most {_MOST_HEADERS} lines and {_MOST_HEAD:,} bytes, got {len(names):,} "
                           f"and {size:,}; send less", "head", headers={"Connection": "close"})  # fmt: skip
    for name in _ONCE:
        if names.count(name.encode()) > 1:
            raise Problem(400, f"header {name!r} must come once, got it more often; send one", "head")


class _Watched:
    """The answer on its way out: its headers, and what the log will say of it."""

    def __init__(self, service: Service, visit: Visit, send: Send, headers: Mapping[str, str], told: Mapping[str, str]):
        self.visit, self._service, self._send, self._told = visit, service, send, told
        self._chunked, length = "transfer-encoding" in headers, headers.get("content-length", "")
        self._length = int(length) if length.isdecimal() else 0

    @property
    def _is_last(self) -> bool:
        """Nothing more is asked on this connection: we leave, or much of a body is still to come that nobody wants."""
        rest = 0 if self.visit.whole else self._length - self.visit.bytes_in
        return self._service.leaving or rest > _LARGE_REST or (self._chunked and not self.visit.whole)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.visit.status = message["status"]
            message["headers"] = self._headers(message.get("headers", []))
        elif message["type"] == "http.response.body":
            self.visit.bytes_out += len(message.get("body", b""))
        await self._send(message)

    def _headers(self, given: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """Those of the answer, and ours where it has none of the name."""
        said = {name.lower(): value for name, value in given}
        ours = {
            "x-request-id": self.visit.ask.id,
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cross-origin-resource-policy": "cross-origin" if len(self._told) > 1 else "same-origin",
            "cache-control": "no-store",
            "server-timing": server_timing(self.visit),
            **({"connection": "close"} if self._is_last else {}),
            **{name.lower(): value for name, value in self._told.items()},
        }
        if said.get(b"content-type", b"").startswith(b"text/html"):
            ours["content-security-policy"] = _HTML
        return [*given, *((name.encode(), value.encode("latin-1")) for name, value in ours.items()
                          if name.encode() not in said)]  # fmt: skip


def ask_of(request: Request) -> Ask:
    """Who asks."""
    return request.scope["state"]["ask"]
