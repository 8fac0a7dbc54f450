"""Pure functions on points (x, y) in pixels: similarity transforms, pictures moved by them, quads, OKS of poses.

A quad is four corners (..., 4, 2), clockwise as seen, from the top left. An affine map is (2, 3):
`target = source @ map[:, :2].T + map[:, 2]`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pixwise.errors import ShapeError, check_shape

__all__ = ["COCO_SIGMAS", "affine_inverse", "apply_affine", "box_from_quad", "oks", "quad_size", "similarity", "warp"]

Floats = npt.NDArray[np.floating]

# How far apart people mark a point, by the size of the person: nose, eyes, ears, shoulders, elbows, wrists, hips,
# knees, ankles (COCO 2017, keypoint evaluation).
COCO_SIGMAS: tuple[float, ...] = (
    0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072,
    0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089, 0.089,
)  # fmt: skip


def similarity(source: npt.ArrayLike, target: npt.ArrayLike) -> Floats:
    """The rotation, scale and shift that bring points nearest to others, by least squares (Umeyama 1991, eq. 34 to 43).

    Args:
        source: (K, 2) xy, K >= 2, not all in one place.
        target: (K, 2) xy, the points where those should go.

    Returns:
        (2, 3) float64, target_from_source; never a reflection.

    Raises:
        ShapeError: fewer than two points, all of the source in one place, not as many of each, or not finite.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    count = check_shape("source", source, ("K", 2), finite=True)["K"]
    check_shape("target", target, (count, 2), finite=True)
    if count < 2 or np.ptp(source, axis=0).max() <= 1e-6 * max(1.0, float(np.abs(source).max())):
        raise ShapeError(f"source must be two points or more in different places, got {count}; check the landmarks")
    centre, aim = source.mean(axis=0), target.mean(axis=0)
    spread = ((source - centre) ** 2).sum() / count  # variance of the source
    u, scales, v = np.linalg.svd((target - aim).T @ (source - centre) / count)
    signs = np.array([1.0, np.sign(np.linalg.det(u) * np.linalg.det(v))])  # a reflection becomes the nearest rotation
    turn = (u * signs) @ v * ((scales * signs).sum() / spread)  # (2, 2) rotation times scale
    return np.concatenate([turn, (aim - turn @ centre)[:, None]], axis=1)


def apply_affine(affine: npt.ArrayLike, points: npt.ArrayLike) -> Floats:
    """Move points by an affine map.

    Args:
        affine: (2, 3) target_from_source.
        points: (..., 2) xy.

    Returns:
        (..., 2) float64.
    """
    affine = np.asarray(affine, np.float64)
    check_shape("affine", affine, (2, 3))
    return np.asarray(points, np.float64) @ affine[:, :2].T + affine[:, 2]


def affine_inverse(affine: npt.ArrayLike) -> Floats:
    """The way back: (2, 3) target_from_source → (2, 3) source_from_target.

    Raises:
        ShapeError: the map flattens everything onto a line or a point.
    """
    affine = np.asarray(affine, np.float64)
    check_shape("affine", affine, (2, 3), finite=True)
    try:
        back = np.linalg.inv(affine[:, :2])
    except np.linalg.LinAlgError as error:
        raise ShapeError(f"affine must be invertible, got {affine.tolist()}; its scale must not be 0") from error
    return np.concatenate([back, -(back @ affine[:, 2:])], axis=1)


