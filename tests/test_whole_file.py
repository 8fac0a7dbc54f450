"""Files appear whole or not at all."""

import os

import pytest

from pixwise.whole_file import WholeFile


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
