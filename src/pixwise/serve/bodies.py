"""The body of a request, in any of its three forms, as a picture and options.

    multipart/form-data    file=<picture>, options={…} as JSON, model=…; single options as fields of their own
    image/*                the picture itself; options in the query
    application/json       {"image": "data:…" | {"url": "…"}, "options": {…}, "model": "…"}

Nothing is written to disk, and the name of an upload is a word in the answer, never a path.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from pixwise.errors import SourceError
from pixwise.serve.problems import Problem
from pixwise.serve.service import Source
from pixwise.serve.settings import Settings
from pixwise.sources import Limits, read

__all__ = ["Body", "clean_name", "form_of", "json_of", "read_body", "source_of"]

_MOST_FIELDS = 64
_FORMS = "multipart/form-data, an image type or application/json"


@dataclass(frozen=True)
class Body:
    """What a request brought."""

    source: Source
    model: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


async def read_body(request: Request, settings: Settings) -> Body:
    """Read the body; options of the query go with all forms.

    Raises:
        Problem: it cannot be read, or has another form.
        SourceError: an address where none is taken.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    query = _grouped(request.query_params.multi_items())
    if kind == "multipart/form-data":
        async with form_of(request, settings.max_body_bytes) as form:
            body = _of_form(form)
    elif kind == "application/json":
        body = _of_json(await json_of(request), settings)
    elif kind.startswith("image/") or kind == "application/octet-stream":
        body = Body(Source(await request.body(), name="<upload>"))
    else:
        raise Problem(415, f"body must be {_FORMS}, got {kind[:80] or 'no content type'!r}; say which it is", "body")
    if not (body.source.data or body.source.url):
        raise Problem(400, "body must bring a picture, got an empty one; send its bytes", "body")
    twice = set(body.options) & set(query)
    if twice:
        raise Problem(422, f"option {min(twice)!r} must be given once, got it in the query and in the body", "option")
    model = str(query.pop("model", "")) or body.model
    return Body(body.source, model, {**query, **body.options})


def _grouped(items: list[tuple[str, Any]]) -> dict[str, Any]:
    """What comes once is a value, what comes more often a list."""
    found: dict[str, list[Any]] = {}
    for name, value in items:
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


@asynccontextmanager
async def form_of(request: Request, most_bytes: int) -> AsyncIterator[FormData]:
    """The parts of a multipart body, in memory; files count as fields.

    Raises:
        Problem: too many parts, or no boundary between them.
    """
    parser = MultiPartParser(
        request.headers, request.stream(), max_files=_MOST_FIELDS, max_fields=_MOST_FIELDS, max_part_size=2**20
    )
    parser.spool_max_size = most_bytes + 1  # pictures are never written to disk
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, UnicodeDecodeError, ValueError) as error:
        said = getattr(error, "message", "") or "no form that can be read"
        raise Problem(400, f"body must be multipart/form-data of at most {_MOST_FIELDS} parts, got: {said}", "body") \
            from error  # fmt: skip
    try:
        yield form
    finally:
        await form.close()


def _of_form(form: FormData) -> Body:
    files = [(name, part) for name, part in form.multi_items() if isinstance(part, UploadFile)]
    fields = _grouped([(name, part) for name, part in form.multi_items() if not isinstance(part, UploadFile)])
    if len(files) != 1 or files[0][0] != "file":
        names = ", ".join(name for name, _ in files) or "none"
        raise Problem(400, f"form must have one file named 'file', got {names[:120]}; analyze takes many", "body")
    upload = files[0][1]
    options = fields.pop("options", "{}")
    model = fields.pop("model", "")
    return Body(Source(upload.file.read(), name=clean_name(upload.filename)), str(model),
                {**fields, **_table(options, "options")})  # fmt: skip


def _table(text: Any, what: str) -> dict[str, Any]:
    try:
        table = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise Problem(400, f"{what} must be a JSON object, got what is no JSON: {error}", "body") from error
    if not isinstance(table, dict):
        raise Problem(400, f"{what} must be a JSON object, got {type(table).__name__}", "body")
    return table


async def json_of(request: Request) -> Any:
    """The body as JSON.

    Raises:
        Problem: it is none.
    """
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise Problem(400, f"body must be JSON, got what is none: {error}", "body") from error


def _of_json(told: Any, settings: Settings) -> Body:
    if not isinstance(told, dict) or not set(told) <= {"image", "options", "model"} or "image" not in told:
        raise Problem(422, 'body must be {"image": …, "options": {…}, "model": "…"}, got another form', "body")
    options, model = told.get("options", {}), told.get("model", "")
    if not isinstance(options, dict) or not isinstance(model, str):
        raise Problem(422, "options must be an object and model a string, got other types", "body")
    return Body(source_of(told["image"], settings.limits(), urls=settings.allow_urls), model, options)


def source_of(image: Any, limits: Limits, *, urls: bool, name: str = "<upload>") -> Source:
    """The picture that JSON names: a data URI, or `{"url": "…"}` where addresses are taken.

    Raises:
        Problem: neither.
        SourceError: an address where none is taken, or a data URI that cannot be read.
    """
    if isinstance(image, str) and image.startswith("data:"):
        return Source(read(image, limits)[1], name=name)
    url = image.get("url") if isinstance(image, dict) and set(image) == {"url"} else None
    if not isinstance(url, str):
        raise Problem(
            422, 'image must be a data URI or {"url": "…"}, got neither; send "data:image/…;base64,…"', "body"
        )
    if url.startswith("data:"):
        return source_of(url, limits, urls=urls, name=name)
    if not urls:
        raise SourceError("image must come as bytes, got an address, which this service does not fetch; send the bytes")
    return Source(url=url, name=url)


def clean_name(name: str | None) -> str:
    """What an upload calls itself, without folders and control characters, at most 120 characters."""
    last = re.split(r"[/\\]", name or "")[-1]
    return "".join(letter for letter in last if letter.isprintable())[:120] or "<upload>"
