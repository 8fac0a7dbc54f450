"""What mask transformers say: queries, each with a class and a mask; made into segments, instances, classes of pixels.

    logits (Q, C + 1), masks (Q, h, w) ─┬▶ segments  every pixel belongs to the query that is surest of it
                                        ├▶ instances masks that may overlap, of the best pairs of query and class
                                        └▶ classes   of each pixel, by the sum over all queries

As the reference post-processings of DETR, MaskFormer, Mask2Former and OneFormer do it, but no map of the picture's size
is held per query; see `surfaces.py`. The last class is "no object".
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pixwise.answers.label_map import LabelMap
from pixwise.errors import ShapeError
from pixwise.maps import enlarged_rows
from pixwise.masks import Mask
from pixwise.pixels import Fit
from pixwise.scores import best_pairs, check_numbers, label_of, output, sigmoid, softmax
from pixwise.surfaces import Rows, highest

__all__ = [
    "QUERY_HEADS",
    "QUERY_OPTIONS",
    "Instance",
    "Queries",
    "Segment",
    "check_classes",
    "classes_of",
    "cut_at",
    "instances_of",
    "named",
    "segments_of",
    "stuff_of",
]

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.integer]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Queries:
    """What a model says of one picture.

    Attributes:
        logits: (Q, C + 1) of the classes, the last one "no object".
        masks: (Q, h, w) logits; without the part of the tensor that is padding.
        grid: the side of the square to which masks are brought before they become shares (Mask2Former: 384); 0: none.
    """

    logits: Floats
    masks: Floats
    grid: int = 0

    def __post_init__(self) -> None:
        if (
            self.logits.ndim != 2
            or self.masks.ndim != 3
            or len(self.logits) != len(self.masks)
            or 0 in self.masks.shape
        ):
            raise ShapeError(
                f"queries must have logits (Q, C + 1) and masks (Q, h, w), got {self.logits.shape} and "
                f"{self.masks.shape}; check the head of the card"
            )
        check_numbers(self.logits)
        check_numbers(self.masks)

    @property
    def classes(self) -> int:
        """How many there are, "no object" aside."""
        return self.logits.shape[1] - 1

    @property
    def shape(self) -> tuple[int, int, int]:
        """(Q, h, w) in which masks become shares."""
        return (len(self.masks), self.grid, self.grid) if self.grid else self.masks.shape

    def mask_rows(self, which: npt.ArrayLike, low: int, high: int) -> Floats:
        """(K, high - low, w) logits of some queries' masks, in rows of `shape`."""
        masks = self.masks[which]
        return enlarged_rows(masks, self.shape[1:], low, high) if self.grid else masks[:, low:high]


@dataclass(frozen=True)
class Segment:
    """One region of a picture: its number in the map, its class, how sure the model is, how many pixels it has."""

    id: int
    label_id: int
    score: float
    area: int


@dataclass(frozen=True)
class Instance:
    """One thing: its class, how sure the model is, its pixels."""

    label_id: int
    score: float
    mask: Mask


Raw = Mapping[str, np.ndarray]
_ROWS = 256  # renumbered in one step: numpy makes 64-bit numbers of what it looks up with


def decode_mask_queries(raw: Raw, fit: Fit, options: Mapping[str, Any]) -> Queries:
    """MaskFormer, Mask2Former, OneFormer: `class_queries_logits`, `masks_queries_logits`; `grid` as in `Queries`."""
    masks = fit.content_of(output(raw, "masks_queries_logits"))
    return Queries(output(raw, "class_queries_logits"), masks, options.get("grid", 0))


def decode_detr_masks(raw: Raw, fit: Fit, options: Mapping[str, Any]) -> Queries:
    """DETR with its head for masks (Carion et al. 2020, section 4.4): `logits`, `pred_masks`."""
    return Queries(output(raw, "logits"), fit.content_of(output(raw, "pred_masks")))


QUERY_HEADS: Mapping[str, Any] = {"mask_queries": decode_mask_queries, "detr_masks": decode_detr_masks}
QUERY_OPTIONS: Mapping[str, str] = {  # of their cards
    "grid": "count",
    "stuff": "ids",  # classes that cannot be counted; all others are things
}


def stuff_of(options: Mapping[str, Any]) -> frozenset[int]:
    """The classes that a card says are stuff."""
    ids = options.get("stuff", ())
    return frozenset((ids,) if isinstance(ids, int) else ids)


def check_classes(names: Sequence[str], count: int, model: str) -> None:
    """Raise `ShapeError` where a card has names for other classes than those that a model tells."""
    if names and len(names) != count:
        raise ShapeError(
            f"output of model {model!r} must tell {len(names)} classes, one per name of its card, got {count}; "
            'check names and head of the card ("" names a slot that is no class)'
        )


def named(names: Sequence[str], index: int) -> str:
    """The name of a class; a made-up one also for a slot that has none: its pixels are somebody's all the same."""
    return label_of(names, index) or f"class {index}"


def cut_at(share: float) -> float:
    """The logit of a share: 0 for one half."""
    return float(np.log(share) - np.log1p(-share)) if 0 < share < 1 else (share - 0.5) * np.inf


