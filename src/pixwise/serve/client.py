"""A client of the service, with the names and the answers of the library.

    client = Client("http://vision.example:8000")
    client.detect("street.jpg", min_score=0.5)  ─▶ HTTP ─▶ Detections, or the error that the library would raise

`AsyncClient` has the same methods to await. Both need httpx alone, not the service's packages.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Self

import httpx
import numpy as np
from PIL import Image

from pixwise.ask import named
from pixwise.errors import FetchError, OptionError, PixwiseError
from pixwise.picture import Picture
from pixwise.results import Result, result_from_dict
from pixwise.serve.asking import Busy
from pixwise.serve.kinds import TYPE, error_of_kind
from pixwise.sources import Limits, read
from pixwise.task import check_on_error
from pixwise.task_table import TASKS, task_class

__all__ = ["AsyncClient", "Client"]

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
        reading = _result if media == "application/json" else _image
        sent = _sent(source, {name: _plain(value) for name, value in options.items()}, model)
        return _Call("POST", f"/v1/{task}", reading, {**sent, "headers": {"Accept": media}})

    def _analyzed(self, source: Any, tasks: Sequence[str] | None) -> _Call:
        name, data = _bytes_of(source)
        form = {"tasks": json.dumps([{"task": task} for task in tasks])} if tasks is not None else {}
        return _Call("POST", "/v1/analyze", _analysis, {"files": {"file": (name, data)}, "data": form})

    def _embedded(self, texts: Sequence[str], model: str) -> _Call:
        told = {"input": list(texts), "encoding_format": "float", **({"model": model} if model else {})}
        return _Call("POST", "/v1/embeddings", _vectors, {"json": told})


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

    def analyze(self, source: Any, tasks: Sequence[str] | None = None) -> dict[str, Any]:
        """Many questions about one picture; the JSON of `pixwise analyze --json`."""
        return self._do(self._analyzed(source, tasks))

    def embed_text(self, texts: Sequence[str], model: str = "") -> np.ndarray:
        """(N, D) float32, a vector of length 1 per text."""
        return self._do(self._embedded(texts, model))

    def models(self) -> list[dict[str, Any]]:
        """The models that may be asked for, and which are loaded."""
        return self._do(_Call("GET", "/v1/models", _data))

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
                return call.read(_checked(answer))
            except Busy as error:
                if not left:
                    raise
                time.sleep(min(error.retry_after_s, _LONGEST_WAIT_S))
            except httpx.HTTPError as error:
                raise _unreached(self._http.base_url, error) from error
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

    async def analyze(self, source: Any, tasks: Sequence[str] | None = None) -> dict[str, Any]:
        """Many questions about one picture; the JSON of `pixwise analyze --json`."""
        return await self._do(self._analyzed(source, tasks))

    async def embed_text(self, texts: Sequence[str], model: str = "") -> np.ndarray:
        """(N, D) float32, a vector of length 1 per text."""
        return await self._do(self._embedded(texts, model))

    async def models(self) -> list[dict[str, Any]]:
        """The models that may be asked for, and which are loaded."""
        return await self._do(_Call("GET", "/v1/models", _data))

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
                return call.read(_checked(answer))
            except Busy as error:
                if not left:
                    raise
                await asyncio.sleep(min(error.retry_after_s, _LONGEST_WAIT_S))
            except httpx.HTTPError as error:
                raise _unreached(self._http.base_url, error) from error
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
        if isinstance(source, list | tuple):
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


def _sent(source: Any, options: dict[str, Any], model: str) -> dict[str, Any]:
    """A question as a form; an address travels as JSON, and the service decides whether it fetches it."""
    named = {"model": model} if model else {}
    if isinstance(source, str) and source.lower().startswith(("http://", "https://")):
        return {"json": {"image": {"url": source}, "options": options, **named}}
    name, data = _bytes_of(source)
    return {"files": {"file": (name, data)}, "data": {"options": json.dumps(options), **named}}


def _bytes_of(source: Any) -> tuple[str, bytes]:
    """The bytes of a picture and its name; pixels from memory become a PNG."""
    if isinstance(source, np.ndarray | Image.Image):
        kept = io.BytesIO()
        Picture.open(source).image().save(kept, "PNG", compress_level=1)
        return "<array>" if isinstance(source, np.ndarray) else "<image>", kept.getvalue()
    name, data = read(source, Limits())
    return name.replace("\\", "/").rsplit("/", 1)[-1], data


def _plain(value: Any) -> Any:
    """An option as JSON has it."""
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if value is not None and not isinstance(value, str | int | float | bool):
        raise OptionError(
            f"option must be a number, a text or a list to travel, got {type(value).__name__}; "
            "give the name that the service knows it by"
        )
    return value


def _checked(answer: httpx.Response) -> httpx.Response:
    """The answer, or the error that it tells."""
    if answer.is_success:
        return answer
    try:
        told = answer.json()
    except ValueError:
        told = {}
    told = told if isinstance(told, dict) else {}
    detail = str(told.get("detail") or f"{answer.status_code} {answer.reason_phrase}")
    if answer.status_code == 429 or (answer.status_code == 503 and "Retry-After" in answer.headers):
        raise Busy(detail, retry_after_s=_seconds(answer.headers.get("Retry-After", "")))
    raise error_of_kind(str(told.get("type", "")).removeprefix(TYPE))(detail)


def _seconds(told: str) -> float:
    return float(told) if told.isdecimal() else 1.0


def _unreached(url: httpx.URL, error: httpx.HTTPError) -> FetchError:
    said = str(error) or type(error).__name__
    return FetchError(f"{url}: expected a service that answers, got {said}; start it: pixwise serve")


def _result(answer: httpx.Response) -> Result:
    return result_from_dict(answer.json())


def _image(answer: httpx.Response) -> Image.Image:
    image = Image.open(io.BytesIO(answer.content))
    image.load()
    return image


def _analysis(answer: httpx.Response) -> dict[str, Any]:
    """The one that was asked for, or its problem as an error."""
    [one] = answer.json()["answers"]
    if one["status"] == "error":
        raise error_of_kind(one["problem"]["type"].removeprefix(TYPE))(one["problem"]["detail"])
    return one["analysis"]


def _data(answer: httpx.Response) -> Any:
    return answer.json()["data"]


def _vectors(answer: httpx.Response) -> np.ndarray:
    rows = sorted(answer.json()["data"], key=lambda row: row["index"])
    return np.array([row["embedding"] for row in rows], np.float32)  # (N, D)


def _in_place(answers: list[Any], on_error: str) -> list[Any]:
    """Answers in order, errors in their places; or the first of these is raised."""
    for answer in answers:
        if isinstance(answer, Exception) and on_error == "raise":
            raise answer
    return answers
