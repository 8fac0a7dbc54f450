"""How the description of the service tells the compatible API."""

from __future__ import annotations

from typing import Any

from pixwise.serve.compatible_operations import OPERATIONS
from pixwise.serve.prominence import CONTEXTS, TARGETS

__all__ = ["ANALYZE_BODY", "ANALYZE_RESPONSES", "OPERATIONS_RESPONSES", "UPLOAD_BODY"]

Schema = dict[str, Any]
_EXAMPLE_TASKS = [
    {"operation_id": "who", "type": "detect_bounding_box", "params": {"target": "prominent_person"}},
    {"operation_id": "words", "type": "describe_image", "params": {"max_length": 50}},
]
_BOX: Schema = {"type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 4}
_PARAMS: Schema = {
    "type": ["object", "null"],
    "properties": {
        "target": {"enum": [*TARGETS, None]},
        "face_context": {"enum": [*CONTEXTS, None]},
        "collection_id": {"type": ["integer", "string"]},
        "max_length": {"type": "integer", "minimum": 1},
        "model": {"type": "string"},
    },
    "description": "target, face_context, and what the operation takes",
}
_TASK: Schema = {
    "type": "object",
    "required": ["operation_id", "type"],
    "properties": {
        "operation_id": {"type": "string", "minLength": 1, "maxLength": 200, "description": "another for each task"},
        "type": {"type": "string", "minLength": 1, "maxLength": 200, "examples": list(OPERATIONS)},
        "params": _PARAMS,
    },
}
_TASKS: Schema = {"type": "array", "items": _TASK, "maxItems": 100}
_RESULT: Schema = {
    "type": "object",
    "required": ["status", "data", "cropped_image_bbox", "cropped_image_base64", "error_message"],
    "properties": {
        "status": {"enum": ["success", "error", "skipped"]},
        "data": {"description": "the answer of the operation"},
        "cropped_image_bbox": {"anyOf": [_BOX, {"type": "null"}]},
        "cropped_image_base64": {"type": ["string", "null"], "contentEncoding": "base64"},
        "error_message": {"type": ["string", "null"]},
    },
}
_ANSWER: Schema = {
    "type": "object",
    "required": ["image_url", "results"],
    "properties": {"image_url": {"type": "string"}, "results": {"type": "object", "additionalProperties": _RESULT}},
}
_DETAIL: Schema = {"type": "object", "required": ["detail"], "properties": {"detail": {"type": "string"}}}
_OPERATION: Schema = {
    "type": "object",
    "required": ["description", "allowed_targets", "default_target"],
    "properties": {
        "description": {"type": "string"},
        "allowed_targets": {"type": "array", "items": {"enum": list(TARGETS)}},
        "default_target": {"enum": list(TARGETS)},
    },
}


def _json(schema: Schema, description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


_REFUSALS = {
    400: "The request or the picture is not as it must be.",
    401: "A key is needed.",
    403: "The key is not for this.",
    413: "The body or the picture is above a limit.",
    429: "Too many requests of this caller.",
    503: "As much to do as may be taken on.",
    504: "No answer before the deadline.",
}
ANALYZE_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: _json(_ANSWER, "A result for each task."),
    **{status: _json(_DETAIL, told) for status, told in _REFUSALS.items()},
}
OPERATIONS_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: _json(
        {
            "type": "object",
            "required": ["operations"],
            "properties": {"operations": {"type": "object", "additionalProperties": _OPERATION}},
        },
        "The operations.",
    ),
    **{status: _json(_DETAIL, _REFUSALS[status]) for status in (401, 403, 429)},
}
ANALYZE_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["image_url", "tasks"],
                "properties": {
                    "image_url": {"type": "string", "minLength": 1, "description": "http(s), where it is allowed"},
                    "tasks": _TASKS,
                },
            },
            "example": {"image_url": "https://example.org/photo.jpg", "tasks": _EXAMPLE_TASKS},
        }
    },
}  # fmt: skip
UPLOAD_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["image_file", "tasks_json"],
                "properties": {
                    "image_file": {"type": "string", "format": "binary"},
                    "tasks_json": {"type": "string", "contentMediaType": "application/json", "contentSchema": _TASKS},
                },
            }
        }
    },
}
