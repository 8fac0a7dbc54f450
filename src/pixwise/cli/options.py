"""Options of the verbs: those that all share, and those of a task, read from its class's fields and docstring."""

from __future__ import annotations

import re
import typing
from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

import click

from pixwise.docstrings import documented, plain_hint
from pixwise.errors import nearest

__all__ = [
    "CODE_ROWS", "INPUT_ROWS", "OneOf", "Verb", "VerbGroup",
    "limit_options", "model_options", "option", "output_options", "said_options", "task_options", "with_lines",
]  # fmt: skip

Rows = list[tuple[str, str]]
INPUT_ROWS: Rows = [
    ("FILE", "A picture; - is standard input."),
    ("'GLOB'", "In quotes, pictures that match: 'scans/**/*.png'."),
    ("FOLDER", "Pictures in it and below, hidden ones aside."),
    ("URL", "With --allow-urls."),
]
CODE_ROWS: Rows = [
    ("0", "All well."),
    ("1", "An input failed; the others were answered."),
    ("2", "Nothing was done: wrong usage, a file that cannot be read, or this machine cannot do it."),
    ("3", "The model is not on this machine, or is damaged."),
    ("130", "Interrupted; what was done is written."),
]
DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("int8",)
_FOUND = {"detect": "people"}  # what a task needs of another, where its name does not say so


class Number(click.ParamType):
    """A count from `least` up (int), or any number (float); what is none is told in our form."""

    def __init__(self, kind: type[int] | type[float], least: int = 0):
        self.kind, self.least = kind, least
        self.name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | float:
        try:
            number = self.kind(value)
        except ValueError:
            number = None
        if number is None or (self.kind is int and number < self.least):
            what = f"a whole number from {self.least} up" if self.kind is int else "a number"
            raise click.UsageError(f"{_flag(param)} must be {what}, got {value!r}", ctx)
        return number


class Colour(click.ParamType):
    """`#rrggbb` as three numbers from 0 to 255."""

    name = "colour"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if not isinstance(value, str):  # click may hand in what was converted before
            return value
        if not re.fullmatch("#[0-9a-fA-F]{6}", value):
            raise click.UsageError(f"{_flag(param)} must be a colour like '#000000', got {value!r}", ctx)
        return tuple(bytes.fromhex(value[1:]))


class Numbers(click.ParamType):
    """Some numbers with commas between, like `340,220`."""

    name = "numbers"

    def __init__(self, count: int):
        self.count = count

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        try:
            numbers = tuple(map(float, value.split(",") if isinstance(value, str) else value))
        except ValueError:
            numbers = ()
        if len(numbers) != self.count:
            shown = "x,y" if self.count == 2 else "x1,y1,x2,y2"
            raise click.UsageError(f"{_flag(param)} must be {shown} in pixels, got {value!r}", ctx)
        return numbers


class OneOf(click.ParamType):
    """One of some words; a misspelt one is told the nearest."""

    def __init__(self, words: Iterable[str]):
        self.words = tuple(words)
        self.name = "|".join(self.words)

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        return self.name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value in self.words:
            return value
        raise click.UsageError(f"{_flag(param)} must be known, got {value!r}; {nearest(value, self.words)}", ctx)


def _flag(param: click.Parameter | None) -> str:
    return max(param.opts, key=len) if param else "value"


class Option(click.Option):
    """An option that knows under which heading of the help it stands."""

    section = "Help"


def option(section: str, *declarations: str, **settings: Any) -> Option:
    """A click option under a heading of the help."""
    made = Option(list(declarations), **settings)
    made.section = section
    return made


class Verb(click.Command):
    """A command whose help has its options under headings, and other headings with rows around them.

    Args:
        more: heading → rows, `INPUT` before the options, others after; a function: it is read only for the help.
    """

    def __init__(self, *args: Any, more: Callable[[], dict[str, Rows]] | None = None, **settings: Any):
        super().__init__(*args, **settings)
        self._more = more

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Also refuse two forms of output at once, of which the last would win."""
        given = self.make_parser(ctx).parse_args(args=list(args))[2]
        forms = list(dict.fromkeys(param.opts[0] for param in given if param.name == "format"))
        if len(forms) > 1 and not ctx.resilient_parsing:
            raise click.UsageError(f"form must be one, got {' and '.join(forms)}; leave all but one out", ctx)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        more = self._more() if self._more else {}
        sections: dict[str, Rows] = {name: more.pop(name) for name in ("INPUT",) if name in more}
        for param in self.get_params(ctx):
            record = None if isinstance(param, click.Argument) else param.get_help_record(ctx)
            if record is not None:
                sections.setdefault(getattr(param, "section", "Help"), []).append(record)
        for name, rows in (sections | more).items():
            with formatter.section(name):
                formatter.write_dl(rows, col_max=26)


class VerbGroup(click.Group):
    """Verbs of a verb, in the order in which they are given; a misspelt one is told the nearest."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            raise click.UsageError(f"verb must be known, got {args[0]!r}; {nearest(args[0], self.commands)}", ctx)
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


