"""`POST /v1/analyze`: many pictures, many questions about each; every picture and task has a status of its own."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response

from pixwise.errors import PixwiseError
from pixwise.serve.accepting import form_wanted
from pixwise.serve.analysing import answer_json, asked_of, drawn, planned, problem_json, readied
from pixwise.serve.asking import Ask
from pixwise.serve.bodies import Pictures, read_pictures
from pixwise.serve.description import json_answer, problems
from pixwise.serve.guard import ask_of
from pixwise.serve.leaving import watching
from pixwise.serve.many import side_by_side, some_came
from pixwise.serve.problems import Problem
from pixwise.serve.service import MEDIA, Service
from pixwise.serve.v1 import FORMS, TASK_PROBLEMS
from pixwise.serve.v1_schemas import BINARY, TASKS_IN_QUERY, many_pictures

__all__ = ["ANALYSES", "analyze_routes", "names_of"]

ANALYSES = "pixwise/analyses/1"  # the `schema` of the answer


def analyze_routes(service: Service) -> APIRouter:
    """The one route."""
    most = service.settings.max_pictures
    router = APIRouter(prefix="/v1", tags=["tasks"])

    @router.post("/analyze", name="analyze", operation_id="analyze", response_class=Response,
                 summary="Ask many questions about many pictures.",
                 openapi_extra={"requestBody": {"required": True, "content": many_pictures(most)},
                                "parameters": [TASKS_IN_QUERY]},
                 responses={**json_answer({"$ref": "#/components/schemas/Analyses"}, "An answer for each picture.",
                                          **{kind: {"schema": BINARY} for kind in MEDIA}),
                            **problems(*TASK_PROBLEMS)})  # fmt: skip
    async def analyze(request: Request) -> Response:
        media = form_wanted(request.headers.get("accept", ""), FORMS)
        pictures = await read_pictures(request, service.settings, most)
        if media != FORMS[0] and len(pictures.sources) > 1:
            raise Problem(406, "answers about several pictures must be JSON, got an Accept of an image; ask one by one",
                          "form")  # fmt: skip
        async with watching(request):
            return await _answered(service, ask_of(request), pictures, media)

    return router


async def _answered(service: Service, ask: Ask, pictures: Pictures, media: str) -> Response:
    plans = await readied(service, planned(service, asked_of(pictures), service.settings), ask)
    if media != FORMS[0]:
        source = pictures.sources[0]
        if isinstance(source, PixwiseError):
            raise source
        answer = await service.crew.do(ask, lambda: drawn(service, ask, source, plans, media))
        return Response(answer.body, media_type=answer.media_type)
    names = names_of(pictures)
    works = [partial(answer_json, service, ask, source, plans, name)
             for source, name in zip(pictures.sources, names, strict=True)]  # fmt: skip
    answers: list[Any] = list(some_came(await side_by_side(service, ask, works)))
    told = [each if isinstance(each, bytes) else problem_json(each, name)
            for each, name in zip(answers, names, strict=True)]  # fmt: skip
    body = b'{"schema": "%s", "answers": [%s]}' % (ANALYSES.encode(), b", ".join(told))
    return Response(body, media_type=FORMS[0])


def names_of(pictures: Pictures) -> list[str]:
    """How answers call the pictures."""
    return [getattr(source, "name", "") or f"images[{place}]" for place, source in enumerate(pictures.sources)]
