"""/livez and /readyz tell the truth, the unpleasant one too."""

import asyncio
import contextlib
import threading
import time

import httpx
import pytest
from running_service import served

from pixwise.serve.asking import Ask, Expired
from pixwise.serve.service import Service
from pixwise.serve.settings import load_settings


def service(**settings):
    return Service(load_settings(log="none", built_in=True, concurrency=2, **settings))


def health(place):
    answers = [httpx.get(f"{place.url}/{name}") for name in ("livez", "readyz")]
    return tuple(answer.status_code for answer in answers), answers[1].json().get("detail", "")


def until_loaded(place):
    end = time.monotonic() + 10
    while place.service.starting and time.monotonic() < end:
        time.sleep(0.01)


def test_it_is_alive_and_not_ready_while_it_loads():
    mine, go_on = service(), threading.Event()
    mine.stock.preload = lambda: go_on.wait() and {}
    with served(mine) as place:
        assert health(place) == ((200, 503), "service must be ready, got one that is not: starting")
        go_on.set()
        until_loaded(place)
        assert health(place)[0] == (200, 200)


def test_a_model_that_cannot_be_loaded_first_keeps_it_unready_and_the_others_answer(picture_bytes):
    with served(service(preload=["classify"])) as place:
        until_loaded(place)
        codes, said = health(place)
        asked = httpx.post(f"{place.url}/v1/quality", content=picture_bytes, headers={"Content-Type": "image/png"})
    assert (codes, asked.status_code) == ((200, 503), 200)
    assert "failed" in said
    assert "pixwise models pull" in said


def test_a_dead_thread_ends_its_life():
    mine = service()
    with served(mine) as place:
        until_loaded(place)
        mine.crew._next = lambda: None  # what a thread does that ends
        mine.crew._changed.acquire()
        mine.crew._closed = True
        mine.crew._changed.notify_all()
        mine.crew._changed.release()
        time.sleep(0.2)
        codes, said = health(place)
    assert codes == (503, 503)
    assert "a thread is dead" in said


def test_a_request_that_is_late_for_long_is_a_stuck_queue():
    mine, go_on = service(stuck_s=0.2), threading.Event()
    asking = threading.Thread(target=lambda: asyncio.run(ask_in_vain(mine, go_on)))
    with served(mine) as place:
        until_loaded(place)
        asking.start()
        time.sleep(0.8)
        codes, said = health(place)
        go_on.set()
        asking.join()
        assert health(place)[0] == (200, 200)
    assert codes == (200, 503)
    assert "late" in said


async def ask_in_vain(service, go_on):
    with contextlib.suppress(Expired):
        await service.crew.do(Ask(deadline=time.monotonic() + 0.2), go_on.wait)


@pytest.mark.parametrize("path", ["livez", "readyz"])
def test_the_ready_say_so(path):
    with served(service()) as place:
        until_loaded(place)
        assert httpx.get(f"{place.url}/{path}").json()["status"] in ("alive", "ready")


def test_what_other_processes_of_the_service_lack_counts():
    mine = Service(load_settings(log="none", built_in=True), others=lambda: "a worker is dead")
    with served(mine) as place:
        until_loaded(place)
        assert health(place) == ((200, 503), "service must be ready, got one that is not: a worker is dead")
