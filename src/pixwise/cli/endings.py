"""How a run of the command ends: every error becomes one line on stderr and an exit code.

    0  all well
    1  an input failed, the others were answered; or there is a fault in Pixwise
    2  nothing can be done as asked: a verb, an option, a model's name, a card that does not fit its model,
       a file or folder that must be read for it (a gallery, pairs, the pictures of verify), a device or a package
       that this machine lacks, an output that cannot be written
    3  the model is not there, damaged, or could not be fetched
    130, 143  interrupted, told to stop
    141  whoever read our output has gone (`| head`)

PIXWISE_DEBUG=1 shows tracebacks.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import signal
import sys
import traceback
import warnings
from typing import Any

import click

from pixwise.errors import FetchError, LicenceError, ModelFileError, ModelMissingError, PixwiseError
from pixwise.whole_file import FULL

__all__ = ["code_of", "ending", "prepare_process", "say"]

_CODES: dict[type[PixwiseError], int] = {  # the first that fits
    ModelMissingError: 3,
    ModelFileError: 3,
    FetchError: 3,
    LicenceError: 3,
    PixwiseError: 2,
}


def prepare_process() -> None:
    """What a command may do to its own process, and a library may not."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    if not sys.warnoptions:
        warnings.filterwarnings("ignore", module="PIL")
    if hasattr(signal, "SIGTERM") and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _stop)


def _stop(*_: Any) -> None:
    """SIGTERM unwinds like an error, so that half-written files are taken away."""
    raise SystemExit(143)


def ending(error: BaseException) -> int:
    """Tell an error on stderr; returns the exit code."""
    if isinstance(error, SystemExit):
        raise error
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, BrokenPipeError):
        return 141
    if os.environ.get("PIXWISE_DEBUG", "") not in ("", "0"):
        traceback.print_exception(error)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return 2
    line, code = _told(error)
    say(line)
    return code


def _told(error: BaseException) -> tuple[str, int]:
    """The line and the exit code of an error."""
    if isinstance(error, click.Abort | KeyboardInterrupt):
        return "pixwise: interrupted", 130
    if isinstance(error, click.ClickException):
        return _usage(error), 2
    text = " ".join(str(error).split())
    if isinstance(error, PixwiseError):
        return f"pixwise: {text}", code_of(error)
    if isinstance(error, OSError):
        return f"pixwise: {_told_of_system(error, text)}", 2
    if isinstance(error, MemoryError):
        return "pixwise: expected enough memory, got none; pass fewer or smaller pictures, or --batch 1", 2
    return (
        f"pixwise: internal error, got {type(error).__name__}: {text}; this is a fault of Pixwise, please report it "
        "(PIXWISE_DEBUG=1 shows the traceback)",
        1,
    )


def _told_of_system(error: OSError, text: str) -> str:
    if error.errno in FULL and not error.filename:  # what is printed has no name
        return f"standard output: expected to be written, got {error.strerror}; free some room"
    place = f" for {error.filename}" if error.filename else ""
    return f"expected the system to go along, got {error.strerror or text}{place}; check disk and rights"


def code_of(error: BaseException) -> int:
    """The exit code of an error that ends a run."""
    return next((code for kind, code in _CODES.items() if isinstance(error, kind)), 1)


def _usage(error: click.ClickException) -> str:
    """Click's errors in our form, with the command that shows the help."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "pixwise"
    return f"{command}: {_usage_text(error, context)} ({command} --help)"


def _usage_text(error: click.ClickException, context: click.Context | None) -> str:
    if isinstance(error, click.NoSuchOption) and context is not None:
        known = [name for param in context.command.get_params(context) for name in (*param.opts, *param.secondary_opts)]
        close = difflib.get_close_matches(error.option_name.strip("-"), [name.strip("-") for name in known], cutoff=0.6)
        hint = f"; did you mean {' or '.join(repr(f'--{name}') for name in close)}?" if close else ""
        return f"option must be known, got {error.option_name!r}{hint}"
    if isinstance(error, click.MissingParameter) and error.param is not None:
        return f"{error.param.human_readable_name} must be given, got none"
    text = " ".join(error.format_message().split())
    return text[:1].lower() + text[1:].removesuffix(".")


def say(line: str) -> None:
    """Print a line on stderr; where that is closed or full there is nobody to tell."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        click.echo(line, err=True)
