"""`pixwise models pull | rm | bundle | import`: what changes which models are on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from pixwise import registry, store
from pixwise.cli.model_rows import facts_of, here_of, is_here, megabytes, named, print_json, print_table, size_of
from pixwise.cli.progress import Arrivals
from pixwise.errors import CardError, FetchError, LicenceError, ModelFileError, ModelMissingError, OptionError
from pixwise.fetching import bundles, shelf
from pixwise.registry import Card

__all__ = ["bundle", "import_", "pull", "rm"]


def pull(
    *, ids: Sequence[str], task: str, all_: bool, force: bool, accept_licence: Sequence[str], offline: bool, json_: bool
) -> int:
    """Fetch what is missing or damaged; one that cannot be fetched does not keep the others from it."""
    cards = named(ids, task, offline=offline or None, force=force) if ids else _wanted(task, all_, accept_licence)
    for card in cards:
        if card.folder:
            raise CardError(
                f"model to pull must be one that is fetched, got {card.folder!r}, a folder of its own; "
                f"check it: pixwise models verify {card.folder}"
            )
    rows, failed = [], []
    for card in cards:
        try:
            rows.append(_pull_one(card, force, accept_licence, offline or None))
        except (FetchError, ModelFileError, ModelMissingError, LicenceError) as error:
            if len(cards) == 1:
                raise
            failed.append(card)
            click.echo(f"pixwise: {card.id}: {error}", err=True)
    if json_:
        print_json(rows)
    else:
        print_table((), [(row["id"], row["did"], size_of(row)) for row in rows])
    return 3 if failed else 0


def _pull_one(card: Card, force: bool, accept_licence: Sequence[str], offline: bool | None) -> dict[str, Any]:
    was = shelf.state(card)
    repair = was == "damaged" and not store.is_offline(offline)
    if repair:
        click.echo(f"pixwise: {card.id} is damaged and is fetched again", err=True)
    with Arrivals(card.id) as arrivals:
        store.ensure(card, offline=offline, accept_licence=accept_licence, progress=arrivals, force=force or repair)
    did = was if was == "built in" else "was here" if was == "ready" and not force else "fetched"
    return {"did": did, **facts_of(card)}


def _wanted(task: str, all_: bool, accepted: Sequence[str]) -> list[Card]:
    """The default of each task, or all; those whose licence nobody accepted are left out, and said."""
    found = [card for card in registry.cards(task) if card.runtime != "builtin" and (all_ or card.default)]
    barred = [card.id for card in found if not card.commercial and card.id not in accepted]
    if barred:
        flags = " ".join(f"--accept-licence {name}" for name in barred)
        click.echo(f"pixwise: left out for licences that forbid commercial use: {', '.join(barred)}; {flags}", err=True)
    if not found:
        raise OptionError(f"task must have a model to fetch, got {task!r}, which needs none; see: pixwise models list")
    return [card for card in found if card.id not in barred]


def rm(ids: Sequence[str], task: str, json_: bool) -> int:
    """Delete models."""
    rows = []
    for card in named(ids, task, offline=True):
        did = "removed" if is_here(card) else "was not here"
        rows.append({"id": card.id, "did": did, "freed": store.remove(card)})
    if json_:
        return print_json(rows)
    return print_table((), [(row["id"], row["did"], _freed(row)) for row in rows])


def _freed(row: dict[str, Any]) -> str:
    return f"{megabytes(row['freed'])} freed" if row["did"] == "removed" else ""


def bundle(ids: Sequence[str], task: str, out: str, json_: bool) -> int:
    """Write models into one file."""
    cards = named(ids, task, offline=True) if ids else [card for card in here_of(task) if shelf.is_ready(card)]
    if not cards:
        raise CardError("bundle must hold a model, got none on this machine; run: pixwise models pull")
    rows = [vars(packed) for packed in bundles.pack(cards, Path(out))]
    if json_:
        return print_json({"file": out, "models": rows})
    print_table((), [(row["id"], megabytes(row["bytes"])) for row in rows])
    click.echo(f"written: {out}; there: pixwise models import {Path(out).name}")
    return 0


def import_(file: str, force: bool, json_: bool) -> int:
    """Install the models of a bundle."""
    with Arrivals("import") as arrivals:
        rows = [vars(packed) for packed in bundles.install(Path(file), progress=arrivals, force=force)]
    if json_:
        return print_json(rows)
    return print_table((), [(row["id"], "installed", megabytes(row["bytes"])) for row in rows])
