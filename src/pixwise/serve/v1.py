"""`POST /v1/{task}`: one picture, one question, in three forms of body and two of answer.

Each task has a route of its own, so that the description of the service tells its options.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from pixwise.schemas import result_schema
from pixwise.serve.accepting import form_wanted
from pixwise.serve.bodies import MOST_FRAMES, read_body
from pixwise.serve.description import example_of, problems
from pixwise.serve.guard import ask_of
from pixwise.serve.leaving import watching
from pixwise.serve.options import MOST_WORDS, checked_options, option_model
from pixwise.serve.service import MEDIA, Question, Service
from pixwise.serve.v1_schemas import BINARY, IMAGE, NAME_OF_MODEL, PICTURE_TYPES, PIXEL, closed
from pixwise.task_table import TASKS, task_class

__all__ = ["FORMS", "TASK_PROBLEMS", "task_routes"]

FORMS = ("application/json", *MEDIA)  # of an answer
TASK_PROBLEMS = (400, 403, 404, 406, 413, 415, 422, 503, 504)


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
            openapi_extra={"requestBody": _body_schema(task), "parameters": _parameters(task)},
            responses=_responses(task),
            response_class=Response,
        )
    return router


def _asker(service: Service, task: str) -> Any:
    async def ask(request: Request) -> Response:
        media = form_wanted(request.headers.get("accept", ""), FORMS)
        body = await read_body(request, service.settings, clip=task_class(task).of_clips)
        options = checked_options(task, body.options, service.settings, body.words)
        question = Question(task, body.source, body.model, options)
        async with watching(request):
            answer = await service.answer(ask_of(request), question, media)
        return Response(answer.body, media_type=answer.media_type)

    return ask


def _body_schema(task: str) -> dict[str, Any]:
    options = _options(task)
    example = {name: part["default"] for name, part in options["properties"].items() if part.get("default") is not None}
    words = {TASKS[task].words: ["a red car"]} if TASKS[task].words else {}
    told = closed({"image": IMAGE, "options": options, "model": NAME_OF_MODEL}, "options", "model")
    file: dict[str, Any] = BINARY
    if task_class(task).of_clips:
        told, file = _clip_body(told), {"type": "array", "items": BINARY, "minItems": 1, "maxItems": MOST_FRAMES}
    fields = {"file": file, "options": {"type": "string", "format": "options-json", "description": "as JSON"},
              "model": NAME_OF_MODEL}  # fmt: skip
    return {
        "required": True,
        "content": {
            "application/json": {"schema": told, "example": {"image": PIXEL, "options": {**example, **words}}},
            "multipart/form-data": {"schema": closed(fields, "options", "model"),
                                    "encoding": {"file": {"contentType": "image/*"}}},
            **{kind: {"schema": BINARY} for kind in PICTURE_TYPES},
        },
    }  # fmt: skip


def _clip_body(told: dict[str, Any]) -> dict[str, Any]:
    """The same body with the frames of a clip in the place of the picture, or one picture that moves."""
    frames = {"type": "array", "items": IMAGE, "minItems": 1, "maxItems": MOST_FRAMES,
              "description": "frames of a clip, in order"}  # fmt: skip
    image = {**IMAGE, "description": f"an animation, or a still picture: {IMAGE['description']}"}
    return {
        **told,
        "properties": {**told["properties"], "image": image, "frames": frames},
        "required": [],
        "oneOf": [{"required": ["image"]}, {"required": ["frames"]}],
    }


def _options(task: str) -> dict[str, Any]:
    """The schema of the options; in the place where it is used, since the page builds its forms of it."""
    return option_model(task).model_json_schema(ref_template="#/components/schemas/{model}")


def _parameters(task: str) -> list[dict[str, Any]]:
    """Options go in the query beside a body of image bytes."""
    model = {"name": "model", "in": "query", "required": False, "schema": NAME_OF_MODEL,
             "description": "beside image bytes: id of a model"}  # fmt: skip
    options = [
        {"name": name, "in": "query", "required": False, "style": "form", "explode": True,
         "schema": _in_query(schema),
         "description": f"beside image bytes: {schema.get('description', '')}"}
        for name, schema in _options(task)["properties"].items()
    ]  # fmt: skip
    return [model, *options]


def _in_query(schema: dict[str, Any]) -> dict[str, Any]:
    """As long as a query may be."""
    forms = {"anyOf": [_in_query(each) for each in schema["anyOf"]]} if "anyOf" in schema else {}
    return {**schema, **forms, **({"maxItems": MOST_WORDS} if schema.get("type") == "array" else {})}


def _responses(task: str) -> dict[int | str, dict[str, Any]]:
    kind = task_class(task).result_type
    told = {"schema": {"$ref": f"#/components/schemas/{kind.__name__}"}, "example": example_of(result_schema(kind))}
    images = {kind: {"schema": BINARY} for kind in MEDIA}
    answer = {"description": "The answer.", "content": {"application/json": told, **images}}
    return {200: answer, **problems(*TASK_PROBLEMS)}
