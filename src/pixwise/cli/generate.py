"""`pixwise generate --model FOLDER -o OUT`: pictures from nothing but noise, one grid or a file each."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import click

from pixwise import store
from pixwise.answers.pictures import Pictures
from pixwise.cli.endings import say
from pixwise.cli.files import PICTURE_FORMATS, StandardOutput, check_writable
from pixwise.cli.options import CODE_ROWS, Number, OneOf, Verb, model_options, option
from pixwise.cli.progress import Arrivals, Progress
from pixwise.cli.run import held_back
from pixwise.cli.sinks import JsonSink
from pixwise.generation.generator import Generator, generator_card
from pixwise.generation.noise import checked_seeds
from pixwise.generation.settings import KINDS
from pixwise.whole_file import WholeFile

__all__ = ["command"]

_USUAL = "generated.png"
_ROWS = [
    ("FILE.png", "All pictures in one grid (also .jpg .webp …); what is there is replaced."),
    ("FOLDER/", "A PNG each, named after its seed."),
    ("FILE.json", "One JSON document, with the pictures in it."),
]


@dataclass
class _Output:
    """What is written where, and what was finished so far.

    Attributes:
        path: a picture's for a grid, a JSON file, or a folder; None for standard output alone.
        is_folder: it is one, or will be.
        json: a document goes to standard output too.
        columns: of the grid.
        every: steps between two pictures on the way; 0 for none.
    """

    path: Path | None
    is_folder: bool
    json: bool
    columns: int
    every: int
    finished: list[Pictures] = field(default_factory=list)

    def check(self) -> None:
        if self.path is not None:
            check_writable(self.path if self.is_folder else self.path.parent)
        if self.every and not self.is_folder:
            raise click.UsageError(f"--every needs -o FOLDER to write to, got {str(self.path or '')!r}; name a folder")

    def foreseen(self, pictures: Pictures) -> None:
        """Pictures on the way."""
        if self.every and pictures.done < pictures.steps and pictures.done % self.every == 0:
            digits = len(str(pictures.steps))
            pictures.save(self.path, ending=f"-step-{pictures.done:0{digits}}")

    def add(self, pictures: Pictures) -> None:
        """Pictures that are finished."""
        self.finished.append(pictures)
        if self.is_folder:
            pictures.save(self.path)

    def close(self) -> None:
        """Nothing comes any more: what needs all of them is written of those that are there."""
        if not self.finished:
            return
        made = Pictures.joined(self.finished)
        if self.path is not None and not self.is_folder:
            with WholeFile(self.path) as file:
                if self.path.suffix.lower() == ".json":
                    JsonSink(file.write).add(made, "")
                else:
                    file.write(_encoded(made, self.columns, self.path))
        write = StandardOutput().write
        if self.json:
            JsonSink(write).add(made, "")
        else:
            write(_told(made, self.path))


def _run(
    out: str, json_: bool, count: int, seed: int, columns: int, every: int, model: str, offline: bool, **options: Any
) -> int:
    output = _Output(*_place(out, json_), json_, columns, every)
    output.check()
    checked_seeds(seed, count)
    making = {name: options.pop(name) for name in ("steps", "scheduler", "eta", "batch")}
    generator = _loaded(model, offline or None, options)
    progress: list[Progress] = []

    def tell(step: int, total: int, pictures: Pictures) -> None:
        progress[:] = progress or [Progress(total, "steps")]
        progress[0].tell(step)
        with held_back():
            output.foreseen(pictures)

    _make(lambda: generator.stream(count, seed=seed, **making, progress=tell), output, count)
    return 0


def _make(stream: Callable[[], Any], output: _Output, count: int) -> None:
    """Write each batch when it is finished; what was finished is kept when somebody stops the rest."""
    stopped: BaseException | None = None
    try:
        for pictures in stream():
            with held_back():
                output.add(pictures)
    except (KeyboardInterrupt, SystemExit) as error:  # Ctrl-C, SIGTERM
        stopped = error
    with held_back():
        output.close()
    if stopped:
        done = sum(map(len, output.finished))
        say(f"pixwise: {done} of {count} pictures were finished" + (", and are written" if done else ""))
        raise stopped


def _loaded(model: str, offline: bool | None, options: dict[str, Any]) -> Generator:
    card = generator_card(model, offline=offline, precision=options["precision"])
    with Arrivals(card.id, lines=False) as arrivals:
        store.ensure(card, offline=offline, accept_licence=options["accept_licence"], progress=arrivals)
    return Generator.load(model, offline=offline, **options)


def _place(out: str, json_: bool) -> tuple[Path | None, bool]:
    """What `-o` names, and whether that is a folder."""
    if out in ("", "-"):
        if out == "-" and not json_:
            raise click.UsageError("-o - needs --json, got a grid of pictures; name a file, or add --json")
        return None if json_ else Path(_USUAL), False
    suffix = PurePath(out).suffix.lower()
    if out.endswith(os.sep) or os.path.isdir(out) or not suffix:
        return Path(out), True
    if suffix not in (*PICTURE_FORMATS, ".json"):
        known = " ".join((*PICTURE_FORMATS, ".json"))
        raise click.UsageError(f"-o must end in one of {known} or be a folder, got {out!r}; a new folder ends in /")
    return Path(out), False


def _encoded(made: Pictures, columns: int, path: Path) -> bytes:
    data, form = io.BytesIO(), PICTURE_FORMATS[path.suffix.lower()]
    made.grid(columns).save(data, form, **({"quality": 92, "subsampling": 0} if form == "JPEG" else {}))
    return data.getvalue()


def _told(made: Pictures, path: Path | None) -> str:
    """For people: what was made, how, and where it is."""
    from pixwise.cli.screen import Screen, Text

    seeds = f"seed {made.seeds[0]}" if len(made) == 1 else f"seeds {made.seeds[0]} to {made.seeds[-1]}"
    how = f"  {made.scheduler} in {made.steps} steps" + (f", eta {made.eta:g}" if made.eta else "")
    what = f"{len(made)} picture{'s' if len(made) != 1 else ''} of {made.image.width} x {made.image.height} px"
    title = Text(what, (f"  by {made.model.id} in {sum(made.timings_ms.values()):.0f} ms", "dim"))
    return Screen(terminal=None).text(title, f"{how}, {seeds}", f"  written: {path}")


command = Verb(
    "generate",
    callback=_run,
    help=(
        "Make pictures of the kind that a model was trained on, from nothing but noise.\n\n"
        "A seed gives the same picture each time. A model is made once, of a checkpoint of diffusers: "
        "pixwise export CHECKPOINT -o FOLDER"
    ),
    more=lambda: {"OUT": _ROWS, "Exit code": [CODE_ROWS[0], *CODE_ROWS[2:]]},
    params=[
        option(
            "Output",
            "-o",
            "--out",
            metavar="OUT",
            default="",
            help=f"Where to: see OUT.  [default: {_USUAL}; nothing with --json]",
        ),
        option("Output", "--json", "json_", is_flag=True, help="One JSON document, with the pictures."),
        option("Output", "--columns", type=Number(int), metavar="N", default=0, help="Of the grid; 0 makes it square."),
        option(
            "Output",
            "--every",
            type=Number(int),
            metavar="N",
            default=0,
            help="With a folder: also what the model foresees at every Nth step; 0 for none.",
        ),
        option("Pictures", "--count", type=Number(int, 1), metavar="N", default=4, show_default=True, help="How many."),
        option(
            "Pictures",
            "--seed",
            type=Number(int),
            metavar="N",
            default=0,
            show_default=True,
            help="Of the first; each has its own, one higher than that before.",
        ),
        option(
            "Pictures",
            "--steps",
            type=Number(int, 1),
            metavar="N",
            default=50,
            show_default=True,
            help="How often the model is asked; more make better pictures.",
        ),
        option(
            "Pictures",
            "--scheduler",
            type=OneOf(KINDS),
            default="ddim",
            show_default=True,
            help="How noise is taken away; ddpm wants all the steps of the training, often 1000.",
        ),
        option(
            "Pictures",
            "--eta",
            type=Number(float),
            metavar="X",
            default=0.0,
            show_default=True,
            help="Of ddim: how much noise each step adds again, 0 to 1.",
        ),
        *model_options(),
        option(
            "Model and machine",
            "--batch",
            type=Number(int),
            metavar="N",
            default=0,
            help="Pictures per run; 0 is what the card says.",
        ),
    ],
)
