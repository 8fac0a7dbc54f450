"""`POST /v1/embeddings`: texts and pictures as vectors, in OpenAI's form, so that its clients can be pointed here.

    {"input": "a text" | ["a text", "data:image/…", {"image": …}], "model": "clip-b32", "encoding_format": "base64"}

Pictures are a thing of ours: a data URI in the place of a text, or {"image": data URI | {"url": …}}. A problem has
OpenAI's `error` beside its own members.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from fastapi import APIRouter, Request, Response

from pixwise.errors import OptionError
from pixwise.serve.accepting import form_wanted
from pixwise.serve.bodies import json_of, media_type_of, object_of, source_of
from pixwise.serve.description import json_answer, problems
from pixwise.serve.embedding import Vectors, vectors_of
from pixwise.serve.guard import ask_of
from pixwise.serve.leaving import watching
from pixwise.serve.problems import Problem, problem_of
from pixwise.serve.service import Service, Source
from pixwise.serve.settings import Settings
from pixwise.serve.v1_schemas import EMBEDDINGS, PIXEL, VECTORS_ASKED

__all__ = ["embeddings_routes", "in_openai_form"]

_KEYS = ("model", "encoding_format", "dimensions", "user")
_FORMATS = ("float", "base64")


def embeddings_routes(service: Service) -> APIRouter:
    """The one route."""
    router = APIRouter(prefix="/v1", tags=["vectors"])

    @router.post("/embeddings", name="embeddings", operation_id="embeddings", response_class=Response,
                 summary="Turn texts and pictures into vectors; OpenAI's form.",
                 openapi_extra={"requestBody": {"required": True, "content": {"application/json": {
                     "schema": VECTORS_ASKED, "example": {"input": ["a red car", {"image": PIXEL}]}}}}},
                 responses={**json_answer(EMBEDDINGS, "A vector for each input, in their order."),
                            **problems(400, 403, 404, 406, 413, 415, 422, 503, 504)})  # fmt: skip
    async def embeddings(request: Request) -> Response:
        try:
            return await _embedded(service, request)
        except Exception as error:
            raise in_openai_form(problem_of(error)) from error

    return router


def in_openai_form(problem: Problem) -> Problem:
    """The problem with the member that OpenAI's clients read."""
    kinds = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
    kind = kinds.get(problem.status, "server_error" if problem.status >= 500 else "invalid_request_error")
    problem.extra["error"] = {"message": problem.detail, "type": kind, "param": None, "code": problem.kind or None}
    return problem


async def _embedded(service: Service, request: Request) -> Response:
    form_wanted(request.headers.get("accept", ""), ("application/json",))
    if media_type_of(request) != "application/json":
        raise Problem(415, "body must be application/json, got another form; pictures go in as data URIs", "body")
    told = object_of(await json_of(request), ("input",), _KEYS)
    _check(told)
    inputs = inputs_of(told["input"], service.settings)
    ask = ask_of(request)
    async with watching(request):
        vectors = await vectors_of(service, ask, inputs, told.get("model") or "")
        _check_dimensions(told.get("dimensions"), vectors)
        as_base64 = told.get("encoding_format") == "base64"
        body = await service.crew.do(ask, lambda: _told(vectors, as_base64))
    return Response(body, media_type="application/json")


def _check(told: dict[str, Any]) -> None:
    for name in ("model", "user"):
        if not isinstance(told.get(name, ""), str):
            raise Problem(422, f"{name} must be a string, got {told[name]!r:.80}", "body")
    if told.get("encoding_format", "float") not in _FORMATS:
        raise Problem(422, f"encoding_format must be one of {', '.join(_FORMATS)}, got {told['encoding_format']!r:.80}",
                      "body")  # fmt: skip
    dimensions = told.get("dimensions")
    if dimensions is not None and (type(dimensions) is not int or dimensions < 1):
        raise Problem(422, f"dimensions must be a whole number above 0, got {dimensions!r:.80}; leave it out", "body")


def _check_dimensions(wanted: int | None, vectors: Vectors) -> None:
    """Vectors of these models cannot be cut: all their numbers mean something together."""
    if wanted is not None and wanted != vectors.rows.shape[1]:
        raise OptionError(
            f"dimensions of {vectors.model!r} must be {vectors.rows.shape[1]}, got {wanted}; leave it out"
        )


def inputs_of(told: Any, settings: Settings) -> list[str | Source]:
    """The texts and pictures of a request.

    Raises:
        Problem: none, too many, or something that is neither.
    """
    many = told if isinstance(told, list) else [told]
    inputs = [_input(each, place, settings) for place, each in enumerate(many)]
    pictures = sum(isinstance(each, Source) for each in inputs)
    texts = len(inputs) - pictures
    if not inputs:
        raise Problem(422, "input must have a text or a picture, got an empty list", "body")
    for what, count, most in (("texts", texts, settings.max_texts), ("pictures", pictures, settings.max_pictures)):
        if count > most:
            raise Problem(413, f"{what} must be at most {most}, got {count}; ask in several requests", what)
    return inputs


def _input(told: Any, place: int, settings: Settings) -> str | Source:
    if isinstance(told, dict) and set(told) == {"text"} and isinstance(told["text"], str):
        return told["text"]
    if isinstance(told, dict) and set(told) == {"image"}:
        return source_of(told["image"], settings.limits(), urls=settings.allow_urls, name=f"input[{place}]")
    if not isinstance(told, str):
        said = "numbers of tokens" if isinstance(told, int | list) else "another form"
        raise Problem(422, f"input[{place}] must be a text, a data URI or {{'image': …}}, got {said}; send the text",
                      "body")  # fmt: skip
    if told[:11].lower() == "data:image/":
        return source_of(told, settings.limits(), urls=False, name=f"input[{place}]")
    return told


def _told(vectors: Vectors, as_base64: bool) -> bytes:
    rows = [base64.b64encode(row.astype("<f4").tobytes()).decode() if as_base64 else _numbers(row)
            for row in vectors.rows]  # fmt: skip
    data = [{"object": "embedding", "index": place, "embedding": row} for place, row in enumerate(rows)]
    usage = {"prompt_tokens": vectors.tokens, "total_tokens": vectors.tokens}
    return json.dumps({"object": "list", "data": data, "model": vectors.model, "usage": usage}).encode()


def _numbers(row: Any) -> list[float]:
    """Each float32 as the shortest decimal that means it, as in the answer of `embed`."""
    return [float(str(number)) for number in row]
