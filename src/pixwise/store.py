"""Fetch models and keep them.

    ensure(card) ─▶ licence ─▶ shelf: here and verified? ─▶ paths
                                 └─ no ─▶ hub: HEAD, GET ─▶ intake: part file, verify, rename ─▶ paths

`fetching/hub.py` is imported only when something is to be fetched: offline means that no socket is opened, ever.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pixwise.errors import (
    CardError,
    FetchError,
    LicenceError,
    ModelFileError,
    ModelMissingError,
    OptionError,
    OutputError,
)
from pixwise.fetching.intake import Parcel, Progress, Unreachable, take_in, writing
from pixwise.fetching.notes import forget, note, read_note
from pixwise.fetching.shelf import (
    Spot,
    check,
    commit_of,
    damage,
    drop,
    find,
    is_ready,
    link,
    lock_of,
    named_after_content,
    pin,
    ref_of,
    repo_folder,
    spot_of,
    spots,
    state,
)
from pixwise.pixels import Recipe
from pixwise.quantize import drop_int8
from pixwise.registry import Card, CardFile, cards, default_card

if TYPE_CHECKING:
    from pixwise.fetching.hub import Facts

__all__ = [
    "Progress",
    "card_of_repo",
    "check_here",
    "check_licence",
    "ensure",
    "find",
    "instead",
    "is_offline",
    "is_ready",
    "pull_name",
    "remove",
]

_SHA256 = re.compile(r"[0-9a-f]{64}")
_CONFIGS = ("config.json", "preprocessor_config.json", "tokenizer_config.json", "generation_config.json")


def is_offline(offline: bool | None = None) -> bool:
    """Whether no socket may be opened: the argument, else HF_HUB_OFFLINE."""
    if offline is not None:
        return offline
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def ensure(
    card: Card,
    *,
    offline: bool | None = None,
    accept_licence: Sequence[str] = (),
    progress: Progress | None = None,
    force: bool = False,
) -> dict[str, Path]:
    """The files of a model by part: verified, and fetched where they are missing.

    Args:
        card: which model; one with a `folder` is only checked, a built-in has no files.
        offline: open no socket; None reads HF_HUB_OFFLINE.
        accept_licence: ids of models whose non-commercial licence is accepted.
        progress: told while bytes arrive.
        force: fetch everything anew, and for a card without a revision also ask for the newest commit.

    Raises:
        LicenceError: the licence forbids commercial use and was not accepted.
        OptionError: offline and force.
        ModelMissingError: offline, and a file is not here.
        ModelFileError: a file is damaged, or the server has another one than the card says.
        FetchError: the network, the server or the disk failed; nothing half-written looks whole.
    """
    check_licence(card, accept_licence)
    if card.runtime == "builtin":
        return {}
    fetched = force and not card.folder
    if fetched and is_offline(offline):
        raise OptionError(f"force needs a network to fetch {card.id!r} anew, got offline too; leave one of the two out")
    places = spots(card)
    seen = [check(spot) for spot in places]
    for spot, verdict in zip(places, seen, strict=True):
        if verdict == "damaged" and not fetched:
            raise ModelFileError(f"{damage(spot)}; {_remedy(card)}")
        if verdict == "missing" and card.folder:
            raise ModelFileError(f"{spot.path}: expected a file of model {card.id!r}, got none; {_remedy(card)}")
    if fetched or not places or "missing" in seen:
        if is_offline(offline):
            raise _missing(card, len(card.files) - seen.count("ok"))
        with _reaching(card):
            places = _fetch(card, progress, force)
    return {spot.file.part: spot.path for spot in places if spot.file.part}


def check_here(models: Sequence[Card], offline: bool | None) -> None:
    """Offline, raise `ModelMissingError` where several models are not here, and name all; of one `ensure` tells."""
    if not is_offline(offline):
        return
    absent = [card for card in models if not card.folder and state(card) in ("not here", "unverified")]
    if len(absent) > 1:
        told, names = ", ".join(repr(card.id) for card in absent), " ".join(map(pull_name, absent))
        raise ModelMissingError(
            f"models {told} must be on this machine while offline, got {len(absent)} missing; {_fetched_there(names)}"
        )


def check_licence(card: Card, accepted: Sequence[str]) -> None:
    """Raise `LicenceError` unless the licence allows commercial use or was accepted by the model's id."""
    if not card.commercial and card.id not in ([accepted] if isinstance(accepted, str) else accepted):
        raise LicenceError(
            f"licence of model {card.id!r} must be accepted, got {card.licence or 'one'} that forbids commercial use; "
            f"add --accept-licence {card.id} (in Python: accept_licence=[{card.id!r}])"
        )


def _remedy(card: Card) -> str:
    if card.folder:
        return "copy it there again"
    return f"fetch it again: pixwise models pull {pull_name(card)} --force"


def pull_name(card: Card) -> str:
    """How `pixwise models` is told which model is meant."""
    return f"{card.id} --task {card.task}" if card.id.startswith("hf:") else card.id


