"""What goes into the v1 API and comes out of it, as JSON schemas: what the description does not read off a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pixwise.schemas import analysis_schema

__all__ = [
    "ADDRESS",
    "ANALYSES",
    "BINARY",
    "EMBEDDINGS",
    "IMAGE",
    "JOB",
    "JOBS",
    "JOB_WITH_ANSWERS",
    "MODEL",
    "MODELS",
    "NAME_OF_MODEL",
    "PICTURE_TYPES",
    "PIXEL",
    "PROBLEM",
    "TASKS_ASKED",
    "TASKS_IN_QUERY",
    "VECTORS_ASKED",
    "answers",
    "closed",
    "many_pictures",
    "plain",
]

Schema = dict[str, Any]
PICTURE_TYPES = (
    "image/jpeg",
    "image/png",
    "image/webp",
)  # of bodies, in the description; all that Pixwise reads are taken
# A picture of one pixel, for examples.
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4z8AAAAMBAQAY3Y2wAAAAAElFTkSuQmCC"
)
BINARY: Schema = {"type": "string", "format": "binary"}


def closed(properties: Schema, *optional: str, **more: Any) -> Schema:
    """An object with just these keys, all needed but the optional ones."""
    needed = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": needed, "additionalProperties": False, **more}


def _text(description: str, **more: Any) -> Schema:
    return {"type": "string", "description": description, **more}


def _count(description: str, least: int = 0) -> Schema:
    return {"type": "integer", "minimum": least, "description": description}


def _list(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


ADDRESS = closed({"url": _text("http(s) address, or a data URI", format="picture-url")},
                 description="an address, where the operator lets the service fetch")  # fmt: skip
IMAGE: Schema = {
    "description": "a data URI, or an address where the operator allows it",
    "oneOf": [_text("data URI of a picture: data:image/…;base64,…", format="picture"), ADDRESS],
}
NAME_OF_MODEL = _text("id of a model (GET /v1/models); leave it out for the default")
PROBLEM = {
    "type": "object",
    "description": "Why there is no answer (RFC 9457): what was expected, what came, what to do.",
    "properties": {
        "type": _text("urn:pixwise:problem:KIND, or about:blank"),
        "title": _text("what it is, the same for all of its kind"),
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": _text("what was expected, what came, what to do"),
        "request": _text("X-Request-ID of the request, as it is in the log"),
        "error": {"type": "object", "description": "the same in OpenAI's form (/v1/embeddings, /v1/models)"},
    },
    "required": ["type", "title", "status", "detail"],
}
_TASK = closed(
    {"task": _text("its name"), "model": NAME_OF_MODEL, "options": {"type": "object", "description": "of the task"}},
    "model", "options",
)  # fmt: skip
TASKS_ASKED: Schema = {
    "description": "which questions; left out, all that need no words of yours",
    **_list({"oneOf": [_text("name of a task"), _TASK]}, minItems=1),
}


TASKS_IN_QUERY: Schema = {
    "name": "tasks", "in": "query", "required": False, "style": "form", "explode": True,
    "description": "beside image bytes: names of tasks",
    "schema": _list(_text("name of a task", format="task")),
}  # fmt: skip


def many_pictures(most: int) -> Schema:
    """The three forms of a body with many pictures."""
    told = closed({"images": _list(IMAGE, minItems=1, maxItems=most), "tasks": TASKS_ASKED}, "tasks")
    form = closed({"file": _list(BINARY, minItems=1, maxItems=most),
                   "tasks": _text("names with commas between, or JSON as above", format="tasks")}, "tasks")  # fmt: skip
    return {
        "application/json": {"schema": told, "example": {
            "images": [PIXEL], "tasks": ["quality", {"task": "ocr", "options": {"min_score": 0.5}}]}},
        "multipart/form-data": {"schema": form, "encoding": {"file": {"contentType": "image/*"}}},
        **{kind: {"schema": BINARY} for kind in PICTURE_TYPES},
    }  # fmt: skip


def plain(schema: Mapping[str, Any]) -> Schema:
    """A schema as a part of another one."""
    return {key: part for key, part in schema.items() if not key.startswith("$")}


def _place(**more: Schema) -> Schema:
    """The place of one picture in an answer."""
    name = _text("of the upload, or its place in the list")
    ok = closed(
        {**more, "name": name, "status": {"const": "ok"}, "analysis": {"$ref": "#/components/schemas/Analysis"}}
    )
    problem = {"$ref": "#/components/schemas/Problem"}
    return {"oneOf": [ok, closed({**more, "name": name, "status": {"const": "error"}, "problem": problem})]}


def answers() -> dict[str, Schema]:
    """The schemas that answers share."""
    return {"Problem": PROBLEM, "Analysis": plain(analysis_schema()), "Analyses": ANALYSES}


ANALYSES: Schema = closed({"schema": {"const": "pixwise/analyses/1"}, "answers": _list(_place())})
VECTORS_ASKED = closed(
    {
        "input": {"description": "a text, a picture, or a list of both", "oneOf": [
            _text("a text, or a data URI of a picture", minLength=1, format="words"),
            closed({"image": IMAGE}),
            closed({"text": _text("a text", minLength=1, format="words")}),
            _list({"oneOf": [_text("a text, or a data URI", minLength=1, format="words"), closed({"image": IMAGE}),
                             closed({"text": _text("a text", minLength=1, format="words")})]}, minItems=1),
        ]},
        "model": NAME_OF_MODEL,
        "encoding_format": {"enum": ["float", "base64"], "default": "float",
                            "description": "base64: of little-endian float32"},
        "dimensions": {"type": ["integer", "null"], "minimum": 1, "description": "only those that the model has"},
        "user": _text("is passed over"),
    },
    "model", "encoding_format", "dimensions", "user",
)  # fmt: skip
EMBEDDINGS = closed({
    "object": {"const": "list"},
    "data": _list(closed({
        "object": {"const": "embedding"}, "index": _count("place of the input"),
        "embedding": {"oneOf": [_list({"type": "number"}), _text("base64 of little-endian float32")]},
    })),
    "model": _text("which answered"),
    "usage": closed({"prompt_tokens": _count("of all texts"), "total_tokens": _count("the same")}),
})  # fmt: skip
MODEL = closed({
    "id": _text("what requests call it"),
    "object": {"const": "model"},
    "created": _count("0: not known"),
    "owned_by": _text("owner of its repository"),
    "title": _text("one line"),
    "tasks": _list(_text("that it answers")),
    "default_for": _list(_text("tasks that it answers when none is named")),
    "state": {"enum": ["loaded", "on-disk", "available"], "description": "available: it could be fetched"},
    "usable": {"type": "boolean", "description": "a request for it is answered"},
    "runtime": {"enum": ["onnx", "builtin", "learned"]},
    "precision": _text("of the weights"),
    "bytes": _count("of its files; 0 is unknown"),
    "licence": _text("SPDX identifier of the weights"),
    "commercial": {"type": "boolean", "description": "commercial use is allowed"},
    "verified": {"type": "boolean", "description": "every file has a hash that was seen"},
    "repo": _text("on the hub"),
    "revision": _text("commit of the repository"),
    "labels": _count("classes that it knows by name"),
})  # fmt: skip
MODELS = closed({"object": {"const": "list"}, "data": _list({"$ref": "#/components/schemas/Model"})})
_TIME = {"type": ["string", "null"], "format": "date-time"}
JOB = closed({
    "id": _text("of the job"),
    "object": {"const": "job"},
    "status": {"enum": ["queued", "running", "done", "cancelled", "failed"]},
    "message": _text("why it failed"),
    "tasks": _list(_text("name of a task")),
    "pictures": _count("how many it has", 1),
    "done": _count("how many are answered, problems too"),
    "failed": _count("how many are answered by a problem"),
    "created": {"type": "string", "format": "date-time"},
    "ended": {**_TIME, "description": "null while it goes on"},
    "expires": {**_TIME, "description": "when its answers are forgotten"},
})  # fmt: skip
JOBS = closed({"object": {"const": "list"}, "data": _list({"$ref": "#/components/schemas/Job"})})
JOB_WITH_ANSWERS = closed({**JOB["properties"], "answers": _list(_place(index=_count("place of the picture")))})
