"""The error tree and its helpers."""

import inspect

import numpy as np
import pytest

from pixwise import errors
from pixwise.errors import PixwiseError, ShapeError, check_shape, nearest

TREE = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, Exception)]


@pytest.mark.parametrize("error", TREE)
def test_every_error_is_also_a_builtin(error):
    assert issubclass(error, PixwiseError)
    assert error is PixwiseError or any(
        base.__module__ == "builtins" and base is not Exception for base in error.__mro__[:-3]
    )


@pytest.mark.parametrize("error", TREE)
def test_the_drawing_at_the_top_shows_every_error(error):
    assert error.__name__ in errors.__doc__


def test_check_shape_tells_what_the_letters_stood_for():
    assert check_shape("boxes", np.zeros((5, 4)), ("N", 4)) == {"N": 5}


@pytest.mark.parametrize("array", [np.zeros((5, 3)), np.zeros(4), np.zeros((1, 5, 4))])
def test_check_shape_says_expected_and_got(array):
    with pytest.raises(ShapeError, match=r"boxes must have shape \(N, 4\), got \("):
        check_shape("boxes", array, ("N", 4))


def test_the_same_letter_means_the_same_length():
    with pytest.raises(ShapeError, match=r"must have shape \(N, N\), got \(2, 3\)"):
        check_shape("matrix", np.zeros((2, 3)), ("N", "N"))


def test_check_shape_refuses_nan_when_asked():
    with pytest.raises(ShapeError, match="must be finite, got NaN"):
        check_shape("boxes", np.full((1, 4), np.nan), ("N", 4), finite=True)


def test_check_shape_refuses_what_is_no_array():
    with pytest.raises(ShapeError, match=r"must be an array of shape \(N,\), got list"):
        check_shape("scores", [1, 2], ("N",))


def test_nearest_names_what_looks_alike():
    assert nearest("yolox-nanno", ["yolox-nano", "dfine-s"]) == "did you mean 'yolox-nano'?"


def test_nearest_lists_everything_when_nothing_looks_alike():
    assert nearest("zzz", ["b", "a"]) == "choose one of: a, b"


@pytest.mark.parametrize(("word", "far"), [("colors", "allow_urls"), ("license", "files")])
def test_nearest_does_not_offer_what_only_shares_a_few_letters(word, far):
    assert nearest(word, [far, "top"]).startswith("choose one of: ")
