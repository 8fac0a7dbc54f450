"""A yes/no classifier from rows: logistic regression, measured on rows it has not seen, chosen among its elders.

    rows ─▶ stratified 80/20 ─▶ fit ─▶ metrics ─▶ shelf.add ─▶ bake-off on the newest test set ─▶ shelf.choose

The only file that needs scikit-learn, with `learn_head.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pixwise.collections.collection import Collection
from pixwise.collections.rows import Sample, check_enough
from pixwise.collections.shelf import KEPT, Shelf
from pixwise.errors import PixwiseError, SetupError

__all__ = ["Outcome", "Split", "fitted", "fitted_logistic", "measure", "rank", "scikit_learn", "split", "train"]

BINS = 10  # of the expected calibration error
TEST_SHARE = 0.2


class Split(NamedTuple):
    """Indices of rows."""

    train: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Outcome:
    """What became of one collection.

    Attributes:
        id, name: of the collection.
        trained: the new version; None when it was skipped.
        best: the version in force after the bake-off; empty when there is none.
        metrics: of the best on the newest test set.
        reason: why it was skipped.
        notes: what happened to single pictures.
    """

    id: str
    name: str
    trained: Collection | None = None
    best: str = ""
    metrics: Mapping[str, float] | None = None
    reason: PixwiseError | None = None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "id": self.id,
            "name": self.name,
            "status": "skipped" if self.reason else "trained",
            "reason": str(self.reason or ""),
            "trained": self.trained.to_dict() if self.trained else None,
            "best": self.best,
            "metrics": self.metrics,
            "notes": list(self.notes),
        }


def scikit_learn() -> Any:
    """scikit-learn, with the parts that are used here.

    Raises:
        SetupError: it is not installed.
    """
    try:
        import sklearn.linear_model
        import sklearn.metrics
        import sklearn.model_selection
    except ImportError as error:
        raise SetupError(
            "training needs scikit-learn, got no such package; run: pip install 'pixwise[learn]'"
        ) from error
    return sklearn


def train(sample: Sample, *, id: str | int, name: str = "", shelf: Shelf, seed: int = 0) -> Outcome:
    """Train a new version of a collection and let the best of all kept ones answer.

    Args:
        sample: training data.
        id, name: of the collection.
        shelf: where versions are kept.
        seed: of the split.

    Raises:
        DataError: too little data, or of one label only; what answered before still does.
        SetupError: scikit-learn is not installed.
        OutputError: the shelf cannot be written.
    """
    rows = sample.rows
    check_enough(rows)
    parts = split(rows.labels, seed)
    test = (rows.vectors[parts.test], rows.labels[parts.test])
    made = _made(sample, str(id), name or str(id), seed, *fitted(rows.vectors[parts.train], rows.labels[parts.train]))
    made = replace(made, metrics=measure(made.probabilities(test[0]), test[1]))
    with shelf.alone(id):  # another training must not take away what this one puts in force
        shelf.add(made)
        bake_off = rank(shelf.versions(id), sample, *test)
        best = next(iter(bake_off))
        shelf.choose(id, best, bake_off)
    return Outcome(made.id, made.name, made, best, bake_off[best], notes=sample.notes)


def _made(sample: Sample, id: str, name: str, seed: int, weights: npt.NDArray[np.float64], bias: float) -> Collection:
    rows, now = sample.rows, datetime.now(UTC)
    sha256, yes = rows.sha256, rows.positives
    return Collection(
        id=id,
        name=name,
        version=f"{now:%Y%m%dT%H%M%S%fZ}-{sha256[:8]}",
        trained=now.isoformat(timespec="seconds"),
        focus=sample.focus,
        spaces=sample.spaces,
        models=sample.models,
        weights=weights,
        bias=bias,
        data={"rows": len(rows), "yes": yes, "no": len(rows) - yes, "sha256": sha256, "source": sample.source},
        seed=seed,
        metrics={},
    )


def split(labels: npt.NDArray[np.int64], seed: int) -> Split:
    """A stratified split, a fifth for the test; the same for the same seed."""
    every = np.arange(len(labels))
    choose = scikit_learn().model_selection.train_test_split
    return Split(*choose(every, test_size=TEST_SHARE, stratify=labels, random_state=seed))


def fitted(vectors: npt.NDArray, labels: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.float64], float]:
    """Weights and bias of a balanced logistic regression.

    Args:
        vectors: (N, D), parts of length 1.
        labels: (N,) 0 or 1.
    """
    weights, bias = fitted_logistic(vectors, labels, class_weight="balanced")
    return weights[:, 0], float(bias[0])


def fitted_logistic(
    vectors: npt.NDArray, labels: npt.NDArray[np.int64], class_weight: str | None = None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Logistic regression over unit vectors.

    Numbers of a unit vector are about 1/sqrt(D) in size, and the penalty on weights would hold nearly all of them down:
    they are scaled to a size of about 1 for the fit. Vectors of one model lie around a mean far from 0; with the mean
    taken away the fit ends at the same answer in a tenth of the steps, since the bias is not penalised. Both are put
    back into what is returned.

    Returns:
        (D, C) weights and (C,) bias for vectors as they are; C is 1 for two classes, of which it means the second.
    """
    scale, mean = np.sqrt(vectors.shape[1]), vectors.mean(axis=0, dtype=np.float64)
    model = scikit_learn().linear_model.LogisticRegression(class_weight=class_weight, max_iter=10_000)
    model.fit((vectors - mean) * scale, labels)
    weights = model.coef_.T * scale
    return weights, model.intercept_ - mean @ weights


