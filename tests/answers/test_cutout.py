"""Pictures made with a matte: colours without the old background, other grounds, shadows."""

import numpy as np
import pytest
from PIL import Image

from pixwise.answers.alpha import Alpha
from pixwise.answers.cutout import colour_from, cut, foreground, over
from pixwise.errors import OptionError
from pixwise.picture import Picture
from pixwise.samples import photo_like

RED, GREEN = np.float32([200, 30, 40]), np.float32([40, 180, 90])


def soft_disc(height=120, width=160, edge=8.0):
    """(H, W) uint8: a disc with a soft edge."""
    y, x = np.mgrid[:height, :width]
    inside = (min(height, width) / 3 - np.hypot(y - height / 2, x - width / 2)) / edge + 0.5
    return np.rint(np.clip(inside, 0, 1) * 255).astype(np.uint8)


def mixed(alpha, fore=RED, back=GREEN):
    share = alpha[..., None] / np.float32(255)
    return np.rint(share * fore + (1 - share) * back).astype(np.uint8)


def where_mixed(alpha):
    return (alpha >= 25) & (alpha < 250)


def test_colours_of_a_plain_foreground_are_found_again():
    alpha = soft_disc()
    found = foreground(mixed(alpha), alpha)
    assert np.abs(found[where_mixed(alpha)] - RED).max() < 12
    assert np.abs(found[where_mixed(alpha)] - RED).mean() < 2


def test_colours_of_a_large_foreground_are_found_again():
    alpha = soft_disc(700, 900, edge=20.0)
    found = foreground(mixed(alpha), alpha)
    assert np.abs(found[where_mixed(alpha)] - RED).mean() < 2


def test_colours_of_hair_are_found_again():
    alpha = np.zeros((600, 800), np.uint8)
    alpha[200:400, 300:500] = 255
    alpha[100:200, 301:500:7] = 120  # a pixel wide: smaller levels do not see each of them
    found = foreground(mixed(alpha), alpha)
    assert np.abs(found[where_mixed(alpha)] - RED).mean() < 4


def test_on_another_ground_no_halo_of_the_old_one_stays():
    alpha = soft_disc()
    picture = Picture.open(mixed(alpha))
    wanted = mixed(alpha, RED, np.float32([0, 0, 0]))
    clean = np.asarray(over(picture, Alpha.read(alpha), (0, 0, 0)))
    naive = np.asarray(over(picture, Alpha.read(alpha), (0, 0, 0), clean=False))
    assert np.abs(clean.astype(int) - wanted).max() <= 6
    assert np.abs(naive.astype(int) - wanted).max() > 30


def test_where_nothing_is_mixed_the_colours_are_the_pictures():
    pixels, alpha = photo_like(60, 80), np.zeros((60, 80), np.uint8)
    alpha[20:40, 20:50] = 255
    assert foreground(pixels, alpha) is pixels


def test_sure_pixels_keep_their_colours():
    pixels, alpha = photo_like(120, 160), soft_disc()
    found = foreground(pixels, alpha)
    assert (found[alpha >= 250] == pixels[alpha >= 250]).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 1000), (1000, 2)], ids=str)
def test_odd_sizes_are_answered(size):
    pixels, alpha = np.full((*size, 3), 90, np.uint8), np.full(size, 128, np.uint8)
    assert foreground(pixels, alpha).shape == (*size, 3)


def test_a_cut_out_is_of_the_pictures_size_and_black_where_nothing_is():
    alpha = soft_disc()
    out = np.asarray(cut(Picture.open(mixed(alpha)), Alpha.read(alpha)))
    assert out.shape == (120, 160, 4)
    assert (out[..., 3] == alpha).all()
    assert not out[alpha == 0].any()  # the background is gone, not only hidden


def test_a_part_is_cut_out():
    alpha = soft_disc()
    whole, part = (cut(Picture.open(mixed(alpha)), Alpha.read(alpha), box) for box in (None, (20, 10, 90, 81)))
    assert part.size == (70, 71)
    assert (np.asarray(part)[..., 3] == np.asarray(whole)[10:81, 20:90, 3]).all()


def test_what_was_transparent_stays_so():
    sticker = np.dstack([mixed(soft_disc()), np.full((120, 160), 255, np.uint8)])
    sticker[:, 80:, 3] = 0
    out = np.asarray(cut(Picture.open(sticker), Alpha.read(np.full((120, 160), 255, np.uint8))))
    assert out[:, :80, 3].min() == 255
    assert out[:, 80:, 3].max() == 0


def test_a_ground_is_a_colour():
    nothing = Alpha.read(np.zeros((20, 30), np.uint8))
    out = over(Picture.open(photo_like(20, 30)), nothing, "#0080ff")
    assert out.getcolors() == [(600, (0, 128, 255))]


def test_a_ground_is_a_picture_that_fills_with_its_centre():
    ground = np.zeros((100, 400, 3), np.uint8)
    ground[:, 100:300] = (0, 200, 0)  # what is left of 4 : 1 in 2 : 1
    out = over(Picture.open(photo_like(20, 40)), Alpha.read(np.zeros((20, 40), np.uint8)), ground)
    assert np.asarray(out)[:, 2:-2, 1].min() > 190


def test_a_blurred_ground_keeps_nothing_of_the_subject():
    alpha = (soft_disc() > 0) * np.uint8(255)
    pixels = mixed(alpha)
    behind = np.asarray(over(Picture.open(pixels), Alpha.read(alpha), "blur"))
    assert np.abs(behind[alpha == 0] - GREEN).max() <= 2


def test_a_shadow_falls_on_the_ground_below_the_subject():
    alpha = (soft_disc() > 0) * np.uint8(255)
    picture, white = Picture.open(mixed(alpha)), (255, 255, 255)
    plain, dark = (np.asarray(over(picture, Alpha.read(alpha), white, shadow=share)) for share in (0.0, 0.6))
    assert (dark[alpha == 255] == plain[alpha == 255]).all()
    below, above = (dark[row, 80, 0] for row in (60 + 47, 60 - 47))
    assert below < above < 255


def test_a_shadow_out_of_range_is_refused():
    with pytest.raises(OptionError, match="shadow must be a number from 0 to 1, got 2"):
        over(Picture.open(photo_like(9, 9)), Alpha.read(np.zeros((9, 9), np.uint8)), (0, 0, 0), shadow=2)


@pytest.mark.parametrize(
    ("given", "colour"),
    [("#ff0080", (255, 0, 128)), ("#f08", (255, 0, 136)), ((1, 2, 3), (1, 2, 3)), ("blur", None), ("a.png", None)],
)
def test_colours_are_read(given, colour):
    assert colour_from(given) == colour


@pytest.mark.parametrize("given", ["#12345", "#gggggg", (1, 2), (1, 2, 256), (0.5, 0.5, 0.5)])
def test_what_looks_like_a_colour_and_is_none_is_refused(given):
    with pytest.raises(OptionError, match="colour must be"):
        colour_from(given)


def test_a_picture_from_memory_is_a_ground_too():
    alpha = Alpha.read(np.zeros((20, 20), np.uint8))
    assert over(Picture.open(photo_like(20, 20)), alpha, Image.new("RGB", (5, 5), (9, 9, 9))).getpixel((3, 3)) == (
        9,
        9,
        9,
    )
