"""`POST /v1/{task}`: one picture, one question, in three forms of body and two of answer.

Each task has a route of its own, so that the description of the service tells its options.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from pixwise.schemas import result_schema
from pixwise.serve.accepting import form_wanted
from pixwise.serve.bodies import read_body
from pixwise.serve.guard import ask_of
from pixwise.serve.leaving import watching
from pixwise.serve.options import checked_options, option_model
from pixwise.serve.service import MEDIA, Question, Service
from pixwise.task_table import TASKS, task_class

__all__ = ["FORMS", "task_routes"]

FORMS = ("application/json", *MEDIA)  # of an answer


def task_routes(service: Service) -> APIRouter:
    """A route per task."""
    router = APIRouter(prefix="/v1", tags=["tasks"])
    for task in TASKS:
        router.add_api_route(
            f"/{task}",
            _asker(service, task),
            methods=["POST"],
            name=task,
            operation_id=task,
            summary=TASKS[task].help,
            openapi_extra={"requestBody": _body_schema(task)},
            responses=_responses(task),
            response_class=Response,
        )
    return router


def _asker(service: Service, task: str) -> Any:
    async def ask(request: Request) -> Response:
        media = form_wanted(request.headers.get("accept", ""), FORMS)
        body = await read_body(request, service.settings)
        options = checked_options(task, body.options, service.settings, body.words)
        question = Question(task, body.source, body.model, options)
        async with watching(request):
            answer = await service.answer(ask_of(request), question, media)
        return Response(answer.body, media_type=answer.media_type)

    return ask


def _body_schema(task: str) -> dict[str, Any]:
    options = option_model(task).model_json_schema(ref_template="#/components/schemas/{model}")
    image = {"type": "string", "pattern": "^data:", "description": "data URI of a picture"}
    address = {"type": "object", "properties": {"url": {"type": "string"}}, "required": ["url"],
               "additionalProperties": False, "description": "where the operator allows it"}  # fmt: skip
    model = {"type": "string", "description": "id of a model (GET /v1/models); leave it out for the default"}
    binary = {"type": "string", "format": "binary"}
    told = {
        "image": {"oneOf": [image, address]},
        "options": options,
        "model": model,
    }
    form = {"file": binary, "options": {"type": "string", "description": "the options as JSON"}, "model": model}
    return {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "object", "properties": told, "required": ["image"],
                                            "additionalProperties": False}},
            "multipart/form-data": {"schema": {"type": "object", "properties": form, "required": ["file"]}},
            **{kind: {"schema": binary} for kind in ("image/jpeg", "image/png", "image/webp")},
        },
    }  # fmt: skip


def _responses(task: str) -> dict[int | str, dict[str, Any]]:
    binary = {"schema": {"type": "string", "format": "binary"}}
    answer = {key: part for key, part in result_schema(task_class(task).result_type).items() if key[0] != "$"}
    return {200: {"description": "The answer.", "content": {"application/json": {"schema": answer},
                                                            **{kind: binary for kind in MEDIA}}}}  # fmt: skip
