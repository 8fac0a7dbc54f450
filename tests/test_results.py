import copy
import dataclasses
import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixwise.answers.raster import Raster
from pixwise.answers.skeleton import Skeleton
from pixwise.errors import OptionError, ShapeError
from pixwise.masks import Mask
from pixwise.results import (
    RESULTS,
    Caption,
    Classes,
    ClassMap,
    Detections,
    Embedding,
    Faces,
    Identities,
    ImageInfo,
    LabelScores,
    ModelInfo,
    Quality,
    Result,
    TextLines,
    columns,
    result_from_dict,
    values,
)
from pixwise.vectors import unit

IMAGE, MODEL = ImageInfo("a b.jpg", 640, 480, "ab" * 32), ModelInfo("m", "0" * 40, "fp32", "MIT")


def three(**changed):
    given = {
        "labels": ["cat", "dog", "cat"],
        "label_ids": [15, 16, 15],
        "scores": [0.9, 0.8, 0.7],
        "boxes": [[0, 0, 10, 10], [5, 5, 20, 30], [1, 2, 3, 4]],
    }
    return Detections(image=IMAGE, model=MODEL, timings_ms={"model": 12.3456}, **{**given, **changed})


def made_up(cls, seed, count):
    """Random rows of the declared types; some landmarks are missing."""
    random = np.random.default_rng(seed)
    made = {}
    for spec in columns(cls):
        if spec.metadata["dtype"] is Mask:
            made[spec.name] = [Mask.from_array(random.random((480, 640)) > 0.9) for _ in range(count)]
            continue
        if spec.metadata["dtype"] is Raster:
            made[spec.name] = [random.integers(0, 256, (4, 5, 3)).astype(np.uint8) for _ in range(count)]
            continue
        kind, shape = spec.metadata["dtype"], (count, *(9 if isinstance(n, str) else n for n in spec.metadata["shape"]))
        numbers = random.integers(0, 9000, shape) if kind is np.int64 else random.uniform(-50, 20_000, shape)
        made[spec.name] = [f"t{seed}é{i}" for i in range(count)] if kind is str else numbers.astype(kind)
        if spec.metadata["missing"]:
            made[spec.name][random.random(shape) < 0.2] = np.nan
        if "D" in spec.metadata["shape"]:
            made[spec.name] = unit(made[spec.name])
    if cls is Embedding:
        return cls(image=IMAGE, model=MODEL, vector=unit(random.normal(size=8 + count)))
    for spec in values(cls):
        kind, shape = spec.metadata["dtype"], spec.metadata["shape"]
        if kind is Skeleton:
            made[spec.name] = Skeleton(tuple(f"left_{i}" for i in range(9)), ((0, 1), (1, 2)))
            continue
        if hasattr(kind, "read"):
            size = (480, 640, 3) if kind is Raster else (480, 640)
            made[spec.name] = kind.read(random.integers(0, 256, size).astype(np.uint8))
            continue
        shape = tuple(9 if isinstance(n, str) else n for n in shape)
        made[spec.name] = random.uniform(0, 500, shape).astype(kind) if shape else kind(random.uniform(0, 500))
    return cls(image=IMAGE, model=MODEL, **made)


def test_rows_are_named_tuples_in_order():
    found = three()
    assert [row.label for row in found] == ["cat", "dog", "cat"]
    assert found[1].box.tolist() == [5, 5, 20, 30]
    assert found[-1].score == np.float32(0.7)
    assert len(found) == 3


def test_columns_become_arrays_of_the_declared_type():
    found = three()
    assert (found.scores.dtype, found.boxes.dtype, found.label_ids.dtype) == (np.float32, np.float32, np.int64)
    assert found.labels == ("cat", "dog", "cat")


def test_arrays_are_read_only_copies():
    mine = np.zeros((3, 4), np.float32)
    found = three(boxes=mine)
    mine[:] = 7
    assert found.boxes.max() == 0
    with pytest.raises(ValueError, match="read-only"):
        found.boxes[0, 0] = 1


