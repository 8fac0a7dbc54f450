"""Unknown faces by person: agglomerative clustering, average linkage.

    (N, D) unit vectors ─▶ each its own group ─▶ join the two groups that are most alike, while they are alike enough

How alike two groups are is the mean cosine of their pairs (UPGMA; Sokal and Michener 1958), so one odd picture neither
holds two people together, as it would with the nearest pair, nor keeps one person apart, as with the farthest.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from pixwise.errors import OptionError, check_shape
from pixwise.identity.threshold import check_threshold, threshold_of_model
from pixwise.results import Identities
from pixwise.vectors import check_same_model, unit

__all__ = ["group"]

Ints = npt.NDArray[np.int64]
_MOST = 20_000  # (N, N) float32 takes 1.6 GB then


def group(faces: npt.NDArray | Sequence[Identities], threshold: float | None = None, *, model: str = "") -> Ints:
    """Which faces are of one person, without knowing who it is. The same faces give the same groups.

    Args:
        faces: (N, D) vectors, or answers of `identify`, whose faces are counted in their order.
        threshold: mean cosine from which two groups are one person; None takes that of the model's card.
        model: that made the answers, as it is loaded; needed for the card of a folder, and without a threshold only.

    Returns:
        (N,) numbers of groups, from 0 in the order in which they first appear.

    Raises:
        OptionError: answers of two models, no threshold is known, or too many faces.
        ShapeError: vectors of two dimensions, or not finite.
    """
    if isinstance(faces, np.ndarray):
        if threshold is None:
            raise OptionError("threshold must be given with bare vectors, got None; say threshold=…")
        limit, vectors = check_threshold(threshold), faces
    else:
        answers = [answer for answer in faces if len(_checked(answer))]
        for one, other in pairwise(answers):
            check_same_model(one.model, other.model, "ask all with one model")
        if not answers:
            return np.zeros(0, np.int64)
        limit, _ = threshold_of_model(answers[0].model, threshold, model)
        vectors = np.concatenate([answer.vectors for answer in answers])
    count = check_shape("vectors", vectors, ("N", "D"), finite=True)["N"]
    if count > _MOST:
        raise OptionError(f"faces must be at most {_MOST:,}, got {count:,}; group them in parts")
    if not count:
        return np.zeros(0, np.int64)
    return np.unique(_joined(unit(vectors), limit), return_inverse=True)[1]


def _checked(answer: Identities) -> Identities:
    if not isinstance(answer, Identities):
        raise OptionError(f"faces must be answers of identify, got {type(answer).__name__}; ask px.identify(pictures)")
    return answer


def _joined(vectors: npt.NDArray[np.float32], limit: float) -> Ints:
    """(N,) for each face the first one of its group."""
    alike = vectors @ vectors.T  # (N, N) mean cosine of groups, each at the row of its first face
    np.fill_diagonal(alike, -np.inf)
    best, owner, size = alike.argmax(axis=1), np.arange(len(vectors)), np.ones(len(vectors))
    most = alike[owner, best]  # of each row
    while most.max() >= limit:
        kept = int(most.argmax())  # of equals the first, so it comes before its partner
        gone = int(best[kept])
        row = (size[kept] * alike[kept] + size[gone] * alike[gone]) / (size[kept] + size[gone])
        row[[kept, gone]] = -np.inf
        alike[kept], alike[:, kept], alike[gone], alike[:, gone] = row, row, -np.inf, -np.inf
        size[kept] += size[gone]
        owner[owner == gone] = kept
        # A mean is never above both of its parts: only rows whose best was one of the two must look again.
        again = np.flatnonzero((best == kept) | (best == gone))
        best[again] = alike[again].argmax(axis=1)
        most[again] = alike[again, best[again]]
        most[gone] = -np.inf
    return owner
