import time
import tracemalloc

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as coco

from pixwise import boxes as B
from pixwise.errors import OptionError, ShapeError


def proper_boxes(min_size=1, max_size=12):
    """Lists of xyxy boxes on a grid of quarter pixels: sums are exact, so that properties need no tolerance."""
    quarter = st.integers(0, 4000).map(lambda number: number / 4)
    box = st.tuples(quarter, quarter, quarter, quarter).map(
        lambda edges: (*map(min, edges[:2], edges[2:]), *map(max, edges[:2], edges[2:]))
    )
    return st.lists(box, min_size=min_size, max_size=max_size).map(lambda rows: np.array(rows).reshape(-1, 4))


def crowd(count, extent, seed=0):
    """Boxes of 20 to 80 px in a square, and scores without ties."""
    random = np.random.default_rng(seed)
    corners = random.uniform(0, extent, (count, 2))
    boxes = np.concatenate([corners, corners + random.uniform(20, 80, (count, 2))], axis=1)
    return boxes.astype(np.float32), (1 + random.permutation(count)).astype(np.float32) / count


def slow_iou(a, b):
    """One pair, by the definition."""
    wide, high = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(0, wide) * max(0, high)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both
    return both / union if union else 0.0


def slow_nms(boxes, scores, max_overlap):
    """The textbook's loop over pairs."""
    kept = []
    for index in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        if all(slow_iou(boxes[index], boxes[better]) <= max_overlap for better in kept):
            kept.append(index)
    return kept


def test_iou_of_the_example_is_four_fourteenths():
    assert B.iou([[1, 1, 4, 4]], [[2, 2, 5, 5]]) == pytest.approx(4 / 14, abs=1e-7)


def test_iou_of_disjoint_and_of_touching_boxes_is_zero():
    assert B.iou([[0, 0, 1, 1]], [[5, 5, 6, 6], [1, 0, 2, 1]]).tolist() == [[0, 0]]


def test_iou_of_empty_boxes_is_zero_not_nan():
    assert B.iou([[3, 3, 3, 3]], [[3, 3, 3, 3], [0, 0, 9, 9]]).tolist() == [[0, 0]]


def test_iou_of_no_boxes_has_no_rows():
    assert B.iou([], [[0, 0, 1, 1]]).shape == (0, 1)
    assert B.iou(np.zeros((2, 4)), []).shape == (2, 0)


def test_nan_goes_through_iou_instead_of_looking_like_no_overlap():
    assert np.isnan(B.iou([[0, 0, np.nan, 1]], [[0, 0, 1, 1]])).all()


def test_boxes_of_unsigned_integers_do_not_wrap():
    box = np.array([[250, 10, 20, 255]], np.uint8)
    assert B.area(box) == [0]
    assert B.iou(box, np.array([[0, 0, 255, 255]], np.uint8)) == [[0]]


def test_iou_refuses_boxes_of_the_wrong_shape():
    with pytest.raises(ShapeError, match=r"a must have shape \(N, 4\), got \(3,\)"):
        B.iou([1, 2, 3], [[0, 0, 1, 1]])


@given(proper_boxes(), proper_boxes())
def test_iou_is_symmetric_and_between_zero_and_one(a, b):
    overlap = B.iou(a, b)
    assert np.array_equal(overlap, B.iou(b, a).T)
    assert ((overlap >= 0) & (overlap <= 1)).all()


@given(proper_boxes())
def test_iou_of_a_box_with_itself_is_one_unless_it_is_empty(boxes):
    assert np.array_equal(np.diag(B.iou(boxes, boxes)), (B.area(boxes) > 0).astype(float))


@given(proper_boxes(), proper_boxes(), st.integers(-500, 500))
def test_iou_does_not_change_when_both_move(a, b, shift):
    assert np.array_equal(B.iou(a + shift, b + shift), B.iou(a, b))


@given(proper_boxes(), proper_boxes())
def test_iou_agrees_with_pycocotools(a, b):
    crowd_flags = [0] * len(b)
    theirs = coco.iou(B.xywh_from_xyxy(a), B.xywh_from_xyxy(b), crowd_flags)
    some_area = (B.area(a)[:, None] > 0) | (B.area(b)[None] > 0)  # they divide 0 by 0 where both are empty
    assert np.allclose(B.iou(a, b)[some_area], theirs[some_area], atol=1e-12)  # both in float64


@given(proper_boxes(), proper_boxes())
def test_giou_is_at_most_iou_symmetric_and_above_minus_one(a, b):
    score = B.giou(a, b)
    assert np.array_equal(score, B.giou(b, a).T)
    assert ((score >= -1) & (score <= B.iou(a, b))).all()


def test_giou_of_disjoint_boxes_is_negative():
    assert B.giou([[0, 0, 1, 1]], [[2, 0, 3, 1]]) == pytest.approx(-1 / 3)  # hull 3, neither covers 1


def test_giou_equals_iou_when_the_hull_is_the_union():
    assert B.giou([[0, 0, 2, 2]], [[0, 0, 2, 4]]) == pytest.approx(0.5)


@pytest.mark.parametrize("form", ["xywh", "cxcywh"])
@given(boxes=proper_boxes())
def test_forms_come_back(form, boxes):
    there, back = getattr(B, f"{form}_from_xyxy"), getattr(B, f"xyxy_from_{form}")
    assert np.array_equal(back(there(boxes)), boxes)


def test_forms_are_what_their_names_say():
    assert B.xywh_from_xyxy([1, 2, 4, 8]).tolist() == [3 - 2, 2, 3, 6]
    assert B.cxcywh_from_xyxy([1, 2, 4, 8]).tolist() == [2.5, 5, 3, 6]


