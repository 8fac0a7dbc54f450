"""Maps of ids: there and back, counted, cut out."""

import numpy as np
import pytest

from pixwise.answers.label_map import LabelMap
from pixwise.errors import ShapeError


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_map_goes_there_and_back_as_a_png(kind):
    ids = np.random.default_rng(1).integers(0, 200 if kind is np.uint8 else 60_000, (13, 17)).astype(kind)
    assert LabelMap.read(LabelMap(ids).to_uri()) == LabelMap(ids)
    assert LabelMap.read("").size_hw == (0, 0)


def test_pixels_are_counted_also_beyond_what_a_float_holds():
    ids = np.zeros((4100, 4100), np.uint8)
    ids[0, :3] = 7
    assert LabelMap(ids).pixels().tolist() == [4100 * 4100 - 3, 0, 0, 0, 0, 0, 0, 3]
    assert LabelMap(np.array([[300, 2]])).pixels()[[2, 300]].tolist() == [1, 1]


def test_a_mask_has_the_pixels_of_its_id():
    assert LabelMap(np.array([[1, 2], [2, 2]])).mask(2).area == 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.zeros(3, np.uint8), "shape"),
        (np.array([[-1]]), "from 0 to 65535"),
        (np.array([[0.5]]), "whole numbers"),
        ("data:text", "grey PNG"),
        ("data:image/png;base64,AAAA", "grey PNG"),
        ("data:image/png;base64,%%", "grey PNG"),
    ],
)
def test_what_is_no_map_is_refused(given, said):
    with pytest.raises(ShapeError, match=said):
        LabelMap.read(given)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_boxes_are_tight(kind):
    ids = np.random.default_rng(1).integers(0, 5, (13, 17)).astype(kind)
    ids[3:5, 2:9] = 7
    found = LabelMap(ids).boxes()
    assert all(tuple(found[id]) == LabelMap(ids).mask(id).box for id in range(8))
    assert LabelMap().boxes().shape == (0, 4)
