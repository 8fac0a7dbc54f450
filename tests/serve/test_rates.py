"""Tokens: how often somebody may ask."""

import httpx
import pytest
from running_service import served

from pixwise.serve.problems import Problem
from pixwise.serve.rates import _MOST_CALLERS, Rates


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def taken(rates, caller, per_minute, times):
    count = 0
    for _ in range(times):
        try:
            rates.take(caller, per_minute)
            count += 1
        except Problem:
            pass
    return count


def test_a_full_bucket_has_the_requests_of_a_minute():
    assert taken(Rates(Clock()), "a", 30, 100) == 30


def test_it_fills_evenly_and_never_above_its_brim():
    rates = Rates(clock := Clock())
    taken(rates, "a", 60, 60)
    clock.now += 10
    assert taken(rates, "a", 60, 100) == 10
    clock.now += 3600
    assert taken(rates, "a", 60, 100) == 60


def test_refusals_cost_nothing():
    rates = Rates(clock := Clock())
    taken(rates, "a", 60, 1000)
    clock.now += 1
    assert taken(rates, "a", 60, 100) == 1


def test_callers_have_buckets_of_their_own():
    rates = Rates(Clock())
    taken(rates, "a", 5, 9)
    assert taken(rates, "b", 5, 9) == 5


def test_the_refusal_says_when_to_come_again():
    rates = Rates(Clock())
    taken(rates, "a", 2, 2)
    with pytest.raises(Problem, match="at most 2 per minute, got more; ask again in 30 s") as caught:
        rates.take("a", 2)
    assert caught.value.headers == {"Retry-After": "30"}


def test_no_rate_is_no_limit_and_remembers_nobody():
    rates = Rates(Clock())
    assert taken(rates, "a", 0, 5000) == 5000
    assert not rates._buckets


def test_strangers_without_end_do_not_fill_the_memory():
    rates = Rates(Clock())
    for number in range(_MOST_CALLERS + 500):
        rates.take(f"{number}", 1)
    assert len(rates._buckets) == _MOST_CALLERS


def test_health_is_asked_without_counting():
    with served(built_in=True, rate=1) as place:
        assert [httpx.get(f"{place.url}/livez").status_code for _ in range(4)] == [200] * 4
        assert [httpx.get(f"{place.url}/openapi.json").status_code for _ in range(2)] == [200, 429]
