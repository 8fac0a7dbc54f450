"""Pure functions on boxes: forms, area, overlap, suppression.

Boxes are (N, 4) `xyxy`: left, top, right, bottom; right and bottom exclusive. Functions named `x_from_y` convert.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = [
    "area",
    "clip",
    "giou",
    "iou",
    "nms",
    "nms_per_class",
    "xywh_from_xyxy",
    "xyxy_from_cxcywh",
    "xyxy_from_xywh",
    "cxcywh_from_xyxy",
]

Floats = npt.NDArray[np.floating]


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
    boxes = np.asarray(boxes)
    return np.clip(boxes[..., 2:] - boxes[..., :2], 0, None).prod(axis=-1)


def clip(boxes: npt.ArrayLike, size_hw: tuple[int, int]) -> Floats:
    """(..., 4) xyxy, moved inside a picture of `size_hw`."""
    height, width = size_hw
    return np.clip(boxes, 0, np.array([width, height, width, height], np.asarray(boxes).dtype))


def iou(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Intersection over union of every pair.

    Args:
        a: (N, 4) xyxy.
        b: (M, 4) xyxy.

    Returns:
        (N, M), 0 to 1; 0 where both are empty.
    """
    intersection, union = _intersection_and_union(np.asarray(a), np.asarray(b))
    return np.divide(intersection, union, out=np.zeros_like(union), where=union > 0)


def giou(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Generalised IoU of every pair (Rezatofighi et al. 2019): IoU minus the share of the hull that neither covers.

    Args:
        a: (N, 4) xyxy.
        b: (M, 4) xyxy.

    Returns:
        (N, M), -1 to 1; negative for boxes far apart.
    """
    a, b = np.asarray(a), np.asarray(b)
    intersection, union = _intersection_and_union(a, b)
    low = np.minimum(a[:, None, :2], b[None, :, :2])
    high = np.maximum(a[:, None, 2:], b[None, :, 2:])
    hull = (high - low).prod(axis=-1).astype(union.dtype)  # (N, M)
    overlap = np.divide(intersection, union, out=np.zeros_like(union), where=union > 0)
    return overlap - np.divide(hull - union, hull, out=np.zeros_like(hull), where=hull > 0)


def _intersection_and_union(a: npt.NDArray, b: npt.NDArray) -> tuple[Floats, Floats]:
    a, b = (boxes.reshape(-1, 4).astype(np.result_type(boxes.dtype, np.float32), copy=False) for boxes in (a, b))
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    intersection = np.clip(high - low, 0, None).prod(axis=-1)  # (N, M)
    return intersection, area(a)[:, None] + area(b)[None] - intersection


def nms(boxes: npt.ArrayLike, scores: npt.ArrayLike, max_overlap: float) -> npt.NDArray[np.int64]:
    """Non-maximum suppression: keep the best, drop what overlaps it, go on.

    Args:
        boxes: (N, 4) xyxy.
        scores: (N,).
        max_overlap: a box is dropped when its IoU with a kept one is above this.

    Returns:
        (K,) indices of the kept boxes, best first; ties keep the order of the input.
    """
    boxes, scores = np.asarray(boxes, np.float32).reshape(-1, 4), np.asarray(scores)
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(int(best))
        order = rest[iou(boxes[best : best + 1], boxes[rest])[0] <= max_overlap]
    return np.array(kept, np.int64)


def nms_per_class(
    boxes: npt.ArrayLike, scores: npt.ArrayLike, label_ids: npt.ArrayLike, max_overlap: float
) -> npt.NDArray[np.int64]:
    """Non-maximum suppression among boxes of the same class.

    Args:
        boxes: (N, 4) xyxy.
        scores: (N,).
        label_ids: (N,) integers.
        max_overlap: see `nms`.

    Returns:
        (K,) indices of the kept boxes, best first.
    """
    boxes, scores, label_ids = np.asarray(boxes).reshape(-1, 4), np.asarray(scores), np.asarray(label_ids)
    kept = [np.flatnonzero(label_ids == label) for label in np.unique(label_ids)]
    kept = [members[nms(boxes[members], scores[members], max_overlap)] for members in kept]
    merged = np.sort(np.concatenate(kept)) if kept else np.zeros(0, np.int64)
    return merged[np.argsort(-scores[merged], kind="stable")]
