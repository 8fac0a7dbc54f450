"""Pure functions that make scores of what models say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pixwise.errors import ShapeError

__all__ = [
    "CLASS_SCORES", "USUAL_MIN_SCORES", "best_of", "best_pairs", "check_numbers", "class_row", "label_of", "output",
    "sigmoid", "softmax",
]  # fmt: skip


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


def best_pairs(scores: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The best pairs of a query and a class.

    Args:
        scores: (Q, C).
        count: how many pairs.

    Returns:
        (K,) queries and (K,) classes, best first, of equal ones the first; K is `count`, or all that there are.
    """
    flat = scores.reshape(-1)
    count = min(count, len(flat))
    if not count:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    best = np.sort(np.argpartition(-flat, count - 1)[:count])  # sorting all of 24 000 would take ten times as long
    return np.divmod(best[np.argsort(-flat[best], kind="stable")], scores.shape[1])


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


def _clipped(shares: np.ndarray) -> np.ndarray:
    """(C,) as they are; rounding of 16-bit models may leave [0, 1] by a hair."""
    return np.clip(shares, 0, 1)


CLASS_SCORES = {"softmax": softmax, "sigmoid": sigmoid, "probabilities": _clipped}  # heads of classifiers
# Of classes that exclude each other one in a hundred is noise; of yes-or-no classes "rather yes" is an answer.
USUAL_MIN_SCORES = {"softmax": 0.01, "sigmoid": 0.5, "probabilities": 0.01}


def class_row(raw: Mapping[str, np.ndarray], names: Sequence[str], model: str) -> np.ndarray:
    """What a classifier says of one picture or clip: the output named `logits`, else the first.

    Args:
        raw: outputs; (1, C, 1, 1) and the like are flattened.
        names: its labels; none where they are not known.
        model: how messages call it.

    Returns:
        (C,) float32.

    Raises:
        ShapeError: there are not as many values as labels, or they are no numbers.
    """
    output = raw["logits"] if "logits" in raw else next(iter(raw.values()))
    row = output.reshape(-1).astype(np.float32)
    if names and len(row) != len(names):
        raise ShapeError(
            f"output of model {model!r} must have {len(names)} values, one per label, "
            f"got shape {output.shape}; check the labels of its card"
        )
    check_numbers(row)
    if np.isposinf(row).any():  # its share would be infinity of infinity
        raise ShapeError(f"output of model {model!r} must be finite, got infinity; use another precision of this model")
    return row


def best_of(scores: np.ndarray, names: Sequence[str], top: int, min_score: float) -> np.ndarray:
    """(K,) int64 classes from the highest score down; those without a name are none.

    Args:
        scores: (C,).
        names: labels; an empty one is no class.
        top: at most so many; 0 for all.
        min_score: lower ones are left out.
    """
    order = np.argsort(-scores, kind="stable")
    kept = [i for i in order if scores[i] >= min_score and label_of(names, i)]
    return np.array(kept[: top or len(kept)], np.int64)


def label_of(names: Sequence[str], index: int) -> str:
    """The name of a class; `class 7` where it has none."""
    return names[index] if index < len(names) else f"class {index}"
