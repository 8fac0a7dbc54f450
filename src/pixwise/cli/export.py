"""`pixwise export`: a checkpoint of `transformers` becomes a folder that `--model` takes."""

from __future__ import annotations

import json
import shlex
from typing import Any

import click

from pixwise.cli.endings import say
from pixwise.cli.options import Number, OneOf, Verb, option

__all__ = ["command"]


def run(source: str, out: str, json_: bool, **options: Any) -> int:
    """Export, and say what came of it."""
    from pixwise.export import export

    done = export(source, out, progress=say, **options)
    if json_:
        rows = [row._asdict() for row in done.differences]
        facts = {**vars(done), "folder": str(done.folder), "differences": rows}
        click.echo(json.dumps({"schema": "pixwise/export/1", **facts}, indent=2))
    else:
        click.echo(
            f"written: {done.folder} ({done.bytes / 1e6:.1f} MB); use it: --model {shlex.quote(str(done.folder))}"
        )
    return 0


command = Verb(
    "export",
    callback=run,
    help=(
        "Make a model folder of a transformers checkpoint, and check that it answers as the checkpoint does.\n\n"
        "SOURCE is a folder, or owner/name[@revision] on the hub; a UNet of diffusers too, which needs that. "
        "Needs pip install 'pixwise[torch]'; the folder that "
        "is written needs it no more. HF_HUB_OFFLINE=1 keeps it from the network."
    ),
    params=[
        click.Argument(["source"], metavar="SOURCE"),
        option("Output", "-o", "--out", "out", required=True, metavar="FOLDER", help="A folder that is not there yet."),
        option("Output", "--force", is_flag=True, help="Replace an export that is there."),
        option("Output", "--json", "json_", is_flag=True, help="One JSON document."),
        option(
            "What", "--task", default="", metavar="TASK", help="Where a checkpoint can do several: embed, classify."
        ),
        option(
            "What",
            "--precision",
            type=OneOf(("fp32", "fp16", "int8")),
            default="fp32",
            show_default=True,
            help="Of the weights: half or a quarter of the size.",
        ),
        option("Check", "--picture", metavar="FILE", help="A real picture to look at; left out, one is drawn."),
        option(
            "Check",
            "--tolerance",
            type=Number(float),
            metavar="X",
            help="Largest difference, as a share of the largest number; left out, what is usual for the model.",
        ),
    ],
)
