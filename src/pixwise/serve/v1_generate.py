"""`POST /v1/generate`: pictures from nothing but noise, by a folder of one's own.

    {"model": "faces", "count": 4, "seed": 7, "steps": 50, "scheduler": "ddim", "eta": 0.0}

JSON comes back with a PNG for each, or one PNG of all, as `Accept` says. Between two steps it is looked whether anybody
still waits for it.
"""

from __future__ import annotations

import io
import json
from typing import Any

from fastapi import APIRouter, Request, Response

from pixwise.generation.generator import Generator
from pixwise.generation.noise import checked_seeds
from pixwise.generation.settings import KINDS
from pixwise.results import Pictures
from pixwise.schemas import result_schema
from pixwise.serve.accepting import form_wanted
from pixwise.serve.asking import Ask
from pixwise.serve.bodies import json_of, media_type_of, object_of
from pixwise.serve.description import json_answer, problems
from pixwise.serve.guard import ask_of
from pixwise.serve.leaving import watching
from pixwise.serve.problems import Problem
from pixwise.serve.service import Service
from pixwise.serve.v1_schemas import BINARY, NAME_OF_MODEL, closed, plain

__all__ = ["generate_routes"]

_FORMS = ("application/json", "image/png")
_OPTIONS: dict[str, Any] = {  # what may be left out → its schema
    "count": {"type": "integer", "minimum": 1, "default": 4, "description": "how many pictures"},
    "seed": {"type": "integer", "minimum": 0, "default": 0, "description": "of the first; the next has the next"},
    "steps": {"type": "integer", "minimum": 1, "default": 50, "description": "how often the model is asked"},
    "scheduler": {"enum": list(KINDS), "default": "ddim", "description": "how noise is taken away"},
    "eta": {"type": "number", "minimum": 0, "maximum": 1, "default": 0, "description": "of ddim, noise that is added"},
}
_ASKED = closed({"model": {**NAME_OF_MODEL, "description": "name of an own model"}, **_OPTIONS}, *_OPTIONS)


def generate_routes(service: Service) -> APIRouter:
    """The one route."""
    router = APIRouter(prefix="/v1", tags=["pictures"])

    @router.post("/generate", name="generate", operation_id="generate", response_class=Response,
                 summary="Make pictures from nothing but noise.",
                 openapi_extra={"requestBody": {"required": True, "content": {"application/json": {
                     "schema": _ASKED, "example": {"model": "faces", "count": 4, "seed": 7}}}}},
                 responses={**json_answer(plain(result_schema(Pictures)), "The pictures.",
                                          **{"image/png": {"schema": BINARY}}),
                            **problems(400, 403, 404, 406, 413, 415, 422, 503, 504)})  # fmt: skip
    async def generate(request: Request) -> Response:
        form = form_wanted(request.headers.get("accept", ""), _FORMS)
        if media_type_of(request) != "application/json":
            raise Problem(415, "body must be application/json, got another form; see /docs", "body")
        told = object_of(await json_of(request), ("model",), tuple(_OPTIONS))
        if not isinstance(told["model"], str):
            raise Problem(422, f"model must be a string, got {told['model']!r:.80}", "body")
        _check_count(service, told)
        ask = ask_of(request)
        async with watching(request):
            body = await _made(service, ask, told, form)
        return Response(body, media_type=form)

    return router


def _check_count(service: Service, told: dict[str, Any]) -> None:
    count, most = told.get("count", _OPTIONS["count"]["default"]), service.settings.max_pictures
    checked_seeds(told.get("seed", 0), count)
    if count > most:
        raise Problem(413, f"pictures must be at most {most}, got {count}; ask in several requests", "pictures")


async def _made(service: Service, ask: Ask, told: dict[str, Any], form: str) -> bytes:
    chosen = service.stock.choose_generator(told.pop("model"))
    session = await service.stock.part(chosen, ask)

    def work() -> bytes:
        with ask.step("generate"):
            made = Generator(chosen.card, session)(**told, progress=lambda *_: ask.check())
        return _png(made) if form == "image/png" else json.dumps(made.to_dict()).encode()

    return await service.crew.do(ask, work)


def _png(made: Pictures) -> bytes:
    data = io.BytesIO()
    made.grid().save(data, "PNG")
    return data.getvalue()
