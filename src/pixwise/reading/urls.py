"""Pictures from http(s) addresses, without opening the door to the machine's own network.

url ─▶ parse ─▶ resolve once ─▶ every address public? ─▶ connect to that very address ─▶ answer
        ▲                                                                                 │ redirect: all of it again
        └─────────────────────────────────────────────────────────────────────────────────┘

The name is resolved once and the connection goes to the address that was checked, so a name server that changes its
answer gains nothing. Bytes, hops and the time of the whole fetch are capped. Proxies of the environment are not used.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import re
import socket
import ssl
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus

from pixwise.errors import LimitError, SourceError

__all__ = ["fetch", "is_public", "resolve_name"]

Resolve = Callable[[str, int], Iterable[str]]

_NOT_PUBLIC = tuple(
    ipaddress.ip_network(block)
    for block in (  # IANA special-purpose registries; of IPv6 only 2000::/3 is global unicast, minus these
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
    )
)  # fmt: skip
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_REDIRECTS = (301, 302, 303, 307, 308)
_PIECE = 65_536


def is_public(address: str) -> bool:
    """Whether an IP address is globally routable and hides no other address inside.

    Loopback, private, link-local, shared (100.64.0.0/10), documentation, benchmark, multicast and reserved addresses
    are not; nor are IPv6 addresses that carry an IPv4 one (mapped, 6to4, Teredo, NAT64) or a scope.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:  # a scope that is malformed, a name
        return False
    if ip.version == 6 and (ip.scope_id or ip not in _GLOBAL_UNICAST):
        return False
    return ip.is_global and not any(ip.version == block.version and ip in block for block in _NOT_PUBLIC)


def resolve_name(host: str, port: int) -> list[str]:
    """Addresses of a host, by the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def fetch(
    url: str,
    *,
    max_bytes: int,
    timeout_s: float = 20.0,
    max_hops: int = 5,
    resolve: Resolve = resolve_name,
    allow: Callable[[str], bool] = is_public,
    tls: ssl.SSLContext | None = None,
) -> bytes:
    """Fetch the body of an http(s) address.

    Args:
        url: http or https, without user and password.
        max_bytes: of the body.
        timeout_s: for all hops together, from resolving to the last byte.
        max_hops: redirects that are followed.
        resolve: host and port → addresses.
        allow: whether an address may be connected to; all addresses of a host must be allowed.
        tls: for https; None is the system's certificates.

    Raises:
        SourceError: an address that is refused, a server that cannot be reached or answers anything but a body.
        LimitError: more bytes than allowed.
    """
    deadline = time.monotonic() + timeout_s
    for _ in range(max_hops + 1):
        target = _parse(url)
        addresses = _public_addresses(target, resolve, allow, deadline)
        connection = _Pinned(target, addresses, deadline, tls)
        try:
            answer = _get(connection, target)
            if answer.status not in _REDIRECTS:
                return _body(answer, target, max_bytes)
            url = _next(answer, target)
        except TimeoutError as error:
            raise SourceError(f"{url}: answer must come within {timeout_s:g} s, got none; try later") from error
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, SourceError):
                raise
            reason = "".join(filter(str.isprintable, str(error)))[:120] or type(error).__name__
            raise SourceError(f"{url}: expected a web server that answers, got {reason}; check the address") from error
        finally:
            connection.hang_up()
    raise SourceError(f"{url}: redirects must be at most {max_hops}, got more; use the last address directly")


@dataclass(frozen=True)
class _Target:
    """One address, taken apart."""

    url: str
    scheme: str
    host: str
    port: int
    path: str


def _parse(url: str) -> _Target:
    if re.search(r"[\x00-\x20\x7f-\xa0\\]", url):
        raise SourceError(f"{url!r}: URL must be free of blanks, backslashes and control characters; encode them")
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port if parts.port is not None else {"https": 443}.get(parts.scheme, 80)
        host = (parts.hostname or "").encode("ascii" if ":" in (parts.hostname or "") else "idna").decode("ascii")
    except ValueError as error:  # UnicodeError is one
        raise SourceError(f"{url}: URL must be http(s)://host/path, got {error}; check the address") from error
    if parts.scheme not in ("http", "https"):
        raise SourceError(f"{url}: scheme must be http or https, got {parts.scheme!r}; fetch it yourself")
    if "@" in parts.netloc:
        raise SourceError(f"{parts.scheme}://…: URL must carry no user or password, got one; fetch it yourself")
    if not host or "%" in host or not 0 < port < 65536:
        raise SourceError(f"{url}: URL must have a plain host and a port from 1 to 65535; check the address")
    path = urllib.parse.quote(
        (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe="/?%:@!$&'()*+,;=~-._"
    )
    return _Target(url, parts.scheme, host, port, path)


def _public_addresses(target: _Target, resolve: Resolve, allow: Callable[[str], bool], deadline: float) -> list[str]:
    """All addresses of the host; one that is not allowed refuses the host, as half a trick is a trick."""
    addresses = _in_time(lambda: list(resolve(target.host, target.port)), target, deadline)
    for address in addresses:
        if not allow(address):
            raise SourceError(
                f"{target.url}: host must have public addresses only, got {address} for {target.host!r}; "
                "fetch it yourself and pass the bytes"
            )
    if not addresses:
        raise SourceError(f"{target.url}: host must have an address, got none for {target.host!r}; check the name")
    return addresses


def _in_time(work: Callable[[], list[str]], target: _Target, deadline: float) -> list[str]:
    """Run in a thread and wait no longer than the deadline: the system's resolver knows no time limit."""
    outcome: list = []

    def run() -> None:
        try:
            outcome.append(work())
        except Exception as error:  # raised below, in the thread that asked
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(max(0.0, deadline - time.monotonic()))
    if not outcome:
        raise SourceError(f"{target.url}: name must resolve in time, got no answer for {target.host!r}; try later")
    if isinstance(outcome[0], OSError | ValueError):  # ValueError: a label that is too long
        raise SourceError(
            f"{target.url}: host must have an address, got {outcome[0]} for {target.host!r}; check the name"
        ) from outcome[0]
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


