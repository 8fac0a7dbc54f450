"""Threads and the queue in front of them: fair, with an end, and never holding on to what is done."""

import asyncio
import contextlib
import gc
import threading
import time
import weakref

import pytest
from lanes_of_threads import until

from pixwise.serve.asking import Ask, Busy, Cancelled, Expired, current
from pixwise.serve.crew import Crew, PixelBudget
from pixwise.serve.lanes import Traffic


@pytest.fixture
def crew():
    made = []

    def make(threads=1, places=100, own_places=100):
        made.append(Crew(threads, places, own_places, Traffic()))
        return made[-1]

    yield make
    assert all(each.close(5) for each in made)


def run(*works):
    """Outcomes of coroutines that run together."""

    async def together():
        return await asyncio.gather(*works, return_exceptions=True)

    return asyncio.run(together())


@contextlib.contextmanager
def busy(crew):
    """All threads of a crew are held while the block lasts."""
    gate = threading.Event()
    thread = threading.Thread(
        target=lambda: run(*(crew.do(Ask(caller="first"), gate.wait) for _ in crew._threads)), daemon=True
    )
    thread.start()
    until(lambda: crew.working == len(crew._threads))
    try:
        yield gate
    finally:
        gate.set()
        thread.join(5)


def later(gate, seconds=0.1):
    threading.Timer(seconds, gate.set).start()


def test_work_is_done_in_a_thread_that_knows_for_whom(crew):
    ask = Ask(id="7")
    assert run(crew().do(ask, lambda: (current().id, threading.current_thread().name))) == [("7", "pixwise-0")]


def test_what_goes_wrong_is_told_to_whoever_asked(crew):
    assert [type(error) for error in run(crew().do(Ask(), lambda: 1 / 0))] == [ZeroDivisionError]


@pytest.mark.parametrize(("raised", "told"), [(SystemExit, Cancelled), (StopIteration, RuntimeError)])
def test_a_thread_survives_whatever_its_work_raises(crew, caplog, raised, told):
    def work():
        raise raised

    mine = crew()
    first, second = run(mine.do(Ask(deadline=time.monotonic() + 5), work), mine.do(Ask(), lambda: "alive"))
    assert (type(first), second, mine.alive) == (told, "alive", True)


def test_the_queue_has_an_end_for_all_and_for_each(crew):
    mine = crew(places=3, own_places=2)
    with busy(mine) as gate:
        later(gate)
        asked = [mine.do(Ask(caller=caller), str) for caller in ("a", "a", "a", "b", "b")]
        told = run(*asked)
        *served, own, full = (told[i] for i in (0, 1, 3, 2, 4))
    assert served == ["", "", ""]
    assert (type(own), own.own, type(full), full.own) == (Busy, True, Busy, False)
    assert "requests of one caller that wait must be at most 2" in str(own)
    assert "requests that wait must be at most 3" in str(full)


def test_how_long_to_stay_away_grows_with_the_queue(crew):
    mine = crew(places=10)
    mine._mean_s = 2.0
    with busy(mine) as gate:
        later(gate)
        told = run(*(mine.do(Ask(), str) for _ in range(11)))
    assert told[-1].retry_after_s == 10.0


def test_who_has_gone_keeps_nobody_out(crew):
    mine, gone = crew(places=1), Ask()
    with busy(mine) as gate:
        gone.cancelled.set()
        later(gate)
        left, served = run(mine.do(gone, str), mine.do(Ask(), lambda: "served"))
    assert (type(left), served) == (Cancelled, "served")


def test_who_has_gone_while_he_waited_is_not_worked_for(crew):
    mine, gone, done = crew(), Ask(), []
    with busy(mine) as gate:
        threading.Timer(0.05, gone.cancelled.set).start()
        later(gate)
        [told] = run(mine.do(gone, lambda: done.append(1)))
    assert (type(told), done) == (Cancelled, [])


def test_whose_time_ends_in_the_queue_is_told_at_once_and_not_worked_for(crew):
    mine, done = crew(), []
    with busy(mine):
        started = time.monotonic()
        [told] = run(mine.do(Ask(deadline=started + 0.1), lambda: done.append(1)))
        assert time.monotonic() - started < 1
        assert mine.waiting == 0
    assert (type(told), done) == (Expired, [])


def test_whose_time_ends_while_a_thread_works_is_told_at_once(crew):
    mine, gate = crew(), threading.Event()
    [told] = run(mine.do(Ask(deadline=time.monotonic() + 0.1), gate.wait))
    gate.set()
    assert isinstance(told, Expired)
    assert "before the deadline" in str(told)


def test_a_handler_that_is_stopped_takes_its_work_back(crew):
    mine, ask, done = crew(), Ask(), []

    async def stopped():
        handler = asyncio.create_task(mine.do(ask, lambda: done.append(1)))
        await asyncio.sleep(0.05)
        handler.cancel()
        await asyncio.wait([handler])

    with busy(mine):
        asyncio.run(stopped())
        assert (mine.waiting, ask.cancelled.is_set()) == (0, True)
    assert done == []


