"""Models that are being fetched or opened: a thread for each, outside the crew; a slow one holds up nobody else.

request ─ done(key, load, ask) ─▶ a thread loads ─▶ everybody who waits for this key goes on
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from pixwise.serve.asking import Ask, Busy
from pixwise.serve.promises import Promise

__all__ = ["Loads"]


@dataclass(eq=False)
class _Load:
    waiting: list[Promise] = field(default_factory=list)
    failed: Exception | None = None
    ended: float = float("inf")


class Loads:
    """Loads that are going on.

    Args:
        places: how many requests may wait for one model; each holds the bytes of its picture.
        rest_s: for so long a load that failed is told again, and not tried again.
    """

    def __init__(self, places: int, rest_s: float = 2.0):
        self._places, self._rest_s = places, rest_s
        self._loads: dict[Hashable, _Load] = {}
        self._lock = threading.Lock()

    async def done(self, key: Hashable, load: Callable[[], object], ask: Ask, model: str) -> None:
        """Wait until it is loaded, by this request's thread or another's.

        Args:
            key: of what is loaded.
            load: does it.
            ask: on whose behalf.
            model: as messages name it.

        Raises:
            Busy: too many wait for it already.
            Expired: not before the deadline; it goes on loading for the next who asks.
            Exception: what `load` raised.
        """
        going, promise = self._joined(key, load, model)
        try:
            await promise.kept(
                ask,
                f"model {model!r} must be loaded before the deadline, got one that is still being fetched or opened; "
                "ask again",
            )
        except Exception as error:
            raise error.with_traceback(None) from error.__cause__  # one error, told to many: else it grows with each
        finally:
            with self._lock:
                if promise in going.waiting:
                    going.waiting.remove(promise)
            del promise

    def _joined(self, key: Hashable, load: Callable[[], object], model: str) -> tuple[_Load, Promise]:
        promise: Promise[None] = Promise()
        with self._lock:
            going = self._loads.get(key)
            if going is None or going.ended + self._rest_s < time.monotonic():
                going = self._loads[key] = _Load()
                thread = threading.Thread(target=self._do, args=(key, going, load), name="pixwise-load", daemon=True)
                thread.start()
            if going.failed is not None:
                promise.refuse(going.failed)
            elif len(going.waiting) >= self._places:
                raise Busy(
                    f"requests that wait for model {model!r} must be at most {self._places}, got more; it is still "
                    "being loaded; ask again later",
                    retry_after_s=5.0,
                )
            going.waiting.append(promise)
            return going, promise

    def _do(self, key: Hashable, going: _Load, load: Callable[[], object]) -> None:
        failed: Exception | None = None
        try:
            load()
        except Exception as error:
            failed = error.with_traceback(None)
        except BaseException as error:
            failed = RuntimeError(f"loading ended in {error!r}")
        with self._lock:
            going.ended, going.failed = time.monotonic(), failed
            waiting = list(going.waiting)
            if failed is None:
                self._loads.pop(key)
        for promise in waiting:
            promise.give(None) if failed is None else promise.refuse(failed)
