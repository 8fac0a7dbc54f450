"""INPUT… becomes pictures, in order; what cannot be read is known at once."""

import os
import sys
from types import SimpleNamespace

import click
import pytest

from pixwise.cli.inputs import expand, is_one


def sources(*arguments):
    return [given.source for given in expand(arguments)]


def error_of(*arguments):
    (given,) = expand(arguments)
    return str(given.error)


def test_a_folder_gives_its_pictures_sorted_and_below(pictures):
    found = expand([str(pictures)])
    assert [given.name for given in found] == ["a.png", "b.jpg", os.path.join("sub", "c.png")]
    assert [given.source for given in found] == [str(pictures / given.name) for given in found]


def test_hidden_files_and_our_own_drawings_are_passed_over(pictures):
    assert not any(given.name in (".hidden.png", "a.pixwise.png") for given in expand([str(pictures)]))


def test_a_file_named_itself_is_taken_whatever_it_is_called(pictures):
    named = [str(pictures / "notes.txt"), str(pictures / ".hidden.png"), str(pictures / "a.pixwise.png")]
    assert sources(*named) == named


def test_arguments_keep_their_order_and_repetitions(pictures):
    b, a = str(pictures / "b.jpg"), str(pictures / "a.png")
    assert sources(b, a, b) == [b, a, b]


def test_a_glob_gives_what_the_shell_would(pictures):
    assert sources(f"{pictures}/*.png") == [str(pictures / "a.png")]
    assert sources(f"{pictures}/s*") == [str(pictures / "sub" / "c.png")]


def test_two_stars_go_all_the_way_down_and_take_pictures_only(pictures):
    assert [os.path.basename(source) for source in sources(f"{pictures}/**")] == ["a.png", "b.jpg", "c.png"]


def test_a_file_with_brackets_in_its_name_is_no_glob(pictures):
    name = pictures / "scan [1].png"
    (pictures / "a.png").rename(name)
    assert [(given.source, given.error) for given in expand([str(name)])] == [(str(name), None)]


def test_a_glob_without_match_says_so(pictures):
    assert "no*.png: expected files that match, got none; check the pattern" in error_of(f"{pictures}/no*.png")


def test_a_folder_without_pictures_says_so(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    assert error_of(str(tmp_path)).endswith(
        "expected a folder with pictures, got none in it; pass files by name, or another"
    )


def test_a_missing_file_names_its_neighbour(pictures):
    assert error_of(str(pictures / "a.pgn")).endswith(f"got no such file; did you mean {str(pictures / 'a.png')!r}?")
    assert error_of("nowhere/at-all.png").endswith("got no such file; check the path")


def test_umlauts_and_spaces_are_names_like_any_other(pictures):
    folder = pictures / "Größe und Maß"
    folder.mkdir()
    (pictures / "a.png").rename(folder / "Übung 1.png")
    assert sources(str(folder)) == [str(folder / "Übung 1.png")]


def test_urls_are_refused_until_allowed():
    assert error_of("https://example.org/a.png").endswith("got a URL; allow them with --allow-urls")
    (given,) = expand(["https://example.org/a%20b/c.png?x=1"], allow_urls=True)
    assert (given.name, given.error) == ("c.png", None)


def test_standard_input_is_taken_once():
    with pytest.raises(click.UsageError, match="'-' must be given at most once"):
        expand(["-", "-"])


def test_a_terminal_as_standard_input_does_not_hang(monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(closed=False, isatty=lambda: True))
    assert "expected a picture on standard input, got a terminal" in error_of("-")


def test_only_a_picture_named_itself_is_one(pictures):
    assert is_one([str(pictures / "a.png")])
    assert is_one(["-"])
    assert not is_one([str(pictures)])
    assert not is_one([f"{pictures}/*.png"])
    assert not is_one(["a.png", "b.png"])


def test_a_link_that_leads_nowhere_does_not_suggest_itself(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    assert error_of(str(tmp_path / "loop")).endswith("got a link to 'loop', which is not there; mend the link")
