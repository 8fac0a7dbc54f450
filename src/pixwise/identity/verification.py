"""Are two faces of one person?

a, b ─▶ picture: its largest face ─▶ vector ┐
        answer of identify: its largest     ├─▶ cosine ≥ threshold? ─▶ Verification
        (D,) array: the vector itself       ┘
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pixwise.ask import names_checked
from pixwise.errors import OptionError, ShapeError
from pixwise.identity.threshold import check_threshold, threshold_of_model
from pixwise.picture import Limits, Picture
from pixwise.pool import Pool, shared_pool
from pixwise.results import Faces, Identities, ImageInfo, ModelInfo, Verification
from pixwise.vectors import check_same_model, unit

if TYPE_CHECKING:
    from pixwise.task import Task

__all__ = ["compare", "verify"]

Floats = np.ndarray
_WORDS = ("first", "second")


@dataclass(frozen=True)
class _Side:
    """One of the two faces; `face` has no row where only a vector was given."""

    vector: Floats
    face: Faces
    model: ModelInfo
    timings: dict[str, float]


@names_checked
def verify(
    a: Any,
    b: Any,
    *,
    model: str = "",
    threshold: float | None = None,
    device: str = "auto",
    threads: int = 0,
    offline: bool | None = None,
    accept_licence: Sequence[str] = (),
    limits: Limits = Limits(),  # noqa: B008 (frozen)
    allow_urls: bool = False,
    background: tuple[int, int, int] = (255, 255, 255),
    pool: Pool | None = None,
) -> Verification:
    """Tell whether two faces are of one person.

    Args:
        a, b: pictures, of which the largest face counts; answers of `identify`; or (D,) vectors.
        model: of `identify`; empty for the default. Of vectors and answers it only tells the threshold.
        threshold: cosine from which they are; None takes that of the model's card.
        device, threads, offline, accept_licence: as in `Task.load`.
        limits, allow_urls, background: as in `Picture.open`.
        pool: where loaded models are kept; the process's own when None.

    Raises:
        OptionError: a picture shows no face, vectors are of two models, or no threshold is known.
        ShapeError: vectors of two dimensions.
        PictureError, SourceError, LimitError: a picture cannot be read.
    """
    if threshold is not None:
        check_threshold(threshold)
    opening = {"limits": limits, "allow_urls": allow_urls, "background": background}
    sides = [each if _is_known(each) else Picture.open(each, **opening) for each in (a, b)]
    load = {"device": device, "threads": threads, "offline": offline, "accept_licence": accept_licence}
    kept = shared_pool() if pool is None else pool
    return compare(*sides, threshold, lambda: kept.task("identify", model, **load), model)


def compare(a: Any, b: Any, threshold: float | None, identifier: Callable[[], Task], named: str = "") -> Verification:
    """As `verify`, with a function that gives the loaded task; it is called when a picture must be looked at."""
    known = [each for each in (a, b) if _is_known(each)]
    task = None if len(known) == 2 else identifier()
    sides = [_side(each, place, task) for place, each in enumerate((a, b))]
    makers = [side.model for side in sides if side.model.id]
    model = makers[0] if makers else ModelInfo()
    check_same_model(model, makers[-1] if makers else model, "ask both with one model")
    if sides[0].vector.shape != sides[1].vector.shape:
        sizes = " and ".join(str(len(side.vector)) for side in sides)
        raise ShapeError(f"vectors must have one dimension, got {sizes}; ask both with one model")
    limit, source = threshold_of_model(task.card if task else model, threshold, named)
    similarity = float(np.clip(sides[0].vector @ sides[1].vector, -1, 1))
    return _told(sides, similarity, limit, source, model)


def _is_known(thing: Any) -> bool:
    """It needs no model: faces that were looked at before, or a vector."""
    if isinstance(thing, Faces) and not isinstance(thing, Identities):
        raise OptionError("faces must come with vectors, got an answer of faces; ask px.identify(picture) instead")
    if hasattr(thing, "vector") and not isinstance(thing, Identities):
        raise OptionError("a face must come as an answer of one face, got a row; say answer.select([0]) for row 0")
    return isinstance(thing, Identities) or (isinstance(thing, np.ndarray) and thing.ndim == 1)


def _side(thing: Any, place: int, task: Task | None) -> _Side:
    if isinstance(thing, np.ndarray) and thing.ndim == 1:
        return _Side(unit(thing), Identities.empty(), ModelInfo(), {})
    found: Identities = thing if isinstance(thing, Identities) else task(thing)  # type: ignore[misc]
    if not len(found):
        named = f" ({found.image.source})" if found.image.source else ""
        raise OptionError(
            f"{_WORDS[place]} picture{named} must show a face, got none; choose one with a larger, upright face"
        )
    largest = found.largest
    return _Side(largest.vectors[0], largest, found.model, dict(found.timings_ms))


def _told(sides: list[_Side], similarity: float, limit: float, source: str, model: ModelInfo) -> Verification:
    faces = [(place, side.face) for place, side in enumerate(sides, 1) if len(side.face)]
    first = sides[0].face
    steps = dict.fromkeys(step for side in sides for step in side.timings)
    return Verification(
        same=similarity >= limit,
        similarity=similarity,
        threshold=limit,
        threshold_source=source,
        pictures=[place for place, _ in faces],
        sources=[face.image.source for _, face in faces],
        scores=[face.scores[0] for _, face in faces],
        boxes=[face.boxes[0] for _, face in faces],
        image=first.image if len(first) else ImageInfo(),
        model=model,
        timings_ms={step: sum(side.timings.get(step, 0.0) for side in sides) for step in steps},
    )
