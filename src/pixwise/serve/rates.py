"""How often somebody may ask: a bucket of tokens per caller, which fills evenly."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from pixwise.serve.problems import Problem

__all__ = ["Rates"]

_MOST_CALLERS = 20_000  # buckets that are remembered; whoever was forgotten has a full one


class Rates:
    """Buckets of all callers of a process.

    Args:
        now: the clock, in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic):
        self._now = now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # caller → tokens, and when that was

    def take(self, caller: str, per_minute: int) -> None:
        """Take a token; a full bucket has those of a minute.

        Raises:
            Problem: 429, there is none.
        """
        if not per_minute:
            return
        now = self._now()
        tokens, at = self._buckets.pop(caller, (float(per_minute), now))
        tokens = min(per_minute, tokens + (now - at) * per_minute / 60)
        self._buckets[caller] = (tokens - 1 if tokens >= 1 else tokens, now)
        if len(self._buckets) > _MOST_CALLERS:
            self._buckets.popitem(last=False)
        if tokens < 1:
            wait = math.ceil((1 - tokens) * 60 / per_minute)
            raise Problem(429, f"requests must be at most {per_minute} per minute, got more; ask again in {wait} s",
                          "rate", headers={"Retry-After": f"{wait}"})  # fmt: skip
