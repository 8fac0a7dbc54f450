"""What a thread will give to a coroutine: an answer, or an error, once.

`concurrent.futures` with `asyncio.wrap_future` would do the same, and leave a cycle of references behind each request,
which holds its answer until the garbage is collected.
"""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

from pixwise.serve.asking import Ask, Expired

__all__ = ["Promise"]

T = TypeVar("T")


class Promise(Generic[T]):
    """Made in the event loop that waits for it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[T] = self._loop.create_future()

    async def kept(self, ask: Ask, late: str) -> T:
        """The answer; once only.

        Args:
            ask: until when.
            late: what is said when there is none by then.

        Raises:
            Expired: there was none before the deadline.
            Exception: the error that the thread gave.
        """
        left = ask.left()
        try:
            async with asyncio.timeout(None if left == float("inf") else left) as limit:
                return await self._future
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise Expired(late) from error
        finally:
            del self  # the traceback of an error holds this frame, which would hold the error

    def give(self, answer: T) -> None:
        """Give the answer; from any thread."""
        self._settle(lambda future: future.set_result(answer))

    def refuse(self, error: BaseException) -> None:
        """Give an error; from any thread. What would end the event loop, or is refused by it, becomes a fault."""
        fault = error if isinstance(error, Exception) else None
        if fault is None or isinstance(fault, StopIteration):
            fault = RuntimeError(f"a thread ended in {error!r}")
        self._settle(lambda future: future.set_exception(fault))

    def _settle(self, settle) -> None:
        def settled(future: asyncio.Future[T]) -> None:
            if not future.done():  # who waited may have gone
                settle(future)

        try:
            self._loop.call_soon_threadsafe(settled, self._future)
        except RuntimeError:  # the loop is closed: nobody waits
            return
