"""Each exported form of SAM is fed as its graph expects, and read as it answers."""

import numpy as np
import pytest

from pixwise.errors import ShapeError
from pixwise.prompts import PADDING
from pixwise.sam import FORMS

SEEN = {"image_embeddings": np.zeros((1, 2, 4, 4), np.float32)}


def prompts(points=(), labels=(), boxes=(), masks=0):
    return {
        "input_points": np.array(points or np.zeros((0, 0, 2)), np.float32)[None],
        "input_labels": np.array(labels or np.zeros((0, 0)), np.int64)[None],
        "input_boxes": np.array(boxes, np.float32).reshape(1, -1, 4),
        "input_masks": np.full((1, masks, 8, 8), 7, np.float32),
    }


def asked(form, given, *, together=False, candidates=3, low=True):
    """What the decoder was fed, call by call, and what was read of its answers."""
    fed = []

    def ask(feeds):
        fed.append(feeds)
        count = len(feeds["point_coords"])
        logits = np.broadcast_to(np.arange(candidates, dtype=np.float32)[:, None, None], (count, candidates, 8, 8))
        scores = np.broadcast_to(np.arange(candidates, dtype=np.float32), (count, candidates))
        return {"masks": logits * 100, **({"low_res_masks": logits} if low else {}), "iou_predictions": scores}

    return fed, FORMS[form].decode(ask, SEEN, given, together)


def test_sam_ends_a_prompt_without_a_box_by_a_point_that_is_none():
    [fed], _ = asked("sam_tokens", prompts([[(3, 4), (5, 6)]], [[1, 0]]))
    assert fed["point_coords"].tolist() == [[[3, 4], [5, 6], [0, 0]]]
    assert fed["point_labels"].tolist() == [[1, 0, -1]]
    assert fed["point_labels"].dtype == fed["has_mask_input"].dtype == fed["orig_im_size"].dtype == np.float32


def test_sam2_ends_it_in_its_graph():
    [fed], _ = asked("sam2_tokens", prompts([[(3, 4)]], [[1]]))
    assert fed["point_labels"].tolist() == [[1]]


@pytest.mark.parametrize("form", ["sam_tokens", "sam2_tokens"])
def test_a_box_is_two_points_of_their_own_kind(form):
    [fed], _ = asked(form, prompts([[(3, 4)]], [[0]], [(1, 2, 8, 9)]))
    assert fed["point_coords"].tolist() == [[[1, 2], [8, 9], [3, 4]]]
    assert fed["point_labels"].tolist() == [[2, 3, 0]]


def test_points_that_are_not_there_are_not_fed():
    fed, _ = asked("sam2_tokens", prompts([[(3, 4), (0, 0)], [(1, 1), (2, 2)]], [[1, PADDING], [1, 1]]), together=True)
    assert [each["point_labels"].tolist() for each in fed] == [[[1]], [[1, 1]]]


def test_a_mask_goes_in_and_is_told():
    [fed], _ = asked("sam_tokens", prompts(masks=1))
    assert (fed["mask_input"].shape, fed["mask_input"].max(), fed["has_mask_input"].tolist()) == ((1, 1, 8, 8), 7, [1])
    [fed], _ = asked("sam_tokens", prompts([[(3, 4)]], [[1]]))
    assert (fed["mask_input"].shape, fed["mask_input"].max(), fed["has_mask_input"].tolist()) == ((1, 1, 8, 8), 0, [0])


@pytest.mark.parametrize(("together", "calls"), [(False, 3), (True, 1)])
def test_objects_go_together_where_the_graph_takes_them(together, calls):
    boxes = [(1, 2, 8, 9), (2, 3, 4, 5), (0, 0, 1, 1)]
    fed, (logits, scores) = asked("sam2_tokens", prompts(boxes=boxes), together=together)
    assert (len(fed), logits.shape, scores.shape) == (calls, (3, 3, 8, 8), (3, 3))
    assert np.concatenate([each["point_coords"] for each in fed]).reshape(3, 4).tolist() == [list(box) for box in boxes]
    assert all(each["has_mask_input"].shape == (1,) for each in fed)


def test_of_four_candidates_the_first_is_for_prompts_without_doubt():
    _, (logits, scores) = asked("sam_tokens", prompts([[(3, 4)]], [[1]]), candidates=4)
    assert (scores.tolist(), logits[0, :, 0, 0].tolist()) == ([[1, 2, 3]], [1, 2, 3])


def test_masks_of_the_decoders_own_size_go_before_enlarged_ones():
    for low, wanted in ((True, 2), (False, 200)):
        _, (logits, _) = asked("sam_tokens", prompts([[(3, 4)]], [[1]]), low=low)
        assert logits[0, 2, 0, 0] == wanted


def test_a_decoder_with_other_outputs_is_told():
    with pytest.raises(ShapeError, match="decoder must have the outputs masks and iou_predictions, got mask; check"):
        FORMS["sam_tokens"].decode(lambda feeds: {"mask": np.zeros(1)}, SEEN, prompts([[(3, 4)]], [[1]]), False)
