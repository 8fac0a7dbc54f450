"""The client: the library's names, answers and errors, over real sockets."""

import asyncio
import io
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from running_service import served

import pixwise as px
from pixwise.errors import (
    FetchError,
    ModelMissingError,
    OptionError,
    PictureError,
    PixwiseError,
    SourceError,
    UnknownModelError,
)
from pixwise.serve.asking import Busy
from pixwise.serve.client import AsyncClient, Client
from pixwise.task_table import TASKS

RECEIPT = Path(__file__).parents[2] / "examples/receipt.png"


@pytest.fixture(scope="module")
def url():
    with served(built_in=True) as place:
        yield place.url


@pytest.fixture
def client(url):
    with Client(url) as client:
        yield client


def same(answer, mine):
    return {**answer.to_dict(), "timings_ms": 0, "image": 0} == {**mine.to_dict(), "timings_ms": 0, "image": 0}


def test_every_task_is_a_method_of_both(url):
    for task in TASKS:
        assert callable(getattr(Client, task))
        assert callable(getattr(AsyncClient, task))


def test_the_answer_is_the_librarys_in_its_type(client):
    answer = client.codes(RECEIPT)
    assert type(answer) is type(px.codes(RECEIPT))
    assert same(answer, px.codes(RECEIPT))
    assert answer.image.source == "receipt.png"


@pytest.mark.parametrize("kind", ["path", "text", "bytes", "file", "image", "array"])
def test_pictures_travel_in_every_form_that_the_library_takes(client, kind):
    pixels = np.full((40, 30, 3), (250, 10, 10), np.uint8)
    kept = io.BytesIO()
    Image.fromarray(pixels).save(kept, "PNG")
    forms = {"bytes": kept.getvalue(), "file": io.BytesIO(kept.getvalue()), "image": Image.fromarray(pixels),
             "array": pixels, "path": RECEIPT, "text": str(RECEIPT)}  # fmt: skip
    answer = client.quality(forms[kind], colours=1)
    assert (answer.image.width, len(answer)) == ((640, 1) if kind in ("path", "text") else (30, 1))


def test_a_list_gives_a_list_with_errors_in_their_places(client):
    answers = client.quality([RECEIPT, b"text", RECEIPT], on_error="return")
    assert [type(answer).__name__ for answer in answers] == ["Quality", "PictureError", "Quality"]
    with pytest.raises(PictureError, match="expected a JPEG"):
        client.quality([RECEIPT, b"text"])


@pytest.mark.parametrize(
    ("ask", "error", "said"),
    [
        (lambda client: client.quality(RECEIPT, colour=3), OptionError, "did you mean 'colours'"),
        (lambda client: client.quality(RECEIPT, colours=-3), OptionError, "colours must be"),
        (lambda client: client.quality(RECEIPT, model="nix"), UnknownModelError, "must be one that is served"),
        (lambda client: client.classify(RECEIPT), ModelMissingError, "pixwise models pull"),
        (lambda client: client.quality("http://127.0.0.1:1/x.png"), SourceError, "does not fetch"),
        (lambda client: client.quality("nowhere.png"), SourceError, "no such file"),
        (lambda client: client.identify(RECEIPT, gallery=object()), OptionError, "to travel"),
    ],
)
def test_errors_are_those_of_the_library(client, ask, error, said):
    with pytest.raises(error, match=said):
        ask(client)


def test_the_drawn_picture_comes_as_an_image(client):
    assert client.draw("codes", RECEIPT).size == (640, 1000)


def test_the_same_is_awaited(url):
    async def ask():
        async with AsyncClient(url) as client:
            assert await client.is_ready()
            one, many = await asyncio.gather(client.codes(RECEIPT), client.quality([RECEIPT, b"x"], on_error="return"))
            return one, many

    one, many = asyncio.run(ask())
    assert same(one, px.codes(RECEIPT))
    assert isinstance(many[1], PictureError)


def test_a_service_that_is_not_there_is_told():
    with Client("http://127.0.0.1:9") as client, pytest.raises(FetchError, match="start it: pixwise serve"):
        client.quality(RECEIPT)
    with Client("http://127.0.0.1:9") as client:
        assert not client.is_ready()


def test_a_busy_service_is_asked_again_and_not_for_ever():
    asked = []

    def answer(request):
        asked.append(request)
        if len(asked) == 2:
            return httpx.Response(200, json=px.quality(RECEIPT).to_dict())
        return httpx.Response(503, headers={"Retry-After": "0"}, json={"detail": "full"})

    with Client(transport=httpx.MockTransport(answer)) as client:
        assert client.quality(RECEIPT).image.width == 640
        asked[:] = range(2)
        with pytest.raises(Busy, match="full"):
            client.quality(RECEIPT)
        assert len(asked) == 6


def test_many_questions_give_an_analysis_of_the_librarys_type(client):
    analysis = client.analyze(RECEIPT, ["codes", {"task": "quality", "options": {"colours": 2}}, "classify"])
    assert same(analysis["codes"], px.codes(RECEIPT))
    assert len(analysis["quality"]) == 2
    assert analysis.results["classify"].status == "skipped"
    assert "pixwise models pull" in analysis.results["classify"].message
    assert analysis.draw(RECEIPT).width == 640


def test_an_analysis_of_many_keeps_errors_in_their_places(client):
    answers = client.analyze([RECEIPT, b"no picture"], "codes", on_error="return")
    assert same(answers[0]["codes"], px.codes(RECEIPT))
    assert isinstance(answers[1], PictureError)
    with pytest.raises(PictureError):
        client.analyze([RECEIPT, b"no picture"], "codes")
    with pytest.raises(OptionError, match="did you mean 'codes'"):
        client.analyze(RECEIPT, ["code"])


def test_a_job_is_given_watched_and_forgotten(client):
    job = client.submit([RECEIPT, b"no picture"], ["codes"])
    until = time.monotonic() + 60
    while client.job(job["id"])["ended"] is None and time.monotonic() < until:
        time.sleep(0.05)
    told = client.job(job["id"])
    assert (told["status"], told["done"], told["failed"]) == ("done", 2, 1)
    assert same(told["answers"][0]["codes"], px.codes(RECEIPT))
    assert isinstance(told["answers"][1], PictureError)
    client.cancel(job["id"])
    with pytest.raises(PixwiseError, match="job must be one of yours"):
        client.job(job["id"])


def test_models_are_listed(client):
    assert "opencv-codes" in {model["id"] for model in client.models()}
