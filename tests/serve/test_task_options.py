"""Options of requests: strict as JSON, as meant where they come as words, told with their ranges."""

from typing import Any, Literal

import numpy as np
import pytest

from pixwise.errors import OptionError
from pixwise.serve.options import _kind, checked_options, option_model
from pixwise.serve.settings import Settings
from pixwise.task_table import TASKS

SETTINGS = Settings(galleries={"staff": "staff.npz"})


def told(task):
    return option_model(task).model_json_schema()["properties"]


@pytest.mark.parametrize("task", TASKS)
def test_every_option_has_a_meaning_and_says_whether_it_is_needed(task):
    needed = option_model(task).model_json_schema().get("required", [])
    for name, schema in told(task).items():
        assert schema["description"], name
        assert ("default" in schema) != (name in needed), name


def test_ranges_are_those_of_the_task():
    assert (told("quality")["colours"]["minimum"], told("quality")["colours"]["maximum"]) == (1, 16)
    assert told("detect")["min_score"]["anyOf"][0] == {"type": "number", "minimum": 0, "maximum": 1}


@pytest.mark.parametrize(
    ("task", "given", "said"),
    [
        ("detect", {"top": "3"}, "top must be as described, got '3': Input should be a valid integer"),
        ("detect", {"top": True}, "valid integer"),
        ("detect", {"top": 10**400}, "less than or equal to 1000000"),
        ("detect", {"labels": "person"}, "valid array"),
        ("detect", {"min_score": 1.5}, "less than or equal to 1"),
        ("detect", {"min_scor": 0.5}, "did you mean 'min_score'?"),
        ("codes", {"top": 1}, "got 'top'; there are none"),
        ("find", {}, "labels must be given, got none"),
        ("find", {"labels": []}, "at least 1 item"),
        ("identify", {"gallery": "/etc/passwd"}, "must be one that is served, got '/etc/passwd'; choose one of: staff"),
        ("segment", {"points": [[1]]}, "points must be as described"),
        ("segment", {"points": [[1, "2"]]}, "valid number"),
        ("segment", {"mask": [[1]]}, "did you mean 'multimask'?"),
        ("moderate", {"policy": "../x.toml"}, "must be one that is served"),
    ],
)
def test_an_option_that_is_wrong_is_told_by_its_name(task, given, said):
    with pytest.raises(OptionError) as caught:
        checked_options(task, given, SETTINGS)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("task", "words", "options"),
    [
        ("detect", {"top": ["3"], "min_score": ["0.25"]}, {"top": 3, "min_score": 0.25}),
        ("detect", {"labels": ["person"]}, {"labels": ("person",)}),
        ("detect", {"labels": ["person", "7"]}, {"labels": ("person", "7")}),
        ("find", {"labels": ['["a", "b"]']}, {"labels": ('["a", "b"]',)}),
        ("zeroshot", {"labels": ["a"], "template": ["{label}"]}, {"labels": ("a",), "template": "{label}"}),
        ("segment", {"points": ["1,2", "3,4.5"]}, {"points": ((1, 2), (3, 4.5))}),
        (
            "segment",
            {"points": ["[[1, 2], [3, 4]]"], "box": ["1,2,3,4"]},
            {"points": ((1, 2), (3, 4)), "box": (1, 2, 3, 4)},
        ),
        ("background", {"only_largest": ["true"]}, {"only_largest": True}),
    ],
)
def test_words_are_read_as_what_they_stand_for(task, words, options):
    assert checked_options(task, {}, SETTINGS, words) == options


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"top": ["many"]}, "got 'many': Input should be a valid integer"),
        ({"top": ["1", "2"]}, "got [1, 2]"),
        ({"min_score": ["nan"]}, "got 'nan'"),
        ({"min_score": ["true"]}, "got 'true'"),
        ({"min_score": ["7"]}, "got 7: Input should be less than or equal to 1"),
        ({"tops": ["1"]}, "did you mean 'top'?"),
    ],
)
def test_words_that_stand_for_nothing_are_told(words, said):
    with pytest.raises(OptionError) as caught:
        checked_options("detect", {}, SETTINGS, words)
    assert said in str(caught.value)


def test_a_gallery_is_the_file_that_the_operator_named():
    assert checked_options("identify", {"gallery": "staff"}, SETTINGS) == {"gallery": "staff.npz"}


def test_points_may_be_one_some_or_some_of_several_objects():
    for points in ([1, 2], [[1, 2], [3, 4]], [[[1, 2]], [[3, 4]]]):
        told = checked_options("segment", {"points": points}, SETTINGS)["points"]
        assert np.array_equal(told, points)


def test_annotations_have_a_form_in_json():
    point = tuple[float, float]
    assert _kind(Literal["a", "b"]) == Literal["a", "b"]
    assert "list" in str(_kind(tuple[point, ...] | Any))
    with pytest.raises(TypeError, match="must have a form in JSON"):
        _kind(bytes)
