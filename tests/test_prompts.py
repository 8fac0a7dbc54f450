"""What a user points at: every form of it, and every wrong one."""

import numpy as np
import pytest

from pixwise.errors import OptionError
from pixwise.masks import Mask
from pixwise.pixels import Fit
from pixwise.prompts import PADDING, as_boxes, as_labels, as_masks, as_points, grid_points, mask_logits, prompts_for

HW = (100, 200)


def asked(points=(), labels=(), box=(), size_hw=HW):
    points = as_points(points)
    return prompts_for(points, as_labels(labels, points), as_boxes(box), size_hw)


@pytest.mark.parametrize("one", [(3, 4), [3, 4], "3,4", "3, 4", np.array([3, 4]), [[3, 4]], ["3,4"], [[(3, 4)]]])
def test_a_point_has_many_forms(one):
    assert as_points(one) == (((3.0, 4.0),),)


def test_a_list_of_points_is_one_object_and_lists_of_lists_are_several():
    assert as_points([(1, 2), "3,4"]) == (((1, 2), (3, 4)),)
    assert as_points([[(1, 2)], [(3, 4), (5, 6)]]) == (((1, 2),), ((3, 4), (5, 6)))


def test_points_apart_are_objects_and_stay_so():
    once = as_points([(1, 2), (3, 4)], apart=True)
    assert once == (((1, 2),), ((3, 4),))
    assert as_points(once, apart=True) == once


@pytest.mark.parametrize("given", [(), [], None, "", np.zeros((0, 2))])
def test_nothing_is_nothing(given):
    assert (as_points(given), as_boxes(given)) == ((), ())


@pytest.mark.parametrize("wrong", ["3", "3,4,5", "a,b", [(1, 2, 3)], "3,nan", [(1, float("inf"))], [True, False], 7])
def test_what_is_no_point_is_told(wrong):
    with pytest.raises(OptionError, match=r"point(s)? must be (2 numbers x,y|a list), got"):
        as_points(wrong)


def test_an_object_without_points_is_told():
    with pytest.raises(OptionError, match="each object must have a point, got an empty list; leave it out"):
        as_points([[(1, 2)], []])


@pytest.mark.parametrize("many", [[[(1, 2)]] * 2000, [[(1, 2)] * 2000]])
def test_two_thousand_prompts_are_too_many(many):
    with pytest.raises(OptionError, match=r"(objects|points of an object) must be at most 1000, got 2000; ask for"):
        as_points(many)


def test_labels_are_one_for_each_point_and_1_unless_given():
    points = as_points([[(1, 2)], [(3, 4), (5, 6)]])
    assert as_labels((), points) == ((1,), (1, 1))
    assert as_labels([[1], [0, "1"]], points) == as_labels([1, 0, True], points) == ((1,), (0, 1))


def test_labels_of_another_number_are_told():
    with pytest.raises(OptionError, match="labels must be one for each point, got 1 for 2; 1 is in it, 0 is not"):
        as_labels([1], as_points([(1, 2), (3, 4)]))


@pytest.mark.parametrize("wrong", [2, "yes", -1, 0.5, None])
def test_labels_are_0_or_1(wrong):
    with pytest.raises(OptionError, match=r"label must be 1 \(in the object\) or 0 \(not in it\), got"):
        as_labels([wrong], as_points((1, 2)))


@pytest.mark.parametrize("box", [(1, 2, 3, 4), "1,2,3,4", [[1, 2, 3, 4]], ["1,2,3,4"], np.array([[1, 2, 3, 4]])])
def test_a_box_has_many_forms(box):
    assert as_boxes(box) == ((1, 2, 3, 4),)


@pytest.mark.parametrize("box", [(3, 2, 1, 4), (1, 4, 3, 2), (1, 2, 1, 4), (1, 2, 3, 2)])
def test_empty_and_inverted_boxes_are_told(box):
    with pytest.raises(OptionError, match=r"box must have x1 < x2 and y1 < y2, got .*; its form is left, top"):
        as_boxes(box)