def test_fields_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        three().scores = [1]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"boxes": [[1, 2, 3]] * 3}, r"Detections\.boxes must have shape \(N, 4\), got \(3, 3\)"),
        ({"scores": [0.5]}, "as many of each, got labels 3, label_ids 3, scores 1, boxes 3"),
        ({"scores": [0.5, np.nan, 0.1]}, r"Detections\.scores must be finite, got NaN"),
        ({"boxes": [[0, 0, np.inf, 1]] * 3}, r"Detections\.boxes must be finite"),
        ({"label_ids": [1.5, 2.5, 3.5]}, r"Detections\.label_ids must be int64, got float64"),
        ({"scores": ["a", "b", "c"]}, r"Detections\.scores must be float32, got <U1"),
        ({"labels": "cat"}, r"Detections\.labels must be a list of strings, got the string 'cat'"),
        ({"boxes": [[1, 2, 3, 4], [1, 2], [1]]}, r"Detections\.boxes must be numbers of shape \('N', 4\), got list"),
    ],
)
def test_columns_that_do_not_fit_are_refused_with_what_was_expected(changed, words):
    with pytest.raises(ShapeError, match=words):
        three(**changed)


def test_values_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match=r"Quality\.noise must be finite, got nan; say 0"):
        Quality.empty(noise=np.nan)
    with pytest.raises(ShapeError, match=r"Quality\.noise must be float, got 'loud'"):
        Quality.empty(noise="loud")


@pytest.mark.parametrize("cls", RESULTS, ids=lambda cls: cls.__name__)
def test_empty_has_no_rows_and_the_right_shapes(cls):
    nothing = cls.empty(image=IMAGE)
    assert len(nothing) == 0
    assert list(nothing) == []
    assert nothing.image == IMAGE
    for spec in columns(cls):
        if spec.metadata["dtype"] not in (str, Mask, Raster):
            lengths = (0 if isinstance(length, str) else length for length in spec.metadata["shape"])
            assert getattr(nothing, spec.name).shape == (0, *lengths)


def test_an_empty_answer_is_still_true():
    assert Detections.empty()


@pytest.mark.parametrize(
    ("which", "labels"), [([2, 1], "cat dog"), ([True, False, True], "cat cat"), ([], ""), ([-1], "cat")]
)
def test_select_keeps_rows_by_index_or_by_truth(which, labels):
    kept = three().select(which)
    assert kept.labels == tuple(labels.split())
    assert (kept.image, kept.model) == (IMAGE, MODEL)
    assert len(kept.boxes) == len(labels.split())


def test_select_by_a_comparison_of_a_column():
    found = three()
    assert found.select(found.scores > 0.75).labels == ("cat", "dog")


def test_a_slice_is_an_answer_too():
    assert three()[:2] == three().select([0, 1])
    assert three()[::-1].labels == ("cat", "dog", "cat")
    assert len(three()[5:]) == 0


def test_select_refuses_what_is_not_there():
    with pytest.raises(ShapeError, match="select must have indices or booleans, got float32"):
        three().select(three().scores)
    with pytest.raises(ShapeError, match=r"indices of select must be below 3, got \[3\]"):
        three().select([3])
    with pytest.raises(ShapeError, match=r"booleans of select must have shape \(3,\), got \(2,\)"):
        three().select([True, False])


def test_to_dict_has_the_promised_form():
    document = three().to_dict()
    assert list(document) == ["schema", "image", "model", "timings_ms", "detections"]
    assert document["image"] == {"source": "a b.jpg", "width": 640, "height": 480, "sha256": "ab" * 32}
    assert document["model"] == {"id": "m", "revision": "0" * 40, "precision": "fp32", "licence": "MIT"}
    assert document["timings_ms"] == {"model": 12.35}
    assert document["detections"][1] == {"label": "dog", "label_id": 16, "score": 0.8, "box": [5.0, 5.0, 20.0, 30.0]}


@given(st.sampled_from(RESULTS), st.integers(0, 1000), st.integers(0, 4))
def test_json_and_back_is_the_same_document(cls, seed, count):
    line = json.dumps(made_up(cls, seed, count).to_dict(), allow_nan=False)
    read = result_from_dict(json.loads(line))
    assert type(read) is cls
    assert json.dumps(read.to_dict(), allow_nan=False) == line
    assert result_from_dict(read.to_dict()) == read


@given(st.sampled_from(RESULTS), st.integers(0, 1000))
def test_numbers_in_json_are_within_half_of_a_ten_thousandth(cls, seed):
    made = made_up(cls, seed, 3)
    read = cls.from_dict(made.to_dict())
    for spec in columns(cls):
        if spec.metadata["dtype"] is np.float32:
            a, b = getattr(made, spec.name), getattr(read, spec.name)
            assert np.allclose(a, b, rtol=1e-7, atol=5.1e-5, equal_nan=True)


