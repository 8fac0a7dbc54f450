"""Asks a service of the compatible API for descriptions, with nothing but the standard library.

    GET {base}/available_operations/                             ─▶ describe_image must be there
    POST {base}/analyze_image_upload/  image_file, tasks_json    ─▶ {"results": {"words": {"status", "data", …}}}

The operator names the service, so it may be on this very machine or network. Time and bytes are capped; a service that
is busy is asked again.
"""

from __future__ import annotations

import http.client
import json
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pixwise.collections.service import hung_up_at, target_of
from pixwise.errors import DataError, LimitError, PixwiseError, SourceError

__all__ = ["Describer", "Unreachable"]

_MOST = 64 * 2**20  # bytes of an answer
_MOST_FILE = 2**30
_AGAIN = (429, 502, 503)
_LONGEST_PAUSE_S = 30.0
_OPERATION = "describe_image"


class Unreachable(SourceError):
    """The service does not answer: it is no picture's fault."""


class _Answer(NamedTuple):
    status: int
    body: bytes
    retry_after: str


@dataclass(frozen=True)
class Describer:
    """Describes pictures by a service.

    Attributes:
        base: http(s) address of the service.
        max_length: most tokens of a description.
        key: API key; empty for none.
        timeout_s: for one answer, from connecting to the last byte.
        tries: of one question, where the failure may pass.
        pause_s: before the second try, unless the service says; doubled each time.
    """

    base: str
    max_length: int
    key: str = ""
    timeout_s: float = 120.0
    tries: int = 4
    pause_s: float = 0.5

    def check(self) -> None:
        """That there is such a service, before it is sent anything.

        Raises:
            OptionError: the address is none.
            Unreachable: nobody answers.
            SourceError, DataError: somebody else does, or it does not describe pictures.
        """
        told = self._json(self._asked("GET", "/available_operations/", b"", {}), self.base)
        if _OPERATION not in (told.get("operations") or {}):
            raise DataError(f"{self.base}: service must offer {_OPERATION}, got none such; name another")

    def __call__(self, path: Path) -> str:
        """The description of a picture.

        Raises:
            SourceError: the file cannot be read, or the service refuses it.
            Unreachable: nobody answers.
            DataError: the service cannot describe it.
        """
        body, kind = _form(_read(path), self.max_length)
        told = self._json(self._asked("POST", "/analyze_image_upload/", body, {"Content-Type": kind}), str(path))
        result = (told.get("results") or {}).get("words") or {}
        if result.get("status") != "success" or not isinstance(result.get("data"), str):
            raise DataError(f"{path}: expected a description, got {result.get('error_message') or 'none'}")
        return result["data"]

    def _json(self, answer: _Answer, what: str) -> Mapping[str, Any]:
        try:
            told = json.loads(answer.body)
        except (ValueError, RecursionError):
            told = None
        if answer.status != 200:
            detail = told.get("detail") if isinstance(told, dict) else ""
            raise SourceError(f"{what}: expected 200 OK of the service, got {answer.status}: {detail or 'no reason'}")
        if not isinstance(told, dict):
            raise DataError(f"{what}: expected a JSON object of the service, got another answer; check the address")
        return told

    def _asked(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> _Answer:
        """The answer to a question; one that may pass is asked again."""
        for attempt in range(1, self.tries + 1):
            try:
                answer = self._once(method, path, body, headers)
            except (OSError, http.client.HTTPException) as error:
                if isinstance(error, PixwiseError):
                    raise
                if attempt == self.tries:
                    reason = " ".join(str(error).split())[:120] or type(error).__name__
                    raise Unreachable(f"{self.base}: expected a service that answers, got {reason}; is it running?") \
                        from error  # fmt: skip
                answer = None
            if answer is not None and (answer.status not in _AGAIN or attempt == self.tries):
                return answer
            time.sleep(self._pause(answer, attempt))
        raise AssertionError("tries are above 0")

    def _pause(self, answer: _Answer | None, attempt: int) -> float:
        told = answer.retry_after if answer else ""
        return min(float(told) if told.isdecimal() else self.pause_s * 2 ** (attempt - 1), _LONGEST_PAUSE_S)

    def _once(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> _Answer:
        kind, host, port, place = target_of(self.base.rstrip("/") + path)
        deadline = time.monotonic() + self.timeout_s
        connection, over = kind(host, port, timeout=self.timeout_s), threading.Event()
        allowed = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        try:
            connection.connect()
            with hung_up_at(deadline, connection.sock, over):
                connection.request(method, place, body or None, {"User-Agent": "pixwise", **headers, **allowed})
                answer = connection.getresponse()
                told = answer.read(_MOST + 1)
            if len(told) > _MOST:
                raise LimitError(f"{self.base}: answer must be at most {_MOST:,} bytes, got more; check the address")
            return _Answer(answer.status, told, answer.getheader("Retry-After") or "")
        except (OSError, http.client.HTTPException) as error:
            if over.is_set() or isinstance(error, TimeoutError):
                raise SourceError(f"{self.base}: answer must come within {self.timeout_s:g} s, got none") from error
            raise
        finally:
            connection.close()


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MOST_FILE:
            raise LimitError(f"{path}: file must be at most {_MOST_FILE:,} bytes, got more; make it smaller")
        return path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path}: expected a readable file, got {error.strerror or error}") from error


def _form(data: bytes, max_length: int) -> tuple[bytes, str]:
    """A multipart body with a picture and its task, and its content type; the file's own name stays here."""
    tasks = [{"operation_id": "words", "type": _OPERATION, "params": {"max_length": max_length}}]
    boundary = secrets.token_hex(16)
    parts = [
        (b'name="tasks_json"', json.dumps(tasks).encode()),
        (b'name="image_file"; filename="picture"\r\nContent-Type: application/octet-stream', data),
    ]
    line = b"--" + boundary.encode()
    told = b"".join(line + b"\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n" + body + b"\r\n"
                    for head, body in parts)  # fmt: skip
    return told + line + b"--\r\n", f"multipart/form-data; boundary={boundary}"