def segments_of(
    queries: Queries,
    size_hw: tuple[int, int],
    *,
    min_score: float,
    min_mask: float,
    min_kept: float,
    fused: Collection[int] = (),
) -> tuple[Ids, list[Segment]]:
    """Give each pixel to the query that is surest of it: share of the mask times score of the class.

    Args:
        queries: of one picture.
        size_hw: of the picture.
        min_score: of the class; queries up to it are left out.
        min_mask: from this share times score on a pixel counts to a query's own mask.
        min_kept: a query that wins no more than this part of its own mask is dropped; its pixels belong to nobody.
        fused: classes of which there is one segment at most.

    Returns:
        (H, W) uint8 or uint16, 0 where there is no segment; the segments, numbered from 1.
    """
    shares = softmax(queries.logits)
    labels, scores = shares.argmax(axis=-1), shares.max(axis=-1)
    kept = np.flatnonzero((labels != shares.shape[1] - 1) & (scores > min_score))
    if not len(kept):
        return np.zeros(size_hw, np.uint8), []
    weights = scores[kept, None, None]

    def rows(low: int, high: int) -> Floats:
        return sigmoid(queries.mask_rows(kept, low, high)) * weights

    winner, own = highest(rows, (len(kept), *queries.shape[1:]), size_hw, min_mask)
    won = _pixels(winner, len(kept))
    there = (won > 0) & (own > 0) & (won > min_kept * own)
    return _numbered(winner, won, there, labels[kept], scores[kept], fused)


def _pixels(ids: Ids, count: int) -> Ints:
    found = LabelMap(ids).pixels()
    return np.pad(found, (0, count - len(found)))


def _numbered(
    winner: Ids, won: Ints, there: npt.NDArray[np.bool_], labels: Ints, scores: Floats, fused: Collection[int]
) -> tuple[Ids, list[Segment]]:
    """Number what is there, in the order of the queries; all of a fused class have the number of its first."""
    numbers = np.zeros(len(won), winner.dtype if len(won) < 256 else np.uint16)
    found: dict[int, Segment] = {}
    of_class: dict[int, int] = {}
    for query in np.flatnonzero(there):
        label, area, score = int(labels[query]), int(won[query]), float(scores[query])
        id = of_class.get(label, len(found) + 1)
        before = found.get(id, Segment(id, label, 0.0, 0))
        found[id] = Segment(id, label, max(score, before.score), area + before.area)
        numbers[query] = id
        if label in fused:
            of_class[label] = id
    ids = np.empty(winner.shape, numbers.dtype)
    for start in range(0, len(ids), _ROWS):
        np.take(numbers, winner[start : start + _ROWS], out=ids[start : start + _ROWS], mode="clip")
    return ids, list(found.values())


def instances_of(queries: Queries, size_hw: tuple[int, int], *, min_score: float, min_mask: float) -> list[Instance]:
    """Masks of the best pairs of query and class, as many pairs as there are queries; they may overlap.

    The score is the class's share times the mean share of the pixels inside the mask. Masks are cut at the model's own
    size and then enlarged, the nearest pixel each.

    Args:
        queries: of one picture.
        size_hw: of the picture.
        min_score: lower ones are dropped.
        min_mask: above this share a pixel is inside.

    Returns:
        Best first.
    """
    shares = softmax(queries.logits)[:, :-1]  # (Q, C)
    found = []
    for query, label in zip(*best_pairs(shares, len(shares)), strict=True):
        share = float(shares[query, label])
        if share < min_score:  # the mean share of a mask is at most 1
            break
        logits = queries.mask_rows([query], 0, queries.shape[1])[0]  # (h, w)
        mask = logits > cut_at(min_mask)
        score = share * float(sigmoid(logits[mask]).sum(dtype=np.float64) / (np.count_nonzero(mask) + 1e-6))
        large = Mask.stretched(mask, size_hw) if score >= min_score else None
        if large is not None and large.area:
            found.append(Instance(int(label), score, large))
    return sorted(found, key=lambda each: -each.score)


def classes_of(queries: Queries, size_hw: tuple[int, int]) -> Ids:
    """The class of each pixel: the largest sum over the queries of the class's share times the mask's.

    Args:
        queries: of one picture.
        size_hw: of the picture.

    Returns:
        (H, W) uint8 or uint16.
    """
    shares = np.ascontiguousarray(softmax(queries.logits)[:, :-1].T)  # (C, Q)
    every = np.arange(len(queries.masks))

    def rows(low: int, high: int) -> Floats:
        inside = sigmoid(queries.mask_rows(every, low, high))  # (Q, n, w)
        return (shares @ inside.reshape(len(inside), -1)).reshape(len(shares), *inside.shape[1:])

    return highest(_careful(rows), (len(shares), *queries.shape[1:]), size_hw)[0]


def _careful(rows: Rows) -> Rows:
    """Rows in steps of a few: a band of few classes would ask for many rows of all queries at once."""

    def some(low: int, high: int) -> Floats:
        return np.concatenate([rows(at, min(high, at + 32)) for at in range(low, high, 32)], axis=1)

    return some
