"""`pixwise learn-head FOLDER`: a classifier of one's own, from a sub-folder of pictures per class."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from pixwise.cli.endings import say
from pixwise.cli.model_rows import print_json, print_table
from pixwise.cli.options import Number, Verb, model_options, option
from pixwise.cli.progress import Progress
from pixwise.collections.focus import Focus
from pixwise.collections.learn_head import LearntHead, learn_head
from pixwise.collections.looking import Looker
from pixwise.collections.sources import labelled_pictures

__all__ = ["command"]

_CODES = [
    ("0", "All well."),
    ("1", "A picture or a class was left out; the head was learnt from the others."),
    ("2", "Nothing was done: wrong usage, a folder that cannot be read, or this machine cannot do it."),
    ("3", "The model is not on this machine, or is damaged."),
]


def run(folder: str, out: str, model: str, seed: int, json_: bool, **machine: Any) -> int:
    """Learn and tell; returns the exit code."""
    place = out or f"{Path(folder).resolve().name}-head"
    labelled_pictures(Path(folder))  # a wrong folder must not cost the fetching of a model
    looker = Looker.load(
        Focus(embeddings=(model or "clip",)), models=[model] if model else (),
        **{**machine, "offline": machine["offline"] or None},
    )  # fmt: skip
    learnt = learn_head(folder, place, looker, seed=seed, over=lambda pictures: Progress(len(pictures)).over(pictures))
    for note in learnt.notes:
        say(f"pixwise: {note}")
    if json_:
        print_json(learnt.to_dict())
    else:
        _print(learnt)
    return int(bool(learnt.notes))


def _print(learnt: LearntHead) -> None:
    low, high = learnt.interval
    click.echo(
        f"accuracy {learnt.accuracy:.3f} ({low:.3f} to {high:.3f} with 95 %) on {learnt.confusion.sum()} pictures that "
        f"it had not seen, over {learnt.embedder}\n"
    )
    rows = [
        (label, str(count), *map(str, said))
        for label, count, said in zip(learnt.labels, learnt.counts, learnt.confusion.tolist(), strict=True)
    ]
    print_table(("class", "pictures", *(f"said {label}" for label in learnt.labels)), rows)
    place = str(learnt.folder) if "/" in str(learnt.folder) else f"./{learnt.folder}"
    click.echo(f"\npixwise classify PICTURE --model {shlex.quote(place)}")


command = Verb(
    "learn-head",
    callback=run,
    help="Learn a classifier from FOLDER, which has a sub-folder of pictures for each class.",
    params=[
        click.Argument(["folder"], metavar="FOLDER"),
        option("Output", "-o", "--out", metavar="OUT", default="", help="Folder to write.  [default: FOLDER-head]"),
        option("Output", "--json", "json_", is_flag=True, help="One JSON document."),
        option("Model and machine", "--model", metavar="ID", default="", help="The embedder.  [default: clip-b32]"),
        option(
            "Model and machine", "--seed", type=Number(int), metavar="N", default=0, help="Of the held-out pictures."
        ),
        *model_options(model=False),
    ],
    more=lambda: {"Exit code": _CODES},
)
