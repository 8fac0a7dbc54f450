"""Measures against their definitions, and hashes against the library that people use."""

import imagehash
import numpy as np
import pytest
from PIL import Image, ImageFilter

from pixwise.errors import OptionError
from pixwise.picture import Picture
from pixwise.samples import photo_like
from pixwise.tasks.quality import QualityMeter, difference_hash, dominant_colours, noise, perceptual_hash


@pytest.fixture(scope="module")
def meter():
    return QualityMeter.load()


@pytest.fixture(scope="module")
def exact():
    return QualityMeter.load(exact=True)


def hashes(image):
    return str(imagehash.dhash(image)), str(imagehash.phash(image))


@pytest.mark.parametrize("seed", range(20))
def test_hashes_are_those_of_imagehash(exact, seed):
    image = Image.fromarray(photo_like(90 + 17 * seed, 400 - 13 * seed, seed))
    found = exact(image)
    assert (found.dhash, found.phash) == hashes(image)


@pytest.mark.parametrize("grey", [0, 1, 77, 128, 254, 255])
def test_hashes_of_flat_pictures_are_those_of_imagehash(exact, grey):
    image = Image.new("RGB", (64, 48), (grey, grey, grey))
    found = exact(image)
    assert (found.dhash, found.phash) == hashes(image)


@pytest.mark.assets
def test_hashes_of_photographs_are_those_of_imagehash(exact, assets):
    files = [*(assets / "data/coco/images").glob("*.jpg"), *(assets / "data/photos").glob("*.*g")]
    assert len(files) > 35
    for file in files:
        found = exact(file)
        assert (found.dhash, found.phash) == hashes(Picture.open(file).image()), file.name


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "large.jpg"
    Image.fromarray(photo_like(750, 1000)).resize((4000, 3000)).save(path, quality=90)
    return path


def test_hashes_of_a_12_megapixel_photograph_are_those_of_imagehash(exact, large):
    found = exact(large)
    assert (found.dhash, found.phash) == hashes(Image.open(large))


def test_a_scaled_decode_moves_next_to_no_bit_and_no_measure(meter, exact, large):
    quick, slow = meter(large), exact(large)
    for name in ("dhash", "phash"):
        assert (int(getattr(quick, name), 16) ^ int(getattr(slow, name), 16)).bit_count() <= 2
    assert quick.exposure == pytest.approx(slow.exposure, abs=0.002)
    assert quick.contrast == pytest.approx(slow.contrast, abs=0.002)


def test_hashes_differ_where_pictures_do():
    random = np.random.default_rng(0)
    one, other = (random.integers(0, 255, (32, 32), dtype=np.uint8) for _ in range(2))
    assert perceptual_hash(one) != perceptual_hash(other)
    assert difference_hash(one[:8, :9]) != difference_hash(other[:8, :9])
    assert difference_hash(np.tile(np.arange(9, dtype=np.uint8), (8, 1))) == "f" * 16


def test_blur_lowers_sharpness(meter):
    image = Image.fromarray(photo_like(480, 640))
    values = [meter(image.filter(ImageFilter.GaussianBlur(radius))).sharpness for radius in (0, 1, 2, 4)]
    assert values == sorted(values, reverse=True)
    assert values[0] > 5 * values[1]


def test_sharpness_is_the_variance_of_the_laplacian(meter):
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[32, 32] = 100  # answers -400 at the point, 100 at its four neighbours
    assert meter(pixels).sharpness == pytest.approx((400**2 + 4 * 100**2) / 64**2, rel=1e-4)


@pytest.mark.parametrize("deviation", [2, 5, 10, 20])
def test_noise_is_the_deviation_that_was_added(deviation):
    slope = np.add.outer(np.linspace(60, 120, 300), np.linspace(0, 60, 400))
    noisy = slope + np.random.default_rng(0).normal(0, deviation, slope.shape)
    assert noise(noisy) == pytest.approx(deviation, rel=0.02)
    assert noise(slope) == pytest.approx(0, abs=1e-9)


def test_exposure_and_contrast_of_known_pictures(meter):
    half = np.zeros((100, 100, 3), np.uint8)
    half[50:] = 255
    found = meter(half)
    assert (found.exposure, found.contrast) == pytest.approx((0.5, 0.5), abs=1e-4)
    assert (found.underexposed, found.overexposed) == (0.5, 0.5)
    assert meter(np.full((9, 9, 3), 128, np.uint8)).exposure == pytest.approx(128 / 255, abs=1e-4)


def test_flat_colours_come_back_with_their_shares(meter):
    pixels = np.empty((100, 100, 3), np.uint8)
    pixels[:50], pixels[50:80], pixels[80:] = (200, 30, 40), (20, 90, 200), (250, 240, 230)
    found = meter(pixels)
    assert found.hexes == ("#c81e28", "#145ac8", "#faf0e6")
    assert found.shares == pytest.approx([0.5, 0.3, 0.2], abs=0.01)
    assert found.colours.tolist() == [[200, 30, 40], [20, 90, 200], [250, 240, 230]]


def test_shades_of_one_colour_are_one():
    shades = np.full((80, 80, 3), (100, 150, 90), np.uint8)
    shades += np.random.default_rng(0).integers(0, 8, shades.shape, dtype=np.uint8)
    palette, shares = dominant_colours(shades, 5)
    assert len(palette) == 1
    assert shares == pytest.approx([1])
    assert np.abs(palette[0].astype(int) - (103, 153, 93)).max() <= 2


def test_no_more_colours_than_asked_and_shares_fall(meter):
    found = QualityMeter(card=meter.card, session=meter.session, colours=3)(photo_like(200, 300))
    assert len(found) <= 3
    assert list(found.shares) == sorted(found.shares, reverse=True)
    assert found.shares.sum() <= 1 + 1e-6


def test_colours_are_the_same_every_time(meter):
    picture = photo_like(300, 400)
    assert meter(picture).to_dict()["colours"] == meter(picture.copy()).to_dict()["colours"]


@pytest.mark.parametrize("size_hw", [(1, 1), (2, 2), (10, 20_000), (20_000, 10)])
def test_odd_sizes_are_measured(meter, size_hw):
    found = meter(np.full((*size_hw, 3), 90, np.uint8))
    assert (found.sharpness, found.noise, found.hexes) == (0, 0, ("#5a5a5a",))


@pytest.mark.parametrize("value", [0, 17, "many"])
def test_colours_out_of_range_are_refused(value):
    with pytest.raises(OptionError, match="colours must be a number from 1 to 16, got"):
        QualityMeter.load(colours=value)
