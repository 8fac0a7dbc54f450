"""What is counted, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from pixwise.serve.batcher import Batch
from pixwise.serve.logs import Visit

__all__ = ["Meters"]


class Meters:
    """Counters of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._batches = Histogram(
            "pixwise_batch_rows",
            "Rows of a run of a model.",
            ["model"],
            registry=self.registry,
            buckets=(1, 2, 4, 8, 16, 32, 64),
        )
        self._model_s = Histogram("pixwise_model_seconds", "Time of a run of a model.", ["model"],
                                  registry=self.registry)  # fmt: skip
        self._requests = Counter("pixwise_requests", "Requests.", ["route", "status"], registry=self.registry)

    def batch(self, model: str, batch: Batch) -> None:
        """A run of a model."""
        self._batches.labels(model).observe(batch.rows)
        self._model_s.labels(model).observe(batch.ms / 1e3)

    def request(self, visit: Visit) -> None:
        """A request that was answered."""
        self._requests.labels(visit.route, str(visit.status)).inc()

    def text(self) -> bytes:
        """All of it in Prometheus' form."""
        return generate_latest(self.registry)
