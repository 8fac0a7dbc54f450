"""The one-line functions."""

import inspect

import pytest

import pixwise as px
from pixwise.errors import OptionError
from pixwise.task_table import TASKS, task_class


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_a_one_liner_with_the_options_of_its_class(name):
    told = inspect.signature(getattr(px, name))
    assert set(task_class(name).option_names()) < set(told.parameters)
    assert told.return_annotation is task_class(name).result_type


@pytest.mark.parametrize("name", TASKS)
def test_the_documentation_is_that_of_the_class(name):
    assert inspect.getdoc(task_class(name)) in inspect.getdoc(getattr(px, name)).replace("\n    ", "\n    ")


def test_a_picture_is_answered_in_one_line(photo):
    assert px.quality(photo).model.id == "measures"


def test_a_list_is_answered_in_one_line(photo):
    assert [answer.image.width for answer in px.quality([photo, photo[:, :100]])] == [640, 100]


def test_a_misspelt_option_is_refused(photo):
    with pytest.raises(OptionError, match="option of quality must be known, got 'collours'"):
        px.quality(photo, collours=3)
