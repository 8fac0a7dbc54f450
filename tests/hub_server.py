"""A small Hugging Face hub on loopback, with faults to order.

    with HubServer() as hub:
        hub.add("owner/name", {"config.json": b"{}", "onnx/model.onnx": b"..."}, large={"onnx/model.onnx"})
        hub.faults.append(Fault("cdn", status=429, headers={"Retry-After": "1"}))

HEAD and GET /{repo}/resolve/{revision}/{path} with ETag, X-Repo-Commit, X-Linked-ETag and X-Linked-Size; large files
redirect to a path of the "CDN" (another port, so another host), small ones to /api/resolve-cache on the same host;
Range; /api/models/{repo}/revision/{revision}; /plain/{name} for files that are in no repository.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, unquote, urlsplit

import pytest

from pixwise.pixels import Recipe
from pixwise.registry import Card, CardFile

MODEL, DATA, CONFIG = os.urandom(300_000), os.urandom(40_000), b'{"a": 1}'
FILES = {"onnx/model.onnx": MODEL, "onnx/model.onnx_data": DATA, "config.json": CONFIG}


@dataclass
class Fault:
    """What goes wrong, for requests whose address contains `where`.

    Attributes:
        where: part of `METHOD address`.
        times: how often; -1 is always.
        status: answer with it instead.
        headers: added to the answer, of whatever status.
        cut: close the connection after so many bytes of the body.
        hold: send so many bytes of the body and then nothing for a minute.
        flip: change the byte at this place.
        trickle: send one byte each so many seconds.
        stall: wait so many seconds before the answer.
    """

    where: str
    times: int = 1
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    cut: int = -1
    hold: int = -1
    flip: int = -1
    trickle: float = 0.0
    stall: float = 0.0


@dataclass
class Repo:
    commit: str
    files: dict[str, bytes]
    large: set[str]
    licence: str = "apache-2.0"


class HubServer:
    """Serves repositories from memory; `log` holds `(method, address, headers)` of every request."""

    def __init__(self, ignores_range: bool = False):
        self.repos: dict[str, Repo] = {}
        self.plain: dict[str, bytes] = {}
        self.faults: list[Fault] = []
        self.log: list[tuple[str, str, dict[str, str]]] = []
        self.ignores_range = ignores_range
        self.token = ""
        self._lock = threading.Lock()
        self._hub, self._cdn = self._listen(), self._listen()
        self.url = f"http://127.0.0.1:{self._hub.server_port}"
        self.cdn_url = f"http://127.0.0.1:{self._cdn.server_port}"

    def add(
        self, name: str, files: dict[str, bytes], large: set[str] | None = None, licence: str = "apache-2.0"
    ) -> str:
        """Publish a repository, or its next commit.

        Returns:
            The commit.
        """
        content = b"".join(path.encode() + files[path] for path in sorted(files))
        commit = hashlib.sha1(name.encode() + content).hexdigest()
        self.repos[name] = Repo(commit, files, large or {path for path in files if ".onnx" in path}, licence)
        return commit

    def asked(self, words: str) -> list[dict[str, str]]:
        """Headers of the requests whose `METHOD address` contains the words."""
        return [headers for method, address, headers in self.log if words in f"{method} {address}"]

    def fault(self, method: str, address: str) -> Fault:
        with self._lock:
            for fault in self.faults:
                if fault.times and fault.where in f"{method} {address}":
                    fault.times -= 1
                    return fault
        return Fault("")

    def _listen(self) -> ThreadingHTTPServer:
        handler = type("Bound", (_Handler,), {"hub": self})
        server = _Server(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return server

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for server in (self._hub, self._cdn):
            server.shutdown()
            server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64  # with five, the sixth of many threads at once waits a second


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, *args: object) -> None:
        pass

    def _answer(self) -> None:
        self.hub.log.append((self.command, self.path, dict(self.headers)))
        fault = self.hub.fault(self.command, self.path)
        time.sleep(fault.stall)
        if fault.status:
            return self._send(fault.status, b"", fault.headers, fault)
        path = unquote(urlsplit(self.path).path).strip("/")
        if path.startswith("plain/") and path[6:] in self.hub.plain:
            return self._file(self.hub.plain[path[6:]], {}, fault)
        if path.startswith("cdn/"):
            return self._cdn(path, fault)
        if path.startswith("api/resolve-cache/models/"):
            return self._small(path, fault)
        if path.startswith("api/models/"):
            return self._describe(path, fault)
        if "/resolve/" in path:
            return self._resolve(path, fault)
        return self._send(404, b"", {"X-Error-Code": "EntryNotFound"}, fault)

    def _repo(self, name: str, revision: str) -> Repo | None:
        repo = self.hub.repos.get(name)
        if repo is None or (self.hub.token and self.headers.get("Authorization") != f"Bearer {self.hub.token}"):
            self._send(401, b"", {"X-Error-Code": "GatedRepo" if repo else "RepoNotFound"}, Fault(""))
            return None
        if revision not in ("main", repo.commit):
            self._send(404, b"", {"X-Error-Code": "RevisionNotFound"}, Fault(""))
            return None
        return repo

    def _resolve(self, path: str, fault: Fault) -> None:
        name, rest = path.split("/resolve/", 1)
        revision, file = rest.split("/", 1)
        repo = self._repo(name, revision)
        if repo is None:
            return
        headers = {"X-Repo-Commit": repo.commit} | fault.headers
        if file not in repo.files:
            return self._send(404, b"", headers | {"X-Error-Code": "EntryNotFound"}, fault)
        data = repo.files[file]
        if file not in repo.large:
            where = f"/api/resolve-cache/models/{name}/{repo.commit}/{quote(file)}"
            return self._send(307, b"", headers | {"Location": where}, fault)
        sha256 = hashlib.sha256(data).hexdigest()
        linked = {"X-Linked-ETag": f'"{sha256}"', "X-Linked-Size": str(len(data))}
        where = f"{self.hub.cdn_url}/cdn/{name}/{file}?signature=secret"
        self._send(302, b"", linked | {"Location": where} | headers, fault)

    def _small(self, path: str, fault: Fault) -> None:
        owner, name, commit, file = path.removeprefix("api/resolve-cache/models/").split("/", 3)
        data = self.hub.repos[f"{owner}/{name}"].files[file]
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        self._file(data, {"ETag": f'"{blob}"', "X-Repo-Commit": commit}, fault)

    def _cdn(self, path: str, fault: Fault) -> None:
        owner, name, file = path.removeprefix("cdn/").split("/", 2)
        data = self.hub.repos[f"{owner}/{name}"].files[file]
        self._file(data, {"ETag": f'"{hashlib.md5(data).hexdigest()}"'}, fault)

    def _describe(self, path: str, fault: Fault) -> None:
        name, revision = path.removeprefix("api/models/").split("/revision/")
        repo = self._repo(name, revision)
        if repo is None:
            return
        siblings = []
        for file, data in repo.files.items():
            lfs = {"lfs": {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}} if file in repo.large else {}
            siblings.append({"rfilename": file, "size": len(data), **lfs})
        told = {"id": name, "sha": repo.commit, "siblings": siblings, "cardData": {"license": repo.licence}}
        self._send(200, json.dumps(told).encode(), {"Content-Type": "application/json"}, fault)

    def _file(self, data: bytes, headers: dict[str, str], fault: Fault) -> None:
        if 0 <= fault.flip < len(data):
            data = data[: fault.flip] + bytes([data[fault.flip] ^ 1]) + data[fault.flip + 1 :]
        headers = {"Accept-Ranges": "bytes"} | headers
        asked = self.headers.get("Range", "")
        if not asked or self.hub.ignores_range:
            return self._send(200, data, headers, fault)
        start = int(asked.removeprefix("bytes=").removesuffix("-"))
        if start >= len(data):
            return self._send(416, b"", {"Content-Range": f"bytes */{len(data)}"}, fault)
        span = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
        self._send(206, data[start:], headers | span, fault)

    def _send(self, status: int, body: bytes, headers: dict[str, str], fault: Fault) -> None:
        self.send_response(status)
        for name, text in ({"Content-Length": str(len(body))} | headers | fault.headers).items():
            self.send_header(name, text)
        self.end_headers()
        if self.command == "HEAD":
            return
        try:
            self._write(body, fault)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _write(self, body: bytes, fault: Fault) -> None:
        if fault.trickle:
            for place in range(len(body)):
                self.wfile.write(body[place : place + 1])
                time.sleep(fault.trickle)
        elif fault.hold >= 0:
            self.wfile.write(body[: fault.hold])
            time.sleep(60)
        elif fault.cut >= 0:
            self.wfile.write(body[: fault.cut])
            self.close_connection = True
        else:
            self.wfile.write(body)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A hub, and a machine that has nothing yet; a patience of 2 s, so that a busy machine is no fault."""
    with HubServer() as server:
        server.add("owner/name", FILES)
        for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN", "HF_HUB_OFFLINE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        monkeypatch.setenv("PIXWISE_HOME", str(tmp_path / "px"))
        monkeypatch.setenv("PIXWISE_FETCH_TIMEOUT", "2")
        yield server


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any socket is an error from now on."""

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def repo_card(hub: HubServer, known: bool = True, **keys: Any) -> Card:
    """The card of owner/name; with revision, sizes and hashes where they are known."""
    files = tuple(
        CardFile(path, "model" if path.endswith(".onnx") else "", len(data) * known, sha(data) * known)
        for path, data in FILES.items()
    )
    revision = hub.repos["owner/name"].commit if known else ""
    keys = {"id": "tiny", "task": "detect", "repo": "owner/name", "revision": revision, "files": files} | keys
    return Card(recipe=Recipe(resize="none"), **keys)


def url_card(hub: HubServer, data: bytes = MODEL, known: bool = True) -> Card:
    """The card of one file at a plain address."""
    hub.plain["model.onnx"] = data
    file = CardFile("model.onnx", "model", len(data) * known, sha(data) * known, f"{hub.url}/plain/model.onnx")
    return Card(id="plain", task="detect", recipe=Recipe(resize="none"), files=(file,))
