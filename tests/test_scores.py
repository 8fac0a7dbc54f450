import numpy as np
import pytest

from pixwise.scores import sigmoid, softmax


def test_sigmoid_is_its_formula_and_does_not_overflow():
    assert sigmoid(np.float32([0, 1, -1])).tolist() == pytest.approx([0.5, 1 / (1 + np.exp(-1)), 1 / (1 + np.e)])
    assert sigmoid(np.float32([-1e4, 1e4])).tolist() == [0, 1]


def test_softmax_is_its_formula_along_the_last_axis_and_does_not_overflow():
    logits = np.log(np.float32([[1, 3], [2, 2]]))
    np.testing.assert_allclose(softmax(logits), [[0.25, 0.75], [0.5, 0.5]], rtol=1e-6)
    assert softmax(np.float32([1e4, -1e4])).tolist() == [1, 0]


@pytest.mark.parametrize("function", [sigmoid, softmax])
def test_scores_of_float32_stay_float32(function):
    assert function(np.ones((2, 3), np.float32)).dtype == np.float32
