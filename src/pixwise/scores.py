"""Pure functions that make scores of what models say."""

from __future__ import annotations

import numpy as np

__all__ = ["sigmoid", "softmax"]


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), each from 0 to 1 by itself; without overflow."""
    small = np.exp(-np.abs(logits))
    return np.where(logits >= 0, 1, small) / (1 + small)


def softmax(logits: np.ndarray) -> np.ndarray:
    """(..., C) → (..., C) shares that sum to 1 along the last axis; without overflow."""
    shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)
