"""What settings name must be there: known models, files that exist. Told at start, not at the first request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pixwise import registry
from pixwise.errors import nearest
from pixwise.policy import policies
from pixwise.task_table import TASKS

if TYPE_CHECKING:
    from pixwise.serve.settings import Settings

__all__ = ["missing"]


def missing(settings: Settings) -> list[str]:
    """What the settings name and is not there, each in our form; empty when all is."""
    return [*_files(settings), *_models(settings), *_askers(settings)]


def _files(settings: Settings) -> Iterator[str]:
    for setting in ("own_models", "galleries", "policies"):
        for name, place in getattr(settings, setting).items():
            if not Path(place).expanduser().exists() and not (setting == "policies" and place in policies()):
                yield f"{setting}: {name!r} must be a file or folder, got {place!r}, which is not there; check the path"


def _models(settings: Settings) -> Iterator[str]:
    ids = {card.id for task in TASKS for card in registry.cards(task)}
    named = {
        "models": tuple(settings.models.values()),
        "preload": tuple(name.partition(":")[2] for name in settings.preload if ":" in name),
        "allowed_models": settings.allowed_models,
        "accept_licence": settings.accept_licence,
    }
    for setting, names in named.items():
        known = ids | set(settings.own_models) if setting != "accept_licence" else ids
        for name in names:
            if name not in known:
                yield f"{setting}: model must be known, got {name!r}; {nearest(name, sorted(known))}"


def _askers(settings: Settings) -> Iterator[str]:
    """The names in `models` of what asks for a model."""
    strange = [name for name in settings.models if name not in TASKS]
    if not strange:
        return
    from pixwise.serve.compatible_operations import OPERATIONS  # which stands on the settings

    known = [*TASKS, *OPERATIONS, "prominent_face", "prominent_person"]
    for name in strange:
        if name not in known:
            yield f"models: task or operation must be known, got {name!r}; {nearest(name, known)}"
