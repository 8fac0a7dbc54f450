"""A client of the service, with the names and the answers of the library.

    client = Client("http://vision.example:8000")
    client.detect("street.jpg", min_score=0.5)  ─▶ HTTP ─▶ Detections, or the error that the library would raise

`AsyncClient` has the same methods to await. Both need httpx alone, not the service's packages.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import quote

import httpx
import numpy as np
from PIL import Image

from pixwise.ask import named
from pixwise.errors import PixwiseError
from pixwise.serve.asking import Busy
from pixwise.serve.client_answers import (
    analyses_from,
    bytes_of,
    checked,
    data_from,
    frames_of,
    image_from,
    job_from,
    plain,
    result_from,
    tasks_as_json,
    unreached,
    vectors_from,
)
from pixwise.task import check_on_error
from pixwise.task_table import TASKS, task_class

__all__ = ["AsyncClient", "Client"]

Tasks = Sequence[str | Mapping[str, Any]] | str | None
_TRIES = 4  # of a request that is refused because the service is busy
_AT_ONCE = 8  # of a list
_LONGEST_WAIT_S = 10.0


@dataclass(frozen=True)
class _Call:
    """A request to be made, and what its answer is read by."""

    method: str
    path: str
    read: Callable[[httpx.Response], Any]
    sent: Mapping[str, Any] = field(default_factory=dict)


class _Doors:
    """What both clients share: how questions become requests, and answers results."""

    def _asked(self, task: str, source: Any, args: tuple[Any, ...], options: dict[str, Any], media: str) -> _Call:
        """The request for one picture."""
        options = named(task, task_class(task), args, options)
        model = options.pop("model", "")
        reading = result_from if media == "application/json" else image_from
        source = frames_of(source) if task_class(task).of_clips else source
        sent = _sent(source, {name: plain(value) for name, value in options.items()}, model)
        return _Call("POST", f"/v1/{task}", reading, {**sent, "headers": {"Accept": media}})

    def _analyzed(self, sources: Sequence[Any], tasks: Any) -> _Call:
        return _Call("POST", "/v1/analyze", analyses_from, _sent_many(sources, tasks))

    def _submitted(self, sources: Sequence[Any], tasks: Any) -> _Call:
        return _Call("POST", "/v1/jobs", job_from, _sent_many(sources, tasks))

    def _job(self, id: str, first: int) -> _Call:
        return _Call("GET", f"/v1/jobs/{quote(id, safe='')}", job_from, {"params": {"first": first}})

    def _cancelled(self, id: str) -> _Call:
        return _Call("DELETE", f"/v1/jobs/{quote(id, safe='')}", job_from)

    def _embedded(self, texts: Sequence[str], model: str) -> _Call:
        told = {"input": list(texts), "encoding_format": "float", **({"model": model} if model else {})}
        return _Call("POST", "/v1/embeddings", vectors_from, {"json": told})


class Client(_Doors):
    """Asks a service; safe to share between threads.

    Every task is a method that takes what the library's function of the same name takes: a picture or a list of
    pictures (paths, bytes, open files, Pillow images, arrays, http(s) addresses where the service fetches them), its
    options, `model`, and for lists `on_error`.

    Args:
        url: of the service; empty takes PIXWISE_URL, else port 8000 of this machine.
        key: API key; empty where none is needed.
        timeout_s: for one request.
        transport: how requests travel; for tests.
    """

    def __init__(
        self,
        url: str = "",
        *,
        key: str = "",
        timeout_s: float = 120.0,
        transport: httpx.BaseTransport | None = None,
    ):
        self._http = httpx.Client(base_url=_address(url), headers=_headers(key), timeout=timeout_s, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def draw(self, task: str, source: Any, *args: Any, **options: Any) -> Image.Image:
        """The picture with the answer drawn into it, or the picture that the answer is (a cut-out)."""
        return self._do(self._asked(task, source, args, options, "image/png"))

    def analyze(self, source: Any, tasks: Tasks = None, *, on_error: str = "raise") -> Any:
        """Many questions about a picture, or about each of a list; a task is a name, or a table with its options.

        Returns:
            `Analysis`, or a list of them for a list.
        """
        check_on_error(on_error)
        many = isinstance(source, list | tuple)
        answers = _in_place(self._do(self._analyzed(source if many else [source], tasks)), on_error)
        return answers if many else answers[0]

    def submit(self, sources: Sequence[Any], tasks: Tasks = None) -> dict[str, Any]:
        """Give a job: `analyze` in the background. `id` is what the next two take."""
        return self._do(self._submitted(sources, tasks))

    def job(self, id: str, first: int = 0) -> dict[str, Any]:
        """How far a job is: `status`, `done` of `pictures`; `answers` from picture `first` on, by their numbers."""
        return self._do(self._job(id, first))

    def cancel(self, id: str) -> dict[str, Any]:
        """Cancel a job; one that has ended is forgotten with its answers."""
        return self._do(self._cancelled(id))

    def embed_text(self, texts: Sequence[str], model: str = "") -> np.ndarray:
        """(N, D) float32, a vector of length 1 per text."""
        return self._do(self._embedded(texts, model))

    def models(self) -> list[dict[str, Any]]:
        """The models that may be asked for, and which are loaded."""
        return self._do(_Call("GET", "/v1/models", data_from))

    def is_ready(self) -> bool:
        """Whether the service can answer now."""
        try:
            return self._http.get("/readyz").status_code == 200
        except httpx.HTTPError:
            return False

    def _do(self, call: _Call) -> Any:
        for left in reversed(range(_TRIES)):
            try:
                answer = self._http.request(call.method, call.path, **call.sent)
                return call.read(checked(answer))
            except Busy as error:
                if not left:
                    raise
                time.sleep(min(error.retry_after_s, _LONGEST_WAIT_S))
            except httpx.HTTPError as error:
                raise unreached(self._http.base_url, error) from error
        return None

    def _many(self, calls: Iterable[Callable[[], _Call]], on_error: str) -> list[Any]:
        def one(call: Callable[[], _Call]) -> Any:
            try:
                return self._do(call())
            except PixwiseError as error:
                return error

        with ThreadPoolExecutor(_AT_ONCE) as threads:
            return _in_place(list(threads.map(one, calls)), on_error)


class AsyncClient(_Doors):
    """As `Client`, with methods to await."""

    def __init__(
        self,
        url: str = "",
        *,
        key: str = "",
        timeout_s: float = 120.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ):
        self._http = httpx.AsyncClient(
            base_url=_address(url), headers=_headers(key), timeout=timeout_s, transport=transport
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def draw(self, task: str, source: Any, *args: Any, **options: Any) -> Image.Image:
        """The picture with the answer drawn into it, or the picture that the answer is (a cut-out)."""
        return await self._do(self._asked(task, source, args, options, "image/png"))

    async def analyze(self, source: Any, tasks: Tasks = None, *, on_error: str = "raise") -> Any:
        """Many questions about a picture, or about each of a list; a task is a name, or a table with its options.

        Returns:
            `Analysis`, or a list of them for a list.
        """
        check_on_error(on_error)
        many = isinstance(source, list | tuple)
        answers = _in_place(await self._do(self._analyzed(source if many else [source], tasks)), on_error)
        return answers if many else answers[0]

    async def submit(self, sources: Sequence[Any], tasks: Tasks = None) -> dict[str, Any]:
        """Give a job: `analyze` in the background. `id` is what the next two take."""
        return await self._do(self._submitted(sources, tasks))

    async def job(self, id: str, first: int = 0) -> dict[str, Any]:
        """How far a job is: `status`, `done` of `pictures`; `answers` from picture `first` on, by their numbers."""
        return await self._do(self._job(id, first))

    async def cancel(self, id: str) -> dict[str, Any]:
        """Cancel a job; one that has ended is forgotten with its answers."""
        return await self._do(self._cancelled(id))

    async def embed_text(self, texts: Sequence[str], model: str = "") -> np.ndarray:
        """(N, D) float32, a vector of length 1 per text."""
        return await self._do(self._embedded(texts, model))

    async def models(self) -> list[dict[str, Any]]:
        """The models that may be asked for, and which are loaded."""
        return await self._do(_Call("GET", "/v1/models", data_from))

    async def is_ready(self) -> bool:
        """Whether the service can answer now."""
        try:
            return (await self._http.get("/readyz")).status_code == 200
        except httpx.HTTPError:
            return False

    async def _do(self, call: _Call) -> Any:
        for left in reversed(range(_TRIES)):
            try:
                answer = await self._http.request(call.method, call.path, **call.sent)
                return call.read(checked(answer))
            except Busy as error:
                if not left:
                    raise
                await asyncio.sleep(min(error.retry_after_s, _LONGEST_WAIT_S))
            except httpx.HTTPError as error:
                raise unreached(self._http.base_url, error) from error
        return None

    async def _many(self, calls: Iterable[Callable[[], _Call]], on_error: str) -> list[Any]:
        turns = asyncio.Semaphore(_AT_ONCE)

        async def one(call: Callable[[], _Call]) -> Any:
            async with turns:
                try:
                    return await self._do(call())
                except PixwiseError as error:
                    return error

        return _in_place(await asyncio.gather(*map(one, calls)), on_error)


def _method(task: str) -> Callable[..., Any]:
    """The method of a task; of an `AsyncClient` it gives what is to be awaited."""

    def ask(self: Any, source: Any, *args: Any, on_error: str = "raise", **options: Any) -> Any:
        check_on_error(on_error)
        one = lambda picture: lambda: self._asked(task, picture, args, dict(options), "application/json")  # noqa: E731
        if task_class(task).is_many(source):
            return self._many(map(one, source), on_error)
        return self._do(one(source)())

    ask.__name__ = ask.__qualname__ = task
    ask.__doc__ = f"{TASKS[task].help} Arguments as those of `pixwise.{task}`."
    return ask


for _task in TASKS:
    setattr(_Doors, _task, _method(_task))


def _address(url: str) -> str:
    return url or os.environ.get("PIXWISE_URL", "") or "http://127.0.0.1:8000"


def _headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"} if key else {}


def _sent_many(sources: Sequence[Any], tasks: Any) -> dict[str, Any]:
    """Several pictures and the questions about them, as a form."""
    told = tasks_as_json(tasks)
    return {"files": [("file", bytes_of(source)) for source in sources], "data": {"tasks": told} if told else {}}


def _sent(source: Any, options: dict[str, Any], model: str) -> dict[str, Any]:
    """A question as a form; an address travels as JSON, and the service decides whether it fetches it."""
    named = {"model": model} if model else {}
    if isinstance(source, str) and source.lower().startswith(("http://", "https://")):
        return {"json": {"image": {"url": source}, "options": options, **named}}
    several = source if isinstance(source, list) else [source]
    files = [("file", bytes_of(each)) for each in several]
    return {"files": files, "data": {"options": json.dumps(options), **named}}


def _in_place(answers: list[Any], on_error: str) -> list[Any]:
    """Answers in order, errors in their places; or the first of these is raised."""
    for answer in answers:
        if isinstance(answer, Exception) and on_error == "raise":
            raise answer
    return answers