def _missing(card: Card, count: int) -> ModelMissingError:
    got = f"{count} of {len(card.files)} files missing" if card.files else "no such repository in the cache"
    return ModelMissingError(
        f"model {card.id!r} must be on this machine while offline, got {got}; "
        f"{_fetched_there(pull_name(card))}{_instead(card)}"
    )


def _fetched_there(names: str) -> str:
    """What errors advise where no socket may be opened."""
    return f"run where there is a network: pixwise models pull {names}, or {_carried(names)}"


def _carried(names: str) -> str:
    """How models come to a machine without a network."""
    return (
        f"carry it: where there is a network `pixwise models pull {names} && pixwise models bundle {names} -o "
        "models.tar`, here `pixwise models import models.tar`"
    )


def _instead(card: Card) -> str:
    return "" if {"text", "tokenizer"} & set(card.parts) else instead(card.task)  # no built-in reads texts


def instead(task: str) -> str:
    """What errors advise: the built-in that answers the task with nothing to fetch; empty where there is none."""
    builtin = default_card(task, "builtin")
    if builtin is None:
        return ""
    return f", or use the built-in {builtin.id!r}, which needs no fetch (command line: --model {builtin.id})"


@contextmanager
def _reaching(card: Card) -> Iterator[None]:
    """Say which model was to be fetched, and the ways around a network that is not there."""
    try:
        yield
    except Unreachable as error:
        raise FetchError(
            f"model {card.id!r} must be fetched from {error.host}, got {error.got}; {error.advice}, or "
            f"{_carried(pull_name(card))}{_instead(card)}"
        ) from error


# ---------------------------------------------------------------------------------------------------------------------
# A repository without a card


def card_of_repo(address: str, task: str, *, offline: bool | None = None, force: bool = False) -> Card:
    """A card for a repository of the hub, derived from its configs, which are fetched and verified.

    Args:
        address: `hf:owner/name`, or with `@revision`. What a branch meant the first time is kept until it
            is fetched with force.
        task: what the model must answer.
        offline: open no socket; None reads HF_HUB_OFFLINE.
        force: ask the hub again what the revision means.

    Raises:
        CardError: not such an address, or configs that do not tell enough.
        ModelMissingError: offline, and the repository was never fetched.
        FetchError, ModelFileError: see `ensure`.
    """
    from pixwise.own.folder import card_from_configs

    match = re.fullmatch(r"hf:([\w.-]+/[\w.-]+)(?:@([\w./-]+))?", address)
    if not match:
        raise CardError(
            f"model of the hub must be hf:owner/name or hf:owner/name@revision, got {address!r}; "
            "copy owner and name from the address of its page"
        )
    repo, revision = match[1], match[2] or "main"
    bare = Card(id=address, task=task, repo=repo, recipe=Recipe(resize="none"))
    told = _describe(bare, revision, offline, force)
    files = {file["path"]: CardFile(**file) for file in told["files"]}
    configs = {name: files[name] for name in _CONFIGS if name in files}
    if "config.json" not in configs:
        raise CardError(f"{address}: expected config.json, got {', '.join(list(files)[:4])}; choose another repository")
    bare = replace(bare, revision=told["commit"], licence=told["licence"], files=tuple(configs.values()))
    ensure(bare, offline=offline)
    read = {spot.file.path: json.loads(spot.path.read_text("utf-8")) for spot in spots(bare)}
    found = card_from_configs(
        read["config.json"],
        read.get("preprocessor_config.json"),
        tuple(files),
        task=task,
        id=address,
        tokenizer=read.get("tokenizer_config.json"),
        generation=read.get("generation_config.json"),
    )
    return replace(
        found,
        repo=repo,
        revision=told["commit"],
        licence=told["licence"],
        commercial=not re.search(r"(^|[-_ ])nc($|[-_ ])|non-?commercial", told["licence"].lower()),
        source=f"https://huggingface.co/{repo}",
        files=(*(replace(files[file.path], part=file.part) for file in found.files), *configs.values()),
    )


def _describe(card: Card, revision: str, offline: bool | None, force: bool) -> dict[str, Any]:
    """Commit, licence and files of a repository: as noted, else as the hub tells, else as the cache shows."""
    key = f"{card.repo}@{revision}"
    noted = read_note("repo", key)
    if noted.get("files") and not force:
        return {key: noted[key] for key in ("commit", "licence", "files")}
    if is_offline(offline):
        commit = revision if re.fullmatch(r"[0-9a-f]{40}", revision) else ref_of(card.repo, revision)
        folder = repo_folder(card.repo) / "snapshots" / (commit or "unknown")
        found = [path.relative_to(folder).as_posix() for path in folder.glob("**/*") if path.is_file()]
        if not found:
            raise _missing(card, 0)
        return {"commit": commit, "licence": "", "files": [{"path": path} for path in found]}
    from pixwise.fetching import hub

    with _reaching(card):
        told = hub.describe(card.repo, revision)
    facts = {
        "commit": told["sha"],
        "licence": str((told.get("cardData") or {}).get("license") or ""),
        "files": [_file_facts(entry) for entry in told.get("siblings", ())],
    }
    note("repo", key, facts)
    return facts