@given(proper_boxes())
def test_clip_puts_boxes_inside_and_leaves_those_inside_alone(boxes):
    clipped = B.clip(boxes, (300, 500))
    assert (clipped >= 0).all()
    assert (clipped <= [500, 300, 500, 300]).all()
    assert np.array_equal(B.clip(clipped, (300, 500)), clipped)


def test_functions_leave_their_arguments_alone():
    boxes = np.float32([[0, 0, 900, 900], [1, 1, 2, 2]])
    before = boxes.copy()
    B.clip(boxes, (10, 10)), B.iou(boxes, boxes), B.nms(boxes, [1, 2], 0.5)
    assert np.array_equal(boxes, before)


def test_nms_keeps_the_better_of_two_and_the_one_apart():
    boxes = [[0, 0, 10, 10], [1, 1, 10, 10], [50, 50, 60, 60]]
    assert B.nms(boxes, [0.5, 0.9, 0.1], 0.5).tolist() == [1, 2]


def test_nms_drops_only_above_the_overlap_not_at_it():
    boxes = [[0, 0, 2, 1], [0, 0, 1, 1]]  # IoU exactly 0.5
    assert B.nms(boxes, [1, 0], 0.5).tolist() == [0, 1]
    assert B.nms(boxes, [1, 0], 0.49).tolist() == [0]


def test_nms_of_equal_scores_keeps_the_first():
    assert B.nms([[0, 0, 4, 4]] * 3, [0.5] * 3, 0.5).tolist() == [0]


def test_nms_of_nothing_is_nothing():
    assert B.nms([], [], 0.5).tolist() == []
    assert B.nms_per_class(np.zeros((0, 4)), [], [], 0.5).dtype == np.int64


@given(proper_boxes(max_size=40), st.floats(0, 1), st.randoms(use_true_random=False))
def test_nms_agrees_with_the_textbook_loop(boxes, max_overlap, random):
    scores = random.sample(range(1000), len(boxes))
    assert B.nms(boxes, scores, max_overlap).tolist() == slow_nms(boxes, scores, max_overlap)


@pytest.mark.parametrize("extent", [200, 800, 4000])
def test_nms_agrees_with_opencv_across_many_blocks(extent):
    boxes, scores = crowd(1000, extent)
    theirs = cv2.dnn.NMSBoxes(B.xywh_from_xyxy(boxes).astype(np.float64), scores, 0.0, 0.45)
    assert B.nms(boxes, scores, 0.45).tolist() == np.array(theirs).reshape(-1).tolist()


@given(proper_boxes(max_size=40), st.floats(0, 1))
def test_nms_twice_is_nms_once(boxes, max_overlap):
    scores = np.arange(len(boxes))
    kept = B.nms(boxes, scores, max_overlap)
    assert B.nms(boxes[kept], scores[kept], max_overlap).tolist() == list(range(len(kept)))


@given(arrays(np.int64, 60, elements=st.integers(0, 3)))
def test_nms_per_class_is_the_union_of_plain_ones(label_ids):
    boxes, scores = crowd(60, 150)
    apart = [np.flatnonzero(label_ids == label) for label in range(4)]
    union = {int(i) for mine in apart for i in mine[B.nms(boxes[mine], scores[mine], 0.3)]}
    kept = B.nms_per_class(boxes, scores, label_ids, 0.3)
    assert set(kept.tolist()) == union
    assert (np.diff(scores[kept]) < 0).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nms_refuses_what_is_not_finite(bad):
    with pytest.raises(ShapeError, match="boxes must be finite"):
        B.nms([[0, 0, bad, 1]], [1.0], 0.5)
    with pytest.raises(ShapeError, match="scores must be finite"):
        B.nms([[0, 0, 1, 1]], [bad], 0.5)


def test_nms_refuses_as_many_scores_as_there_are_not_boxes():
    with pytest.raises(ShapeError, match=r"scores must have shape \(1,\), got \(2,\)"):
        B.nms([[0, 0, 1, 1]], [1, 2], 0.5)


def test_nms_refuses_a_percentage():
    with pytest.raises(OptionError, match="max_overlap must be a number from 0 to 1, got 50"):
        B.nms([[0, 0, 1, 1]], [1], 50)


@pytest.mark.parametrize("extent", [640, 100_000])  # most are dropped; all are kept
def test_nms_of_ten_thousand_boxes_is_quick_and_small(extent):
    boxes, scores = crowd(10_000, extent)
    started = time.process_time()
    B.nms(boxes, scores, 0.5)
    assert time.process_time() - started < 3  # 0.05 and 0.36 s when measured alone
    tracemalloc.start()
    B.nms(boxes, scores, 0.5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6  # a full matrix of float32 would be 400 MB


@pytest.mark.parametrize("box", [(130, 0, 140, 9), (5, 5, 5, 9), (-9, -9, 0, 0), (np.nan, 0, 5, 5), (9, 9, 5, 5)])
def test_a_box_of_which_nothing_is_inside_is_none(box):
    assert B.whole_box(box, (90, 120)) is None


@given(st.tuples(*[st.floats(-1e6, 1e6)] * 4))
def test_a_whole_box_holds_all_of_it_that_is_inside(box):
    told = B.whole_box(box, (90, 120))
    left, top, right, bottom = max(0, box[0]), max(0, box[1]), min(120, box[2]), min(90, box[3])
    if left < right and top < bottom:
        assert told[0] <= left < right <= told[2]
        assert told[1] <= top < bottom <= told[3]
        assert 0 <= told[0] < told[2] <= 120
        assert 0 <= told[1] < told[3] <= 90
