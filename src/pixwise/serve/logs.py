"""The log: one line per request, and what else must be told, as JSON or as text, on stderr.

Visit (a request from its first byte to its last) ─▶ `told` ─▶ log line · Server-Timing · meters.py

Neither pictures nor keys nor addresses of pictures are in it: of a path only the route that it matched, of a fault no
value that is longer than a line.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TextIO

from pixwise.serve.asking import Ask

__all__ = ["FORMS", "Visit", "formatter_of", "request_id", "server_timing", "set_up", "tell"]

FORMS = ("json", "text", "none")
_REQUESTS = logging.getLogger("pixwise.serve.requests")
_LONGEST = 500  # characters of a line of a fault: enough for a message, not for a picture


@dataclass(eq=False)
class Visit:
    """A request, for whoever tells or counts it.

    Attributes:
        ask: who, and what its steps took.
        method: of HTTP.
        route: the path as the description of the service has it; `none` for one that is not there.
        status: of the answer; 0 while there is none, 499 in the log for one who left before.
        bytes_in, bytes_out: of the bodies.
        whole: all of the request's body has come.
        started: by `time.perf_counter`.
        parent: what the caller said of the trace that it belongs to (`traceparent`, `tracestate`).
        trace: id of its trace; empty where nobody traces.
    """

    ask: Ask
    method: str
    started: float
    route: str = "none"
    status: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    whole: bool = False
    parent: Mapping[str, str] = field(default_factory=dict)
    trace: str = ""

    @property
    def seconds(self) -> float:
        """Since its first byte."""
        return time.perf_counter() - self.started

    def told(self) -> dict[str, Any]:
        """What the log says of it."""
        kind = {"problem": self.ask.problem} if self.ask.problem else {}
        return {
            "id": self.ask.id,
            "pid": os.getpid(),
            "caller": self.ask.caller,
            "method": self.method,
            "path": self.route,
            "status": self.status or 499,
            **kind,
            **({"trace": self.trace} if self.trace else {}),
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "ms": round(1e3 * self.seconds, 1),
            "steps_ms": {step: round(ms, 1) for step, ms in dict(self.ask.steps_ms).items()},
        }


def tell(visit: Visit) -> None:
    """Write the line of a request that has ended; nothing where nobody reads it."""
    if _REQUESTS.isEnabledFor(logging.INFO):
        _REQUESTS.info("request", extra={"pixwise": visit.told()})


def server_timing(visit: Visit) -> str:
    """The value of the header `Server-Timing`: each step, and all so far."""
    steps = {**visit.ask.steps_ms, "total": 1e3 * visit.seconds}
    return ", ".join(f"{re.sub(r'[^A-Za-z0-9_-]', '-', step)};dur={ms:.1f}" for step, ms in steps.items())


def request_id(given: str, made: str) -> str:
    """The id that a caller gave, where it is harmless in a log and in a header; else the one that was made."""
    return given if re.fullmatch(r"[A-Za-z0-9_.:-]{1,128}", given) else made


class _Json(logging.Formatter):
    """A line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {"time": _time(record), "level": record.levelname.lower()}
        fields = getattr(record, "pixwise", None)
        line |= fields if fields is not None else {"logger": record.name, "message": _short(record.getMessage())}
        if record.exc_info and fields is None:
            line["fault"] = _short(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


class _Text(logging.Formatter):
    """A line for people: `12:00:00.000 POST /v1/detect 200 3.2 ms …`."""

    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "pixwise", None)
        if fields is not None:
            return f"{_time(record)} {_of_request(fields)}"
        text = f"{_time(record)} {record.levelname.lower()} {_short(record.getMessage())}"
        return text + (f"\n{_short(self.formatException(record.exc_info))}" if record.exc_info else "")


def _of_request(fields: dict[str, Any]) -> str:
    steps = " ".join(f"{step}={ms}" for step, ms in fields["steps_ms"].items())
    problem = f" ({fields['problem']})" if "problem" in fields else ""
    return (
        f"{fields['method']} {fields['path']} {fields['status']}{problem} {fields['ms']} ms "
        f"in={fields['bytes_in']} out={fields['bytes_out']} id={fields['id']} caller={fields['caller'] or '-'} "
        f"pid={fields['pid']} {steps}"
    ).rstrip()


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _short(text: str) -> str:
    return "\n".join(line[:_LONGEST] for line in text.splitlines()[:200])


def formatter_of(form: str) -> logging.Formatter:
    """What makes lines of records: `json` or `text`."""
    return _Json() if form == "json" else _Text()


def set_up(form: str, stream: TextIO | None = None) -> logging.Handler | None:
    """Write the log of this process; for the process of the service, not for one that merely imports it.

    Args:
        form: `json`, `text`, or `none` for neither requests nor anything else below an error.
        stream: where to; None for stderr.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter_of(form))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.ERROR if form == "none" else logging.WARNING)
    logging.getLogger("pixwise.serve").setLevel(logging.ERROR if form == "none" else logging.INFO)
    return handler
