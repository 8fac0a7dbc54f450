"""Alpha: kept small, opened to the picture's size, told as a PNG."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from pixwise.answers.alpha import Alpha
from pixwise.errors import ShapeError
from pixwise.pixels import resize


def disc(height, width, centre_xy, radius):
    y, x = np.mgrid[:height, :width]
    return (np.hypot(y - centre_xy[1], x - centre_xy[0]) <= radius) * np.uint8(255)


def test_it_opens_to_the_size_of_the_picture_by_its_filter():
    small = disc(30, 40, (20, 15), 9)
    alpha = Alpha((60, 90), small, "lanczos")
    np.testing.assert_array_equal(alpha.open(), resize(small, (60, 90), "lanczos"))


def test_shares_are_kept_no_larger_than_the_picture():
    alpha = Alpha.from_shares(np.ones((100, 100)), (20, 10))
    assert alpha.held.shape == (20, 10)
    assert (alpha.open() == 255).all()


def test_a_matte_of_twelve_megapixels_takes_what_the_model_saw():
    alpha = Alpha.from_shares(np.zeros((1024, 1024)), (3000, 4000))
    assert alpha.held.nbytes == 1024**2
    assert alpha.open().shape == (3000, 4000)


def test_nothing_is_stretched_by_the_extremes_of_a_picture():
    shares = np.full((8, 8), 0.01)
    shares[2, 3] = 0.04
    assert Alpha.from_shares(shares, (8, 8)).open().max() == 10


def test_what_leaves_0_to_1_by_a_hair_is_clipped():
    assert Alpha.from_shares([[-0.001, 1.002]], (1, 2)).open().tolist() == [[0, 255]]


def test_nan_is_refused():
    with pytest.raises(ShapeError, match="alpha must be finite, got NaN"):
        Alpha.from_shares([[np.nan]], (1, 1))


def test_other_types_are_refused():
    with pytest.raises(ShapeError, match=r"alpha must be uint8, 0 to 255, got float64; use Alpha.from_shares"):
        Alpha((2, 2), np.ones((2, 2)))


def test_the_box_is_in_pixels_of_the_picture():
    alpha = Alpha((100, 200), np.pad(np.full((2, 3), 255, np.uint8), ((1, 7), (2, 5))))
    assert alpha.box() == (40, 10, 100, 30)


def test_the_box_of_nothing_is_four_zeros():
    assert Alpha((9, 9), np.full((9, 9), 20, np.uint8)).box() == (0, 0, 0, 0)


def test_coverage_counts_half_opaque_pixels_half():
    assert Alpha.read(np.uint8([[0, 255], [127, 128]])).coverage == pytest.approx(0.5)


def test_a_feathered_edge_is_softer_and_about_as_wide_as_asked():
    edge = np.zeros((10, 400), np.uint8)
    edge[:, 200:] = 255
    row = Alpha.read(edge).feathered(40).open()[5].astype(int)
    mixed = ((row > 6) & (row < 249)).sum()  # two deviations of ten pixels to each side
    assert 34 <= mixed <= 42
    assert (np.diff(row) >= 0).all()


def test_feathering_counts_pixels_of_the_picture():
    edge = np.zeros((10, 400), np.uint8)
    edge[:, 200:] = 255
    small = Alpha((10, 400), edge[::2, ::2])
    apart = np.abs(small.feathered(40).open()[5].astype(int) - Alpha.read(edge).feathered(40).open()[5])
    assert apart.max() < 12


def test_only_the_largest_thing_stays_with_what_is_mixed_around_it():
    two = np.maximum(disc(60, 100, (25, 30), 18), disc(60, 100, (80, 30), 9))
    alpha = Alpha.read(two).feathered(6)
    alone = alpha.only_largest().open()
    assert (alone[:, :50] == alpha.open()[:, :50]).all()
    assert not alone[:, 70:].any()


def test_one_thing_or_none_stays_as_it_is():
    for held in (disc(20, 20, (9, 9), 5), np.zeros((20, 20), np.uint8)):
        assert Alpha.read(held).only_largest() == Alpha.read(held)


def test_it_is_told_as_a_grey_png_of_the_pictures_size():
    alpha = Alpha((60, 90), disc(30, 40, (20, 15), 9))
    head, data = alpha.to_uri().split(",")
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert (head, image.size, image.mode) == ("data:image/png;base64", (90, 60), "L")
    assert Alpha.read(alpha.to_uri()) == alpha


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("hello", r"alpha must be a grey PNG as data:image/png;base64,…, got 'hello'; give what to_uri\(\) gave"),
        ("data:image/png;base64,%%%", "check where it was cut"),
        (Alpha.read(disc(20, 20, (9, 9), 5)).to_uri()[:-40], "check where it was cut"),
    ],
)
def test_what_is_no_png_is_told(text, why):
    with pytest.raises(ShapeError, match=why):
        Alpha.read(text)


def test_a_coloured_png_is_refused():
    data = io.BytesIO()
    Image.new("RGB", (2, 2)).save(data, "PNG")
    with pytest.raises(ShapeError, match="got one of mode RGB; convert it to L"):
        Alpha.read("data:image/png;base64," + base64.b64encode(data.getvalue()).decode())


def test_it_cannot_be_written_to():
    held = disc(20, 20, (9, 9), 5)
    alpha = Alpha.read(held)
    held[:] = 0
    assert alpha.open().any()
    with pytest.raises(ValueError, match="read-only"):
        alpha.held[0, 0] = 1
