"""Faces: decoding, options, the built-in cascade."""

from dataclasses import replace

import numpy as np
import pytest
from draw_examples import scene
from PIL import Image

from pixwise import registry
from pixwise.errors import OptionError
from pixwise.picture import Picture
from pixwise.pixels import Fit
from pixwise.results import Faces
from pixwise.session import FakeSession
from pixwise.tasks.faces import FaceDetector, decode_yunet


def grid(size=64):
    """YuNet's twelve outputs with nothing in them."""
    raw = {}
    for stride in (8, 16, 32):
        count = (size // stride) ** 2
        for name, width in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
            raw[f"{name}_{stride}"] = np.zeros((1, count, width), np.float32)
    return raw


def put(raw, stride, row, column, *, score=0.9, delta=(0, 0, 0, 0), landmarks=(0,) * 10, size=64):
    cell = row * (size // stride) + column
    raw[f"cls_{stride}"][0, cell] = raw[f"obj_{stride}"][0, cell] = score
    raw[f"bbox_{stride}"][0, cell] = delta
    raw[f"kps_{stride}"][0, cell] = landmarks
    return raw


def detector(raw, **options):
    return FaceDetector(card=registry.card("yunet"), session=FakeSession(raw), **options)


def answer(raw, fit=None, **options):
    return detector(raw, **options).postprocess(raw, fit or Fit.identity((64, 64)))


def test_a_cell_gives_centre_and_size_in_its_stride():
    boxes, scores, _ = decode_yunet(put(grid(), 16, 1, 2, delta=(0.5, 0, np.log(2), 0)), Fit.identity((64, 64)))
    best = scores.argmax()
    assert boxes[best] == pytest.approx([24, 8, 56, 24], abs=1e-4)
    assert scores[best] == pytest.approx(0.9)


def test_landmarks_are_offsets_from_the_cell():
    _, scores, landmarks = decode_yunet(put(grid(), 8, 3, 1, landmarks=range(10)), Fit.identity((64, 64)))
    assert landmarks[scores.argmax()].tolist() == [[8, 32], [24, 48], [40, 64], [56, 80], [72, 96]]


def test_a_wide_picture_has_wide_grids():
    raw = {name: array.repeat(2, axis=1) for name, array in grid().items()}  # 64 x 128: twice the cells
    raw["cls_32"][0, 3] = raw["obj_32"][0, 3] = 0.9
    boxes, scores, _ = decode_yunet(raw, Fit.identity((64, 128)))
    assert boxes[scores.argmax()].tolist() == [80, -16, 112, 16]


def test_the_score_is_the_geometric_mean():
    raw = put(grid(), 8, 0, 0)
    raw["obj_8"][0, 0] = 0.4
    assert decode_yunet(raw, Fit.identity((64, 64)))[1].max() == pytest.approx(0.6)


def test_the_weaker_of_two_overlapping_faces_is_dropped():
    raw = put(put(grid(), 32, 0, 0, score=0.9), 32, 0, 1, score=0.8, delta=(-0.9, 0, 0, 0))
    assert len(answer(raw)) == 1
    assert len(answer(raw, max_overlap=0.9)) == 2


def test_options_choose_faces():
    raw = put(put(grid(), 32, 1, 1, score=0.8), 8, 0, 0, score=0.95)
    assert answer(raw).scores == pytest.approx([0.95, 0.8])
    assert answer(raw, top=1).scores == pytest.approx([0.95])
    assert answer(raw, min_size=20).scores == pytest.approx([0.8])
    assert answer(raw, min_score=0.9).scores == pytest.approx([0.95])
    assert answer(raw, min_size=20, top=1).scores == pytest.approx([0.8])


def test_faces_come_back_to_the_pixels_of_the_picture():
    fit = Fit((128, 256), (64, 64), (32, 64), (0.25, 0.25))
    faces = answer(put(grid(), 16, 1, 2, landmarks=(0,) * 10), fit)
    assert faces.boxes.tolist() == [[96, 32, 160, 96]]
    assert faces.landmarks[0].tolist() == [[128, 64]] * 5


def test_boxes_end_at_the_picture():
    assert answer(put(grid(), 32, 0, 0)).boxes.tolist() == [[0, 0, 16, 16]]


@pytest.mark.parametrize(("name", "value"), [("min_score", 2), ("max_overlap", -1), ("top", -1), ("min_size", -1)])
def test_options_out_of_range_are_refused(name, value):
    with pytest.raises(OptionError, match=f"{name} must be a number from 0 to .*, got {value}"):
        detector(grid(), **{name: value})


def test_shrink_to_needs_a_model_that_takes_any_size():
    with pytest.raises(OptionError, match=r"shrink_to must be 0 for model 'yunet'.*got 320; leave it out"):
        detector(grid(), shrink_to=320)


def test_small_pictures_are_not_enlarged():
    feeds, fit = detector(grid(640)).preprocess(Picture.open(np.zeros((40, 30, 3), np.uint8)))
    assert (feeds["image"].shape, fit.content_hw, fit.scale_xy) == ((1, 3, 640, 640), (40, 30), (1.0, 1.0))


def three_faces():
    boxes = [[10, 10, 20, 20], [30, 10, 60, 50], [0, 0, 5, 5]]
    return Faces(scores=[0.9, 0.8, 0.75], boxes=boxes, landmarks=np.zeros((3, 5, 2)))


def test_largest_is_the_face_of_most_pixels():
    assert three_faces().largest.boxes.tolist() == [[30, 10, 60, 50]]
    assert len(Faces.empty().largest) == 0


def test_crop_cuts_a_face_out_with_padding_and_stays_inside():
    pixels = np.arange(100 * 100 * 3, dtype=np.uint8).reshape(100, 100, 3)
    faces = three_faces()
    assert np.array_equal(faces.crop(pixels, 1, padding=0), pixels[10:50, 30:60])
    assert faces.crop(pixels, 1, padding=0.5).shape == (70, 60, 3)
    assert faces.crop(pixels, 2, padding=1).shape == (10, 10, 3)


@pytest.fixture(scope="module")
def haar():
    return FaceDetector.load("haar-frontal")


def test_the_built_in_finds_a_drawn_portrait(haar):
    faces = haar(scene())
    assert faces.boxes == pytest.approx(np.array([[116, 112, 266, 262]]), abs=10)
    assert faces.crop(scene(), padding=0).shape == pytest.approx((150, 150, 3), abs=20)


@pytest.mark.assets
def test_the_built_in_finds_a_frontal_face_without_landmarks(haar, assets):
    faces = haar(assets / "data/photos/david1.jpg")
    assert faces.boxes.round().tolist() == [[120, 54, 189, 123]]
    assert np.isnan(faces.landmarks).all()
    assert faces.to_dict()["faces"][0]["landmarks"] == [[None, None]] * 5


@pytest.mark.assets
def test_the_built_ins_boxes_are_in_the_pixels_of_a_large_picture(haar, assets):
    small = Image.open(assets / "data/photos/david1.jpg").convert("RGB")
    large = haar(small.resize((small.width * 8, small.height * 8), Image.Resampling.BICUBIC))
    middle = (large.boxes[0, :2] + large.boxes[0, 2:]) / 2 / 8
    assert middle == pytest.approx([154.5, 88.5], abs=4)


@pytest.mark.assets
def test_replace_shares_the_session(haar, assets):
    assert len(replace(haar, min_score=0.99)(assets / "data/photos/david1.jpg")) == 0
