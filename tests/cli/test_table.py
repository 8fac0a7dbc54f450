"""Tables: plain and whole in a pipe, wrapped on a terminal, and never a way to steer it."""

import pytest

from pixwise.cli.screen import Screen
from pixwise.cli.table import answer_of, clean, heading, line_of, said_of
from pixwise.results import (
    Caption,
    Classes,
    Detections,
    Embedding,
    ImageInfo,
    Membership,
    ModelInfo,
    Quality,
    TextLines,
)

LONG = "word " * 100


def plain(result):
    return Screen(terminal=False).text(heading(result.image), said_of(result), *answer_of(result))


@pytest.fixture
def lines():
    quads = [[[0, 0], [9, 0], [9, 9], [0, 9]]]
    return TextLines(image=ImageInfo("a b.png", 4, 3), texts=(LONG,), scores=[1], quads=quads, boxes=[[0, 0, 9, 9]])


def test_a_pipe_gets_everything_on_one_line_without_colour(lines):
    text = plain(lines)
    assert LONG.strip() in text
    assert "\x1b" not in text
    assert not any(line.endswith(" ") for line in text.splitlines())


def test_a_terminal_gets_lines_of_its_width(lines, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    text = Screen(terminal=True).text(*answer_of(lines))
    assert max(map(len, text.splitlines())) <= 80
    assert text.split().count("word") == 100


def test_the_heading_names_picture_count_model_and_time():
    seen = Detections(
        image=ImageInfo("a.png", 40, 30), model=ModelInfo("yolox-nano"), timings_ms={"model": 41.4, "open": 1},
        labels=("cat",), label_ids=[0], scores=[0.876], boxes=[[1.4, 2, 3, 100]],
    )  # fmt: skip
    assert plain(seen).splitlines() == [
        "a.png  40 x 30", "1 detection  by yolox-nano in 42 ms", "  label  score  box x1 y1 x2 y2",
        "  cat     0.88        1 2 3 100",
    ]  # fmt: skip


def test_nothing_found_is_said():
    assert said_of(Detections.empty()).plain.startswith("no detections")
    assert said_of(Classes(labels=("a",), label_ids=[0], scores=[1])).plain.startswith("1 class ")
    assert list(answer_of(Detections.empty())) == []


def test_numbers_of_boxes_stand_under_each_other():
    boxes = [[1, 2, 3, 4], [1000, 20, 3000, 44]]
    text = plain(Detections(labels=("a", "b"), label_ids=[0, 1], scores=[1, 1], boxes=boxes))
    assert text.endswith("   1  2    3  4\n  b       1.00  1000 20 3000 44\n")


def test_values_of_a_picture_say_what_they_mean_or_are_brief():
    quality = Quality.empty(sharpness=12.345)
    assert "variance of the Laplacian" in plain(quality)
    brief = Screen(terminal=False).text(*answer_of(quality, brief=True))
    assert "sharpness" in brief
    assert "12.3" in brief
    assert "Laplacian" not in brief


def test_what_a_code_says_cannot_steer_the_terminal():
    assert clean("\x1b[2Jhello\nworld\x07") == r"\x1b[2Jhello\nworld\x07"
    assert clean("Größe 東京") == "Größe 東京"


def test_brackets_are_text_not_markup():
    assert "[red]x[/red]" in Screen(terminal=False).text(line_of("codes", "[red]x[/red]"))
    assert Screen(terminal=False).text("[red]x[/red] :cat:") == "[red]x[/red] :cat:\n"


def test_a_vector_is_shortened():
    seen = Embedding(image=ImageInfo("a.png", 40, 30), model=ModelInfo("look"), vector=[0.5] * 4 + [0.0] * 508)
    assert [line.split("  ")[0] for line in plain(seen).splitlines()[:2]] == ["a.png", "embedding"]
    assert "dimension  512 " in plain(seen)
    assert "vector     0.500 0.500 0.500 0.500 …" in plain(seen)
    assert len(plain(seen)) < 300


def test_the_box_of_a_whole_answer_is_plain_numbers():
    text = plain(Membership.empty(collection="reds", box=[0, 0, 80, 60.5]))
    assert "0 0 80 60.5" in text
    assert "[" not in text


def test_an_empty_sentence_is_said_to_be_empty():
    assert "text      (empty)  one line" in plain(Caption(text="", score=1, tokens=1, stop="end"))


def test_a_long_value_does_not_push_the_others_aside():
    told = plain(Caption(text="word " * 30, score=1, tokens=1, stop="end")).splitlines()
    assert max(line.find("why it ended") for line in told) in range(20, 70)
