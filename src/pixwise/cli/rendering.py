"""The verbs that make pictures of pictures: `pixwise upscale photo.jpg -o large.png`, `restyle`, `inpaint`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import click
from PIL import Image

from pixwise import registry
from pixwise.answers.rendering import Rendering
from pixwise.cli.ask import load
from pixwise.cli.files import plan_pictures
from pixwise.cli.inputs import expand
from pixwise.cli.options import (
    CODE_ROWS,
    INPUT_ROWS,
    Verb,
    limit_options,
    model_options,
    option,
    said_options,
    task_options,
)
from pixwise.cli.progress import Line
from pixwise.cli.run import Answered, answered, limits_of, write_all
from pixwise.picture import Picture
from pixwise.task_table import TASKS, task_class

__all__ = ["command_of"]

_OPAQUE = (".jpg", ".jpeg", ".bmp")  # files that cannot be transparent


@dataclass(frozen=True)
class _Made:
    """An answer whose drawing is the picture itself, not laid into the one that was asked about."""

    rendering: Rendering
    opaque: bool

    def draw(self, picture: Picture) -> Image.Image:
        return self.rendering.raster.image() if self.opaque else self.rendering.to_image()


class _Tiles:
    """`3/40 tiles` on stderr, where one picture takes long."""

    def __init__(self) -> None:
        self._line = Line()

    def __call__(self, done: int, total: int) -> None:
        if done == total:
            self._line.clear()
        else:
            self._line.draw(f"{done}/{total} tiles")


def command_of(name: str) -> click.Command:
    """The command of a task whose answer is a picture."""
    cls = task_class(name)
    mask = option("Answer", "--mask", metavar="FILE", default="", help="Picture of the same size, white where to fill.")

    def make(inputs: tuple[str, ...], out: str, **options: Any) -> int:
        return _run(name, inputs, out, options)

    return Verb(
        name,
        callback=make,
        help=TASKS[name].help,
        more=lambda: {"INPUT": INPUT_ROWS, "Models": _models(name), "Exit code": CODE_ROWS},
        params=[
            click.Argument(["inputs"], nargs=-1, required=True, metavar="INPUT..."),
            option(
                "Output",
                "-o",
                "--out",
                metavar="OUT",
                default="",
                help="File for the picture (.png .jpg .webp .tif …), folder for many, or - for a PNG on standard "
                "output.  [default: NAME.pixwise.png here]",
            ),
            *([mask] if "mask" in cls.option_names() else []),
            *task_options(cls, said_options(cls)),
            *model_options(),
            *task_options(cls, ("batch",), "Model and machine"),
            *limit_options(),
        ],
    )


def _run(name: str, inputs: tuple[str, ...], out: str, options: dict[str, Any]) -> int:
    from pixwise.cli.screen import Screen

    options["limits"] = limits_of(options)
    cls = task_class(name)
    if "progress" in cls.option_names():
        options["progress"] = _Tiles()
    found = expand(inputs, allow_urls=options["allow_urls"])
    plan, screen = plan_pictures(found, out, ".png", pipe=True), Screen(terminal=None)

    def render(answer: _Made, drawn: str) -> str:
        return "" if drawn == "-" else screen.text(_heading(answer.rendering), f"  written: {drawn}")

    if all(given.error for given in found):
        items: Iterator[Answered] = iter([Answered(given, given.error) for given in found])
    else:
        items = answered(load(cls, options), found, keep=True)
    opaque = PurePath(out).suffix.lower() in _OPAQUE
    return write_all((_with(item, opaque) for item in items), plan, len(found), one=False, render=render)


def _heading(made: Rendering) -> Any:
    """`photo.jpg  640 x 480 -> 1280 x 960  by lanczos in 12 ms`."""
    from pixwise.cli.screen import Text
    from pixwise.cli.table import heading

    spent = sum(made.timings_ms.values())
    told = f"  {made.width} x {made.height} px" if made.scale != 1 else f"  {made.changed:.0%} changed"
    return Text(heading(made.image), told, (f"  by {made.model.id} in {spent:.0f} ms", "dim"))


def _with(item: Answered, opaque: bool) -> Answered:
    return item if isinstance(item.answer, Exception) else item._replace(answer=_Made(item.answer, opaque))


def _models(task: str) -> list[tuple[str, str]]:
    return [
        (card.id, card.title + ("  [built in]" if card.runtime == "builtin" else "")) for card in registry.cards(task)
    ]
