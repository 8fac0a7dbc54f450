"""Several pieces of work of one request: side by side through the crew, each with its own end.

One request may not fill the house: no more of its pieces are on the way than a model takes at once. When the house is
full, the first piece is refused and the request with it; later pieces wait for their turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from pixwise.serve.asking import Ask, Busy, Cancelled, Expired
from pixwise.serve.service import Service

__all__ = ["side_by_side", "some_came"]

_PAUSE_S = 0.02  # until a piece that found the queue full asks again


async def side_by_side(service: Service, ask: Ask, works: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each piece gives, or its error in its place.

    Raises:
        Busy: the house is full, and nothing was begun.
    """
    turns = asyncio.Semaphore(min(service.settings.max_batch or 8, service.crew.own_places))
    begun = False

    async def one(work: Callable[[], Any]) -> Any:
        nonlocal begun
        async with turns:
            while True:
                try:
                    done = asyncio.ensure_future(service.crew.do(ask, work))
                    await asyncio.sleep(0)  # it is in the queue now, or was refused
                    begun = begun or not (done.done() and isinstance(done.exception(), Busy))
                    return await done
                except Busy:
                    if not begun:
                        raise
                    await asyncio.sleep(_PAUSE_S)
                    ask.check()

    pieces = [asyncio.ensure_future(_kept(one(work))) for work in works]
    try:
        return await asyncio.gather(*pieces)
    finally:
        for piece in pieces:
            piece.cancel()


async def _kept(piece: Any) -> Any:
    """The error of a piece is its own; that the house is full is everybody's."""
    try:
        return await piece
    except Busy:
        raise
    except Exception as error:
        return error


def some_came(answers: Sequence[Any]) -> Sequence[Any]:
    """The answers; where the time was over before any came, or whoever asked has gone, that is the answer."""
    if answers and all(isinstance(answer, Expired | Cancelled) for answer in answers):
        raise answers[0]
    return answers
