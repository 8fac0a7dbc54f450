"""Alignment and vectors against OpenCV's FaceRecognizerSF, on real faces, from the bytes of a file on.

Tolerances. Aligned pixels: mean absolute difference 0.05 of 255, measured 0.001 at most. OpenCV solves for the same
similarity in single precision and finds landmarks 0.0001 px away; half a pixel costs 2.5 and more. Vectors: cosine
0.999 as promised, measured 0.999999. The pictures have no colour profile but sRGB: OpenCV knows none.
"""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from oracle import recogniser
from oracle.yunet import opencv_faces, own_model, static_copy
from PIL import Image

from pixwise.identity.gallery import Gallery
from pixwise.points import similarity
from pixwise.results import Faces
from pixwise.tasks.faces import FaceDetector
from pixwise.tasks.identify import TEMPLATES, Identifier, align
from pixwise.vectors import unit

pytestmark = [pytest.mark.assets, pytest.mark.oracle]
PICTURES = [
    "photos/david1.jpg",
    "photos/basketball1.png",
    "photos/segmentation_input_rotation0.jpg",
    "coco/images/000000000113.jpg",
    "coco/images/000000000110.jpg",
]
TEMPLATE = TEMPLATES["arcface"]
ALIGNED, ENOUGH = 0.05, 0.999


