"""Pure functions on quads: four corners (..., 4, 2) of (x, y) in pixels, clockwise as seen, from the top left."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["box_from_quad", "quad_size"]


def box_from_quad(quads: npt.ArrayLike) -> np.ndarray:
    """(..., K, 2) corners → (..., 4) xyxy around them."""
    quads = np.asarray(quads)
    return np.concatenate([quads.min(axis=-2), quads.max(axis=-2)], axis=-1)


def quad_size(quad: npt.ArrayLike) -> tuple[float, float]:
    """Width and height of a (4, 2) quad: the longer of its opposite edges."""
    quad = np.asarray(quad)
    edges = np.linalg.norm(quad - np.roll(quad, -1, axis=0), axis=1)  # top, right, bottom, left
    return float(max(edges[0], edges[2])), float(max(edges[1], edges[3]))
