"""Large pictures and slow requests of one caller do not keep the others waiting."""

import asyncio
import threading
import time

import pytest

from pixwise.serve.asking import Ask, Expired
from pixwise.serve.crew import Crew, PixelBudget
from pixwise.serve.lanes import Traffic


def test_one_caller_never_has_all_threads():
    crew, gate = Crew(4, 100, 100, Traffic(), own_threads=3), threading.Event()

    async def scene():
        slow = [asyncio.create_task(crew.do(Ask(caller="a"), lambda: gate.wait(5))) for _ in range(8)]
        await asyncio.sleep(0.1)
        assert crew.working == 3
        started = time.monotonic()
        assert await crew.do(Ask(caller="b"), lambda: "soon") == "soon"
        assert time.monotonic() - started < 1
        gate.set()
        await asyncio.gather(*slow)

    asyncio.run(scene())
    assert crew.close(5)


def test_a_crew_that_closes_ends_what_one_caller_still_waits_for():
    crew = Crew(4, 100, 100, Traffic(), own_threads=1)

    async def scene():
        tasks = [asyncio.create_task(crew.do(Ask(caller="a"), lambda: time.sleep(0.02))) for _ in range(6)]
        await asyncio.sleep(0.01)
        assert await asyncio.to_thread(crew.close, 5)
        await asyncio.gather(*tasks)

    asyncio.run(scene())
    assert not any(thread.is_alive() for thread in crew._threads)


def soon(caller):
    return Ask(caller=caller, deadline=time.monotonic() + 0.05)


def test_one_caller_holds_three_quarters_of_the_pixels_at_most():
    budget = PixelBudget(100)
    budget.take(70, Ask(caller="a"))
    with pytest.raises(Expired):
        budget.take(10, soon("a"))
    assert budget.take(30, soon("b")) == 30


def test_one_picture_may_take_all_of_them():
    budget = PixelBudget(100)
    assert budget.take(1000, soon("a")) == 100
    budget.give_back(100, Ask(caller="a"))
    assert budget.take(90, soon("a")) == 90


def test_who_holds_nothing_comes_before_whoever_holds_some():
    budget, order = PixelBudget(100), []
    held = [budget.take(60, Ask(caller="a")), budget.take(40, Ask(caller="c"))]

    def wants(caller, pixels):
        budget.take(pixels, Ask(caller=caller))
        order.append(caller)

    threads = [threading.Thread(target=wants, args=each) for each in (("a", 10), ("b", 40))]
    for thread in threads:
        thread.start()
        time.sleep(0.05)
    budget.give_back(held[1], Ask(caller="c"))
    threads[1].join(5)
    assert order == ["b"]
    budget.give_back(held[0], Ask(caller="a"))
    threads[0].join(5)
    assert order == ["b", "a"]
