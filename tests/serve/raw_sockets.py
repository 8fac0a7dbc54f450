"""Clients that misbehave, for tests: plain sockets, and an honest one that is timed meanwhile."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
from PIL import Image


def dial(url: str, sent: bytes = b"", *, source: str = "127.0.0.1", timeout_s: float = 10.0) -> socket.socket:
    """A connection on which something was sent; `source` makes it another client."""
    parts = urlsplit(url)
    line = socket.create_connection((parts.hostname, parts.port), timeout_s, source_address=(source, 0))
    line.sendall(sent)
    return line


def heard(line: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    told = b""
    with contextlib.suppress(ConnectionError):
        while piece := line.recv(65_536):
            told += piece
    return told


def dripped(line: socket.socket, piece: bytes, most_s: float) -> float:
    """Send a piece again and again until an answer or the end comes; returns the seconds until then."""
    started = time.monotonic()
    line.settimeout(0.03)
    while time.monotonic() - started < most_s:
        try:
            line.sendall(piece)
            line.recv(1)
            break
        except TimeoutError:
            continue
        except ConnectionError:
            break
    line.settimeout(10)
    return time.monotonic() - started


def said(url: str, sent: bytes, **how: float) -> bytes:
    """What comes for raw bytes, until the other side closes."""
    with dial(url, sent, **how) as line:
        return heard(line)


def status_of(answer: bytes) -> int:
    """Of a raw answer; 0 where there is none."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def post_head(path: str, more: str = "", length: int | None = None) -> bytes:
    """The head of a POST of a PNG."""
    told = "" if length is None else f"Content-Length: {length}\r\n"
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n{told}{more}\r\n".encode()


def small_png(size: tuple[int, int] = (32, 24)) -> bytes:
    kept = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(kept, "PNG")
    return kept.getvalue()


@contextlib.contextmanager
def honest_client(url: str, *, source: str = "127.0.0.2") -> Iterator[list[float]]:
    """Another client who asks all the time; the list has the seconds of each answer, all of which must be 200."""
    seconds: list[float] = []
    ended = threading.Event()
    wrong: list[str] = []

    def ask() -> None:
        way = httpx.HTTPTransport(local_address=source, retries=1)
        with httpx.Client(base_url=url, transport=way, timeout=20, headers={"Content-Type": "image/png"}) as client:
            while not ended.is_set():
                started = time.perf_counter()
                try:
                    answer = client.post("/v1/quality", content=small_png())
                    if answer.status_code != 200:
                        wrong.append(answer.text)
                except httpx.HTTPError as error:
                    wrong.append(repr(error))
                seconds.append(time.perf_counter() - started)
                time.sleep(0.005)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield seconds
    finally:
        ended.set()
        thread.join()
    assert not wrong, wrong[:3]
    assert seconds