def measure(probabilities: npt.NDArray, labels: npt.NDArray[np.int64]) -> dict[str, float]:
    """How well probabilities tell the labels, both of which are there.

    Returns:
        precision, recall, f1 of "in the collection" at 0.5; macro_precision over both; roc_auc, pr_auc;
        brier, calibration_error (expected, ten bins of equal width); rows.
    """
    metrics = scikit_learn().metrics
    said = (probabilities >= 0.5).astype(np.int64)
    told = {
        "precision": metrics.precision_score(labels, said, zero_division=0),
        "recall": metrics.recall_score(labels, said, zero_division=0),
        "f1": metrics.f1_score(labels, said, zero_division=0),
        "macro_precision": metrics.precision_score(labels, said, average="macro", zero_division=0),
        "roc_auc": metrics.roc_auc_score(labels, probabilities),
        "pr_auc": metrics.average_precision_score(labels, probabilities),
        "brier": np.mean((probabilities - labels) ** 2),
        "calibration_error": calibration_error(probabilities, labels),
    }
    return {**{name: round(float(number), 6) for name, number in told.items()}, "rows": len(labels)}


def calibration_error(probabilities: npt.NDArray, labels: npt.NDArray[np.int64]) -> float:
    """Mean distance of what is said from what is so, over ten bins by the rows in them (Naeini et al. 2015)."""
    bins = np.minimum((probabilities * BINS).astype(np.int64), BINS - 1)
    gaps = [abs(probabilities[bins == b].sum() - labels[bins == b].sum()) for b in range(BINS)]
    return float(sum(gaps) / len(labels))


def rank(
    versions: Sequence[Collection], sample: Sample, vectors: npt.NDArray, labels: npt.NDArray[np.int64]
) -> dict[str, dict[str, float]]:
    """The versions to keep, best first, measured on one test set: by macro precision, of equals the newer.

    Versions that look at another part of the picture, or through other embeddings, cannot be measured and are not kept.

    Returns:
        version → metrics, ten at most.
    """
    told = {
        version.version: measure(version.probabilities(vectors), labels)
        for version in versions
        if version.spaces == sample.spaces and version.focus.target == sample.focus.target
    }
    order = sorted(told, key=lambda version: (told[version]["macro_precision"], version), reverse=True)
    return {version: told[version] for version in order[:KEPT]}
