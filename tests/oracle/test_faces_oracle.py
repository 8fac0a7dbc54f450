"""YuNet against OpenCV's own reading of the same file, and against a face whose landmarks are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from oracle.yunet import FIXED, opencv_faces, own_model, pixels_of, static_copy
from PIL import Image

from pixwise.picture import Picture
from pixwise.pixels import Fit
from pixwise.tasks.faces import FaceDetector

pytestmark = [pytest.mark.assets, pytest.mark.oracle]
FRONTAL = {  # picture → (left, top, right, bottom) that holds the middle of a face looking at the camera
    "photos/david1.jpg": [(140, 80, 168, 104)],
    "photos/basketball1.png": [(80, 100, 100, 128)],
    "photos/segmentation_input_rotation0.jpg": [(42, 44, 57, 60), (88, 52, 102, 67)],
    "coco/images/000000000113.jpg": [(95, 90, 122, 120), (222, 108, 250, 140)],
    "coco/images/000000000110.jpg": [(60, 210, 125, 275)],
    "coco/images/000000000036.jpg": [(245, 215, 285, 265)],
}


@pytest.fixture(scope="module")
def weights(assets):
    return assets / "models" / "yunet_n_dynamic.onnx"


@pytest.fixture(scope="module")
def detector(weights, tmp_path_factory):
    return FaceDetector.load(own_model(tmp_path_factory.mktemp("own") / "yunet", weights), min_score=0.5)


def agrees(faces, reference: np.ndarray) -> bool:
    """Boxes and landmarks within 0.1 px, scores within 1e-3: two runtimes, the same float32 arithmetic."""
    if len(faces) != len(reference):
        return False
    boxes = np.concatenate([reference[:, :2], reference[:, :2] + reference[:, 2:4]], axis=1)
    height, width = faces.image.height, faces.image.width
    boxes = np.clip(boxes, 0, [width, height, width, height])  # OpenCV's may reach outside
    return bool(
        np.abs(faces.boxes - boxes).max() < 0.1
        and np.abs(faces.landmarks - reference[:, 4:14].reshape(-1, 5, 2)).max() < 0.1
        and np.abs(faces.scores - reference[:, 14]).max() < 1e-3
    )


@pytest.mark.parametrize("name", FRONTAL)
def test_any_size_is_answered_as_by_opencv(name, assets, weights, detector, tmp_path):
    pixels = pixels_of(assets, name)
    height, width = (-(-side // 32) * 32 for side in pixels.shape[:2])
    reference = opencv_faces(static_copy(weights, tmp_path / "static.onnx", height, width), pixels)
    assert agrees(detector(pixels), reference)


@pytest.mark.parametrize("name", ["photos/david1.jpg", "coco/images/000000000113.jpg"])
def test_a_model_of_one_size_is_answered_as_by_opencv(name, assets, weights, tmp_path):
    pixels = pixels_of(assets, name)
    file = static_copy(weights, tmp_path / "static.onnx", 640, 640)
    detector = FaceDetector.load(own_model(tmp_path / "own", file, pad=FIXED, side=640), min_score=0.5)
    padded = np.zeros((640, 640, 3), np.uint8)
    padded[: pixels.shape[0], : pixels.shape[1]] = pixels
    assert agrees(detector(pixels), opencv_faces(file, padded))


def test_a_picture_above_the_models_size_is_scaled_and_its_faces_come_back_to_its_own_pixels(assets, weights, tmp_path):
    file = static_copy(weights, tmp_path / "static.onnx", 640, 640)
    detector = FaceDetector.load(own_model(tmp_path / "own", file, pad=FIXED, side=640))
    small = Image.open(assets / "data/coco/images/000000000113.jpg").convert("RGB")
    large = detector(small.resize((small.width * 3, small.height * 3), Image.Resampling.BICUBIC))
    assert np.abs(large.boxes / 3 - detector(small).boxes).max() < 1.5


@pytest.fixture(scope="module")
def case(assets, weights, tmp_path_factory):
    pixels = pixels_of(assets, "coco/images/000000000113.jpg")
    file = static_copy(weights, tmp_path_factory.mktemp("static") / "static.onnx", 640, 416)
    return pixels, opencv_faces(file, pixels)


class TestPlantedFaults:
    """What the comparison must notice."""

    def test_none_is_no_fault(self, case, detector):
        assert agrees(detector(case[0]), case[1])

    def test_rgb_for_bgr(self, case, weights, tmp_path):
        wrong = FaceDetector.load(own_model(tmp_path / "own", weights, channels="RGB"), min_score=0.5)
        assert not agrees(wrong(case[0]), case[1])

    def test_half_a_pixel(self, case, detector):
        feeds, fit = detector.preprocess(Picture.open(case[0]))
        faces = detector.postprocess(detector.run(feeds), replace(fit, offset_xy=(0.5, 0.5)))
        assert not agrees(replace(faces, image=detector(case[0]).image), case[1])

    def test_left_for_right(self, case, detector):
        faces = detector(case[0])
        assert not agrees(replace(faces, landmarks=faces.landmarks[:, [1, 0, 2, 4, 3]]), case[1])

    def test_class_without_objectness(self, case, detector):
        feeds, fit = detector.preprocess(Picture.open(case[0]))
        raw = {name: np.ones_like(array) if name[:3] == "obj" else array for name, array in detector.run(feeds).items()}
        faces = detector.postprocess(raw, fit)
        assert not agrees(replace(faces, image=detector(case[0]).image), case[1])


def known_landmarks(assets: Path) -> np.ndarray:
    """(5, 2) of `david1.jpg`, from the 68 points of its truth, in our order."""
    lines = (assets / "data/photos/david1.pts").read_text().split("{")[1].split("}")[0].split()
    points = np.array(lines, float).reshape(68, 2)
    return np.stack([points[36:42].mean(axis=0), points[42:48].mean(axis=0), points[30], points[48], points[54]])


def test_landmarks_are_where_the_truth_has_them(assets, detector):
    truth = known_landmarks(assets)
    found = detector(assets / "data/photos/david1.jpg").largest.landmarks[0]
    apart = np.linalg.norm(found - truth, axis=1) / np.linalg.norm(truth[0] - truth[1])
    assert apart.max() < 0.15


def test_the_subjects_right_eye_is_on_the_left_of_a_frontal_picture(assets, detector):
    right_eye, left_eye, nose, right_mouth, left_mouth = detector(assets / "data/photos/david1.jpg").landmarks[0]
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_mouth[0] < left_mouth[0]
    assert right_eye[1] < nose[1] < right_mouth[1]


@pytest.mark.parametrize("name", FRONTAL)
def test_every_frontal_face_is_found(name, assets, detector):
    faces = replace(detector, min_score=0.7)(assets / "data" / name)
    middles = (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2
    for x1, y1, x2, y2 in FRONTAL[name]:
        assert any(x1 <= x <= x2 and y1 <= y <= y2 for x, y in middles)


def test_a_turned_picture_with_its_exif_note_gives_the_same_faces(assets, detector, tmp_path):
    upright = Image.open(assets / "data/photos/david1.jpg").convert("RGB")
    exif = Image.Exif()
    exif[274] = 6
    upright.rotate(90, expand=True).save(tmp_path / "turned.png", exif=exif)
    turned, straight = detector(tmp_path / "turned.png"), detector(upright)
    assert np.array_equal(turned.boxes, straight.boxes)
    assert np.array_equal(turned.landmarks, straight.landmarks)


def test_shrink_to_bounds_what_the_model_sees(assets, detector):
    small = replace(detector, shrink_to=160)
    feeds, fit = small.preprocess(Picture.open(assets / "data/photos/david1.jpg"))
    assert (feeds["input"].shape, fit) == ((1, 3, 128, 160), Fit((240, 320), (128, 160), (120, 160), (0.5, 0.5)))
    assert len(small(assets / "data/photos/david1.jpg")) == 1


def test_a_batch_of_pictures_of_different_sizes_is_as_one_by_one(assets, detector):
    pictures = [pixels_of(assets, name) for name in (*FRONTAL, *list(FRONTAL)[:2])]
    together = replace(detector, batch=4)(pictures)
    for faces, alone in zip(together, map(detector, pictures), strict=True):
        assert np.abs(faces.landmarks - alone.landmarks).max() < 1e-3
        assert np.abs(faces.scores - alone.scores).max() < 1e-5
