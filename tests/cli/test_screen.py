"""Columns and colours: lines that fit a terminal, nothing lost, nothing coloured where no colours are wanted."""

import pytest

from pixwise.cli.screen import Column, Screen, Table, Text, width_of


@pytest.fixture
def terminal(monkeypatch):
    """A screen of a terminal, of some columns and with some environment."""
    for name in ("NO_COLOR", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)

    def made(columns=40, **environment):
        for name, text in ({"TERM": "xterm", "COLUMNS": str(columns)} | environment).items():
            monkeypatch.setenv(name, text)
        return Screen(terminal=True)

    return made


def plain_lines(thing, width):
    return [line.plain for line in thing.lines(width)]


@pytest.mark.parametrize(
    ("text", "cells"), [("abc", 3), ("東京", 4), ("é", 1), ("e\u0301", 1), ("😀", 2), ("a\u200db", 2), ("", 0)]
)
def test_signs_take_the_cells_that_a_terminal_gives_them(text, cells):
    assert width_of(text) == cells


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("one two three", 8, ["one two", "three"]),
        ("one two three", 7, ["one two", "three"]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("a abcdefgh", 4, ["a", "abcd", "efgh"]),
        ("東京都庁", 5, ["東京", "都庁"]),
        ("two\nlines", 80, ["two", "lines"]),
        ("  kept", 80, ["  kept"]),
        ("   abcdef", 4, ["   a", "bcde", "f"]),
        ("", 80, [""]),
    ],
)
def test_text_is_cut_between_words_and_nothing_is_lost(text, width, lines):
    assert plain_lines(Text(text), width) == lines


def test_styles_go_on_in_the_next_line(terminal):
    text = terminal(8).text(Text("plain ", ("bold words", "bold")))
    assert text == "plain\n\x1b[1mbold\x1b[0m\n\x1b[1mwords\x1b[0m\n"


def test_two_styles_at_once_and_colours_of_pixels(terminal):
    assert terminal().text(Text(("x", "bold red"))) == "\x1b[1;31mx\x1b[0m\n"
    assert terminal(COLORTERM="truecolor").text(Text(("x", "#102030"))) == "\x1b[38;2;16;32;48mx\x1b[0m\n"
    assert terminal(COLORTERM="").text(Text(("x", "#ff0000"))) == "\x1b[38;5;196mx\x1b[0m\n"


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour_where_none_is_wanted(terminal, environment):
    assert terminal(**environment).text(Text(("x", "bold #ff0000"))) == "x\n"


def test_columns_stand_two_blanks_apart_and_no_line_ends_with_one():
    table = Table([Column("name"), Column("count", right=True), Column("more")])
    table.add("a", "1", "")
    table.add("東京", "1000", "x")
    assert plain_lines(table, None) == ["name  count  more", "a         1", "東京   1000  x"]


def test_the_widest_column_wraps_and_whole_ones_never():
    table = Table([Column(whole=True), Column()], indent=2)
    table.add("an-id-that-must-be-whole", "many words that may be wrapped")
    lines = plain_lines(table, 40)
    assert lines[0] == "  an-id-that-must-be-whole  many words"
    assert lines[1] == " " * 28 + "that may be"
    assert max(map(len, lines)) <= 40
    assert plain_lines(table, 10)[0].startswith("  an-id-that-must-be-whole  many")


def test_a_column_of_a_given_width_gives_way_where_there_is_no_room():
    table = Table([Column(width=22), Column()])
    table.add("a", "words and words")
    assert plain_lines(table, 80) == ["a" + " " * 23 + "words and words"]
    assert plain_lines(table, 24)[0] == "a" + " " * 12 + "words and"


def test_an_empty_table_has_no_lines():
    assert Screen(terminal=False).text(Table([Column("title")]), Text("")) == "title\n\n"
    assert Screen(terminal=False).text(Table()) == ""


def test_a_pipe_gets_long_lines_whole():
    table = Table()
    table.add("word " * 5000, Text(("x", "bold")))
    assert Screen(terminal=False).text(table).endswith("  x\n")
    assert Screen(terminal=False).text(table).count("\n") == 1
