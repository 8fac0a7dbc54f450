"""What a picture shows: labels for the whole of it.

    picture → resize, crop → (1, 3, S, S) → model → decode_* → (C,) scores → the best labels → Classes

Heads:
    softmax         the classes exclude each other (ConvNeXt, ViT, MobileNet)
    sigmoid         each class is a yes or no of its own (multi-label)
    probabilities   the model ends in its own softmax (SqueezeNet)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pixwise.errors import ShapeError
from pixwise.results import Classes
from pixwise.scores import sigmoid, softmax
from pixwise.task import Task, check_range

__all__ = ["Classifier"]

Raw = Mapping[str, np.ndarray]


def decode_probabilities(shares: np.ndarray) -> np.ndarray:
    """(C,) as they are; rounding of 16-bit models may leave [0, 1] by a hair."""
    return np.clip(shares, 0, 1)


@dataclass(frozen=True, kw_only=True)
class Classifier(Task):
    """Name what a picture shows.

    Attributes:
        top: keep the best so many; 0 keeps all.
        min_score: lower ones are dropped; left out, what is usual for the kind of model (0.01, multi-label 0.5).
    """

    name: ClassVar[str] = "classify"
    result_type: ClassVar[type] = Classes
    heads: ClassVar[Mapping[str, Any]] = {
        "softmax": softmax,
        "sigmoid": sigmoid,
        "probabilities": decode_probabilities,
    }
    card_options: ClassVar[Mapping[str, str]] = {"min_score": "share"}
    # Of classes that exclude each other one in a hundred is noise; of yes-or-no classes "rather yes" is an answer.
    usual_min_scores: ClassVar[Mapping[str, float]] = {"softmax": 0.01, "sigmoid": 0.5, "probabilities": 0.01}

    top: int = 5
    min_score: float | None = None

    def check_options(self) -> None:
        if self.min_score is None:
            usual = self.card.options.get("min_score", self.usual_min_scores[self.card.head])
            object.__setattr__(self, "min_score", usual)
        check_range("min_score", self.min_score, 0, 1)
        check_range("top", self.top, 0, 1_000_000)

    def postprocess(self, raw: Raw, fit: Any) -> Classes:
        scores = self.heads[self.card.head](self._row(raw))  # (C,)
        order = np.argsort(-scores, kind="stable")
        kept = [i for i in order if scores[i] >= self.min_score and self._label(i)]
        kept = np.array(kept[: self.top or len(kept)], np.int64)
        return Classes(labels=tuple(map(self._label, kept)), label_ids=kept, scores=scores[kept])

    def _row(self, raw: Raw) -> np.ndarray:
        """(C,) float32: the output named `logits`, else the first; (1, C, 1, 1) and the like are flattened."""
        output = raw["logits"] if "logits" in raw else next(iter(raw.values()))
        row = output.reshape(-1).astype(np.float32)
        if self.card.names and len(row) != len(self.card.names):
            raise ShapeError(
                f"output of model {self.card.id!r} must have {len(self.card.names)} values, one per label, "
                f"got shape {output.shape}; check the labels of its card"
            )
        return row

    def _label(self, index: int) -> str:
        return self.card.names[index] if index < len(self.card.names) else f"class {index}"
