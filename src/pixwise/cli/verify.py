"""`pixwise verify A B`: are two faces of one person?"""

from __future__ import annotations

from typing import Any

import click

from pixwise.cli.ask import load
from pixwise.cli.inputs import expand
from pixwise.cli.model_rows import print_json
from pixwise.cli.options import INPUT_ROWS, Verb, limit_options, model_options, option, task_options
from pixwise.cli.run import limits_of
from pixwise.identity.threshold import check_threshold
from pixwise.identity.verification import compare
from pixwise.picture import Picture
from pixwise.tasks.identify import Identifier

__all__ = ["command"]

_CODES = [
    ("0", "Answered, with yes or no."),
    ("2", "A picture shows no face or cannot be read, or wrong usage."),
    ("3", "The model is not on this machine, or is damaged."),
]


def _run(a: str, b: str, threshold: float | None, json_: bool, **options: Any) -> int:
    opening = {"limits": limits_of(options), **{key: options.pop(key) for key in ("allow_urls", "background")}}
    if threshold is not None:
        check_threshold(threshold)
    pictures: list[Picture] = []
    for given in expand([a, b], allow_urls=opening["allow_urls"]):
        if given.error is not None:
            raise given.error
        pictures.append(Picture.open(given.source, **opening))
    if len(pictures) != 2:
        raise click.UsageError(f"pictures must be two, A and B, got {len(pictures)}; name two files")
    found = compare(*pictures, threshold, lambda: load(Identifier, options))
    if json_:
        return print_json(found.to_dict())
    said = "the same person" if found.same else "two people"
    sign = ">=" if found.same else "<"
    click.echo(f"{said}: similarity {found.similarity:.3f} {sign} {found.threshold:g} ({found.threshold_source})")
    return 0


command = Verb(
    "verify",
    callback=_run,
    help="Tell whether two faces are of one person: the largest face of each picture counts.",
    more=lambda: {"INPUT": INPUT_ROWS[:1] + INPUT_ROWS[3:], "Exit code": _CODES},
    params=[
        click.Argument(["a"], metavar="A"),
        click.Argument(["b"], metavar="B"),
        *task_options(Identifier, ("threshold",)),
        option("Output", "--json", "json_", is_flag=True, help="One JSON document."),
        *model_options(needs=Identifier.needs),
        *limit_options(),
    ],
)