class Case:
    """A picture's file, OpenCV's faces in it, its aligned crops (BGR) and its vectors."""

    def __init__(self, path, weights, model, folder):
        self.path, pixels = path, cv2.imread(str(path), cv2.IMREAD_COLOR)
        self.pixels = np.ascontiguousarray(pixels[..., ::-1])  # RGB
        height, width = (-(-side // 32) * 32 for side in pixels.shape[:2])
        file = static_copy(weights, folder / f"{path.stem}.onnx", height, width)
        self.faces = opencv_faces(file, self.pixels)  # (N, 15)
        judge = cv2.FaceRecognizerSF.create(str(model / "tiny.onnx"), "")
        self.crops = [judge.alignCrop(pixels, face[None]) for face in self.faces]
        self.vectors = unit(np.concatenate([judge.feature(crop).copy() for crop in self.crops]))

    @property
    def landmarks(self):
        return self.faces[:, 4:14].reshape(-1, 5, 2)

    def apart(self, landmarks):
        """(N,) mean absolute difference of our crops and OpenCV's."""
        ours = [align(self.pixels, five, TEMPLATE, (112, 112)).astype(float) for five in landmarks]
        return np.array([np.abs(mine - crop[..., ::-1]).mean() for mine, crop in zip(ours, self.crops, strict=True)])

    def cosines(self, found):
        return (found.vectors * self.vectors).sum(axis=1)


@pytest.fixture(scope="module")
def weights(assets):
    return assets / "models" / "yunet_n_dynamic.onnx"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return recogniser.save(tmp_path_factory.mktemp("models") / "tiny-face")


@pytest.fixture(scope="module")
def cases(assets, weights, model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("static")
    return {name: Case(assets / "data" / name, weights, model, folder) for name in PICTURES}


@pytest.fixture(scope="module")
def identifier(weights, model, tmp_path_factory):
    detector = FaceDetector.load(own_model(tmp_path_factory.mktemp("own") / "yunet", weights), min_score=0.5)
    return load(model, detector)


def load(model, detector):
    from pixwise.loading import load_card, load_model

    card = load_card(str(model), "identify")
    return Identifier(card=card, session=load_model(card, threads=1), helpers={"faces": detector})


@pytest.mark.parametrize("name", PICTURES)
def test_faces_are_aligned_as_by_opencv(name, cases):
    assert len(cases[name].crops) >= 1
    assert cases[name].apart(cases[name].landmarks).max() < ALIGNED


@pytest.mark.parametrize("name", PICTURES)
def test_from_the_file_on_crops_and_vectors_are_those_of_opencv(name, cases, identifier):
    case, found = cases[name], identifier(cases[name].path)
    assert len(found) == len(case.faces)
    assert case.apart(found.landmarks).max() < ALIGNED
    assert case.cosines(found).min() > ENOUGH


def test_the_vectors_tell_faces_apart(cases):
    vectors = np.concatenate([case.vectors for case in cases.values()])
    between = vectors @ vectors.T
    assert between[~np.eye(len(vectors), dtype=bool)].max() < 0.9


def test_turned_and_scaled_landmarks_are_fitted_as_by_opencv(cases, model):
    case, random = cases["photos/david1.jpg"], np.random.default_rng(0)
    judge = cv2.FaceRecognizerSF.create(str(model / "tiny.onnx"), "")
    for _ in range(20):
        turn, scale = random.uniform(-np.pi, np.pi), random.uniform(0.3, 3)
        rotation = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        five = (TEMPLATE - 56) @ rotation.T + random.uniform(60, 200, 2) + random.normal(0, 2 * scale, (5, 2))
        face = np.float32([[0, 0, 9, 9, *five.reshape(-1), 1]])
        theirs = judge.alignCrop(np.ascontiguousarray(case.pixels[..., ::-1]), face)[..., ::-1]
        ours = align(case.pixels, five.astype(np.float32), TEMPLATE, (112, 112))
        assert np.abs(ours.astype(float) - theirs).mean() < ALIGNED


def ten_faces(cases):
    """Ten copies of a face side by side, the outer ones cut off by the border."""
    portrait = cases["photos/david1.jpg"].pixels[20:160, 90:220]  # (140, 130, 3)
    row = np.concatenate([portrait] * 5, axis=1)[:, 20:-20]
    return np.concatenate([row, row])


def test_ten_faces_are_one_answer_with_a_vector_each(cases, identifier):
    found = identifier(ten_faces(cases))
    assert found.vectors.shape == (10, 128)
    between = found.vectors @ found.vectors.T
    assert between.min() > 0.5  # all of one person, the outer ones without an ear


def test_a_face_at_the_border_is_aligned_as_by_opencv(cases, weights, model, tmp_path, identifier):
    cut = np.ascontiguousarray(cases["photos/david1.jpg"].pixels[60:110, 100:200])  # forehead and chin are outside
    Image.fromarray(cut).save(tmp_path / "cut.png")
    case = Case(tmp_path / "cut.png", weights, model, tmp_path)
    assert len(case.faces) >= 1
    assert case.apart(case.landmarks).max() < ALIGNED
    assert case.cosines(identifier(tmp_path / "cut.png")).min() > ENOUGH
    assert (case.crops[0].max(axis=2) == 0).mean() > 0.05  # there is black in it


def test_a_gallery_of_real_faces_knows_them_again(cases, identifier, tmp_path):
    gallery, pictures = Gallery(), {"David": "photos/david1.jpg", "Player": "photos/basketball1.png"}
    for name, picture in pictures.items():
        gallery.add(name, identifier(cases[picture].path).largest)
    gallery.save(tmp_path / "people.json")
    known = replace(identifier, gallery=str(tmp_path / "people.json"), threshold=0.9)
    darker = (cases["photos/david1.jpg"].pixels * 0.9).astype(np.uint8)
    assert known(darker).names == ("David",)
    assert known(cases["coco/images/000000000113.jpg"].path).largest.names == ("unknown",)


class TestPlantedFaults:
    """What the comparison must notice."""

    @pytest.fixture
    def case(self, cases):
        return cases["photos/david1.jpg"]

    def given(self, identifier, case, landmarks):
        faces = Faces(scores=case.faces[:, 14], boxes=case.faces[:, :4], landmarks=landmarks)
        return identifier.given(faces=faces)(case.pixels)

    def test_none_is_no_fault(self, case, identifier):
        assert case.apart(case.landmarks).max() < ALIGNED
        assert case.cosines(self.given(identifier, case, case.landmarks)).min() > ENOUGH

    def test_bgr_for_rgb(self, case, identifier, tmp_path):
        wrong = load(recogniser.save(tmp_path / "bgr", channels="BGR"), identifier.helpers["faces"])
        assert case.cosines(wrong(case.path)).max() < ENOUGH

    def test_left_for_right(self, case, identifier):
        swapped = case.landmarks[:, [1, 0, 2, 4, 3]]
        assert case.apart(swapped).min() > ALIGNED
        assert case.cosines(self.given(identifier, case, swapped)).max() < ENOUGH

    def test_half_a_pixel(self, case, identifier):
        assert case.apart(case.landmarks + 0.5).min() > ALIGNED
        assert case.cosines(self.given(identifier, case, case.landmarks + 0.5)).max() < ENOUGH

    def test_three_hundredths_too_large(self, case, identifier):
        centre = case.landmarks.mean(axis=1, keepdims=True)
        larger = (case.landmarks - centre) * 1.03 + centre
        assert case.apart(larger).min() > ALIGNED
        assert case.cosines(self.given(identifier, case, larger)).max() < ENOUGH

    def test_a_scale_of_the_pixels(self, case, identifier):
        card = identifier.card
        wrong = replace(identifier, card=replace(card, recipe=replace(card.recipe, scale=1 / 255)))
        assert case.cosines(wrong(case.path)).max() < ENOUGH

    def test_an_affine_map_for_a_similarity(self, case):
        affine, _ = cv2.estimateAffine2D(case.landmarks[0], TEMPLATE)
        squeezed = cv2.warpAffine(case.pixels, affine, (112, 112)).astype(float)
        assert np.abs(squeezed - case.crops[0][..., ::-1]).mean() > ALIGNED
        assert not np.allclose(affine, similarity(case.landmarks[0], TEMPLATE), atol=1e-2)