def warp(pixels: npt.NDArray[np.uint8], affine: npt.ArrayLike, size_hw: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Move a picture by an affine map, with OpenCV's bilinear filter (no antialias); black where it ends.

    Convention:
        Pixel i is at i, as in `cv2.warpAffine`, not at i + 0.5.

    Args:
        pixels: (H, W, 3) uint8.
        affine: (2, 3) target_from_source.
        size_hw: the size that comes back.

    Returns:
        (h, w, 3) uint8.
    """
    import cv2

    height, width = size_hw
    corners = apply_affine(affine_inverse(affine), [[0, 0], [width, 0], [0, height], [width, height]])  # (4, 2)
    # Only what is needed is given to OpenCV: it refuses pictures with a side above 32 766.
    low = np.clip(np.floor(corners.min(axis=0)) - 2, 0, pixels.shape[1::-1]).astype(np.int64)
    high = np.clip(np.ceil(corners.max(axis=0)) + 3, 0, pixels.shape[1::-1]).astype(np.int64)
    if (high <= low).any():
        return np.zeros((height, width, *pixels.shape[2:]), np.uint8)
    cut = np.ascontiguousarray(pixels[low[1] : high[1], low[0] : high[0]])
    shifted = np.array(affine, np.float64)
    shifted[:, 2] += shifted[:, :2] @ low
    return cv2.warpAffine(cut, shifted, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


def box_from_quad(quads: npt.ArrayLike) -> np.ndarray:
    """(..., K, 2) corners → (..., 4) xyxy around them."""
    quads = np.asarray(quads)
    return np.concatenate([quads.min(axis=-2), quads.max(axis=-2)], axis=-1)


def quad_size(quad: npt.ArrayLike) -> tuple[float, float]:
    """Width and height of a (4, 2) quad: the longer of its opposite edges."""
    quad = np.asarray(quad)
    edges = np.linalg.norm(quad - np.roll(quad, -1, axis=0), axis=1)  # top, right, bottom, left
    return float(max(edges[0], edges[2])), float(max(edges[1], edges[3]))


def oks(
    points: npt.ArrayLike,
    truth: npt.ArrayLike,
    visible: npt.ArrayLike,
    areas: npt.ArrayLike,
    boxes: npt.ArrayLike | None = None,
    sigmas: npt.ArrayLike = COCO_SIGMAS,
) -> Floats:
    """Object keypoint similarity of every pair of poses, as COCO defines it: exp(-d² / (2 area (2 sigma)²)), the mean.

    Args:
        points: (D, K, 2) xy of the poses that were found.
        truth: (G, K, 2) xy of the true ones.
        visible: (G, K), above 0 where a point is marked; others do not count.
        areas: (G,) px² of the true objects.
        boxes: (G, 4) xyxy. A true pose without a marked point is compared by how far the found points lie outside its
            box, widened by its own size on each side; left out, the similarity with it is 0.
        sigmas: (K,) of the kinds of points.

    Returns:
        (D, G) float64, 0 to 1.
    """
    found, known = np.asarray(points, np.float64), np.asarray(truth, np.float64)
    spread, sizes, marked = np.asarray(sigmas, np.float64), np.asarray(areas, np.float64), np.asarray(visible) > 0
    kinds = check_shape("sigmas", spread, ("K",), finite=True)["K"]
    check_shape("points", found, ("D", kinds, 2), finite=True)
    count = check_shape("truth", known, ("G", kinds, 2))["G"]
    check_shape("visible", marked, (count, kinds))
    check_shape("areas", sizes, (count,), finite=True)
    away = found[:, None] - np.where(marked[..., None], known, 0)  # (D, G, K, 2)
    counted = marked.copy()
    empty = ~marked.any(axis=1)  # (G,)
    if boxes is not None and empty.any():
        bounds = np.asarray(boxes, np.float64)
        check_shape("boxes", bounds, (count, 4))
        low, high = bounds[empty, None, :2], bounds[empty, None, 2:]
        side = high - low
        away[:, empty] = np.maximum(low - side - found[:, None], 0) + np.maximum(found[:, None] - high - side, 0)
        counted[empty] = True
    scale = 2 * (2 * spread) ** 2 * (sizes[:, None] + np.spacing(1))  # (G, K)
    each = np.exp(-(away**2).sum(axis=3) / scale)  # (D, G, K)
    return np.where(counted, each, 0).sum(axis=2) / np.maximum(counted.sum(axis=1), 1)