def test_missing_landmarks_are_null_in_json():
    face = Faces(scores=[1], boxes=[[0, 0, 1, 1]], landmarks=np.full((1, 5, 2), np.nan))
    assert face.to_dict()["faces"][0]["landmarks"] == [[None, None]] * 5
    assert result_from_dict(face.to_dict()) == face


@pytest.mark.parametrize("document", [{}, {"schema": "pixwise/detektions/1"}])
def test_documents_of_no_known_kind_are_refused(document):
    with pytest.raises(OptionError, match="document must be an answer with a known schema, got"):
        result_from_dict(document)


def test_documents_that_lack_a_key_are_refused():
    document = three().to_dict()
    del document["detections"][0]["score"]
    with pytest.raises(ShapeError, match="must have key 'score', got none"):
        result_from_dict(document)


def test_a_kind_reads_only_its_own_documents():
    with pytest.raises(OptionError, match="document must have schema 'pixwise/classes/1', got 'pixwise/detections/1'"):
        Classes.from_dict(three().to_dict())


def test_equal_answers_are_equal_whatever_the_time_they_took():
    assert three() == dataclasses.replace(three(), timings_ms={})
    assert three() != three(scores=[0.9, 0.8, 0.6])
    assert three() != three(labels=["cat", "dog", "dog"])
    assert three() != dataclasses.replace(three(), model=ModelInfo("other"))
    assert Detections.empty() != Classes.empty()
    assert Quality.empty(noise=1) != Quality.empty(noise=2)


def test_answers_are_no_keys():
    with pytest.raises(TypeError, match="unhashable"):
        hash(three())


@pytest.mark.parametrize(
    "travel",
    [copy.copy, copy.deepcopy, lambda found: pickle.loads(pickle.dumps(found))],
    ids=["copy", "deep", "pickle"],
)
def test_answers_travel_and_stay_read_only(travel):
    arrived = travel(three())
    assert arrived == three()
    assert arrived.timings_ms == three().timings_ms
    assert not arrived.boxes.flags.writeable


def test_answers_tell_what_they_are():
    assert repr(three()) == "<Detections 3 detections in a b.jpg by m>"
    told = Caption(text="a dog", score=0.5, tokens=3, stop="end")
    assert repr(told) == "<Caption 'a dog' of a picture by ?>"
    assert repr(LabelScores.empty(decided="cat")) == "<LabelScores 'cat' 0 labels in a picture by ?>"


def test_a_notebook_gets_a_table_with_everything_escaped():
    shown = three(labels=["<script>", "a&b", "cat"])._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "a&amp;b" in shown
    assert shown.count("<tr>") == 4
    assert "5.00 5.00 20.00 30.00" in shown


def test_a_notebook_gets_no_endless_table():
    many = Classes(labels=["a"] * 500, label_ids=[0] * 500, scores=[0] * 500)
    assert many._repr_html_().count("<tr>") == 51
    assert "and 450 more" in many._repr_html_()


def test_a_drawing_shows_itself_in_a_notebook():
    assert three().draw(np.zeros((480, 640, 3), np.uint8))._repr_png_().startswith(b"\x89PNG")


def test_an_answer_is_not_drawn_into_a_picture_of_another_size():
    words = r"picture must be 640 x 480 px like a b\.jpg, got 60 x 50; give that picture, or ask about this one"
    with pytest.raises(ShapeError, match=words):
        three().draw(np.zeros((50, 60, 3), np.uint8))


def test_a_face_is_not_cut_out_of_a_picture_of_another_size():
    face = Faces(image=IMAGE, scores=[1], boxes=[[4, 5, 6, 9]], landmarks=np.zeros((1, 5, 2)))
    with pytest.raises(ShapeError, match="picture must be 640 x 480 px"):
        face.crop(np.zeros((50, 60, 3), np.uint8))


def test_numbers_of_a_row_are_pythons_own():
    row = three()[0]
    assert json.dumps([row.label, row.label_id, row.score]) == '["cat", 15, 0.9]'
    assert isinstance(row.box, np.ndarray)


def test_rows_are_kept_by_a_comparison_in_brackets():
    found = three()
    assert found[found.scores > 0.75] == found[[0, 1]] == found[:2]
    with pytest.raises(ShapeError, match="select must have indices or booleans, got <U5"):
        found["score"]


