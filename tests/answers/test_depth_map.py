"""Depth maps: metres and numbers without unit are never confused; files, colours, points."""

import errno
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pixwise.errors import OptionError, OutputError, ShapeError
from pixwise.results import DepthMap, MetricDepth, RelativeDepth

PICTURE = np.random.default_rng(1).integers(0, 256, (30, 40, 3), dtype=np.uint8)
SLOPE = np.linspace(1, 5, 30 * 40, dtype=np.float32).reshape(30, 40)
METRES, RELATIVE = MetricDepth.of(SLOPE), RelativeDepth.of(SLOPE)


def test_metres_are_refused_where_there_are_none():
    with pytest.raises(OptionError, match=r"must be metric for that, got relative depth .* \.between\(near_m, far_m\)"):
        RELATIVE.metres()
    with pytest.raises(OptionError, match="must be metric"):
        RELATIVE.points(PICTURE, fov_deg=60)


def test_a_kind_that_the_type_is_not_is_refused():
    with pytest.raises(OptionError, match="kind of MetricDepth must be 'metric', got 'relative'"):
        replace(METRES, kind="relative")


def test_two_known_distances_make_metres_of_relative_depth():
    metres = RELATIVE.between(0.5, 8).metres()
    assert metres[-1, -1] == pytest.approx(0.5)  # the largest number is the nearest
    assert metres[0, 0] == pytest.approx(8)
    assert 1 / metres[15, 0] == pytest.approx(np.interp(SLOPE[15, 0], [1, 5], [1 / 8, 2]), rel=1e-4)


@pytest.mark.parametrize(("near", "far"), [(0, 5), (5, 5), (6, 5), (1, float("inf"))])
def test_distances_that_are_none_are_told(near, far):
    with pytest.raises(OptionError, match="near_m must be above 0 and below far_m"):
        RELATIVE.between(near, far)


def test_points_lie_where_the_camera_saw_them():
    cloud = METRES.points(PICTURE, focal_px=50)
    assert cloud.xyz.shape == (1200, 3)
    x, y, z = cloud.xyz[7 * 40 + 3]
    assert z == pytest.approx(SLOPE[7, 3])
    assert (50 * x / z + 20, 50 * y / z + 15) == pytest.approx((3.5, 7.5), abs=1e-4)
    assert cloud.rgb[7 * 40 + 3].tolist() == PICTURE[7, 3].tolist()


def test_the_field_of_view_is_another_word_for_the_focal_length():
    a, b = METRES.points(PICTURE, fov_deg=90, step=7), METRES.points(PICTURE, focal_px=20, step=7)
    np.testing.assert_allclose(a.xyz, b.xyz, rtol=1e-6)
    assert len(a) == 5 * 6


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "focal_px or fov_deg must be said, got none"),
        ({"focal_px": 9, "fov_deg": 60}, "got both"),
        ({"fov_deg": 180}, "fov_deg must be above 0 and below 180"),
        ({"focal_px": -1}, "focal_px must be above 0"),
        ({"focal_px": 9, "step": 0}, "step must be at least 1"),
    ],
)
def test_cameras_that_are_none_are_told(options, said):
    with pytest.raises(OptionError, match=said):
        METRES.points(PICTURE, **options)


def test_points_need_the_picture_that_was_asked_about():
    with pytest.raises(ShapeError, match="like the depth map"):
        METRES.points(PICTURE[:-1], focal_px=50)


def test_a_16_bit_png_is_in_millimetres_and_tells_it(tmp_path):
    told = METRES.save_png16(tmp_path / "depth.png")
    image = Image.open(tmp_path / "depth.png")
    assert (told.scale, told.offset) == (0.001, 0)
    assert image.text == {"kind": "metric", "scale": "0.001", "offset": "0.0"}
    np.testing.assert_allclose(np.asarray(image) * 0.001, SLOPE, atol=0.0006)


@pytest.mark.parametrize("answer", [RELATIVE, MetricDepth.of(SLOPE * 100), RelativeDepth.of(SLOPE - 3)], ids=repr)
def test_other_ranges_are_told_with_scale_and_offset(answer, tmp_path):
    scale, offset = answer.save_png16(tmp_path / "depth.png")
    back = offset + scale * np.asarray(Image.open(tmp_path / "depth.png")).astype(float)
    np.testing.assert_allclose(back, answer.map(), atol=scale)


def test_numpy_reads_what_is_saved(tmp_path):
    METRES.save_npy(tmp_path / "new" / "depth.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "new" / "depth.npy"), SLOPE)


def test_a_full_disk_is_told_and_leaves_nothing(monkeypatch, tmp_path):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OutputError, match="expected to be written, got No space left on device; free some room"):
        METRES.save_npy(tmp_path / "depth.npy")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("answer", [METRES, RELATIVE, RELATIVE.between(1, 9)], ids=repr)
def test_near_is_red_and_far_is_blue(answer):
    colours, full = np.asarray(answer.coloured()).astype(int), answer.map()
    near = full == (full.max() if answer.nearer_is_larger else full.min())
    far = full == (full.min() if answer.nearer_is_larger else full.max())
    assert (colours[near][0] @ [1, 0, -1]) > 0 > (colours[far][0] @ [1, 0, -1])


def test_the_scale_beside_the_colours_goes_from_near_to_far():
    colours, texts = RELATIVE.between(0.5, 8).legend()
    assert texts == ["near 0.500 m", "0.941 m", "far 8.00 m"]
    assert (len(colours), colours[0][0] > colours[0][2], colours[-1][0] < colours[-1][2]) == (256, True, True)


def test_an_answer_about_no_picture_is_empty():
    empty = DepthMap.empty()
    assert (empty.kind, empty.map().size, DepthMap.from_dict(empty.to_dict()) == empty) == ("", 0, True)
