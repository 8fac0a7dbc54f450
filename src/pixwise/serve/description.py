"""The description of the service (OpenAPI 3.1): what the routes say of themselves, and what holds for all of them.

routes ─▶ FastAPI's description ─▶ + problems, keys, schemas that are shared, examples ─▶ /openapi.json, /docs, the page
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from pixwise import __version__
from pixwise.schemas import result_schema
from pixwise.serve.problems import TITLES
from pixwise.serve.service import Service
from pixwise.serve.v1_schemas import JOB, MODEL, answers, plain
from pixwise.task_table import TASKS, task_class

__all__ = ["describe", "example_of", "json_answer", "problems"]

_ABOUT = """Ask questions about pictures. A picture comes as the body itself (image/*), as the file of a form, or as a
data URI in JSON; the answer is the JSON that `pixwise --json` prints, or the drawn or produced picture where `Accept`
asks for an image. Every refusal is a problem (RFC 9457) that says what was expected, what came and what to do."""
_TAGS = {
    "tasks": "One picture and one question, or many of both.",
    "pictures": "Pictures from nothing but noise.",
    "vectors": "Texts and pictures as vectors.",
    "models": "Which models answer.",
    "jobs": "Analyses that take longer than anybody waits.",
    "health": "For whoever watches over the service.",
}
_ALWAYS = (401, 403, 408, 421, 429, 431)
_SAMPLES = {  # key of an answer → a value that shows what it is
    "label": "person", "name": "Ada", "text": "Hello", "kind": "QR_CODE", "score": 0.92, "other": 0.5, "hex": "#2b2b40",
    "box": [12.5, 8.0, 96.0, 118.5], "model": "look", "source": "street.jpg", "licence": "Apache-2.0", "id": "dfine-s",
}  # fmt: skip


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route, for `responses`."""
    return {status: {"$ref": f"#/components/responses/Problem{status}"} for status in sorted({*statuses, *_ALWAYS})}


def json_answer(schema: Mapping[str, Any], description: str, status: int = 200,
                **others: Any) -> dict[int | str, dict[str, Any]]:  # fmt: skip
    """The answer of a route, for `responses`; `others` are further media types."""
    content = {"application/json": {"schema": schema}, **others}
    return {status: {"description": description, "content": content}}


def describe(app: FastAPI, service: Service) -> None:
    """Have the application tell all of this."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(
                title=app.title, version=__version__, summary=app.summary, description=" ".join(_ABOUT.split()),
                routes=app.routes, tags=[{"name": name, "description": told} for name, told in _TAGS.items()],
                license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
            )  # fmt: skip
            app.openapi_schema = _completed(made, service)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _completed(made: dict[str, Any], service: Service) -> dict[str, Any]:
    parts = made.setdefault("components", {})
    parts["schemas"] = {**_results(), **answers(), "Model": MODEL, "Job": JOB}
    parts["responses"] = {f"Problem{status}": _problem(status) for status in TITLES}
    parts["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "Authorization: Bearer KEY"},
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    if service.settings.keys:
        made["security"] = [{"bearer": []}, {"key": []}]
        for path in ("/livez", "/readyz"):
            made["paths"][path]["get"]["security"] = []
    return made


def _results() -> dict[str, Any]:
    """The schemas of all kinds of answers, by name."""
    kinds = {task_class(task).result_type for task in TASKS}
    return {kind.__name__: plain(result_schema(kind)) for kind in sorted(kinds, key=lambda kind: kind.__name__)}


def _problem(status: int) -> dict[str, Any]:
    example = {"type": "about:blank", "title": TITLES[status], "status": status,
               "detail": "thing must be as expected, got another; what to do", "request": "0f8fad5b"}  # fmt: skip
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}}
    retry = {"description": "seconds until it may be worth asking again", "schema": {"type": "integer", "minimum": 0}}
    headers = {"headers": {"Retry-After": retry}} if status in (429, 503) else {}
    return {"description": TITLES[status], **headers, "content": content}


def example_of(schema: Mapping[str, Any], name: str = "") -> Any:
    """A value that fits a schema of ours: one row where there may be many."""
    if "const" in schema:
        return schema["const"]
    if name in _SAMPLES and schema.get("type") == _json_type(_SAMPLES[name]):
        return _SAMPLES[name]
    if re.match(schema.get("pattern", "$."), ""):
        return ""
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        return {key: example_of(part, key) for key, part in schema.get("properties", {}).items()}
    if kind == "array":
        return [example_of(schema["items"], name)] * schema.get("minItems", 1)
    return {"string": "…", "integer": 1, "number": 0.5, "boolean": True}[kind]


def _json_type(value: Any) -> str:
    return {str: "string", float: "number", list: "array"}[type(value)]
