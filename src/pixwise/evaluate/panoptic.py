"""Panoptic quality (Kirillov et al. 2019, section 4): which segments were found, and how well they lie.

    (truth, found) per picture ─▶ segment_counts ─▶ add up ─▶ PanopticQuality: .all .things .stuff · .pq .sq .rq (C,)

A true and a found segment of one category whose IoU is above 0.5 are a match; there can be but one. With the matches
TP, the found without one FP and the true without one FN: SQ = mean IoU of TP, RQ = TP / (TP + FP / 2 + FN / 2) and
PQ = SQ * RQ. Categories that are nowhere do not count in means.

Void pixels, id 0, belong to nobody: they are left out of unions, and a found segment that lies by more than half in
void or in a crowd of its category is no mistake, as the COCO panoptic API has it. Crowds are neither missed nor found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pixwise.errors import DataError, ShapeError, check_shape

__all__ = [
    "VOID", "Category", "Counts", "PanopticMap", "PanopticQuality", "Quality", "Segment",
    "panoptic_quality", "segment_counts",
]  # fmt: skip

Ids = npt.NDArray[np.integer]
Floats = npt.NDArray[np.float64]

VOID = 0


class Category(NamedTuple):
    """A kind of thing that can be counted, or of stuff that cannot."""

    id: int
    name: str
    thing: bool


class Segment(NamedTuple):
    """One segment of a picture: its value in the map, its category, and whether it is a crowd that nobody parted."""

    id: int
    category_id: int
    crowd: bool = False


@dataclass(frozen=True, eq=False)
class PanopticMap:
    """Which segment each pixel of a picture belongs to.

    Attributes:
        ids: (H, W) ids of segments, 0 is void.
        segments: those that are there.
        name: of the picture, for messages.

    Raises:
        DataError: a segment has no pixel, or a pixel no segment, or an id is there twice.
    """

    ids: Ids
    segments: tuple[Segment, ...]
    name: str = "picture"
    areas: dict[int, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        ids = np.asarray(self.ids)
        check_shape(f"{self.name}: id map", ids, ("H", "W"))
        if ids.dtype.kind not in "iu":
            raise ShapeError(f"{self.name}: id map must hold whole numbers, got {ids.dtype}; give ids of segments")
        there = dict(zip(*(each.tolist() for each in np.unique(ids, return_counts=True)), strict=True))
        told = [segment.id for segment in self.segments]
        if len(set(told)) != len(told) or min(told, default=1) <= VOID:
            raise DataError(
                f"{self.name}: segments must have an id each, from 1 up, got {_few(sorted(told))}; number them anew"
            )
        if unknown := sorted(there.keys() - {*told, VOID}):
            raise DataError(
                f"{self.name}: every id of the map must have a segment, got {_few(unknown)} without; add them"
            )
        if missing := sorted(set(told) - there.keys()):
            raise DataError(f"{self.name}: every segment must have pixels, got none of {_few(missing)}; leave them out")
        object.__setattr__(self, "ids", ids)
        object.__setattr__(self, "areas", there)


@dataclass(eq=False)
class Counts:
    """Of one category: matches, found without one, true without one, and the sum of the matches' IoU."""

    tp: int = 0
    fp: int = 0
    fn: int = 0
    iou: float = 0.0


class Quality(NamedTuple):
    """Means over categories, 0 to 1; NaN where there is none."""

    pq: float
    sq: float
    rq: float
    categories: int


