"""`pixwise depth INPUT… -o OUT`: as every task's verb, and files that other programs compute with.

-o drawn.png               the coloured picture with its scale, or data, as for every task
-o depth.npy, cloud.ply    the map of the picture's size, or points in space
--as png16 -o depth.png    the map as a grey PNG of 16 bits
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

import click

from pixwise.cli import ask
from pixwise.cli.files import plan_pictures
from pixwise.cli.inputs import expand
from pixwise.cli.options import Number, option
from pixwise.cli.run import Answered, answered, limits_of, write_all
from pixwise.results import DepthMap
from pixwise.tasks.depth import DepthEstimator

__all__ = ["command"]

_ENDINGS = {"npy": ".npy", "ply": ".ply", "png16": ".png"}


def _run(
    inputs: tuple[str, ...], form: str | None, near: float, far: float, fov: float, focal: float, **options: Any
) -> int:
    form = form or {".npy": "npy", ".ply": "ply"}.get(PurePath(options["out"]).suffix.lower(), "")
    _check(form, near, far, fov, focal, options)
    if not form:
        return ask.run(DepthEstimator, inputs, options)
    return _write(inputs, form, (near, far), {"fov_deg": fov, "focal_px": focal}, options)


def _check(form: str, near: float, far: float, fov: float, focal: float, options: dict[str, Any]) -> None:
    if (near or far) and not form:
        raise click.UsageError("--near and --far must go with --as or a file of numbers, got neither; add -o depth.npy")
    if bool(near) != bool(far):
        raise click.UsageError(f"--near and --far must both be said, got {near:g} and {far:g}; both are metres")
    if (fov or focal) and form != "ply":
        raise click.UsageError("--fov and --focal must go with points, got no .ply; add -o cloud.ply")
    if form and (options["format"] or options["draw"]):
        raise click.UsageError(f"--{options['format'] or 'draw'} must go without --as {form}; ask twice")


def _write(
    inputs: tuple[str, ...], form: str, known: tuple[float, float], camera: dict[str, float], options: dict[str, Any]
) -> int:
    """A file per input."""
    from pixwise.cli.screen import Screen, Text
    from pixwise.cli.table import heading, said_of

    out, suffix = options.pop("out"), _ENDINGS[form]
    options["limits"] = limits_of(options)
    del options["format"], options["draw"]
    found = expand(inputs, allow_urls=options["allow_urls"])
    plan, screen = plan_pictures(found, out, suffix, endings=(suffix,)), Screen(terminal=None)

    def render(answer: DepthMap, written: str) -> str:
        return screen.text(Text(heading(answer.image), "  ", said_of(answer)), f"  written: {written}")

    def save(path: Path, item: Answered) -> str:
        depth = item.answer.between(*known) if any(known) and item.answer.kind == "relative" else item.answer
        if form == "npy":
            depth.save_npy(path)
        elif form == "ply":
            depth.points(item.picture, **camera).save_ply(path)
        else:
            told = depth.save_png16(path)
            unit = " m" if depth.kind == "metric" else ""
            return f"{path}  (depth = {told.offset:g} + {told.scale:g} * number{unit})"
        return str(path)

    if all(given.error for given in found):
        items: Iterator[Answered] = iter([Answered(given, given.error) for given in found])
    else:
        items = answered(ask.load(DepthEstimator, options), found, keep=form == "ply")
    return write_all(items, plan, len(found), one=False, render=render, save=save)


_FORMS = "Write numbers for other programs: a map of the picture's size, points, or a grey PNG of 16 bits."
_NUMBERS = {  # option → unit, help
    "near": ("M", "Metres to what is nearest …"),
    "far": ("M", "… and to what is farthest: makes metres of depth that has no unit."),
    "fov": ("DEG", "For points: how many degrees lie between the left and the right edge; phones see about 65."),
    "focal": ("PX", "For points: focal length in pixels of the full size.  [default: the model's, if it says one]"),
}
command = ask.command_of(
    "depth",
    _run,
    [
        option(
            "Output",
            "--as",
            "form",
            type=click.Choice(list(_ENDINGS)),
            default=None,
            help=_FORMS + "  [default: by the ending of OUT]",
        ),
        *(
            option("Output", f"--{name}", type=Number(float), metavar=unit, default=0.0, help=told)
            for name, (unit, told) in _NUMBERS.items()
        ),
    ],
)
