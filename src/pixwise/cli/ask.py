"""The verbs of the single tasks: `pixwise detect INPUT…` and the like, each made from its task's class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click

from pixwise import registry, store
from pixwise.cli.clips import CLIP_ROWS, expand_clips
from pixwise.cli.files import plan_output
from pixwise.cli.inputs import expand, is_one
from pixwise.cli.options import (
    CODE_ROWS,
    INPUT_ROWS,
    Verb,
    limit_options,
    model_options,
    output_options,
    said_options,
    task_options,
)
from pixwise.cli.progress import Arrivals, waiting
from pixwise.cli.run import Answered, answered, limits_of, write_all
from pixwise.loading import as_loaded, load_card, load_helpers, load_model
from pixwise.quantize import has_int8
from pixwise.results import Result
from pixwise.task import Task
from pixwise.task_table import TASKS, task_class

__all__ = ["command_of", "load", "run", "run_with"]


def command_of(
    name: str, answer: Callable[..., int] | None = None, more: Sequence[click.Parameter] = ()
) -> click.Command:
    """The command of a task.

    Args:
        name: of the task.
        answer: what answers the inputs, with all options; None for the usual way.
        more: options that only this verb has.
    """
    cls = task_class(name)

    def ask(inputs: tuple[str, ...], **options: Any) -> int:
        return run(cls, inputs, options)

    return Verb(
        name,
        callback=answer or ask,
        help=TASKS[name].help,
        more=lambda: {
            "INPUT": CLIP_ROWS if cls.of_clips else INPUT_ROWS,
            "Models": _models(name),
            "Exit code": CODE_ROWS,
        },
        params=[
            click.Argument(["inputs"], nargs=-1, required=True, metavar="INPUT..."),
            *task_options(cls, said_options(cls)),
            *output_options(alt=hasattr(cls.result_type, "alt_text")),
            *more,
            *model_options(needs=cls.needs),
            *task_options(cls, ("batch",), "Model and machine"),
            *task_options(cls, ("exact",), "Pictures"),
            *limit_options(),
        ],
    )


def _models(task: str) -> list[tuple[str, str]]:
    return [
        (card.id, card.title + ("  [built in]" if card.runtime == "builtin" else "")) for card in registry.cards(task)
    ]


def run(cls: type[Task], arguments: tuple[str, ...], options: dict[str, Any]) -> int:
    """Answer the inputs with one task; returns the exit code."""
    return run_with(lambda given: load(cls, given), cls.result_type, arguments, options, clips=cls.of_clips)


def run_with(
    load: Callable[[dict[str, Any]], Any],
    kind: type[Result],
    arguments: tuple[str, ...],
    options: dict[str, Any],
    *,
    clips: bool = False,
) -> int:
    """Answer the inputs with whatever streams answers as a task does; returns the exit code.

    Args:
        load: gives it from the options that are left.
        kind: of answer.
        arguments: the inputs.
        options: those of `output_options` and `limit_options`, and those of `load`.
        clips: it is asked about clips, not pictures.
    """
    from pixwise.cli.screen import Screen, Text
    from pixwise.cli.table import answer_of, heading, said_of

    out, format, draw = options.pop("out"), options.pop("format"), options.pop("draw")
    options["limits"] = limits_of(options)
    urls = options["allow_urls"]
    if clips:
        inputs = expand_clips(arguments, options["limits"], allow_urls=urls)
    else:
        inputs = expand(arguments, allow_urls=urls)
    one = len(inputs) == 1 if clips else is_one(arguments)
    plan = plan_output(inputs, out, format, draw)
    screen = Screen(terminal=False if plan.data else None)

    def render(answer: Any, drawn: str) -> str:
        title = Text(heading(answer.image), "  ", said_of(answer))
        return screen.text(title, *answer_of(answer), *([f"  drawn: {drawn}"] if drawn else []))

    if all(given.error for given in inputs):
        items = (Answered(given, given.error) for given in inputs)
    else:
        items = answered(load(options), inputs, keep=bool(plan.drawn))
    return write_all(items, plan, len(inputs), one=one, render=render, kind=kind)


def load(cls: type[Task], options: dict[str, Any]) -> Task:
    """Load the task; options are checked first, and a model that must be fetched shows its progress."""
    name = options.pop("model")
    machine = {key: options.pop(key) for key in ("device", "threads", "offline", "accept_licence")}
    precision = options.pop("precision")
    offline, licences = machine["offline"] or None, machine["accept_licence"]
    helpers = {need: options.pop(f"{need}_model", "") for need in cls.needs}
    needs = cls.needs_with(options)
    card = load_card(name, cls.name, offline=offline, precision=precision)
    cls.check(card, options)
    store.check_licence(card, licences)  # before helpers are fetched
    options["helpers"] = load_helpers(
        card,
        needs,
        {need: helpers[need] for need in needs},
        lambda need, model: load(task_class(need), {**machine, "model": model, "precision": ""}),
        offline,
    )
    with Arrivals(card.id, lines=False) as arrivals:
        files = store.ensure(card, offline=offline, accept_licence=licences, progress=arrivals)
    making = card.made and not all(has_int8(path) for path in files.values() if path.suffix == ".onnx")
    with waiting(f"{card.id}: its int8 copy is made, once" if making else ""):
        session = load_model(card, **{**machine, "offline": offline})
    return cls(card=as_loaded(card), session=session, **options)
