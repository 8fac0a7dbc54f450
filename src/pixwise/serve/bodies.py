"""The body of a request, in any of its three forms, as pictures and what is asked about them.

    multipart/form-data    file=<picture>, options={…} as JSON, model=…; single options as fields of their own
    image/*                the picture itself; options in the query
    application/json       {"image": "data:…" | {"url": "…"}, "options": {…}, "model": "…"}

A clip is one file with several frames, many files, or "frames": […] in the place of "image".

Where many pictures are taken, a form has many files named `file`, and JSON has "images": […]. Nothing is written to
disk, and the name of an upload is a word in the answer, never a path.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from pixwise.errors import PixwiseError, SourceError, nearest
from pixwise.reading.sources import Limits, read
from pixwise.serve.problems import Problem
from pixwise.serve.service import Source
from pixwise.serve.settings import Settings
from pixwise.serve.strict_json import read_json

__all__ = [
    "MOST_FRAMES", "Body", "Pictures", "clean_name", "form_of", "json_of", "media_type_of", "object_of", "read_body",
    "read_pictures", "source_of",
]  # fmt: skip

Words = Mapping[str, Sequence[str]]
_MOST_FIELDS = 64
MOST_FRAMES = 256
_FORMS = "multipart/form-data, an image type or application/json"


@dataclass(frozen=True)
class Body:
    """What a request about one picture brought.

    Attributes:
        source: the picture.
        model: as it was named; empty for the default.
        options: in JSON's types.
        words: options that came as words, of the query or of fields of a form: name → each time that it came.
    """

    source: Source
    model: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    words: Words = field(default_factory=dict)


@dataclass(frozen=True)
class Pictures:
    """What a request about many pictures brought.

    Attributes:
        sources: each a picture, or why it cannot be had.
        asked: the other keys of the JSON; of a form or a query, lists of words.
        words: `asked` is words.
    """

    sources: Sequence[Source | PixwiseError]
    asked: Mapping[str, Any]
    words: bool


async def read_body(request: Request, settings: Settings, *, clip: bool = False) -> Body:
    """Read a body with one picture; options of the query go with all forms.

    Args:
        request, settings: of the service.
        clip: it may bring the frames of a clip.

    Raises:
        Problem: it cannot be read, or has another form.
        SourceError: an address where none is taken.
    """
    kind, query = media_type_of(request), _grouped(request.query_params.multi_items())
    if kind == "multipart/form-data":
        async with form_of(request, settings.max_body_bytes, MOST_FRAMES if clip else _MOST_FIELDS) as form:
            body = _of_form(form, clip)
    elif kind == "application/json":
        body = _of_json(await json_of(request), settings, clip)
    else:
        body = Body(Source(await request.body(), name="<upload>"))
    if not all(each.data or each.url for each in body.source.frames or (body.source,)):
        raise Problem(400, "body must bring a picture, got an empty one; send its bytes", "body")
    model = body.model or _one_word(query.pop("model", []), "model")
    for name in query:
        if name in body.options or name in body.words:
            raise Problem(422, f"option {name!r:.80} must be given once, got it in the query and in the body", "option")
    return Body(body.source, model, body.options, {**query, **body.words})


async def read_pictures(request: Request, settings: Settings, most: int) -> Pictures:
    """Read a body with many pictures, in the same three forms.

    Args:
        request, settings: of the service.
        most: how many pictures it may bring.

    Raises:
        Problem: it cannot be read, or has another form, or brings too many.
    """
    kind, query = media_type_of(request), _grouped(request.query_params.multi_items())
    if kind == "multipart/form-data":
        async with form_of(request, settings.max_body_bytes, most) as form:
            files, fields = _parts_of(form)
            sources = [Source(part.file.read(), name=clean_name(part.filename)) for part in files]
    elif kind == "application/json":
        table = object_of(await json_of(request), ("images",))
        if not isinstance(table["images"], list):
            raise Problem(422, f"images must be a list, got {type(table['images']).__name__}; put it into one", "body")
        _check_count(len(table["images"]), most)
        sources = [_source_or_error(image, settings, place) for place, image in enumerate(table.pop("images"))]
        if query:
            raise Problem(422, f"query must be empty beside JSON, got {min(query)!r:.80}; put it into the body", "body")
        return Pictures(sources, table, words=False)
    else:
        fields, sources = {}, [Source(await request.body(), name="<upload>")]
    _check_count(len(sources), most)
    return Pictures(sources, {**query, **fields}, words=True)


def _check_count(count: int, most: int) -> None:
    if not 1 <= count <= most:
        raise Problem(422 if count == 0 else 413, f"pictures must be 1 to {most}, got {count}; ask in several requests",
                      "pictures")  # fmt: skip


def _source_or_error(image: Any, settings: Settings, place: int) -> Source | PixwiseError:
    try:
        return source_of(image, settings.limits(), urls=settings.allow_urls, name=f"images[{place}]")
    except PixwiseError as error:  # the others are answered
        return error


def media_type_of(request: Request) -> str:
    """The form of a body, one of those that are taken.

    Raises:
        Problem: it is another, or JSON in another encoding than UTF-8.
    """
    kind, _, rest = request.headers.get("content-type", "").partition(";")
    kind = kind.strip().lower()
    if kind == "application/json":
        charset = re.search(r"charset\s*=\s*\"?([\w.-]+)", rest, re.IGNORECASE)
        if charset and charset[1].lower() not in ("utf-8", "utf8", "us-ascii"):
            raise Problem(415, f"JSON must be in UTF-8, got charset {charset[1][:40]!r}; send it in UTF-8", "body")
    elif not (kind in ("multipart/form-data", "application/octet-stream") or kind.startswith("image/")):
        raise Problem(415, f"body must be {_FORMS}, got {kind[:80] or 'no content type'!r}; say which it is", "body")
    return kind


def _grouped(items: Sequence[tuple[str, Any]]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for name, value in items:
        found.setdefault(name, []).append(value)
    return found


def _one_word(words: Sequence[str], what: str) -> str:
    if len(words) > 1:
        raise Problem(422, f"{what} must be given once, got it {len(words)} times; leave the others out", "option")
    return words[0] if words else ""


@asynccontextmanager
async def form_of(request: Request, most_bytes: int, most_files: int = _MOST_FIELDS) -> AsyncIterator[FormData]:
    """The parts of a multipart body, in memory.

    Raises:
        Problem: too many parts, or no boundary between them.
    """
    parser = MultiPartParser(
        request.headers, request.stream(), max_files=most_files, max_fields=_MOST_FIELDS, max_part_size=2**20
    )
    parser.spool_max_size = most_bytes + 1  # pictures are never written to disk
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, UnicodeDecodeError, ValueError) as error:
        said = getattr(error, "message", "") or "no form that can be read"
        raise Problem(400, f"body must be multipart/form-data of at most {most_files} files and {_MOST_FIELDS} fields, "
                           f"got: {said}", "body") from error  # fmt: skip
    try:
        yield form
    finally:
        await form.close()


def _parts_of(form: FormData) -> tuple[list[UploadFile], dict[str, list[str]]]:
    """The files, all of them named `file`, and the fields."""
    files = [(name, part) for name, part in form.multi_items() if isinstance(part, UploadFile)]
    wrong = next((name for name, _ in files if name != "file"), "")
    if wrong or not files:
        got = repr(wrong[:80]) if wrong else "none"
        raise Problem(400, f"form must have its pictures as files named 'file', got {got}; rename the part", "body")
    fields = _grouped([(name, part) for name, part in form.multi_items() if not isinstance(part, UploadFile)])
    return [part for _, part in files], fields


def _of_form(form: FormData, clip: bool) -> Body:
    files, fields = _parts_of(form)
    if len(files) != 1 and not clip:
        raise Problem(400, f"form must have one file, got {len(files)}; POST /v1/analyze takes many", "body")
    options = read_json(_one_word(fields.pop("options", []), "options") or "{}", "options")
    if not isinstance(options, dict):
        raise Problem(400, f"options must be a JSON object, got {type(options).__name__}", "body")
    model = _one_word(fields.pop("model", []), "model")
    twice = min(set(options) & set(fields), default="")
    if twice:
        raise Problem(422, f"option {twice!r:.80} must be given once, got it in options and as a field", "option")
    sources = [Source(part.file.read(), name=clean_name(part.filename)) for part in files]
    return Body(_together(sources), model, options, fields)


def _together(sources: Sequence[Source]) -> Source:
    """One source as it is; several as the frames of a clip."""
    if len(sources) == 1:
        return sources[0]
    return Source(name=f"{sources[0].name} and {len(sources) - 1} more", frames=tuple(sources))


async def json_of(request: Request) -> Any:
    """The body as JSON.

    Raises:
        Problem: it is none, or none that means one thing.
    """
    return read_json(await request.body())


def object_of(told: Any, needed: Sequence[str], others: Sequence[str] | None = None) -> dict[str, Any]:
    """A JSON object with the keys that it needs, and no others than those.

    Args:
        told: what came.
        needed: keys that must be there.
        others: keys that may be there; None leaves them to whoever reads on.

    Raises:
        Problem: it is none.
    """
    if not isinstance(told, dict):
        raise Problem(422, f"body must be a JSON object, got {_kind(told)}; see /docs", "body")
    for name in needed:
        if name not in told:
            raise Problem(422, f"body must have {name!r}, got {', '.join(map(repr, told))[:120] or 'none'}", "body")
    for name in told if others is not None else ():
        if name not in (*needed, *others):
            known = nearest(name[:80], (*needed, *others))
            raise Problem(422, f"keys of the body must be known, got {name[:80]!r}; {known}", "body")
    return dict(told)


def _kind(told: Any) -> str:
    kinds = {type(None): "null", bool: "true or false", int: "a number", float: "a number", str: "a string"}
    return kinds.get(type(told), "a list")


def _of_json(told: Any, settings: Settings, clip: bool) -> Body:
    brought = "frames" if clip and isinstance(told, dict) and "frames" in told else "image"
    table = object_of(told, (brought,), ("options", "model"))
    options, model = table.get("options", {}), table.get("model", "")
    if not isinstance(options, dict) or not isinstance(model, str):
        raise Problem(422, "options must be an object and model a string, got other types", "body")
    images = table[brought] if brought == "frames" else [table[brought]]
    if not isinstance(images, list) or not 1 <= len(images) <= MOST_FRAMES:
        got = len(images) if isinstance(images, list) else type(images).__name__
        raise Problem(422, f"frames must be a list of 1 to {MOST_FRAMES} pictures, got {got}; leave some out", "body")
    limits, urls = settings.limits(), settings.allow_urls
    return Body(_together([source_of(image, limits, urls=urls) for image in images]), model, options)


def source_of(image: Any, limits: Limits, *, urls: bool, name: str = "<upload>") -> Source:
    """The picture that JSON names: a data URI, or `{"url": "…"}` where addresses are taken.

    Raises:
        Problem: neither.
        SourceError: an address where none is taken, or a data URI that cannot be read.
    """
    if isinstance(image, str) and image[:5].lower() == "data:":
        return Source(read(image, limits)[1], name=name)
    url = image.get("url") if isinstance(image, dict) and set(image) == {"url"} else None
    if not isinstance(url, str):
        raise Problem(
            422, 'image must be a data URI or {"url": "…"}, got neither; send "data:image/…;base64,…"', "body"
        )
    if url[:5].lower() == "data:":
        return source_of(url, limits, urls=urls, name=name)
    if not urls:
        raise SourceError("image must come as bytes, got an address, which this service does not fetch; send the bytes")
    return Source(url=url, name=url)


def clean_name(name: str | None) -> str:
    """What an upload calls itself, without folders and control characters, at most 120 characters."""
    last = re.split(r"[/\\]", name or "")[-1]
    return "".join(letter for letter in last if letter.isprintable())[:120] or "<upload>"
