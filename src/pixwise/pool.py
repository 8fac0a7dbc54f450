"""Loaded models, shared: one session per model, device and threads; least recently used goes first above a budget.

task(name, model) ─▶ card ─▶ a session per part, loaded once ─▶ Task
using(name, model) ─▶ the same, and nobody drops its sessions until it is given back
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pixwise.errors import OptionError
from pixwise.learned import embedder_of, with_head
from pixwise.loading import as_loaded, dressing, load_card, load_files, load_helpers, load_model
from pixwise.registry import Card
from pixwise.session import JoinedSession, Session, check_machine
from pixwise.store import check_licence
from pixwise.task import Task
from pixwise.task_table import task_class

__all__ = ["Kept", "Pool", "shared_pool"]

Key = tuple[Any, ...]
Wrap = Callable[[Session, Card], Session]


@dataclass(eq=False)
class Kept:
    """A loaded session and what is known of its use.

    Attributes:
        session, card: what is loaded; of a card with several parts, the one part.
        users: how many are at work with it (`Pool.using`).
        last: when it was asked for last, by `time.monotonic`.
        pinned: it is never dropped.
        under: sessions that it stands on: the embedder of a learned head. It is used with it, and not counted twice.
    """

    session: Session
    card: Card
    users: int = 0
    last: float = field(default_factory=time.monotonic)
    pinned: bool = False
    under: tuple[Kept, ...] = ()

    @property
    def bytes(self) -> int:
        """Of its own files."""
        return self.session.bytes - sum(kept.session.bytes for kept in self.under)

    def touch(self, users: int = 0) -> None:
        """It was asked for, and so was what it stands on; the pool's lock is held."""
        for kept in (self, *self.under):
            kept.users += users
            kept.last = time.monotonic()


