"""How well vectors tell people apart: curves of verification on the user's own pairs, the best threshold, triplet loss.

    similarities (N,), same (N,) ─▶ verification_curve ─▶ .auc .eer .tar_at_far(0.001) .best_threshold()

FAR, false accept rate: the share of pairs of two people that are taken for one. FRR, false reject rate: the share of
pairs of one person that are taken for two. TAR = 1 - FRR.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from pixwise.errors import OptionError, ShapeError, check_shape, nearest
from pixwise.vectors import unit

__all__ = ["VerificationCurve", "all_pairs", "hardest_triplets", "triplet_loss", "verification_curve"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Criterion = Literal["accuracy", "balanced", "equal"]


@dataclass(frozen=True, eq=False)
class VerificationCurve:
    """What every threshold costs. A pair counts as one person when its similarity is at the threshold or above.

    Attributes:
        thresholds: (K,) falling; the first is infinite and accepts nobody, then each similarity that occurs.
        far: (K,) false accept rates, rising from 0 to 1.
        frr: (K,) false reject rates, falling from 1 to 0.
        same, different: how many pairs of one person and of two people these are measured on.
    """

    thresholds: Floats
    far: Floats
    frr: Floats
    same: int
    different: int

    @property
    def tar(self) -> Floats:
        """(K,) true accept rates; over `far` they are the ROC."""
        return 1 - self.frr

    @property
    def auc(self) -> float:
        """Area under the ROC: how often a pair of one person is more alike than a pair of two (ties count half)."""
        return float(np.trapezoid(self.tar, self.far))

    @property
    def eer(self) -> float:
        """Equal error rate: where FAR and FRR meet, straight lines between the points of the curve."""
        gap = self.far - self.frr  # rises from -1 to 1
        after = int(np.argmax(gap >= 0))
        share = -gap[after - 1] / (gap[after] - gap[after - 1])
        return float(self.far[after - 1] + share * (self.far[after] - self.far[after - 1]))

    def tar_at_far(self, far: float) -> float:
        """The share of pairs of one person that is accepted at a threshold whose FAR is at most this.

        With D pairs of two people a FAR below 1 / D means none of them: for 0.001, measure on some thousands.
        """
        return float(self.tar[self._at_far(far)])

    def threshold_at_far(self, far: float) -> float:
        """The threshold that accepts most at a FAR of at most this; half way to the next similarity below."""
        return self._placed(self._at_far(far))

    def best_threshold(self, criterion: Criterion = "accuracy") -> float:
        """The threshold that does best on these pairs; half way to the next similarity below, so that it is no edge.

        Args:
            criterion: `accuracy`: most pairs right, which favours whichever kind is more frequent; `balanced`: least
                FAR + FRR (Youden 1950), both kinds count alike; `equal`: FAR and FRR nearest to one another. Of
                thresholds that do equally well the highest: fewer people are taken for another.

        Raises:
            OptionError: another criterion.
        """
        if criterion not in get_args(Criterion):
            raise OptionError(
                f"criterion must be known, got {criterion!r}; {nearest(str(criterion), get_args(Criterion))}"
            )
        wrong = {
            "accuracy": self.far * self.different + self.frr * self.same,
            "balanced": self.far + self.frr,
            "equal": np.abs(self.far - self.frr),
        }[criterion]
        return self._placed(int(np.flatnonzero(wrong <= wrong.min() + 1e-9)[0]))

    def _at_far(self, far: float) -> int:
        if not 0 <= far <= 1:
            raise OptionError(f"far must be from 0 to 1, got {far!r}; 0.001 is one in a thousand")
        return int(np.flatnonzero(self.far <= far + 1e-12)[-1])

    def _placed(self, index: int) -> float:
        """A threshold that accepts what point `index` accepts, half way between it and the similarity below."""
        if index == 0:
            return float(np.nextafter(self.thresholds[1], np.inf))
        below = self.thresholds[min(index + 1, len(self.thresholds) - 1)]
        return float((self.thresholds[index] + below) / 2)


def verification_curve(similarities: npt.ArrayLike, same: npt.ArrayLike) -> VerificationCurve:
    """Measure all thresholds on pairs whose truth is known.

    Args:
        similarities: (N,) of the pairs, larger for more alike.
        same: (N,) whether each pair is of one person: booleans, or 0 and 1.

    Raises:
        ShapeError: not as many of each, or not finite.
        OptionError: `same` is not 0 or 1, or there are no pairs of one of the two kinds.
    """
    scores, truth = np.asarray(similarities, np.float64), np.asarray(same)
    count = check_shape("similarities", scores, ("N",), finite=True)["N"]
    check_shape("same", truth, (count,))
    if not np.isin(truth, (0, 1)).all():
        raise OptionError(
            f"same must be true or false for each pair, got {truth[~np.isin(truth, (0, 1))][0]!r}; use 0, 1"
        )
    truth = truth.astype(bool)
    ours, theirs = int(truth.sum()), int((~truth).sum())
    if not ours or not theirs:
        raise OptionError(f"pairs must be of one person and of two people, got {ours} and {theirs}; add the other kind")
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.diff(scores[order], append=-np.inf))  # the last of each run of equal similarities
    accepted = np.cumsum(truth[order])[ends]  # pairs of one person
    far = (ends + 1 - accepted) / theirs
    return VerificationCurve(
        thresholds=np.concatenate([[np.inf], scores[order][ends]]),
        far=np.concatenate([[0.0], far]),
        frr=np.concatenate([[1.0], 1 - accepted / ours]),
        same=ours,
        different=theirs,
    )


def all_pairs(
    vectors: npt.ArrayLike, people: Sequence[str | int] | npt.NDArray
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Every pair of pictures, each once.

    Args:
        vectors: (N, D), any length.
        people: (N,) who each is.

    Returns:
        (P,) cosines and (P,) whether both are of one person, P = N (N - 1) / 2.
    """
    rows, who = unit(vectors).astype(np.float64), np.asarray(people)
    count = check_shape("vectors", rows, ("N", "D"))["N"]
    check_shape("people", who, (count,))
    first, second = np.triu_indices(count, 1)
    return (rows @ rows.T)[first, second], who[first] == who[second]


