"""Pictures resized in floats, against the definition written out pixel by pixel."""

import math

import numpy as np
import pytest

from pixwise.pixels import margins, prepare
from pixwise.recipe import Recipe
from pixwise.sampling import sample

PIXELS = np.random.default_rng(0).integers(0, 256, (7, 11, 3), dtype=np.uint8)


def plain(pixels, size_hw, margin_hw, corners):
    """(h, w, 3): the slow way, with the mirrored picture made."""
    (above, beside), padded = margin_hw, pixels.astype(float)
    padded = np.pad(padded, ((above, above), (beside, beside), (0, 0)), "reflect")
    out = np.zeros((*size_hw, 3))
    for y, x in np.ndindex(*size_hw):
        at = []
        for place, target, length in zip((y, x), size_hw, padded.shape, strict=False):
            step = (length - 1) / max(1, target - 1) if corners else length / target
            at.append(place * step if corners else max(0, (place + 0.5) * step - 0.5))
        (low_y, low_x), (v, u) = map(math.floor, at), (each % 1 for each in at)
        high_y, high_x = min(low_y + 1, len(padded) - 1), min(low_x + 1, padded.shape[1] - 1)
        upper = (1 - u) * padded[low_y, low_x] + u * padded[low_y, high_x]
        out[y, x] = (1 - v) * upper + v * ((1 - u) * padded[high_y, low_x] + u * padded[high_y, high_x])
    return out


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("margin_hw", [(0, 0), (3, 5), (9, 14)], ids=str)
@pytest.mark.parametrize("size_hw", [(5, 20), (1, 1), (7, 11)], ids=str)
def test_it_is_the_definition(corners, margin_hw, size_hw):
    recipe = Recipe((5, 5), resample="sampled_corners" if corners else "sampled", scale=1.0)
    got = sample(PIXELS, size_hw, margin_hw, recipe).transpose(1, 2, 0)
    np.testing.assert_allclose(got, plain(PIXELS, size_hw, margin_hw, corners), atol=1e-3)


def test_a_picture_of_one_pixel_is_that_pixel():
    tensor = sample(PIXELS[:1, :1], (4, 6), (2, 2), Recipe((4, 6), resample="sampled", scale=1.0))
    np.testing.assert_allclose(tensor, np.broadcast_to(PIXELS[0, 0][:, None, None], (3, 4, 6)), rtol=1e-6)


def test_channels_and_layout_are_the_recipes():
    recipe = Recipe((4, 6), resample="sampled", channels="BGR", layout="HWC", scale=1.0)
    plain_one = sample(PIXELS, (4, 6), (0, 0), Recipe((4, 6), resample="sampled", scale=1.0))
    np.testing.assert_array_equal(sample(PIXELS, (4, 6), (0, 0), recipe), plain_one[::-1].transpose(1, 2, 0))


def test_the_fit_leads_back_from_behind_the_margin():
    from PIL import Image

    recipe = Recipe((64, 64), resample="sampled_corners", reflect=3.0)
    _, fit = prepare(Image.fromarray(np.zeros((200, 128, 3), np.uint8)), (200, 128), recipe)
    assert margins((200, 128), recipe) == (30, 24)
    corners = fit.points_to_picture([[24 * 64 / 176, 30 * 64 / 260], [64, 64]])
    np.testing.assert_allclose(corners, [[0, 0], [152, 230]], atol=1e-3)
