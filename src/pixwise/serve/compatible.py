"""The compatible API: `/analyze_image/`, `/analyze_image_upload/`, `/available_operations/`.

Its clients were written for another service and do not know this one: names, statuses and words are theirs. An error
is `{"detail": "…"}`, and what is wrong with a request is 400.
"""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.datastructures import FormData, UploadFile
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pixwise.cores import available_threads
from pixwise.errors import LimitError, PictureError, SourceError
from pixwise.serve.bodies import clean_name, form_of, json_of
from pixwise.serve.compatible_answers import Asked, analyzed
from pixwise.serve.compatible_operations import described
from pixwise.serve.compatible_schemas import ANALYZE_BODY, ANALYZE_RESPONSES, OPERATIONS_RESPONSES, UPLOAD_BODY
from pixwise.serve.guard import ask_of
from pixwise.serve.leaving import watching
from pixwise.serve.problems import Problem
from pixwise.serve.service import Service, Source
from pixwise.serve.strict_json import read_json
from pixwise.serve.together import Helpers

__all__ = ["PATHS", "PlainErrors", "asked_of", "compatible_routes"]

PATHS = ("/analyze_image", "/analyze_image_upload", "/available_operations")
MOST_TASKS = 100  # of a request
_LONGEST = 200  # letters of an operation_id
_HELPERS = 3  # threads that help with one request, where there are cores for them


def compatible_routes(service: Service) -> APIRouter:
    """The three routes; each is also there without its last slash."""
    router = APIRouter(tags=["compatible"])
    cores = available_threads(0)
    helpers = Helpers(4 * cores, min(_HELPERS, cores), service.traffic)

    async def analyze_image(request: Request) -> Response:
        told = await json_of(request)
        if not isinstance(told, dict):
            raise _refused(f"body must be an object with image_url and tasks, got {_kind(told)}")
        url = told.get("image_url")
        if not isinstance(url, str) or not url.strip():
            raise _refused(f"image_url must be a string, got {_kind(url)}")
        if not url.isprintable():
            raise _refused(f"Could not download image from URL: {url!r:.200} must be an address, got what is none")
        return await answered(request, Source(url=url, name=url), told.get("tasks"), "tasks")

    async def analyze_image_upload(request: Request) -> Response:
        async with form_of(request, service.settings.max_body_bytes) as form:
            source, told = _uploaded(form), _told_of(form)
        return await answered(request, source, told, "tasks_json")

    async def available_operations() -> Response:
        return Response(json.dumps({"operations": described()}), media_type="application/json")

    async def answered(request: Request, source: Source, told: Any, where: str) -> Response:
        asked = asked_of(told, where)
        if source.url and not service.settings.compatible_urls:
            raise _refused(
                "Could not download image from URL: addresses must be allowed by the operator (setting "
                f"compatible_urls), got {source.url!r:.200}; send the picture to /analyze_image_upload/"
            )
        async with watching(request):
            try:
                body = await analyzed(service, helpers, ask_of(request), source, asked)
            except (SourceError, PictureError) as error:
                raise _of_picture(error) from error
        return Response(body, media_type="application/json")

    def add(path: str, route: Any, summary: str, **more: Any) -> None:
        for spelt in (f"{path}/", path):
            router.add_api_route(
                spelt,
                route,
                summary=summary,
                response_class=Response,
                include_in_schema=spelt != path,
                name=path[1:],
                operation_id=path[1:],
                **more,
            )

    add(PATHS[0], analyze_image, "Several questions about the picture at an address.", methods=["POST"],
        openapi_extra={"requestBody": ANALYZE_BODY}, responses=ANALYZE_RESPONSES)  # fmt: skip
    add(PATHS[1], analyze_image_upload, "Several questions about a picture that comes with them.", methods=["POST"],
        openapi_extra={"requestBody": UPLOAD_BODY}, responses=ANALYZE_RESPONSES)  # fmt: skip
    add(PATHS[2], available_operations, "What can be asked.", methods=["GET"], responses=OPERATIONS_RESPONSES)
    return router


