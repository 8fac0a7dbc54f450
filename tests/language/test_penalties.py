"""What may be said next: rules on scores."""

import numpy as np
import pytest

from pixwise.language.penalties import draw, forced, log_softmax, narrowed, penalised
from pixwise.language.sentence import Decoding

SCORES = np.array([[2.0, -1.0, 0.5, 1.0]], np.float32)


def ruled(told, start=1, **rules):
    return penalised(SCORES, np.array([told]), start, Decoding(**rules))[0].tolist()


def test_without_rules_scores_stay_and_are_not_the_same_array():
    kept = penalised(SCORES, np.array([[0]]), 1, Decoding())
    assert kept.tolist() == SCORES.tolist()
    assert kept is not SCORES


def test_what_was_said_is_less_likely_whatever_its_sign():
    assert ruled([0, 1, 0], repetition_penalty=2.0) == [1.0, -2.0, 0.5, 1.0]


def test_a_token_beyond_the_scores_changes_nothing():
    assert ruled([9], repetition_penalty=2.0) == SCORES[0].tolist()


def test_a_run_of_tokens_does_not_come_twice():
    assert ruled([1, 2, 3, 1, 2], no_repeat_ngram=3) == [2.0, -1.0, 0.5, -np.inf]
    assert ruled([1, 2], no_repeat_ngram=3) == SCORES[0].tolist()
    assert ruled([3, 2], no_repeat_ngram=1) == [2.0, -1.0, -np.inf, -np.inf]


def test_the_end_waits_for_the_least_number_of_tokens():
    assert ruled([1, 2], end_ids=(0, 3), min_tokens=2) == [-np.inf, -1.0, 0.5, -np.inf]
    assert ruled([1, 2, 2], end_ids=(0, 3), min_tokens=2) == SCORES[0].tolist()


def test_a_forced_token_stands_alone():
    assert ruled([1], first_id=2) == [-np.inf, -np.inf, 0.0, -np.inf]
    assert ruled([1, 2], first_id=2) == SCORES[0].tolist()
    assert ruled([1, 2], last_id=3, max_tokens=2) == [-np.inf, -np.inf, -np.inf, 0.0]


def test_what_is_forced_is_known():
    assert forced(np.array([[5]]), 1, Decoding(first_id=2)) == 2
    assert forced(np.array([[5, 1]]), 1, Decoding(first_id=2)) == -1


def test_suppressed_tokens_are_never_said():
    assert ruled([1], suppressed_ids=(0, 3, 99)) == [-np.inf, -1.0, 0.5, -np.inf]


def test_only_the_top_k_are_drawn_from():
    kept = narrowed(SCORES, Decoding(temperature=0.5, top_k=2))
    assert kept.tolist() == [[4.0, -np.inf, -np.inf, 2.0]]


def test_only_the_top_p_are_drawn_from():
    assert np.isfinite(narrowed(SCORES, Decoding(temperature=1, top_p=0.6))).tolist() == [[True, False, False, False]]
    assert np.isfinite(narrowed(SCORES, Decoding(temperature=1, top_p=0.7))).tolist() == [[True, False, False, True]]


def test_one_token_is_always_left():
    assert np.isfinite(narrowed(SCORES, Decoding(temperature=1, top_p=1e-6))).sum() == 1


def test_log_probabilities_do_not_overflow():
    assert log_softmax(np.array([1e4, 0.0], np.float32)).tolist() == [0.0, -1e4]


def test_tokens_are_drawn_as_often_as_they_are_likely():
    random = np.random.default_rng(0)
    counts = np.bincount([draw(SCORES[0], random) for _ in range(20_000)], minlength=4)
    wanted = 20_000 * np.exp(log_softmax(SCORES[0]))
    assert ((counts - wanted) ** 2 / wanted).sum() < 16.3  # chi squared, 3 degrees of freedom: 1 in 1 000


def test_what_may_not_be_said_is_never_drawn():
    random = np.random.default_rng(1)
    scores = np.array([-np.inf, 0.0, -np.inf], np.float32)
    assert {draw(scores, random) for _ in range(100)} == {1}


@pytest.mark.parametrize("seed", range(3))
def test_the_same_seed_draws_the_same(seed):
    assert draw(SCORES[0], np.random.default_rng(seed)) == draw(SCORES[0], np.random.default_rng(seed))
