"""Detectors with sessions that answer as told; real models and references are in oracle/."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixwise import registry
from pixwise.errors import CardError, OptionError, ShapeError
from pixwise.pixels import Fit, Recipe
from pixwise.registry import Card
from pixwise.samples import photo_like
from pixwise.session import FakeSession, Tensor
from pixwise.tasks import detect
from pixwise.tasks.detect import Detector, tile_boxes

SQUARE = Recipe(size_hw=(100, 100), resize="stretch")
FIT = Fit((100, 100), (100, 100), (100, 100), (1.0, 1.0))
NAMES = ("cat", "dog", "cow")
PICTURE = np.zeros((200, 400, 3), np.uint8)


def detr(scores, head="detr_sigmoid", names=NAMES, **options):
    """A detector whose model gives these probabilities (Q, C); query q's box is centred on share (q + 1) / 10."""
    shares = np.clip(np.asarray(scores, np.float32), 1e-6, 1 - 1e-6)[None]
    logits = np.log(shares / (1 - shares)) if head == "detr_sigmoid" else np.log(shares)
    centres = (np.arange(shares.shape[1]) + 1) / 10
    boxes = np.stack([centres, centres, np.full_like(centres, 0.1), np.full_like(centres, 0.2)], axis=-1)
    card = Card(id="fake", task="detect", head=head, names=names, recipe=SQUARE)
    return Detector(card=card, session=FakeSession({"logits": logits, "pred_boxes": boxes[None]}), **options)


def test_a_sigmoid_head_takes_the_best_pairs_so_a_query_may_answer_twice():
    found = detr([[0.9, 0.8, 0.1], [0.2, 0.1, 0.7], [0.1, 0.1, 0.1]])(PICTURE)
    assert found.labels == ("cat", "dog", "cow")
    assert np.allclose(found.boxes[0], found.boxes[1])


def test_a_sigmoid_head_can_answer_the_last_class():
    assert detr([[0.1, 0.2, 0.9]])(PICTURE).labels == ("cow",)


def test_a_softmax_head_never_answers_its_last_class():
    found = detr([[0.1, 0.0, 0.0, 0.9], [0.0, 0.8, 0.1, 0.1]], "detr_softmax")(PICTURE)
    assert (found.labels, found.scores.tolist()) == (("dog",), [pytest.approx(0.8)])


def test_boxes_come_back_in_the_pixels_of_the_picture():
    np.testing.assert_allclose(detr([[0.9, 0, 0]])(PICTURE).boxes, [[20, 0, 60, 40]], atol=1e-4)


def test_shares_are_of_the_picture_not_of_the_padding():
    detector = detr([[0.9, 0, 0]])
    recipe = Recipe(size_hw=(100, 100), resize="longest", pad="corner", pad_hw=(100, 100))
    padded = replace(detector, card=replace(detector.card, recipe=recipe))
    np.testing.assert_allclose(padded(PICTURE).boxes, [[20, 0, 60, 40]], atol=1e-4)


def test_slots_of_a_vocabulary_that_are_no_class_are_dropped():
    names = registry.names("coco91")
    scores = np.zeros((2, 91))
    scores[0, 12], scores[1, 90] = 0.9, 0.8  # 12 was never a category; 90 is the last
    assert detr(scores, names=names)(PICTURE).labels == ("toothbrush",)


def test_options_choose_rows():
    scores = [[0.9, 0, 0], [0, 0.8, 0], [0, 0, 0.5], [0.6, 0, 0]]
    assert detr(scores, min_score=0.7)(PICTURE).labels == ("cat", "dog")
    assert detr(scores, labels=("cat",))(PICTURE).labels == ("cat", "cat")
    assert detr(scores, labels="cow")(PICTURE).labels == ("cow",)
    assert detr(scores, top=1)(PICTURE).labels == ("cat",)


def test_the_usual_score_depends_on_the_head_and_the_card_may_say_otherwise():
    assert detr([[0, 0, 0]]).min_score == 0.4
    assert detr([[0, 0, 0, 1]], "detr_softmax").min_score == 0.7
    assert Detector.load("hog-people").min_score == registry.card("hog-people").options["min_score"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"min_score": 1.5}, "min_score must be a number from 0 to 1, got 1.5"),
        ({"max_overlap": "a"}, "max_overlap must be a number from 0 to 1, got 'a'"),
        ({"labels": ["dgo"]}, r"label must be one of the model's 3 classes, got 'dgo'; did you mean 'dog'\?"),
        ({"labels": 3}, "labels must be names of classes, got 3; pass a list of strings"),
        ({"tiles": 10}, "tiles must be 0 or at least 64 pixels, got 10"),
        ({"tiles": 640.5}, "tiles must be a whole number, got 640.5"),
    ],
)
def test_options_out_of_range_are_refused(options, words):
    with pytest.raises(OptionError, match=words):
        detr([[0, 0, 0]], **options)


