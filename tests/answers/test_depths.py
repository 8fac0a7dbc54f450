"""Depths as a cell: held small, opened at full size, told as a PNG."""

import json

import numpy as np
import pytest

from pixwise.answers.depths import Depths
from pixwise.answers.grey_png import uri_from_grey
from pixwise.errors import OptionError, ShapeError

HELD = np.random.default_rng(0).uniform(0.5, 9, (9, 14)).astype(np.float32)


@pytest.mark.parametrize("filter", ["bicubic", "bilinear"])
@pytest.mark.parametrize("inverse", [False, True])
def test_a_point_is_the_pixel_of_the_open_map(filter, inverse):
    depths = Depths(HELD, (31, 57), (4, 6), filter, inverse)
    full = depths.open()
    seen = [[depths.at(x, y) for x in range(57)] for y in range(31)]
    np.testing.assert_allclose(seen, full, rtol=1e-4)


def test_the_margin_is_cut_away():
    whole, inside = Depths(HELD, (39, 69)), Depths(HELD, (31, 57), (4, 6))
    np.testing.assert_array_equal(whole.open()[4:-4, 6:-6], inside.open())


@pytest.mark.parametrize("depths", [Depths(HELD, (31, 57), (4, 6), "bilinear", True), Depths(HELD * 1e-3, (9, 14))])
def test_what_is_told_brings_back_the_same_within_16_bits(depths):
    back = Depths.read(depths.to_uri())
    assert back == depths
    assert np.abs(back.held - depths.held).max() <= np.ptp(depths.held) / 65_535
    assert (back.size_hw, back.margin_hw, back.filter, back.inverse) == (
        depths.size_hw,
        depths.margin_hw,
        depths.filter,
        depths.inverse,
    )


def test_a_flat_map_is_told_too():
    assert np.array_equal(Depths.read(Depths(np.full((3, 4), 2.5), (3, 4)).to_uri()).held, np.full((3, 4), 2.5))


def test_no_picture_is_the_empty_text():
    assert Depths().to_uri() == ""
    assert Depths.read("") == Depths()
    assert Depths().ends.tolist() == [0, 0]


def test_the_ends_are_depths():
    assert Depths(np.float32([[0.5, 0.1]]), (1, 2), inverse=True).ends.tolist() == [10, 2]


@pytest.mark.parametrize("point", [(-1, 0), (14, 0), (0, 9), (float("nan"), 0)])
def test_a_point_outside_the_picture_is_told(point):
    with pytest.raises(OptionError, match="point must be inside the 14 x 9 picture"):
        Depths(HELD, (9, 14)).at(*point)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.zeros((2, 2, 2)), "depths must have shape"),
        (np.full((2, 2), np.inf), "finite"),
        (np.array([["a"]]), "must be numbers"),
        ("data:image/jpeg;base64,xx", "must be a grey PNG"),
        (uri_from_grey(np.zeros((2, 2), np.uint8)), "mode L"),
        (uri_from_grey(np.zeros((2, 2), np.uint16)), "must be a PNG that tells its range, got ''"),
        (uri_from_grey(np.zeros((2, 2), np.uint16), {"pixwise:depths": json.dumps({"held": [0]})}), "tells its range"),
    ],
)
def test_what_is_no_map_of_depths_is_told(given, said):
    with pytest.raises(ShapeError, match=said):
        Depths.read(given)
