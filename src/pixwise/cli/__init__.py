"""The command line: one verb per file; parse, call, print.

`main` is the only place where errors become lines on stderr and exit codes:
0 all well, 1 some inputs failed, 2 usage, 3 a model is missing, 130 interrupted.
"""

from __future__ import annotations

import importlib
import sys

import click

from pixwise import __version__
from pixwise.errors import ModelMissingError, OptionError, PixwiseError, UnknownModelError, nearest

__all__ = ["main"]

# verb → (module, one line of help); the module is imported when the verb is used, and holds `command`
VERBS = {
    "analyze": ("pixwise.cli.analyze", "Ask many questions about a picture at once."),
    "detect": ("pixwise.cli.ask", "Find objects: boxes with labels."),
    "faces": ("pixwise.cli.ask", "Find faces with five landmarks."),
    "classify": ("pixwise.cli.ask", "Say what the whole picture shows."),
    "ocr": ("pixwise.cli.ask", "Read printed text."),
    "codes": ("pixwise.cli.ask", "Read QR and bar codes."),
    "quality": ("pixwise.cli.ask", "Measure sharpness, exposure, noise and colours."),
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
        return module.commands[name] if hasattr(module, "commands") else module.command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in VERBS:
            raise click.UsageError(f"verb must be known, got {args[0]!r}; {nearest(args[0], VERBS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, "-V", "--version", message="pixwise %(version)s")
def pixwise() -> None:
    """Questions about pictures, answered in one line.

    \b
    pixwise analyze photo.jpg              everything that is known about it
    pixwise detect street.jpg --json       boxes as JSON
    pixwise ocr scans/ --jsonl > text.jsonl
    """


def main(args: list[str] | None = None) -> None:
    """Entry point of the `pixwise` command."""
    try:
        code = pixwise.main(args, prog_name="pixwise", standalone_mode=False)
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("pixwise: interrupted", err=True)
        code = 130
    except PixwiseError as error:
        click.echo(f"pixwise: {error}", err=True)
        code = (
            3
            if isinstance(error, ModelMissingError)
            else 2
            if isinstance(error, OptionError | UnknownModelError)
            else 1
        )
    sys.exit(code if isinstance(code, int) else 0)
