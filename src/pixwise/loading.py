"""From a model's name to something that runs: name ─▶ card ─▶ verified files ─▶ (8-bit copies) ─▶ session."""

from __future__ import annotations

import hashlib
import importlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pixwise import registry
from pixwise.errors import CardError, FetchError, ModelMissingError, OptionError, SetupError, nearest
from pixwise.registry import Card
from pixwise.session import Session, check_machine
from pixwise.task_table import cards_of

__all__ = [
    "advising",
    "as_loaded",
    "check_helpers",
    "dressing",
    "load_card",
    "load_files",
    "load_helpers",
    "load_model",
    "revision_of",
]

_DRESSED = {"florence": "pixwise.language.florence:FlorenceSession"}  # head → the session around those of its parts


def load_card(
    model: str | os.PathLike[str],
    task: str,
    *,
    offline: bool | None = None,
    precision: str = "",
    parts: tuple[str, ...] = (),
) -> Card:
    """The card for a model's name, folder, file or hub address; the task's default when the name is empty.

    It names only the files that the task runs: a picture's vector needs no text tower.

    Args:
        model, task: what is asked of whom.
        offline: open no socket; None reads HF_HUB_OFFLINE.
        precision: `int8` for a card whose files are brought to it when they are loaded; empty for them as they are.
        parts: files of other parts than those that the task runs.
    """
    check_precision(precision)
    found = _card_of(model, task, offline, parts)
    return found if not precision else _made_int8(found)


def check_precision(precision: str) -> None:
    """Raise `OptionError` for a precision that cannot be made here."""
    if precision not in ("", "int8"):
        raise OptionError(f"precision must be 'int8', got {precision!r}; leave it out to run the file as it is")


def _made_int8(card: Card) -> Card:
    if card.runtime == "builtin":
        raise OptionError(f"precision int8 needs a model with files, got the built-in {card.id!r}; leave it out")
    if card.runtime == "learned":
        raise OptionError(f"precision of {card.id!r} is that of the embedder it was learnt on, got int8; leave it out")
    if card.precision != "fp32":
        raise OptionError(
            f"precision int8 is made of a model with fp32 weights, got {card.id!r} with {card.precision}; "
            "leave it out to run the file as it is"
        )
    return replace(card, precision="int8", made="int8")


def _card_of(model: str | os.PathLike[str], task: str, offline: bool | None, parts: tuple[str, ...]) -> Card:
    from pixwise.own.folder import card_of_path, looks_like_path

    if isinstance(model, os.PathLike):
        return registry.card_for(card_of_path(os.fsdecode(model), cards_of(task)), task, parts)
    if not isinstance(model, str):
        raise OptionError(
            f"model must be an id, a folder, an ONNX file or hf:owner/name, got {type(model).__name__}; "
            "leave it out for the default"
        )
    if not model:
        found = registry.default_card(task, parts=parts)
        if found is None:
            raise CardError(f"task {task!r} must have a default model, got none; name one with model=…")
        return found
    if model.startswith("hf:"):
        from pixwise.store import card_of_repo

        return registry.card_for(card_of_repo(model, cards_of(task), offline=offline), task, parts)
    if looks_like_path(model):
        return registry.card_for(card_of_path(model, cards_of(task)), task, parts)
    return registry.card(model, task, parts)


def load_model(
    card: Card,
    *,
    device: str = "auto",
    threads: int = 0,
    offline: bool | None = None,
    accept_licence: Sequence[str] = (),
    files: Callable[[], Mapping[str, Path]] | None = None,
) -> Session:
    """A session for a card: built in, or from files that are fetched where they are missing and verified.

    `files` gives what `load_files` would, for a part of a card whose other parts are loaded elsewhere.
    """
    from pixwise.session import OnnxSession

    check_machine(device, threads)
    dress = dressing(card) if not files else None
    if card.runtime == "builtin":
        if device == "cuda":
            raise SetupError(
                f"device cuda needs a model that can use it, got the built-in {card.id!r}; use device auto or cpu"
            )
        from pixwise.engines.builtin import load_builtin

        return load_builtin(card, threads=threads)
    if card.runtime == "learned":
        from pixwise.learned import embedder_of, with_head

        load = {"device": device, "threads": threads, "offline": offline, "accept_licence": accept_licence}
        embedder = embedder_of(card, offline)
        return with_head(card, load_files(card)["head"], embedder, load_model(embedder, **load))
    if card.made and device == "cuda":
        raise SetupError(f"precision {card.made} runs on the CPU, got device cuda; leave one of the two out")
    found = files() if files else load_files(card, offline=offline, accept_licence=accept_licence)
    session = OnnxSession.load(found, device="cpu" if card.made else device, threads=threads)
    return dress(session) if dress else session


