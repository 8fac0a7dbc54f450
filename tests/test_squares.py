"""Pictures padded to a square, smoothed and stretched."""

import numpy as np
import pytest
from PIL import Image

from pixwise.pixels import Recipe, plan, prepare
from pixwise.samples import photo_like
from pixwise.squares import square

RECIPE = Recipe(size_hw=(48, 48), resize="square")


def test_what_is_beside_the_picture_is_black():
    tensor = square(Image.new("RGB", (96, 48), "white"), RECIPE)
    np.testing.assert_allclose(tensor[:, :22], 1, atol=1e-6)
    assert not tensor[:, 27:].any()


def test_boxes_of_the_tensor_lead_back_to_the_picture():
    _, fit = prepare(Image.new("RGB", (100, 50)), (50, 100), RECIPE)
    np.testing.assert_allclose(fit.boxes_to_picture([[12, 12, 24, 48]]), [[25, 25, 50, 50]])
    assert fit.content_hw == plan((50, 100), RECIPE) == (24, 48)


def test_a_plain_colour_stays_as_it_is():
    tensor = square(Image.new("RGB", (700, 700), (10, 200, 30)), RECIPE)
    assert np.abs(255 * tensor - np.float32([10, 200, 30])[:, None, None]).max() < 1e-3


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (7, 5), (48, 48), (301, 200)], ids=str)
def test_any_size_gives_the_size_of_the_model(size):
    tensor = square(Image.fromarray(np.full((*size, 3), 90, np.uint8)), RECIPE)
    assert tensor.shape == (3, 48, 48)
    assert np.isfinite(tensor).all()


def test_numbers_and_channels_are_those_of_the_recipe():
    recipe = Recipe(size_hw=(8, 8), resize="square", channels="BGR", layout="HWC", mean=(0.5, 0, 0), std=(0.5, 1, 2))
    tensor = square(Image.new("RGB", (8, 8), (255, 51, 0)), recipe)
    np.testing.assert_allclose(tensor[4, 4], [-1, 0.2, 0.5], atol=1e-6)


def test_a_scaled_decode_gives_nearly_the_same():
    image = Image.fromarray(photo_like(401, 603, seed=4))
    whole, scaled = square(image, RECIPE), square(image.reduce(2), RECIPE, (301.5, 200.5))
    assert np.abs(whole - scaled).mean() < 0.01
