"""Segments: who owns a pixel, what is dropped and fused, and outputs that are none."""

from dataclasses import replace

import numpy as np
import pytest

from pixwise import registry
from pixwise.errors import OptionError, ShapeError
from pixwise.results import result_from_dict
from pixwise.session import FakeSession
from pixwise.tasks.panoptic import PanopticSegmenter

CARD = replace(registry.card("detr-r50-panoptic"), names=("", "cat", "sky", "grass"), options={"stuff": [2, 3]})
PICTURE = np.zeros((40, 80, 3), np.uint8)


def said(*queries, width=8):
    """Logits (1, Q, 5) and masks (1, Q, 4, width): each query is (class, certainty, first column, last column)."""
    logits, masks = np.zeros((1, len(queries), 5), np.float32), np.full((1, len(queries), 4, width), -9, np.float32)
    for row, (label, certainty, low, high) in enumerate(queries):
        logits[0, row, label] = certainty
        masks[0, row, :, low:high] = 9
    return {"logits": logits, "pred_masks": masks}


def asked(output, **options):
    return PanopticSegmenter(card=CARD, session=FakeSession(output), **options)(PICTURE)


def test_every_pixel_belongs_to_one_segment_the_largest_first():
    answer = asked(said((1, 9, 0, 3), (2, 9, 3, 8)))
    assert (answer.labels, answer.ids.tolist()) == (("sky", "cat"), [2, 1])
    assert answer.things.tolist() == [False, True]
    assert answer.areas.sum() == 40 * 80
    assert answer.boxes[1].tolist() == [0, 0, 30, 40]
    assert answer.id_map()[0, [0, -1]].tolist() == [1, 2]


def test_two_cats_are_two_and_two_skies_are_one():
    output = said((1, 9, 0, 2), (1, 9, 2, 4), (2, 9, 4, 6), (2, 8, 6, 8))
    assert sorted(asked(output).labels) == ["cat", "cat", "sky"]
    assert sorted(asked(output, fuse_stuff=False).labels) == ["cat", "cat", "sky", "sky"]
    assert sorted(asked(output, label_ids_to_fuse=1).labels) == ["cat", "sky"]


def test_after_a_fused_segment_no_number_is_given_out_twice():
    answer = asked(said((2, 9, 0, 2), (1, 9, 2, 4), (2, 8, 4, 6), (1, 9, 6, 8)))
    assert sorted(answer.ids.tolist()) == [1, 2, 3]
    assert answer.mask(1).area == answer.areas[answer.ids.tolist().index(1)] == 40 * 40


def test_the_surer_query_wins_and_who_keeps_little_is_dropped():
    assert asked(said((1, 9, 0, 8), (2, 3, 0, 8))).labels == ("cat",)
    answer = asked(said((1, 9, 0, 4), (2, 3, 0, 8)))  # the sky keeps half of its own
    assert answer.labels == ("cat",)
    assert (answer.id_map()[:, 50:] == 0).all()
    assert asked(said((1, 9, 0, 4), (2, 3, 0, 8)), min_kept=0.3).labels[0] == "sky"


def test_masks_are_asked_by_the_number_of_the_segment():
    answer = asked(said((1, 9, 0, 3), (2, 9, 3, 8)))
    assert answer.mask(1).box == (0, 0, 30, 40)
    with pytest.raises(OptionError, match=r"one of this picture's ids \(1, 2\), got 7"):
        answer.mask(7)


def test_it_goes_there_and_back_as_json():
    answer = asked(said((1, 9, 0, 3), (2, 9, 3, 8)))
    assert result_from_dict(answer.to_dict()).to_dict() == answer.to_dict()


def test_nothing_sure_is_an_empty_map():
    answer = asked(said((4, 9, 0, 8), (1, 0, 0, 8)))
    assert (len(answer), answer.id_map().max()) == (0, 0)


def test_a_class_without_a_name_keeps_its_pixels():
    assert asked(said((0, 9, 0, 8))).labels == ("class 0",)


def test_padding_is_no_part_of_the_picture():
    recipe = replace(CARD.recipe, resize="stretch", size_hw=(32, 32), max_side=0, pad="corner", pad_hw=(32, 64))
    task = PanopticSegmenter(card=replace(CARD, recipe=recipe), session=FakeSession(said((1, 9, 0, 2), (2, 9, 2, 8))))
    assert task(PICTURE).boxes[0].tolist() == [0, 0, 40, 40]


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        ({"logits": np.zeros((1, 2, 9), np.float32)}, "must tell 4 classes, one per name of its card, got 8"),
        ({"pred_masks": np.full((1, 2, 4, 8), np.nan, np.float32)}, "must be numbers, got NaN"),
        ({"logits": np.full((1, 2, 5), np.nan, np.float32)}, "must be numbers, got NaN"),
        ({"pred_masks": np.zeros((1, 3, 4, 8), np.float32)}, r"must have logits \(Q, C \+ 1\) and masks"),
        ({"pred_masks": np.zeros((1, 2, 0, 8), np.float32)}, "check the head of the card"),
    ],
)
def test_outputs_that_are_no_segments_are_told(spoilt, message):
    with pytest.raises(ShapeError, match=message):
        asked(said((1, 9, 0, 3), (2, 9, 3, 8)) | spoilt)


def test_an_output_that_is_not_there_is_told():
    with pytest.raises(ShapeError, match="must contain 'pred_masks', got logits"):
        asked({"logits": np.zeros((1, 2, 5), np.float32)})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label_ids_to_fuse": (4,)}, "whole and from 0 to 3, got 4"),
        ({"label_ids_to_fuse": ("sky",)}, "got 'sky'"),
        ({"min_kept": 2}, "min_kept"),
    ],
)
def test_odd_options_are_told(options, message):
    with pytest.raises(OptionError, match=message):
        asked(said((1, 9, 0, 3)), **options)


def test_two_of_a_class_are_drawn_apart():
    drawn = asked(said((1, 9, 0, 4), (1, 9, 4, 8))).draw(PICTURE)
    assert drawn.getpixel((20, 3)) != drawn.getpixel((60, 3))


def test_another_picture_is_refused_for_drawing():
    with pytest.raises(ShapeError, match="must be 80 x 40"):
        asked(said((1, 9, 0, 3))).draw(np.zeros((9, 9, 3), np.uint8))
