"""The command line: one verb per file; parse, call, print.

`main` is the only place where errors become lines on stderr and exit codes (`endings.py`).
"""

from __future__ import annotations

import importlib
import os
import sys

import click
from click.shell_completion import shell_complete

from pixwise import __version__
from pixwise.cli.endings import ending, prepare_process
from pixwise.errors import nearest
from pixwise.task_table import TASKS

__all__ = ["main"]

# verb → (module, one line of help); the module is imported when the verb is used, for `command` or `command_of(name)`
VERBS = {
    "analyze": ("pixwise.cli.analyze", "Ask all questions about a picture at once."),
    **{name: ("pixwise.cli.ask", entry.help) for name, entry in TASKS.items()},
    **{name: ("pixwise.cli.rendering", TASKS[name].help) for name in ("upscale", "restyle", "inpaint")},
    "depth": ("pixwise.cli.depth", TASKS["depth"].help),
    "cutout": ("pixwise.cli.cutout", "Take the background away, or put another one there."),
    "caption-folder": ("pixwise.cli.caption_folder", "Write a text beside each picture that says what it shows."),
    "generate": ("pixwise.cli.generate", "Make pictures from nothing but noise."),
    "embed-text": ("pixwise.cli.embed_text", "Turn texts into vectors, to compare with those of pictures."),
    "export": ("pixwise.cli.export", "Make a model folder of a transformers checkpoint (needs torch)."),
    "verify": ("pixwise.cli.verify", "Tell whether two faces are of one person."),
    "gallery": ("pixwise.cli.gallery", "Keep the people whom identify names, and group unknown faces."),
    "eval": ("pixwise.cli.evaluate", "Measure how good answers are, by your own truth."),
    "collections": ("pixwise.cli.collections", "Train yes/no classifiers of your own, and ask them."),
    "learn-head": ("pixwise.cli.learn_head", "Learn a classifier from a folder of pictures per class."),
    "serve": ("pixwise.cli.serve", "Answer every task over HTTP, and show a page."),
    "ui": ("pixwise.cli.ui", "Show the web page: the service on a free port, and a browser."),
    "models": ("pixwise.cli.models", "List, fetch, check and move model files."),
    "doctor": ("pixwise.cli.doctor", "Check this machine: packages, providers, cache, limits."),
    "bench": ("pixwise.cli.bench", "Measure speed on this machine."),
    "version": ("pixwise.cli.version", "Print versions."),
}


class Verbs(click.Group):
    """Loads a verb's file when the verb is used, so that `--help` and `--version` answer at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        module = importlib.import_module(VERBS[name][0])
        return module.command_of(name) if hasattr(module, "command_of") else module.command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in VERBS:
            raise click.UsageError(f"verb must be known, got {args[0]!r}; {nearest(args[0], VERBS)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])


@click.group(
    cls=Verbs,
    subcommand_metavar="VERB …",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Each verb tells its options: pixwise VERB --help",
)
@click.version_option(__version__, "-V", "--version", message="pixwise %(version)s")
def pixwise() -> None:
    """Questions about pictures, answered in one line.

    \b
    pixwise analyze photo.jpg                  everything that is known about it
    pixwise detect street.jpg --json           boxes as JSON
    pixwise ocr scans/ --jsonl > text.jsonl    a folder of scans, one line of JSON each
    """


def main(args: list[str] | None = None) -> None:
    """Entry point of the `pixwise` command."""
    asked = os.environ.get("_PIXWISE_COMPLETE", "")
    if asked:
        sys.exit(shell_complete(pixwise, {}, "pixwise", "_PIXWISE_COMPLETE", asked))
    prepare_process()
    try:
        # not `pixwise.main`: that one tells interrupts and broken pipes in click's own way
        with pixwise.make_context("pixwise", sys.argv[1:] if args is None else args) as context:
            code = pixwise.invoke(context)
            sys.stdout.flush()
    except BaseException as error:  # what is not ours to explain goes on its way from `ending`
        code = ending(error)
    sys.exit(code if isinstance(code, int) else 0)