def test_outputs_that_are_not_there_are_named():
    detector = replace(detr([[0, 0, 0]]), session=FakeSession({"boxes": np.zeros((1, 1, 4), np.float32)}))
    with pytest.raises(ShapeError, match=r"outputs of the model must contain 'logits', got boxes; check the head"):
        detector(PICTURE)


def test_a_head_of_another_task_is_refused():
    with pytest.raises(CardError, match=r"head must be one of detr_sigmoid, .* got 'softmax'"):
        Detector(card=Card(id="x", task="detect", head="softmax", recipe=SQUARE), session=FakeSession({}))


def test_values_that_are_not_finite_are_no_boxes():
    raw = {"boxes": np.float32([[[1, 2, 3, 4], [np.nan] * 4]]), "scores": np.float32([[0.9, 0.9]])}
    detector = Detector(card=Card(id="x", task="detect", head="boxes", recipe=SQUARE), session=FakeSession(raw))
    assert len(detector(PICTURE)) == 1


def test_scores_that_are_no_numbers_are_not_nothing_found():
    raw = {"boxes": np.float32([[[1, 2, 3, 4]]]), "scores": np.float32([[np.nan]])}
    detector = Detector(card=Card(id="x", task="detect", head="boxes", recipe=SQUARE), session=FakeSession(raw))
    with pytest.raises(ShapeError, match="scores of the model must be numbers, got NaN; use another precision"):
        detector(PICTURE)


@pytest.mark.parametrize(("asked", "shape"), [((-1, 64, 64), (1, 64, 64)), ((-1, -1, -1), (1, 100, 100))])
def test_a_model_that_asks_for_a_mask_gets_one(asked, shape):
    inputs = (Tensor("pixel_values", (-1, 3, -1, -1), "float"), Tensor("pixel_mask", asked, "int64"))
    session = FakeSession(detr([[0, 0, 0]]).session.answer, inputs)
    replace(detr([[0, 0, 0]]), session=session)(PICTURE)
    mask = session.fed[0]["pixel_mask"]
    assert (mask.shape, mask.dtype, mask.all()) == (shape, np.int64, True)


def test_the_mask_may_be_the_first_input():
    inputs = (Tensor("pixel_mask", (-1, 64, 64), "int64"), Tensor("pixel_values", (-1, 3, -1, -1), "float"))
    session = FakeSession(detr([[0, 0, 0]]).session.answer, inputs)
    replace(detr([[0, 0, 0]]), session=session)(PICTURE)
    assert session.fed[0]["pixel_values"].shape == (1, 3, 100, 100)


def test_tiles_of_other_shapes_than_the_whole_are_padded_and_masked():
    inputs = (Tensor("pixel_values", (-1, 3, -1, -1), "float"), Tensor("pixel_mask", (-1, -1, -1), "float"))
    session = FakeSession(detr([[0, 0, 0]]).session.answer, inputs)
    detector = detr([[0, 0, 0]], tiles=200)
    shortest = replace(detector.card, recipe=Recipe(size_hw=(100, 100), resize="shortest"))
    replace(detector, session=session, card=shortest)(PICTURE)
    fed = session.fed[0]
    assert (fed["pixel_values"].shape, fed["pixel_mask"].dtype) == ((4, 3, 100, 200), np.float32)
    assert fed["pixel_mask"].sum(axis=(1, 2)).tolist() == [100 * 100] * 3 + [100 * 200]  # three tiles and the whole


def test_padding_is_masked_out():
    recipe = Recipe(size_hw=(100, 100), resize="longest", pad="corner", pad_hw=(100, 100))
    inputs = (Tensor("pixel_values", (-1, 3, -1, -1), "float"), Tensor("pixel_mask", (-1, 64, 64), "int64"))
    session = FakeSession(detr([[0, 0, 0]]).session.answer, inputs)
    detector = detr([[0, 0, 0]])
    replace(detector, session=session, card=replace(detector.card, recipe=recipe))(PICTURE)
    assert session.fed[0]["pixel_mask"].sum() == 32 * 64  # the picture is twice as wide as high


