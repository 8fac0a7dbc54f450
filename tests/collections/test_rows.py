"""Training data is checked before anything is learnt from it."""

import numpy as np
import pytest
from learning import cloud

from pixwise.collections import rows_of
from pixwise.collections.rows import check_enough, unit_parts
from pixwise.errors import DataError

TWO = [[3.0, 4.0], [1.0, 0.0]]


def test_parts_have_length_one_each_side_by_side():
    rows = rows_of([[[3, 4]], [[0, 0, 2]]], [1], ["a"])
    np.testing.assert_allclose(rows.vectors, [[0.6, 0.8, 0, 0, 1]], rtol=1e-6)
    assert rows.dimensions == (2, 3)


def test_raw_vectors_of_any_length_become_what_pictures_are_asked_with():
    vectors, _ = cloud(6)
    np.testing.assert_allclose(unit_parts(vectors * 1e3, (12,)), unit_parts(vectors, (12,)), atol=1e-6)


@pytest.mark.parametrize("labels", [[1, 0], [True, False], ["1", "0"], ["yes", " No "], ["TRUE", "false"], [1.0, 0.0]])
def test_labels_may_be_written_in_the_usual_ways(labels):
    assert rows_of([TWO], labels, ["a", "b"]).labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("vectors", "labels", "words"),
    [
        ([], [], "training data must have rows, got none; label some pictures first"),
        (TWO, [1, 2], "label of photo 'b' must be 0 or 1, got 2; mend the data"),
        (TWO, [1, None], "label of photo 'b' must be 0 or 1, got None"),
        (TWO, [1, [0]], r"label of photo 'b' must be 0 or 1, got \[0\]"),
        ([[1, 2], [1, 2, 3]], [0, 1], "must have one dimension, got 1 of 2 numbers and 1 of 3 numbers; embed all"),
        ([[], []], [0, 1], "must have one dimension, got 2 of 0 numbers"),
        ([[1, 2], [1, float("nan")]], [0, 1], "got 1 of 2 that are not, the first of photo 'b'; embed those anew"),
        ([[1, 2], [1, None]], [0, 1], "must be finite and not 0 throughout, got 1 of 2"),
        ([[0, 0], [1, 1e308]], [0, 1], "must be finite and not 0 throughout, got 2 of 2 that are not, the first of"),
        ([[1, 2], "12"], [0, 1], "vector of photo 'b' must be a list of numbers, got '12'"),
        ([[1, 2], 7], [0, 1], "vector of photo 'b' must be a list of numbers, got 7"),
        ([[1, 2], [1, 10**400]], [0, 1], r"must be a list of numbers, got \[1, 10000"),
        ([[1, 2], [[1], [2]]], [0, 1], r"must be a list of numbers, got \[\[1\], \[2\]\]"),
        ([[1, 2], {"a": 1}], [0, 1], "must be a list of numbers, got {'a': 1}"),
    ],
)
def test_what_is_no_training_data_is_refused_with_the_reason(vectors, labels, words):
    with pytest.raises(DataError, match=words):
        rows_of([vectors], labels, ["a", "b"][: len(labels)])


def test_a_photo_that_is_there_twice_counts_once():
    assert rows_of([[[1, 0], [0, 1], [1, 1]]], [1, 1, 0], [7, 7, 8]).photo_ids == ("7", "8")


def test_a_photo_with_both_labels_is_refused():
    with pytest.raises(DataError, match="photo '7' must have one label, got both 0 and 1"):
        rows_of([TWO], [1, 0], [7, 7])


def test_one_label_only_is_named():
    vectors, _ = cloud(20)
    with pytest.raises(DataError, match=r"must have both labels, got 20 rows of label 1 \(in the collection\); add"):
        check_enough(rows_of([vectors], [1] * 20, range(20)))


def test_too_few_rows_are_counted():
    vectors, _ = cloud(20)
    with pytest.raises(DataError, match="must have at least 5 rows of each label, got 4 of 1 and 16 of 0; label more"):
        check_enough(rows_of([vectors], [1] * 4 + [0] * 16, range(20)))


def test_the_hash_feels_every_part_of_the_data():
    vectors, labels = cloud(20)
    hashes = {
        rows_of([vectors], labels, range(20)).sha256,
        rows_of([vectors[::-1]], labels, range(20)).sha256,
        rows_of([vectors], 1 - labels, range(20)).sha256,
        rows_of([vectors], labels, range(1, 21)).sha256,
    }
    assert len(hashes) == 4
    assert rows_of([vectors], labels, range(20)).sha256 in hashes
