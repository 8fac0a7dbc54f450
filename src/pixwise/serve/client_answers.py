"""What the client sends and reads back: pictures as bytes, options as JSON, answers as the library's types."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import numpy as np
from PIL import Image

from pixwise.analysis import Analysis, Outcome
from pixwise.clip import frames_in
from pixwise.errors import FetchError, OptionError, PixwiseError
from pixwise.picture import Picture
from pixwise.reading.sources import Limits, read
from pixwise.results import ImageInfo, Result, result_from_dict
from pixwise.serve.asking import Busy
from pixwise.serve.kinds import TYPE, error_of_kind

__all__ = [
    "analyses_from", "analysis_from", "bytes_of", "checked", "data_from", "error_from", "frames_of", "image_from",
    "job_from", "json_from", "plain", "result_from", "tasks_as_json", "unreached", "vectors_from",
]  # fmt: skip


def bytes_of(source: Any) -> tuple[str, bytes]:
    """The name and the bytes of a picture; pixels from memory become a PNG."""
    if isinstance(source, np.ndarray | Image.Image):
        kept = io.BytesIO()
        Picture.open(source).image().save(kept, "PNG", compress_level=1)
        return "<array>" if isinstance(source, np.ndarray) else "<image>", kept.getvalue()
    name, data = read(source, Limits())
    return name.replace("\\", "/").rsplit("/", 1)[-1], data


def frames_of(source: Any) -> Any:
    """Of a clip that is made of several pictures, the list of these; one file as it is."""
    if isinstance(source, str | os.PathLike) and os.path.isdir(source):
        return frames_in(os.fsdecode(os.fspath(source)))
    if isinstance(source, list | tuple) or (isinstance(source, np.ndarray) and source.ndim == 4):
        return list(source)
    return source


def plain(value: Any) -> Any:
    """An option as JSON has it.

    Raises:
        OptionError: it is an object that only this machine knows.
    """
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if value is not None and not isinstance(value, str | int | float | bool):
        raise OptionError(
            f"option must be a number, a text or a list to travel, got {type(value).__name__}; "
            "give the name that the service knows it by"
        )
    return value


def tasks_as_json(tasks: Sequence[str | Mapping[str, Any]] | str | None) -> str:
    """Questions for `analyze`: names, or `{"task": …, "model": …, "options": {…}}`; empty for the usual ones."""
    if tasks is None:
        return ""
    return json.dumps([tasks] if isinstance(tasks, str) else list(tasks))


def checked(answer: httpx.Response) -> httpx.Response:
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
    raise error_from({"detail": detail, **told})


def error_from(problem: Mapping[str, Any]) -> PixwiseError:
    """The library's error that a problem is."""
    return error_of_kind(str(problem.get("type", "")).removeprefix(TYPE))(str(problem.get("detail", "")))


def _seconds(told: str) -> float:
    return float(told) if told.isdecimal() else 1.0


def unreached(url: httpx.URL, error: httpx.HTTPError) -> FetchError:
    """What a service that cannot be reached is told as."""
    said = str(error) or type(error).__name__
    return FetchError(f"{url}: expected a service that answers, got {said}; start it: pixwise serve")


def result_from(answer: httpx.Response) -> Result:
    """An answer of a task."""
    return result_from_dict(answer.json())


def image_from(answer: httpx.Response) -> Image.Image:
    """A picture."""
    image = Image.open(io.BytesIO(answer.content))
    image.load()
    return image


def json_from(answer: httpx.Response) -> Any:
    """JSON as it is."""
    return answer.json()


def data_from(answer: httpx.Response) -> Any:
    """The list under `data`."""
    return answer.json()["data"]


def vectors_from(answer: httpx.Response) -> np.ndarray:
    """(N, D) float32 of an answer in OpenAI's form."""
    rows = sorted(data_from(answer), key=lambda row: row["index"])
    return np.array([row["embedding"] for row in rows], np.float32)


def analyses_from(answer: httpx.Response) -> list[Any]:
    """An analysis per picture, or its error in its place."""
    return [analysis_from(told) for told in answer.json()["answers"]]


def analysis_from(told: Mapping[str, Any]) -> Analysis | PixwiseError:
    """One picture's analysis, or the error that stands in its place."""
    if told["status"] != "ok":
        return error_from(told["problem"])
    image, results = told["analysis"]["image"], told["analysis"]["results"]
    outcomes = {task: _outcome(outcome, image) for task, outcome in results.items()}
    return Analysis(image=ImageInfo(**image), results=outcomes)


def _outcome(told: Mapping[str, Any], image: Mapping[str, Any]) -> Outcome:
    """An outcome's answer lies beside its status, without the picture, which is told once."""
    result = result_from_dict({**told, "image": image}) if "schema" in told else None
    return Outcome(status=told["status"], result=result, message=told["message"])


def job_from(answer: httpx.Response) -> dict[str, Any]:
    """A job; its answers are analyses, or errors in their places, by the number of their picture."""
    told = answer.json()
    if "answers" in told:
        told["answers"] = {each["index"]: analysis_from(each) for each in told["answers"]}
    return told