def test_nothing_asks_for_the_centre():
    prompts = asked()
    assert prompts.points.tolist() == [[[100, 50]]]
    assert (prompts.labels.tolist(), prompts.boxes.shape) == ([[1]], (0, 4))


def test_objects_with_fewer_points_are_filled_up():
    prompts = asked([[(1, 2)], [(3, 4), (5, 6)]], [1, 0, 1])
    assert prompts.labels.tolist() == [[1, PADDING], [0, 1]]
    assert prompts.points.shape == (2, 2, 2)


@pytest.mark.parametrize("point", [(-1, 5), (201, 5), (5, 100.5)])
def test_a_point_outside_the_picture_is_told(point):
    with pytest.raises(OptionError, match=r"point must lie in the 200 x 100 picture, got .*; it is x,y"):
        asked(point)


def test_a_box_over_the_edge_is_clipped_and_one_beyond_it_is_told():
    assert asked(box=(150, 50, 999, 999)).boxes.tolist() == [[150, 50, 200, 100]]
    with pytest.raises(OptionError, match=r"box must overlap the 200 x 100 picture, got 300,1,400,9; it is x1,y1,x2"):
        asked(box=(300, 1, 400, 9))


def test_points_and_boxes_are_of_as_many_objects():
    with pytest.raises(OptionError, match="prompts must be of as many objects each, got points of 1, boxes of 2"):
        asked((1, 2), box=[(1, 2, 3, 4), (5, 6, 7, 8)])


def test_the_grid_lies_in_the_middles_of_cells():
    points, labels = grid_points(2, HW)
    assert points == (((50, 25),), ((150, 25),), ((50, 75),), ((150, 75),))
    assert labels == ((1,),) * 4


def test_masks_come_as_masks_arrays_and_run_lengths():
    array = np.eye(4) > 0
    mask = Mask.from_array(array)
    for given in (mask, array, mask.to_rle(), [mask], np.stack([array])):
        assert as_masks(given) == (mask,)


@pytest.mark.parametrize("wrong", ["mask.png", 7, [1, 2], np.zeros(5), ["a"]])
def test_what_is_no_mask_is_told(wrong):
    with pytest.raises(OptionError, match=r"mask must be a Mask, or an \(H, W\) array, got"):
        as_masks(wrong)


def test_a_mask_becomes_logits_of_the_part_that_is_picture():
    fit = Fit(HW, (64, 64), (32, 64), (0.32, 0.32))
    left = np.zeros(HW, bool)
    left[:, :100] = True
    logits = mask_logits(as_masks(left), fit, (16, 16))
    assert logits[0, :8, :8].min() == pytest.approx(10)
    assert logits[0, :8, 8:].max() == logits[0, 8:].max() == pytest.approx(-10)


def test_logits_go_in_as_they_are():
    fit, given = Fit(HW, (64, 64), (32, 64), (0.32, 0.32)), np.arange(256, dtype=np.float32).reshape(16, 16)
    np.testing.assert_array_equal(mask_logits(as_masks(given), fit, (16, 16))[0], given)


def test_a_mask_of_another_size_is_told():
    fit = Fit(HW, (64, 64), (32, 64), (0.32, 0.32))
    with pytest.raises(OptionError, match="mask must be of the size of the picture, 200 x 100, got 9 x 7; give one"):
        mask_logits(as_masks(np.ones((7, 9), bool)), fit, (16, 16))
    with pytest.raises(OptionError, match="mask must be of the size of the model's logits, 16 x 16, got 9 x 7"):
        mask_logits(as_masks(np.ones((7, 9), np.float32)), fit, (16, 16))
    with pytest.raises(OptionError, match="mask must be finite logits, got NaN"):
        as_masks(np.full((16, 16), np.nan))
