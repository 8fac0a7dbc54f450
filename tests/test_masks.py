import contextlib
import copy
import json
import pickle
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco

from pixwise import masks as M
from pixwise.errors import ShapeError
from pixwise.masks import Mask

shapes = array_shapes(min_dims=2, max_dims=2, max_side=12)
any_mask = arrays(bool, shapes)
any_pair = shapes.flatmap(lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape)))


def disc(height, width, x, y, radius):
    rows, columns = np.ogrid[:height, :width]
    return (columns - x) ** 2 + (rows - y) ** 2 < radius**2


def theirs(mask):
    return coco.encode(np.asfortranarray(mask.astype(np.uint8)))


@given(any_mask)
def test_compressed_text_is_that_of_pycocotools_byte_for_byte(mask):
    rle = Mask.from_array(mask).to_rle()
    assert rle["counts"].encode() == theirs(mask)["counts"]
    assert rle["size"] == theirs(mask)["size"]


@pytest.mark.parametrize("mask", [disc(700, 900, 400, 300, 250), ~disc(700, 900, 400, 300, 250)], ids=["disc", "hole"])
def test_large_masks_agree_with_pycocotools(mask):
    made = Mask.from_array(mask)
    assert made.to_rle()["counts"].encode() == theirs(mask)["counts"]
    assert made.area == coco.area(theirs(mask))
    x, y, wide, high = coco.toBbox(theirs(mask))
    assert made.box == (x, y, x + wide, y + high)


@given(any_mask)
def test_masks_come_back_from_every_form(mask):
    made = Mask.from_array(mask)
    assert np.array_equal(made.open(), mask)
    assert Mask.from_rle(json.loads(json.dumps(made.to_rle()))) == made
    assert Mask.from_rle(theirs(mask)) == made
    assert Mask.from_rle({"size": list(mask.shape), "counts": M.counts_from_mask(mask).tolist()}) == made


@given(any_mask)
def test_uncompressed_runs_are_those_of_pycocotools(mask):
    counts = M.counts_from_mask(mask).tolist()
    assert coco.frPyObjects({"size": list(mask.shape), "counts": counts}, *mask.shape) == theirs(mask)
    assert np.array_equal(M.mask_from_counts(counts, mask.shape), mask)


@given(st.lists(st.integers(0, 2**31 - 1), max_size=30))
def test_text_holds_any_run_lengths(counts):
    assert M.counts_from_text(M.text_from_counts(counts)).tolist() == counts


@given(any_mask)
def test_area_and_box_are_those_of_the_pixels(mask):
    made = Mask.from_array(mask)
    rows, columns = np.nonzero(mask)
    box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) if len(rows) else (0, 0, 0, 0)
    assert made.area == mask.sum()
    assert made.box == box
    assert made.crop().shape == (box[3] - box[1], box[2] - box[0])


@given(any_pair)
def test_iou_agrees_with_pycocotools_and_with_the_definition(pair):
    a, b = pair
    overlap = M.iou([Mask.from_array(a)], [Mask.from_array(b)])[0, 0]
    assert overlap == ((a & b).sum() / (a | b).sum() if (a | b).any() else 0)
    if a.any() or b.any():
        assert overlap == pytest.approx(coco.iou([theirs(a)], [theirs(b)], [0])[0, 0], abs=1e-12)


def test_iou_of_many_has_a_row_for_each():
    masks = [Mask.from_array(disc(50, 60, x, 20, 9)) for x in (10, 14, 50)]
    overlap = M.iou(masks, masks[:2])
    assert overlap.shape == (3, 2)
    assert overlap[0, 0] == 1
    assert 0 < overlap[1, 0] == overlap[0, 1] < 1
    assert overlap[2].tolist() == [0, 0]
    assert M.iou([], masks).shape == (0, 3)


def test_iou_of_masks_of_different_pictures_is_refused():
    with pytest.raises(ShapeError, match="masks must be of one picture, got sizes"):
        M.iou([Mask.from_array(np.ones((2, 2)))], [Mask.from_array(np.ones((2, 3)))])


