import numpy as np
import pytest

from pixwise.points import box_from_quad, quad_size


def test_a_quads_size_is_that_of_its_longer_edges():
    assert quad_size(np.float32([[0, 0], [10, 0], [12, 5], [0, 4]])) == pytest.approx((12.04, 5.39), abs=0.01)


def test_a_size_is_width_then_height():
    assert quad_size([[1, 2], [5, 2], [5, 9], [1, 9]]) == (4, 7)


def test_boxes_lie_around_quads_however_they_are_turned():
    quads = [[[5, 0], [10, 5], [5, 10], [0, 5]], [[1, 2], [5, 2], [5, 9], [1, 9]]]
    assert box_from_quad(quads).tolist() == [[0, 0, 10, 10], [1, 2, 5, 9]]
    assert box_from_quad(np.zeros((0, 4, 2))).shape == (0, 4)
