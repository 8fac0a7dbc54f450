"""How much of the machine others took while something was measured: a figure of a busy machine says little."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

__all__ = ["Others", "ticks"]


class Others:
    """The share of the cores that processes other than ours took, from making this until `share` is asked.

    Args:
        ours: process ids.
    """

    def __init__(self, ours: Sequence[int]):
        self._ours = [*ours, os.getpid()]
        self._before = self._now()

    def share(self) -> float:
        """0 for a quiet machine, 1 when others took all of it."""
        (total, mine, at), now = self._before, self._now()
        ticks = (now[2] - at) * os.sysconf("SC_CLK_TCK") * (os.cpu_count() or 1)
        return max(0.0, (now[0] - total) - (now[1] - mine)) / ticks

    def _now(self) -> tuple[int, int, float]:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
        busy = sum(int(ticks) for place, ticks in enumerate(fields[:8]) if place not in (3, 4))  # not idle, not waiting
        return busy, sum(map(ticks, self._ours)), time.monotonic()


def ticks(pid: int) -> int:
    """User and system time of a process, in clock ticks."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(after_name[11]) + int(after_name[12])
