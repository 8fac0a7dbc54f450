"""The application: settings in, an ASGI app out. Every route is in a file of its own; here they are put together."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from pixwise import __version__
from pixwise.errors import PixwiseError, nearest
from pixwise.serve.compatible import PlainErrors, compatible_routes
from pixwise.serve.description import describe
from pixwise.serve.docs_page import docs_routes
from pixwise.serve.guard import Doorman, ask_of
from pixwise.serve.health import health_routes
from pixwise.serve.problems import Problem, problem_of, problem_response
from pixwise.serve.service import Service
from pixwise.serve.settings import Settings
from pixwise.serve.ui_routes import ui_routes
from pixwise.serve.v1 import task_routes
from pixwise.serve.v1_analyze import analyze_routes
from pixwise.serve.v1_embeddings import embeddings_routes
from pixwise.serve.v1_generate import generate_routes
from pixwise.serve.v1_jobs import job_routes
from pixwise.serve.v1_models import models_routes

__all__ = ["create_app"]


def create_app(settings: Settings | None = None, service: Service | None = None, *, patient: bool = False) -> FastAPI:
    """The service as an ASGI application.

    Args:
        settings: what the operator set; None reads the environment.
        service: what answers; None makes it of the settings.
        patient: start when everything is loaded that is to be loaded first, instead of loading it meanwhile.
    """
    service = service or Service(settings or Settings())
    settings = service.settings
    app = FastAPI(
        title="Pixwise",
        version=__version__,
        summary="Questions about pictures, answered.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if settings.docs else None,
        lifespan=_lifespan(service, patient),
        redirect_slashes=False,
    )
    app.state.service = service
    describe(app, service)
    if settings.docs:
        app.include_router(docs_routes())
    v1 = (analyze_routes(service), embeddings_routes(service), generate_routes(service), models_routes(service),
          job_routes(service), task_routes(service))  # fmt: skip
    for router in (*v1, health_routes(service)):
        app.include_router(router)
    if settings.ui:
        app.include_router(ui_routes(service))
    for kind in (Problem, PixwiseError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, _told)
    app.add_middleware(Doorman, service=service)
    if settings.compatible:
        app.include_router(compatible_routes(service))
        app.add_middleware(PlainErrors)  # the last that is added stands before all others
    return app


def _lifespan(service: Service, patient: bool):
    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.begin()
        while patient and service.starting:
            await asyncio.sleep(0.05)
        try:
            yield
        finally:
            await asyncio.to_thread(service.close, service.grace_left())

    return lifespan


async def _told(request: Request, error: Exception) -> Response:
    """Every error as problem JSON."""
    if isinstance(error, HTTPException):
        error = _refused(request, error)
    if isinstance(error, RequestValidationError):
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        error = Problem(422, f"request must be as described, got {faults[:500]}", "request")
    problem, ask = problem_of(error), ask_of(request)
    ask.problem = problem.kind or str(problem.status)
    return problem_response(problem, ask.id)


def _refused(request: Request, error: HTTPException) -> Problem:
    """A path that is not there, or a method that it does not take."""
    path, headers = request.scope["path"], dict(error.headers or {})
    said = str(error.detail)
    if error.status_code == 404:
        known = [each for each in request.app.openapi()["paths"] if "{" not in each]
        said = f"path must be one that /docs tells, got {path[:80]!r}; {nearest(path[:80], known, many='see /docs')}"
    elif error.status_code == 405:
        headers["Allow"] = _allowed(request, headers.get("Allow", ""))
        said = f"method of {path[:80]!r} must be {headers['Allow'] or 'another'}, got {request.method}; see /docs"
    return Problem(error.status_code, said, headers=headers)


def _allowed(request: Request, told: str) -> str:
    """All methods of a path; the framework names those of the first route that it finds."""
    found = {method for method in told.split(", ") if method}
    for path, methods in request.app.openapi()["paths"].items():
        if compile_path(path)[0].match(request.scope["path"]):
            found |= {method.upper() for method in methods}
    return ", ".join(sorted(found))
