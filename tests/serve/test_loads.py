"""Models that are being loaded: once, by one thread each, and nobody waits for another's."""

import asyncio
import threading
import time

import pytest

from pixwise.errors import FetchError
from pixwise.serve.asking import Ask, Busy, Expired
from pixwise.serve.loads import Loads


def wait(loads, *asked):
    """Outcomes of requests (key, load, ask) that come together."""

    async def together():
        waits = [loads.done(key, load, ask, key) for key, load, ask in asked]
        return await asyncio.gather(*waits, return_exceptions=True)

    return asyncio.run(together())


def soon(seconds=0.2):
    return Ask(deadline=time.monotonic() + seconds)


def test_however_many_ask_it_is_loaded_once():
    counted = []
    wait(Loads(100), *[("clip", lambda: (time.sleep(0.05), counted.append(1)), Ask())] * 50)
    assert counted == [1]


def test_a_model_that_hangs_holds_up_no_other():
    gate, started = threading.Event(), time.monotonic()
    hanging = [(f"slow {number}", gate.wait, soon(0.5)) for number in range(5)]
    told = wait(Loads(10), *hanging, ("quick", str, Ask()))
    assert (told[-1], {type(error) for error in told[:-1]}) == (None, {Expired})
    assert "still being fetched or opened" in str(told[0])
    assert time.monotonic() - started < 5
    gate.set()


def test_it_goes_on_loading_for_the_next_who_asks():
    loads, gate, counted = Loads(10), threading.Event(), []
    load = lambda: (gate.wait(5), counted.append(1))  # noqa: E731
    assert isinstance(wait(loads, ("clip", load, soon(0.05)))[0], Expired)
    threading.Timer(0.05, gate.set).start()
    assert (wait(loads, ("clip", load, Ask())), counted) == ([None], [1])


def test_only_so_many_wait_for_one_model():
    gate, loads = threading.Event(), Loads(2)
    told = wait(loads, *[("clip", gate.wait, soon())] * 3, ("other", str, Ask()))
    assert [type(each) for each in told] == [Expired, Expired, Busy, type(None)]
    assert "requests that wait for model 'clip' must be at most 2" in str(told[2])
    gate.set()


@pytest.mark.parametrize("error", [FetchError("the hub is away"), TimeoutError("slow"), StopIteration(), SystemExit()])
def test_a_load_that_fails_is_told_to_all_who_wait(error):
    def load():
        raise error

    told = wait(Loads(10), *[("clip", load, Ask())] * 3)
    assert len({str(each) for each in told}) == 1
    assert all(isinstance(each, BaseException) and not isinstance(each, Expired) for each in told)


def test_a_load_that_failed_is_tried_again_but_not_at_once():
    loads, tried = Loads(10, rest_s=0.2), []

    def load():
        tried.append(1)
        if len(tried) == 1:
            raise FetchError("the hub is away")

    told = [wait(loads, ("clip", load, Ask()))[0] for _ in range(3)]
    assert ([type(each) for each in told], len(tried)) == ([FetchError] * 3, 1)
    time.sleep(0.25)
    assert (wait(loads, ("clip", load, Ask())), len(tried)) == ([None], 2)


def test_an_error_that_is_told_often_does_not_grow():
    error = FetchError("the hub is away")

    def load():
        raise error

    loads, depth = Loads(10), 0
    for _ in range(20):
        wait(loads, ("clip", load, Ask()))
    trace = error.__traceback__
    while trace is not None:
        depth, trace = depth + 1, trace.tb_next
    assert depth < 6