@pytest.mark.parametrize("counts", [[3], [5, 5, 5], [10, -1]])
def test_runs_that_do_not_fill_the_picture_are_refused(counts):
    with pytest.raises(ShapeError, match="runs of a 3 x 3 mask must sum to 9 and be positive"):
        Mask.from_rle({"size": [3, 3], "counts": counts})


@pytest.mark.parametrize("text", ["P", "4é", "4\x7f", "!"])
def test_text_that_was_cut_or_is_none_is_refused(text):
    with pytest.raises(ShapeError, match="run-length text must be COCO's compressed form"):
        M.counts_from_text(text)


def test_text_of_endless_numbers_is_refused():
    with pytest.raises(ShapeError, match=r"run lengths must be below 2\*\*32, got 105 bits"):
        M.counts_from_text("o" * 20 + "0")


@pytest.mark.parametrize("rle", [{}, {"size": [3, 3]}, {"counts": [9]}, {"size": [9], "counts": [9]}])
def test_run_lengths_that_lack_something_are_refused(rle):
    with pytest.raises(ShapeError, match=r'run lengths must have "size": \[H, W\] and "counts", got'):
        Mask.from_rle(rle)


def test_negative_sizes_are_refused():
    with pytest.raises(ShapeError, match="runs of a -3 x -3 mask"):
        Mask.from_rle({"size": [-3, -3], "counts": [9]})


@given(
    size=st.lists(st.integers(-3, 9), min_size=2, max_size=2),
    counts=st.text(max_size=9) | st.binary(max_size=9) | st.lists(st.integers(-9, 99), max_size=4),
)
def test_damaged_run_lengths_give_a_clear_error_or_a_mask(size, counts):
    with contextlib.suppress(ShapeError):
        assert list(Mask.from_rle({"size": size, "counts": counts}).open().shape) == size


def test_a_mask_must_have_two_axes():
    with pytest.raises(ShapeError, match=r"mask must have shape \(H, W\), got \(1, 2, 2\)"):
        Mask.from_array(np.ones((1, 2, 2)))


def test_masks_are_frozen_values_that_travel():
    made = Mask.from_array(disc(20, 20, 9, 9, 5))
    assert pickle.loads(pickle.dumps(made)) == copy.deepcopy(made) == made
    assert len({made, Mask.from_array(made.open())}) == 1
    with pytest.raises(ValueError, match="read-only"):
        made.counts[0] = 5


def test_a_mask_is_filled_from_polygons_and_gives_them_back():
    square = np.float32([[2, 3], [7, 3], [7, 9], [2, 9]])
    made = Mask.from_polygons([square], (20, 10))
    assert (made.box, made.area) == ((2, 3, 7, 9), 30)
    assert np.array_equal(made.polygons()[0], square)


def test_a_hundred_masks_of_twelve_megapixels_stay_below_sixty_megabytes():
    picture = disc(3000, 4000, 2000, 1500, 1400)
    tracemalloc.start()
    masks = [Mask.from_array(picture) for _ in range(100)]
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(masks) == 100
    assert kept < 5e6
    assert peak < 60e6


@given(
    st.integers(1, 9), st.integers(1, 9), st.integers(1, 40), st.integers(1, 40), st.integers(0, 9)
)  # smaller pictures, too: then pixels of the mask are left out
def test_a_mask_is_stretched_as_torch_does_it(h, w, height, width, seed):
    small = np.random.default_rng(seed).random((h, w)) > 0.6
    large = torch.nn.functional.interpolate(torch.from_numpy(small)[None, None].float(), size=(height, width))[0, 0] > 0
    assert Mask.stretched(small, (height, width)) == Mask.from_array(large.numpy())


def test_a_mask_lies_within_a_larger_picture():
    mask = Mask.from_array(np.eye(3)).within((9, 9), (4, 5))
    assert (mask.size_hw, mask.box, mask.area) == ((9, 9), (4, 5, 7, 8), 3)
    assert Mask.from_array(np.zeros((3, 3))).within((9, 9), (4, 5)).box == (0, 0, 0, 0)