class Pool:
    """Keeps sessions of models that were used, within a budget of bytes.

    A session that is dropped lives on until the last task that holds it is gone: nobody's work is cut off. What is in
    use (`using`) or pinned is not dropped, since that would free nothing, or what is wanted; the budget may be
    exceeded by as much.

    Attributes:
        budget: bytes of model files to keep loaded.
        wrap: makes of a session that was loaded from files or built in the one that is kept and handed out.
        tell: is given each card that was loaded, and the seconds that it took.
    """

    def __init__(
        self,
        budget: int = 4 * 2**30,
        *,
        wrap: Wrap = lambda session, card: session,
        tell: Callable[[Card, float], None] = lambda card, seconds: None,
    ):
        self.budget, self.wrap, self.tell = budget, wrap, tell
        self._sessions: OrderedDict[Key, Kept] = OrderedDict()
        self._loading: dict[Key, threading.Lock] = {}
        self._lock = threading.Lock()
        self._touched = threading.local()  # what this thread's `_noted` came by

    def task(
        self,
        name: str,
        model: str | os.PathLike[str] | Card = "",
        *,
        device: str = "auto",
        threads: int = 0,
        precision: str = "",
        offline: bool | None = None,
        accept_licence: Sequence[str] = (),
        **options: Any,
    ) -> Task:
        """A task with a session from the pool; arguments as in `Task.load`, and `model` may be a card that is known."""
        cls = task_class(name)
        check_machine(device, threads)
        cls.check_option_names(options)
        card = _card(name, model, offline, precision)
        cls.check(card, options)
        load = {"device": device, "threads": threads, "offline": offline, "accept_licence": accept_licence}
        options["helpers"] = load_helpers(
            card,
            cls.needs_with(options),
            options.get("helpers", {}),
            lambda need, model: self.task(need, model, **load),
            offline,
        )
        return cls(card=as_loaded(card), session=self.session(card, **load), **options)

    def holds(
        self,
        name: str,
        model: str | os.PathLike[str] | Card = "",
        *,
        device: str = "auto",
        threads: int = 0,
        precision: str = "",
        offline: bool | None = None,
        accept_licence: Sequence[str] = (),
        helpers: Mapping[str, Any] = MappingProxyType({}),
    ) -> bool:
        """Whether `task` with these arguments would find everything loaded, its helpers too."""
        cards, machine = [_card(name, model, offline, precision)], {"device": device, "threads": threads}
        for need in task_class(name).needs:
            if not callable(helper := helpers.get(need, "")):
                cards.append(load_card(helper, need, offline=offline))
        return all(self.holds_session(card, **machine) for card in cards)

    def holds_session(
        self,
        card: Card,
        *,
        device: str = "auto",
        threads: int = 0,
        offline: bool | None = None,
        accept_licence: Sequence[str] = (),
    ) -> bool:
        """Whether `session` with these arguments would find everything loaded."""
        parts = [card] if len(card.parts) < 2 else [card.only((part,)) for part in card.parts]
        with self._lock:
            return all(self._key(part, device, threads) in self._sessions for part in parts)

    @contextmanager
    def using(self, name: str, model: str | os.PathLike[str] | Card = "", **options: Any) -> Iterator[Task]:
        """A task whose sessions are kept until the block ends; arguments as in `task`."""
        mine: list[Kept] = []
        try:
            with self._noting(mine):
                task = self.task(name, model, **options)
            yield task
        finally:
            self._let_go(mine)

    def load(
        self,
        name: str,
        model: str | os.PathLike[str] | Card = "",
        *,
        device: str = "auto",
        threads: int = 0,
        precision: str = "",
        offline: bool | None = None,
        accept_licence: Sequence[str] = (),
        helpers: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """Load what `task` with these arguments would load; options that a task cannot do without are not needed."""
        card = _card(name, model, offline, precision)
        load = {"device": device, "threads": threads, "offline": offline, "accept_licence": accept_licence}
        load_helpers(card, task_class(name).needs, helpers, lambda need, model: self.load(need, model, **load), offline)
        self.session(card, **load)

    def pin(self, name: str, model: str | os.PathLike[str] | Card = "", **machine: Any) -> None:
        """Load a task's model and never drop it; arguments as in `load`."""
        mine: list[Kept] = []
        try:
            with self._noting(mine):
                self.load(name, model, **machine)
            with self._lock:
                for kept in mine:
                    for each in (kept, *kept.under):
                        each.pinned = True
        finally:
            self._let_go(mine)

    @contextmanager
    def _noting(self, mine: list[Kept]) -> Iterator[None]:
        """While the block runs, what this thread asks for is in use, and in the list."""
        outer, self._touched.kept = getattr(self._touched, "kept", None), mine
        try:
            yield
        finally:
            self._touched.kept = outer

    def _note(self, kept: Kept) -> Kept:
        """It was asked for; the lock is held, so that it cannot be dropped before it is in use."""
        mine = getattr(self._touched, "kept", None)
        kept.touch(0 if mine is None else 1)
        if mine is not None:
            mine.append(kept)
        return kept

    def _let_go(self, mine: list[Kept]) -> None:
        with self._lock:
            for kept in mine:
                kept.touch(-1)
            dropped = self._drop_oldest()
        if dropped:
            _give_back()

    def drop_idle(self, idle_s: float) -> int:
        """Drop what nobody has used for so long; returns how many sessions went."""
        before, count = time.monotonic() - idle_s, 0
        with self._lock:
            while idle := [key for key, kept in self._sessions.items() if kept.last <= before and self._is_free(kept)]:
                count += len(idle)  # what they stood on may go in the next round
                for key in idle:
                    del self._sessions[key]
        if count:
            _give_back()
        return count

    def loaded(self) -> tuple[Kept, ...]:
        """What is loaded now, the least recently used first; copies, for telling."""
        with self._lock:
            return tuple(replace(kept) for kept in self._sessions.values())

    def session(
        self,
        card: Card,
        *,
        device: str = "auto",
        threads: int = 0,
        offline: bool | None = None,
        accept_licence: Sequence[str] = (),
    ) -> Session:
        """The session of a card, loaded once however many ask at the same time; its licence is asked for each time.

        Cards that share a part share its session: a picture tower serves `embed` and `zeroshot`.
        """
        check_licence(card, accept_licence)
        dress = dressing(card)
        load = {"device": device, "threads": threads, "offline": offline, "accept_licence": accept_licence}
        if len(card.parts) < 2:
            return self._one(card, **load)
        # All files, or none is opened.
        files = functools.cache(partial(load_files, card, offline=offline, accept_licence=accept_licence))
        parts = {
            part: self._one(card.only((part,)), **load, files=lambda part=part: {part: files()[part]})
            for part in card.parts
        }
        return dress(JoinedSession(parts))

    def _key(self, card: Card, device: str, threads: int) -> Key:
        """What a session is of: files, whoever's card names them; a built-in's engine belongs to its card."""
        return (
            card.id if card.runtime == "builtin" else "",
            card.repo,
            card.revision,
            card.files,
            _stamps(card),
            card.made if any(file.path.endswith(".onnx") for file in card.files) else "",
            device,
            threads,
        )

    def _one(self, card: Card, *, device: str, threads: int, **load: Any) -> Session:
        """The session of a card with one part, loaded as `load_model` does."""
        return self._kept(
            self._key(card, device, threads), card, {"device": device, "threads": threads, **load}
        ).session

    def _kept(self, key: Key, card: Card, load: dict[str, Any]) -> Kept:
        with self._lock:
            loading = self._loading.setdefault(key, threading.Lock())
        with loading:
            with self._lock:
                if key in self._sessions:
                    self._sessions.move_to_end(key)
                    return self._note(self._sessions[key])
            under: list[Kept] = []
            try:
                with self._noting(under):
                    session = self._loaded(card, **load)
                with self._lock:
                    kept = self._sessions[key] = Kept(session, card, under=tuple(under))
                    return self._note(kept)
            finally:
                self._let_go(under)

    def _loaded(self, card: Card, **load: Any) -> Session:
        """A session that is not here yet; a head of one's own shares the session of its embedder."""
        if card.runtime != "learned":
            started = time.perf_counter()
            session = self.wrap(load_model(card, **load), card)
            self.tell(card, time.perf_counter() - started)
            return session
        embedder = embedder_of(card, load["offline"])
        return with_head(card, load_files(card)["head"], embedder, self.session(embedder, **load))

    def _drop_oldest(self) -> int:
        """Drop what is above the budget; returns how many sessions went. The lock is held."""
        count = 0
        while sum(kept.bytes for kept in self._sessions.values()) > self.budget:
            all_but_newest = list(self._sessions.items())[:-1]
            oldest = next((key for key, kept in all_but_newest if self._is_free(kept)), None)
            if oldest is None:
                break
            del self._sessions[oldest]
            count += 1
        return count

    def _is_free(self, kept: Kept) -> bool:
        """Whether dropping it would free its memory."""
        stood_on = any(kept in other.under for other in self._sessions.values())
        return not (kept.users or kept.pinned or stood_on)

    def __len__(self) -> int:
        return len(self._sessions)

    def clear(self) -> None:
        """Forget all sessions."""
        with self._lock:
            self._sessions.clear()
        _give_back()


def _give_back() -> None:
    """Give freed memory back to the system; glibc keeps what dropped models leave, a gigabyte after a few of them."""
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)


def _card(name: str, model: str | os.PathLike[str] | Card, offline: bool | None, precision: str) -> Card:
    return model if isinstance(model, Card) else load_card(model, name, offline=offline, precision=precision)


def _stamps(card: Card) -> Key:
    """Where a model of one's own lies, and when its files were last written: a replaced file is another model."""
    if not card.folder:
        return ()
    paths = [Path(card.folder, file.path) for file in card.files]
    return (card.folder, *(path.stat().st_mtime_ns if path.exists() else 0 for path in paths))


_SHARED: list[Pool] = []
_SHARED_LOCK = threading.Lock()


def shared_pool() -> Pool:
    """The pool of the one-line functions; its budget is PIXWISE_POOL_BYTES, 4 GiB unless told otherwise."""
    with _SHARED_LOCK:
        if not _SHARED:
            asked = os.environ.get("PIXWISE_POOL_BYTES", str(4 * 2**30))
            if not asked.isdecimal():
                raise OptionError(f"PIXWISE_POOL_BYTES must be a number of bytes, got {asked!r}; unset it or mend it")
            _SHARED.append(Pool(int(asked)))
        return _SHARED[0]