def output_options(*, csv: bool = True, draws: bool = False, alt: bool = False) -> list[click.Parameter]:
    """Where the answer goes and in which form.

    Args:
        csv: the answers have one kind of row.
        draws: the drawn picture is saved unless told otherwise.
        alt: the answers have an alternative text.
    """
    told = {
        "json": "One JSON document; for several inputs, a glob or a folder a list.",
        "jsonl": "A JSON document per input, each on one line.",
        "csv": "A line per finding; per picture where the answer is about all of it.",
        **({"alt": "A line per picture, for the alt of a page; empty where an input failed."} if alt else {}),
    }
    hidden = () if csv else ("csv",)  # taken all the same, so that `plan_output` can say why not
    out = "File for the data (.json .jsonl .csv .txt), file for the drawn picture (.png .jpg …), or folder for many."
    drawn = "Save the drawn picture in the current folder or beside OUT."
    return [
        option("Output", "-o", "--out", metavar="OUT", default="", help=out),
        *(
            option("Output", f"--{name}", "format", flag_value=name, default="", help=told[name], hidden=name in hidden)
            for name in told
        ),
        option(
            "Output", "--draw/--no-draw", default=None, help=drawn + ("  [default: for one picture]" if draws else "")
        ),
    ]


def model_options(*, model: bool = True, needs: Iterable[str] = ()) -> list[click.Parameter]:
    """Which model answers and what it runs on.

    Args:
        model: it can be named.
        needs: tasks that must be answered before, whose models can be named too.
    """
    named = "Id of a card, a folder, an ONNX file with a card.toml beside it, or hf:owner/name@revision."
    licence = "Accept the non-commercial licence of this model."
    smaller = "8-bit weights, made once from the model's files and kept beside them: quicker, a little less exact."
    section = "Model and machine"
    return [
        *([option(section, "--model", metavar="ID", default="", help=named)] if model else []),
        *(
            option(
                section,
                f"--{need}-model",
                metavar="ID",
                default="",
                help=f"Model that finds the {_FOUND.get(need, need)} for it.",
            )
            for need in needs
        ),
        option(section, "--device", type=OneOf(DEVICES), default="auto", help="Where to run.", show_default=True),
        option(section, "--threads", type=Number(int), metavar="N", default=0, help="CPU threads; 0 takes all."),
        *([option(section, "--precision", type=OneOf(PRECISIONS), callback=_or_empty, help=smaller)] if model else []),
        option(section, "--offline", is_flag=True, help="Open no socket."),
        option(section, "--accept-licence", metavar="ID", multiple=True, help=licence),
    ]


def _or_empty(context: click.Context, param: click.Parameter, text: str | None) -> str:
    return text or ""


def limit_options() -> list[click.Parameter]:
    """What a picture may cost, and where it may come from."""
    from pixwise.picture import Limits

    told = documented(Limits)
    section = "Pictures"
    return [
        option(section, "--allow-urls", is_flag=True, help="Take http and https addresses as INPUT."),
        option(
            section,
            "--background",
            type=Colour(),
            metavar="#RRGGBB",
            default="#ffffff",
            show_default=True,
            help="Colour that transparent parts of a picture are laid on.",
        ),
        *(
            option(
                section,
                _option_name(spec.name),
                type=Number(int),
                metavar="N",
                default=spec.default,
                help=f"Limit: {told[spec.name].rstrip('.')}.  [default: {spec.default:,}]",
            )
            for spec in fields(Limits)
        ),
    ]


def said_options(cls: type) -> list[str]:
    """Names of a task's options that can be said on a command line; masks are said by files."""
    told = {spec.name: spec.metadata for spec in fields(cls)}
    return [name for name in cls.option_names() if told[name].get("cli", True) or "masks" in told[name]]


