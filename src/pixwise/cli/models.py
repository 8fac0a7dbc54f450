"""`pixwise models VERB`: which models there are, which are here, fetch, check, move and delete them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from pixwise import registry
from pixwise.cli.model_moves import bundle, import_, pull, rm
from pixwise.cli.model_rows import facts_of, here_of, megabytes, named, places_of, print_json, print_table, size_of
from pixwise.cli.options import OneOf, Verb, VerbGroup, option
from pixwise.errors import ModelFileError, OptionError, nearest
from pixwise.fetching import notes, shelf
from pixwise.registry import Card, CardFile
from pixwise.store import pull_name
from pixwise.task_table import TASKS

__all__ = ["command"]

_CODES = [
    ("0", "All well."),
    ("2", "Wrong usage, or no such model."),
    ("3", "A model is missing or damaged, could not be fetched, or its licence must be accepted."),
]


def _list(task: str, json_: bool) -> int:
    if task and task not in TASKS:
        raise OptionError(f"task must be known, got {task!r}; {nearest(task, TASKS)}")
    rows = [facts_of(card, task) for card in registry.cards(task)]
    if json_:
        return print_json(rows)
    titles = ("id", "task", "answers", "state", "size", "licence", "title")
    return print_table(titles, [_row(row) for row in rows], cut_last=True)


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    return row["id"], row["task"], _answers(row), row["state"], size_of(row), _licence(row), row["title"]


def _answers(row: dict[str, Any]) -> str:
    """When a model answers that nobody named: a task may have a default that is fetched, and one until then."""
    if not row["default"]:
        return ""
    first = registry.default_card(row["task"])
    return "by default" if first is not None and first.id == row["id"] else "without download"


def _licence(row: dict[str, Any]) -> str:
    return (row["licence"] or "unknown") + ("" if row["commercial"] else " (non-commercial)")


def _show(ids: tuple[str, ...], task: str, json_: bool) -> int:
    shown = [_details(card) for card in named(ids, task, offline=True)]
    if json_:
        return print_json(shown)
    for number, facts in enumerate(shown):
        click.echo("\n" * bool(number), nl=False)
        files = facts.pop("files")
        unknown = "not in its card" if facts["folder"] else "pinned by the first fetch"
        print_table((), [(key, told) for key in facts if (told := _told(key, facts[key]))])
        if files:
            print_table(
                ("file", "part", "size", "sha256", "state"),
                [
                    (file["path"], file["part"], megabytes(file["bytes"]) if file["bytes"] else "unknown",
                     file["sha256"] or unknown, file["state"])
                    for file in files
                ],
            )  # fmt: skip
    return 0


def _told(key: str, fact: Any) -> str:
    if isinstance(fact, bool):
        return "yes" if fact else "no"
    return megabytes(fact) if key == "bytes" and fact else str(fact or "")


def _details(card: Card) -> dict[str, Any]:
    places = shelf.spots(card) if card.files else ()
    spots = {spot.file.path: spot for spot in places}
    files = [_file_facts(file, spots.get(file.path)) for file in card.files]
    keys = ("head", "precision", "paper", "source", "repo", "revision", "folder")
    return {
        **facts_of(card),
        **{key: getattr(card, key) for key in keys},
        "labels": len(card.names),
        "commit": shelf.commit_of(card),
        "files": files,
    }


def _file_facts(file: CardFile, spot: shelf.Spot | None) -> dict[str, Any]:
    return {
        "path": file.path,
        "part": file.part,
        "bytes": spot.bytes if spot else file.bytes,
        "sha256": spot.sha256 if spot else file.sha256,
        "url": file.url,
        "state": shelf.check(spot) if spot else "missing",
        "where": str(spot.path) if spot else "",
    }


def _verify(ids: tuple[str, ...], task: str, json_: bool) -> int:
    cards = named(ids, task, offline=True) if ids else here_of(task)
    rows, bad, copies = [], {}, []
    for card, spot in places_of(cards):
        rows.append((card.id, spot.file.path, shelf.check(spot, thorough=True), str(spot.path)))
        if rows[-1][2] != "ok" and spot.path.suffix == ".int8":
            copies.append(card.id)
        elif rows[-1][2] != "ok":
            bad[card.id] = card
    if json_:
        print_json([dict(zip(("id", "file", "state", "where"), row, strict=True)) for row in rows])
    elif rows:
        print_table(("id", "file", "state"), [row[:3] for row in rows])
    elif not ids:
        click.echo("no fetched models on this machine")
    if bad:
        own = all(card.folder for card in bad.values())
        advice = (
            "copy them there again" if own else f"run: pixwise models pull {' '.join(map(pull_name, bad.values()))}"
        )
        raise ModelFileError(
            f"files must be what their cards say, got missing or damaged ones of {', '.join(bad)}; {advice}"
        )
    if copies:
        raise ModelFileError(
            f"int8 copies must be as they were made, got damaged ones of {', '.join(copies)}; "
            "the next run with --precision int8 makes them again"
        )
    return 0


def _where(ids: tuple[str, ...], task: str, json_: bool) -> int:
    if not ids:
        folders = {"hub": str(shelf.hub_cache()), "own": str(notes.home())}
        told = {"hub": "files of repositories (HF_HUB_CACHE, HF_HOME)", "own": "other files and notes (PIXWISE_HOME)"}
        return print_json(folders) if json_ else print_table((), [(folders[key], told[key]) for key in folders])
    rows = [
        {"id": card.id, "file": spot.file.path, "state": shelf.check(spot), "where": str(spot.path)}
        for card, spot in places_of(named(ids, task, offline=True))
    ]
    return print_json(rows) if json_ else print_table((), [(row["where"], row["state"]) for row in rows])


def _verb(name: str, callback: Callable[..., int], help: str, *params: click.Parameter) -> Verb:
    as_json = option("Output", "--json", "json_", is_flag=True, help="One JSON document.")
    return Verb(name, callback=callback, help=help, params=[*params, as_json], more=lambda: {"Exit code": _CODES})


def _or_empty(context: click.Context, param: click.Parameter, text: str | None) -> str:
    return text or ""


def _ids(required: bool = False) -> list[click.Parameter]:
    told = "Only models of this task; needed for hf:owner/name, which does not say what it answers."
    return [
        click.Argument(["ids"], nargs=-1, required=required, metavar="ID..." if required else "[ID]..."),
        option("Models", "--task", type=OneOf(TASKS), callback=_or_empty, help=told),
    ]


_PULL = [
    option("Models", "--all", "all_", is_flag=True, help="Every model, not only the default of each task."),
    option("Models", "--force", is_flag=True, help="Fetch anew what is here, too."),
    option("Models", "--accept-licence", metavar="ID", multiple=True, help="Accept a non-commercial licence."),
    option("Models", "--offline", is_flag=True, help="Open no socket: only say what is missing."),
]
_FORCE = option("Models", "--force", is_flag=True, help="Take the bundle's word where it differs from a pin.")
_OUT = option("Output", "-o", "--out", metavar="FILE", default="models.tar", show_default=True, help="The bundle.")

command = VerbGroup(
    "models",
    help="List, fetch, check and move model files.",
    subcommand_metavar="VERB …",
    commands=[
        _verb("list", _list, "List the models, of all tasks or of one.", click.Argument(["task"], default="")),
        _verb("show", _show, "Show all that is known about a model.", *_ids(True)),
        _verb("pull", pull, "Fetch models; without ID the default of each task.", *_ids(), *_PULL),
        _verb("verify", _verify, "Hash the files of models again; without ID of all that are here.", *_ids()),
        _verb("rm", rm, "Delete the files of models.", *_ids(True)),
        _verb("where", _where, "Tell where the files of models are; without ID the folders.", *_ids()),
        _verb("bundle", bundle, "Write models into one file; without ID all that are here.", *_ids(), _OUT),
        _verb("import", import_, "Install the models of a bundle.", click.Argument(["file"], metavar="FILE"), _FORCE),
    ],
)
