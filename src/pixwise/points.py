"""Pure functions on points and quads: similarity transforms, affine maps, the order of corners.

Points are (x, y) in pixels. A quad is (4, 2), its corners clockwise as seen, from the top left. An affine map is
(2, 3): `target = source @ map[:, :2].T + map[:, 2]`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pixwise.errors import ShapeError, check_shape

__all__ = [
    "affine_inverse",
    "apply_affine",
    "box_from_quad",
    "distance",
    "order_quad",
    "quad_from_box",
    "quad_size",
    "similarity",
]

Floats = npt.NDArray[np.floating]


def distance(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Euclidean distance of (..., 2) and (..., 2) → (...)."""
    return np.linalg.norm(np.asarray(a, np.float64) - np.asarray(b, np.float64), axis=-1)


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
    centre, aim = (points.mean(axis=0) if count else np.zeros(2) for points in (source, target))
    spread = ((source - centre) ** 2).sum() / max(count, 1)  # variance of the source
    if count < 2 or spread <= 1e-12 * max(1.0, float(np.abs(centre).max())) ** 2:
        raise ShapeError(f"source must be two points or more in different places, got {count}; check the landmarks")
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
        ShapeError: the map flattens everything onto a line.
    """
    affine = np.asarray(affine, np.float64)
    check_shape("affine", affine, (2, 3), finite=True)
    try:
        back = np.linalg.inv(affine[:, :2])
    except np.linalg.LinAlgError as error:
        raise ShapeError(f"affine must be invertible, got {affine.tolist()}; its scale must not be 0") from error
    return np.concatenate([back, -(back @ affine[:, 2:])], axis=1)


def quad_from_box(boxes: npt.ArrayLike) -> Floats:
    """(..., 4) xyxy → (..., 4, 2) corners clockwise from the top left."""
    boxes = np.asarray(boxes)
    return boxes[..., [0, 1, 2, 1, 2, 3, 0, 3]].reshape(*boxes.shape[:-1], 4, 2)


def box_from_quad(quads: npt.ArrayLike) -> Floats:
    """(..., K, 2) corners → (..., 4) xyxy around them."""
    quads = np.asarray(quads)
    return np.concatenate([quads.min(axis=-2), quads.max(axis=-2)], axis=-1)


def quad_size(quads: npt.ArrayLike) -> Floats:
    """(..., 4, 2) → (..., 2) height and width: the longer of each pair of opposite sides."""
    quads = np.asarray(quads, np.float64)
    sides = distance(quads, np.roll(quads, -1, axis=-2))  # (..., 4) top, right, bottom, left
    return np.stack([np.maximum(sides[..., 1], sides[..., 3]), np.maximum(sides[..., 0], sides[..., 2])], axis=-1)


def order_quad(quads: npt.ArrayLike) -> Floats:
    """Corners in any order → clockwise as seen, from the top left (the least x + y; of equal ones the higher).

    Args:
        quads: (..., 4, 2) xy, corners of a convex quad.

    Returns:
        (..., 4, 2), the same corners.
    """
    quads = np.asarray(quads)
    if quads.shape[-2:] != (4, 2):
        raise ShapeError(f"quads must have shape (..., 4, 2), got {quads.shape}; check the order of its axes")
    x, y = np.moveaxis(quads - quads.mean(axis=-2, keepdims=True), -1, 0)  # (..., 4) from the centre
    clockwise = np.argsort(np.arctan2(y, x), axis=-1, kind="stable")  # y points down, so angles grow clockwise
    quads = np.take_along_axis(quads, clockwise[..., None], axis=-2)
    first = np.lexsort((quads[..., 1], quads.sum(axis=-1)), axis=-1)[..., :1]
    return np.take_along_axis(quads, ((first + np.arange(4)) % 4)[..., None], axis=-2)