def test_a_yolox_output_of_another_size_is_named():
    with pytest.raises(ShapeError, match=r"shape \(1, 189, 5 \+ classes\) .* got \(1, 7, 8\); check head and size_hw"):
        detect.decode_yolox({"o": np.zeros((1, 7, 8))}, replace(FIT, tensor_hw=(96, 96)), {})


# Tiles.


def blobs(threshold=0.6, short=0):
    """A model that boxes bright blobs of nine pixels or more: small ones vanish when a picture is shrunk.

    Its boxes end so many pixels short of the blob.
    """

    def look(row):
        mask = (row.max(axis=0) > threshold).astype(np.uint8)
        stats = cv2.connectedComponentsWithStats(mask)[2][1:]
        boxes = np.full((40, 4), np.nan, np.float32)
        for i, (x, y, w, h, _) in enumerate(stats[stats[:, 4] >= 9][:40]):
            boxes[i] = x + short, y + short, x + w - short, y + h - short
        return boxes

    def answer(feeds):
        boxes = np.stack([look(row) for row in feeds["image"]])
        return {"boxes": boxes, "scores": np.where(np.isnan(boxes[..., 0]), -1, 0.9).astype(np.float32)}

    recipe = Recipe(size_hw=(160, 160), resize="longest", pad="corner", pad_hw=(160, 160))
    card = Card(id="blobs", task="detect", head="boxes", names=("blob",), recipe=recipe)
    return Detector(card=card, session=FakeSession(answer), exact=True)


SQUARES = ((5, 5, 17, 17), (150, 155, 165, 169), (630, 20, 645, 40), (470, 470, 490, 484), (1180, 780, 1200, 800))


def picture_with(boxes, size_hw=(800, 1200)):
    pixels = np.zeros((*size_hw, 3), np.uint8)
    for x1, y1, x2, y2 in boxes:
        pixels[y1:y2, x1:x2] = 255
    return pixels


def test_tiles_find_what_the_whole_misses_and_nothing_twice():
    picture = picture_with(SQUARES)
    assert len(blobs()(picture)) == 0
    found = replace(blobs(), tiles=160)(picture)
    assert sorted(map(tuple, found.boxes.round().astype(int).tolist())) == sorted(SQUARES)


@settings(deadline=None)
@given(st.integers(0, 560), st.integers(0, 360), st.integers(12, 34), st.integers(12, 34))
def test_a_thing_on_a_seam_is_found_once_wherever_it_lies(x, y, width, height):
    box = (x, y, x + width, y + height)
    found = replace(blobs(), tiles=160)(picture_with([box], (400, 600)))
    assert [tuple(map(round, map(float, row))) for row in found.boxes] == [box]


@pytest.mark.parametrize("short", [0, 1])
def test_pieces_are_dropped_though_the_model_ends_them_short_of_the_seam(short):
    found = replace(blobs(short=short), tiles=160)(picture_with([(150, 100, 180, 130)], (400, 600)))
    assert found.boxes.round().tolist() == [[150 + short, 100 + short, 180 - short, 130 - short]]


def test_a_thing_larger_than_a_tile_is_found_whole_and_its_pieces_are_dropped():
    found = replace(blobs(), tiles=160)(picture_with([(100, 100, 900, 600)]))
    assert len(found) == 1
    np.testing.assert_allclose(found.boxes[0], (100, 100, 900, 600), atol=8)  # a pixel of the model is 7.5 here


def test_pictures_no_larger_than_a_tile_are_looked_at_once():
    detector = replace(blobs(), tiles=500)
    detector(picture_with([], (300, 500)))
    assert len(detector.session.fed[0]["image"]) == 1


def test_many_tiles_are_run_a_few_at_a_time():
    detector = replace(blobs(), tiles=160)
    detector(picture_with(SQUARES))
    assert (
        max(len(fed["image"]) for fed in detector.session.fed)
        <= detect.ROWS_AT_ONCE
        < len(tile_boxes((800, 1200), 160))
    )


def test_too_many_tiles_are_refused():
    with pytest.raises(OptionError, match=r"at most 200, got 425 of 64 pixels for 1200 x 800; choose larger tiles"):
        replace(blobs(), tiles=64)(picture_with([]))


def test_a_model_without_a_size_of_its_own_takes_no_tiles():
    with pytest.raises(OptionError, match=r"tiles need a model with a size of its own, got 'hog-people'"):
        Detector.load("hog-people", tiles=640)