@pytest.mark.parametrize("cls", tuple(filter(columns, RESULTS)), ids=lambda cls: cls.__name__)
def test_one_of_a_kind_is_told_in_the_singular(cls):
    one = {Classes: "1 class in", Detections: "1 detection in", Faces: "1 face in", TextLines: "1 line in"}
    one[Identities], one[ClassMap] = "1 identity in", "1 class in"
    assert one.get(cls, f"1 {cls.rows_key[:-1]} in") in made_up(cls, 1, 1)._repr_html_()


@pytest.mark.parametrize("cls", RESULTS, ids=lambda cls: cls.__name__)
def test_every_kind_has_a_table_a_name_and_a_docstring(cls):
    assert cls._repr_html_(made_up(cls, 1, 2)).count("<tr>") == (3 if columns(cls) else 0)
    assert cls.rows_key != Result.rows_key if columns(cls) else cls.values_key
    assert cls.__doc__
    assert not cls.__doc__.startswith(cls.__name__ + "(")  # dataclass's own


def test_the_largest_face_is_that_of_the_largest_area():
    faces = Faces(scores=[0.9, 0.8], boxes=[[0, 0, 9, 1], [0, 0, 4, 4]], landmarks=np.zeros((2, 5, 2), np.float32))
    assert faces.largest.scores.tolist() == [np.float32(0.8)]
    assert len(Faces.empty().largest) == 0


def test_a_face_is_cut_out_with_padding_inside_the_picture():
    picture = np.arange(100 * 100 * 3, dtype=np.uint32).astype(np.uint8).reshape(100, 100, 3)
    face = Faces(scores=[1], boxes=[[40, 50, 60, 90]], landmarks=np.zeros((1, 5, 2), np.float32))
    assert np.array_equal(face.crop(picture, padding=0), picture[50:90, 40:60])
    assert np.array_equal(face.crop(picture, padding=0.5), picture[30:100, 30:70])


def test_lines_join_into_a_text():
    quad = [[0, 0], [1, 0], [1, 1], [0, 1]]
    lines = TextLines(texts=["one", "two"], scores=[1, 1], quads=[quad] * 2, boxes=[[0, 0, 1, 1]] * 2)
    assert lines.text == "one\ntwo"


# Vectors


def test_vectors_come_back_from_json_to_the_last_bit():
    vector = unit(np.random.default_rng(0).normal(size=512))
    read = result_from_dict(json.loads(json.dumps(Embedding(vector=vector).to_dict())))
    assert np.array_equal(read.vector, vector)
    assert list(Embedding(vector=vector).to_dict()) == ["schema", "image", "model", "timings_ms", "embedding"]


def test_an_answer_without_rows_says_so():
    found = Embedding(vector=[0.6, 0.8])
    assert (len(found), list(found), bool(found)) == (0, [], True)
    with pytest.raises(IndexError, match="Embedding has no rows, only dimension, vector"):
        found[0]


def test_a_vector_is_a_read_only_copy():
    mine = np.float32([0.6, 0.8])
    found = Embedding(vector=mine)
    mine[0] = 9
    assert found.vector.tolist() == pytest.approx([0.6, 0.8])
    with pytest.raises(ValueError, match="read-only"):
        found.vector[0] = 1


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"vector": [3, 4]}, r"Embedding\.vector must have length 1, got 5; use pixwise\.vectors\.unit"),
        ({"vector": [1, 0], "dimension": 3}, r"Embedding\.vector must have 3 numbers, got 2; mend the dimension"),
        ({"vector": [[1, 0]]}, r"Embedding\.vector must have shape \(D,\), got \(1, 2\)"),
        ({"vector": [1, np.nan]}, r"Embedding\.vector must be finite"),
        ({"vector": ["a"]}, r"Embedding\.vector must be float32, got list; convert"),
    ],
)
def test_vectors_that_do_not_fit_are_refused(given, words):
    with pytest.raises(ShapeError, match=words):
        Embedding(**given)


def test_alternative_text_of_a_caption_loses_a_cut_end():
    told = {"score": 0.5, "tokens": 5}
    assert Caption(text="a picture of a dog with a", stop="length", **told).alt_text == "A dog"
    assert Caption(text="a picture of a dog with a", stop="end", **told).alt_text == "A dog with a"
