"""What stands behind every door: one picture and one question go in, an answer comes out, whichever route asked.

Question ─▶ stock: which model, loaded ─▶ crew: open ─▶ task ─▶ batcher ─▶ Result ─▶ Encoded
"""

from __future__ import annotations

import io
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from pixwise.clip import Clip
from pixwise.cores import available_threads
from pixwise.errors import PixwiseError, SourceError
from pixwise.picture import Limits, Picture
from pixwise.pool import Pool
from pixwise.reading.urls import fetch, is_public, resolve_name
from pixwise.registry import Card
from pixwise.results import Result
from pixwise.serve import batcher
from pixwise.serve.asking import Ask
from pixwise.serve.crew import Crew, PixelBudget
from pixwise.serve.logs import Visit, tell
from pixwise.serve.meters import Meters, Present
from pixwise.serve.settings import Settings
from pixwise.serve.stock import Chosen, Stock
from pixwise.serve.tracing import Tracer
from pixwise.session import Session, choose_providers
from pixwise.task_table import TASKS, task_class

__all__ = ["MEDIA", "Encoded", "Question", "Service", "Source", "encoded"]

_LOG = logging.getLogger("pixwise.serve")
_HOUSE_S = 15.0  # how often the house is kept
_CPU_BATCH = 4  # four CLIPs cost 0.78 of one by one and eight 0.74; of DINOv2, four cost 0.99 and eight 1.10
MEDIA = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}


@dataclass(frozen=True)
class Source:
    """Where a picture comes from: its bytes, or an address that is fetched when a thread takes it on.

    Attributes:
        data: the bytes; empty for an address.
        url: http(s) address.
        name: how answers call it; never used as a path.
        frames: of a clip, each of them; then there is neither `data` nor `url`.
    """

    data: bytes = b""
    url: str = ""
    name: str = ""
    frames: tuple[Source, ...] = ()


@dataclass(frozen=True)
class Question:
    """One picture, or one clip, and what is asked about it.

    Attributes:
        task: its name.
        source: the picture.
        model: as the request names it; empty for the default.
        options: of the task, checked and of its types.
    """

    task: str
    source: Source
    model: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Encoded:
    """An answer in the form in which it leaves."""

    body: bytes
    media_type: str


