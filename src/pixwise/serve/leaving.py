"""Notices when whoever asked has gone, so that nobody works for him any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request

from pixwise.serve.guard import ask_of

__all__ = ["watching"]


@asynccontextmanager
async def watching(request: Request) -> AsyncIterator[None]:
    """While the block runs: a caller who hangs up cancels the request. Its body must have been read before."""
    ask = ask_of(request)

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        ask.cancelled.set()

    watcher = asyncio.create_task(watch())
    try:
        yield
    finally:
        watcher.cancel()
