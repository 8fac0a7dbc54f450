"""Where output goes is decided before anything runs; files appear whole or not at all."""

import os
from pathlib import Path

import click
import pytest

from pixwise.cli.files import Plan, WholeFile, plan_output
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


def test_a_whole_file_makes_its_folders_and_leaves_nothing_beside(tmp_path):
    with WholeFile(tmp_path / "new" / "folder" / "x.txt") as file:
        file.write("grün")
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["x.txt"]
    assert (tmp_path / "new" / "folder" / "x.txt").read_bytes() == "grün".encode()


def write_half(path):
    with WholeFile(path) as file:
        file.write("half of the ne")
        raise ZeroDivisionError


def test_an_error_keeps_the_old_file_and_leaves_nothing_beside(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError):
        write_half(path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("x.txt", "old")]


def test_a_link_is_followed_not_replaced(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    with WholeFile(tmp_path / "link.txt") as file:
        file.write("new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_text() == "new"


def test_a_pipe_is_written_to_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with WholeFile(tmp_path / "pipe") as file:
        file.write("through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert (tmp_path / "pipe").is_fifo()


def test_a_name_that_is_no_unicode_is_written_as_an_escape(tmp_path):
    with WholeFile(tmp_path / "x.json") as file:
        file.write('"caf\udce9"')
    assert (tmp_path / "x.json").read_text() == r'"caf\udce9"'


def test_alternative_texts_are_text_wherever_they_go():
    assert plan_output(TWO, "", "alt", None) == Plan("alt")
    assert plan_output(TWO, "alt.txt", "alt", None) == Plan("alt", Path("alt.txt"))
    with pytest.raises(click.UsageError, match=r"-o must end in .txt with --alt, got 'all.csv'; leave one of the two"):
        plan_output(TWO, "all.csv", "alt", None)