class _Wire(io.RawIOBase):
    """The reading end of a socket, with one deadline for everything rather than a new one for every byte."""

    def __init__(self, sock: socket.socket, deadline: float):
        self._socket, self._deadline = sock, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        self._socket.settimeout(_left(self._deadline))
        return self._socket.recv_into(buffer)

    # what http.client asks of a socket
    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def sendall(self, data: bytes) -> None:
        self._socket.settimeout(_left(self._deadline))
        self._socket.sendall(data)

    def close(self) -> None:
        """Nothing: http.client closes its socket before the body is read; `_Pinned.hang_up` closes the real one."""


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("time is over")
    return left


class _Pinned(http.client.HTTPConnection):
    """A connection to addresses that were checked, whatever the name resolves to by now."""

    def __init__(self, target: _Target, addresses: list[str], deadline: float, tls: ssl.SSLContext | None):
        super().__init__(target.host, target.port)
        self.default_port = 443 if target.scheme == "https" else 80  # so that the Host header names other ports only
        self._target, self._addresses, self._deadline, self._tls = target, addresses, deadline, tls
        self._socket: socket.socket | None = None

    def connect(self) -> None:
        sock = self._socket = self._connect_first()
        if self._target.scheme == "https":
            context = self._tls or ssl.create_default_context()
            sock.settimeout(_left(self._deadline))
            sock = self._socket = context.wrap_socket(sock, server_hostname=self._target.host.rstrip("."))
        self.sock = _Wire(sock, self._deadline)

    def hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()

    def _connect_first(self) -> socket.socket:
        for position, address in enumerate(self._addresses):
            try:
                return socket.create_connection((address, self._target.port), _left(self._deadline))
            except OSError:
                if position == len(self._addresses) - 1:
                    raise
        raise OSError("no address")


def _get(connection: _Pinned, target: _Target) -> http.client.HTTPResponse:
    headers = {"User-Agent": "pixwise", "Accept": "image/*", "Accept-Encoding": "identity", "Connection": "close"}
    connection.request("GET", target.path, headers=headers)
    return connection.getresponse()


def _next(answer: http.client.HTTPResponse, target: _Target) -> str:
    location = answer.getheader("Location")
    if not location:
        raise SourceError(f"{target.url}: redirect must say where to, got status {answer.status} without Location")
    return urllib.parse.urljoin(target.url, location)


def _body(answer: http.client.HTTPResponse, target: _Target, max_bytes: int) -> bytes:
    if answer.status != 200:
        phrase = HTTPStatus(answer.status).phrase if answer.status in set(HTTPStatus) else "unknown status"
        raise SourceError(f"{target.url}: answer must be 200 OK, got {answer.status} {phrase}; check the address")
    encoding = answer.getheader("Content-Encoding", "identity").lower()
    if encoding != "identity":
        raise SourceError(
            f"{target.url}: body must come as it is, got {encoding} that was not asked for; fetch it yourself"
        )
    _check_bytes(answer.length or 0, target, max_bytes)
    pieces, length = [], 0
    while piece := answer.read(_PIECE):
        pieces.append(piece)
        length += len(piece)
        _check_bytes(length, target, max_bytes)
    if answer.length:  # http.client says nothing when the connection ends early
        raise SourceError(f"{target.url}: body must be whole, got {answer.length:,} bytes too few; try again")
    return b"".join(pieces)


def _check_bytes(length: int, target: _Target, max_bytes: int) -> None:
    if length > max_bytes:
        raise LimitError(
            f"{target.url}: bytes must be at most {max_bytes:,}, got {length:,} or more; if you trust the picture pass "
            f"limits=Limits(max_bytes={length}) (command line: --max-bytes {length})"
        )