def task_options(cls: type, names: Iterable[str], section: str = "Answer") -> list[click.Parameter]:
    """An option per named field of a task's class: type and default from the field, help from the class's docstring."""
    told, hints = documented(cls), {name: plain_hint(hint) for name, hint in typing.get_type_hints(cls).items()}
    specs = {spec.name: spec for spec in fields(cls)}
    return [_of_field(specs[name], hints[name], told.get(name, ""), section, _short(cls, name)) for name in names]


def _short(cls: type, name: str) -> tuple[str, ...]:
    """`-g` for the gallery of identify: what a one-line call takes by its place has a letter."""
    return (f"-{name[0]}",) if name == getattr(cls, "positional", "") and name[0] not in "ho" else ()


def _of_field(spec: Field, hint: Any, told: str, section: str, short: tuple[str, ...] = ()) -> click.Parameter:
    default = spec.default if spec.default is not MISSING else spec.default_factory()  # type: ignore[misc]
    flag, text = _option_name(spec.name), _sentence(told)
    if "masks" in spec.metadata:
        text = spec.metadata["masks"] + " May be repeated."
        return option(section, flag, spec.name, metavar="FILE", multiple=True, callback=_with_masks, help=text)
    if hint is bool:
        return option(
            section, f"{flag}/--no-{flag[2:]}" if default else flag, spec.name, is_flag=True, default=default, help=text
        )
    if typing.get_origin(hint) is tuple:
        default = (default,) if isinstance(default, str) else default
        one, kind = flag.removesuffix("s"), _type(typing.get_args(hint)[0])
        text += " May be repeated."
        text += " @FILE takes the lines of a file." if kind is click.STRING else ""
        text += f"  [default: {', '.join(default)}]" if default else ""
        return option(
            section,
            *short,
            one,
            spec.name,
            multiple=True,
            type=kind,
            metavar=_shown(typing.get_args(hint)[0], one) if not isinstance(kind, Number) else _metavar(one),
            default=default,
            help=text,
            callback=_with_lines if kind is click.STRING else None,
        )
    shown, metavar = default not in ("", None), _shown(hint, flag)
    return option(
        section,
        *short,
        flag,
        spec.name,
        type=_type(hint),
        default=default,
        show_default=shown,
        metavar=metavar,
        help=text,
    )


def _with_masks(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> tuple[Any, ...]:
    if not given:
        return ()
    from pixwise.evaluate.map_files import masks_from_file

    return tuple(mask for path in given for mask in masks_from_file(Path(path)))


def _with_lines(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    return with_lines(given, _flag(param))


def with_lines(given: Iterable[str], what: str) -> tuple[str, ...]:
    """The values, with the lines of a file in the place of `@FILE`; blank lines are passed over.

    Args:
        given: on the command line.
        what: how messages call them: `--label`.

    Raises:
        click.UsageError: the file cannot be read, or has no line with words.
    """
    return tuple(line for value in given for line in (_lines_of(value, what) if value[:1] == "@" else [value]))


def _lines_of(value: str, what: str) -> list[str]:
    try:
        text = Path(value[1:]).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise click.UsageError(
            f"{what} {value} must name a text file (UTF-8), got {reason}; what begins with @ goes into a file"
        ) from error
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if not lines:
        raise click.UsageError(f"{what} {value} must have lines with words, got none; write one per line")
    return lines


def _type(hint: Any) -> click.ParamType:
    kinds = {int: Number(int), float: Number(float), str: click.STRING}
    if typing.get_origin(hint) is typing.Literal:
        return OneOf(typing.get_args(hint))
    return kinds[hint] if hint in kinds else Numbers(len(typing.get_args(hint)))


def _shown(hint: Any, flag: str) -> str | None:
    if typing.get_origin(hint) is typing.Literal:
        return None
    if typing.get_origin(hint) is tuple:
        return "X,Y" if len(typing.get_args(hint)) == 2 else "X1,Y1,X2,Y2"
    return "N" if hint is int else "X" if hint is float else _metavar(flag)


def _metavar(flag: str) -> str:
    return flag.rsplit("-", 1)[-1].upper()


def _option_name(field: str) -> str:
    return "--" + field.replace("_", "-")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("." if text and not text.endswith(".") else "")
