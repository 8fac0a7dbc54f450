"""The steps of one request: each once, together where threads are free."""

import threading
import time
from collections import Counter

import pytest

from pixwise.serve.asking import Ask, current
from pixwise.serve.batcher import Traffic
from pixwise.serve.together import Helpers, Once


def in_threads(count, work):
    threads = [threading.Thread(target=work, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)


def test_a_thing_is_made_once_however_many_threads_ask():
    once, made, told = Once(Traffic()), Counter(), []

    def make():
        time.sleep(0.02)
        made["thing"] += 1
        return object()

    in_threads(8, lambda: told.append(once("thing", make)))
    assert (made["thing"], len(told), len(set(map(id, told)))) == (1, 8, 1)


def test_an_error_is_that_of_all_who_ask():
    once, told = Once(Traffic()), []

    def ask():
        with pytest.raises(ValueError, match="no such thing"):
            once("thing", fail)
        told.append(1)

    def fail():
        time.sleep(0.02)
        raise ValueError("no such thing")

    in_threads(4, ask)
    assert len(told) == 4


def test_who_waits_for_another_is_not_waited_for_by_a_batch():
    traffic, begun = Traffic(), threading.Event()
    once = Once(traffic)
    traffic.work(2)
    coming = []

    def make():
        begun.set()
        time.sleep(0.1)
        coming.append(traffic.coming)

    maker = threading.Thread(target=lambda: once("thing", make))
    maker.start()
    begun.wait(5)
    once("thing", make)
    maker.join(5)
    assert (coming, traffic.coming) == ([1], 2)


def test_all_steps_are_taken_by_several_threads_on_behalf_of_the_one_who_asks():
    helpers, ask, seen = Helpers(4, 3, Traffic()), Ask("me"), []

    def step():
        time.sleep(0.02)
        seen.append((threading.get_ident(), current().id))

    helpers.do(ask, [step] * 12)
    assert (len(seen), len({thread for thread, _ in seen})) == (12, 4)
    assert [id for thread, id in seen if thread != threading.get_ident()] == ["me"] * (
        12 - sum(thread == threading.get_ident() for thread, _ in seen)
    )


def test_a_request_is_done_by_its_own_thread_where_no_helper_is_free():
    helpers, free, seen = Helpers(1, 1, Traffic()), threading.Event(), []
    busy = threading.Thread(target=lambda: helpers.do(Ask(), [lambda: free.wait(20)] * 2), daemon=True)
    busy.start()
    time.sleep(0.05)
    helpers.do(Ask(), [lambda: seen.append(threading.get_ident())] * 5)
    assert seen == [threading.get_ident()] * 5
    free.set()
    busy.join(5)


def test_many_requests_whose_steps_stand_on_one_another_all_end():
    helpers = Helpers(2, 2, Traffic())

    def request():
        once, ends = Once(Traffic()), []
        steps = [lambda: ends.append(once("b", lambda: once("a", lambda: time.sleep(0.001)) or 1))] * 6
        helpers.do(Ask(), steps)
        assert ends == [1] * 6

    in_threads(12, request)
