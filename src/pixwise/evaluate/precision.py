"""Average precision as COCO defines it, over any similarity: IoU of boxes, OKS of poses.

    per category and picture: similarity (D, G) ─▶ average_precision ─▶ Precisions: AP, AP50, AP75, by size, recalls

What is found takes, the surest first, the most similar truth that is still free. At each of ten thresholds of
similarity, 0.5 to 0.95, precision is read at 101 places of recall; AP is the mean of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pixwise.errors import check_shape

__all__ = ["SIZES", "THRESHOLDS", "Compared", "Precisions", "average_precision"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

THRESHOLDS: Floats = np.linspace(0.5, 0.95, 10)
_RECALLS = np.linspace(0, 1, 101)
SIZES: Mapping[str, tuple[float, float]] = {  # px², both ends within
    "all": (0, 1e10),
    "small": (0, 32**2),
    "medium": (32**2, 96**2),
    "large": (96**2, 1e10),
}


@dataclass(frozen=True, eq=False)
class Compared:
    """What was found in one picture of one category, against what is there.

    Attributes:
        similarity: (D, G), 0 to 1.
        scores: (D,) of what was found.
        found_areas: (D,) px².
        areas: (G,) px² of what is there.
        crowd: (G,) many things that nobody parted: any number may be found in it, none need be.
        ignored: (G,) neither missed nor found; crowds are, too.
    """

    similarity: Floats
    scores: Floats
    found_areas: Floats
    areas: Floats
    crowd: Bools
    ignored: Bools

    def __post_init__(self) -> None:
        count = check_shape("scores", self.scores, ("D",), finite=True)["D"]
        known = check_shape("areas", self.areas, ("G",), finite=True)["G"]
        check_shape("similarity", self.similarity, (count, known), finite=True)
        check_shape("found_areas", self.found_areas, (count,))
        for name in ("crowd", "ignored"):
            check_shape(name, getattr(self, name), (known,))


class Precisions(NamedTuple):
    """Of one range of sizes: the means over thresholds and categories, and at two thresholds; NaN where nothing is."""

    ap: float
    ap50: float
    ap75: float
    ar: float
    ar50: float
    ar75: float


def average_precision(categories: Mapping[int, Sequence[Compared]], size: str = "all", most: int = 100) -> Precisions:
    """Measure all pictures.

    Args:
        categories: id of the category → its pictures, in the order of their ids.
        size: one of `SIZES`: what is of another size is neither missed nor found.
        most: in each picture only so many of each category count, the surest.
    """
    curves = [curve for pictures in categories.values() if (curve := _curve(pictures, SIZES[size], most))]
    if not curves:
        return Precisions(*[float("nan")] * 6)
    precision = np.stack([precision for precision, _ in curves]).mean(axis=(0, 2))  # (T,)
    recall = np.stack([recall for _, recall in curves]).mean(axis=0)  # (T,)
    return Precisions(*(float(each) for row in (precision, recall) for each in (row.mean(), row[0], row[5])))


def _curve(pictures: Sequence[Compared], area: tuple[float, float], most: int) -> tuple[Floats, Floats] | None:
    """Precision (T, 101) and reached recall (T,) of a category; None where it has no truth."""
    rows = [_matched(each, area, most) for each in pictures]
    known = sum(count for *_, count in rows)
    if not known:
        return None
    order = np.argsort(-np.concatenate([scores for scores, *_ in rows]), kind="stable")
    hits, passed = (np.concatenate([row[place] for row in rows], axis=1)[:, order] for place in (1, 2))  # (T, D)
    right = np.cumsum(hits & ~passed, axis=1).astype(np.float64)
    wrong = np.cumsum(~hits & ~passed, axis=1)
    recall = right / known
    precision = right / (right + wrong + np.spacing(1))
    best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]  # from here on
    return np.stack([_read(*each) for each in zip(best, recall, strict=True)]), recall.max(axis=1, initial=0)


def _read(precision: Floats, recall: Floats) -> Floats:
    """(101,) precision where each recall is reached first; 0 where it never is."""
    return np.append(precision, 0.0)[np.searchsorted(recall, _RECALLS)]


def _matched(given: Compared, area: tuple[float, float], most: int) -> tuple[Floats, Bools, Bools, int]:
    """Of the surest of one picture: scores (D,), matched (T, D), not counted (T, D); and how many truths count."""
    order = np.argsort(-given.scores, kind="stable")[:most]
    similarity, scores, sizes = given.similarity[order], given.scores[order], given.found_areas[order]
    passed = given.ignored | given.crowd | _outside(given.areas, area)  # (G,)
    hits, unsure = (np.zeros((len(THRESHOLDS), len(order)), bool) for _ in range(2))
    for row, threshold in enumerate(THRESHOLDS):
        free = np.ones(len(passed), bool)
        for place, alike in enumerate(similarity):
            near = alike >= min(threshold, 1 - 1e-10)
            chosen = _last_best(alike, near & free & ~passed)
            if chosen < 0:
                chosen = _last_best(alike, near & passed & (free | given.crowd))
            if chosen >= 0:
                hits[row, place], unsure[row, place], free[chosen] = True, passed[chosen], False
    return scores, hits, unsure | (~hits & _outside(sizes, area)), int((~passed).sum())


def _last_best(values: Floats, allowed: Bools) -> int:
    """Place of the highest that is allowed, the last of equals; -1 for none."""
    if not allowed.any():
        return -1
    kept = np.where(allowed, values, -1)
    return len(kept) - 1 - int(kept[::-1].argmax())


def _outside(areas: Floats, area: tuple[float, float]) -> Bools:
    return (areas < area[0]) | (areas > area[1])
