"""From a picture to the vector that a collection is asked with.

    picture ─▶ whole, or the crop of the most certain person or face ─▶ each embedder ─▶ vectors side by side

No person: the whole picture. No face: an error, since a picture without one says nothing about faces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pixwise.answers.result import ImageInfo, ModelInfo
from pixwise.boxes import whole_box
from pixwise.collections.focus import EMBEDDINGS, Focus, Space
from pixwise.errors import DataError
from pixwise.lazy import kept
from pixwise.loading import advising, revision_of
from pixwise.picture import Picture
from pixwise.pixels import crop
from pixwise.results import Detections, Embedding, Faces
from pixwise.task import Task

__all__ = ["Looker", "Seen"]

Find = Callable[[Picture], Detections | Faces]


@dataclass(frozen=True, eq=False)
class Seen:
    """What was seen of one picture.

    Attributes:
        vector: (D,) the parts side by side, each of length 1.
        box: (4,) xyxy, pixels: the part that was looked at.
        spaces: of the parts.
        image, model: as in results; several models are joined with `+`.
    """

    vector: npt.NDArray[np.float32]
    box: npt.NDArray[np.float32]
    spaces: tuple[Space, ...]
    image: ImageInfo
    model: ModelInfo


@dataclass(frozen=True)
class Looker:
    """Looks at pictures as a collection wants it.

    Attributes:
        embedders: loaded `Embedder`s, in the order of the vector's parts; the first says how sources are opened.
        focus: which part of a picture is looked at.
        find: for parts: gives the persons, or the faces.
    """

    embedders: tuple[Task, ...]
    focus: Focus = field(default_factory=Focus)
    find: Find | None = None

    @classmethod
    def load(cls, focus: Focus, *, models: Sequence[str] = (), finder: str = "", **load: Any) -> Looker:
        """Load the models; those of the one-line functions are shared.

        Args:
            focus: what to look at.
            models: what makes its embeddings; empty takes the usual ones.
            finder: the model that finds persons or faces; empty for the default.
            **load: `device`, `threads`, `offline`, `accept_licence`; options of `Embedder`, such as `exact`.
        """
        from pixwise.pool import shared_pool

        pool = shared_pool()
        names = models or focus.models(EMBEDDINGS)
        embedders = tuple(pool.task("embed", name, **load) for name in names)
        machine = {key: load[key] for key in ("device", "threads", "offline", "accept_licence") if key in load}
        if focus.target == "whole_image":
            return cls(embedders, focus)
        task, options = {"prominent_person": ("detect", {"labels": ("person",)}), "prominent_face": ("faces", {})}[
            focus.target
        ]
        with advising(task, "--finder"):
            return cls(embedders, focus, pool.task(task, finder, **options, **machine))

    @property
    def models(self) -> tuple[str, ...]:
        """Under which names the embedders are loaded again."""
        cards = [embedder.card for embedder in self.embedders]
        return tuple(str(Path(card.folder).absolute()) if card.folder else card.id for card in cards)

    @kept
    def revisions(self) -> tuple[str, ...]:
        """Of the embedders; see `revision_of`."""
        return tuple(revision_of(embedder.card) for embedder in self.embedders)

    def __call__(self, source: Any) -> Seen:
        """Look at one picture."""
        seen = next(self.stream([source]))
        if isinstance(seen, Exception):
            raise seen
        return seen

    def stream(self, sources: Iterable[Any]) -> Iterator[Seen | Exception]:
        """Look at pictures, in order; each is seen, or its error stands in its place."""
        first = self.embedders[0]
        waiting = iter(sources)
        while group := list(islice(waiting, first.batch or first.card.batch)):
            parts = [self._part(source) for source in group]
            yield from self._embedded(parts)

    def _part(self, source: Any) -> tuple[Any, Picture, tuple[float, ...]] | Exception:
        """What is embedded of a source, its picture, and the box."""
        first = self.embedders[0]
        try:
            picture = Picture.open(
                source, limits=first.limits, allow_urls=first.allow_urls, background=first.background
            )
            box = self._box(picture)
            if self.focus.target == "whole_image" or box == _whole(picture):
                return picture, picture, box
            return np.ascontiguousarray(crop(picture.pixels(), box)), picture, box
        except Exception as error:  # it is this picture's own, as in task.py
            return error

    def _box(self, picture: Picture) -> tuple[float, ...]:
        """The prominent person or face: the one of the highest score, in whole pixels."""
        found = self.find(picture) if self.find else None
        if found is not None and len(found):
            box = whole_box(found.boxes[int(found.scores.argmax())].tolist(), picture.size_hw)
            if box is not None:
                return tuple(map(float, box))
        if self.focus.target == "prominent_face":
            raise DataError(f"{picture.source}: expected a prominent face, got none found; it is skipped")
        return _whole(picture)

    def _embedded(self, parts: list[Any]) -> Iterator[Seen | Exception]:
        good = [part for part in parts if not isinstance(part, Exception)]
        rows = iter(
            list(
                zip(
                    *(embedder([what for what, _, _ in good], on_error="return") for embedder in self.embedders),
                    strict=True,
                )
            )
        )  # each: the answers of all embedders about one part
        for part in parts:
            yield part if isinstance(part, Exception) else _seen(part[1], part[2], next(rows), self.revisions)


def _seen(
    picture: Picture, box: tuple[float, ...], answers: tuple[Any, ...], revisions: tuple[str, ...]
) -> Seen | Exception:
    wrong = next((answer for answer in answers if isinstance(answer, Exception)), None)
    if wrong is not None:
        return wrong
    embeddings: tuple[Embedding, ...] = answers
    models = [answer.model for answer in embeddings]
    joined = {key: "+".join(getattr(model, key) for model in models) for key in ("id", "precision", "licence")}
    revision = "+".join(model.revision for model in models) if any(model.revision for model in models) else ""
    return Seen(
        np.concatenate([answer.vector for answer in embeddings]),
        np.float32(box),
        tuple(
            Space(answer.model.id, revision, answer.model.precision, answer.dimension)
            for answer, revision in zip(embeddings, revisions, strict=True)
        ),
        ImageInfo(picture.source, picture.width, picture.height, picture.sha256),
        ModelInfo(revision=revision, **joined),
    )


def _whole(picture: Picture) -> tuple[float, ...]:
    return 0.0, 0.0, float(picture.width), float(picture.height)
