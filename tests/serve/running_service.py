"""A service on a real socket, for tests: `with served(...) as place: httpx.post(f"{place.url}/v1/ocr", …)`."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import uvicorn

from pixwise.serve.app import create_app
from pixwise.serve.service import Service
from pixwise.serve.settings import load_settings
from pixwise.serve.wire import uvicorn_options


@dataclass(frozen=True)
class Place:
    """Where a service of a test listens, and the service itself."""

    url: str
    service: Service
    server: uvicorn.Server


@contextlib.contextmanager
def served(service: Service | None = None, parser: str = "auto", **settings: Any) -> Iterator[Place]:
    """A service in a thread of this process, on a free port of the loopback."""
    jobs = f"{tempfile.gettempdir()}/pixwise-jobs-{uuid.uuid4().hex}"  # made when a test gives a job, not before
    service = service or Service(load_settings(**{"log": "none", "concurrency": 8, "jobs_folder": jobs, **settings}))
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        create_app(service=service), log_level="critical", lifespan="on",
        **uvicorn_options(service.settings, parser),
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield Place(f"http://127.0.0.1:{listener.getsockname()[1]}", service, server)
    finally:
        server.should_exit = True
        thread.join(30)
        listener.close()
