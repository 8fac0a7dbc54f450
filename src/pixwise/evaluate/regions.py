"""How well classes of pixels and masks lie: IoU, Dice, accuracy, boundary IoU.

truth (H, W), found (H, W) ids ─▶ class_confusion ─▶ (C, C), added up over pictures ─▶ ClassQuality: mIoU, Dice …
truth (H, W), found (H, W) bool ─▶ mask_iou · dice · boundary_iou
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixwise.errors import DataError, ShapeError, check_range, check_shape

__all__ = ["ClassQuality", "added", "boundary", "boundary_iou", "class_confusion", "class_quality", "dice", "mask_iou"]

Ids = npt.NDArray[np.integer]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

_MOST = 1024  # classes whose number nobody told: their confusion takes 8 MB


@dataclass(frozen=True, eq=False)
class ClassQuality:
    """What a confusion says.

    Attributes:
        confusion: (C, C) pixels: rows are true classes, columns found ones.
    """

    confusion: npt.NDArray[np.int64]

    @property
    def _true(self) -> Floats:
        return self.confusion.sum(axis=1)

    @property
    def _found(self) -> Floats:
        return self.confusion.sum(axis=0)

    @property
    def iou(self) -> Floats:
        """(C,) intersection over union over all pixels; NaN where the class is neither true nor found anywhere."""
        both = np.diag(self.confusion)
        return _share(both, self._true + self._found - both)

    @property
    def dice(self) -> Floats:
        """(C,) 2 intersection / (true + found), the F1 of pixels; NaN as in `iou`."""
        return _share(2 * np.diag(self.confusion), self._true + self._found)

    @property
    def recall(self) -> Floats:
        """(C,) share of the true pixels that was found; NaN where there are none."""
        return _share(np.diag(self.confusion), self._true)

    @property
    def mean_iou(self) -> float:
        """mIoU: the mean over the classes that are there."""
        return _mean(self.iou)

    @property
    def mean_dice(self) -> float:
        """The mean over the classes that are there."""
        return _mean(self.dice)

    @property
    def mean_recall(self) -> float:
        """Mean class accuracy."""
        return _mean(self.recall)

    @property
    def accuracy(self) -> float:
        """Share of all pixels that are right."""
        return float(_share(np.trace(self.confusion), self.confusion.sum()))


def class_confusion(truth: Ids, found: Ids, classes: int, ignore: int | None = None) -> npt.NDArray[np.int64]:
    """Count the pixels of one picture by their true and their found class.

    Args:
        truth: (H, W) ids.
        found: (H, W) ids, 0 to classes - 1.
        classes: how many there are.
        ignore: an id of the truth that says that nobody knows; its pixels do not count.

    Returns:
        (C, C): rows are true classes.

    Raises:
        ShapeError: the maps are of different sizes.
        DataError: an id is no class.
    """
    truth, found = np.asarray(truth), np.asarray(found)
    _check_alike(truth, found)
    counted = np.ones(truth.shape, bool) if ignore is None else truth != ignore
    mine, theirs = truth[counted].astype(np.int64), found[counted].astype(np.int64)
    for name, ids in (("truth", mine), ("found", theirs)):
        if ids.size and not 0 <= ids.min() <= ids.max() < classes:
            bad = int(ids[(ids < 0) | (ids >= classes)][0])
            raise DataError(
                f"{name}: ids must be from 0 to {classes - 1}, got {bad}; give as many classes as there are"
            )
    return np.bincount(mine * classes + theirs, minlength=classes**2).reshape(classes, classes)


def class_quality(pairs: Iterable[tuple[Ids, Ids]], classes: int = 0, ignore: int | None = None) -> ClassQuality:
    """Measure pictures: the true and the found class of each pixel.

    Args:
        pairs: as for `class_confusion`.
        classes: how many there are; 0 for as many as occur.
        ignore: as for `class_confusion`.

    Raises:
        DataError: an id is no class; unless told how many there are, those from 1024 up are none.
    """
    tables = (
        class_confusion(truth, found, classes or _classes_of(truth, found, ignore), ignore) for truth, found in pairs
    )
    return ClassQuality(added(tables, classes))


def added(tables: Iterable[npt.NDArray[np.int64]], classes: int = 0) -> npt.NDArray[np.int64]:
    """The sum of confusions, each as large as the classes that it knows; (C, C) of all, or of at least `classes`."""
    total = np.zeros((classes, classes), np.int64)
    for table in tables:
        total = np.pad(total, (0, max(0, len(table) - len(total))))
        total[: len(table), : len(table)] += table
    return total


def _classes_of(truth: Ids, found: Ids, ignore: int | None) -> int:
    known = np.unique(truth)
    highest = max(int(known[known != ignore].max(initial=0)), int(np.asarray(found).max(initial=0)))
    if highest >= _MOST:
        raise DataError(f"ids must be below {_MOST}, got {highest}; say how many classes there are, or which to ignore")
    return highest + 1


def mask_iou(truth: Bools, found: Bools) -> float:
    """Intersection over union of two (H, W) masks; 1 where both are empty."""
    _check_alike(truth, found)
    union = np.count_nonzero(truth | found)
    return np.count_nonzero(truth & found) / union if union else 1.0


def dice(truth: Bools, found: Bools) -> float:
    """2 intersection / (truth + found) of two (H, W) masks; 1 where both are empty."""
    _check_alike(truth, found)
    total = np.count_nonzero(truth) + np.count_nonzero(found)
    return 2 * np.count_nonzero(truth & found) / total if total else 1.0


def boundary(mask: Bools, share: float = 0.02) -> Bools:
    """The pixels of a mask that lie near its outline (Cheng et al. 2021, section 4).

    Near is at most `share` of the picture's diagonal away, and at least one pixel, counted as a king moves. Where the
    mask leaves the picture is outline, too.

    Returns:
        (H, W) bool.
    """
    import cv2

    check_shape("mask", mask, ("H", "W"))
    check_range("share", share, 0, 1)
    if not mask.size:
        return mask
    reach = max(1, round(share * float(np.hypot(*mask.shape))))
    framed = np.pad(mask.astype(np.uint8), 1)
    inner = cv2.erode(framed, np.ones((3, 3), np.uint8), iterations=reach)[1:-1, 1:-1]  # the frame eats its way in
    return mask & (inner == 0)


def boundary_iou(truth: Bools, found: Bools, share: float = 0.02) -> float:
    """IoU of what lies near the outlines: as strict for large masks as for small ones; 1 where both are empty."""
    _check_alike(truth, found)
    return mask_iou(boundary(truth, share), boundary(found, share))


def _check_alike(truth: npt.NDArray, found: npt.NDArray) -> None:
    lengths = check_shape("truth", truth, ("H", "W"))
    if found.shape != truth.shape:
        got = " x ".join(map(str, found.shape[::-1]))
        raise ShapeError(
            f"found must be of the size of the truth, {lengths['W']} x {lengths['H']}, got {got}; "
            "bring it to this size, each pixel as its nearest"
        )


def _share(part: npt.ArrayLike, whole: npt.ArrayLike) -> Floats:
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)


def _mean(values: Floats) -> float:
    there = values[~np.isnan(values)]
    return float(there.mean()) if len(there) else float("nan")
