"""COCO's files of poses and boxes: what is there, and what was found, compared picture by picture.

truth.json   {"images": […], "annotations": [{"image_id", "category_id", "bbox", "area", "keypoints" …}], "categories"}
found.json   [{"image_id", "category_id", "score", "keypoints" or "bbox"}]

compare_poses · compare_boxes ─▶ {category id: (Compared per picture)} ─▶ average_precision
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pixwise.errors import DataError, OptionError
from pixwise.evaluate.coco_panoptic import read_document
from pixwise.evaluate.precision import Compared
from pixwise.points import COCO_SIGMAS, oks

__all__ = ["Things", "compare_boxes", "compare_poses", "crowd_iou", "read_found", "read_truth"]

Floats = npt.NDArray[np.float64]
Things = Mapping[str, Any]
Rows = Sequence[Things]


def read_truth(path: str | os.PathLike[str], needs: str) -> Things:
    """A COCO file of truth.

    Args:
        path: of the JSON.
        needs: what each annotation must have: `keypoints`, `bbox`.

    Raises:
        SourceError: it cannot be read.
        DataError: it is no such file.
    """
    document = read_document(path, "a COCO file of the truth")
    lists = ("images", "annotations", "categories")
    if not isinstance(document, dict) or not all(isinstance(document.get(name), list) for name in lists):
        raise DataError(f"{path}: must be a COCO file with the lists {', '.join(lists)}; check which file it is")
    _check_rows(path, document["images"], ("id",))
    _check_rows(path, document["categories"], ("id",))
    _check_rows(path, document["annotations"], ("image_id", "category_id", "bbox", needs))
    return document


def read_found(path: str | os.PathLike[str], needs: str, truth: Things) -> list[Things]:
    """A COCO file of results: a list of what was found.

    Raises:
        SourceError: it cannot be read.
        DataError: it is no such file, or of pictures or categories that the truth does not know.
    """
    rows = read_document(path, "a COCO file of results")
    if not isinstance(rows, list):
        raise DataError(f"{path}: must be a list of what was found, got {type(rows).__name__}; see COCO's results")
    _check_rows(path, rows, ("image_id", "category_id", "score", needs))
    for key, known in (("image_id", "images"), ("category_id", "categories")):
        if unknown := {row[key] for row in rows} - {each["id"] for each in truth[known]}:
            raise DataError(f"{path}: {key} must be one of the truth's {known}, got {_first(unknown)}; check the ids")
    return rows


def _check_rows(path: str | os.PathLike[str], rows: Rows, needs: Sequence[str]) -> None:
    numbers = {"id", "image_id", "category_id", "score"}
    for place, row in enumerate(rows):
        for name in needs:
            value = row.get(name) if isinstance(row, dict) else None
            fits = isinstance(value, int | float) if name in numbers else isinstance(value, list)
            if not fits:
                what = "a number" if name in numbers else "a list of numbers"
                raise DataError(f"{path}, entry {place}: must have {name!r}, {what}, got {value!r}; see COCO's form")


def compare_poses(truth: Things, found: Rows, sigmas: Sequence[float] = COCO_SIGMAS) -> dict[int, list[Compared]]:
    """Poses by OKS. A true one without marked points is neither missed nor found.

    Args:
        truth: a COCO file with `keypoints` [x, y, v, …]: v is 0 where a point is not marked.
        found: rows of a COCO file of results.
        sigmas: of the kinds of points.

    Raises:
        OptionError: the poses have other numbers of points than there are sigmas.
        DataError: an entry is no pose.
    """

    def compared(known: Rows, rows: Rows) -> Compared:
        theirs, ours = (
            _numbers(each, "keypoints", 3 * len(sigmas)).reshape(-1, len(sigmas), 3) for each in (known, rows)
        )
        spans = np.ptp(ours[..., :2], axis=1)  # (D, 2) px
        if all(
            "bbox" in row for row in rows
        ):  # COCO's tool takes it for their size where it is told, else that of the points
            spans = _numbers(rows, "bbox", 4)[:, 2:]
        boxes = _numbers(known, "bbox", 4)
        alike = oks(
            ours[..., :2],
            theirs[..., :2],
            theirs[..., 2],
            _areas(known),
            np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]]),
            sigmas,
        )
        return _compared(alike, known, rows, spans.prod(axis=1), ~(theirs[..., 2] > 0).any(axis=1))

    return _by_category(truth, found, compared)


def compare_boxes(truth: Things, found: Rows) -> dict[int, list[Compared]]:
    """Boxes by IoU, `bbox` [x, y, width, height] each.

    Raises:
        DataError: an entry is no box.
    """

    def compared(known: Rows, rows: Rows) -> Compared:
        theirs, ours = _numbers(known, "bbox", 4), _numbers(rows, "bbox", 4)
        alike = crowd_iou(ours, theirs, _flags(known))
        return _compared(alike, known, rows, ours[:, 2:].prod(axis=1), np.zeros(len(known), bool))

    return _by_category(truth, found, compared)


def crowd_iou(found: Floats, truth: Floats, crowd: npt.NDArray[np.bool_]) -> Floats:
    """IoU of boxes; with a crowd the share of the found box that lies in it.

    Args:
        found: (D, 4) x, y, width, height.
        truth: (G, 4) the same.
        crowd: (G,).

    Returns:
        (D, G), 0 to 1.
    """
    a, b = found[:, None], truth[None]
    sides = np.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    both = np.maximum(sides, 0).prod(axis=2)
    mine = np.broadcast_to(a[..., 2:].prod(axis=2), both.shape)
    whole = np.where(crowd, mine, mine + b[..., 2:].prod(axis=2) - both)
    return np.divide(both, whole, out=np.zeros_like(both), where=whole > 0)


def _compared(alike: Floats, known: Rows, rows: Rows, sizes: Floats, empty: npt.NDArray[np.bool_]) -> Compared:
    scores = np.array([row["score"] for row in rows], np.float64)
    crowd = _flags(known)
    return Compared(alike, scores, sizes, _areas(known), crowd, crowd | empty)


def _by_category(truth: Things, found: Rows, compared: Callable[[Rows, Rows], Compared]) -> dict[int, list[Compared]]:
    """Each picture of each category, in the order of ids, as COCO's own tool has them: scores may tie."""
    theirs, ours = _sorted(truth["annotations"]), _sorted(found)
    pictures = sorted({each["id"] for each in truth["images"]})
    return {
        category: [
            compared(theirs.get((image, category), ()), ours.get((image, category), ()))
            for image in pictures
            if (image, category) in theirs or (image, category) in ours
        ]
        for category in sorted({each["id"] for each in truth["categories"]})
    }


def _sorted(rows: Rows) -> dict[tuple[int, int], list[Things]]:
    out = defaultdict(list)
    for row in rows:
        out[row["image_id"], row["category_id"]].append(row)
    return out


def _numbers(rows: Rows, name: str, count: int) -> Floats:
    """(N, count) of all rows."""
    for row in rows:
        got = len(row[name])
        if got != count and name == "keypoints":
            raise OptionError(f"sigmas must be one per point, got {count // 3} for poses of {got / 3:g}; give theirs")
        if got != count or not all(isinstance(each, int | float) for each in row[name]):
            raise DataError(f"{name} must be {count} numbers, got {str(row[name])[:60]}; see COCO's form")
    return np.array([row[name] for row in rows], np.float64).reshape(-1, count)


def _areas(rows: Rows) -> Floats:
    """px²: of the outline where it is told, else of the box."""
    return np.array([row.get("area", row["bbox"][2] * row["bbox"][3]) for row in rows], np.float64)


def _flags(rows: Rows) -> npt.NDArray[np.bool_]:
    return np.array([bool(row.get("iscrowd", 0)) for row in rows], bool)


def _first(ids: set[int]) -> str:
    return ", ".join(map(str, sorted(ids)[:5]))