def test_callers_take_turns(crew):
    mine, order = crew(), []
    with busy(mine) as gate:
        later(gate)
        callers = [*"aaaaaa", *"b", *"cc"]
        run(*(mine.do(Ask(caller=caller), lambda caller=caller: order.append(caller)) for caller in callers))
    assert "".join(order) == "abcacaaaa"


def test_a_polite_caller_hardly_notices_a_flood(crew):
    """Measured: 300 requests of one caller wait, each of 2 ms; another caller's requests come one by one."""
    mine = crew(threads=2, places=400, own_places=400)

    async def both():
        flood = [asyncio.create_task(mine.do(Ask(caller="flood"), lambda: time.sleep(0.002))) for _ in range(300)]
        await asyncio.sleep(0)
        waited = []
        for _ in range(10):
            started = time.monotonic()
            await mine.do(Ask(caller="polite"), lambda: time.sleep(0.002))
            waited.append(time.monotonic() - started)
        left = sum(not task.done() for task in flood)
        await asyncio.gather(*flood)
        return sorted(waited)[5], left

    middle, left = asyncio.run(both())
    assert left > 150, "ten polite requests were served before half of the flood"
    assert middle < 0.5


@pytest.mark.parametrize("fails", [True, False])
def test_what_is_done_is_let_go_at_once(crew, fails):
    class Picture:
        pass

    mine, picture = crew(), Picture()
    gone = weakref.ref(picture)

    def work(picture=picture):
        if fails:
            raise ValueError(picture)
        return picture

    async def ask(work):
        with contextlib.suppress(ValueError):
            await mine.do(Ask(), work)

    gc.disable()
    try:
        asyncio.run(ask(work))
        del picture, work
        until(lambda: gone() is None)
    finally:
        gc.enable()


def test_a_crew_that_closes_finishes_what_it_took_and_takes_nothing_more():
    mine, gate = Crew(1, 10, 10, Traffic()), threading.Event()

    async def closing():
        taken = [asyncio.create_task(mine.do(Ask(), lambda: gate.wait(5))) for _ in range(3)]
        await asyncio.sleep(0.05)
        closed = asyncio.create_task(asyncio.to_thread(mine.close, 5))
        await asyncio.sleep(0.05)
        with pytest.raises(Busy, match="shutting down"):
            await mine.do(Ask(), str)
        gate.set()
        return await asyncio.gather(*taken, closed)

    assert asyncio.run(closing()) == [True] * 4


def test_late_work_is_told_to_whoever_watches(crew):
    mine = crew()
    assert mine.stuck_s() == 0.0
    gate = threading.Event()

    async def late():
        with contextlib.suppress(Expired):
            await mine.do(Ask(deadline=time.monotonic() + 0.05), lambda: gate.wait(5))
        await asyncio.sleep(0.1)
        return mine.stuck_s()

    assert 0.05 < asyncio.run(late()) < 2
    gate.set()


def test_a_hundred_callers_are_all_answered(crew):
    mine = crew(threads=8, places=1000, own_places=1000)

    async def caller(number):
        answers = []
        for turn in range(20):
            await asyncio.sleep(0.0005 * (number % 3))
            answers.append(await mine.do(Ask(caller=str(number)), lambda turn=turn: number * turn))
        return answers

    assert run(*map(caller, range(100))) == [[number * turn for turn in range(20)] for number in range(100)]
    assert (mine.waiting, mine._lines) == (0, {})


def test_pixels_that_are_open_stay_within_the_budget():
    budget = PixelBudget(100)
    taken = budget.take(70, Ask())
    with pytest.raises(Expired):
        budget.take(40, Ask(deadline=time.monotonic() + 0.05))
    budget.give_back(taken, Ask())
    assert budget.take(500, Ask()) == 100, "a picture above the budget is worked on alone"


def test_who_waits_for_much_room_is_not_passed_by():
    budget, order = PixelBudget(100), []

    def wants(pixels):
        def work():
            taken = budget.take(pixels, Ask())
            order.append(pixels)
            time.sleep(0.02)
            budget.give_back(taken, Ask())

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        return thread

    held = budget.take(60, Ask())
    threads = [wants(100)]
    until(lambda: len(budget._line) == 1)
    threads += [wants(10), wants(20)]
    until(lambda: len(budget._line) == 3)
    budget.give_back(held, Ask())
    [thread.join(5) for thread in threads]
    assert order[0] == 100


def test_who_has_gone_leaves_the_line_for_room():
    budget, gone = PixelBudget(100), Ask()
    budget.take(100, Ask())
    gone.cancelled.set()
    with pytest.raises(Cancelled):
        budget.take(1, gone)
    assert not budget._line
