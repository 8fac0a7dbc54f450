"""Identify: faces to vectors, vectors to names; what is refused, and nothing lost."""

from dataclasses import replace

import numpy as np
import pytest

from pixwise import registry
from pixwise.errors import CardError, OptionError, ShapeError
from pixwise.identity.gallery import Gallery
from pixwise.picture import Picture
from pixwise.points import apply_affine, similarity
from pixwise.results import Faces, Identities, ModelInfo, result_from_dict
from pixwise.samples import photo_like
from pixwise.session import FakeSession, Tensor
from pixwise.tasks.identify import TEMPLATES, Identifier, align, decode_vector

SFACE, AURAFACE = registry.card("sface"), registry.card("auraface")
MODEL = ModelInfo("sface", SFACE.revision, "fp32", "Apache-2.0")
PICTURE = photo_like(200, 300, 4)
TEMPLATE = TEMPLATES["arcface"]


def faces_at(*places, scale=0.5):
    """Faces whose landmarks are the template, scaled and moved to each place."""
    landmarks = np.array([TEMPLATE * scale + place for place in places], np.float32).reshape(-1, 5, 2)
    boxes = np.concatenate([landmarks.min(axis=1), landmarks.max(axis=1)], axis=1).reshape(-1, 4)
    return Faces(scores=np.linspace(0.9, 0.8, len(places)), boxes=boxes, landmarks=landmarks)


def looks(feeds):
    """A vector of each face: the mean colours of its quarters."""
    rows = next(iter(feeds.values()))
    return {"fc1": rows.reshape(len(rows), 3, 2, 56, 2, 56).mean(axis=(3, 5)).reshape(len(rows), 12)}


def identifier(faces, card=SFACE, session=None, **options):
    session = session or FakeSession(looks, (Tensor("data", (-1, 3, 112, 112), "float"),))
    return Identifier(card=card, session=session, helpers={"faces": lambda _: faces}, **options)


def test_each_face_has_a_vector_of_length_one_and_keeps_its_place():
    faces = faces_at((20, 30), (200, 90))
    found = identifier(faces)(PICTURE)
    assert np.linalg.norm(found.vectors, axis=1) == pytest.approx([1, 1])
    assert np.array_equal(found.boxes, faces.boxes)
    assert np.array_equal(found.landmarks, faces.landmarks)
    assert (found.names, found.similarities.tolist(), found.thresholds.tolist()) == (("", ""), [0, 0], [0, 0])


def test_the_faces_of_a_picture_are_one_run():
    task = identifier(faces_at(*[(20 * i, 7 * i) for i in range(10)]))
    assert task(PICTURE).vectors.shape == (10, 12)
    assert [len(fed["data"]) for fed in task.session.fed] == [10]


def test_no_faces_are_an_empty_answer_and_the_model_is_not_asked():
    task = identifier(Faces.empty())
    assert len(task(PICTURE)) == 0
    assert task.session.fed == []


def test_a_picture_without_faces_takes_nothing_from_its_neighbours():
    answers = [faces_at((20, 30)), Faces.empty(), faces_at((200, 90), (5, 5))]
    task = replace(identifier(None, batch=3), helpers={"faces": lambda _: answers.pop(0)})
    assert [len(found) for found in task([PICTURE] * 3)] == [1, 0, 2]


def test_landmarks_go_to_the_template():
    turned = np.array([[0.6, -0.8, 100], [0.8, 0.6, 20]])
    landmarks = apply_affine(turned, TEMPLATE)
    pixels = np.zeros((300, 300, 3), np.uint8)
    x, y = landmarks[2].round().astype(int)
    pixels[y - 2 : y + 3, x - 2 : x + 3] = 255  # the nose
    seen = align(pixels, landmarks, TEMPLATE, (112, 112))[..., 0]
    assert np.argwhere(seen).mean(axis=0)[::-1] == pytest.approx(TEMPLATE[2], abs=1)


def test_a_larger_model_sees_the_same_face_larger():
    landmarks = faces_at((20, 30)).landmarks[0]
    small, large = (align(PICTURE, landmarks, TEMPLATE, (side, side)) for side in (112, 224))
    assert np.abs(large.reshape(112, 2, 112, 2, 3).mean(axis=(1, 3)) - small).mean() < 3


def test_a_face_at_the_border_is_black_where_the_picture_ends():
    feeds, _ = identifier(None).preprocess(Picture.open(np.full((60, 60, 3), 255, np.uint8)), faces_at((-15, 5)))
    assert (feeds["data"][0, :, :, :25].max(), feeds["data"][0, :, 40:90, 40:].min()) == (0, 255)


def test_a_face_outside_the_picture_and_a_tiny_one_are_answered():
    assert identifier(faces_at((20, 20), scale=0.01))(PICTURE).vectors.shape == (1, 12)
    feeds, _ = identifier(None).preprocess(Picture.open(PICTURE), faces_at((5000, 5000)))
    assert not feeds["data"].any()


def test_cards_say_order_and_scale_of_the_pixels():
    picture, faces = Picture.open(PICTURE), faces_at((20, 30))
    plain = identifier(None).preprocess(picture, faces)[0]["data"]
    scaled = identifier(None, AURAFACE).preprocess(picture, faces)[0]["data"]
    assert plain.max() > 200
    assert np.allclose(scaled, plain / 127.5 - 1, atol=1e-5)
    aligned = align(PICTURE, faces.landmarks[0], TEMPLATE, (112, 112))
    assert np.array_equal(plain[0], aligned.transpose(2, 0, 1))


def test_faces_without_landmarks_are_refused_with_the_way_out():
    faces = replace(faces_at((20, 30)), landmarks=np.full((1, 5, 2), np.nan), model=ModelInfo("haar-frontal"))
    with pytest.raises(OptionError, match=r"needs five landmarks .* by 'haar-frontal' without them; find .* yunet"):
        identifier(faces)(PICTURE)


