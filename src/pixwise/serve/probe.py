"""Asks a running service whether it is ready: the health check of a container, which has no curl."""

from __future__ import annotations

import json
import socket

from pixwise.errors import SetupError
from pixwise.serve.settings import Settings

__all__ = ["probe"]

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_MOST = 64 * 1024  # bytes of the answer


def probe(settings: Settings, timeout_s: float = 5.0) -> None:
    """Ask the service that these settings describe, on this machine.

    Raises:
        SetupError: it does not answer, or is not ready; the message says why.
    """
    host = _EVERYWHERE.get(settings.host, settings.host)
    try:
        status, body = _asked(host, settings.port, timeout_s)
    except OSError as error:
        raise SetupError(f"service must answer at {host} port {settings.port}, got {error}; see its log") from error
    if status != 200:
        raise SetupError(_detail(body) or f"service must be ready, got status {status}")


def _asked(host: str, port: int, timeout_s: float) -> tuple[int, bytes]:
    name = f"[{host}]" if ":" in host else host
    with socket.create_connection((host, port), timeout_s) as line:
        line.sendall(f"GET /readyz HTTP/1.1\r\nHost: {name}:{port}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while len(answer) < _MOST and (piece := line.recv(_MOST)):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    words = head.split(None, 2)
    return (int(words[1]) if len(words) > 1 and words[1].isdigit() else 0), body


def _detail(body: bytes) -> str:
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        return ""
