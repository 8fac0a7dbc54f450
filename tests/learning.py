"""Training data and collections made here, and a service of collections on loopback."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from PIL import Image

from pixwise.collections import Collection, Focus, Sample, Space, rows_of
from pixwise.samples import photo_like

LOOK = Space("look", "", "fp32", 12)
TINTS = {"yes": (90, -40, -40), "no": (-40, -40, 90)}


def cloud(count=80, seed=0, dimension=12, noise=0.5):
    """(count, dimension) vectors and their labels: the first number tells, nearly."""
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(count, dimension)).astype(np.float32)
    return vectors, (vectors[:, 0] + noise * random.normal(size=count) > 0).astype(int)


def sample_of(vectors, labels, spaces=(LOOK,), target="whole_image"):
    rows = rows_of([vectors], labels, range(len(labels)))
    models = tuple(space.model for space in spaces)
    return Sample(rows, Focus(target, models), spaces, models, "made here")


def hand_made(id="dogs", version="1", weights=None, spaces=(LOOK,), **changes):
    """A collection without training."""
    weights = np.eye(1, 12)[0] if weights is None else np.asarray(weights, float)
    facts = {
        "name": id, "trained": "2026-11-20T12:00:00+00:00", "focus": Focus("whole_image", ("look",)),
        "models": ("look",), "bias": 0.0, "data": {"rows": 9}, "seed": 0, "metrics": {"macro_precision": 0.5},
    }  # fmt: skip
    return Collection(id=id, version=version, weights=weights, spaces=spaces, **{**facts, **changes})


def draw_folder(folder: Path, count=8, tints=TINTS):
    """A sub-folder of small tinted pictures for each class."""
    for number, (label, tint) in enumerate(tints.items()):
        (folder / label).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            pixels = np.clip(photo_like(40, 50, 100 * number + i).astype(int) + tint, 0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / label / f"{i}.png")
    return folder


@dataclass
class Reply:
    """How the service answers one address.

    Attributes:
        body: bytes, or what is told as JSON.
        status: of the answer.
        headers: added to it.
        stall: seconds before it.
        trickle: seconds before each byte of the body.
        announce: Content-Length, where it is not that of the body; the connection ends after the body.
    """

    body: object = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    stall: float = 0.0
    trickle: float = 0.0
    announce: int = -1


class CollectionServer:
    """Answers addresses as told; a list of replies is given one by one, the last for ever. `log` has what was asked."""

    def __init__(self):
        self.replies: dict[str, Reply | list[Reply]] = {}
        self.log: list[str] = []
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                owner._answer(self)

            def log_message(self, *args):
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, request, client_address):
                pass  # the client hung up, as it should

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/api"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def say(self, path, body=b"", **how):
        self.replies["/api/" + path] = Reply(body, **how)

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def _answer(self, handler):
        self.log.append(handler.path)
        reply = self.replies.get(handler.path, Reply(b"no such page", 404))
        if isinstance(reply, list):
            reply = reply.pop(0) if len(reply) > 1 else reply[0]
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        time.sleep(reply.stall)
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(reply.announce if reply.announce >= 0 else len(body)))
        handler.end_headers()
        for start in range(0, len(body), 1 if reply.trickle else max(len(body), 1)):
            handler.wfile.write(body[start : start + 1] if reply.trickle else body)
            handler.wfile.flush()
            time.sleep(reply.trickle)
