"""Every error becomes one line on stderr and an exit code."""

import warnings

import click
import pytest

from pixwise import errors
from pixwise.cli.endings import ending, prepare_process

CODES = [
    (errors.OptionError("top must be 1"), 2, "pixwise: top must be 1"),
    (errors.UnknownModelError("no such"), 2, "pixwise: no such"),
    (errors.CardError("card"), 2, "pixwise: card"),
    (errors.ModelMissingError("missing"), 3, "pixwise: missing"),
    (errors.ModelFileError("damaged"), 3, "pixwise: damaged"),
    (errors.FetchError("no network"), 3, "pixwise: no network"),
    (errors.LicenceError("licence"), 3, "pixwise: licence"),
    (errors.SetupError("no onnxruntime"), 2, "pixwise: no onnxruntime"),
    (errors.OutputError("read-only"), 2, "pixwise: read-only"),
    (errors.ShapeError("other arrays"), 2, "pixwise: other arrays"),
    (errors.SourceError("gone"), 2, "pixwise: gone"),
    (errors.DataError("one class"), 2, "pixwise: one class"),
    (errors.PictureError("two\nlines"), 2, "pixwise: two lines"),
    (KeyboardInterrupt(), 130, "pixwise: interrupted"),
    (click.UsageError("No such thing."), 2, "pixwise: no such thing (pixwise --help)"),
    (
        OSError(28, "No space left", "x"),
        2,
        "pixwise: expected the system to go along, got No space left for x; check disk and rights",
    ),
    (
        OSError(28, "No space left"),
        2,
        "pixwise: standard output: expected to be written, got No space left; free some room",
    ),
    (MemoryError(), 2, "pixwise: expected enough memory, got none; pass fewer or smaller pictures, or --batch 1"),
]


@pytest.mark.parametrize(("error", "code", "line"), CODES, ids=lambda value: type(value).__name__)
def test_an_error_is_one_line_and_a_code(error, code, line, capfd):
    assert ending(error) == code
    assert capfd.readouterr() == ("", line + "\n")


def test_every_error_of_ours_is_covered():
    mine = {getattr(errors, name) for name in errors.__all__ if name.endswith("Error")}
    concrete = mine - {errors.PixwiseError, errors.LimitError}
    assert concrete <= {type(error) for error, _, _ in CODES}


def test_an_unexpected_error_says_how_to_see_more(capfd):
    assert ending(ZeroDivisionError("division by zero")) == 1
    assert capfd.readouterr().err == (
        "pixwise: internal error, got ZeroDivisionError: division by zero; this is a fault of Pixwise, please report "
        "it (PIXWISE_DEBUG=1 shows the traceback)\n"
    )


@pytest.mark.parametrize(("value", "shown"), [("1", True), ("0", False), ("", False)])
def test_debug_shows_the_traceback(value, shown, capfd, monkeypatch):
    monkeypatch.setenv("PIXWISE_DEBUG", value)
    ending(ZeroDivisionError("x"))
    assert ("ZeroDivisionError: x\n" in capfd.readouterr().err) == shown


def test_warnings_of_pillow_are_not_shown(recwarn):
    prepare_process()
    warnings.warn_explicit("Truncated File Read", UserWarning, "TiffImagePlugin.py", 1, module="PIL.TiffImagePlugin")
    assert not recwarn


def test_misspelt_verbs_and_options_name_the_nearest(cli):
    assert cli("detct", "a.png").err.startswith("pixwise: verb must be known, got 'detct'; did you mean 'detect'")
    told = cli("quality", "--jsno", "a.png")
    assert told.code == 2
    assert told.err.startswith("pixwise quality: option must be known, got '--jsno'; did you mean '--json'")
    assert told.err.endswith("(pixwise quality --help)\n")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("quality",), "pixwise quality: INPUT... must be given, got none (pixwise quality --help)"),
        (
            ("quality", "a.png", "--max-side", "x"),
            "pixwise quality: --max-side must be a whole number from 0 up, got 'x'",
        ),
        (("quality", "a.png", "--device", "cdua"), "--device must be known, got 'cdua'; did you mean 'cuda'"),
        (("quality", "a.png", "--threads", "-2"), "--threads must be a whole number from 0 up, got '-2'"),
        (("quality", "a.png", "--json", "--csv"), "form must be one, got --json and --csv; leave all but one out"),
        (("quality", "a.png", "--jsonl", "--json"), "form must be one, got --jsonl and --json"),
        (("quality", "a.png", "--background", "black"), "--background must be a colour like '#000000', got 'black'"),
        (("quality", "a.png", "--xyzzy"), "quality: option must be known, got '--xyzzy' (pixwise quality --help)"),
        (("quality", "--model"), "option '--model' requires an argument"),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(cli, args, told):
    code, out, err = cli(*args)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert told in err


def test_the_command_alone_shows_its_help(cli):
    code, out, err = cli()
    assert code == 2
    assert "Verbs:" in out + err
