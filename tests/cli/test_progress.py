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


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("name", ["tiny", "a-model-with-a-name-that-is-rather-long"])
def test_a_bar_fits_its_terminal(monkeypatch, columns, name):
    monkeypatch.setenv("COLUMNS", str(columns))
    arrivals = Arrivals(name)
    arrivals(CardFile("onnx/vision_model.onnx"), 0, 350_000_000)
    text = arrivals.text(175_000_000, 350_000_000, 50.0)
    assert len(text) < columns
    assert text.endswith("175.0/350.0 MB  3.5 MB/s  50 s left")
    assert text.count("━") == {"40tiny": 0, "80tiny": 6}.get(f"{columns}{name}", 20 if columns == 200 else 0)


def test_a_resumed_file_has_the_rate_of_what_came_now():
    arrivals = Arrivals("tiny")
    arrivals(CardFile("m.onnx"), 90_000_000, 100_000_000)
    assert arrivals.text(95_000_000, 100_000_000, 5.0).endswith("95.0/100.0 MB  1.0 MB/s  5 s left")


def test_a_size_that_nobody_told_has_neither_bar_nor_end():
    arrivals = Arrivals("tiny")
    arrivals(CardFile("m.onnx"), 0, 0)
    assert arrivals.text(5_000_000, 0, 5.0) == "tiny m.onnx  5.0 MB  1.0 MB/s"


def test_a_complete_file_stays_on_the_screen():
    with on_terminal() as terminal, Arrivals("tiny", lines=False) as arrivals:
        arrivals(CardFile("onnx/model.onnx"), 12_300_000, 41_000_000)
        arrivals(CardFile("onnx/model.onnx"), 41_000_000, 41_000_000)
    assert terminal.getvalue().endswith("\r\x1b[Ktiny onnx/model.onnx 41.0 MB\n")
