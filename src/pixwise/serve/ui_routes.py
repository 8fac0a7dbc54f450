"""`/ui`: the page, from files that were read when the service started; a request names one of them or nothing.

The page may speak to this service alone: its policy forbids the browser any other host, and any script in the page.
"""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import JSONResponse, RedirectResponse

from pixwise import __version__
from pixwise.serve.problems import Problem
from pixwise.serve.service import Service
from pixwise.task_table import ANALYSED

__all__ = ["POLICY", "page_files", "ui_routes"]

POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' blob: data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",  # ask again, by the tag: a new version is seen at once
}
_TYPES = {".js": "text/javascript", ".svg": "image/svg+xml", ".css": "text/css", ".html": "text/html"}


@dataclass(frozen=True)
class _File:
    body: bytes
    media_type: str
    tag: str


def page_files() -> dict[str, _File]:
    """Every file of the page, by its path below /ui/."""
    return dict(_walked(resources.files("pixwise.ui") / "static", ""))


def _walked(folder: Traversable, place: str) -> list[tuple[str, _File]]:
    found: list[tuple[str, _File]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _walked(entry, f"{place}{entry.name}/")
        else:
            found.append((f"{place}{entry.name}", _read(entry)))
    return found


def _read(entry: Traversable) -> _File:
    body, ending = entry.read_bytes(), f".{entry.name.rpartition('.')[2]}"
    media_type = _TYPES.get(ending) or mimetypes.guess_type(entry.name)[0] or "application/octet-stream"
    return _File(body, media_type, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def ui_routes(service: Service) -> APIRouter:
    """The page, its parts, and what it must know of the service to build its forms."""
    router, files = APIRouter(include_in_schema=False), page_files()

    @router.get("/")
    @router.get("/ui")
    async def home(request: Request) -> Response:
        # relative, so that it holds behind a gateway that serves us below a path of its own
        return RedirectResponse("ui/" if request.url.path.endswith("/") else "./ui/", 307, _HEADERS)

    @router.get("/ui/description.json")
    async def description(request: Request) -> Response:
        return JSONResponse(_description(request.app), headers=_HEADERS)

    @router.get("/ui/{path:path}")
    async def part(path: str, request: Request) -> Response:
        file = files.get(path or "index.html")
        if file is None:
            raise Problem(404, f"page must have the file that is asked for, got {path[:80]!r}; see /ui/", "no-file")
        headers = {**_HEADERS, "ETag": file.tag}
        if request.headers.get("if-none-match") == file.tag:
            return Response(status_code=304, headers=headers)
        return Response(file.body, headers=headers, media_type=file.media_type)

    return router


def _description(app: Any) -> dict[str, Any]:
    """The routes as OpenAPI has them, also where /openapi.json is not served, and what is asked when all is asked."""
    return {"version": __version__, "analysed": list(ANALYSED), "paths": app.openapi()["paths"]}
