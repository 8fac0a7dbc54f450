"""`pixwise embed-text TEXT…`: texts as vectors, to be compared with those of pictures."""

from __future__ import annotations

import io
import sys
from typing import Any

import click

from pixwise import registry, store
from pixwise.cli.files import Plan, StandardOutput
from pixwise.cli.options import CODE_ROWS, Verb, model_options, option, with_lines
from pixwise.cli.progress import Arrivals
from pixwise.cli.run import sink_of
from pixwise.errors import OptionError
from pixwise.language.embedding import TEXT_PARTS, embed_text
from pixwise.language.tokens import check_texts
from pixwise.loading import load_card
from pixwise.results import Embedding

__all__ = ["command"]

_TEXT_ROWS = [
    ("TEXT", "In quotes when it has blanks; - reads a text per line from standard input, blank lines left out."),
    ("@FILE", "The lines of a file, a text each."),
]
_AT_ONCE = 256  # texts: their answers are written before the next are asked


def _run(texts: tuple[str, ...], format: str, model: str, offline: bool, **machine: Any) -> int:
    from pixwise.cli.screen import Screen, Text
    from pixwise.cli.table import answer_of, heading, said_of

    asked = check_texts("texts", list(_given(texts)))
    told = {"offline": offline or None, "precision": machine["precision"]}
    card = load_card(model, "embed", parts=TEXT_PARTS, **told)
    with Arrivals(card.id, lines=False) as arrivals:
        store.ensure(card, offline=told["offline"], accept_licence=machine["accept_licence"], progress=arrivals)
    screen = Screen(terminal=None)

    def render(answer: Any, drawn: str) -> str:
        return screen.text(Text(heading(answer.image), "  ", said_of(answer)), *answer_of(answer))

    one = texts == asked and len(asked) == 1  # lines are a list, also where there is one
    sink = sink_of(Plan(format or "table"), StandardOutput().write, one, render, Embedding)
    try:
        for start in range(0, len(asked), _AT_ONCE):
            for answer in embed_text(asked[start : start + _AT_ONCE], model, **{**machine, "offline": told["offline"]}):
                sink.add(answer, "")
    except (KeyboardInterrupt, SystemExit):  # what was done is written
        sink.close()
        raise
    sink.close()
    return 0


def _given(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The texts of the command line and of its files, or the lines of standard input that say something."""
    if "-" not in texts:
        return with_lines(texts, "TEXT")
    if texts != ("-",):
        raise OptionError("texts must be words or '-', got both; leave one of the two out")
    try:
        read = sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise OptionError(
            f"standard input must be UTF-8, got {error.reason} at byte {error.start}; convert it"
        ) from error
    lines = tuple(line.rstrip("\n") for line in io.StringIO(read, newline=None) if line.strip())
    if not lines:
        raise OptionError("standard input must have lines with words, got none; write a text per line")
    return lines


def _models() -> list[tuple[str, str]]:
    return [(card.id, card.title) for card in registry.cards("embed", TEXT_PARTS)]


_FORMS = {
    "json": "One JSON document; for several texts a list.",
    "jsonl": "A JSON document per text, each on one line.",
    "csv": "A line per text.",
}
command = Verb(
    "embed-text",
    callback=_run,
    help="Turn texts into vectors in the space of a model's pictures.",
    more=lambda: {"INPUT": _TEXT_ROWS, "Models": _models(), "Exit code": CODE_ROWS},
    params=[
        click.Argument(["texts"], nargs=-1, required=True, metavar="TEXT..."),
        *(
            option("Output", f"--{name}", "format", flag_value=name, default="", help=told)
            for name, told in _FORMS.items()
        ),
        *model_options(),
    ],
)
