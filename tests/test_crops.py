"""Crops around boxes, and the way back."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixwise.crops import crop_frame, frames_around, from_frames
from pixwise.errors import ShapeError
from pixwise.samples import photo_like

SIZE_HW = (256, 192)


def test_frames_have_the_aspect_of_the_tensor_and_a_margin():
    frames = frames_around([[0, 0, 30, 10], [0, 0, 10, 80]], SIZE_HW)
    np.testing.assert_allclose(frames.sizes, [[37.5, 50], [75, 100]], rtol=1e-6)
    assert frames.centres.tolist() == [[15, 5], [5, 40]]


def test_a_frame_of_the_size_of_the_crop_gives_the_pixels_themselves():
    pixels = photo_like(300, 260, 0)
    crop = crop_frame(pixels, np.float32([95.5 + 20, 127.5 + 10]), np.float32([191, 255]), SIZE_HW)
    np.testing.assert_array_equal(crop, pixels[10:266, 20:212])


def test_first_and_last_pixel_lie_on_the_border_of_the_frame():
    ramp = np.broadcast_to(np.arange(200, dtype=np.uint8)[None, :, None], (100, 200, 3))
    crop = crop_frame(ramp, np.float32([60, 50]), np.float32([80, 40]), (21, 41))
    np.testing.assert_array_equal(crop[10, :, 0], np.arange(20, 101, 2))


def test_it_is_black_outside_the_picture():
    crop = crop_frame(np.full((40, 40, 3), 255, np.uint8), np.float32([0, 20]), np.float32([40, 40]), (41, 41))
    assert (crop[:, :20] == 0).all()
    assert (crop[:40, 20:] == 255).all()
    far = crop_frame(np.full((40, 40, 3), 255, np.uint8), np.float32([900, 20]), np.float32([40, 40]), (41, 41))
    assert not far.any()


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (20_000, 2)])
def test_tiny_and_long_pictures_have_crops(size):
    pixels = np.full((*size, 3), 200, np.uint8)
    frames = frames_around([[0, 0, size[1], size[0]]], SIZE_HW)
    assert crop_frame(pixels, frames.centres[0], frames.sizes[0], SIZE_HW).shape == (*SIZE_HW, 3)


@given(st.floats(0, 500), st.floats(0, 500), st.floats(1, 400), st.floats(1, 400))
def test_corners_of_a_map_are_those_of_its_frame(x, y, width, height):
    frames = frames_around([[x, y, x + width, y + height]], SIZE_HW)
    corners = from_frames([[[0, 0], [47, 63]]], frames, (64, 48))[0]
    np.testing.assert_allclose(corners.mean(axis=0), frames.centres[0], atol=1e-3)
    np.testing.assert_allclose(corners[1] - corners[0], frames.sizes[0], rtol=1e-5)


def test_boxes_must_be_finite():
    with pytest.raises(ShapeError, match="boxes must be finite"):
        frames_around([[0, 0, np.nan, 1]], SIZE_HW)


def test_ten_people_of_twelve_megapixels_are_cut_out_quickly():
    pixels = np.random.default_rng(0).integers(0, 255, (3000, 4000, 3), np.uint8)
    frames = frames_around([[100 + 300 * i, 200, 600 + 300 * i, 2600] for i in range(10)], SIZE_HW)
    started = time.perf_counter()
    for centre, size in zip(*frames, strict=True):
        crop_frame(pixels, centre, size, SIZE_HW)
    assert time.perf_counter() - started < 1.0  # measured 0.03 to 0.06; the machine may be busy
