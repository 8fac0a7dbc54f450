"""Profiles, wide numbers and every mode become sRGB of eight bits."""

import io

import numpy as np
import pytest
from drawn import (
    GREY_LINEAR,
    LOSSLESS,
    P3,
    cmyk_profile,
    near,
    pixels,
    saved,
    scene,
    tiff,
)
from PIL import Image, ImageCms

from pixwise.picture import Picture
from pixwise.reading.colours import lab_from_rgb


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 100.0, 255.0], [0, 100, 255]),
        ([0.0, 65535.0, 32768.0], [0, 255, 128]),
        ([-100.0, 0.0, 100.0], [0, 128, 255]),
        ([1e6, 2e6, 3e6], [0, 128, 255]),
        ([np.nan, 0.0, 1.0], [0, 0, 255]),
        ([-np.inf, 1.0, np.inf], [0, 255, 255]),
        ([np.nan, np.nan, np.nan], [0, 0, 0]),
        ([7e6, 7e6, 7e6], [0, 0, 0]),
    ],
)
def test_tiff_of_floats_becomes_bytes_by_its_range(values, expected):
    grey = pixels(tiff(3, 1, 1, 32, np.array(values, "<f4").tobytes(), form=3))
    assert grey[0, :, 0].tolist() == expected


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "I", "F"])
def test_pillow_images_of_every_mode(mode):
    image = scene().convert("L").convert(mode) if mode in ("I", "F") else scene("RGBA" if mode == "RGBa" else mode)
    expected = image.convert("L").convert("RGB") if mode in ("I", "F") else image.convert("RGB")
    assert near(pixels(image), expected, 3)


@pytest.mark.parametrize("mode", ["RGBa", "La"])
def test_pillow_images_with_multiplied_alpha(mode):
    straight = scene("RGBA" if mode == "RGBa" else "LA")
    straight.putalpha(128)
    assert near(pixels(straight.convert(mode)), pixels(straight), 3)


def test_pillow_images_of_16_bits():
    array = np.array([[0, 32768, 65535]], np.uint16)
    for mode in ("I;16", "I;16B"):
        packed = array.astype("<u2" if mode == "I;16" else ">u2").tobytes()
        assert pixels(Image.frombytes(mode, (3, 1), packed))[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_a_wide_gamut_profile_is_turned_into_srgb(kind):
    image = Image.new("RGB", (16, 16), (200, 100, 50))
    found = pixels(saved(image, kind, icc_profile=P3, **LOSSLESS[kind]))[8, 8].astype(int)
    assert found[0] > 205
    assert found[1] < 100  # more saturated numbers for the same colour
    expected = ImageCms.profileToProfile(
        image, ImageCms.ImageCmsProfile(io.BytesIO(P3)), ImageCms.createProfile("sRGB")
    ).getpixel((8, 8))
    assert near(found, expected, 3)


def test_the_profile_of_a_palette_and_of_alpha_pictures_counts_too():
    straight = pixels(saved(scene(), "PNG", icc_profile=P3))
    assert near(pixels(saved(scene("P"), "PNG", icc_profile=P3)), straight, 3)
    assert near(pixels(saved(scene("RGBA"), "PNG", icc_profile=P3)), straight, 0)


def test_a_grey_profile_counts():
    data = saved(Image.new("L", (4, 4), 55), "PNG", icc_profile=GREY_LINEAR)
    assert near(pixels(data), np.full((4, 4, 3), 128), 3)  # 55 / 255 of the light looks half as bright


def test_a_grey_profile_on_colour_is_ignored():
    assert near(pixels(saved(scene(), "PNG", icc_profile=GREY_LINEAR)), scene(), 0)


def test_a_cmyk_profile_counts():
    image = Image.new("CMYK", (4, 4), (0, 128, 0, 0))
    by_profile, by_arithmetic = pixels(saved(image, "TIFF", icc_profile=cmyk_profile()))[0, 0], pixels(image)[0, 0]
    assert by_arithmetic.tolist() == [255, 127, 255]
    assert by_profile[1] > 135  # the ink of this profile is paler
    assert (by_profile[[0, 2]] > 225).all()


@pytest.mark.parametrize("icc", [b"", b"junk", P3[:200], P3[:128] + bytes(len(P3) - 128), P3.replace(b"acsp", b"nope")])
def test_a_damaged_profile_is_ignored(icc):
    assert near(pixels(saved(scene(), "PNG", icc_profile=icc)), scene(), 0)


def test_the_profile_counts_in_a_scaled_decode_too():
    data = saved(Image.new("RGB", (640, 640), (200, 100, 50)), "JPEG", icc_profile=P3)
    picture = Picture.open(data)
    small = np.asarray(picture.at_least((80, 80)))
    assert small.shape == (160, 160, 3)
    assert near(small[80, 80], picture.pixels()[320, 320], 1)


def test_lab_of_known_colours():
    lab = lab_from_rgb(np.array([[255, 255, 255], [0, 0, 0], [255, 0, 0]], np.uint8))
    assert lab == pytest.approx(np.array([[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20]]), abs=0.05)
