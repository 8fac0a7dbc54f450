"""Networks that give pixels: what their numbers mean, how they are run, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from pixwise import registry
from pixwise.errors import CardError, LimitError, OptionError, ShapeError
from pixwise.repaint import check_made, check_progress, decode_bytes, decode_shares, fixed_hw, repainted
from pixwise.session import FakeSession, Tensor

CARD = replace(registry.card("swin2sr-lightweight-x2"), options={"scale": 2})
ROWS = {"x": np.random.default_rng(0).uniform(0, 1, (5, 3, 200, 200)).astype(np.float32)}


INPUTS = (Tensor("x", (-1, 3, -1, -1), "float"),)


def doubled(feeds):
    return {"y": feeds["x"].repeat(2, axis=2).repeat(2, axis=3)}


def test_shares_are_cut_off_and_rounded_to_the_even_number():
    numbers = np.float32([-0.2, 0.5 / 255, 1.5 / 255, 0.5, 1.7]).reshape(1, 1, 1, 5).repeat(3, axis=1)
    assert decode_shares(numbers)[0, 0, :, 0].tolist() == [0, 0, 2, 128, 255]


def test_bytes_are_cut_off_and_rounded():
    numbers = np.float32([-40, 0.4, 127.6, 255, 270]).reshape(1, 1, 1, 5).repeat(3, axis=1)
    assert decode_bytes(numbers)[0, 0, :, 0].tolist() == [0, 0, 128, 255, 255]


def test_half_precision_is_rounded_as_single_is():
    numbers = np.random.default_rng(0).uniform(0, 1, (1, 3, 9, 9)).astype(np.float16)
    np.testing.assert_array_equal(decode_shares(numbers), decode_shares(numbers.astype(np.float32)))


def test_rows_are_run_a_few_at_a_time_and_progress_is_told():
    told, runs = [], []

    def run(feeds):
        runs.append(len(feeds["x"]))
        return doubled(feeds)

    made = repainted(FakeSession(run, INPUTS), ROWS, CARD, 2, lambda done, total: told.append((done, total)))["pixels"]
    assert runs == [1] * 5
    assert told == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]
    np.testing.assert_array_equal(made, decode_shares(doubled(ROWS)["y"]))


@pytest.mark.parametrize(
    ("output", "told"),
    [
        (np.zeros((1, 3, 200, 200), np.float32), r"must be pixels \(3, 400, 400\) for each tile, got \(3, 200, 200\)"),
        (np.zeros((1, 1, 400, 400), np.float32), r"got \(1, 400, 400\); mend scale"),
        (np.full((1, 3, 400, 400), np.nan, np.float32), "must be finite, got NaN or infinity"),
    ],
)
def test_an_output_that_is_no_picture_is_told(output, told):
    with pytest.raises(ShapeError, match=told):
        repainted(FakeSession({"y": output}, INPUTS), ROWS, CARD, 2)


def test_an_output_that_is_not_there_is_told():
    card = replace(CARD, options={"scale": 2, "output": "reconstruction"})
    with pytest.raises(CardError, match="must have the output 'reconstruction', got y; mend options"):
        repainted(FakeSession(doubled, INPUTS), ROWS, card, 2)


def test_too_large_a_picture_is_refused_before_it_is_made():
    check_made((100, 100), 10_000)
    with pytest.raises(LimitError, match=r"at most 10,000 pixels, got 101 x 100 = 10,100; make .* raise max_output"):
        check_made((100, 101), 10_000)


def test_progress_must_be_a_function():
    with pytest.raises(OptionError, match=r"progress must be a function of \(done, total\), got str"):
        check_progress("yes")


def test_a_size_that_may_vary_is_not_fixed():
    assert fixed_hw((-1, 3, 224, 320)) == (224, 320)
    assert fixed_hw((-1, 3, -1, -1)) is None
    assert fixed_hw(()) is None