def test_landmarks_in_one_place_are_refused():
    with pytest.raises(ShapeError, match="two points or more in different places"):
        identifier(replace(faces_at((0, 0)), landmarks=np.ones((1, 5, 2))))(PICTURE)


def test_without_faces_to_start_from_the_error_says_how_to_give_them():
    alone = Identifier(card=SFACE, session=FakeSession(looks))
    with pytest.raises(OptionError, match=r"identify needs the answer of faces, got none; use .given\(faces=…\)"):
        alone(PICTURE)
    assert len(alone.given(faces=faces_at((20, 30)))(PICTURE)) == 1


def gallery_of(task):
    gallery = Gallery()
    for name, place in (("Ada", (20, 30)), ("Björn", (200, 90))):
        gallery.add(name, task.given(faces=faces_at(place))(PICTURE))
    return gallery


def test_faces_get_the_names_of_the_gallery(tmp_path):
    faces = faces_at((200, 90), (20, 30))
    task = identifier(faces)
    gallery_of(task).save(tmp_path / "people.npz")
    for gallery in (gallery_of(task), tmp_path / "people.npz", str(tmp_path / "people.npz")):
        found = replace(task, gallery=gallery)(PICTURE)
        assert found.names == ("Björn", "Ada")
        assert found.similarities == pytest.approx([1, 1])


def test_who_is_like_nobody_is_unknown_and_the_similarity_is_told():
    task = identifier(faces_at((100, 60)))
    found = replace(task, gallery=gallery_of(task), threshold=0.999999)(PICTURE)
    assert (found.names, found.similarities[0] > 0.5) == (("unknown",), True)


def test_no_faces_have_no_names():
    assert identifier(Faces.empty(), gallery=gallery_of(identifier(None)))(PICTURE).names == ()


def test_to_an_empty_gallery_everybody_is_unknown():
    assert identifier(faces_at((20, 30)), gallery=Gallery())(PICTURE).names == ("unknown",)


def test_a_gallery_of_another_model_is_refused_before_a_model_is_loaded():
    gallery = gallery_of(identifier(None))
    card = replace(AURAFACE, options={**AURAFACE.options, "threshold": 0.4})
    with pytest.raises(OptionError, match="vectors must be of one model, got 'sface' and 'auraface'"):
        Identifier.check(card, {"gallery": gallery})
    with pytest.raises(OptionError, match="vectors must be of one revision"):
        Identifier.check(replace(SFACE, revision="0" * 40), {"gallery": gallery})


def test_a_revision_that_is_not_known_before_the_fetch_may_be_the_gallerys():
    gallery = Gallery(ModelInfo("auraface", "a" * 40, "fp32", "Apache-2.0"))
    Identifier.check(AURAFACE, {"gallery": gallery, "threshold": 0.4})
    with pytest.raises(OptionError, match="vectors must be of one revision"):
        Identifier.check(replace(AURAFACE, revision="b" * 40), {"gallery": gallery, "threshold": 0.4})


def test_a_model_without_a_threshold_needs_one_for_names_only():
    assert len(identifier(faces_at((20, 30)), AURAFACE)(PICTURE)) == 1
    with pytest.raises(OptionError, match="threshold must be given for model 'auraface', whose card has none"):
        identifier(None, AURAFACE, gallery=Gallery())


@pytest.mark.parametrize("threshold", [1.5, -2, "0.4", True])
def test_a_threshold_that_is_no_cosine_is_refused(threshold):
    with pytest.raises(OptionError, match="threshold must be a cosine from -1 to 1"):
        identifier(None, threshold=threshold)


def test_what_is_no_gallery_is_refused():
    with pytest.raises(OptionError, match=r"gallery must be a Gallery or the path of one, got dict; make one"):
        identifier(None, gallery={"Ada": 1})


def test_an_unknown_template_is_refused_with_the_card():
    with pytest.raises(CardError, match=r"card 'sface': options\.template must be known, got 'arcfase'; did you mean"):
        identifier(None, replace(SFACE, options={"template": "arcfase"}))


@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 1, 1), (3, 1, 4)])
def test_one_vector_per_face_is_taken_out_of_any_shape(shape):
    assert decode_vector({"out": np.arange(12.0).reshape(shape)}).tolist() == np.arange(12.0).reshape(3, 4).tolist()


@pytest.mark.parametrize("raw", [{"a": np.ones((2, 4)), "b": np.ones((2, 4))}, {"a": np.ones((2, 4, 3, 3))}])
def test_outputs_that_are_not_a_vector_per_face_are_refused(raw):
    with pytest.raises(ShapeError, match="one vector per"):
        decode_vector(raw)


def test_vectors_survive_json_in_full_precision():
    found = replace(identifier(faces_at((20, 30), (200, 90)))(PICTURE), model=MODEL)
    assert np.array_equal(result_from_dict(found.to_dict()).vectors, found.vectors)


def test_vectors_of_another_length_are_refused():
    row = {"scores": [1], "boxes": [[0, 0, 1, 1]], "landmarks": np.zeros((1, 5, 2)), "names": [""], "similarities": [0]}
    row |= {"thresholds": [0]}
    with pytest.raises(ShapeError, match=r"Identities\.vectors must have length 1, got 2"):
        Identities(vectors=[[2, 0]], **row)


def test_left_and_right_landmarks_swapped_give_another_face():
    swapped = TEMPLATE[[1, 0, 2, 4, 3]]
    assert np.linalg.norm(similarity(swapped, TEMPLATE)[:, :2] - np.eye(2)) > 0.5
