"""Pure functions that make scores of what models say."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pixwise.errors import ShapeError

__all__ = ["check_numbers", "output", "sigmoid", "softmax"]


def output(raw: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """The one row of a model's output, float32.

    Raises:
        ShapeError: the model has no such output.
    """
    if name not in raw:
        raise ShapeError(
            f"outputs of the model must contain {name!r}, got {', '.join(raw)}; check the head of its card"
        )
    return raw[name][0].astype(np.float32)


def check_numbers(scores: np.ndarray) -> None:
    """Raise `ShapeError` for NaN: below every threshold, it would read as "nothing found"."""
    if np.isnan(scores).any():
        raise ShapeError("scores of the model must be numbers, got NaN; use another precision of this model")


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), each from 0 to 1 by itself; without overflow."""
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1, small) / (1 + small)


def softmax(logits: np.ndarray) -> np.ndarray:
    """(..., C) → (..., C) shares that sum to 1 along the last axis; without overflow."""
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)