@dataclass(frozen=True, eq=False)
class PanopticQuality:
    """What was measured, category by category.

    Attributes:
        categories: C of them.
        tp, fp, fn: (C,) segments matched, found without a match, true without one.
        iou: (C,) sums of the matches' IoU.
        pictures: how many were compared.
    """

    categories: tuple[Category, ...]
    tp: npt.NDArray[np.int64]
    fp: npt.NDArray[np.int64]
    fn: npt.NDArray[np.int64]
    iou: Floats
    pictures: int

    @property
    def sq(self) -> Floats:
        """(C,) segmentation quality; 0 without a match, NaN where the category is nowhere."""
        return np.where(self._there, self.iou / np.maximum(self.tp, 1), np.nan)

    @property
    def rq(self) -> Floats:
        """(C,) recognition quality; NaN where the category is nowhere."""
        return np.where(self._there, self.tp / np.maximum(self._weight, 0.5), np.nan)

    @property
    def pq(self) -> Floats:
        """(C,) panoptic quality; NaN where the category is nowhere."""
        return np.where(self._there, self.iou / np.maximum(self._weight, 0.5), np.nan)

    @property
    def all(self) -> Quality:
        """Means over all categories."""
        return self._mean(np.ones(len(self.categories), bool))

    @property
    def things(self) -> Quality:
        """Means over things."""
        return self._mean(self._is_thing)

    @property
    def stuff(self) -> Quality:
        """Means over stuff."""
        return self._mean(~self._is_thing)

    @property
    def _is_thing(self) -> npt.NDArray[np.bool_]:
        return np.array([category.thing for category in self.categories], bool)

    @property
    def _weight(self) -> Floats:
        return self.tp + (self.fp + self.fn) / 2

    @property
    def _there(self) -> npt.NDArray[np.bool_]:
        return self._weight > 0

    def _mean(self, kind: npt.NDArray[np.bool_]) -> Quality:
        kept = kind & self._there
        means = (float(each[kept].mean()) if kept.any() else float("nan") for each in (self.pq, self.sq, self.rq))
        return Quality(*means, int(kept.sum()))


def segment_counts(truth: PanopticMap, found: PanopticMap) -> dict[int, Counts]:
    """Compare the segments of one picture; category id → what was counted.

    Of several crowds of one category in a picture the last one counts, as in the COCO panoptic API.

    Raises:
        ShapeError: the maps are of different sizes.
    """
    if truth.ids.shape != found.ids.shape:
        (height, width), (tall, wide) = truth.ids.shape, found.ids.shape
        raise ShapeError(
            f"{found.name}: map must be of the size of the truth, {width} x {height}, got {wide} x {tall}; "
            "bring it to this size, each pixel as its nearest"
        )
    shared = _overlaps(truth.ids, found.ids)
    counts: dict[int, Counts] = defaultdict(Counts)
    known, ours = ({each.id: each for each in map.segments} for map in (truth, found))
    matched: set[int] = set()
    for (a, b), both in shared.items():
        if a == VOID or b == VOID or known[a].crowd or known[a].category_id != ours[b].category_id:
            continue
        union = truth.areas[a] + found.areas[b] - both - shared.get((VOID, b), 0)
        if both / union > 0.5:
            mine = counts[known[a].category_id]
            mine.tp, mine.iou = mine.tp + 1, mine.iou + both / union
            matched |= {a, -b}
    for segment in truth.segments:
        if not segment.crowd and segment.id not in matched:
            counts[segment.category_id].fn += 1
    crowds = {segment.category_id: segment.id for segment in truth.segments if segment.crowd}
    for segment in found.segments:
        if -segment.id in matched:
            continue
        nobodys = shared.get((VOID, segment.id), 0) + shared.get((crowds.get(segment.category_id, -1), segment.id), 0)
        if nobodys / found.areas[segment.id] <= 0.5:
            counts[segment.category_id].fp += 1
    return dict(counts)


def panoptic_quality(
    pairs: Iterable[tuple[PanopticMap, PanopticMap]], categories: Sequence[Category]
) -> PanopticQuality:
    """Measure pictures: true and found segments of each.

    Raises:
        DataError: a segment is of a category that is not among these.
        ShapeError: two maps are of different sizes.
    """
    place = {category.id: index for index, category in enumerate(categories)}
    sums = np.zeros((3, len(place)), np.int64)
    iou = np.zeros(len(place))
    pictures = 0
    for truth, found in pairs:
        for each in (truth, found):
            if unknown := sorted({segment.category_id for segment in each.segments} - place.keys()):
                raise DataError(f"{each.name}: categories must be those of the truth, got id {_few(unknown)} as well")
        for category, counts in segment_counts(truth, found).items():
            sums[:, place[category]] += (counts.tp, counts.fp, counts.fn)
            iou[place[category]] += counts.iou
        pictures += 1
    return PanopticQuality(tuple(categories), *sums, iou, pictures)


def _overlaps(truth: Ids, found: Ids) -> dict[tuple[int, int], int]:
    """Pixels that each pair of ids shares, for the pairs that share any."""
    high = np.int64(found.max(initial=0)) + 1
    keys, counts = np.unique(truth.astype(np.int64) * high + found, return_counts=True)
    return {
        (key // int(high), key % int(high)): count for key, count in zip(keys.tolist(), counts.tolist(), strict=True)
    }


def _few(ids: Sequence[int]) -> str:
    return ", ".join(map(str, ids[:5])) + (" …" if len(ids) > 5 else "")
