"""Clients that ask without a pause until they are refused, and tell what became of each request."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field

import httpx

KEPT, FRESH = True, False  # one connection for all requests, or one for each


@dataclass
class Asked:
    """One request: its id, the client that asked, when, and what came of it (a status, `refused` or an error)."""

    id: str
    client: int
    at: float
    outcome: int | str


@dataclass
class Clients:
    """Half of them keep their connections; some pause between two requests."""

    url: str
    picture: bytes
    count: int
    asked: list[Asked] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Clients:
        for number in range(self.count):
            thread = threading.Thread(target=self._ask_on, args=(number, number % 2 == 0), daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        self.join(stop=kind is not None)

    def join(self, stop: bool = False) -> Counter:
        """Wait until all are refused, or stop them; how often each outcome came."""
        if stop:
            self._over.set()
        for thread in self._threads:
            thread.join(35)
        return Counter(each.outcome for each in self.asked)

    def _ask_on(self, number: int, kept: bool) -> None:
        client = httpx.Client(base_url=self.url, timeout=30)
        while not self._over.is_set():
            if not kept:
                client.close()
                client = httpx.Client(base_url=self.url, timeout=30)
            outcome = self._ask(client, number)
            if outcome == "refused":
                break
            time.sleep(random.choice((0.0, 0.0, 0.02, 0.3)))
        client.close()

    def _ask(self, client: httpx.Client, number: int) -> int | str:
        asked = Asked(uuid.uuid4().hex, number, time.monotonic(), "")
        headers = {"Content-Type": "image/png", "X-Request-ID": asked.id}
        try:
            asked.outcome = client.post("/v1/quality", content=self.picture, headers=headers).status_code
        except httpx.ConnectError:
            asked.outcome = "refused"
        except httpx.HTTPError as error:
            asked.outcome = repr(error)
        self.asked.append(asked)
        return asked.outcome
