"""The body on its way in: no longer, no slower and no more of it at the same time than may be.

receive ─▶ next piece in time? ─▶ counted: this body, this caller, all bodies ─▶ the routes
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter

from starlette.types import Message, Receive

from pixwise.serve.asking import Busy
from pixwise.serve.logs import Visit
from pixwise.serve.problems import Problem
from pixwise.serve.settings import Settings

__all__ = ["Arrival", "ByteBudget", "check_length"]


class ByteBudget:
    """How many bytes of bodies are kept in memory at the same time; half of them at most for one caller.

    Args:
        most: of all requests.
    """

    def __init__(self, most: int):
        self.most = most
        self._held: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def held(self) -> int:
        return self._held.total()

    def take(self, caller: str, count: int) -> None:
        """Count more bytes.

        Raises:
            Busy: there are too many.
        """
        with self._lock:
            own = self._held[caller] + count > self.most // 2
            if own or self._held.total() + count > self.most:
                whose = "of one caller " if own else ""
                most = self.most // 2 if own else self.most
                raise Busy(f"bodies {whose}that are worked on must be at most {most:,} bytes together, got more; "
                           "ask again later", own=own)  # fmt: skip
            self._held[caller] += count

    def give_back(self, caller: str, count: int) -> None:
        with self._lock:
            self._held[caller] -= count
            if self._held[caller] <= 0:
                del self._held[caller]


class Arrival:
    """The body of one request. Its bytes count until `end`.

    Args:
        receive: the next piece.
        settings: limits and times.
        visit: is told how many bytes came.
        budget: of all bodies.
    """

    def __init__(self, receive: Receive, settings: Settings, visit: Visit, budget: ByteBudget):
        self._receive, self._settings, self._visit, self._budget = receive, settings, visit, budget
        self._caller, self._counted = visit.ask.caller, 0

    async def receive(self) -> Message:
        """The next piece.

        Raises:
            Problem: 408, it comes too late; 413, it is too much.
            Busy: all bodies together are too much.
        """
        if self._visit.whole:  # what comes now is the end of the connection, for which anybody may wait
            return await self._receive()
        message = await self._in_time()
        self._visit.whole = not message.get("more_body", False)
        piece = len(message.get("body", b""))
        self._visit.bytes_in += piece
        if self._visit.bytes_in > self._settings.max_body_bytes:
            raise _too_large(self._settings.max_body_bytes, "more")
        if piece:
            self._budget.take(self._caller, piece)
            self._counted += piece
        return message

    async def _in_time(self) -> Message:
        settings = self._settings
        left = self._visit.ask.left()
        try:
            async with asyncio.timeout(min(settings.body_timeout_s, left)):
                return await self._receive()
        except TimeoutError as error:
            said = f"body must come whole within {settings.deadline_s:g} s"
            if left > settings.body_timeout_s:
                said = f"the next piece of a body must come within {settings.body_timeout_s:g} s"
            raise Problem(408, f"{said}, got none; send it again", "slow",
                          headers={"Connection": "close"}) from error  # fmt: skip

    def end(self) -> None:
        """Nobody needs the bytes any more."""
        if self._counted:
            self._budget.give_back(self._caller, self._counted)
            self._counted = 0


def check_length(announced: str, most: int) -> None:
    """Refuse a body by what its head says of it.

    Raises:
        Problem: 413, it would be too long.
    """
    if announced.isdecimal() and int(announced) > most:
        raise _too_large(most, f"{int(announced):,} announced")


def _too_large(most: int, got: str) -> Problem:
    return Problem(413, f"body must be at most {most:,} bytes, got {got}; send a smaller picture", "too-large",
                   headers={"Connection": "close"})  # fmt: skip
