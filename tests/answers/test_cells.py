"""Cells of answers that are masks: kept as they are, told as run lengths, read back."""

import json

import numpy as np
import pytest

from pixwise.answers.cells import brief
from pixwise.errors import ShapeError
from pixwise.masks import Mask
from pixwise.results import ImageInfo, Masks, result_from_dict

EYE = Mask.from_array(np.eye(6, 9) > 0)


def answer(masks, image=ImageInfo("x.png", 9, 6)):  # noqa: B008 (frozen)
    count = len(masks)
    return Masks(
        image=image,
        objects=range(count),
        scores=[0.5] * count,
        stabilities=[1] * count,
        areas=[6] * count,
        boxes=[(0, 0, 6, 6)] * count,
        masks=masks,
    )


def test_a_mask_goes_through_json_as_run_lengths():
    told = json.loads(json.dumps(answer([EYE]).to_dict()))
    assert told["masks"][0]["mask"] == EYE.to_rle() == {"size": [6, 9], "counts": EYE.to_rle()["counts"]}
    assert result_from_dict(told).masks == (EYE,)


def test_rows_are_chosen_and_compared_with_their_masks():
    both = answer([EYE, Mask.from_array(np.ones((6, 9)))])
    assert both[1:][0].mask.area == 54
    assert both != answer([EYE, EYE])


def test_what_is_no_mask_is_told():
    with pytest.raises(ShapeError, match=r"Masks\.masks must be masks, got ndarray; use Mask\.from_array"):
        answer([np.eye(6, 9)])


def test_a_mask_of_another_size_than_the_picture_is_told():
    with pytest.raises(ShapeError, match=r"Masks\.masks must be of the size of the picture, got \[\(3, 3\)\]; enlarge"):
        answer([Mask.from_array(np.eye(3))])


def test_people_see_how_many_pixels_it_has():
    assert (brief(EYE), repr(EYE)) == ("6 px", "<Mask 6 px of 9 x 6>")
    assert "6 px" in answer([EYE])._repr_html_()
