"""Progress is drawn over itself on a terminal, and nowhere else."""

import contextlib
import io

import pytest

from pixwise.cli.progress import Arrivals, Progress, duration
from pixwise.registry import CardFile


class Terminal(io.StringIO):
    def isatty(self):
        return True


def on_terminal():
    return contextlib.redirect_stderr(Terminal())


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (60, "1 min 0 s"), (3599, "59 min 59 s"), (7500, "2 h 5 min")]
)
def test_durations_are_readable(seconds, text):
    assert duration(seconds) == text


def test_the_line_tells_how_much_is_left():
    assert Progress(340).text(12, 4.0) == "12/340 pictures, 3.0 per second, 1 min 49 s left"


def test_a_terminal_sees_the_line_and_it_is_gone_at_the_end():
    with on_terminal() as terminal:
        assert list(Progress(3).over("abc")) == ["a", "b", "c"]
    assert "1/3 pictures" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_the_line_is_away_while_an_item_is_printed():
    with on_terminal() as terminal:
        for item in Progress(3).over("abc"):
            assert item == "a" or terminal.getvalue().endswith("\r\x1b[K")


def test_one_item_has_no_line():
    with on_terminal() as terminal:
        list(Progress(1).over("a"))
    assert terminal.getvalue() == ""


def test_no_terminal_sees_nothing(capfd):
    list(Progress(3).over("abc"))
    with Arrivals("tiny", lines=False) as arrivals:
        arrivals(CardFile("model.onnx"), 2, 2)
    assert capfd.readouterr() == ("", "")


def test_a_bar_tells_model_file_and_megabytes():
    with on_terminal() as terminal:
        with Arrivals("tiny") as arrivals:
            arrivals(CardFile("onnx/model.onnx"), 12_300_000, 41_000_000)
        assert "tiny onnx/model.onnx" in terminal.getvalue()
        assert "12.3/41.0 MB" in terminal.getvalue()
