"""`pixwise analyze INPUT…`: all questions about a picture, with the best models that are on this machine."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import click

from pixwise import store
from pixwise.analysis import Analysis, analyze, choose_card
from pixwise.cli.endings import say
from pixwise.cli.files import plan_output
from pixwise.cli.inputs import Input, expand, is_one
from pixwise.cli.options import (
    CODE_ROWS,
    INPUT_ROWS,
    Verb,
    limit_options,
    model_options,
    option,
    output_options,
    task_options,
)
from pixwise.cli.progress import Arrivals
from pixwise.cli.run import FAILURES, Answered, limits_of, one_line, opened, write_all
from pixwise.cli.screen import Screen
from pixwise.cli.table import INDENT, answer_of, heading, line_of, said_of
from pixwise.errors import PixwiseError
from pixwise.session import choose_providers
from pixwise.store import is_offline
from pixwise.task import Task
from pixwise.task_table import ANALYSED, ASKED_ALONE, TASKS, check_analysed

__all__ = ["command"]

_CHOICES = [name for name in TASKS if name not in ASKED_ALONE]


def run(arguments: tuple[str, ...], options: dict[str, Any]) -> int:
    """Analyse the inputs; returns the exit code."""
    out, format, draw, pull = (options.pop(key) for key in ("out", "format", "draw", "pull"))
    options["limits"], options["tasks"] = limits_of(options), _tasks(options["tasks"])
    options["offline"] = options["offline"] or None
    if options["device"] == "cuda":
        choose_providers("cuda")  # once and now, not for each picture
    if pull and is_offline(options["offline"]):
        raise click.UsageError("--pull needs a network, got --offline or HF_HUB_OFFLINE too; leave one of the two out")
    inputs = expand(arguments, allow_urls=options["allow_urls"])
    if draw is None and format == "" and out in ("", "-") and is_one(arguments):
        draw = True
    plan = plan_output(inputs, out, format, draw, csv=False)
    screen = Screen(terminal=False if plan.data else None)
    pulled = _pull(options) if pull and not all(given.error for given in inputs) else 0
    items = _answers(inputs, options)
    render = functools.partial(_text, screen)
    return write_all(items, plan, len(inputs), one=is_one(arguments), render=render) or pulled


def _tasks(asked: str) -> list[str]:
    names = [name.strip() for name in asked.split(",") if name.strip()] if asked else list(ANALYSED)
    for name in names:
        check_analysed(name)
    return list(dict.fromkeys(names))


def _refuse_model(context: click.Context, param: click.Parameter, given: str | None) -> None:
    if given is not None:
        raise click.UsageError(
            f"--model belongs to the single tasks, got {given!r} for analyze, which takes the best models that are on "
            f"this machine; ask one task: pixwise detect INPUT --model {given}"
        )


def _pull(options: dict[str, Any]) -> int:
    """Fetch the default models of the tasks; one that cannot be fetched is told, and the rest goes on without it."""
    failed = 0
    for task in options["tasks"]:
        card, _ = choose_card(task, pull=True)
        if card is None:
            continue
        try:
            with Arrivals(card.id, lines=False) as arrivals:
                store.ensure(card, accept_licence=options["accept_licence"], progress=arrivals)
        except PixwiseError as error:
            failed = 3
            say(f"pixwise: {card.id}: {one_line(error)}")
    return failed


def _answers(inputs: Sequence[Input], options: dict[str, Any]) -> Iterator[Answered]:
    limits, allow_urls, background = options["limits"], options.pop("allow_urls"), options.pop("background")
    for given in inputs:
        picture = given.error or opened(given, limits, allow_urls, background)
        if isinstance(picture, Exception):
            yield Answered(given, picture)
            continue
        try:
            analysis = analyze(picture, **options)
        except FAILURES as error:
            yield Answered(given, error)
            continue
        wrong = tuple(f"{task}: {told.message}" for task, told in analysis.results.items() if told.status == "error")
        yield Answered(given, analysis, picture, wrong)


def _text(screen: Screen, analysis: Analysis, drawn: str) -> str:
    """A heading, a block per task, and where the drawn picture is."""
    return screen.text(heading(analysis.image), *_blocks(analysis), *([line_of("drawn", drawn)] if drawn else []))


def _blocks(analysis: Analysis) -> Iterator[Any]:
    for task, outcome in analysis.results.items():
        if outcome.result is None:
            yield line_of(
                task, f"{outcome.status}: {outcome.message}", "red" if outcome.status == "error" else "yellow"
            )
            continue
        yield line_of(task, said_of(outcome.result))
        yield from answer_of(outcome.result, indent=INDENT, brief=True)
        if outcome.message:
            yield line_of("", outcome.message.replace(": pixwise ", ":\npixwise "), "dim")  # a command on its own line


def _command() -> click.Command:
    def ask(inputs: tuple[str, ...], **options: Any) -> int:
        return run(inputs, options)

    section = "Answer"
    return Verb(
        "analyze",
        callback=ask,
        help="Ask all questions about a picture at once.\n\nEach is answered by the best model on this machine: the "
        "fetched default where it is, else a built-in one, else the line says how to fetch it.",
        more=lambda: {"INPUT": INPUT_ROWS, "Exit code": CODE_ROWS},
        params=[
            click.Argument(["inputs"], nargs=-1, required=True, metavar="INPUT..."),
            option(section, "--tasks", metavar="A,B", default="", help=f"Only these: {', '.join(_CHOICES)}."),
            option(
                section, "--pull", is_flag=True, help="First fetch the default models that are not on this machine."
            ),
            *output_options(csv=False, draws=True),
            *model_options(model=False),
            option("Help", "--model", hidden=True, expose_value=False, callback=_refuse_model, help="Not here."),
            *task_options(Task, ("exact",), "Pictures"),
            *limit_options(),
        ],
    )


command = _command()