def triplet_loss(
    anchors: npt.ArrayLike,
    positives: npt.ArrayLike,
    negatives: npt.ArrayLike,
    margin: float = 0.2,
    *,
    squared: bool = True,
) -> float:
    """How far vectors are from having each person nearer to themselves than to others (Schroff et al. 2015, eq. 3).

    The mean of max(0, d(a, p) - d(a, n) + margin). The paper sums; a mean compares between sets of different sizes.

    Args:
        anchors: (T, D) a picture of a person each.
        positives: (T, D) another picture of that person.
        negatives: (T, D) a picture of somebody else.
        margin: by how much; 0.2 in the paper.
        squared: d is the squared Euclidean distance, as in the paper; else the distance.
    """
    a, p, n = (np.asarray(each, np.float64) for each in (anchors, positives, negatives))
    lengths = check_shape("anchors", a, ("T", "D"), finite=True)
    for name, each in (("positives", p), ("negatives", n)):
        check_shape(name, each, (lengths["T"], lengths["D"]), finite=True)
    if not len(a):
        raise ShapeError("anchors must be at least one, got none; a mean over nothing has no value")
    near, far = (((a - each) ** 2).sum(axis=1) for each in (p, n))
    gaps = near - far if squared else np.sqrt(near) - np.sqrt(far)
    return float(np.maximum(gaps + margin, 0).mean())


def hardest_triplets(vectors: npt.ArrayLike, people: Sequence[str | int] | npt.NDArray) -> tuple[Ints, Ints, Ints]:
    """For each picture the least alike of the same person and the most alike of another (Hermans et al. 2017, eq. 5).

    Args:
        vectors: (N, D).
        people: (N,) who each is; whoever has one picture only is no anchor.

    Returns:
        (T,) rows of anchors, positives, negatives.

    Raises:
        OptionError: there is no such triplet.
    """
    rows, who = np.asarray(vectors, np.float64), np.asarray(people)
    count = check_shape("vectors", rows, ("N", "D"), finite=True)["N"]
    check_shape("people", who, (count,))
    squares = (rows**2).sum(axis=1)
    apart = squares[:, None] + squares - 2 * rows @ rows.T  # (N, N) squared distances
    alike = who[:, None] == who
    mine = alike & ~np.eye(count, dtype=bool)
    anchors = np.flatnonzero(mine.any(axis=1) & ~alike.all(axis=1))
    if not len(anchors):
        raise OptionError("people must be two or more, one of them with two pictures, got none such; add pictures")
    positives = np.where(mine, apart, -np.inf).argmax(axis=1)[anchors]
    negatives = np.where(alike, np.inf, apart).argmin(axis=1)[anchors]
    return anchors, positives, negatives
