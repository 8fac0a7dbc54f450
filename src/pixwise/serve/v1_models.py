"""`GET /v1/models`: which models may be asked for, where they are, and under which licence; never where on disk.

The list has OpenAI's form (`object`, `data`, `id`, `owned_by`), with more about each model.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from pixwise import registry
from pixwise.errors import OptionError, PixwiseError, UnknownModelError, nearest
from pixwise.fetching import shelf
from pixwise.loading import load_card
from pixwise.registry import Card
from pixwise.serve.accepting import form_wanted
from pixwise.serve.description import json_answer, problems
from pixwise.serve.problems import problem_of
from pixwise.serve.service import Service
from pixwise.serve.v1_embeddings import in_openai_form
from pixwise.serve.v1_schemas import MODELS
from pixwise.task_table import TASKS

__all__ = ["models_of", "models_routes"]

_JSON = ("application/json",)


def models_routes(service: Service) -> APIRouter:
    """The list, and one of it."""
    router = APIRouter(prefix="/v1", tags=["models"])

    @router.get("/models", name="models", operation_id="models", response_class=Response,
                summary="List the models that may be asked for.",
                responses={**json_answer(MODELS, "The models."), **problems(400, 406, 422)})  # fmt: skip
    async def models(
        request: Request,
        task: Annotated[str, Query(description="only those that answer this task", max_length=100)] = "",
    ) -> Response:
        return await _told(request, lambda: {"object": "list", "data": models_of(service, task)})

    @router.get("/models/{model}", name="model", operation_id="model", response_class=Response,
                summary="Tell about one model.",
                responses={**json_answer({"$ref": "#/components/schemas/Model"}, "The model."),
                           **problems(400, 404, 406, 422)})  # fmt: skip
    async def model(request: Request, model: str) -> Response:
        return await _told(request, lambda: _one(service, model))

    return router


async def _told(request: Request, ask: Any) -> Response:
    try:
        form_wanted(request.headers.get("accept", ""), _JSON)
        return Response(json.dumps(await asyncio.to_thread(ask), ensure_ascii=False), media_type=_JSON[0])
    except PixwiseError as error:
        raise in_openai_form(problem_of(error)) from error


def _one(service: Service, model: str) -> dict[str, Any]:
    found = {each["id"]: each for each in models_of(service)}
    if model not in found:
        raise UnknownModelError(
            f"model must be one that is served, got {model[:80]!r}; {nearest(model[:80], found, many='GET /v1/models')}"
        )
    return found[model]


def models_of(service: Service, task: str = "") -> list[dict[str, Any]]:
    """The models that may be asked for.

    Raises:
        OptionError: no such task.
    """
    if task and task not in TASKS:
        raise OptionError(f"task must be known, got {task[:80]!r}; {nearest(task[:80], TASKS)}")
    found: dict[str, dict[str, Any]] = {}
    loaded = {(kept.card.repo, kept.card.folder, kept.card.id) for kept in service.pool.loaded()}
    for name, card, answers in _served(service):
        if task in ("", answers):
            told = found.setdefault(name, _facts(service, name, card, loaded))
            told["tasks"].append(answers)
            if name == _default(service, answers):
                told["default_for"].append(answers)
    return list(found.values())


def _served(service: Service) -> Iterator[tuple[str, Card, str]]:
    """(name, card, task) of everything that may be asked for."""
    settings, stock = service.settings, service.stock
    for task in TASKS:
        for name in stock.names(task):
            if name in settings.own_models:
                try:
                    yield name, load_card(Path(settings.own_models[name]), task, offline=True), task
                except PixwiseError:
                    continue  # it answers other tasks
            else:
                card = registry.card(name, task)
                if not settings.built_in or card.runtime == "builtin":
                    yield name, card, task


def _default(service: Service, task: str) -> str:
    """The name of the model that answers a task when none is named; empty where none is here."""
    if task in service.settings.models:
        return service.settings.models[task]
    try:
        return str(service.stock.choose(task).model)
    except PixwiseError:
        return ""


def _facts(service: Service, name: str, card: Card, loaded: set[tuple[str, str, str]]) -> dict[str, Any]:
    here = card.runtime != "onnx" or shelf.is_ready(card)
    is_loaded = (card.repo, card.folder, card.id) in loaded
    return {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": card.repo.partition("/")[0] or "pixwise",
        "title": card.title,
        "tasks": [],
        "default_for": [],
        "state": "loaded" if is_loaded else "on-disk" if here else "available",
        "usable": is_loaded or here or service.settings.fetch,
        "runtime": card.runtime,
        "precision": card.precision,
        "bytes": card.bytes,
        "licence": card.licence,
        "commercial": card.commercial,
        "verified": card.verified,
        "repo": card.repo,
        "revision": card.revision,
        "labels": len(card.names),
    }
