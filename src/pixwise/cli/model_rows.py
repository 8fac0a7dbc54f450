"""What the verbs of `pixwise models` share: which cards are meant, and rows as a table or as JSON."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click

from pixwise import registry, store
from pixwise.cli.endings import say
from pixwise.cli.sinks import pretty
from pixwise.errors import OptionError
from pixwise.fetching import shelf
from pixwise.quantize import int8_spots
from pixwise.registry import Card
from pixwise.task_table import TASKS, cards_of

__all__ = [
    "facts_of",
    "here_of",
    "is_here",
    "megabytes",
    "named",
    "places_of",
    "print_json",
    "print_table",
    "size_of",
]


def named(ids: Iterable[str], task: str, *, offline: bool | None = None, force: bool = False) -> list[Card]:
    """The cards of some ids, folders and files; `hf:` addresses need a task to know what the model must answer."""
    from pixwise.own.folder import card_of_path, looks_like_path

    owner, found = cards_of(task), []
    for name in ids:
        if not name.startswith("hf:"):
            found.append(card_of_path(name, owner) if looks_like_path(name) else registry.card(name, task))
        elif task:
            found.append(store.card_of_repo(name, owner, offline=offline, force=force))
        else:
            tasks = ", ".join(TASKS)
            raise OptionError(f"task of {name} must be said, got none; add --task, one of: {tasks}")
    return found if task == owner else [registry.card_for(card, task) for card in found]


def here_of(task: str = "") -> list[Card]:
    """Fetched models of which anything is on this machine."""
    return [card for card in registry.cards(task) if is_here(card)]


def is_here(card: Card) -> bool:
    """Any file of a model is on this machine."""
    return card.runtime != "builtin" and any(spot.path.exists() for spot in shelf.spots(card))


def places_of(cards: Iterable[Card]) -> Iterator[tuple[Card, shelf.Spot]]:
    """The files of some models, and what was made of them; that a built-in has none is told on stderr."""
    for card in cards:
        if card.runtime == "builtin":
            say(f"pixwise: {card.id} is built in, it has no files")
        else:
            for spot in shelf.spots(card):
                yield card, spot
                yield from ((card, made) for made in int8_spots(spot))


def facts_of(card: Card, task: str = "") -> dict[str, Any]:
    """What a list says about a card; of the parts that a task runs, its own task unless another is named."""
    return {
        "id": card.id,
        "task": card.task,
        "title": card.title,
        "runtime": card.runtime,
        "default": card.default,
        "state": shelf.state(registry.card_for(card, task or card.task)),
        "bytes": _bytes(card),
        "licence": card.licence,
        "commercial": card.commercial,
        "verified": card.verified,
    }


def _bytes(card: Card) -> int:
    """Size of a model: as its card says, else as its files here are; 0 when nobody knows."""
    if card.bytes or card.runtime == "builtin":
        return card.bytes
    sizes = [spot.path.stat().st_size if spot.path.exists() else spot.bytes for spot in shelf.spots(card)]
    return sum(sizes) if sizes and all(sizes) else 0


def size_of(row: dict[str, Any]) -> str:
    """The size of a model for people."""
    return megabytes(row["bytes"]) if row["bytes"] else "" if row["state"] == "built in" else "unknown"


def megabytes(count: int) -> str:
    """`41.5 MB`."""
    return f"{count / 1e6:,.1f} MB" if count >= 100_000 else f"{count / 1e3:,.1f} kB"


def print_json(document: Any) -> int:
    """One JSON document on stdout."""
    click.echo(pretty(document))
    return 0


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]], *, cut_last: bool = False) -> int:
    """A table as wide as the terminal, ids never cut; in a pipe as wide as it needs.

    Args:
        titles: of the columns; may be empty.
        rows: the cells.
        cut_last: on a terminal, cut the last column instead of folding it.
    """
    from pixwise.cli.screen import Column, Screen, Table

    grid = Table([Column(title, whole=not number) for number, title in enumerate(titles or [""])])
    if cut_last and sys.stdout.isatty():
        rows = _fitting([titles, *rows], shutil.get_terminal_size().columns)[1:]
    for row in rows:
        grid.add(*row)
    if rows:
        click.echo(Screen().text(grid), nl=False)
    return 0


def _fitting(rows: Sequence[Sequence[str]], width: int) -> list[tuple[str, ...]]:
    """The rows with their last cells cut to what the others leave of the width, but never below 20."""
    taken = sum(max(map(len, column)) + 2 for column in list(zip(*rows, strict=True))[:-1])
    room = max(20, width - taken)
    return [(*row[:-1], row[-1] if len(row[-1]) <= room else row[-1][: room - 1] + "…") for row in rows]
