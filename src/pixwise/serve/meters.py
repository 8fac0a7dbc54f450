"""What is counted, for Prometheus: of one process, or of all workers together.

Labels have few values: routes as they are described, models that are served, steps and kinds of problems that are ours.
Several workers share a folder of files (PROMETHEUS_MULTIPROC_DIR, which their parent sets before they start): whoever
is asked adds up all of them.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from pixwise import __version__
from pixwise.serve.batcher import Batch
from pixwise.serve.logs import Visit

__all__ = ["Meters", "Present"]

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_MOST_STEPS = 64  # names of steps; whatever comes after them is `other`


@dataclass(frozen=True)
class Present:
    """How a process fares now.

    Attributes:
        waiting: requests in the queue.
        working: requests that a thread is at work on.
        runs: runs of models that are waited for.
        models: that are loaded.
        model_bytes: of their files.
        ready: it can answer.
    """

    waiting: int = 0
    working: int = 0
    runs: int = 0
    models: int = 0
    model_bytes: int = 0
    ready: bool = False


class Meters:
    """Counters of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._steps_seen: set[str] = set()
        self._requests = self._counter("requests", "Requests that ended.", "route", "method", "status")
        self._seconds = self._histogram("request_seconds", "From the head of a request to its answer.", "route")
        self._steps = self._histogram("step_seconds", "What the steps of requests took.", "step")
        self._problems = self._counter("problems", "Requests that ended in a problem, by its kind.", "kind")
        self._bytes = self._counter("body_bytes", "Bytes of bodies.", "direction")
        self._rows = self._histogram("batch_rows", "Rows of a run of a model.", "model",
                                     buckets=(1, 2, 4, 8, 16, 32, 64))  # fmt: skip
        self._runs = self._histogram("model_seconds", "Time of a run of a model.", "model")
        self._loads = self._counter("model_loads", "Models that were loaded.", "model")
        self._load_s = self._counter("model_load_seconds", "Time that loading took, fetching too.", "model")
        self._queue = self._gauge("queue_depth", "What waits: requests for a thread, runs for a model.", "what")
        self._working = self._gauge("working", "Requests that a thread is at work on.")
        self._models = self._gauge("models_loaded", "Models that are loaded, of all workers.")
        self._model_bytes = self._gauge("model_bytes", "Bytes of the files of loaded models, of all workers.")
        self._memory = self._gauge("memory_bytes", "Resident memory, of all workers.")
        self._ready = self._gauge("ready", "Processes that can answer.")
        self._info = self._gauge("info", "1 for each process of that version.", "version")

    def _counter(self, name: str, told: str, *labels: str) -> Counter:
        return Counter(f"pixwise_{name}", told, labels, registry=self.registry)

    def _gauge(self, name: str, told: str, *labels: str) -> Gauge:
        return Gauge(f"pixwise_{name}", told, labels, registry=self.registry, multiprocess_mode="livesum")

    def _histogram(self, name: str, told: str, *labels: str, buckets: tuple[float, ...] = _SECONDS) -> Histogram:
        return Histogram(f"pixwise_{name}", told, labels, registry=self.registry, buckets=buckets)

    def batch(self, model: str, batch: Batch) -> None:
        """A run of a model."""
        self._rows.labels(model).observe(batch.rows)
        self._runs.labels(model).observe(batch.ms / 1e3)

    def load(self, model: str, seconds: float) -> None:
        """A model was loaded."""
        self._loads.labels(model).inc()
        self._load_s.labels(model).inc(seconds)

    def request(self, visit: Visit) -> None:
        """A request that has ended."""
        method = visit.method if visit.method in _METHODS else "other"
        self._requests.labels(visit.route, method, str(visit.status or 499)).inc()
        self._seconds.labels(visit.route).observe(visit.seconds)
        self._bytes.labels("in").inc(visit.bytes_in)
        self._bytes.labels("out").inc(visit.bytes_out)
        for step, ms in dict(visit.ask.steps_ms).items():
            self._steps.labels(self._known(step)).observe(max(0.0, ms / 1e3))
        if visit.ask.problem:
            self._problems.labels(visit.ask.problem).inc()

    def _known(self, step: str) -> str:
        if step not in self._steps_seen and len(self._steps_seen) >= _MOST_STEPS:
            return "other"
        self._steps_seen.add(step)
        return step

    def show(self, present: Present) -> None:
        """How this process fares now."""
        self._queue.labels("requests").set(present.waiting)
        self._queue.labels("runs").set(present.runs)
        self._working.set(present.working)
        self._models.set(present.models)
        self._model_bytes.set(present.model_bytes)
        self._memory.set(_resident_bytes())
        self._ready.set(float(present.ready))
        self._info.labels(__version__).set(1)

    def text(self) -> bytes:
        """All of it in Prometheus' form; of all workers where there are several."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self.registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        return generate_latest(registry)


def _resident_bytes(statm: Path = Path("/proc/self/statm")) -> int:
    """Memory of this process; the most that it ever had where the system tells no more."""
    try:
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return _highest_bytes()


def _highest_bytes() -> int:
    try:
        import resource
    except ImportError:  # Windows
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