def _file_facts(entry: dict[str, Any]) -> dict[str, Any]:
    large = entry.get("lfs") or {}
    return {
        "path": entry["rfilename"],
        "bytes": large.get("size") or entry.get("size") or 0,
        "sha256": large.get("sha256", ""),
    }


# ---------------------------------------------------------------------------------------------------------------------
# Files of a card


def _fetch(card: Card, progress: Progress | None, force: bool) -> tuple[Spot, ...]:
    commit = commit_of(card) if card.revision or not force else ""
    places = []
    for file in card.files:
        spot = spot_of(card, file, commit) if commit or file.url else None
        if spot is None or force or check(spot) != "ok":
            spot, commit = _fetch_file(card, file, commit, progress, force)
        places.append(spot)
    return tuple(places)


def _fetch_file(card: Card, file: CardFile, commit: str, progress: Progress | None, force: bool) -> tuple[Spot, str]:
    """One file to its place; the commit is what the hub told when it was not known."""
    from pixwise.fetching import hub

    if file.url:
        spot = spot_of(card, file, commit)
        wanted = file if force else spot
        parcel = Parcel(file, spot.path, lock_of(spot), wanted.bytes, wanted.sha256, hub.host_of(file.url))
        pin(spot, *take_in(parcel, partial(hub.deliver, file.url), progress=progress, force=force))
        return spot, commit
    facts = hub.ask(_address(card.repo, commit or "main", file), card.repo)
    if not commit:
        commit = facts.commit
        note("repo", f"{card.repo}@", {"commit": commit})
        _write_ref(card.repo, "main", commit)
    url = _address(card.repo, commit, file)
    spot = spot_of(card, file, commit)
    _check_served(spot, facts, card.repo)
    folder = repo_folder(card.repo)
    lock = folder.parent / ".locks" / folder.name / f"{facts.etag}.lock"
    known = spot.sha256 or (facts.etag if _SHA256.fullmatch(facts.etag) else "")
    parcel = Parcel(file, folder / "blobs" / facts.etag, lock, spot.bytes or facts.bytes, known, hub.host_of(url))
    came = take_in(parcel, partial(hub.deliver, url, repo=card.repo), progress=progress, force=force)
    if not known and not named_after_content(parcel.target):
        parcel.target.unlink()
        raise ModelFileError(f"{file.path} of {card.repo}: expected content for {facts.etag}, got other; try again")
    with writing(spot.path.parent):
        link(parcel.target, spot.path)
    pin(spot, *came)
    return spot, commit


def _address(repo: str, revision: str, file: CardFile) -> str:
    from pixwise.fetching import hub

    return f"{hub.endpoint()}/{repo}/resolve/{quote(revision, safe='')}/{quote(file.path)}"


def _write_ref(repo: str, branch: str, commit: str) -> None:
    """Write down what a branch means, as huggingface_hub does, so that it finds the files while offline."""
    path = repo_folder(repo) / "refs" / branch
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(commit, "utf-8")


def _check_served(spot: Spot, facts: Facts, repo: str) -> None:
    """Refuse before the download what can be known before it."""
    other = _SHA256.fullmatch(facts.etag) and spot.sha256 and facts.etag != spot.sha256
    if other or (spot.bytes and facts.bytes and spot.bytes != facts.bytes):
        raise ModelFileError(
            f"{spot.file.path} of {repo} must have {spot.bytes} bytes and SHA-256 {spot.sha256[:16]}…, "
            f"got {facts.bytes} bytes and {facts.etag[:16]}…; the server and the card disagree: "
            "try another HF_ENDPOINT, or report the card"
        )


# ---------------------------------------------------------------------------------------------------------------------
# Making room


def remove(card: Card) -> int:
    """Delete the files of a model, except those that another model on this machine needs too.

    What was made of them goes too.

    Returns:
        Bytes that are free now.

    Raises:
        CardError: a built-in, or a model in a folder of its own.
        OutputError: a file cannot be deleted.
    """
    if card.runtime == "builtin" or card.folder:
        kind = "a built-in" if card.runtime == "builtin" else "one in a folder of its own; delete the folder"
        raise CardError(f"model to remove must be one that is fetched, got {card.id!r}, {kind}")
    others = [other for other in cards() if other.id != card.id and other.runtime != "builtin"]
    needed = {spot.path for other in others if find(other) for spot in spots(other)}
    try:
        mine = [spot for spot in spots(card) if spot.path not in needed]
        freed = sum(drop_int8(spot) + drop(spot) for spot in mine)
    except OSError as error:
        raise OutputError(
            f"{error.filename}: file must be deletable, got {error.strerror or error}; mend its permissions"
        ) from error
    name, _, revision = card.id.removeprefix("hf:").partition("@")
    forget("repo", f"{name}@{revision or 'main'}" if card.id.startswith("hf:") else f"{card.repo}@")
    return freed
