"""Errors as RFC 9457 problem JSON: what was expected, what came, what to do, and never what is inside.

{"type": "…#option", "title": "…", "status": 422, "detail": "…", "request": "…"}
"""

from __future__ import annotations

import json
import logging
import re
from typing import Any

from starlette.responses import Response

from pixwise.errors import LimitError, PixwiseError
from pixwise.serve.asking import Busy
from pixwise.serve.kinds import KINDS, TYPE

__all__ = ["TITLES", "Problem", "problem_of", "problem_response", "said_to_clients"]

_LOG = logging.getLogger("pixwise.serve")
TITLES = {
    400: "The request cannot be read",
    401: "A key is needed",
    403: "This is not allowed",
    404: "There is nothing here",
    405: "This cannot be done here",
    406: "The answer has no such form",
    408: "The request did not come in time",
    413: "The request is too large",
    415: "The body has no known form",
    421: "The request is for somebody else",
    422: "The request is not as it must be",
    429: "Too many requests",
    431: "The head of the request is too large",
    500: "There is a fault in the service",
    503: "The service cannot answer now",
    504: "The answer did not come before the deadline",
}


class Problem(Exception):
    """A refusal that is no error of a task: a missing key, a path that is not there.

    Args:
        status: of HTTP.
        detail: what was expected, what came, what to do.
        kind: the end of its `type`; empty for the status alone.
        headers: of the answer.
        extra: further members.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        kind: str = "",
        *,
        headers: dict[str, str] | None = None,
        extra: dict[str, Any] | None = None,
    ):
        super().__init__(detail)
        self.status, self.detail, self.kind = status, detail, kind
        self.headers, self.extra = headers or {}, extra or {}


def problem_of(error: BaseException) -> Problem:
    """The problem that an error is to whoever asked; a fault of ours tells nothing of itself."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, PixwiseError):
        status, kind = next(((status, kind) for cls, (status, kind, _) in KINDS.items() if isinstance(error, cls)),
                            (500, "fault"))  # fmt: skip
        if isinstance(error, Busy):
            headers = {"Retry-After": f"{max(1, round(error.retry_after_s))}"}
            return Problem(429 if error.own else 503, str(error), kind, headers=headers)
        return Problem(status, said_to_clients(error), kind)
    _LOG.error("fault", exc_info=error)
    return Problem(500, "answer must come without a fault of ours, got one; it is in the service's log", "fault")


# A path from the root, of at least one folder; not the path of an address, whose slash follows a host or a slash.
_PLACES = re.compile(r"(?<![\w:/.…])/(?:[^\s/:;,'\"]+/)+(?=[^\s/:;,'\"])")


def said_to_clients(error: PixwiseError) -> str:
    """The message without advice that only somebody at the machine could follow, and without places on its disk."""
    said = _PLACES.sub("", str(error))
    if isinstance(error, LimitError):
        return said.partition("; if you trust")[0] + "; send a smaller one, or have the operator raise the limit"
    return said


def problem_body(problem: Problem, request_id: str = "") -> dict[str, Any]:
    """A problem as JSON has it."""
    titles = {kind: title for _, kind, title in KINDS.values()}
    return {
        "type": f"{TYPE}{problem.kind}" if problem.kind else "about:blank",
        "title": titles.get(problem.kind) or TITLES.get(problem.status, "The request failed"),
        "status": problem.status,
        "detail": problem.detail,
        **({"request": request_id} if request_id else {}),
        **problem.extra,
    }


def problem_response(problem: Problem, request_id: str = "") -> Response:
    """The answer to a request that is refused or failed."""
    body = json.dumps(problem_body(problem, request_id), ensure_ascii=False).encode("utf-8", "replace")
    return Response(body, problem.status, problem.headers, media_type="application/problem+json")
