"""Length 1, cosines, and what must not be compared."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixwise.errors import OptionError, ShapeError
from pixwise.results import Embedding, ModelInfo
from pixwise.vectors import similarity, unit

MODEL = ModelInfo("clip", "0" * 40, "fp32", "MIT")


def embedding(*numbers, **changed):
    return Embedding(vector=unit(numbers), model=replace(MODEL, **changed))


@given(st.integers(0, 1000), st.integers(1, 600), st.floats(1e-6, 1e6))
def test_unit_vectors_have_length_1_and_keep_their_direction(seed, length, size):
    vectors = np.random.default_rng(seed).normal(0, size, (3, length))
    found = unit(vectors)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert (np.sign(found) == np.sign(vectors.astype(np.float32) / size)).mean() > 0.99


def test_the_argument_stays_as_it_was():
    mine = np.float32([3, 4])
    unit(mine)
    assert mine.tolist() == [3, 4]


@pytest.mark.parametrize("vector", [[0, 0], [np.nan, 1], [np.inf, 1]])
def test_what_has_no_direction_is_refused(vector):
    with pytest.raises(ShapeError, match="must be finite and not 0 throughout, got one that is not; check the model"):
        unit(vector)


def test_similarity_is_the_cosine():
    assert similarity(embedding(1, 0), embedding(3, 4)) == pytest.approx(0.6)
    assert similarity(embedding(1, 0), embedding(-2, 0)) == -1
    assert type(similarity(embedding(1, 0), embedding(1, 0))) is float


def test_lists_give_a_row_or_a_column_each():
    a, b, c = embedding(1, 0), embedding(0, 1), embedding(3, 4)
    np.testing.assert_allclose(similarity([a, b], [a, b, c]), [[1, 0, 0.6], [0, 1, 0.8]], atol=1e-6)
    np.testing.assert_allclose(similarity(c, [a, b]), [0.6, 0.8], atol=1e-6)
    np.testing.assert_allclose(similarity((a, b), c), [0.6, 0.8], atol=1e-6)
    assert similarity([], [a, b]).shape == (0, 2)
    assert similarity(a, []).shape == (0,)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"id": "dinov2"}, "must be of one model, got 'clip' and 'dinov2'; embed both with the same model"),
        ({"revision": ""}, f"must be of one revision, got '{'0' * 40}' and 'none'"),
        ({"precision": "int8"}, "must be of one precision, got 'fp32' and 'int8'"),
    ],
)
def test_vectors_of_different_models_are_not_compared(changed, words):
    with pytest.raises(OptionError, match=words):
        similarity([embedding(1, 0)], [embedding(1, 0), embedding(1, 0, **changed)])


def test_vectors_of_different_dimensions_are_not_compared():
    with pytest.raises(ShapeError, match="must have one dimension, got 2 and 3; embed both"):
        similarity(embedding(1, 0), embedding(1, 0, 0))


@pytest.mark.parametrize(("thing", "name"), [("a.jpg", "str"), ([np.ones(2)], "ndarray"), (np.ones(2), "ndarray")])
def test_what_is_no_embedding_is_refused(thing, name):
    with pytest.raises(OptionError, match=rf"b must be an Embedding or a list of them, got {name}; ask px\.embed"):
        similarity(embedding(1, 0), thing)