class Service:
    """The crew, the models and the limits of one process.

    Args:
        settings: what the operator set.
        resolve, allow: of the guarded fetcher; tests on one machine give their own.
        others: says why other processes of the same service cannot answer; empty when they can.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        resolve: Callable[[str, int], Any] = resolve_name,
        allow: Callable[[str], bool] = is_public,
        others: Callable[[], str] = str,
    ):
        if settings.require_gpu:
            choose_providers("cuda")
        self.settings, self.limits = settings, settings.limits()
        self.meters = Meters()
        self.tracer: Tracer | None = None
        self.traffic = batcher.Traffic()
        self.pool = Pool(settings.pool_bytes, wrap=self._batching,
                         tell=lambda card, seconds: self.meters.load(card.id, seconds))  # fmt: skip
        self.stock = Stock(settings, self.pool)
        threads = _threads(settings)
        self.crew = Crew(threads, settings.queue, _own_places(settings), self.traffic, threads - threads // 8)
        self.pixels = PixelBudget(settings.open_pixels)
        self._resolve, self._allow, self._others = resolve, allow, others
        self._left_at = 0.0  # when it was told to stop, by `time.monotonic`
        self._state = "starting"  # then "ready", or why it is not, or never will be again
        self._lock, self._closing = threading.Lock(), threading.Event()

    def begin(self) -> None:
        """Load what is to be loaded, and keep the house, in a thread of its own.

        It is a daemon: what loads for minutes must not hold up the end of the process.
        """
        threading.Thread(target=self._keep_house, name="pixwise-house", daemon=True).start()

    def start(self) -> None:
        """Load what is to be loaded before it is ready; what fails is told by `unready`, and may be tried again."""
        failed = self.stock.preload()
        with self._lock:
            if not self._ends:
                self._state = "; ".join(f"preload of {name} failed: {why}" for name, why in failed.items()) or "ready"

    def _keep_house(self) -> None:
        """Until it closes: drop models that nobody uses, and try again what could not be loaded."""
        self._tell_models()
        self.start()
        idle_s = self.settings.model_ttl_s
        while not self._closing.wait(min(_HOUSE_S, idle_s / 4 or _HOUSE_S)):
            if idle_s:
                self.pool.drop_idle(idle_s)
            if self._state != "ready" and not self._ends:
                self.start()

    def _tell_models(self) -> None:
        """Say in the log which tasks are answered by the next best model, or by none, and how to get a better one."""
        for task in TASKS:
            try:
                chosen = self.stock.choose(task)
                if chosen.note:
                    _LOG.info("%s is answered by %s: %s", task, chosen.card.id, chosen.note)
            except PixwiseError as error:
                _LOG.info("%s has no answer: %s", task, error)

    @property
    def _ends(self) -> bool:
        return self.leaving or self._closing.is_set()

    @property
    def starting(self) -> bool:
        """It still loads what is to be loaded first."""
        return self._state == "starting"

    def unready(self) -> str:
        """Why the service cannot answer now, this process or another one; empty when it can."""
        return self.unready_itself() or self._others()

    def unready_itself(self) -> str:
        """Why this process cannot answer now; empty when it can."""
        if self._state != "ready":
            return self._state
        if not self.crew.alive:
            return "a thread is dead"
        late = self.crew.stuck_s()
        return f"a request is {late:.0f} s late" if late > self.settings.stuck_s else ""

    def is_broken(self) -> bool:
        """Whether it will not answer any more before it is started anew."""
        return not (self.leaving or self.crew.alive)

    def present(self) -> Present:
        """How it fares now, for the meters."""
        kept = self.pool.loaded()
        sessions = {id(each.session): each.session for each in kept}.values()
        return Present(
            waiting=self.crew.waiting,
            working=self.crew.working,
            runs=sum(each.waiting()[0] for each in sessions if isinstance(each, batcher.BatchingSession)),
            models=len(kept),
            model_bytes=sum(each.bytes for each in sessions),
            ready=not self.unready_itself(),
        )

    def tell(self, visit: Visit) -> None:
        """A request has ended: count it, send its spans, write its line."""
        self.meters.request(visit)
        if self.tracer:
            self.tracer.tell(visit)
        tell(visit)

    @property
    def leaving(self) -> bool:
        """It was told to stop: answers say that their connection ends with them."""
        return self._left_at > 0

    def leave(self) -> None:
        """Be ready no more, and go on answering until `close`."""
        with self._lock:
            self._left_at = self._left_at or time.monotonic()
            self._state = "it is shutting down"

    def grace_left(self) -> float:
        """Seconds that are left for what was taken on."""
        spent = time.monotonic() - self._left_at if self.leaving else 0.0
        return max(0.1, self.settings.drain_s + self.settings.grace_s - spent)

    def _batching(self, session: Session, card: Card) -> Session:
        """Sessions of the pool are handed out with a batcher in front."""
        # An engine takes the pictures of a batch one by one; 8-bit scales are taken over a whole batch, and nobody's
        # answer may depend on the pictures of others.
        apart = card.runtime == "builtin" or card.precision == "int8"
        on_gpu = session.device == "cuda"
        threads = 1 if card.runtime == "builtin" else available_threads(self.settings.threads)
        most = self.settings.max_batch or (max(_CPU_BATCH, card.batch) if on_gpu else _CPU_BATCH)
        limits = batcher.Limits(
            rows=1 if apart else most if card.parts == ("text",) else min(card.batch, most),  # `batch` is of pictures
            pixels=self.settings.max_batch_pixels,
            wait_s=self.settings.max_wait_ms / 1e3,
            runs=max(1, available_threads(0) // threads),
        )
        tell = lambda batch: self.meters.batch(card.id, batch)  # noqa: E731
        return batcher.BatchingSession(session, limits, self.traffic, tell)

    def choose(self, question: Question) -> Chosen:
        """The model for a question; its options are checked before anything is loaded.

        Raises:
            UnknownModelError, ModelMissingError, OptionError, CardError: see there.
        """
        chosen = self.stock.choose(question.task, question.model)
        task_class(question.task).check(chosen.card, question.options)
        return chosen

    async def answer(self, ask: Ask, question: Question, media: str = "application/json") -> Encoded:
        """Answer a question.

        Args:
            ask: on whose behalf.
            question: what.
            media: the form of the answer: JSON, or an image type for the drawn or produced picture.
        """
        chosen = self.choose(question)
        await self.stock.ready(chosen, ask)
        return await self.crew.do(ask, lambda: self._answered(ask, question, chosen, media))

    def _answered(self, ask: Ask, question: Question, chosen: Chosen, media: str) -> Encoded:
        with self.opened(ask, question.source) as picture:
            result = self.ask(ask, chosen, question.options, picture)
            with ask.step("encode"), self.traffic.aside():
                return encoded(result, picture, media)

    def ask(self, ask: Ask, chosen: Chosen, options: Mapping[str, Any], picture: Picture) -> Result:
        """Ask one model about an open picture; in a thread of the crew."""
        with self.stock.using(chosen, dict(options)) as task, ask.step(chosen.task):
            result = task(picture)
        prepared = result.timings_ms.get("preprocess", 0.0) / 1e3
        ask.spent("decode", prepared)
        ask.spent(chosen.task, -prepared)
        return result

    @contextmanager
    def opened(self, ask: Ask, source: Source) -> Iterator[Any]:
        """A picture within the limits, or a clip, as long as the block lasts; in a thread of the crew.

        Raises:
            SourceError, PictureError, LimitError: it cannot be had, or is none, or too large.
        """
        data = [self._bytes_of(ask, each) for each in source.frames or (source,)]
        with ask.step("decode"):
            picture = (Clip if source.frames else Picture).open(data if source.frames else data[0], limits=self.limits)
            most = largest_of(data, self.limits) if source.frames else picture.width * picture.height
        picture.source = source.name or source.url or "<upload>"
        with self.traffic.aside():
            taken = self.pixels.take(most, ask)
        try:
            yield picture
        finally:
            self.pixels.give_back(taken, ask)

    def _bytes_of(self, ask: Ask, source: Source) -> bytes:
        if not source.url:
            return source.data
        with ask.step("fetch"), self.traffic.aside():
            return self.fetched(source.url, ask)

    def fetched(self, url: str, ask: Ask) -> bytes:
        """The bytes behind an address, through the guarded fetcher."""
        if not url.lower().startswith(("http://", "https://")):
            raise SourceError(f"{url!r:.120}: expected an http(s) address, got something else; send the bytes")
        timeout = min(self.settings.fetch_timeout_s, ask.left())
        return fetch(url, max_bytes=self.limits.max_bytes, timeout_s=timeout, resolve=self._resolve, allow=self._allow)

    def close(self, timeout_s: float) -> bool:
        """Finish what was taken on; returns whether all of it was done in time."""
        with self._lock:
            self._state = "closing"
        self._closing.set()
        return self.crew.close(timeout_s)


def encoded(result: Any, picture: Picture, media: str) -> Encoded:
    """An answer as JSON, or as the picture that it is, or that it is drawn into."""
    if media not in MEDIA:
        return Encoded(json.dumps(result.to_dict(), ensure_ascii=False, allow_nan=False).encode(), "application/json")
    produced = getattr(result, "produced", None)
    image: Image.Image = produced(picture) if produced else result.draw(picture)
    if media == "image/jpeg" and image.mode != "RGB":
        ground = Image.new("RGB", image.size, (255, 255, 255))
        ground.paste(image, mask=image.getchannel("A") if "A" in image.getbands() else None)
        image = ground
    kept = io.BytesIO()
    image.save(kept, MEDIA[media])
    return Encoded(kept.getvalue(), media)


def largest_of(frames: Sequence[bytes], limits: Limits) -> int:
    """Pixels of the largest of them, by their headers: one at a time is decoded. A broken one is told when it is."""
    most = 0
    for data in frames:
        with suppress(PixwiseError):
            picture = Picture.open(data, limits=limits)
            most = max(most, picture.width * picture.height)
    return most


def _threads(settings: Settings) -> int:
    """Enough to fill a batch while another one runs."""
    return settings.concurrency or max(2 * (settings.max_batch or 8), 4 * available_threads(0))


def _own_places(settings: Settings) -> int:
    return settings.queue_per_caller or max(1, settings.queue // 2)
