"""From a model's name to something that runs: name ─▶ card ─▶ verified files ─▶ session."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from pixwise import registry
from pixwise.errors import CardError, OptionError, SetupError
from pixwise.registry import Card
from pixwise.session import Session, check_machine
from pixwise.task_table import cards_of

__all__ = ["as_loaded", "load_card", "load_model"]


def load_card(model: str | os.PathLike[str], task: str, *, offline: bool | None = None) -> Card:
    """The card for a model's name, folder, file or hub address; the task's default when the name is empty.

    It names only the files that the task runs: a picture's vector needs no text tower.
    """
    from pixwise.own import card_of_path, looks_like_path

    if isinstance(model, os.PathLike):
        return registry.card_for(card_of_path(os.fsdecode(model), cards_of(task)), task)
    if not isinstance(model, str):
        raise OptionError(
            f"model must be an id, a folder, an ONNX file or hf:owner/name, got {type(model).__name__}; "
            "leave it out for the default"
        )
    if not model:
        found = registry.default_card(task)
        if found is None:
            raise CardError(f"task {task!r} must have a default model, got none; name one with model=…")
        return found
    if model.startswith("hf:"):
        from pixwise.store import card_of_repo

        return registry.card_for(card_of_repo(model, cards_of(task), offline=offline), task)
    if looks_like_path(model):
        return registry.card_for(card_of_path(model, cards_of(task)), task)
    return registry.card(model, task)


def load_model(
    card: Card,
    *,
    device: str = "auto",
    threads: int = 0,
    offline: bool | None = None,
    accept_licence: Sequence[str] = (),
) -> Session:
    """A session for a card: built in, or from files that are fetched where they are missing and verified."""
    from pixwise.session import OnnxSession

    check_machine(device, threads)
    if card.runtime == "builtin":
        if device == "cuda":
            raise SetupError(
                f"device cuda needs a model that can use it, got the built-in {card.id!r}; use device auto or cpu"
            )
        from pixwise.builtin import load_builtin

        return load_builtin(card, threads=threads)
    from pixwise.store import ensure

    return OnnxSession.load(
        ensure(card, offline=offline, accept_licence=accept_licence), device=device, threads=threads
    )


def as_loaded(card: Card) -> Card:
    """The card with the commit that its first fetch pinned, if it names none: every answer says which one gave it."""
    if card.revision or not card.repo:
        return card
    from pixwise.shelf import commit_of

    return replace(card, revision=commit_of(card))
