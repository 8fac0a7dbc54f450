"""`pixwise bench`: how fast the models of this machine answer, from the bytes of a JPEG on."""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pixwise.cli.endings import code_of
from pixwise.cli.options import Number, OneOf, Verb, model_options, option
from pixwise.errors import OptionError, PixwiseError
from pixwise.task_table import TASKS, task_class

if TYPE_CHECKING:
    from pixwise.task import Task

__all__ = ["Measured", "command", "measure"]

SIZES = {"0.3 MP": (480, 640), "12 MP": (3000, 4000)}
WARM = 2  # first runs allocate and settle; they are not counted


@dataclass(frozen=True)
class Measured:
    """One row: milliseconds per picture, over all rounds.

    Attributes:
        task, model, precision, device: what answered.
        picture: its size in megapixels, or its path.
        batch: pictures per call.
        median_ms, worst_ms: of the rounds, per picture.
        model_ms: median of the part spent in the model itself.
        per_second: pictures at the median.
    """

    task: str
    model: str
    precision: str
    device: str
    picture: str
    batch: int
    median_ms: float
    worst_ms: float
    model_ms: float
    per_second: float


def measure(task: Task, jpegs: list[bytes], rounds: int, picture: str) -> Measured:
    """Time a task on some pictures at once.

    Args:
        task: a loaded one.
        jpegs: pictures of one call.
        rounds: how many calls are counted.
        picture: name for the table.
    """
    several, spent, inside = replace(task, batch=len(jpegs)), [], []
    for turn in range(WARM + rounds):
        started = time.perf_counter()
        answers = several(jpegs)
        if turn >= WARM:
            spent.append(1e3 * (time.perf_counter() - started) / len(jpegs))
            inside.append(statistics.fmean(answer.timings_ms["model"] for answer in answers))
    middle = statistics.median(spent)
    return Measured(
        task.name, task.card.id, task.card.precision, task.session.device, picture, len(jpegs),
        round(middle, 2), round(max(spent), 2), round(statistics.median(inside), 2), round(1e3 / middle, 1),
    )  # fmt: skip


def run(tasks: tuple[str, ...], pictures: tuple[str, ...], rounds: int, batches: str, json_: bool, **load: Any) -> int:
    """Measure and print, row by row; returns the exit code."""
    model, batch_sizes = load.pop("model"), _batches(batches)
    if model and len(tasks) != 1:
        raise OptionError(
            f"--model needs the one task that it answers, got {len(tasks)} tasks; name it: pixwise bench TASK"
        )
    jpegs = _pictures(pictures)
    rows, failed = [], 0
    for name in tasks or TASKS:
        for id in _ids(name, model):
            try:
                task = task_class(name).load(id, **{**load, "offline": load["offline"] or None})
                for label, data in jpegs.items():
                    for size in batch_sizes:
                        row = measure(task, [data] * size, rounds, label)
                        rows.append(vars(row))
                        if not json_:
                            _print(row, first=len(rows) == 1)
            except PixwiseError as error:
                failed = max(failed, code_of(error))
                click.echo(f"pixwise: {name}: {error}", err=True)
    if json_:
        click.echo(json.dumps({"schema": "pixwise/bench/1", "rows": rows}, indent=2))
    return failed


def _batches(text: str) -> list[int]:
    sizes = [int(word) if word.isdecimal() else 0 for word in text.split(",")]
    if min(sizes) < 1:
        raise OptionError(f"--batches must be numbers from 1 up, with commas between, got {text!r}")
    return sizes


def _pictures(paths: tuple[str, ...]) -> dict[str, bytes]:
    from pixwise.picture import Picture
    from pixwise.samples import jpeg_like

    if not paths:
        return {label: jpeg_like(*size_hw) for label, size_hw in SIZES.items()}
    for path in paths:
        Picture.open(path)  # says what is wrong with it
    return {path: Path(path).read_bytes() for path in paths}


def _ids(name: str, model: str) -> list[str]:
    """The named model, or every model of a task that is on this machine."""
    from pixwise import registry, store

    return [model] if model else [card.id for card in registry.cards(name) if store.is_ready(card)]


def _print(row: Measured, *, first: bool) -> None:
    if first:
        head = f"{'task':9} {'model':20} {'weights':7} {'on':5} {'picture':10} {'batch':>5}"
        click.echo(f"{head} {'median':>10} {'worst':>10} {'in model':>10} {'per second':>11}")
    picture = row.picture if len(row.picture) <= 10 else "…" + row.picture[-9:]
    click.echo(
        f"{row.task:9} {row.model:20} {row.precision:7} {row.device:5} {picture:10} {row.batch:5} "
        f"{row.median_ms:7.1f} ms {row.worst_ms:7.1f} ms {row.model_ms:7.1f} ms {row.per_second:11.1f}"
    )


command = Verb(
    "bench",
    callback=run,
    help=(
        "Measure how fast the models on this machine answer, from the bytes of a JPEG on.\n\n"
        "Without TASK all tasks are measured with every model that is here, on drawn photo-like pictures of 0.3 and 12 "
        "megapixels. Times are per picture."
    ),
    params=[
        click.Argument(["tasks"], nargs=-1, metavar="[TASK]...", type=OneOf(TASKS)),
        option(
            "What", "--picture", "pictures", multiple=True, metavar="FILE", help="Measure on this picture; repeatable."
        ),
        option(
            "What",
            "--rounds",
            type=Number(int, least=1),
            metavar="N",
            default=10,
            show_default=True,
            help="Calls that are counted.",
        ),
        option("What", "--batches", default="1,8", show_default=True, help="Pictures per call, with commas between."),
        option("Output", "--json", "json_", is_flag=True, help="One JSON document."),
        *model_options(),
    ],
)