def asked_of(told: Any, where: str) -> list[Asked]:
    """The tasks of a request, checked.

    Args:
        told: as it came, JSON read.
        where: what messages call it.

    Raises:
        Problem: one is no task, or two have one operation_id.
    """
    if not isinstance(told, list):
        raise _refused(f"{where} must be a list of tasks, got {_kind(told)}")
    if len(told) > MOST_TASKS:
        raise _refused(f"{where} must be at most {MOST_TASKS} tasks, got {len(told)}; send several requests")
    asked = [_task(each, f"{where}[{number}]") for number, each in enumerate(told)]
    seen: set[str] = set()
    for each in asked:
        if each.id in seen:
            raise _refused(f"operation_id must be another for each task, got {each.id!r} twice; rename one")
        seen.add(each.id)
    return asked


def _task(told: Any, where: str) -> Asked:
    if not isinstance(told, dict):
        raise _refused(f"{where} must be an object with operation_id, type and params, got {_kind(told)}")
    for key in ("operation_id", "type"):
        if not isinstance(told.get(key), str) or not 1 <= len(told[key]) <= _LONGEST:
            raise _refused(f"{where}.{key} must be a string of 1 to {_LONGEST} letters, got {_kind(told.get(key))}")
    params = {} if told.get("params") is None else told["params"]
    if not isinstance(params, dict):
        raise _refused(f"{where}.params must be an object, got {_kind(params)}")
    return Asked(told["operation_id"], told["type"], params)


def _uploaded(form: FormData) -> Source:
    file = form.get("image_file")
    if not isinstance(file, UploadFile):
        raise _refused(f"image_file must be a file, got {'none' if file is None else 'a field without a file name'}")
    data = file.file.read()
    if not data:
        raise _refused("Could not process image: expected the bytes of a picture, got an empty file")
    return Source(data, name=f"uploaded:{clean_name(file.filename)}")


def _told_of(form: FormData) -> Any:
    text = form.get("tasks_json")
    if isinstance(text, UploadFile):
        text = text.file.read()
    if text is None:
        raise _refused("tasks_json must be a list of tasks as JSON, got none")
    try:
        return read_json(text, "tasks_json")
    except Problem as problem:
        raise _refused(f"tasks_json must be a list of tasks as JSON, got what is none: {problem.detail}") from problem


def _kind(told: Any) -> str:
    """What came, in the words of JSON."""
    if isinstance(told, str):
        return f"a string of {len(told)} letters"
    kinds = {dict: "an object", list: "a list", bool: "true or false", type(None): "none"}
    return kinds.get(type(told), "a number")


def _of_picture(error: Exception) -> Problem:
    """What is wrong with the picture, in the words that clients look for."""
    if isinstance(error, SourceError):
        return _refused(f"Could not download image from URL: {error}")
    if isinstance(error, LimitError):
        return Problem(413, f"Could not process image: {_without_advice(error)}", "too-large")
    return _refused(f"Could not process image: {error}")


def _without_advice(error: LimitError) -> str:
    """Without what only somebody at the machine could follow."""
    return str(error).partition("; if you trust")[0]


def _refused(detail: str) -> Problem:
    return Problem(400, detail, "compatible")


class PlainErrors:
    """Errors of the compatible API in its own form, whoever told them: `{"detail": "…"}`, and 400 for a bad request.

    It stands before everything, so that a missing key and a body that is too large are told in this form, too.
    """

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].removesuffix("/") in PATHS:
            send = _Plain(send).send
        await self.app(scope, receive, send)


class _Plain:
    """An answer on its way out; a problem is held until its body is there."""

    def __init__(self, send: Send):
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and _is_problem(message):
            self._start = message
        elif self._start is not None and message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._told(self._start)
        else:
            await self._send(message)

    async def _told(self, start: Message) -> None:
        detail = json.loads(self._body).get("detail", "")
        body = json.dumps({"detail": detail}, ensure_ascii=False).encode()
        kept = [pair for pair in start["headers"] if pair[0].lower() not in (b"content-length", b"content-type")]
        headers = [*kept, (b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
        status = 400 if start["status"] in (415, 422) else start["status"]
        await self._send({**start, "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


def _is_problem(start: Message) -> bool:
    kinds = [value for name, value in start.get("headers", []) if name.lower() == b"content-type"]
    return bool(kinds) and kinds[0].startswith(b"application/problem+json")
