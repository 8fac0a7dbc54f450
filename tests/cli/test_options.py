"""Options come from the fields and the docstring of a task's class, and errors of use have our form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import click
import pytest

from pixwise.cli.options import OneOf, Verb, limit_options, model_options, output_options, task_options
from pixwise.docstrings import documented
from pixwise.picture import Limits
from pixwise.task_table import TASKS, task_class


@dataclass
class Parent:
    """A parent.

    Attributes:
        exact: the parent's word.
        low, high: both ends,
            and a second line.
    """

    exact: bool = False
    low: float = 0.5
    high: float | None = None


@dataclass
class Child(Parent):
    """A child.

    Attributes:
        labels: keep only these: all of them.
        exact: the child's word.
        order: of the rows.
    """

    labels: tuple[str, ...] = ()
    order: Literal["up", "down"] = "up"
    shown: bool = True


OPTIONS = {option.name: option for option in task_options(Child, ("exact", "low", "high", "labels", "order", "shown"))}


def parsed(*args):
    """What the child's options make of a command line."""
    seen = {}
    command = Verb("x", callback=lambda **given: seen.update(given), params=list(OPTIONS.values()))
    command.main(list(args), standalone_mode=False)
    return seen


def test_the_docstrings_of_a_class_and_its_parents_are_read():
    assert documented(Child) == {
        "labels": "keep only these: all of them.", "order": "of the rows.", "exact": "the child's word.",
        "low": "both ends, and a second line.", "high": "both ends, and a second line.",
    }  # fmt: skip


def test_help_is_a_sentence():
    assert OPTIONS["low"].help == "Both ends, and a second line."
    assert OPTIONS["labels"].help == "Keep only these: all of them. May be repeated. @FILE takes the lines of a file."


def test_fields_become_options_of_their_type():
    given = parsed(
        "--low", "1", "--high", "2.5", "--label", "a", "--label", "b", "--order", "down", "--no-shown", "--exact"
    )
    assert given == {"low": 1.0, "high": 2.5, "labels": ("a", "b"), "order": "down", "shown": False, "exact": True}


def test_fields_keep_their_defaults():
    assert parsed() == {"low": 0.5, "high": None, "labels": (), "order": "up", "shown": True, "exact": False}


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("--low", "much"), "--low must be a number, got 'much'"),
        (("--order", "dwn"), "--order must be known, got 'dwn'; did you mean 'down'?"),
    ],
)
def test_wrong_values_are_told_in_our_form(args, told):
    with pytest.raises(click.UsageError) as error:
        parsed(*args)
    assert error.value.message == told


@pytest.mark.parametrize("task", TASKS)
def test_every_option_of_every_task_says_what_it_does(task):
    cls = task_class(task)
    options = [
        *task_options(cls, (*cls.option_names(), "batch", "exact")),
        *limit_options(),
        *model_options(),
        *output_options(),
    ]
    assert [option.name for option in options if len(option.help) < 10] == []
    assert len({name for option in options for name in option.opts}) == sum(len(option.opts) for option in options)


def test_every_limit_has_an_option():
    names = {option.opts[0]: option.default for option in limit_options()}
    assert names["--max-pixels"] == Limits().max_pixels
    assert len(names) == 6  # and the background


def test_a_choice_shows_its_words():
    assert OneOf(("cpu", "cuda")).name == "cpu|cuda"


def asked_labels(*args):
    """What a command with an option for words got."""
    command = click.Command("ask", params=task_options(Child, ("labels",)), callback=lambda labels: labels)
    return command.main([*args], standalone_mode=False)


def test_words_may_come_from_the_lines_of_a_file(tmp_path):
    (tmp_path / "labels.txt").write_bytes("\ufeffa dog\r\n\n  Hündin 🐕 \n".encode())
    assert asked_labels("--label", "a cat", "--label", f"@{tmp_path}/labels.txt") == ("a cat", "a dog", "Hündin 🐕")


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_of_words_that_cannot_be_read_is_told(tmp_path, content):
    if content:
        (tmp_path / "labels.txt").write_bytes(content)
    with pytest.raises(click.UsageError, match=r"--label @.*labels.txt must name a text file \(UTF-8\), got "):
        asked_labels("--label", f"@{tmp_path}/labels.txt")


def test_a_file_without_words_is_named(tmp_path):
    (tmp_path / "labels.txt").write_text(" \n\n")
    with pytest.raises(click.UsageError, match=r"--label @.*labels.txt must have lines with words, got none"):
        asked_labels("--label", f"@{tmp_path}/labels.txt")