def test_tiled_pictures_of_different_sizes_are_answered_like_one_by_one():
    pictures = [picture_with(SQUARES), picture_with([(7, 9, 30, 30)], (200, 900)), picture_with([], (90, 90))]
    detector = replace(blobs(), tiles=160, batch=3)
    assert [len(found) for found in detector(pictures)] == [len(detector(one)) for one in pictures] == [5, 1, 0]


@settings(deadline=None)
@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(64, 1500))
def test_tiles_cover_the_picture_and_overlap(height, width, side):
    boxes = tile_boxes((height, width), side)
    assert (not boxes) == (max(height, width) <= side)
    for low, high, length in ((0, 2, width), (1, 3, height)):
        spans = sorted({(box[low], box[high]) for box in boxes}) or [(0, length)]
        assert (spans[0][0], spans[-1][1]) == (0, length)
        assert all(end - start <= side for start, end in spans if boxes)
        assert all(start <= end - int(side * 0.25) for (_, end), (start, _) in pairwise(spans))


def test_hog_needs_nothing_and_finds_nobody_in_noise():
    assert Detector.load("hog-people")(photo_like(300, 400)).to_dict()["model"]["id"] == "hog-people"


# Names.


@pytest.mark.parametrize(("head", "classes"), [("detr_sigmoid", 4), ("detr_sigmoid", 2), ("detr_softmax", 3)])
def test_a_model_with_another_number_of_classes_is_refused(head, classes):
    told = classes - (head == "detr_softmax")  # its last is "no object"
    with pytest.raises(ShapeError, match=f"model 'fake' must tell 3 classes, one per name of its card, got {told}"):
        detr(np.full((2, classes), 0.5), head)(PICTURE)


def test_a_yolox_model_with_another_number_of_classes_is_refused():
    card = Card(id="fake", task="detect", head="yolox", names=NAMES, recipe=Recipe(size_hw=(32, 32)))
    output = {"output": np.zeros((1, 21, 5 + 80), np.float32)}
    with pytest.raises(ShapeError, match=r"must tell 3 classes, .* got 80; check names"):
        Detector(card=card, session=FakeSession(output))(PICTURE)


def test_a_model_without_names_answers_with_numbers():
    assert detr([[0, 0.9, 0, 0]], names=())(PICTURE).labels == ("class 1",)


def test_the_score_of_a_card_is_checked_like_an_option():
    card = replace(detr([[0, 0, 0]]).card, options={"min_score": 7})
    with pytest.raises(CardError, match=r"options.min_score must be a number from 0 to 1, got 7"):
        Detector(card=card, session=FakeSession({}))


def written(text, **options):
    raw = {"text": np.array([text]), "token_ends": np.array([[len(text)]]), "log_probs": np.float32([[-1]])}
    return Detector(card=registry.card("florence2-base-detect"), session=FakeSession(raw), **options)


BOX = "<loc_100><loc_200><loc_300><loc_400>"


def test_words_of_the_models_own_are_labels_and_numbered_as_they_come():
    found = written(f"dog{BOX}cat{BOX}{BOX}Gemüse{BOX}")(np.zeros((100, 200, 3), np.uint8))
    assert found.labels == ("dog", "cat", "cat", "Gemüse")
    assert found.label_ids.tolist() == [0, 1, 1, 2]
    np.testing.assert_allclose(found.boxes[0], [20.1, 20.05, 60.1, 40.05], atol=1e-3)


def test_written_boxes_are_shares_of_a_model_that_is_not_square():
    found, card = written(f"dog{BOX}"), registry.card("florence2-base-detect")
    wide = replace(found, card=replace(card, recipe=replace(card.recipe, size_hw=(60, 100))))
    np.testing.assert_allclose(wide(np.zeros((100, 200, 3), np.uint8)).boxes, [[20.1, 20.05, 60.1, 40.05]], atol=1e-3)


def test_labels_choose_among_words_of_the_models_own():
    found = written(f"dog{BOX}cat{BOX}", labels=("cat", "unicorn"))(np.zeros((100, 200, 3), np.uint8))
    assert (found.labels, found.label_ids.tolist()) == (("cat",), [0])


def test_tiles_merge_words_of_the_models_own():
    found = written(f"dog{BOX}cat{BOX}", tiles=100)(photo_like(100, 200, 1))
    assert set(found.labels) == {"dog", "cat"}
    assert len(set(found.label_ids.tolist())) == 2


@pytest.mark.parametrize("text", ["", "a dog and a cat", BOX, "dog<loc_1><loc_2><loc_3>", "<>" * 9, "\x00"])
def test_nonsense_is_no_detection(text):
    assert len(written(text)(np.zeros((20, 40, 3), np.uint8))) == 0
