"""`pixwise caption-folder DIR`: a text file beside each picture that says what it shows.

DIR ─▶ pictures without NAME.txt ─▶ the library, or a service (--server) ─▶ NAME.txt, whole or not at all
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from pixwise.cli.ask import load
from pixwise.cli.endings import say
from pixwise.cli.inputs import Input, expand
from pixwise.cli.options import Number, Verb, limit_options, model_options, option
from pixwise.cli.progress import Progress
from pixwise.cli.run import FAILURES, Answered, about, answered, limits_of
from pixwise.errors import OutputError, PixwiseError, SourceError
from pixwise.loading import load_card
from pixwise.serve.compatible_client import Describer, Unreachable
from pixwise.tasks.caption import Captioner, tokens_within
from pixwise.whole_file import WholeFile

__all__ = ["command"]

_LENGTH = 50  # tokens, as the service's own default
_CODES = [
    ("0", "Every picture has its text."),
    ("1", "A picture failed; the others were captioned."),
    ("2", "Nothing was done: wrong usage, no pictures, or no such service."),
    ("3", "The model is not on this machine, or is damaged."),
    ("130", "Interrupted; what was done is written."),
]


def _run(folder: str, force: bool, max_length: int, server: str, **options: Any) -> int:
    if not os.path.isdir(folder):
        raise click.UsageError(f"folder of pictures must be there, got {folder!r}, which is none; name the folder")
    for name in ("model", "precision", "offline"):
        if server and options[name]:
            raise click.UsageError(f"--server must choose its own models, got --{name} too; leave one of the two out")
    found = expand((folder,))
    if len(found) == 1 and found[0].error is not None:
        raise found[0].error  # no pictures, or none that may be read
    todo, skipped = _todo(found, force)
    failed = _captioned(todo, _answers(todo, max_length, server, options))
    done = len(todo) - failed
    say(f"{done} captioned, {skipped} had a text already{f', {failed} failed' if failed else ''}")
    return 1 if failed else 0


def _text_of(given: Input) -> Path:
    return Path(given.source).with_suffix(".txt")


def _todo(found: Sequence[Input], force: bool) -> tuple[list[Input], int]:
    """The pictures that need a text, and how many have one; two pictures cannot have the same."""
    todo: list[Input] = []
    skipped, first = 0, {}
    for given in found:
        text = _text_of(given)
        other = first.setdefault(text, given.source)
        if given.error is None and other != given.source:
            wrong = OutputError(
                f"{given.source}: expected a text of its own, got that of {other}; rename one of the two"
            )
            todo.append(Input(given.source, given.name, wrong))
        elif given.error is None and text.exists() and not force:
            skipped += 1
        else:
            todo.append(given)
    return todo, skipped


def _answers(todo: Sequence[Input], max_length: int, server: str, options: dict[str, Any]) -> Iterator[Answered]:
    """The description of each, or why there is none; nothing is loaded or asked where all have failed already."""
    if all(given.error for given in todo):
        return (Answered(given, given.error) for given in todo)
    if server:
        return _by_server(todo, Describer(server, max_length, os.environ.get("PIXWISE_KEY", "")))
    return _by_library(todo, max_length, options)


def _by_library(todo: Sequence[Input], max_length: int, options: dict[str, Any]) -> Iterator[Answered]:
    options["limits"] = limits_of(options)
    named = {key: options[key] for key in ("precision",)} | {"offline": options["offline"] or None}
    card = load_card(options["model"], Captioner.name, **named)
    task = load(Captioner, {**options, "max_tokens": tokens_within(card.options, max_length)})
    for item in answered(task, todo, keep=False):
        yield item if isinstance(item.answer, Exception) else item._replace(answer=item.answer.text)


def _by_server(todo: Sequence[Input], describe: Describer) -> Iterator[Answered]:
    """Each by the service; one that has gone is not asked about thousands of pictures."""
    describe.check()
    gone: Unreachable | None = None
    for given in todo:
        if given.error is not None:
            yield Answered(given, given.error)
        elif gone is not None:
            yield Answered(given, SourceError(f"{given.source}: not asked, since the service has gone"))
        else:
            item = _asked(given, describe)
            gone = item.answer if isinstance(item.answer, Unreachable) else None
            yield item


def _asked(given: Input, describe: Describer) -> Answered:
    try:
        return Answered(given, describe(Path(given.source)))
    except FAILURES as error:
        return Answered(given, error)


def _captioned(todo: Sequence[Input], answers: Iterator[Answered]) -> int:
    """Write the texts as they come; returns how many pictures failed."""
    failed = 0
    for item in Progress(len(todo)).over(answers):
        item = _written(item)
        if isinstance(item.answer, Exception):
            failed += 1
            for line in about(item):
                say(f"pixwise: {line}")
    return failed


def _written(item: Answered) -> Answered:
    if isinstance(item.answer, Exception):
        return item
    try:
        with WholeFile(_text_of(item.input)) as file:
            file.write(f"{item.answer}\n")
    except PixwiseError as error:
        return item._replace(answer=error)
    return item


def _params() -> list[click.Parameter]:
    server = "Ask a service (pixwise serve) in the place of this machine's models; PIXWISE_KEY is its API key."
    return [
        click.Argument(["folder"], metavar="DIR"),
        option("Answer", "--max-length", type=Number(int, 1), metavar="N", default=_LENGTH, show_default=True,
               help="Most tokens of a text."),
        option("Answer", "--force", is_flag=True, help="Also where there is a text: it is replaced."),
        option("Model and machine", "--server", metavar="URL", default="", help=server),
        *model_options(),
        *(each for each in limit_options() if each.name != "allow_urls"),
    ]  # fmt: skip


command = Verb(
    "caption-folder",
    callback=_run,
    help="Write NAME.txt beside each picture of a folder and of those below it: what it shows, in a sentence.",
    more=lambda: {
        "INPUT": [("DIR", "A folder; hidden files and folders are passed over.")],
        "Exit code": _CODES,
    },
    params=_params(),
)
