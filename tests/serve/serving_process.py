"""`pixwise serve` in a process of its own: `with serving("--workers", "2") as serving: httpx.get(serving.url)`."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx


@dataclass
class Serving:
    """A running service: its address, its process, and what it wrote so far."""

    url: str
    process: subprocess.Popen
    wrote: list[str] = field(default_factory=list)
    reader: threading.Thread | None = None

    def lines(self) -> list[dict]:
        """The lines of the log."""
        return [json.loads(line) for line in list(self.wrote) if line.startswith("{")]

    def until_ready(self, seconds: float = 30.0) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                    return
            time.sleep(0.05)
        raise AssertionError(f"not ready after {seconds} s: {self.wrote}")

    def stop(self, number: int, seconds: float = 30.0) -> int:
        """Send a signal; returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(seconds)


@contextlib.contextmanager
def serving(*words: str, ready: bool = True, built_in: bool = True, **environment: str) -> Iterator[Serving]:
    """Start it on a free port; it is killed at the end where it has not ended by itself."""
    models = ["--built-in"] if built_in else []
    command = [sys.executable, "-m", "pixwise", "serve", *models, "--port", "0", *words]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment})
    place = Serving("", process)
    try:
        for line in process.stderr:
            place.wrote.append(line)
            found = re.search(r"listens on (http://\S+?),?( |$)", line)
            if found:
                place.url = found[1]
                break
        read = lambda: place.wrote.extend(iter(process.stderr.readline, ""))  # noqa: E731
        place.reader = threading.Thread(target=read, daemon=True)
        place.reader.start()
        if ready:
            place.until_ready()
        yield place
    finally:
        process.kill()
        process.wait()
        if place.reader:
            place.reader.join(10)  # a worker that outlives its parent keeps it open
        process.stderr.close()
