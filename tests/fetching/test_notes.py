"""Small facts that outlive the process."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pixwise.fetching import notes


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("PIXWISE_HOME", str(tmp_path / "px"))
    return tmp_path / "px"


def test_a_note_is_read_as_it_was_written():
    assert notes.note("pin", "https://a/b", {"sha256": "c"})
    assert notes.read_note("pin", "https://a/b") == {"key": "https://a/b", "sha256": "c"}


def test_what_was_never_noted_or_was_forgotten_is_empty():
    notes.note("pin", "a", {"sha256": "c"})
    notes.forget("pin", "a")
    assert notes.read_note("pin", "a") == notes.read_note("seen", "b") == {}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": "another", "sha256": "c"}', "\xff"])
def test_a_note_that_makes_no_sense_counts_as_none(home, text):
    notes.note("pin", "a", {})
    (path,) = home.rglob("*.json")
    path.write_text(text, "latin-1")
    assert notes.read_note("pin", "a") == {}


def test_many_writers_leave_one_whole_note_and_nothing_else(home):
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda n: notes.note("seen", "a", {"n": n, "fill": "x" * 10_000}), range(64)))
    assert notes.read_note("seen", "a")["n"] in range(64)
    assert [path.suffix for path in home.rglob("*") if path.is_file()] == [".json"]


def test_where_nothing_can_be_written_no_note_is_kept_and_nothing_fails(monkeypatch):
    monkeypatch.setenv("PIXWISE_HOME", "/dev/null/px")
    assert notes.note("pin", "a", {}) is False
    notes.forget("pin", "a")
    assert notes.read_note("pin", "a") == {}


def test_home_follows_the_environment(monkeypatch, home):
    assert notes.home() == home
    monkeypatch.delenv("PIXWISE_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert notes.home() == Path("/caches/pixwise")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/someone")
    assert notes.home() == Path("/someone/.cache/pixwise")


def test_a_folder_may_be_named_with_tilde_and_variables(monkeypatch):
    monkeypatch.setenv("HOME", "/someone")
    monkeypatch.setenv("DISK", "/disk")
    assert (notes.folder_of("~/a"), notes.folder_of("$DISK/a"), notes.folder_of("")) == (
        Path("/someone/a"),
        Path("/disk/a"),
        None,
    )
