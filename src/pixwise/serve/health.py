"""`/livez`, `/readyz`, `/metrics`: for whoever watches over the service."""

from __future__ import annotations

from fastapi import APIRouter, Response

from pixwise.serve.problems import Problem
from pixwise.serve.service import Service

__all__ = ["health_routes"]


def health_routes(service: Service) -> APIRouter:
    """Whether it lives, whether it can answer, and what it counted."""
    router = APIRouter(tags=["health"])

    @router.get("/livez", summary="Whether the process answers at all.")
    async def livez() -> dict[str, str]:
        return {"status": "alive"}

    @router.get("/readyz", summary="Whether it can answer questions now.")
    async def readyz() -> dict[str, str]:
        wrong = service.unready()
        if wrong:
            raise Problem(503, f"service must be ready, got one that is not: {wrong}", "unready")
        return {"status": "ready"}

    if service.settings.metrics:

        @router.get("/metrics", summary="Counters in Prometheus' form.", response_class=Response)
        async def metrics() -> Response:
            return Response(service.meters.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router
