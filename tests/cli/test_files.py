"""Where output goes is decided before anything runs; files appear whole or not at all."""

import os
from pathlib import Path

import click
import pytest

from pixwise.cli.files import Plan, plan_output
from pixwise.cli.inputs import Input
from pixwise.errors import OutputError

ONE = [Input("in/cat.jpg", "cat.jpg")]
TWO = [*ONE, Input("in/dog.png", "dog.png")]


def test_without_out_a_table_goes_to_standard_output():
    assert plan_output(ONE, "", "", None) == Plan("table")
    assert plan_output(ONE, "-", "json", None) == Plan("json")


def test_a_suffix_of_data_says_the_format():
    assert plan_output(TWO, "all.jsonl", "", None) == Plan("jsonl", Path("all.jsonl"))
    assert plan_output(TWO, "all.csv", "csv", None) == Plan("csv", Path("all.csv"))


def test_a_suffix_of_pictures_means_the_drawn_one():
    assert plan_output(ONE, "seen.png", "json", None) == Plan("json", drawn=(Path("seen.png"),))


def test_a_folder_takes_a_drawn_picture_of_each():
    assert plan_output(TWO, "out/", "", None).drawn == (Path("out/cat.pixwise.jpg"), Path("out/dog.pixwise.png"))


def test_a_folder_takes_a_document_of_each_with_json():
    assert plan_output(TWO, "out/", "json", None) == Plan(
        "json", documents=(Path("out/cat.json"), Path("out/dog.json"))
    )


def test_draw_draws_in_the_current_folder_or_beside_the_data():
    assert plan_output(ONE, "", "", True).drawn == (Path("cat.pixwise.jpg"),)
    assert plan_output(ONE, "out/data.json", "", True).drawn == (Path("out/cat.pixwise.jpg"),)


def test_equal_names_are_numbered_and_folders_kept():
    many = [
        Input("a/1.png", "1.png"),
        Input("b/1.png", "1.png"),
        Input("c/s/1.png", "s/1.png"),
        Input("1.webp", "1.webp"),
    ]
    names = [str(path) for path in plan_output(many, "out/", "", None).drawn]
    assert names == ["out/1.pixwise.png", "out/1-2.pixwise.png", "out/s/1.pixwise.png", "out/1-3.pixwise.png"]


@pytest.mark.parametrize(
    ("inputs", "out", "format", "draw", "told"),
    [
        (TWO, "x.png", "", None, r"-o must be a folder for 2 pictures, got 'x.png'; take the suffix away"),
        (ONE, "x.json", "csv", None, r"-o must end in .csv with --csv, got 'x.json'"),
        (ONE, "x.png", "", False, r"-o x.png is a drawn picture, got --no-draw too"),
        (ONE, "x.docx", "", None, r"-o must end in one of .json .* or be a folder, got 'x.docx'"),
        (ONE, "out/", "csv", None, r"-o must be a file with --csv, got folder 'out'; try out/all.csv"),
    ],
)
def test_options_that_contradict_each_other_are_usage_errors(inputs, out, format, draw, told):
    with pytest.raises(click.UsageError, match=told):
        plan_output(inputs, out, format, draw)


def test_an_input_is_never_overwritten(pictures):
    given = [Input(str(pictures / "a.png"), "a.png")]
    os.link(pictures / "a.png", pictures / "other-name.png")
    for out in ("a.png", "other-name.png", "sub/../a.png"):
        with pytest.raises(click.UsageError, match="must not overwrite an input"):
            plan_output(given, str(pictures / out), "", None)


def test_a_file_in_the_place_of_a_folder_is_told_before_anything_runs(pictures):
    with pytest.raises(OutputError, match=r"expected a folder to write to, got a file .*notes.txt"):
        plan_output(ONE, str(pictures / "notes.txt" / "x.json"), "", None)


def test_alternative_texts_are_text_wherever_they_go():
    assert plan_output(TWO, "", "alt", None) == Plan("alt")
    assert plan_output(TWO, "alt.txt", "alt", None) == Plan("alt", Path("alt.txt"))
    with pytest.raises(click.UsageError, match=r"-o must end in .txt with --alt, got 'all.csv'; leave one of the two"):
        plan_output(TWO, "all.csv", "alt", None)
