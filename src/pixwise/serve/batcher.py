"""The micro-batcher: runs of one model that several threads ask for at the same time become one.

    thread A ─ run(feeds) ─▶ ┐                      ┌▶ its rows
    thread B ─ run(feeds) ─▶ ├ lane: equal shapes ──┤▶ its rows       one of the waiting threads does it for all
    thread C ─ run(feeds) ─▶ ┘ joined, run once     └▶ its rows

It stands where a session stands, so that tasks know nothing of it: they decode, prepare and read the outputs in threads
of their own. Nobody waits when nobody else is on the way (`Traffic`); a batch that fails is halved until only the
culprit fails; who has gone or is too late is dropped before the model is asked. How, is in `lanes.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from pixwise.serve.lanes import Batch, Lane, Limits, Traffic
from pixwise.session import Session, Tensor

__all__ = ["Batch", "BatchingSession", "Limits", "Traffic"]

Feeds = Mapping[str, np.ndarray]


class BatchingSession:
    """A session whose runs are joined.

    Args:
        session: what runs.
        limits: of its batches.
        traffic: who is on the way.
        tell: is given each batch that was run.
    """

    def __init__(
        self,
        session: Session,
        limits: Limits,
        traffic: Traffic,
        tell: Callable[[Batch], None] = lambda batch: None,
    ):
        self.session, self.limits = session, limits
        self._traffic, self._tell = traffic, tell
        self._lanes: dict[str, Lane] = {}
        self._lock = threading.Lock()

    @property
    def device(self) -> str:
        return self.session.device

    @property
    def bytes(self) -> int:
        return self.session.bytes

    @property
    def files(self) -> Mapping[str, Path]:
        return self.session.files

    def inputs(self, part: str = "model") -> tuple[Tensor, ...]:
        return self.session.inputs(part)

    def of(self, part: str) -> BatchingSession:
        return self

    def run(self, feeds: Feeds, part: str = "model") -> dict[str, np.ndarray]:
        return self._lane(part).run(feeds)

    def _lane(self, part: str) -> Lane:
        with self._lock:
            if part not in self._lanes:
                self._lanes[part] = Lane(self.session, part, self.limits, self._traffic, self._tell)
            return self._lanes[part]

    def waiting(self) -> tuple[int, float]:
        """How many runs are waited for, and for how many seconds the first has waited."""
        with self._lock:
            lanes = list(self._lanes.values())
        return sum(lane.depth for lane in lanes), max((lane.oldest_s for lane in lanes), default=0.0)
