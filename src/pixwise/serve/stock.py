"""Which models may answer, and which one does: names from the registry and the settings, never paths of requests."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pixwise import registry, store
from pixwise.analysis import choose_card
from pixwise.errors import ModelMissingError, UnknownModelError, nearest
from pixwise.language.embedding import TEXT_PARTS
from pixwise.loading import load_card
from pixwise.pool import Pool
from pixwise.registry import Card
from pixwise.serve.asking import Ask
from pixwise.serve.loads import Loads
from pixwise.serve.settings import Settings
from pixwise.session import Session
from pixwise.task import Task
from pixwise.task_table import TASKS, task_class

__all__ = ["Chosen", "Stock"]

_LOG = logging.getLogger("pixwise.serve")


@dataclass(frozen=True)
class Chosen:
    """A model that will answer a task.

    Attributes:
        task: its name.
        model: as the pool is told it: an id, or the folder of an own model.
        card: of it.
        note: how to get a better one, where this is the next best.
    """

    task: str
    model: str | Path
    card: Card
    note: str = ""


class Stock:
    """The models of a service."""

    def __init__(self, settings: Settings, pool: Pool):
        self.settings, self.pool = settings, pool
        self._loads = Loads(max(1, settings.queue // 2))
        self._own: dict[tuple[str, str], tuple[Any, Card]] = {}  # task, name → what its folder looked like, its card

    def choose(self, task: str, model: str = "") -> Chosen:
        """The model that answers a task.

        Args:
            task: its name.
            model: as a request names it; empty for the one that is set, or the best that is on this machine.

        Raises:
            UnknownModelError: no such model, or not one that may be asked for.
            ModelMissingError: it is not on this machine; the message has the command that fetches it.
        """
        name = model or self.settings.models.get(task, "")
        if not name:
            return self._best(task)
        if name in self.settings.own_models:
            return Chosen(task, Path(self.settings.own_models[name]), self._own_card(task, name))
        card = self._known(task, name)
        if self.settings.built_in and card.runtime != "builtin":
            raise _not_built_in(f"model {card.id!r} must be built in, got one that is fetched", card)
        self._check_here(card)
        return Chosen(task, card.id, card)

    def choose_tower(self, model: str = "") -> Chosen:
        """The model that turns texts into vectors; as `choose`, its card names the files that read texts.

        Raises:
            CardError: the model reads no texts; the message names those that do.
        """
        name = model or self.settings.models.get("embed", "")
        if name in self.settings.own_models:
            path = Path(self.settings.own_models[name])
            return Chosen("embed", path, load_card(path, "embed", offline=True, parts=TEXT_PARTS))
        known = self._known("embed", name).id if name else ""  # one that may be asked for
        card = load_card(known, "embed", offline=True, parts=TEXT_PARTS)
        if self.settings.built_in:
            raise _not_built_in(f"model {card.id!r} must be built in, got one that is fetched", card)
        self._check_here(card)
        return Chosen("embed", card.id, card)

    def choose_generator(self, name: str) -> Chosen:
        """The own model that makes pictures.

        Raises:
            UnknownModelError, CardError: none of that name, or one that does something else.
        """
        if name not in self.settings.own_models:
            raise UnknownModelError(
                f"model of generate must be one of the service's own_models, got {name!r:.80}; "
                f"{nearest(name[:80], self.settings.own_models) if self.settings.own_models else 'it has none'}"
            )
        return Chosen("generate", Path(self.settings.own_models[name]), self._own_card("generate", name))

    async def part(self, chosen: Chosen, ask: Ask) -> Session:
        """The session of a text tower, or of a model that is no task, loaded outside the crew as in `ready`."""
        load = lambda: self.pool.session(chosen.card, **self._machine(chosen))  # noqa: E731
        if not self.pool.holds_session(chosen.card, **self._machine(chosen)):
            with ask.step("load"):
                await self._loads.done((chosen.card.parts, str(chosen.model)), load, ask, chosen.card.id)
        return load()

    def names(self, task: str) -> tuple[str, ...]:
        """Ids of the models that may be asked for."""
        allowed = self.settings.allowed_models
        cards = [card for card in registry.cards(task) if not allowed or card.id in allowed]
        mine = [card for card in cards if card.commercial or card.id in self.settings.accept_licence]
        return (*(card.id for card in mine), *self.settings.own_models)

    def _own_card(self, task: str, name: str) -> Card:
        """The card of an own model; its folder is read again when it has changed."""
        path = Path(self.settings.own_models[name])
        stamps = _stamps(path)
        known = self._own.get((task, name))
        if known is None or known[0] != stamps:
            known = self._own[task, name] = (stamps, load_card(path, task, offline=True))
        return known[1]

    def _known(self, task: str, name: str) -> Card:
        names = self.names(task)
        if name not in names:
            raise UnknownModelError(f"model of {task} must be one that is served, got {name!r:.80}; "
                                    f"{nearest(name[:80], names)}")  # fmt: skip
        return registry.card(name, task)

    def _best(self, task: str) -> Chosen:
        if self.settings.built_in:
            builtin = registry.default_card(task, "builtin")
            if builtin is None:
                raise _not_built_in(f"task {task!r} must have a built-in model, got none", registry.default_card(task))
            return Chosen(task, builtin.id, builtin)
        card, note = choose_card(task, pull=self.settings.fetch)
        if card is None:
            raise ModelMissingError(
                f"task {task!r} must have a model on this machine, got none; run: {note.removeprefix('needs ')}"
            )
        return Chosen(task, card.id, card, note)

    def _check_here(self, card: Card) -> None:
        if card.runtime == "onnx" and not self.settings.fetch and not store.is_ready(card):
            raise ModelMissingError(
                f"model {card.id!r} must be on this machine, got none; run: pixwise models pull {store.pull_name(card)}"
            )

    def _machine(self, chosen: Chosen, helpers: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What a loader is told: also what answers the tasks that this one needs, unless that is known."""
        settings, needs = self.settings, task_class(chosen.task).needs if chosen.task in TASKS else ()
        known = helpers if helpers is not None else {need: self.choose(need).model for need in needs}
        return {
            **({"helpers": known} if needs else {}),
            "device": "cpu" if chosen.card.runtime == "builtin" else settings.device,
            "threads": settings.threads,
            "offline": True if not settings.fetch else None,
            "accept_licence": settings.accept_licence,
        }

    @contextmanager
    def using(self, chosen: Chosen, options: dict[str, Any]) -> Iterator[Task]:
        """The task with its model, kept loaded until the block ends."""
        machine = self._machine(chosen, options.get("helpers"))
        with self.pool.using(chosen.task, chosen.card, **{**machine, **options}) as task:
            yield task

    async def ready(self, chosen: Chosen, ask: Ask, helpers: Mapping[str, Any] | None = None) -> None:
        """Load a model that is not loaded yet, outside the crew; who comes meanwhile waits for the same loading.

        Args:
            chosen: the model.
            ask: on whose behalf.
            helpers: what answers the tasks that this one needs; None loads models for them, too.

        Raises:
            Busy: too many wait for it.
            Expired: not before the deadline; it goes on loading for the next who asks.
        """
        machine = self._machine(chosen, helpers)
        if self.pool.holds(chosen.task, chosen.card, **machine):
            return
        named = {need: model for need, model in machine.get("helpers", {}).items() if not callable(model)}
        key = (chosen.task, str(chosen.model), tuple(sorted((need, str(model)) for need, model in named.items())))
        load = lambda: self.pool.load(chosen.task, chosen.card, **machine)  # noqa: E731
        with ask.step("load"):
            await self._loads.done(key, load, ask, chosen.card.id)

    def preload(self) -> dict[str, str]:
        """Load what the settings name, and keep it.

        Returns:
            Name → why it could not be loaded; the others are.
        """
        failed = {}
        for named in self.settings.preload:
            task, _, model = named.partition(":")
            try:
                chosen = self.choose(task, model)
                self.pool.pin(chosen.task, chosen.card, **self._machine(chosen))
            except Exception as error:  # whatever it is, it is this model's own
                _LOG.error("preload of %s failed: %s", named, error)
                failed[named] = str(error)
        return failed


def _stamps(path: Path) -> tuple[tuple[str, int, int], ...]:
    """What tells that a folder of a model, or what lies beside its file, was changed."""
    places = [path, path / "onnx"] if path.is_dir() else [path.parent]
    entries = (entry for place in places if place.is_dir() for entry in place.iterdir())
    stats = ((str(entry), entry.stat()) for entry in entries)
    return tuple(sorted((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats))


def _not_built_in(what: str, card: Card | None) -> ModelMissingError:
    command = f"run: pixwise models pull {store.pull_name(card)}, and serve without --built-in" if card else "none does"
    return ModelMissingError(f"{what}; {command}")
