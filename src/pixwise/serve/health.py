"""`/livez`, `/readyz`, `/metrics`: for whoever watches over the service.

/livez says no when only a new start can help; /readyz when it cannot answer now.
"""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Response

from pixwise.serve.problems import Problem
from pixwise.serve.service import Service

__all__ = ["health_routes"]


def health_routes(service: Service) -> APIRouter:
    """Whether it lives, whether it can answer, and what it counted."""
    router = APIRouter(tags=["health"])

    @router.get("/livez", summary="Whether the process can go on: where it cannot, start it anew.")
    async def livez() -> dict[str, str]:
        if service.is_broken():
            raise Problem(503, "service must be alive, got one with a dead thread; start it anew", "dead")
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
            service.meters.show(service.present())
            text = await asyncio.to_thread(service.meters.text)  # with many workers, many files
            return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")

    return router
