"""Names on faces, and the two faces of a verification."""

from dataclasses import replace

import numpy as np
import pytest

from pixwise.draw import colour_of, draw
from pixwise.draw.canvas import Canvas
from pixwise.results import Identities, Verification
from pixwise.samples import photo_like

PICTURE = photo_like(240, 320, 0)
BOXES = [[40, 100, 100, 180], [200, 100, 260, 180]]


def identities(*names):
    count = len(names)
    return Identities(
        scores=[0.9] * count, boxes=BOXES[:count], landmarks=np.full((count, 5, 2), np.nan), names=names,
        similarities=[0.7] * count, thresholds=[0.5] * count, vectors=np.eye(count, 4),
    )  # fmt: skip


@pytest.fixture
def said(monkeypatch):
    """What is written on labels and in the legend."""
    texts = []
    monkeypatch.setattr(Canvas, "label", lambda self, text, *rest, **more: texts.append(text))
    monkeypatch.setattr(Canvas, "legend", lambda self, rows: texts.extend(row.text for row in rows))
    return texts


def test_names_stand_on_faces_with_how_alike_they_are(said):
    draw(PICTURE, identities("Ада", "unknown"))
    assert said == ["Ада 0.70", "unknown 0.70"]


def test_without_a_gallery_they_are_faces(said):
    draw(PICTURE, identities("", ""))
    assert said == ["face 0.90", "face 0.90"]


def test_a_person_has_a_colour_of_their_own():
    drawn = np.array(draw(PICTURE, identities("Ada", "unknown")))
    for box, name in zip(BOXES, ("Ada", "unknown"), strict=True):
        ring = drawn[box[1] - 3 : box[3] + 3, box[0] - 3 : box[2] + 3].reshape(-1, 3)
        assert (ring == colour_of(name)).all(axis=1).any()


def test_a_verification_shows_the_face_of_its_first_picture_only(said):
    found = Verification(
        same=True, similarity=0.76, threshold=0.363, threshold_source="x",
        pictures=[1, 2], sources=["a", "b"], scores=[0.9, 0.9], boxes=BOXES,
    )  # fmt: skip
    drawn = np.array(draw(PICTURE, found))
    assert said == ["same person", "same person: 0.76", "threshold 0.36"]
    assert np.array_equal(drawn[90:190, 190:270], PICTURE[90:190, 190:270])
    draw(PICTURE, replace(found, same=False))
    assert said[3] == "different people"
