"""`pixwise cutout INPUT… -o OUT`: pictures without their background, or before another one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import click
from PIL import Image

from pixwise import registry
from pixwise.answers.cutout import colour_from
from pixwise.answers.matte import Matte
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
    task_options,
)
from pixwise.cli.run import Answered, answered, limits_of, write_all
from pixwise.errors import check_range
from pixwise.picture import Picture
from pixwise.tasks.background import BackgroundRemover

__all__ = ["command"]

_OPAQUE = (".jpg", ".jpeg", ".bmp")  # files that cannot be transparent


@dataclass(frozen=True)
class _Making:
    """How a picture is made of a matte.

    Attributes:
        ground: what is laid behind; None for nothing, which leaves it transparent.
        crop, margin, shadow: as for `Matte.cut` and `Matte.over`.
    """

    ground: Any = None
    crop: bool = False
    margin: float = 0.05
    shadow: float = 0.0

    def __call__(self, matte: Matte, picture: Picture) -> Image.Image:
        if self.ground is None:
            return matte.cut(picture, crop=self.crop, margin=self.margin)
        whole = matte.over(picture, self.ground, shadow=self.shadow)
        return whole.crop(matte.part(self.margin)) if self.crop else whole


@dataclass(frozen=True)
class _CutOut:
    """A matte whose drawing is the picture that is made with it."""

    matte: Matte
    made: _Making

    def draw(self, picture: Picture) -> Image.Image:
        return self.made(self.matte, picture)


def _run(inputs: tuple[str, ...], out: str, on: str, crop: bool, margin: float, shadow: float, **options: Any) -> int:
    from pixwise.cli.screen import Screen, Text
    from pixwise.cli.table import heading

    check_range("margin", margin, 0, 10)
    check_range("shadow", shadow, 0, 1)
    options["limits"] = limits_of(options)
    if shadow and not on:
        raise click.UsageError("--shadow must have something to fall on, got no --on; add --on '#ffffff'")
    if PurePath(out).suffix.lower() in _OPAQUE and not on:
        raise click.UsageError(
            f"-o must end in .png, .webp or .tif to be transparent, got {out!r}; or add --on '#ffffff'"
        )
    made = _Making(_ground(on, options), crop, margin, shadow)
    found = expand(inputs, allow_urls=options["allow_urls"])
    plan = plan_pictures(found, out, ".jpg" if on else ".png")
    screen = Screen(terminal=None)

    def render(answer: _CutOut, drawn: str) -> str:
        matte = answer.matte
        spent = sum(matte.timings_ms.values())
        told = f"  {matte.coverage:.0%} is foreground", (f"  by {matte.model.id} in {spent:.0f} ms", "dim")
        title = Text(heading(matte.image), *told)
        return screen.text(title, f"  written: {drawn}")

    if all(given.error for given in found):
        items: Iterator[Answered] = iter([Answered(given, given.error) for given in found])
    else:
        items = answered(load(BackgroundRemover, options), found, keep=True)
    return write_all((_with(item, made) for item in items), plan, len(found), one=False, render=render)


def _with(item: Answered, made: _Making) -> Answered:
    """The same, to be drawn as what is made of it; a picture in which nothing was found is told."""
    if isinstance(item.answer, Exception):
        return item
    nothing = (
        () if item.answer.coverage else ("expected a subject, found none: all of it is cut away; try another --model",)
    )
    return item._replace(answer=_CutOut(item.answer, made), problems=nothing)


def _ground(on: str, options: dict[str, Any]) -> Any:
    """What `--on` names: None, a colour, `blur`, or an opened picture, so that a wrong one is told before all else."""
    if on in ("", "blur"):
        return on or None
    return colour_from(on) or Picture.open(on, limits=options["limits"], allow_urls=options["allow_urls"])


def _models() -> list[tuple[str, str]]:
    return [
        (card.id, card.title + ("  [built in]" if card.runtime == "builtin" else ""))
        for card in registry.cards("background")
    ]


_CODES = [CODE_ROWS[0], ("1", "An input failed, or nothing was found in it; the others were answered."), *CODE_ROWS[2:]]
command = Verb(
    "cutout",
    callback=_run,
    help="Take the background away, or put another one there.",
    more=lambda: {"INPUT": INPUT_ROWS, "Models": _models(), "Exit code": _CODES},
    params=[
        click.Argument(["inputs"], nargs=-1, required=True, metavar="INPUT..."),
        option(
            "Output",
            "-o",
            "--out",
            metavar="OUT",
            default="",
            help="File for the picture (.png .webp .tif; with --on any), or folder for many.  "
            "[default: NAME.pixwise.png here]",
        ),
        option(
            "Answer",
            "--on",
            metavar="GROUND",
            default="",
            help="What is laid behind: '#rrggbb', blur, or a picture, scaled to fill.  [default: nothing, transparent]",
        ),
        option("Answer", "--crop", is_flag=True, help="Cut down to the subject."),
        option(
            "Answer",
            "--margin",
            type=float,
            metavar="X",
            default=0.05,
            show_default=True,
            help="With --crop: around the subject, as a share of its longer side.",
        ),
        option(
            "Answer",
            "--shadow",
            type=float,
            metavar="X",
            default=0.0,
            show_default=True,
            help="With --on: how dark a shadow the subject throws, 0 to 1.",
        ),
        *task_options(BackgroundRemover, BackgroundRemover.option_names()),
        *model_options(),
        *task_options(BackgroundRemover, ("batch",), "Model and machine"),
        *task_options(BackgroundRemover, ("exact",), "Pictures"),
        *limit_options(),
    ],
)
