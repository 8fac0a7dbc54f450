"""Pure functions on boxes: forms, area, overlap, suppression.

Boxes are (N, 4) `xyxy`: left, top, right, bottom; right and bottom exclusive. Functions named `x_from_y` convert.
A box whose right is left of its left has area 0. NaN goes through pairwise functions as NaN; suppression refuses it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pixwise.errors import OptionError, check_shape

__all__ = [
    "area",
    "clip",
    "cxcywh_from_xyxy",
    "giou",
    "iou",
    "nms",
    "nms_per_class",
    "whole_box",
    "xywh_from_xyxy",
    "xyxy_from_cxcywh",
    "xyxy_from_xywh",
]

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]
_BLOCK = 128  # boxes decided at once in nms: memory stays at 128 x N, and the loop in Python runs over one block


def xyxy_from_cxcywh(boxes: npt.ArrayLike) -> Floats:
    """(..., 4) centre and size → corners."""
    boxes = np.asarray(boxes)
    centre, half = boxes[..., :2], boxes[..., 2:] / 2
    return np.concatenate([centre - half, centre + half], axis=-1)


def cxcywh_from_xyxy(boxes: npt.ArrayLike) -> Floats:
    """(..., 4) corners → centre and size."""
    boxes = np.asarray(boxes)
    low, high = boxes[..., :2], boxes[..., 2:]
    return np.concatenate([(low + high) / 2, high - low], axis=-1)


def xyxy_from_xywh(boxes: npt.ArrayLike) -> Floats:
    """(..., 4) corner and size → corners."""
    boxes = np.asarray(boxes)
    return np.concatenate([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], axis=-1)


def xywh_from_xyxy(boxes: npt.ArrayLike) -> Floats:
    """(..., 4) corners → corner and size."""
    boxes = np.asarray(boxes)
    return np.concatenate([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], axis=-1)


def area(boxes: npt.ArrayLike) -> Floats:
    """(..., 4) xyxy → (...); an inverted box has area 0."""
    boxes = _floats(boxes)
    return np.clip(boxes[..., 2:] - boxes[..., :2], 0, None).prod(axis=-1)


def clip(boxes: npt.ArrayLike, size_hw: tuple[int, int]) -> Floats:
    """(..., 4) xyxy, moved inside a picture of `size_hw`; a box outside of it becomes an empty one on its border."""
    boxes = np.asarray(boxes)
    height, width = size_hw
    return np.clip(boxes, 0, np.array([width, height, width, height], boxes.dtype))


def whole_box(box: Sequence[float], size_hw: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """The smallest box of whole pixels around another, inside a picture of `size_hw`; None where nothing is inside."""
    height, width = size_hw
    if not all(map(math.isfinite, box)):
        return None
    left, top = max(0, math.floor(box[0])), max(0, math.floor(box[1]))
    right, bottom = min(width, math.ceil(box[2])), min(height, math.ceil(box[3]))
    return (left, top, right, bottom) if right > left and bottom > top else None


def iou(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Intersection over union of every pair.

    Args:
        a: (N, 4) xyxy.
        b: (M, 4) xyxy.

    Returns:
        (N, M), 0 to 1; 0 where both are empty.
    """
    a, b = _rows("a", a), _rows("b", b)
    return _ratio(*_intersection_and_union(a[:, None], b[None]))


