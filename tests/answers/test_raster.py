"""Pixels as a cell: kept, told as a PNG, read back."""

import numpy as np
import pytest
from PIL import Image

from pixwise.answers.raster import Raster
from pixwise.errors import ShapeError
from pixwise.samples import photo_like


def test_what_nobody_can_write_into_is_kept_without_a_copy():
    mine, theirs = np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5, 3), np.uint8)
    mine.setflags(write=False)
    assert Raster(mine).pixels is mine
    assert Raster(theirs).pixels is not theirs
    assert Raster(mine[:2]).pixels is not mine  # its owner may be written into


def test_what_is_told_reads_back_to_the_bit():
    made = Raster(photo_like(30, 40, 0))
    assert Raster.read(made.told()) == made
    assert made.told().startswith("data:image/png;base64,")


def test_an_array_a_pillow_image_and_a_raster_are_taken():
    pixels = photo_like(30, 40, 0)
    assert Raster.read(pixels) == Raster.read(Image.fromarray(pixels)) == Raster.read(Raster(pixels))


def test_pixels_are_kept_apart_and_cannot_be_written():
    pixels = photo_like(30, 40, 0)
    made = Raster(pixels)
    pixels[:] = 0
    assert made.open().any()
    with pytest.raises(ValueError, match="read-only"):
        made.open()[0, 0] = 1


def test_shares_round_to_the_nearest_and_are_cut_off():
    shares = np.array([[[-1.0, 2.0, 0.5]], [[0.2, 0.4980, 0.4981]]])
    assert Raster.from_shares(shares).open().tolist() == [[[0, 255, 128]], [[51, 127, 127]]]


def test_nothing_is_the_empty_text():
    assert Raster().told() == ""
    assert Raster.read("").size_hw == (0, 0)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (np.zeros((2, 2), np.uint8), r"pixels must have shape"),
        (np.zeros((2, 2, 3), np.float32), "pixels must be uint8"),
        ("http://x", "must be a PNG as data:image/png"),
        ("data:image/png;base64,AAAA", "check where it was cut"),
    ],
)
def test_what_is_no_picture_is_refused_with_words(given, words):
    with pytest.raises(ShapeError, match=words):
        Raster.read(given)


def test_numbers_that_are_none_are_refused():
    with pytest.raises(ShapeError, match="finite"):
        Raster.from_shares(np.full((2, 2, 3), np.nan))