def dressing(card: Card) -> Callable[[Session], Session]:
    """What makes of the parts of a card the session that its head expects: for most heads nothing.

    Raises:
        CardError: it lacks a part, or an option.
    """
    if card.head not in _DRESSED:
        return lambda session: session
    module, _, name = _DRESSED[card.head].partition(":")
    dress = getattr(importlib.import_module(module), name)
    dress.check(card)
    return lambda session: dress(session, card.options)


def load_files(card: Card, *, offline: bool | None = None, accept_licence: Sequence[str] = ()) -> dict[str, Path]:
    """What is opened of a card, by part: its verified files, or what is made of them."""
    from pixwise.store import ensure

    files = ensure(card, offline=offline, accept_licence=accept_licence)
    if not card.made:
        return files
    from pixwise.quantize import int8_of

    made = {part: int8_of(path) if path.suffix == ".onnx" else path for part, path in files.items()}
    if made == files:
        raise OptionError(
            f"precision {card.made} needs a model with products of matrices, got {card.id!r}, which has none; "
            "leave it out: it would not get quicker"
        )
    return made


@contextmanager
def advising(task: str, option: str = "") -> Iterator[None]:
    """While a model is loaded for another task: errors advise the built-in only where it can take the model's place.

    Args:
        task: of the model.
        option: of the command line that names the model; empty where the built-in cannot (it finds no landmarks).
    """
    from pixwise.store import instead

    try:
        yield
    except (ModelMissingError, FetchError) as error:
        advice = instead(task)
        told = str(error).replace(advice, advice.replace("--model", option) if option else "") if advice else str(error)
        raise type(error)(told) from error


def check_helpers(task: str, needs: Sequence[str], given: Any, *, models: bool = False) -> None:
    """Refuse helpers that a task does not need, and those that cannot be asked.

    Args:
        task: its name.
        needs: names of the tasks whose answers it takes.
        given: name of a task → what answers it.
        models: the name or the folder of a model will do: it will be loaded.

    Raises:
        OptionError: see above.
    """
    if not isinstance(given, Mapping):
        raise OptionError(
            f"helpers must be a dict of tasks and what answers them, got {type(given).__name__}; "
            "write helpers={'faces': px.FaceDetector.load()}"
        )
    for need, helper in given.items():
        if need not in needs:
            advice = nearest(str(need), needs) if needs else "leave helpers out"
            raise OptionError(f"helper of {task} must be of a task that it needs, got {need!r}; {advice}")
        if not callable(helper) and not (models and isinstance(helper, str | os.PathLike)):
            raise OptionError(
                f"helper {need!r} must be a loaded task or a function of a picture, got {type(helper).__name__}; "
                f"load it, or give the model's name or folder to load() of {task}"
            )


def load_helpers(
    card: Card,
    needs: Sequence[str],
    given: Mapping[str, Any],
    load: Callable[[str, str | os.PathLike[str]], Any],
    offline: bool | None,
) -> dict[str, Any]:
    """What answers the tasks that another one needs: as given, or a model, loaded.

    Args:
        card: of the task that needs them.
        needs: names of tasks.
        given: name of a task → what answers it, or the model that is to; the default where there is none.
        load: gives the task with a model.
        offline: open no socket; None reads HF_HUB_OFFLINE.

    Raises:
        ModelMissingError: offline, and models are not on this machine; all are named at once.
    """
    from pixwise.store import check_here

    models = {need: given.get(need, "") for need in needs if not callable(given.get(need))}
    loaded = {need: helper for need, helper in given.items() if callable(helper)}  # a name that nobody needs is dropped
    if not models:
        return loaded
    check_here([card, *(load_card(model, need, offline=offline) for need, model in models.items())], offline)
    for need, model in models.items():
        with advising(need):
            loaded[need] = load(need, model)
    return loaded


def revision_of(card: Card) -> str:
    """What tells a model from its successors: the commit; of a folder, which has none, a hash over its files.

    It goes with what is kept for longer than the process, and would mean nothing with other weights: galleries, heads,
    collections.
    """
    from pixwise.fetching.shelf import commit_of, hash_of

    if card.revision or not card.folder:
        return commit_of(card)
    hashes = sorted(hash_of(Path(card.folder, file.path)) for file in card.files)
    return hashlib.sha256("".join(hashes).encode()).hexdigest()[:40]


def as_loaded(card: Card) -> Card:
    """The card with the commit that its first fetch pinned, if it names none: every answer says which one gave it."""
    if card.task == "identify":  # a gallery outlives the files of a folder
        return replace(card, revision=revision_of(card))
    if card.revision or not card.repo:
        return card
    from pixwise.fetching.shelf import commit_of

    return replace(card, revision=commit_of(card))