def giou(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Generalised IoU of every pair (Rezatofighi et al. 2019): IoU minus the share of the hull that neither covers.

    Args:
        a: (N, 4) xyxy.
        b: (M, 4) xyxy.

    Returns:
        (N, M), -1 to 1; negative for boxes far apart.
    """
    a, b = _rows("a", a)[:, None], _rows("b", b)[None]
    intersection, union = _intersection_and_union(a, b)
    low, high = np.minimum(a[..., :2], b[..., :2]), np.maximum(a[..., 2:], b[..., 2:])
    hull = np.clip(high - low, 0, None).prod(axis=-1)  # (N, M)
    return _ratio(intersection, union) - _ratio(hull - union, hull)


def _floats(boxes: npt.ArrayLike) -> Floats:
    """float32 or wider: differences of unsigned integers would wrap, areas of float16 overflow."""
    boxes = np.asarray(boxes)
    return boxes.astype(np.result_type(boxes.dtype, np.float32), copy=False)


def _rows(name: str, boxes: npt.ArrayLike) -> Floats:
    boxes = _floats(boxes)
    boxes = boxes.reshape(0, 4) if boxes.shape == (0,) else boxes
    check_shape(name, boxes, ("N", 4))
    return boxes


def _intersection_and_union(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """(..., 4) and (..., 4) that broadcast → (...), (...)."""
    wide = np.minimum(a[..., 2], b[..., 2]) - np.maximum(a[..., 0], b[..., 0])
    high = np.minimum(a[..., 3], b[..., 3]) - np.maximum(a[..., 1], b[..., 1])
    intersection = np.clip(wide, 0, None) * np.clip(high, 0, None)
    return intersection, area(a) + area(b) - intersection


def _ratio(part: Floats, whole: Floats) -> Floats:
    """part / whole, 0 where the whole is 0; NaN stays NaN."""
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole != 0)


def nms(boxes: npt.ArrayLike, scores: npt.ArrayLike, max_overlap: float) -> Ints:
    """Non-maximum suppression: keep the best, drop what overlaps it, go on.

    Args:
        boxes: (N, 4) xyxy.
        scores: (N,).
        max_overlap: a box is dropped when its IoU with a kept one is above this, 0 to 1.

    Returns:
        (K,) indices of the kept boxes, best first; ties keep the order of the input.

    Raises:
        ShapeError: wrong shapes, or NaN or infinity in boxes or scores.
        OptionError: `max_overlap` is not from 0 to 1.
    """
    boxes, scores = _checked(boxes, scores, max_overlap)
    order = np.argsort(-scores, kind="stable")
    kept: list[npt.NDArray[np.intp]] = []
    while len(order):
        block, order = order[:_BLOCK], order[_BLOCK:]
        block = block[_survivors(iou(boxes[block], boxes[block]) > max_overlap)]
        kept.append(block)
        overlaps = iou(boxes[block], boxes[order]) > max_overlap  # (B, rest)
        order = order[~overlaps.any(axis=0)]
    return np.concatenate(kept).astype(np.int64) if kept else np.zeros(0, np.int64)


def _survivors(overlaps: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """(B, B) "too much overlap", best first → (B,) those that no better survivor drops."""
    alive = np.ones(len(overlaps), bool)
    for index, row in enumerate(overlaps):
        if alive[index]:
            alive[index + 1 :] &= ~row[index + 1 :]
    return alive


def nms_per_class(boxes: npt.ArrayLike, scores: npt.ArrayLike, label_ids: npt.ArrayLike, max_overlap: float) -> Ints:
    """Non-maximum suppression among boxes of the same class.

    Args:
        boxes: (N, 4) xyxy.
        scores: (N,).
        label_ids: (N,) integers.
        max_overlap: see `nms`.

    Returns:
        (K,) indices of the kept boxes, best first; ties keep the order of the input.

    Raises:
        ShapeError, OptionError: see `nms`.
    """
    boxes, scores = _checked(boxes, scores, max_overlap)
    label_ids = np.asarray(label_ids)
    check_shape("label_ids", label_ids, (len(boxes),))
    members = [np.flatnonzero(label_ids == label) for label in np.unique(label_ids)]
    kept = [mine[nms(boxes[mine], scores[mine], max_overlap)] for mine in members]
    merged = np.sort(np.concatenate(kept)) if kept else np.zeros(0, np.int64)
    return merged[np.argsort(-scores[merged], kind="stable")]


def _checked(boxes: npt.ArrayLike, scores: npt.ArrayLike, max_overlap: float) -> tuple[Floats, Floats]:
    if not 0 <= max_overlap <= 1:
        raise OptionError(f"max_overlap must be a number from 0 to 1, got {max_overlap!r}")
    boxes, scores = _rows("boxes", boxes), _floats(scores)
    check_shape("scores", scores, (len(boxes),), finite=True)
    check_shape("boxes", boxes, ("N", 4), finite=True)
    return boxes, scores
