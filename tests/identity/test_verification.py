"""Verify: pictures, answers and vectors; which picture has no face; whose threshold."""

from dataclasses import replace

import numpy as np
import pytest
from identity.test_gallery import MODEL, answer, turned

import pixwise as px
from pixwise.errors import OptionError, ShapeError, SourceError
from pixwise.identity.groups import group
from pixwise.identity.threshold import GIVEN
from pixwise.identity.verification import compare, verify
from pixwise.picture import Picture
from pixwise.registry import card
from pixwise.results import Faces, ImageInfo, ModelInfo, result_from_dict
from pixwise.samples import photo_like


class Known:
    """Stands for a loaded identifier: an answer for each picture, by its width."""

    card = card("sface")

    def __init__(self, **answers):
        self.answers = answers

    def __call__(self, picture):
        return replace(self.answers[f"w{picture.width}"], timings_ms={"model": 2.0})


def picture(width):
    return Picture.open(photo_like(40, width, 0))


def test_two_pictures_are_compared_by_their_largest_faces():
    two = replace(answer(turned(90), turned(8)), boxes=[[0, 0, 5, 5], [0, 0, 30, 30]])
    task = Known(w50=answer(turned(0)), w60=two)
    found = compare(picture(50), picture(60), None, lambda: task)
    assert (found.same, found.similarity) == (True, pytest.approx(np.cos(np.radians(8)), abs=1e-6))
    assert (found.threshold, found.threshold_source) == (0.363, task.card.options["threshold_source"])
    assert (found.pictures.tolist(), found.boxes[1].tolist()) == ([1, 2], [0, 0, 30, 30])
    assert found.timings_ms == {"model": 4.0}


def test_below_the_threshold_they_are_two_people():
    assert not verify(answer(turned(0)), answer(turned(80))).same
    assert verify(answer(turned(0)), answer(turned(80)), threshold=0.1).same
    assert verify(answer(turned(0)), answer(turned(80)), threshold=0.1).threshold_source == GIVEN


def test_at_the_threshold_they_are_one():
    a, b = answer(turned(0)), answer(turned(60))
    cosine = verify(a, b).similarity
    assert verify(a, b, threshold=cosine).same
    assert not verify(a, b, threshold=cosine + 1e-6).same


def test_vectors_need_a_threshold_and_bring_no_row():
    found = px.verify(np.array([2.0, 0, 0]), np.array([1.0, 1, 0]), threshold=0.7)
    assert (found.same, len(found), found.model.id) == (True, 0, "")
    with pytest.raises(OptionError, match="threshold must be given for vectors of 'an unknown model'"):
        px.verify(np.ones(3), np.ones(3))


def test_a_vector_may_be_compared_with_an_answer():
    found = verify(np.array(turned(0)), answer(turned(5), source="b.jpg"))
    assert (found.same, found.pictures.tolist(), found.sources) == (True, [2], ("b.jpg",))


@pytest.mark.parametrize(("place", "word"), [(0, "first"), (1, "second")])
def test_the_picture_without_a_face_is_named(place, word):
    pair = [answer(turned(0)), answer(turned(0))]
    pair[place] = replace(answer(), image=ImageInfo("wall.jpg"))
    with pytest.raises(OptionError, match=rf"{word} picture \(wall.jpg\) must show a face, got none; choose one"):
        verify(*pair)


def test_two_models_or_dimensions_are_refused():
    with pytest.raises(
        OptionError, match="vectors must be of one model, got 'sface' and 'auraface'; ask both with one"
    ):
        verify(answer(turned(0)), answer(turned(0), model=ModelInfo("auraface")))
    with pytest.raises(ShapeError, match="vectors must have one dimension, got 3 and 4"):
        verify(np.ones(3), np.ones(4), threshold=0.5)


def of_folder(tmp_path):
    """A folder whose card says that it made the vectors."""
    (tmp_path / "model.onnx").write_bytes(b"never opened")
    (tmp_path / "card.toml").write_text(
        'id = "mine"\ntask = "identify"\nhead = "vector"\n[options]\nthreshold = 0.5\n'
        '[input]\nsize_hw = [8, 8]\n[[files]]\npart = "model"\npath = "model.onnx"\n'
    )
    return str(tmp_path)


def test_the_card_of_a_folder_tells_the_threshold_of_its_answers(tmp_path):
    mine = [answer(turned(angle), model=ModelInfo("mine")) for angle in (0, 55)]
    found = verify(*mine, model=of_folder(tmp_path))
    assert (found.same, found.threshold, found.threshold_source) == (True, 0.5, "the card of mine")
    assert group(mine, model=of_folder(tmp_path)).tolist() == [0, 0]


def test_a_model_that_did_not_make_the_vectors_tells_no_threshold(tmp_path):
    with pytest.raises(OptionError, match="model must be the one that made the vectors, 'sface', got 'mine'; leave it"):
        verify(answer(turned(0)), answer(turned(5)), model=of_folder(tmp_path))


def test_a_row_of_an_answer_is_refused_with_the_way_out():
    with pytest.raises(OptionError, match=r"got a row; say answer.select\(\[0\]\) for row 0"):
        verify(answer(turned(0))[0], answer(turned(5)))


def test_thresholds_of_numpy_are_numbers():
    assert verify(answer(turned(0)), answer(turned(5)), threshold=np.float32(0.5)).threshold == 0.5


def test_faces_without_vectors_are_refused_with_the_way_out():
    with pytest.raises(OptionError, match=r"faces must come with vectors, .* ask px.identify"):
        verify(Faces.empty(), answer(turned(0)))


def test_a_wrong_path_or_option_costs_no_model():
    with pytest.raises(SourceError, match=r"none.jpg"):
        verify("none.jpg", answer(turned(0)))
    with pytest.raises(OptionError, match="threshold must be a cosine from -1 to 1, got 2"):
        verify("none.jpg", "none.jpg", threshold=2)
    with pytest.raises(OptionError, match="option of verify must be known, got 'treshold'; did you mean 'threshold'"):
        verify("none.jpg", "none.jpg", treshold=0.4)


def test_the_answer_survives_json_and_can_be_drawn():
    a = replace(answer(turned(0)), boxes=[[5, 5, 30, 30]], image=ImageInfo("a.jpg", 80, 60))
    found = verify(a, answer(turned(5), source="b.jpg"))
    told = found.to_dict()
    assert told["verification"]["same"] is True
    assert result_from_dict(told).to_dict() == told
    assert found.model == MODEL
    assert found.draw(photo_like(60, 80, 0)).size == (80, 60)
